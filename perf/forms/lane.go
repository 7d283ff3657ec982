package forms

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/go-sql-driver/mysql"
)

// sessionSettings are those of gateway/apply/session.go.
var sessionSettings = []string{
	"sql_mode='STRICT_TRANS_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'", "time_zone='+00:00'", "autocommit=1",
	"tidb_txn_mode='optimistic'", "tidb_disable_txn_auto_retry=1", "tidb_constraint_check_in_place=0",
	"allow_auto_random_explicit_insert=1", "foreign_key_checks=0",
}

// lane is one connection that writes transactions of a form. It is for one
// goroutine.
type lane struct {
	form   *form
	rows   *rowSource
	conn   driver.Conn
	number int
	seq    int64

	prepared driver.Stmt // for perStmt rows
	args     []driver.NamedValue
	packet   []byte
	pending  block // chained: rows whose COMMIT is not sent

	done tally
}

// block is the rows from..to-1 and the version that they get.
type block struct {
	from, to int64
	version  int
}

// tally is what was committed.
type tally struct {
	rows, statements, commits int64
	count                     int64 // change of the table's number of rows
	sum                       int64 // change of SUM(CRC32(c))
}

func (t *tally) add(o tally) {
	t.rows += o.rows
	t.statements += o.statements
	t.commits += o.commits
	t.count += o.count
	t.sum += o.sum
}

func openLane(ctx context.Context, c driver.Connector, f *form, rows *rowSource, number int) (*lane, error) {
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("open connection %d: %w", number, err)
	}
	l := &lane{form: f, rows: rows, conn: conn, number: number}
	set := strings.Join(slices.Concat(sessionSettings, f.settings), ",SESSION ")
	if _, err := l.exec(ctx, []byte("SET SESSION "+set)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("SET SESSION %s: %w", set, err)
	}
	if f.stmt.prepared != nil {
		l.prepared, err = conn.(driver.ConnPrepareContext).PrepareContext(ctx, f.stmt.prepared(f.perStmt))
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("prepare: %w", err)
		}
	}
	return l, nil
}

func (l *lane) close() {
	if l.prepared != nil {
		l.prepared.Close()
	}
	l.conn.Close()
}

// exec sends one packet and returns each statement's affected rows.
func (l *lane) exec(ctx context.Context, sql []byte) ([]int64, error) {
	r, err := l.conn.(driver.ExecerContext).ExecContext(ctx, unsafe.String(unsafe.SliceData(sql), len(sql)), nil)
	if err != nil {
		return nil, err
	}
	return r.(mysql.Result).AllRowsAffected(), nil
}

// feed hands out the blocks of a run. Rows that are updated belong to one lane
// each, so that two lanes never meet; those that are inserted or deleted are
// used once, and the lanes take them in turn.
type feed struct {
	change   change
	rows     int64 // in the table when it starts
	perTxn   int64
	lanes    int64
	limit    int64 // blocks at most; 0: no bound
	deadline time.Time
	next     atomic.Int64
}

// take returns a lane's n-th block.
func (f *feed) take(lane, n int64) (block, bool) {
	if time.Now().After(f.deadline) {
		return block{}, false
	}
	at := f.next.Add(1) - 1
	if f.limit > 0 && at >= f.limit {
		return block{}, false
	}
	switch f.change {
	case updating:
		each := f.rows / f.perTxn / f.lanes // blocks of a lane
		from := (lane*each+n%each)*f.perTxn + 1
		return block{from, from + f.perTxn, int(n/each) + 1}, true
	case deleting:
		if (at+1)*f.perTxn > f.rows {
			return block{}, false
		}
	}
	from := at*f.perTxn + 1
	return block{from: from, to: from + f.perTxn}, true
}

// run writes blocks until there are none.
func (l *lane) run(ctx context.Context, f *feed) error {
	for n := int64(0); ; n++ {
		b, ok := f.take(int64(l.number), n)
		if !ok {
			break
		}
		if err := l.transaction(ctx, b); err != nil {
			return fmt.Errorf("connection %d, rows from %d: %w", l.number, b.from, err)
		}
	}
	if l.pending.to > 0 {
		if _, err := l.exec(ctx, []byte("COMMIT")); err != nil {
			return fmt.Errorf("connection %d: COMMIT: %w", l.number, err)
		}
		l.committed(l.pending)
		l.pending = block{}
	}
	return nil
}

// committed counts what a transaction did.
func (l *lane) committed(b block) {
	l.done.commits++
	l.done.rows += b.to - b.from
	for id := b.from; id < b.to; id++ {
		switch l.form.stmt.change {
		case inserting:
			l.done.sum += l.rows.sumC(id, 0)
			l.done.count++
		case updating:
			l.done.sum += l.rows.sumC(id, b.version) - l.rows.sumC(id, b.version-1)
		case deleting:
			l.done.sum -= l.rows.sumC(id, 0)
			l.done.count--
		}
	}
}
