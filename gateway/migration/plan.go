package migration

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/binlog"
	"sluice/replica/schema"
)

// Table implements binlog.Resolver.
func (x *run) Table(m *binlog.TableMap) (*replica.Table, error) {
	if !x.cfg.Rules.Wanted(m.Schema, m.Name) || x.tracker.Sequence(m.Schema, m.Name) {
		return nil, nil
	}
	if t := x.tracker.Table(m.Schema, m.Name); t != nil {
		if len(m.Collations()) == len(t.Columns) {
			if what := x.defaults.Contradiction(t, m.Collations()); what != "" {
				return nil, binlog.Mismatch(t, what)
			}
		}
		return t, nil
	}
	return nil, &replica.Error{Code: 61113, Class: "DDL", Table: m.Schema + "." + m.Name,
		Message: fmt.Sprintf("the binlog has rows of %s.%s, whose definition is not known", m.Schema, m.Name),
		Remedy: "the source's account could not see it (CHECK MIGRATION says so: GRANT it SELECT on the schema), or it was created by a session with sql_log_bin=0, " +
			"or before the migration began without matching its rules then: after that RESET MIGRATION, empty the target's tables and start again"}
}

// Statement implements binlog.Resolver: a write that was logged as text.
func (x *run) Statement(stmt replica.DDL) error {
	if stmt.Text != "LOAD DATA" && !x.tracker.MayTouch(stmt) {
		return nil
	}
	return &replica.Error{Code: 61105, Class: "SOURCE",
		Message: "the binlog has a data-changing statement as text, which may touch a table of this migration",
		Remedy:  "set binlog_format=ROW on the source for all sessions (SET GLOBAL, then reconnect them), then RESET MIGRATION and start again"}
}

// plan follows a DDL in the tracker and says what it becomes on the target;
// nil when nothing of this channel changes.
func (x *run) plan(ctx context.Context, t *replica.Transaction) (*apply.DDLPlan, error) {
	// A CREATE TABLE .. SELECT whose rows were under way when the connection
	// broke, or the last owner died, comes again: the tracker knows its table.
	if p := x.claimed.Partial; t.More && p != nil && p.ID == t.ID {
		return &apply.DDLPlan{Txn: t}, nil
	}
	if t.More && x.planned != nil && x.planned.Txn.ID == t.ID {
		return x.planned, nil
	}
	changes, err := x.tracker.ApplyAt(*t.DDL, &sourceNow{ctx: ctx, run: x, end: t.End})
	if err != nil {
		return nil, unfollowed(t, err)
	}
	decoded := *t.DDL
	decoded.Text, decoded.CharsetID, decoded.ConnectionID = schema.Text(*t.DDL), 0, 0 // the DDL log is UTF-8
	t.DDL = &decoded
	p := &apply.DDLPlan{Txn: t}
	if t.More {
		x.planned = p
	}
	d := ddlDraft{run: x, plan: p}
	for _, c := range changes {
		if c.Kind == schema.Other {
			p.History = append(p.History, objectHistory(c)...)
			continue
		}
		if err := d.add(ctx, c); err != nil {
			return nil, err
		}
	}
	if !d.finish() && !t.More {
		t.DDL = nil
		return nil, nil
	}
	return p, nil
}

// ddlDraft makes the plan of one statement out of its changes.
type ddlDraft struct {
	run          *run
	plan         *apply.DDLPlan
	names, notes []string
}

