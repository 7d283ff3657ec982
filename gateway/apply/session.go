package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply/wire"
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
var sessionVars = []sessionVar{
	{"sql_mode", Literal(movesRows.SQLMode), movesRows.SQLMode},
	{"time_zone", "'+00:00'", "+00:00"},
	{"autocommit", "1", "1"},
	{"tidb_txn_mode", "'optimistic'", "optimistic"},
	{"tidb_disable_txn_auto_retry", "1", "1"},
	{"tidb_constraint_check_in_place", "0", "0"},
	{"allow_auto_random_explicit_insert", "1", "1"},
	{"tidb_allow_remove_auto_inc", "1", "1"},
}

// Conn is a connection to the target for one goroutine; *wire.Conn is one, and
// says what the methods do.
type Conn interface {
	Exec(ctx context.Context, packet []byte) ([]int64, error)
	Query(ctx context.Context, sql string) ([][]string, error)
	Prepare(ctx context.Context, sql string) (id uint32, params int, err error)
	Forget(id uint32) error
	Close() error
}

// Connector opens connections to the target. It is used by several goroutines.
// An error that is no answer of the server's means that it cannot be reached.
type Connector interface {
	Connect(ctx context.Context) (Conn, error)
}

// Patience is how long the answers of a target may take: see wire.Patience.
type Patience = wire.Patience

// NewPatience is wire.NewPatience.
func NewPatience(most time.Duration) *Patience { return wire.NewPatience(most) }

// NewConnector returns a Connector with a driver's settings: see
// wire.NewConnector.
func NewConnector(cfg *mysql.Config, patience *Patience) (Connector, error) {
	c, err := wire.NewConnector(cfg, patience)
	if err != nil {
		return nil, err
	}
	return wired{c}, nil
}

type wired struct{ c *wire.Connector }

