package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Operation is one accepted statement that changes something: the audit.
type Operation struct {
	ID         uint64
	Statement  string // redacted by who parsed it
	User       string
	Host       string
	Node       string
	State      string // RUNNING, DONE or FAILED
	StartedAt  time.Time
	FinishedAt time.Time // zero while it runs
	Affected   uint64
	Errno      uint16
	Message    string
}

// printable returns a text with \xNN in place of bytes that are not UTF-8, which the
// store refuses: a server's error may hold any bytes.
func printable(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, "\\x%02X", s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// BeginOperation records that a statement starts, and returns its number.
func (c *Catalog) BeginOperation(ctx context.Context, o Operation) (id uint64, err error) {
	res, err := c.db.ExecContext(ctx, `INSERT INTO sluice_meta.operations (statement, user, host, node, state, started_at)
  VALUES (?, ?, ?, ?, 'RUNNING', UTC_TIMESTAMP(6))`, printable(o.Statement), printable(o.User), o.Host, o.Node)
	if err != nil {
		return 0, fmt.Errorf("record operation: %w", err)
	}
	n, err := res.LastInsertId()
	if err != nil {
		return 0, fmt.Errorf("record operation: %w", err)
	}
	return uint64(n), nil
}

// EndOperation records how a statement ended: errno 0 is success.
func (c *Catalog) EndOperation(ctx context.Context, id, affected uint64, errno uint16, message string) error {
	state := "DONE"
	if errno != 0 {
		state = "FAILED"
	}
	_, err := c.db.ExecContext(ctx, `UPDATE sluice_meta.operations SET state = ?, finished_at = UTC_TIMESTAMP(6), affected = ?,
  errno = ?, message = ? WHERE id = ?`, state, affected, errno, printable(message), id)
	if err != nil {
		return fmt.Errorf("record end of operation: %w", err)
	}
	return nil
}

// Operations lists the newest operations, newest first.
func (c *Catalog) Operations(ctx context.Context, limit int) ([]Operation, error) {
	return read(ctx, c.db, "operations", func(r *sql.Rows) (o Operation, err error) {
		err = r.Scan(&o.ID, &o.Statement, &o.User, &o.Host, &o.Node, &o.State, stamp{&o.StartedAt}, stamp{&o.FinishedAt},
			&o.Affected, &o.Errno, &o.Message)
		return o, err
	}, `SELECT id, statement, user, host, node, state, `+micros("started_at")+`, `+micros("finished_at")+`, affected, errno,
  COALESCE(message, '') FROM sluice_meta.operations ORDER BY started_at DESC, id DESC LIMIT `+strconv.Itoa(limit))
}

// Event is something that happened, for operators.
type Event struct {
	ID          uint64
	At          time.Time
	MigrationID string // "" when it is not about a migration
	Migration   string
	Channel     string // its name
	Node        string
	User        string
	Kind        string // e.g. CLAIMED, PHASE, DDL, STOPPED
	Message     string
}

// AddEvent records an event; ID and At are set by the store.
func (c *Catalog) AddEvent(ctx context.Context, e Event) error {
	_, err := c.db.ExecContext(ctx, `INSERT INTO sluice_meta.events (at, migration_id, migration, channel, node, user, kind, message)
  VALUES (UTC_TIMESTAMP(6), ?, ?, ?, ?, ?, ?, ?)`, e.MigrationID, e.Migration, e.Channel, e.Node, e.User, e.Kind, printable(e.Message))
	if err != nil {
		return fmt.Errorf("record event: %w", err)
	}
	return nil
}

// Events lists the newest events of one migration (by ID), or of all with "",
// newest first.
func (c *Catalog) Events(ctx context.Context, migrationID string, limit int) ([]Event, error) {
	return read(ctx, c.db, "events", func(r *sql.Rows) (e Event, err error) {
		err = r.Scan(&e.ID, stamp{&e.At}, &e.MigrationID, &e.Migration, &e.Channel, &e.Node, &e.User, &e.Kind, &e.Message)
		return e, err
	}, `SELECT id, `+micros("at")+`, migration_id, migration, channel, node, user, kind, message FROM sluice_meta.events
  WHERE ? = '' OR migration_id = ? ORDER BY at DESC, id DESC LIMIT `+strconv.Itoa(limit), migrationID, migrationID)
}

// MigrationError is an error of a channel or a migration, with how often it
// came. Errors of the same migration, channel, table, number and message that
// are not resolved are one.
type MigrationError struct {
	ID          uint64
	FirstAt     time.Time
	At          time.Time // of the newest
	MigrationID string
	Migration   string
	Channel     string // its name
	Table       string
	Node        string
	Errno       uint16
	SQLState    string
	Class       string
	Transient   bool
	Count       uint64
	Message     string
	Remedy      string
	Position    string
	ResolvedAt  time.Time // zero while it is open
}

func (e *MigrationError) openKey() string {
	h := sha256.New()
	for _, s := range []string{e.MigrationID, e.Channel, e.Table, strconv.Itoa(int(e.Errno)), e.Message} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ReportError records an error, or counts one that is open already.
func (c *Catalog) ReportError(ctx context.Context, e MigrationError) error {
	if e.SQLState == "" {
		e.SQLState = "HY000"
	}
	err := retry(ctx, func() error {
		_, err := c.db.ExecContext(ctx, `INSERT INTO sluice_meta.errors (open_key, first_at, at, migration_id, migration, channel,
  table_name, node, errno, state, class, transient, message, remedy, position)
  VALUES (?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE count = count + 1, at = VALUES(at), node = VALUES(node), position = VALUES(position),
  remedy = VALUES(remedy)`, e.openKey(), e.MigrationID, e.Migration, e.Channel, e.Table, e.Node, e.Errno, e.SQLState,
			e.Class, e.Transient, printable(e.Message), printable(e.Remedy), e.Position)
		return err
	})
	if err != nil {
		return fmt.Errorf("record error: %w", err)
	}
	return nil
}

// ResolveErrors marks the open errors of a migration (by ID) as resolved: all,
// or those of the channel of that name. It returns how many.
func (c *Catalog) ResolveErrors(ctx context.Context, migrationID, channel string) (int64, error) {
	res, err := c.db.ExecContext(ctx, resolveSQL, migrationID, channel, channel)
	if err != nil {
		return 0, fmt.Errorf("resolve errors: %w", err)
	}
	return res.RowsAffected()
}

const resolveSQL = `UPDATE sluice_meta.errors SET resolved_at = UTC_TIMESTAMP(6), open_key = NULL
  WHERE migration_id = ? AND (? = '' OR channel = ?) AND resolved_at IS NULL`

func resolve(ctx context.Context, tx *sql.Conn, migrationID, channel string) error {
	if _, err := tx.ExecContext(ctx, resolveSQL, migrationID, channel, channel); err != nil {
		return fmt.Errorf("resolve errors: %w", err)
	}
	return nil
}

// Errors lists the newest errors of one migration (by ID), or of all with "",
// newest first.
func (c *Catalog) Errors(ctx context.Context, migrationID string, limit int) ([]MigrationError, error) {
	return read(ctx, c.db, "errors", func(r *sql.Rows) (e MigrationError, err error) {
		err = r.Scan(&e.ID, stamp{&e.FirstAt}, stamp{&e.At}, &e.MigrationID, &e.Migration, &e.Channel, &e.Table, &e.Node,
			&e.Errno, &e.SQLState, &e.Class, &e.Transient, &e.Count, &e.Message, &e.Remedy, &e.Position, stamp{&e.ResolvedAt})
		return e, err
	}, `SELECT id, `+micros("first_at")+`, `+micros("at")+`, migration_id, migration, channel, table_name, node, errno, state,
  class, transient, count, message, remedy, position, `+micros("resolved_at")+` FROM sluice_meta.errors
  WHERE ? = '' OR migration_id = ? ORDER BY at DESC, id DESC LIMIT `+strconv.Itoa(limit), migrationID, migrationID)
}

// pruneBatch bounds the rows that one statement of Prune removes.
const pruneBatch = 1000

// Prune removes operations and events that are older than keep, and errors that
// were resolved before that or whose migration is gone, and returns how many.
func (c *Catalog) Prune(ctx context.Context, keep time.Duration) (removed int64, err error) {
	for _, s := range []string{
		`DELETE FROM sluice_meta.operations WHERE started_at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND LIMIT ?`,
		`DELETE FROM sluice_meta.events WHERE at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND LIMIT ?`,
		`DELETE FROM sluice_meta.errors WHERE resolved_at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND LIMIT ?`,
		`DELETE FROM sluice_meta.errors WHERE at < UTC_TIMESTAMP(6) - INTERVAL ? SECOND AND migration_id <> ''
  AND migration_id NOT IN (SELECT id FROM sluice_meta.migrations) LIMIT ?`,
	} {
		for n := int64(pruneBatch); n == pruneBatch; {
			res, err := c.db.ExecContext(ctx, s, int64(keep.Seconds()), pruneBatch)
			if err != nil {
				return removed, fmt.Errorf("prune records: %w", err)
			}
			if n, err = res.RowsAffected(); err != nil {
				return removed, fmt.Errorf("prune records: %w", err)
			}
			removed += n
		}
	}
	return removed, nil
}

// read runs a query and scans all rows.
func read[T any](ctx context.Context, db *sql.DB, what string, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return list, nil
}

// KnewMigration reports whether this store has records of a migration with that ID: it
// exists, or was dropped less than the records' age ago.
func (c *Catalog) KnewMigration(ctx context.Context, id string) (bool, error) {
	var knew bool
	err := c.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sluice_meta.events WHERE migration_id = ?)`, id).Scan(&knew)
	if err != nil {
		return false, fmt.Errorf("look for records of a migration: %w", err)
	}
	return knew, nil
}
