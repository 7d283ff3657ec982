package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// States of a row of ddl_log.
const (
	ddlIntent = "intent" // the statement may have been sent
	ddlDone   = "done"
	ddlFailed = "failed" // the target, or Sluice, refused it: a repair by hand is accepted
	// ddlRefused is final: the rows that exist cannot get the source's values.
	ddlRefused = "refused"
)

// run makes sure that a DDL is in the target, exactly once:
//
//   - its steps run one after the other; a step that is recorded as done is not
//     run again;
//   - after a refusal the target's tables are compared with what they were then: if
//     nothing changed, the refused step is tried again. Otherwise somebody changed
//     them by hand: if they are now as the whole DDL leads to, all of it is done;
//     if not, the error names the differences;
//   - where the definition does not say whether a DDL was executed, the refused step is
//     tried again after a change by hand, and the tables are compared after the last step;
//   - its conditions are checked before the first step, and never after one, as
//     a step changes what they ask for.
//
// Dying anywhere in here leaves a record from which the next owner decides in
// the same way. A condition cannot become false between its check and the first
// intent: only the channel's owner writes rows, and a former owner, which may
// still check, is fenced at its intent.
func (d *ddlRunner) run(ctx context.Context, p *DDLPlan) error {
	if len(p.Steps) == 0 && p.Refused == nil && len(p.Conditions) == 0 {
		return nil
	}
	recs := make([]*ddlRecord, max(1, len(p.Steps)))
	begun, failed := false, -1
	for i := range recs {
		var err error
		if recs[i], err = d.lookupStep(ctx, p, i); err != nil {
			return targetError(err, "read the DDL log")
		}
		if recs[i] == nil {
			continue
		}
		switch recs[i].state {
		case ddlRefused:
			return d.valuesLost(ctx, p)
		case ddlFailed:
			failed = i
		default:
			begun = true
		}
	}
	if failed >= 0 {
		done, err := d.repaired(ctx, p, recs[failed])
		if err != nil {
			return err
		}
		if done {
			if err := d.tidy(ctx, p, recs); err != nil {
				return err
			}
			return d.closeAll(ctx, p, recs)
		}
	}
	if p.Refused != nil {
		if begun { // recorded as done by closeAll
			return nil
		}
		return d.refuse(ctx, p, ddlFailed, p.Refused)
	}
	if !begun {
		if err := d.permitted(ctx, p); err != nil {
			return err
		}
		if failed >= 0 && len(p.Conditions) > 0 { // rows were changed until it holds
			if err := d.unsure(ctx, p); err != nil {
				return err
			}
		}
	}
	for i := range p.Steps {
		if err := d.runStep(ctx, p, i); err != nil {
			return err
		}
	}
	if begun || failed >= 0 {
		return d.compared(ctx, p)
	}
	return nil
}

// permitted checks a plan's conditions. One that does not hold is recorded and
// is the error.
func (d *ddlRunner) permitted(ctx context.Context, p *DDLPlan) error {
	for _, c := range p.Conditions {
		rows, err := d.ask(ctx, c.Query)
		if absentTable(err) {
			continue // the first step says so
		}
		if err != nil {
			return targetError(err, "check whether a DDL can be applied")
		}
		if len(rows) == 0 {
			continue
		}
		state := ddlFailed
		if c.Values {
			state = ddlRefused
		}
		return d.refuse(ctx, p, state, c.Failed)
	}
	return nil
}

// valuesLost returns the error of a DDL that was refused for good. That the
// table has no rows by now does not help: the source's table has them.
func (d *ddlRunner) valuesLost(ctx context.Context, p *DDLPlan) error {
	var first error
	for _, c := range p.Conditions {
		if !c.Values {
			continue
		}
		if first == nil {
			first = c.Failed
		}
		if rows, err := d.ask(ctx, c.Query); err == nil && len(rows) > 0 {
			return c.Failed
		}
	}
	if first != nil {
		return first
	}
	return &replica.Error{Code: 61053, Class: "DDL", Table: p.SourceTable,
		Message: fmt.Sprintf("the rows of %s cannot get the values that the DDL of transaction %s gave them at the source", p.SourceTable, p.Txn.ID),
		Remedy:  "STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, and START MIGRATION, which copies them again"}
}

