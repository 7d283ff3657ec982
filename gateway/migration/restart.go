package migration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/schema"
	"sluice/replica/snapshot"
)

// alteredError says that a table's definition changed while it was copied.
type alteredError struct{ c *copying }

func (e *alteredError) Error() string {
	return fmt.Sprintf("the table %s was altered while it was copied", e.c.table)
}

// unchanged compares the source's definition with the one that was copied. A
// table that is gone was dropped, or renamed and then is copied in part only:
// which of the two cannot be told here.
func (x *run) unchanged(ctx context.Context, c *copying) error {
	create, err := x.src.ShowCreate(ctx, c.state.schema, c.state.table)
	if err != nil {
		var e *replica.Error
		if errors.As(err, &e) && e.Code == 1146 {
			return vanished(c.table.String())
		}
		return err
	}
	now, err := x.parse(c.state.schema, create)
	if err != nil {
		return err
	}
	if schema.SameShape(now, c.table) != "" {
		return &alteredError{c}
	}
	return nil
}

func vanished(table string) error {
	return &replica.Error{Code: 61096, Class: "DDL", Table: table,
		Message: fmt.Sprintf("the table %s was renamed or dropped while it was copied", table),
		Remedy:  "RESET MIGRATION, empty or drop the target's tables, then START MIGRATION again; hold renames back until the phase is CATCHUP"}
}

// parse reads a definition with the schema's defaults.
func (x *run) parse(schemaName, create string) (*replica.Table, error) {
	d := x.defaults
	d.Charset, d.Collation = x.tracker.Database(schemaName)
	return schema.ParseCreate(schemaName, create, d)
}

// definitionErrors are the source's answers to a read whose table was altered
// under it: no such table or column, and MySQL's 1412 for a snapshot.
var definitionErrors = map[uint16]bool{1146: true, 1054: true, 1412: true}

// blame finds out whether a failed read is due to a DDL.
func (x *run) blame(ctx context.Context, c *copying, err error) error {
	var e *replica.Error
	if errors.As(err, &e) && definitionErrors[e.Code] {
		if changed := x.unchanged(ctx, c); changed != nil {
			return changed
		}
	}
	return err
}

// restart begins a table's copy again with its new definition and a start
// position of its own. The stream skips the table's rows and DDL up to there;
// the tracker, which follows from the channel's start, still sees that DDL.
//
// The target's table is dropped and made anew by recorded DDL, as the stream's
// is. A crash before the table is there and its state says "copy" again begins the
// restart again, with another position and so another name in the DDL log.
func (x *run) restart(ctx context.Context, c *copying) error {
	x.r.event("TABLE", fmt.Sprintf("%s was altered while it was copied: its copy begins again", c.table))
	gtids, at, err := snapshot.StartPosition(ctx, x.src, c.table)
	if err != nil {
		return err
	}
	pos, err := x.position(gtids, at)
	if err != nil {
		return err
	}
	create, err := x.src.ShowCreate(ctx, c.state.schema, c.state.table)
	if err != nil {
		var e *replica.Error
		if errors.As(err, &e) && e.Code == 1146 {
			return vanished(c.table.String())
		}
		return err
	}
	t, err := x.parse(c.state.schema, create)
	if err != nil {
		return err
	}
	ts, tt := x.cfg.Rules.Target(t.Schema, t.Name)
	sql, notes, err := schema.TargetCreate(t, ts, tt)
	if err != nil {
		return err
	}
	// First the state and the records in one transaction: whatever the target's
	// table is after a crash from here on, copyOnce begins the restart again.
	c.state.state = stateAgain
	if err := x.copier.Control(ctx, c.state.insert(x.cfg.Channel), c.state.forgetChunks(x.cfg.Channel)); err != nil {
		return err
	}
	name := replica.TxnID{Source: "copy of " + t.String() + " at " + shortHash(pos.String()), Seq: 1}
	tables := [][2]string{{ts, tt}}
	err = x.copier.RunDDL(ctx, &apply.DDLPlan{Txn: &replica.Transaction{ID: name, DDL: &replica.DDL{Text: create}}, SourceTable: t.String(),
		Steps: []apply.Step{{SQL: "DROP TABLE IF EXISTS " + replica.QuoteTable(ts, tt), Tables: tables}, {SQL: sql, Tables: tables}},
		Note:  clip(strings.Join(notes, "; "), 1900)})
	if err != nil {
		return err
	}
	c.state.state, c.state.definition, c.state.start, c.state.high = stateCopy, t.Create, pos, replica.Coordinates{}
	x.progress.restart(c.state.key())
	return x.copier.Control(ctx, c.state.insert(x.cfg.Channel))
}

func shortHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:6])
}
