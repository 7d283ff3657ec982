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
	now, err := x.definedNow(ctx, c)
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
		Message: fmt.Sprintf("the table %s was renamed, dropped, or exchanged with a partition while it was copied", table),
		Remedy:  "RESET MIGRATION, empty or drop the target's tables, then START MIGRATION again; hold such DDL back until the phase is CATCHUP"}
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

// blameWrite finds out whether a chunk could not be written because the table's
// definition in the source is another one by now: under another key or collation,
// rows of two chunks may meet.
func (x *run) blameWrite(ctx context.Context, c *copying, err error) error {
	var e *replica.Error
	var altered *alteredError
	if errors.As(err, &e) && ctx.Err() == nil && errors.As(x.unchanged(ctx, c), &altered) {
		return altered
	}
	return err
}

// restart begins a table's copy again with its new definition and a start
// position of its own. The stream skips the table's rows and DDL up to there;
// the tracker, which follows from the channel's start, still sees that DDL.
//
// The target's table is dropped and made anew by recorded DDL, as the stream's
// is. After a crash before the table is there and its state says "copy" again, or
// when the target refuses the table, the restart goes on with the same position,
// and so the same name in the DDL log, as long as the definition is the same.
func (x *run) restart(ctx context.Context, c *copying) error {
	x.r.event("TABLE", fmt.Sprintf("%s was altered while it was copied: its copy begins again", c.table))
	t, pos, err := x.startAgain(ctx, c)
	if err != nil {
		return err
	}
	ts, tt := x.cfg.Rules.Target(t.Schema, t.Name)
	sql, notes, err := x.dialect().Create(t, ts, tt)
	if err != nil {
		return err
	}
	// First the state and the records in one transaction: whatever the target's
	// table is after a crash from here on, copyOnce begins the restart again.
	c.state.state, c.state.definition, c.state.start, c.state.high = stateAgain, t.Create, pos, replica.Coordinates{}
	if err := x.copier.Control(ctx, c.state.insert(x.cfg.Channel), c.state.forgetChunks(x.cfg.Channel)); err != nil {
		return err
	}
	name := replica.TxnID{Source: "copy of " + t.String() + " at " + shortHash(pos.String()), Seq: 1}
	tables := [][2]string{{ts, tt}}
	err = x.copier.RunDDL(ctx, &apply.DDLPlan{Txn: &replica.Transaction{ID: name, DDL: &replica.DDL{Text: t.Create}}, SourceTable: t.String(),
		Steps: []apply.Step{{SQL: "DROP TABLE IF EXISTS " + replica.QuoteTable(ts, tt), Tables: tables}, {SQL: sql, Tables: tables}},
		Note:  clip(strings.Join(notes, "; "), 1900)})
	if err != nil {
		return err
	}
	c.state.state = stateCopy
	x.progress.restart(c.state.key())
	return x.copier.Control(ctx, c.state.insert(x.cfg.Channel))
}

// startAgain returns a table's definition and a position at which the table had it:
// those of a restart that was not finished, if they still do.
func (x *run) startAgain(ctx context.Context, c *copying) (*replica.Table, replica.Position, error) {
	now, err := x.definedNow(ctx, c)
	if err != nil {
		return nil, replica.Position{}, err
	}
	if c.state.state == stateAgain && schema.SameShape(now, c.table) == "" {
		return c.table, c.state.start, nil
	}
	for range 10 {
		gtids, at, err := snapshot.StartPosition(ctx, x.src, now)
		if err != nil {
			return nil, replica.Position{}, err
		}
		pos, err := x.position(gtids, at)
		if err != nil {
			return nil, replica.Position{}, err
		}
		before := now
		if now, err = x.definedNow(ctx, c); err != nil {
			return nil, replica.Position{}, err
		}
		// A DDL between the two would be in the definition, and run again behind
		// the position.
		if schema.SameShape(now, before) == "" {
			return now, pos, nil
		}
	}
	return nil, replica.Position{}, &replica.Error{Code: 61096, Class: "DDL", Table: c.table.String(), Transient: true,
		Message: fmt.Sprintf("the table %s is altered again and again while its copy begins", c.table), Remedy: "hold DDL on it back until the phase is CATCHUP"}
}

// definedNow reads the source's definition of a table that is copied.
func (x *run) definedNow(ctx context.Context, c *copying) (*replica.Table, error) {
	create, err := x.src.ShowCreate(ctx, c.state.schema, c.state.table)
	if err != nil {
		var e *replica.Error
		if errors.As(err, &e) && e.Code == 1146 {
			return nil, vanished(c.table.String())
		}
		return nil, err
	}
	return x.parse(c.state.schema, create)
}

func shortHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:6])
}
