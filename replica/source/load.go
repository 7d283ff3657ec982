package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Load is how busy a server is.
type Load struct {
	// Threads are the statements that the server runs at this moment, without
	// the one that asked. Replicas that receive its binlog may count as one
	// each.
	Threads int
	// Behind is how far the server, being a replica itself, is behind its own
	// source: of its channels the one that is furthest behind, and without a
	// delay that it is configured to keep. BehindKnown is false when it is no
	// replica, does not replicate now, or does not tell.
	Behind      time.Duration
	BehindKnown bool
}

// LoadProbe asks a server for its load, on a connection of its own. It is for
// one goroutine.
type LoadProbe struct {
	src    *Source
	conn   *sql.Conn
	silent bool // the account may not ask for the replication's state
}

// LoadProbe returns a probe. It does no I/O; Close ends it.
func (s *Source) LoadProbe() *LoadProbe { return &LoadProbe{src: s} }

// Close closes the probe's connection.
func (p *LoadProbe) Close() {
	if p.conn != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
}

// Read returns the load of now. The threads need no right; the lag needs
// REPLICATION CLIENT, which MariaDB calls REPLICA MONITOR: without it the lag
// is not known, which is no error. A deadline of ctx bounds the answer. After
// an error, which is a *replica.Error or wraps the end of ctx, the next Read
// connects anew.
func (p *LoadProbe) Read(ctx context.Context) (Load, error) {
	l, err := p.read(ctx)
	if err == nil {
		return l, nil
	}
	if p.conn != nil {
		Discard(p.conn)
		p.conn = nil
	}
	if ctx.Err() != nil {
		return Load{}, fmt.Errorf("read the source's load: %w", ctx.Err())
	}
	return Load{}, Classify(fmt.Errorf("read the source's load: %w", err))
}

func (p *LoadProbe) read(ctx context.Context) (Load, error) {
	var l Load
	if p.conn == nil {
		conn, err := p.src.db.Conn(ctx)
		if err != nil {
			return l, err
		}
		p.conn = conn
	}
	status, err := pairs(ctx, p.conn, "SHOW GLOBAL STATUS LIKE 'Threads_running'")
	if err != nil {
		return l, err
	}
	running, err := strconv.Atoi(status["threads_running"])
	if err != nil {
		return l, errors.New("the server does not tell its Threads_running")
	}
	l.Threads = max(0, running-1)
	if p.silent {
		return l, nil
	}
	channels, err := allRows(ctx, p.conn, p.src.facts.replicaStatus())
	if unanswerable(err) {
		p.silent = true
		return l, nil
	}
	if err != nil {
		return l, err
	}
	l.Behind, l.BehindKnown = furthest(channels)
	return l, nil
}

// replicaStatus is the statement that shows the server as a replica: one row
// for each of its channels.
func (f Facts) replicaStatus() string {
	switch {
	case f.Flavor == FlavorMariaDB:
		return "SHOW ALL SLAVES STATUS"
	case f.AtLeast(8, 0, 22):
		return "SHOW REPLICA STATUS"
	}
	return "SHOW SLAVE STATUS"
}

// unanswerable says whether the server will answer a statement never: the
// right for it is missing, or a managed server does not know it.
func unanswerable(err error) bool {
	var e *mysql.MySQLError
	return isDenied(err) || errors.As(err, &e) && (e.Number == 1064 || e.Number == 1235)
}

// furthest returns the greatest lag of the channels that have one.
func furthest(channels []map[string]string) (behind time.Duration, known bool) {
	for _, row := range channels {
		text := row["seconds_behind_source"]
		if text == "" {
			text = row["seconds_behind_master"]
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			continue // NULL: this channel does not replicate
		}
		if delay, err := strconv.ParseInt(row["sql_delay"], 10, 32); err == nil {
			n = max(0, n-delay)
		}
		behind, known = max(behind, time.Duration(n)*time.Second), true
	}
	return behind, known
}

// mostRows is above what SHOW REPLICA STATUS and the like have: one row for each channel.
const mostRows = 10_000

// allRows returns a statement's rows by column name in lower case. NULLs are
// left out.
func allRows(ctx context.Context, db queryer, query string) ([]map[string]string, error) {
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
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	var all []map[string]string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		m := make(map[string]string, len(names))
		for i, name := range names {
			if values[i].Valid {
				m[strings.ToLower(name)] = values[i].String
			}
		}
		if all = append(all, m); len(all) > mostRows {
			return nil, fmt.Errorf("the server's answer has more than %d rows", mostRows)
		}
	}
	return all, rows.Err()
}
