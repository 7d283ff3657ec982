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
	"sluice/replica/source"
)

// Table implements binlog.Resolver.
func (x *run) Table(m *binlog.TableMap) (*replica.Table, error) {
	if !x.cfg.Rules.Wanted(m.Schema, m.Name) || x.tracker.Sequence(m.Schema, m.Name) {
		return nil, nil
	}
	if t := x.tracker.Table(m.Schema, m.Name); t != nil {
		return t, nil
	}
	return nil, &replica.Error{Code: 61113, Class: "DDL", Table: m.Schema + "." + m.Name,
		Message: fmt.Sprintf("the binlog has rows of %s.%s, whose definition is not known", m.Schema, m.Name),
		Remedy:  "it was created by a session with sql_log_bin=0, or before the migration began without matching its rules then: RESET MIGRATION and start again"}
}

// Statement implements binlog.Resolver: a write that was logged as text.
func (x *run) Statement(stmt replica.DDL) error {
	if stmt.Text != "LOAD DATA" && !schema.MayTouch(stmt, x.cfg.Rules) {
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
	changes, err := x.tracker.ApplyAt(*t.DDL, &sourceNow{ctx: ctx, src: x.src})
	if err != nil {
		return nil, err
	}
	p := &apply.DDLPlan{Txn: t}
	if t.More {
		x.planned = p
	}
	var names, notes []string
	for _, c := range changes {
		if c.Kind == schema.Other {
			continue
		}
		stmts, more, err := schema.TargetDDL(c, x.cfg.Rules)
		if err != nil {
			return nil, err
		}
		notes = append(notes, more...)
		behind, err := x.copiedBehind(c, t)
		if err != nil {
			return nil, err
		}
		if behind {
			stmts = nil
		}
		if c.Kind == schema.DropDatabase && len(stmts) > 0 {
			if err := x.dropsOthers(ctx, c); err != nil {
				return nil, err
			}
		}
		if len(stmts) == 0 && len(more) > 0 {
			x.r.event("DDL", fmt.Sprintf("transaction %s changes nothing in the target: %s", t.ID, strings.Join(more, "; ")))
		}
		for _, s := range stmts {
			p.Steps = append(p.Steps, x.step(c, s))
		}
		p.History = append(p.History, x.history(c)...)
		if len(stmts) > 0 {
			names = append(names, strings.TrimSuffix(c.Schema+"."+c.Table, "."))
		}
	}
	if len(p.Steps) == 0 && len(p.History) == 0 && !t.More {
		t.DDL = nil
		return nil, nil
	}
	p.SourceTable, p.Note = strings.Join(names, ", "), clip(strings.Join(notes, "; "), 1900)
	return p, nil
}

// sourceNow answers the tracker's questions during one call of plan.
type sourceNow struct {
	ctx context.Context
	src *source.Source
}

// ShowCreate implements schema.Source. A view that has the name now is no table.
func (n *sourceNow) ShowCreate(schemaName, table string) (string, error) {
	create, err := n.src.ShowCreate(n.ctx, schemaName, table)
	var e *replica.Error
	if errors.As(err, &e) && (e.Code == 1146 || e.Code == 1049 || e.Code == 1347) {
		return "", nil
	}
	return create, err
}

// copiedBehind says whether the change is in the copy of its tables already: a
// table with a start position of its own was read behind it. A change that is
// behind one table's copy and before another's, or a rename while a table was
// copied in chunks, cannot be applied: some of the rows were read under one
// name and some under the other.
func (x *run) copiedBehind(c schema.Change, t *replica.Transaction) (bool, error) {
	keys := []string{tableKey(c.Schema, c.Table)}
	renamed := c.Before != nil && c.After != nil && (c.Before.Schema != c.After.Schema || c.Before.Name != c.After.Name)
	if renamed {
		keys = append(keys, tableKey(c.After.Schema, c.After.Name))
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
		} else if renamed && ts.state == stateDone && t.Start.Before(ts.high) {
			return false, vanished(c.Schema + "." + c.Table)
		}
	}
	if covered > 0 && covered < tables || covered > 0 && renamed && tables < len(keys) {
		return false, vanished(c.Schema + "." + c.Table)
	}
	return covered > 0, nil
}

// dropsOthers refuses to drop a schema of the target in which another channel
// has tables.
func (x *run) dropsOthers(ctx context.Context, c schema.Change) error {
	ts := x.cfg.Rules.TargetSchema(c.Schema)
	var n int
	err := x.cfg.Target.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+apply.MetaSchema+".target_tables WHERE target_schema=? AND channel<>?",
		strings.ToLower(ts), x.cfg.Channel).Scan(&n)
	if err != nil {
		return x.targetError(err, "read who writes the schema "+ts)
	}
	if n == 0 {
		return nil
	}
	return &replica.Error{Code: 61098, Class: "DDL", Message: fmt.Sprintf("DROP DATABASE of %s would drop tables of other channels in the target's %s", c.Schema, ts),
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