// add adds what a change becomes. A change without a translation refuses the
// whole statement, at its barrier: what comes before it is applied.
func (d *ddlDraft) add(ctx context.Context, c schema.Change) error {
	x, p := d.run, d.plan
	dialect := x.dialect()
	dialect.Transaction = p.Txn.ID.String()
	tr, err := dialect.DDL(c, x.cfg.Rules)
	covered, cerr := x.copiedBehind(c, p.Txn)
	if cerr != nil {
		return cerr
	}
	if covered {
		tr.Statements, tr.Conditions, err = nil, nil, nil
	}
	if err != nil {
		var refused *replica.Error
		if !errors.As(err, &refused) {
			return err
		}
		d.refuse(c, refused)
	}
	d.notes = append(d.notes, tr.Notes...)
	if c.Kind == schema.DropDatabase && len(tr.Statements) > 0 {
		if err := x.dropsOthers(ctx, c); err != nil {
			return err
		}
	}
	if len(tr.Statements) == 0 && len(tr.Notes) > 0 && err == nil {
		x.r.event("DDL", fmt.Sprintf("transaction %s changes nothing in the target: %s", p.Txn.ID, strings.Join(tr.Notes, "; ")))
	}
	for i, s := range tr.Statements {
		step := x.step(c, s)
		step.Tidy = i >= len(tr.Statements)-tr.Tidy
		p.Steps = append(p.Steps, step)
	}
	for _, c := range tr.Conditions {
		p.Conditions = append(p.Conditions, apply.DDLCondition{Query: c.Query, Failed: d.located(c.Failed), Values: c.Values})
	}
	if tr.Session != (schema.Session{}) {
		p.Session = apply.DDLSession{TimeZone: tr.Session.TimeZone, SQLMode: tr.Session.SQLMode, At: tr.Session.At}
	}
	if len(tr.Statements) > 0 || len(tr.Conditions) > 0 || err != nil {
		d.names = append(d.names, strings.TrimSuffix(c.Schema+"."+c.Table, "."))
		d.expect(c)
	}
	p.History = append(p.History, x.history(c)...)
	return nil
}

// refuse notes that the statement has no translation.
func (d *ddlDraft) refuse(c schema.Change, err *replica.Error) {
	if d.plan.Refused != nil {
		return
	}
	e := *d.located(err)
	if e.Table == "" {
		e.Table = strings.TrimSuffix(c.Schema+"."+c.Table, ".")
	}
	d.plan.Refused = &e
}

// located adds to an error which transaction it is about.
func (d *ddlDraft) located(err *replica.Error) *replica.Error { return locatedAt(d.plan.Txn, err) }

func locatedAt(t *replica.Transaction, err *replica.Error) *replica.Error {
	e := *err
	e.Message = fmt.Sprintf("transaction %s at %s (%s): %s", t.ID, t.Start, t.DDL.Excerpt(), e.Message)
	return &e
}

// unfollowed adds to the error of a statement that cannot be followed which one it is.
func unfollowed(t *replica.Transaction, err error) error {
	var e *replica.Error
	if !errors.As(err, &e) || e.Transient {
		return err
	}
	ddl := *t.DDL
	ddl.Text, ddl.CharsetID = schema.Text(ddl), 0
	return locatedAt(&replica.Transaction{ID: t.ID, Start: t.Start, DDL: &ddl}, e)
}

// expect notes how the target's tables have to be after the change.
func (d *ddlDraft) expect(c schema.Change) {
	x := d.run
	silent := false
	if c.Before != nil && c.After != nil && c.After.Schema == c.Schema && c.After.Name == c.Table {
		before, _, err := schema.TargetCreate(c.Before, c.Schema, c.Table)
		silent = err == nil && c.MovesRows() && len(schema.Differences(c.After, before)) == 0
	}
	set := func(schemaName, name string, want *replica.Table) {
		if !x.cfg.Rules.Wanted(schemaName, name) {
			return
		}
		ts, tt := x.cfg.Rules.Target(schemaName, name)
		e := apply.Expected{Table: [2]string{ts, tt}, Silent: silent, Differs: func(create string) []string { return schema.Differences(want, create) }}
		for i := range d.plan.Expected {
			if d.plan.Expected[i].Table == e.Table { // RENAME TABLE a TO b, c TO a
				d.plan.Expected[i] = e
				return
			}
		}
		d.plan.Expected = append(d.plan.Expected, e)
	}
	switch c.Kind {
	case schema.CreateDatabase, schema.DropDatabase, schema.AlterDatabase:
		for _, t := range c.Dropped {
			set(t.Schema, t.Name, nil)
		}
		return
	}
	if c.After == nil || c.After.Schema != c.Schema || c.After.Name != c.Table {
		set(c.Schema, c.Table, nil)
	}
	if c.After != nil {
		set(c.After.Schema, c.After.Name, c.After)
	}
}

// finish completes the plan; it returns false if the statement changes nothing.
func (d *ddlDraft) finish() bool {
	p := d.plan
	if p.Refused != nil {
		p.Steps, p.Conditions = nil, nil
	}
	p.SourceTable, p.Note = strings.Join(d.names, ", "), clip(strings.Join(d.notes, "; "), 1900)
	return len(p.Steps) > 0 || len(p.History) > 0 || p.Refused != nil || len(p.Conditions) > 0
}

