package load

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"
)

const (
	// Connections is how many sessions write a load on the source.
	Connections = 8
	// packetStatements and packetBytes bound what a session sends at once: a
	// round trip for each statement would take longer than the statement.
	packetStatements = 40
	packetBytes      = 512 << 10
)

// Session is one connection of a load. Its statements gather and go to the
// server in packets of many; a statement outside Begin and Commit is a
// transaction of its own. It is for one goroutine.
type Session struct {
	// Worker is the session's number, from 0 on, of Workers.
	Worker, Workers int
	// Schema is where the tables are.
	Schema string
	// Seed is that of the load's rows.
	Seed uint64

	conn    *sql.Conn
	buf     []byte
	pending int
	inside  bool
	gen     Gen
	row     []any
}

// Run opens sessions on the server and runs write in each, at the same time.
// db has to allow several statements in one packet (multiStatements). setup
// runs in each session first.
func Run(ctx context.Context, db *sql.DB, schema string, seed uint64, sessions int, setup []string,
	write func(context.Context, *Session) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for w := range sessions {
		group.Go(func() (err error) {
			conn, err := db.Conn(ctx)
			if err != nil {
				return fmt.Errorf("open session %d of the load: %w", w, err)
			}
			defer func() {
				// Its settings must not reach the pool's next user.
				_ = conn.Raw(func(any) error { return driver.ErrBadConn })
				conn.Close()
			}()
			s := &Session{Worker: w, Workers: sessions, Schema: schema, Seed: seed, conn: conn}
			// Without gap locks the sessions, which write rows of their own, do
			// not wait for each other.
			for _, q := range append([]string{"SET SESSION transaction_isolation='READ-COMMITTED', time_zone='+00:00'"}, setup...) {
				if _, err := conn.ExecContext(ctx, q); err != nil {
					return fmt.Errorf("prepare session %d of the load: %w", w, err)
				}
			}
			if err := write(ctx, s); err != nil {
				return err
			}
			return s.Flush(ctx)
		})
	}
	return group.Wait()
}

// End ends the load of a schema: see EndTable.
func End(ctx context.Context, db *sql.DB, schema string) error {
	if _, err := db.ExecContext(ctx, fmt.Sprintf("TRUNCATE TABLE `%s`.`%s`", schema, EndTable)); err != nil {
		return fmt.Errorf("end the load: %w", err)
	}
	return nil
}

// Begin begins a transaction of several statements.
func (s *Session) Begin() {
	s.buf = append(s.buf, "BEGIN;"...)
	s.inside = true
}

// Commit commits it. It sends what has gathered when that is enough.
func (s *Session) Commit(ctx context.Context) error {
	s.inside = false
	return s.ended(ctx, "COMMIT;")
}

// Exec adds a statement of constant size, which %d and %s of fmt fill in.
func (s *Session) Exec(ctx context.Context, format string, args ...any) error {
	s.buf = fmt.Appendf(s.buf, format, args...)
	return s.ended(ctx, ";")
}

// Insert adds one INSERT statement of the rows from..to-1 of a table.
func (s *Session) Insert(ctx context.Context, t *Table, from, to int64) error {
	s.buf = fmt.Appendf(s.buf, "INSERT INTO `%s`.`%s` (%s) VALUES ", s.Schema, t.Name, t.columnList())
	for id := from; id < to; id++ {
		if id > from {
			s.buf = append(s.buf, ',')
		}
		s.gen.Reset(s.Seed, uint64(id))
		s.row = t.Row(&s.gen, id, s.row[:0])
		s.buf = appendRow(s.buf, s.row)
	}
	return s.ended(ctx, ";")
}

func (s *Session) ended(ctx context.Context, end string) error {
	s.buf = append(s.buf, end...)
	s.pending++
	if s.inside && len(s.buf) < packetBytes || s.pending < packetStatements && len(s.buf) < packetBytes {
		return nil
	}
	return s.Flush(ctx)
}

// lockTries bounds how often a packet is sent that lost a deadlock.
const lockTries = 20

// Flush sends what has gathered and waits for the answers. A packet that lost
// a deadlock is sent again, as a whole: what it wrote before is then written
// again, which is as good a load, because the source and the target are
// compared and not the source and a plan.
func (s *Session) Flush(ctx context.Context) error {
	if s.pending == 0 {
		return nil
	}
	for try := 1; ; try++ {
		_, err := s.conn.ExecContext(ctx, string(s.buf))
		if err == nil {
			s.buf, s.pending = s.buf[:0], 0
			return nil
		}
		var e *mysql.MySQLError
		if !errors.As(err, &e) || e.Number != 1213 && e.Number != 1205 || try == lockTries {
			return fmt.Errorf("session %d of the load: %w", s.Worker, err)
		}
	}
}

// Share returns the part of the numbers from 1 to n that is this session's:
// from..to-1.
func (s *Session) Share(n int64) (from, to int64) {
	w, of := int64(s.Worker), int64(s.Workers)
	return 1 + n*w/of, 1 + n*(w+1)/of
}

// Random returns a generator of its own for what a session draws beside rows.
func (s *Session) Random() *Gen { return NewGen(s.Seed^0x5ca1ab1e, uint64(s.Worker)) }
