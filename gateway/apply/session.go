package apply

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"unsafe"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// sessionVars is what a session that writes rows must have; each is set and
// then read back. A variable that the target does not know is left out when it
// is TiDB's own: then the target is no TiDB.
//
// NO_AUTO_VALUE_ON_ZERO keeps an explicit 0 in an AUTO_INCREMENT column,
// ALLOW_INVALID_DATES and the missing NO_ZERO_.. keep MySQL's odd dates, and
// STRICT_TRANS_TABLES refuses what would be cut. Automatic retry would run a
// transaction again whose guard matched no row, and commit its rows.
var sessionVars = []struct{ name, value, want string }{
	{"sql_mode", "'STRICT_TRANS_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'", "STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"},
	{"time_zone", "'+00:00'", "+00:00"},
	{"autocommit", "1", "1"},
	{"tidb_txn_mode", "'optimistic'", "optimistic"},
	{"tidb_disable_txn_auto_retry", "1", "1"},
	{"tidb_constraint_check_in_place", "0", "0"},
	{"allow_auto_random_explicit_insert", "1", "1"},
}

// session is one connection to the target with verified settings. It is for
// one goroutine.
type session struct {
	conn driver.Conn
	id   uint64
	tidb bool
}

// openSession connects and verifies the session.
func openSession(ctx context.Context, connector driver.Connector, foreignKeys bool) (*session, error) {
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the target: %w", err)
	}
	s := &session{conn: conn}
	if err := s.setUp(ctx, foreignKeys); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() { _ = s.conn.Close() }

func (s *session) setUp(ctx context.Context, foreignKeys bool) error {
	row, err := s.queryRow(ctx, "SELECT VERSION(), CONNECTION_ID()")
	if err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	s.tidb = strings.Contains(row[0], "TiDB")
	if _, err := fmt.Sscan(row[1], &s.id); err != nil {
		return fmt.Errorf("open a session: connection id: %w", err)
	}
	vars := sessionVars
	fk := "0"
	if foreignKeys {
		fk = "1"
	}
	vars = append(vars[:len(vars):len(vars)], struct{ name, value, want string }{"foreign_key_checks", fk, fk})
	for _, v := range vars {
		ours := strings.HasPrefix(v.name, "tidb_") || v.name == "allow_auto_random_explicit_insert"
		if ours && !s.tidb {
			continue
		}
		if _, err := s.exec(ctx, []byte("SET SESSION "+v.name+"="+v.value)); err != nil {
			return fmt.Errorf("set the session's %s: %w", v.name, err)
		}
		got, err := s.queryRow(ctx, "SELECT @@SESSION."+v.name)
		if err != nil {
			return fmt.Errorf("read the session's %s: %w", v.name, err)
		}
		if !sameSetting(got[0], v.want) {
			return &replica.Error{Code: 61071, Class: "TARGET",
				Message: fmt.Sprintf("the target keeps the session variable %s at another value than Sluice needs (%s)", v.name, v.want),
				Remedy:  "allow the target's user to set it, or remove what overrides it (a proxy, an init_connect)"}
		}
	}
	return nil
}

// sameSetting compares values as sets of words, as sql_mode is one.
func sameSetting(got, want string) bool {
	norm := func(s string) map[string]bool {
		m := map[string]bool{}
		for _, w := range strings.Split(strings.ToUpper(s), ",") {
			switch w {
			case "ON":
				w = "1"
			case "OFF":
				w = "0"
			}
			m[w] = true
		}
		return m
	}
	a, b := norm(got), norm(want)
	if len(a) != len(b) {
		return false
	}
	for w := range a {
		if !b[w] {
			return false
		}
	}
	return true
}

// exec runs one packet of one or more statements and returns each one's
// affected rows. When one fails the server runs none of those behind it. The
// driver copies sql to the connection before it returns.
func (s *session) exec(ctx context.Context, sql []byte) ([]int64, error) {
	r, err := s.conn.(driver.ExecerContext).ExecContext(ctx, unsafe.String(unsafe.SliceData(sql), len(sql)), nil)
	if err != nil {
		return nil, err
	}
	return r.(mysql.Result).AllRowsAffected(), nil
}

// queryRow returns the first row of a query as text; io.EOF when there is none.
func (s *session) queryRow(ctx context.Context, sql string) ([]string, error) {
	rows, err := s.queryAll(ctx, sql)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, io.EOF
	}
	return rows[0], nil
}

func (s *session) queryAll(ctx context.Context, sql string) ([][]string, error) {
	rows, err := s.conn.(driver.QueryerContext).QueryContext(ctx, sql, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]string
	dest := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(dest); err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		row := make([]string, len(dest))
		for i, d := range dest {
			switch v := d.(type) {
			case []byte:
				row[i] = string(v)
			case nil:
			default:
				row[i] = fmt.Sprint(v)
			}
		}
		out = append(out, row)
	}
}
