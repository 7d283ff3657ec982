package node

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Row is a row of a result by column name as SHOW heads it. A column that is
// NULL has no entry.
type Row map[string]string

// Query reads a result.
func Query(ctx context.Context, db *sql.DB, query string) ([]Row, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make([]sql.NullString, len(names))
	dest := make([]any, len(names))
	for i := range values {
		dest[i] = &values[i]
	}
	var out []Row
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		row := Row{}
		for i, name := range names {
			if values[i].Valid {
				row[name] = values[i].String
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// Query reads a result of the node's admin port.
func (n *Node) Query(ctx context.Context, query string) ([]Row, error) {
	rows, err := Query(ctx, n.db, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %.60s: %w", n.Name, query, err)
	}
	return rows, nil
}

// Exec sends statements to the node's admin port, one after the other.
func (n *Node) Exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := n.db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %.60s: %w", n.Name, s, err)
		}
	}
	return nil
}

// Cluster is nodes over one store.
type Cluster []*Node

// answerLimit is how long one node may take before the next is asked: it may
// be about to be killed.
const answerLimit = 5 * time.Second

// ErrNobody is returned when no node runs.
var ErrNobody = errors.New("no node runs")

// Query asks the running nodes one after the other until one answers.
func (c Cluster) Query(ctx context.Context, query string) ([]Row, error) {
	last := ErrNobody
	for _, n := range c {
		if !n.Running() {
			continue
		}
		asked, cancel := context.WithTimeout(ctx, answerLimit)
		rows, err := n.Query(asked, query)
		cancel()
		if err == nil || ctx.Err() != nil {
			return rows, err
		}
		last = err
	}
	return nil, last
}

// Exec sends statements to the first node that runs.
func (c Cluster) Exec(ctx context.Context, statements ...string) error {
	for _, n := range c {
		if n.Running() {
			return n.Exec(ctx, statements...)
		}
	}
	return ErrNobody
}

// Named returns the node with that name, or nil.
func (c Cluster) Named(name string) *Node {
	for _, n := range c {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Migration returns the row of SHOW MIGRATION STATUS.
func (c Cluster) Migration(ctx context.Context, name string) (Row, error) {
	return c.one(ctx, "SHOW MIGRATION STATUS FOR MIGRATION "+name)
}

// Channel returns the row of SHOW MIGRATION CHANNELS of a migration with one
// source.
func (c Cluster) Channel(ctx context.Context, migration string) (Row, error) {
	return c.one(ctx, "SHOW MIGRATION CHANNELS FOR MIGRATION "+migration)
}

func (c Cluster) one(ctx context.Context, query string) (Row, error) {
	rows, err := c.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("%s: %d rows, want 1", query, len(rows))
	}
	return rows[0], nil
}

// Close ends the nodes by force.
func (c Cluster) Close() error {
	var err error
	for _, n := range c {
		err = errors.Join(err, n.Close())
	}
	return err
}

// Get reads a page of the node's HTTP port.
func (n *Node) Get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.HTTP+path, nil)
	if err != nil {
		return "", fmt.Errorf("ask for %s: %w", path, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask for %s: %w", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask for %s: %s", path, resp.Status)
	}
	return string(body), nil
}
