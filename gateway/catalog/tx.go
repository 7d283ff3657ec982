package catalog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

// attempts bounds how often a transaction is run again that TiDB rolled back
// because of a concurrent one.
const attempts = 5

// rollbackTimeout bounds a rollback on a connection that may be dead.
const rollbackTimeout = 2 * time.Second

// inTx runs fn in one pessimistic READ COMMITTED transaction: every statement
// sees what is committed by then, and rows read FOR UPDATE stay as they were
// read. fn may run several times; only its last run counts.
func (c *Catalog) inTx(ctx context.Context, fn func(*sql.Conn) error) error {
	return retry(ctx, func() error { return c.once(ctx, fn) })
}

func (c *Catalog) once(ctx context.Context, fn func(*sql.Conn) error) error {
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to store: %w", err)
	}
	defer conn.Close()
	for _, s := range []string{"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN PESSIMISTIC"} {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
	}
	err = fn(conn)
	if err == nil {
		if _, err = conn.ExecContext(ctx, "COMMIT"); err == nil {
			return nil
		}
		err = fmt.Errorf("commit: %w", err)
	}
	rollback(ctx, conn)
	return err
}

// rollback ends the transaction even when ctx is cancelled; a connection on
// which that is not possible is thrown away, which rolls back too.
func rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// retry runs fn again when TiDB says that it did nothing because of a
// concurrent transaction or DDL, and for errMoved.
func retry(ctx context.Context, fn func() error) error {
	for n := 1; ; n++ {
		err := fn()
		if n == attempts || !rolledBack(err) && !errors.Is(err, errMoved) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(n) * 20 * time.Millisecond):
		}
	}
}

// rolledBack recognises TiDB's errors after which a statement or transaction
// has surely not happened and may be repeated (TiDB errno.go).
func rolledBack(err error) bool {
	var m *mysql.MySQLError
	if !errors.As(err, &m) {
		return false
	}
	switch m.Number {
	case 1213, // deadlock
		8002, // retry of a locking read in an optimistic transaction
		8022, // commit failed, transaction is retryable
		8027, // information schema is out of date
		8028, // information schema changed during the transaction
		9007: // write conflict
		return true
	}
	return false
}

// duplicate says whether err is a violated unique key.
func duplicate(err error) bool {
	var m *mysql.MySQLError
	return errors.As(err, &m) && m.Number == 1062
}

// micros is an SQL expression for a DATETIME column as microseconds since 1970,
// 0 for NULL: it reads the same whatever the connection's time settings.
func micros(column string) string {
	return "COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', " + column + "), 0)"
}

// stamp scans what micros selects.
type stamp struct{ t *time.Time }

// Scan implements sql.Scanner.
func (s stamp) Scan(v any) error {
	var us sql.NullInt64
	if err := us.Scan(v); err != nil {
		return fmt.Errorf("scan time: %w", err)
	}
	*s.t = time.Time{}
	if us.Int64 != 0 {
		*s.t = time.UnixMicro(us.Int64).UTC()
	}
	return nil
}