func (w wired) Connect(ctx context.Context) (Conn, error) {
	c, err := w.c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// sessionVar is a variable, what it is set to and what it then is.
type sessionVar struct{ name, value, want string }

// session is one connection to the target with verified settings. It is for
// one goroutine.
type session struct {
	conn Conn
	id   uint64
	tidb bool
	// keepsPlans says that prepared statements of any number of parameters keep
	// their plans.
	keepsPlans bool
	forget     []uint32 // prepared statements that are not used any more
}

// openSession connects and verifies the session.
func openSession(ctx context.Context, connector Connector, foreignKeys bool) (*session, error) {
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

// waitForever is for statements that may take hours. Connections of a simulation
// always wait.
func (s *session) waitForever() {
	if c, ok := s.conn.(interface{ WaitForever() }); ok {
		c.WaitForever()
	}
}

func (s *session) setUp(ctx context.Context, foreignKeys bool) error {
	row, err := s.queryRow(ctx, "SELECT VERSION(), CONNECTION_ID(), @@version_comment")
	if err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	if s.tidb = strings.Contains(row[0]+row[2], "TiDB"); !s.tidb { // both are settings of TiDB's
		var me *mysql.MySQLError
		_, other := s.queryRow(ctx, "SELECT TIDB_VERSION()") // a function that no other server has
		if other != nil && !errors.As(other, &me) {
			return fmt.Errorf("open a session: %w", other)
		}
		s.tidb = other == nil
	}
	if _, err := fmt.Sscan(row[1], &s.id); err != nil {
		return fmt.Errorf("open a session: connection id: %w", err)
	}
	fk := "0"
	if foreignKeys {
		fk = "1"
	}
	vars := []sessionVar{{"foreign_key_checks", fk, fk}}
	for _, v := range sessionVars {
		if ours := strings.HasPrefix(v.name, "tidb_") || v.name == "allow_auto_random_explicit_insert"; s.tidb || !ours {
			vars = append(vars, v)
		}
	}
	if err := s.setAll(ctx, vars); err != nil {
		return err
	}
	if s.tidb {
		s.keepsPlans, err = s.keepPlans(ctx)
	}
	return err
}

// setAll sets variables and reads them back.
func (s *session) setAll(ctx context.Context, vars []sessionVar) error {
	var set, get []string
	for _, v := range vars {
		set, get = append(set, "SESSION "+v.name+"="+v.value), append(get, "@@SESSION."+v.name)
	}
	if _, err := s.exec(ctx, []byte("SET "+strings.Join(set, ","))); err != nil {
		return s.culprit(ctx, vars, err)
	}
	got, err := s.queryRow(ctx, "SELECT "+strings.Join(get, ","))
	if err != nil {
		return fmt.Errorf("read the session's variables: %w", err)
	}
	for i, v := range vars {
		if !sameSetting(got[i], v.want) {
			return &replica.Error{Code: 61071, Class: "TARGET",
				Message: fmt.Sprintf("the target keeps the session variable %s at another value than Sluice needs (%s)", v.name, v.want),
				Remedy:  "allow the target's user to set it, or remove what overrides it (a proxy, an init_connect)"}
		}
	}
	return nil
}

// culprit names the variable that cannot be set.
func (s *session) culprit(ctx context.Context, vars []sessionVar, err error) error {
	for _, v := range vars {
		if _, err := s.exec(ctx, []byte("SET SESSION "+v.name+"="+v.value)); err != nil {
			return fmt.Errorf("set the session's %s: %w", v.name, err)
		}
	}
	return fmt.Errorf("set the session's variables: %w", err)
}

// assume makes the session one in which a DDL means what it meant at the source.
// An error of the target's is that it does not know a setting.
func (s *session) assume(ctx context.Context, as DDLSession) error {
	var vars []sessionVar
	if as.TimeZone != "" {
		vars = append(vars, sessionVar{"time_zone", Literal(as.TimeZone), as.TimeZone})
	}
	if as.SQLMode != "" || as.TimeZone != "" {
		vars = append(vars, sessionVar{"sql_mode", Literal(as.SQLMode), as.SQLMode})
	}
	if len(vars) > 0 {
		if err := s.setAll(ctx, vars); err != nil {
			return err
		}
	}
	if as.At.IsZero() {
		return nil
	}
	at := fmt.Sprintf("%d.%06d", as.At.Unix(), as.At.Nanosecond()/1000)
	if _, err := s.exec(ctx, []byte("SET SESSION timestamp="+at)); err != nil {
		return fmt.Errorf("set the session's timestamp: %w", err)
	}
	return nil
}

// keepPlans lifts the bound of 200 parameters above which TiDB keeps no plan.
// A TiDB before 7.1 has no such setting: then statements go as text.
func (s *session) keepPlans(ctx context.Context) (bool, error) {
	var refused *mysql.MySQLError
	row, err := s.queryRow(ctx, "SELECT @@SESSION.tidb_opt_fix_control")
	if err == nil {
		controls := "44823:0"
		if row[0] != "" {
			controls = row[0] + "," + controls
		}
		_, err = s.exec(ctx, append(appendQuoted([]byte("SET SESSION tidb_opt_fix_control="), []byte(controls)),
			",SESSION tidb_enable_prepared_plan_cache=1"...))
	}
	if errors.As(err, &refused) {
		return false, nil
	}
	return err == nil, err
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
// affected rows. When one fails the server runs none of those behind it.
func (s *session) exec(ctx context.Context, sql []byte) ([]int64, error) {
	return s.conn.Exec(ctx, append(wire.BeginQuery(make([]byte, 0, len(sql)+8)), sql...))
}

// isBatch returns true for TiDB's BATCH.
func isBatch(sql string) bool { return strings.HasPrefix(sql, "BATCH ") }

// writesRows returns true for a step of a DDL that is no DDL.
func writesRows(sql string) bool {
	return isBatch(sql) || strings.HasPrefix(sql, "REPLACE ") || strings.HasPrefix(sql, "UPDATE ")
}

// movesRows is the session of such a step. It moves rows as they are, whatever the sql_mode of the source's session: ALTER TABLE
// keeps the number 0 of an AUTO_INCREMENT column, and dates that the mode does not allow. Its expressions have the same
// values in every session.
var movesRows = DDLSession{TimeZone: "+00:00", SQLMode: "STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"}

// execStep executes a step of a DDL. TiDB's BATCH, which copies rows in many
// transactions, returns a row; it fails with the first transaction that does.
func (s *session) execStep(ctx context.Context, sql string) error {
	if isBatch(sql) {
		_, err := s.conn.Query(ctx, sql)
		return err
	}
	_, err := s.exec(ctx, []byte(sql))
	return err
}

// queryRow returns the first row of a query as text; io.EOF when there is none.
func (s *session) queryRow(ctx context.Context, sql string) ([]string, error) {
	rows, err := s.conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, io.EOF
	}
	return rows[0], nil
}
