package load

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// YardstickConnections and YardstickRows are what the plain client has:
	// prepared statements of so many rows on so many connections.
	YardstickConnections = 4
	YardstickRows        = 200
	// placeholders is how many a prepared statement can have.
	placeholders = 65535
)

// Plain is a plain client's work: the same rows, written as a client would
// that has them all at hand.
type Plain struct {
	Schema string
	Seed   uint64
	Tables []Table
	// First is the number of the first row and Rows how many are written, over
	// all tables.
	First int64
	Rows  int
	// Upsert writes INSERT .. ON DUPLICATE KEY UPDATE of all columns instead.
	Upsert bool
}

// batch is one statement's values.
type batch struct {
	table int
	args  []any
	rows  int
}

// Measure writes the rows and returns how long that took. The rows are made
// before the clock runs.
func (p *Plain) Measure(ctx context.Context, db *sql.DB) (time.Duration, error) {
	size := min(YardstickRows, placeholders/len(p.Tables[0].Columns))
	batches := p.batches(size)
	var next atomic.Int64
	began := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	for range YardstickConnections {
		group.Go(func() error { return p.write(groupCtx, db, batches, size, &next) })
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("measure the plain client: %w", err)
	}
	return time.Since(began), nil
}

func (p *Plain) batches(size int) []batch {
	var out []batch
	id := p.First
	for left := p.Rows; left > 0; {
		for t := 0; t < len(p.Tables) && left > 0; t++ {
			b := batch{table: t, rows: min(size, left), args: make([]any, 0, size*len(p.Tables[t].Columns))}
			for i := range b.rows {
				n := id + int64(i)
				b.args = p.Tables[t].Row(NewGen(p.Seed, uint64(n)), n, b.args)
			}
			left -= b.rows
			out = append(out, b)
		}
		id += int64(size)
	}
	return out
}

func (p *Plain) write(ctx context.Context, db *sql.DB, batches []batch, size int, next *atomic.Int64) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	prepared := make([]*sql.Stmt, len(p.Tables))
	defer func() {
		for _, s := range prepared {
			if s != nil {
				s.Close()
			}
		}
	}()
	for {
		n := int(next.Add(1)) - 1
		if n >= len(batches) {
			return nil
		}
		b := &batches[n]
		if b.rows < size { // the last one
			if _, err := conn.ExecContext(ctx, p.statement(b.table, b.rows), b.args...); err != nil {
				return err
			}
			continue
		}
		if prepared[b.table] == nil {
			if prepared[b.table], err = conn.PrepareContext(ctx, p.statement(b.table, size)); err != nil {
				return err
			}
		}
		if _, err := prepared[b.table].ExecContext(ctx, b.args...); err != nil {
			return err
		}
	}
}

func (p *Plain) statement(table, rows int) string {
	t := &p.Tables[table]
	row := "(" + strings.Repeat("?,", len(t.Columns)-1) + "?)"
	stmt := fmt.Sprintf("INSERT INTO `%s`.`%s` (%s) VALUES %s", p.Schema, t.Name, t.columnList(),
		strings.Repeat(row+",", rows-1)+row)
	if !p.Upsert {
		return stmt
	}
	set := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		set[i] = fmt.Sprintf("`%s`=VALUES(`%s`)", c, c)
	}
	return stmt + " ON DUPLICATE KEY UPDATE " + strings.Join(set, ",")
}