// copiedBehind says whether the change is in the copy of its tables already: a
// table with a start position of its own was read behind it. A change that is
// behind one table's copy and before another's, or a rename while a table was
// copied in chunks, cannot be applied: some of the rows were read under one
// name and some under the other. EXCHANGE PARTITION is such a rename of rows.
func (x *run) copiedBehind(c schema.Change, t *replica.Transaction) (bool, error) {
	keys := []string{tableKey(c.Schema, c.Table)}
	renamed := c.Before != nil && c.After != nil && (c.Before.Schema != c.After.Schema || c.Before.Name != c.After.Name)
	if renamed {
		keys = append(keys, tableKey(c.After.Schema, c.After.Name))
	}
	exchanged := c.Exchanged[1] != ""
	if exchanged {
		keys = append(keys, tableKey(c.Exchanged[0], c.Exchanged[1]))
	}
	for _, d := range c.Dropped {
		keys = append(keys, tableKey(d.Schema, d.Name))
	}
	covered, tables := 0, 0
	for _, k := range keys {
		ts := x.tables[k]
		if ts == nil {
			continue
		}
		tables++
		if ts.start.Contains(t.ID) {
			covered++
		} else if (renamed || exchanged) && ts.state == stateDone && t.Start.Before(ts.high) {
			return false, vanished(c.Schema + "." + c.Table)
		}
	}
	if covered > 0 && covered < tables || covered > 0 && (renamed || exchanged) && tables < len(keys) {
		return false, vanished(c.Schema + "." + c.Table)
	}
	return covered > 0, nil
}

// dropsOthers refuses to drop a schema of the target in which another channel
// has tables.
func (x *run) dropsOthers(ctx context.Context, c schema.Change) error {
	ts := x.cfg.Rules.TargetSchema(c.Schema)
	records, err := x.r.writersOf(ctx, ts)
	if err != nil {
		return x.targetError(err, "read who writes the schema "+ts)
	}
	others, _, err := x.r.inForce(ctx, records)
	if err != nil {
		return x.targetError(err, "read who writes the schema "+ts)
	}
	if len(others) == 0 {
		return nil
	}
	return &replica.Error{Code: 61098, Class: "DDL", Message: fmt.Sprintf("DROP DATABASE of %s would drop tables of other channels in the target's %s: %s belongs to channel '%s'",
		c.Schema, ts, others[0].Schema+"."+others[0].Table, others[0].Name),
		Remedy: "move or drop the other channels' tables first, then START MIGRATION again"}
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + ".."
	}
	return s
}

// step names the target definitions that a statement changes.
func (x *run) step(c schema.Change, sql string) apply.Step {
	s := apply.Step{SQL: sql}
	add := func(t *replica.Table) {
		if t != nil && x.cfg.Rules.Wanted(t.Schema, t.Name) {
			ts, tt := x.cfg.Rules.Target(t.Schema, t.Name)
			s.Tables = append(s.Tables, [2]string{ts, tt})
		}
	}
	switch c.Kind {
	case schema.CreateDatabase, schema.DropDatabase, schema.AlterDatabase:
		s.Schema = x.cfg.Rules.TargetSchema(c.Schema)
	default:
		add(c.Before)
		if c.Before == nil || c.After != nil && (c.After.Schema != c.Before.Schema || c.After.Name != c.Before.Name) {
			add(c.After)
		}
	}
	return s
}

// history lists the definitions that a change leaves behind.
func (x *run) history(c schema.Change) []apply.Definition {
	var out []apply.Definition
	def := func(t *replica.Table, create string) {
		if t == nil || !x.cfg.Rules.Wanted(t.Schema, t.Name) {
			return
		}
		d := apply.Definition{Schema: t.Schema, Table: t.Name, Create: create}
		d.TargetSchema, d.TargetTable = x.cfg.Rules.Target(t.Schema, t.Name)
		out = append(out, d)
		if create == "" {
			x.progress.drop(tableKey(t.Schema, t.Name))
		} else {
			x.show(t)
		}
	}
	switch c.Kind {
	case schema.CreateDatabase, schema.AlterDatabase:
		return []apply.Definition{{Schema: c.Schema, Create: c.Charset + " " + c.Collation}}
	case schema.DropDatabase:
		for _, t := range c.Dropped {
			def(t, "")
		}
		return out
	}
	if c.Before != nil && (c.After == nil || c.After.Schema != c.Before.Schema || c.After.Name != c.Before.Name) {
		def(c.Before, "")
	}
	if c.After != nil && c.After != c.Before {
		def(c.After, c.After.Create)
	}
	return out
}
