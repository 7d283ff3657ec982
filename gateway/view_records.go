package gateway

import (
	"context"
	"strings"

	"sluice/sqladmin"
)

// recordsShown bounds the rows of the tables that grow with time: the newest
// are shown.
const recordsShown = 10_000

// recordNames tells what a migration is called now, by its ID: records have the
// name that it had when they were made, which another may have today.
type recordNames map[string]string

func (c *controller) recordNames(ctx context.Context) (recordNames, error) {
	list, err := c.migrations(ctx)
	if err != nil {
		return nil, err
	}
	names := recordNames{}
	for _, m := range list {
		names[m.ID] = m.Name
	}
	return names, nil
}

// dropped says whether a record is about a migration that is gone.
func (n recordNames) dropped(id string) bool { return id != "" && n[id] == "" }

// of returns a record's migration and channel as they are called now. A dropped
// migration is marked with its ID, and with a slash, which no name has.
func (n recordNames) of(id, migration, channel string) (string, string) {
	now := n[id]
	switch {
	case id == "" || now == migration:
		return migration, channel
	case now == "":
		now = migration + " (dropped/" + id + ")"
	}
	if source, ok := strings.CutPrefix(channel, migration+"/"); ok {
		return now, now + "/" + source
	}
	if channel == migration {
		channel = now
	}
	return now, channel
}

// viewErrors is SHOW MIGRATION ERRORS, newest first. DROP MIGRATION removes a
// migration's errors; one that was reported after that is not shown.
func viewErrors(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	list, err := c.errorRecords(ctx, recordsShown)
	if err != nil {
		return nil, nil, err
	}
	names, err := c.recordNames(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, e := range list {
		if names.dropped(e.MigrationID) {
			continue
		}
		migration, channel := names.of(e.MigrationID, e.Migration, e.Channel)
		rows = append(rows, []any{e.ID, when(e.At), migration, channel, e.Table, e.Node, e.Errno, e.SQLState, e.Class, e.Transient,
			e.Count, named(inOrder(e.Message), migration), named(inOrder(e.Remedy), migration), e.Position, when(e.ResolvedAt)})
	}
	return rows, nil, nil
}

// viewEvents is SHOW MIGRATION EVENTS, newest first. The events of a dropped
// migration stay, under a name that no other has.
func viewEvents(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	list, err := c.eventRecords(ctx, recordsShown)
	if err != nil {
		return nil, nil, err
	}
	names, err := c.recordNames(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, e := range list {
		migration, channel := names.of(e.MigrationID, e.Migration, e.Channel)
		message := e.Message
		if !names.dropped(e.MigrationID) {
			message = named(message, migration)
		}
		rows = append(rows, []any{e.ID, when(e.At), migration, channel, e.Node, e.User, e.Kind, message})
	}
	return rows, nil, nil
}

// viewOperations is SHOW OPERATIONS, newest first.
func viewOperations(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	list, err := c.operationRecords(ctx, recordsShown)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, o := range list {
		rows = append(rows, []any{o.ID, o.Statement, o.User, o.Host, o.Node, o.State, when(o.StartedAt), when(o.FinishedAt), o.Affected,
			o.Errno, o.Message})
	}
	return rows, nil, nil
}
