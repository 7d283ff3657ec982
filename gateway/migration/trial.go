package migration

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/schema"
	"sluice/replica/source"
)

// trial has a TiDB try whether it can make tables: as temporary ones, which only the
// trial's session sees and which end with it. Where that is not possible (no right to
// CREATE TEMPORARY TABLES, no schema to put them into) limits alone speak.
type trial struct {
	limits schema.Limits
	conn   *sql.Conn // nil: nothing can be tried
	schema string    // the schema that the tables are put into
}

// trialTable is what each table is called for its trial.
const trialTable = "sluice_trial"

// trials are those of one check: sessions that channels with the same target share,
// one at a time each. It may be used by several goroutines.
type trials struct {
	mu   sync.Mutex
	idle map[*sql.DB][]*trial
	all  []*trial
}

// borrow returns a trial on the runner's target; giveBack takes it.
func (p *trials) borrow(ctx context.Context, r *Runner) *trial {
	p.mu.Lock()
	if list := p.idle[r.cfg.Target]; len(list) > 0 {
		t := list[len(list)-1]
		p.idle[r.cfg.Target] = list[:len(list)-1]
		p.mu.Unlock()
		return t
	}
	p.mu.Unlock()
	t := r.openTrial(ctx)
	p.mu.Lock()
	p.all = append(p.all, t)
	p.mu.Unlock()
	return t
}

func (p *trials) giveBack(r *Runner, t *trial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = map[*sql.DB][]*trial{}
	}
	p.idle[r.cfg.Target] = append(p.idle[r.cfg.Target], t)
}

func (p *trials) close() {
	for _, t := range p.all {
		t.close()
	}
}

// openTrial asks the target for its limits and for a schema in which the account may
// make temporary tables. It does not fail: what cannot be had is done without.
func (r *Runner) openTrial(ctx context.Context) *trial {
	t := &trial{limits: schema.DefaultLimits}
	conn, err := r.cfg.Target.Conn(ctx)
	if err != nil {
		return t
	}
	var config string
	if conn.QueryRowContext(ctx, "SELECT @@tidb_config").Scan(&config) != nil { // no other server has it
		_ = conn.Close()
		return t
	}
	t.conn = conn
	t.readLimits(config)
	if _, err := conn.ExecContext(ctx, createMode); err != nil {
		t.close()
		return t
	}
	for _, name := range []string{apply.MetaSchema, "test", "mysql"} {
		_, err := conn.ExecContext(ctx, "CREATE TEMPORARY TABLE "+replica.QuoteTable(name, trialTable)+" (a INT)")
		if err == nil {
			_, err = conn.ExecContext(ctx, "DROP TEMPORARY TABLE "+replica.QuoteTable(name, trialTable))
		}
		if err == nil {
			t.schema = name
			return t
		}
	}
	t.close()
	return t
}

// readLimits takes the limits from the node's configuration. Another node of the
// cluster may have others; START names what it refuses then.
func (t *trial) readLimits(config string) {
	var c struct {
		IndexBytes int `json:"max-index-length"`
		Columns    int `json:"table-column-count-limit"`
		Indexes    int `json:"index-limit"`
	}
	if json.Unmarshal([]byte(config), &c) != nil {
		return
	}
	t.limits.IndexBytes = max(t.limits.IndexBytes, c.IndexBytes)
	t.limits.Columns = max(t.limits.Columns, c.Columns)
	t.limits.Indexes = max(t.limits.Indexes, c.Indexes)
}

// notTemporary are TiDB's refusals of what a temporary table alone cannot have.
var notTemporary = map[uint16]bool{1562: true, 8006: true}

// create has the target try the table. It returns what the target answers, and an
// error when it does not answer.
func (t *trial) create(ctx context.Context, table *replica.Table, ts, tt string, d schema.Target) (*replica.Error, error) {
	if t.conn == nil {
		return nil, nil
	}
	stmt, err := d.Trial(table, t.schema, trialTable)
	if err != nil {
		return nil, err
	}
	_, err = t.conn.ExecContext(ctx, stmt)
	var me *mysql.MySQLError
	switch {
	case errors.As(err, &me) && notTemporary[me.Number]:
		return nil, nil
	case errors.As(err, &me) && !isDenied(err):
		return &replica.Error{Code: 61053, Class: "DDL", Err: err, Message: fmt.Sprintf("the target would refuse to create the table %s.%s", ts, tt),
			Remedy: "change the table at the source, leave it out with REPLICATE_IGNORE_TABLE, or create it by hand in the target " +
				"in a form that holds the source's rows"}, nil
	case isDenied(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("try the table %s.%s: %w", ts, tt, err)
	}
	if _, err := t.conn.ExecContext(ctx, "DROP TEMPORARY TABLE "+replica.QuoteTable(t.schema, trialTable)); err != nil {
		return nil, fmt.Errorf("try the table %s.%s: %w", ts, tt, err)
	}
	return nil, nil
}

// close ends the session, and with it every table that was tried.
func (t *trial) close() {
	if t.conn != nil {
		source.Discard(t.conn)
		t.conn = nil
	}
}