// refuse records that a DDL is not executed, and returns why.
func (d *ddlRunner) refuse(ctx context.Context, p *DDLPlan, state string, why *replica.Error) error {
	fp, err := d.fingerprint(ctx, p.tables(), p.schema())
	if err != nil {
		return targetError(err, "read the target's definitions")
	}
	sql := ""
	if len(p.Steps) > 0 {
		sql = p.Steps[0].SQL
	}
	if err := d.record(ctx, p, 0, ddlRecord{state: state, fingerprint: fp}, sql, clipNote("not executed: "+reason(why))); err != nil {
		return err
	}
	return why
}

// reason returns why a DDL is refused, with the cause and without the remedy.
func reason(why *replica.Error) string {
	if why.Err == nil {
		return why.Message
	}
	return why.Message + ": " + why.Err.Error()
}

// repaired judges the target's tables after a refusal: true if they were changed
// since, and are as the whole DDL leads to. Tables that were not changed prove
// nothing, even if they are: a TRUNCATE changes no definition.
func (d *ddlRunner) repaired(ctx context.Context, p *DDLPlan, rec *ddlRecord) (bool, error) {
	fp, err := d.fingerprint(ctx, p.tables(), p.schema())
	if err != nil {
		return false, targetError(err, "read the target's definitions")
	}
	if fp == rec.fingerprint {
		return false, nil
	}
	if len(p.Expected) == 0 {
		return true, nil
	}
	if p.silent() && len(p.Conditions) == 0 {
		return false, d.compareAfterwards(ctx, p)
	}
	differs, err := d.differences(ctx, p)
	if err != nil || len(differs) == 0 {
		return err == nil, err
	}
	return false, &replica.Error{Code: 61053, Class: "DDL", Table: p.SourceTable,
		Message: fmt.Sprintf("the target was changed by hand after the DDL of transaction %s on %s (%s) was refused, and is not as the whole statement leads to: %s",
			p.Txn.ID, p.SourceTable, p.Txn.DDL.Excerpt(), clipNote(strings.Join(differs, "; "))),
		Remedy: "change the target's table until nothing of this differs, or undo the change by hand so that Sluice tries the statement again; then START MIGRATION"}
}

// differences compares the target's tables with what the whole DDL leads to.
func (d *ddlRunner) differences(ctx context.Context, p *DDLPlan) ([]string, error) {
	var differs []string
	for _, e := range p.Expected {
		create, err := d.create(ctx, "SHOW CREATE TABLE "+replica.QuoteTable(e.Table[0], e.Table[1]))
		if err != nil {
			return nil, targetError(err, "read the target's definitions")
		}
		for _, what := range e.Differs(create) {
			differs = append(differs, e.Table[0]+"."+e.Table[1]+": "+what)
		}
	}
	return differs, nil
}

// compareAfterwards records that the target was changed by hand: an index, say, was
// removed so that the target takes the steps, and is missing once they are executed. The
// record has the number after the last step's. It is written before a step runs again,
// so that the comparison also follows when the process dies and another owner goes on.
func (d *ddlRunner) compareAfterwards(ctx context.Context, p *DDLPlan) error {
	return d.record(ctx, p, len(p.Steps), ddlRecord{state: ddlFailed}, "", "the target was changed by hand: it is compared with what the statement leads to")
}

// compared returns an error as long as a target that was changed by hand is not as the
// executed DDL leads to.
func (d *ddlRunner) compared(ctx context.Context, p *DDLPlan) error {
	last := len(p.Steps)
	rec, err := d.lookupStep(ctx, p, last)
	if err != nil {
		return targetError(err, "read the DDL log")
	}
	if rec == nil || rec.state == ddlDone {
		return nil
	}
	differs, err := d.differences(ctx, p)
	if err != nil {
		return err
	}
	if len(differs) == 0 {
		return d.closeStep(ctx, p, last, ddlDone, "", "the target is as the statement leads to")
	}
	return &replica.Error{Code: 61053, Class: "DDL", Table: p.SourceTable,
		Message: fmt.Sprintf("the DDL of transaction %s on %s (%s) is executed, and what was changed by hand in the target before that is not as the statement leads to: %s",
			p.Txn.ID, p.SourceTable, p.Txn.DDL.Excerpt(), clipNote(strings.Join(differs, "; "))),
		Remedy: "make in the target what is missing (an index that was removed so that the target takes the statement) until nothing of this differs, then START MIGRATION again"}
}

