package migration

import (
	"context"

	"sluice/gateway/apply"
	"sluice/replica/schema"
	"sluice/replica/source"
)

// Views and sequences have the names of tables and are none. The channel records
// those that its rules would want, as it records definitions: a sequence's row
// events, or a RENAME of either, may still be in the binlog when the source has
// long dropped it.

// isObject returns true if a recorded definition is that of a view or sequence.
func isObject(d *definition) bool {
	k := schema.ObjectKind(d.Create)
	return k == schema.View || k == schema.Sequence
}

// loadObjects makes the recorded views and sequences known to the tracker, and
// those that the source has now: a channel of an older version recorded none.
func (x *run) loadObjects(ctx context.Context, history []definition) error {
	now, err := x.src.Objects(ctx, x.cfg.Rules.Wanted)
	if err != nil {
		return err
	}
	for _, o := range now {
		x.tracker.PutObject(schema.Object{Schema: o.Schema, Name: o.Name, Kind: schema.ObjectKind(o.Type)})
	}
	for i := range history {
		if d := &history[i]; isObject(d) {
			x.tracker.PutObject(schema.Object{Schema: d.Schema, Name: d.Table, Kind: schema.ObjectKind(d.Create)})
		}
	}
	return nil
}

// objectStatements record views and sequences.
func (x *run) objectStatements(position string, list []source.ObjectInfo) []apply.Statement {
	var out []apply.Statement
	for _, o := range list {
		out = append(out, apply.HistoryStatements(x.cfg.Channel, position, apply.Definition{Schema: o.Schema, Table: o.Name, Create: o.Type, Object: true})...)
	}
	return out
}

// objectHistory lists the views and sequences that a statement made or dropped.
func objectHistory(c schema.Change) []apply.Definition {
	var out []apply.Definition
	for _, o := range c.Objects {
		out = append(out, apply.Definition{Schema: o.Schema, Table: o.Name, Create: string(o.Kind), Object: true})
	}
	return out
}
