package apply

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// Ids that a batch both makes and removes are folded away: the target never sees
// them, and its AUTO_INCREMENT counter stays below the source's. After a cutover
// an application would get ids a second time that others may have kept. So the
// highest such id of each table is recorded, and the target's next id is raised
// above it when the table is quiet.
//
// What if the process dies: an id is recorded in the commit of the batch that
// folded it away, so that it is recorded if and only if the position is past it.
// Raising a counter twice changes nothing, and it is never lowered, so that an
// owner that was replaced does no harm either. The record goes after it.

// quietFor is how long a table has had no such ids before its counter is raised,
// and raiseEvery how soon again: it is a DDL, which all of TiDB's sessions notice.
const (
	quietFor   = 3 * time.Second
	raiseEvery = time.Minute
	// raiseLimit bounds one such DDL; it is tried again later.
	raiseLimit = 5 * time.Second
)

// AutoIDs is the highest id that was folded away, by target table.
type AutoIDs map[[2]string]uint64

// LoadAutoIDs reads what is recorded for a channel.
func LoadAutoIDs(ctx context.Context, db *sql.DB, channel string) (AutoIDs, error) {
	rows, err := db.QueryContext(ctx, "SELECT target_schema, target_table, MAX(highest) FROM "+MetaSchema+".auto_ids WHERE channel=? GROUP BY target_schema, target_table", channel)
	if err != nil {
		return nil, fmt.Errorf("read the highest ids: %w", err)
	}
	defer rows.Close()
	ids := AutoIDs{}
	for rows.Next() {
		var t [2]string
		var n uint64
		if err := rows.Scan(&t[0], &t[1], &n); err != nil {
			return nil, fmt.Errorf("read the highest ids: %w", err)
		}
		ids[t] = n
	}
	return ids, rows.Err()
}

// autoIDs knows the ids that the target's counters have to be above.
type autoIDs struct {
	mu     sync.Mutex
	tables map[[2]string]*autoID
}

type autoID struct {
	highest uint64 // recorded, and not raised yet
	noted   time.Time
	raised  time.Time
}

func newAutoIDs(ids AutoIDs) *autoIDs {
	a := &autoIDs{tables: map[[2]string]*autoID{}}
	for t, n := range ids {
		a.tables[t] = &autoID{highest: n}
	}
	return a
}

// known returns the highest recorded id of a table; 0 for none.
func (a *autoIDs) known(t [2]string) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if x := a.tables[t]; x != nil {
		return x.highest
	}
	return 0
}

// note remembers what a commit has recorded.
func (a *autoIDs) note(ids []tableID) {
	if len(ids) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		x := a.tables[id.table]
		if x == nil {
			x = &autoID{}
			a.tables[id.table] = x
		}
		x.highest, x.noted = max(x.highest, id.id), time.Now()
	}
}

// due returns the tables whose counters may be raised now; all with at once.
func (a *autoIDs) due(now time.Time, atOnce bool) AutoIDs {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out AutoIDs
	for t, x := range a.tables {
		if x.highest > 0 && (atOnce || now.Sub(x.noted) >= quietFor && now.Sub(x.raised) >= raiseEvery) {
			if out == nil {
				out = AutoIDs{}
			}
			out[t] = x.highest
		}
	}
	return out
}

// tried notes an attempt to raise a counter; done says that it is above id.
func (a *autoIDs) tried(t [2]string, id uint64, done bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.tables[t]
	if x == nil {
		return
	}
	x.raised = time.Now()
	if done && x.highest <= id {
		x.highest = 0
	}
}

// tableID is an id of a target table.
type tableID struct {
	table [2]string
	id    uint64
}

// write returns the statements of a batch, and the ids that they record.
func (s *slot) write(p *batchPlan, f *forms, known *autoIDs) ([]statement, []tableID) {
	stmts := p.statements(f)
	ids, more := s.folded(p, known)
	return append(stmts, more...), ids
}

// folded returns the ids of a batch that are above all that the target has seen
// of it and that are recorded, and the statements that record them. It costs
// nothing where no row was folded away.
func (s *slot) folded(p *batchPlan, known *autoIDs) (ids []tableID, stmts []statement) {
	for _, t := range p.tables {
		if t.lost == 0 {
			continue
		}
		b := t.binding
		name := [2]string{b.Schema, b.Name}
		// The counter stops at the type's highest number, as the source's does.
		t.lost = min(t.lost, highestOf(&b.Source.Columns[b.auto])-1)
		if t.lost <= known.known(name) || t.lost <= highestID(t.inserts, b.auto) {
			continue
		}
		ids = append(ids, tableID{name, t.lost})
		n := strconv.FormatUint(t.lost, 10)
		stmts = append(stmts, statement{sql: []byte("INSERT INTO " + MetaSchema + ".auto_ids VALUES (" + Literal(s.channel) + "," + strconv.Itoa(s.lane) + "," +
			Literal(b.Schema) + "," + Literal(b.Name) + "," + n + ") ON DUPLICATE KEY UPDATE highest=GREATEST(highest," + n + ")"),
			want: -1, binding: &Binding{Schema: MetaSchema}})
	}
	return ids, stmts
}

// idOf returns the value of an AUTO_INCREMENT column, 0 for one that moves no
// counter.
func idOf(row []replica.Value, auto int) uint64 {
	if auto < 0 || row == nil {
		return 0
	}
	switch v := &row[auto]; v.Kind {
	case replica.KindUint:
		return v.Num
	case replica.KindInt:
		if int64(v.Num) > 0 {
			return v.Num
		}
	}
	return 0
}