// tidy executes the steps that drop Sluice's own tables, though the others were made up
// for by hand. They are recorded like every step, so that a former owner drops nothing
// from a later rebuild; dying after one leaves the refused step's record, and with it the
// same judgement.
func (d *ddlRunner) tidy(ctx context.Context, p *DDLPlan, recs []*ddlRecord) error {
	for i := range p.Steps {
		if !p.Steps[i].Tidy {
			continue
		}
		if err := d.runStep(ctx, p, i); err != nil {
			return err
		}
		recs[i] = &ddlRecord{state: ddlDone}
	}
	return nil
}

// closeAll records all of a DDL as done, in one commit.
func (d *ddlRunner) closeAll(ctx context.Context, p *DDLPlan, recs []*ddlRecord) error {
	const note = "the target has the definition that the statement leads to: changed by hand since it was refused"
	var stmts []Statement
	for i, rec := range recs {
		if rec != nil && rec.state == ddlDone {
			continue
		}
		sql := ""
		if i < len(p.Steps) {
			sql = p.Steps[i].SQL
		}
		stmts = append(stmts, d.recordStatement(p, i, ddlRecord{state: ddlDone}, sql, note))
	}
	if len(p.Conditions) == 0 {
		return d.controlCommit(ctx, stmts...)
	}
	return d.unsure(ctx, p, stmts...)
}

// unsure records, with stmts, that somebody changed rows of the target because a
// condition of the DDL did not hold. The source's statement gave them values that
// only that person knows: the migration is not ready for a cutover until something
// compares them. Dying after the commit leaves the record, which a repetition only
// counts again.
func (d *ddlRunner) unsure(ctx context.Context, p *DDLPlan, stmts ...Statement) error {
	for _, e := range p.Expected {
		stmts = append(stmts, Statement{SQL: divergence(d.control.channel, d.control.lane, e.Table[0]+"."+e.Table[1], "REPAIR"), Want: -1})
	}
	if err := d.controlCommit(ctx, stmts...); err != nil {
		return err
	}
	if d.cfg.Report != nil {
		d.cfg.Report(&replica.Error{Code: 61053, Class: "DDL", Table: p.SourceTable,
			Message: fmt.Sprintf("the rows of %s that existed at transaction %s have the values that somebody gave them by hand, which nothing has compared with the source's",
				p.SourceTable, p.Txn.ID)})
	}
	return nil
}

// silent returns true if no table's definition says whether the DDL was executed.
func (p *DDLPlan) silent() bool {
	for _, e := range p.Expected {
		if !e.Silent {
			return false
		}
	}
	return true
}

// tables returns every target table that the plan changes, and schema the
// schema.
func (p *DDLPlan) tables() [][2]string {
	var out [][2]string
	seen := map[[2]string]bool{}
	add := func(t [2]string) {
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	for _, s := range p.Steps {
		for _, t := range s.Tables {
			add(t)
		}
	}
	for _, e := range p.Expected {
		add(e.Table)
	}
	return out
}

func (p *DDLPlan) schema() string {
	for _, s := range p.Steps {
		if s.Schema != "" {
			return s.Schema
		}
	}
	return ""
}

// absentTable returns true for the errors of a table, a schema or a column that
// does not exist.
func absentTable(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && (me.Number == 1146 || me.Number == 1049 || me.Number == 1054)
}

// maxNote is below the length of ddl_log.note.
const maxNote = 1500

func clipNote(s string) string {
	if len(s) > maxNote {
		return strings.ToValidUTF8(s[:maxNote], "") + " .."
	}
	return s
}
