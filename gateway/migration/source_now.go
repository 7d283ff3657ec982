package migration

import (
	"context"
	"errors"

	"sluice/replica"
	"sluice/replica/schema"
	"sluice/ruleset"
)

// sourceNow answers the tracker's questions about one statement.
type sourceNow struct {
	ctx context.Context
	run *run
	end replica.Coordinates // where the statement's transaction ends
}

var _ schema.Source = (*sourceNow)(nil)

// ShowCreate implements schema.Source. A view that has the name now is no table,
// and one that the account may not see, or no longer, decides nothing.
func (n *sourceNow) ShowCreate(schemaName, table string) (string, error) {
	create, err := n.run.src.ShowCreate(n.ctx, schemaName, table)
	var e *replica.Error
	if errors.As(err, &e) && !e.Transient {
		return "", nil
	}
	return create, err
}

// Kind implements schema.Source.
func (n *sourceNow) Kind(schemaName, name string) (schema.ObjectKind, error) {
	kind, err := n.run.src.Kind(n.ctx, schemaName, name)
	return schema.ObjectKind(kind), err
}

// ShowCreateThen implements schema.Source: the present definition was that of the
// statement's time if the binlog has no statement between the two that may touch
// the table. A source that does not show its binlog leaves it unknown.
func (n *sourceNow) ShowCreateThen(schemaName, table string) (string, error) {
	create, err := n.ShowCreate(schemaName, table)
	if err != nil || create == "" {
		return "", err
	}
	rules, err := ruleset.Compile(ruleset.Spec{DoTable: []ruleset.TableName{{Schema: schemaName, Table: table}}, CaseInsensitive: n.run.cfg.Rules.CaseInsensitive()})
	if err != nil {
		return "", nil
	}
	tracker := schema.NewTracker(rules, n.run.defaults)
	same, err := n.run.src.StatementsAfter(n.ctx, n.end, func(session, text string) bool {
		return !mayTouch(tracker, session, text)
	})
	var e *replica.Error
	switch {
	case errors.As(err, &e) && e.Transient:
		return "", e
	case err != nil || !same:
		return "", nil
	}
	return create, nil
}

// The bits of sql_mode that decide how text is read: ANSI_QUOTES and
// NO_BACKSLASH_ESCAPES. SHOW BINLOG EVENTS does not print them.
const ansiQuotes, noBackslashEscapes = 1 << 2, 1 << 20

// mayTouch returns true if the statement, read under any sql_mode, may touch the
// tracker's table.
func mayTouch(tracker *schema.Tracker, session, text string) bool {
	for _, mode := range []uint64{0, ansiQuotes, noBackslashEscapes, ansiQuotes | noBackslashEscapes} {
		if tracker.MayTouch(replica.DDL{Schema: session, Text: text, SQLMode: mode}) {
			return true
		}
	}
	return false
}