// highestOf returns the highest number that an integer column holds.
func highestOf(c *replica.Column) uint64 {
	bits := map[replica.ColumnType]int{replica.TypeTinyInt: 8, replica.TypeSmallInt: 16, replica.TypeMediumInt: 24, replica.TypeInt: 32}[c.Type]
	if bits == 0 {
		bits = 64
	}
	if !c.Unsigned {
		bits--
	}
	return 1<<bits - 1
}

func highestID(rows [][]replica.Value, auto int) (n uint64) {
	for _, r := range rows {
		n = max(n, idOf(r, auto))
	}
	return n
}

// autoColumn returns the table's AUTO_INCREMENT column, -1 for none, and whether
// it is outside the row's key, so that an update can change it.
func autoColumn(t *replica.Table, key *replica.Index) (column int, outside bool) {
	for i := range t.Columns {
		if !t.Columns[i].AutoInc {
			continue
		}
		outside = true
		if key != nil {
			for _, k := range key.Columns {
				outside = outside && k != i
			}
		}
		return i, outside
	}
	return -1, false
}

// raiseQuiet raises the counters of quiet tables while nothing is to be written.
func (a *Applier) raiseQuiet(ctx context.Context) error {
	due := a.ids.due(time.Now(), false)
	if len(due) == 0 || !a.CaughtUp() {
		return nil
	}
	select {
	case a.controlMu <- struct{}{}:
	default:
		return nil
	}
	defer a.controlMu.Unlock()
	return a.raise(ctx, due)
}

// RaiseIDs raises the counters of all tables that need it; what ctx does not
// allow is left to the next run. The caller closes the Applier next.
func (a *Applier) RaiseIDs(ctx context.Context) error {
	due := a.ids.due(time.Now(), true)
	if len(due) == 0 || a.Err() != nil {
		return nil
	}
	if err := a.controlMu.take(ctx); err != nil {
		return err
	}
	defer a.controlMu.Unlock()
	return a.raise(ctx, due)
}

// raiseBefore raises the counters of tables that a DDL changes: it may rename
// them, or make others of their names. controlMu is held.
func (a *Applier) raiseBefore(ctx context.Context, p *DDLPlan) error {
	var due AutoIDs
	for t, id := range a.ids.due(time.Now(), true) {
		for i := range p.Steps {
			for _, changed := range p.Steps[i].Tables {
				if strings.EqualFold(changed[0], t[0]) && strings.EqualFold(changed[1], t[1]) || p.Steps[i].Schema != "" && strings.EqualFold(p.Steps[i].Schema, t[0]) {
					if due == nil {
						due = AutoIDs{}
					}
					due[t] = id
				}
			}
		}
	}
	return a.raise(ctx, due)
}

// raise raises counters and removes their records. controlMu is held, so that no
// DDL of this channel changes the tables meanwhile.
func (a *Applier) raise(ctx context.Context, due AutoIDs) error {
	if len(due) == 0 {
		return nil
	}
	runner := &slot{connector: a.cfg.Connector, foreignKeys: a.cfg.ForeignKeys, log: a.cfg.Log}
	defer runner.drop()
	var done []Statement
	for t, id := range due {
		if ctx.Err() != nil {
			break
		}
		err := runner.raiseTo(ctx, t, id)
		var refused *mysql.MySQLError
		switch {
		case err == nil:
			a.cfg.Log.Debug("next id raised", "table", t[0]+"."+t[1])
		case errors.As(err, &refused):
			// The table is gone, or its counter cannot be set: nothing to repeat.
			a.cfg.Log.Warn("the target's next id cannot be raised", "table", t[0]+"."+t[1], "error", refused.Number)
			if a.cfg.Report != nil && refused.Number != 1146 && refused.Number != 1049 {
				a.cfg.Report(&replica.Error{Code: CodeNextID, Class: "TARGET", Transient: true, Table: t[0] + "." + t[1],
					Message: fmt.Sprintf("the target's next id of %s.%s cannot be set above %d (error %d)", t[0], t[1], id, refused.Number),
					Remedy:  "set it by hand before a cutover: ALTER TABLE .. AUTO_INCREMENT"})
			}
		default:
			a.ids.tried(t, id, false)
			continue
		}
		done = append(done, Statement{SQL: "DELETE FROM " + MetaSchema + ".auto_ids WHERE channel=" + Literal(a.control.channel) + " AND target_schema=" + Literal(t[0]) +
			" AND target_table=" + Literal(t[1]) + " AND highest<=" + strconv.FormatUint(id, 10), Want: -1})
		a.ids.tried(t, id, true)
	}
	if len(done) == 0 {
		return nil
	}
	base, extra := a.sched.checkpoint(a.control.extra, nil)
	return a.control.commit(ctx, base, extra, a.control.partial, convert(done))
}

// CodeNextID is the code of the notice that a counter could not be raised.
const CodeNextID = 61304

// raiseTo sets a table's next id above id. TiDB never lowers it without FORCE, and
// every server of it forgets the ids that it had set aside: one of them may be
// below id although the table's counter is above.
func (s *slot) raiseTo(ctx context.Context, t [2]string, id uint64) error {
	ctx, cancel := context.WithTimeout(ctx, raiseLimit)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		return err
	}
	next := id
	if next+1 != 0 {
		next++
	}
	_, err := s.sess.exec(ctx, []byte("ALTER TABLE "+replica.QuoteTable(t[0], t[1])+" AUTO_INCREMENT="+strconv.FormatUint(next, 10)))
	var refused *mysql.MySQLError
	if err != nil && !errors.As(err, &refused) {
		s.drop()
	}
	return err
}
