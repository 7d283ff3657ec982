package apply

import (
	"context"
	"time"

	"sluice/replica"
)

// Step is one statement that a source's DDL becomes on the target.
type Step struct {
	SQL string
	// Tables are the target tables, and Schema the schema, whose definitions
	// the statement changes: their fingerprint before it tells, after a crash,
	// whether it ran.
	Tables [][2]string
	Schema string
	// Tidy reports that the statement drops a table that only Sluice's other steps use.
	Tidy bool
}

// DDLPlan is everything that one DDL transaction of the source changes.
type DDLPlan struct {
	Txn         *replica.Transaction
	SourceTable string // for people
	Steps       []Step
	History     []Definition
	Note        string
	// Session is what the sessions that execute the steps must have.
	Session DDLSession
	// Refused is set instead of Steps for a statement that has no translation.
	Refused *replica.Error
	// Conditions must hold before the first step.
	Conditions []DDLCondition
	// Expected are the target tables as they have to be after the last step.
	Expected []Expected
}

// DDLSession is the part of a source's session that decides what a DDL does to
// the rows that exist. A zero field leaves the setting as it is.
type DDLSession struct {
	TimeZone string
	SQLMode  string
	At       time.Time // what CURRENT_TIMESTAMP returns
}

// DDLCondition is a query that returns no row if the condition holds, and the
// error otherwise.
type DDLCondition struct {
	Query  string
	Failed *replica.Error
	// Values reports that rows of the target can get the source's values in no
	// way: a repair by hand does not make up for the condition.
	Values bool
}

// Expected is one target table after a DDL.
type Expected struct {
	Table [2]string
	// Silent reports that the DDL leads to a definition that does not differ from
	// the one before it: an exchange of names, a TRUNCATE. The definition is then no
	// proof that somebody made the change by hand.
	Silent bool
	// Differs compares the table with what the DDL leads to. create is the output
	// of SHOW CREATE TABLE, "" if there is no such table. It returns one text for
	// each difference that matters to the rows, and nil if there is none.
	Differs func(create string) []string
}

// RunDDL executes a DDL at a barrier: everything before it is committed,
// nothing after it has begun. TiDB's DDL is not transactional, so that each
// step is recorded:
//
//  1. intent: a fenced commit with the text, a tag, the fingerprint of what it
//     changes, and the id of the only connection that will send it;
//  2. the statement runs on that connection, with the tag inside its text;
//  3. done: a fenced commit; the last one moves the position and the history.
//
// What if the process dies: before 1 nothing happened; between 1 and 3 the
// next owner first kills the connection of the intent, so that the statement
// cannot start any more, then looks the tag up in TiDB's DDL jobs: finished is
// done, running is waited for, cancelled or unknown with the old fingerprint is
// run again. After 3 it is done. A zombie that lost its epoch before 1 is
// fenced there; one that lost it between 1 and 2 has no connection left.
//
// A statement that has no translation, or that the target refuses, is recorded
// too and is an error. The next RunDDL of it judges the target's tables: see
// ddlRunner.repaired.
func (a *Applier) RunDDL(ctx context.Context, p *DDLPlan) error {
	if a.skip.Contains(p.Txn.ID) {
		return a.sched.submit(ctx, &unit{id: p.Txn.ID, commit: p.Txn.CommitTime})
	}
	if err := a.Drain(ctx); err != nil {
		return err
	}
	if err := a.controlMu.take(ctx); err != nil {
		return err
	}
	defer a.controlMu.Unlock()
	if a.partial != nil && a.partial.ID == p.Txn.ID {
		return nil // its DDL part is done, some of its rows too
	}
	if err := a.raiseBefore(ctx, p); err != nil {
		return err
	}
	if err := a.ddl().run(ctx, p); err != nil {
		return err
	}
	return a.finishDDL(ctx, p)
}

// finishDDL moves the history, and the position unless rows of the same
// transaction follow.
func (a *Applier) finishDDL(ctx context.Context, p *DDLPlan) error {
	base, _ := a.Position()
	var partial *Partial
	if p.Txn.More {
		partial = &Partial{ID: p.Txn.ID}
	} else {
		base.Advance(p.Txn.ID)
	}
	var stmts []Statement
	for _, d := range p.History {
		stmts = append(stmts, HistoryStatements(a.control.channel, base.String(), d)...)
	}
	extra := a.control.extra.Clone()
	base.Prune(extra)
	if err := a.control.commit(ctx, base.String(), extra, partial, convert(stmts)); err != nil {
		if shared := SharedTable(err); shared != nil {
			return shared
		}
		return rowError(err, p.Txn.ID)
	}
	a.stats.checkpoint()
	a.partial = partial
	if !p.Txn.More {
		a.stats.txns.Add(1)
		a.moveBase(base, p.Txn.CommitTime)
	}
	return nil
}
