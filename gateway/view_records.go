package gateway

import (
	"context"

	"sluice/sqladmin"
)

// recordsShown bounds the rows of the tables that grow with time: the newest
// are shown.
const recordsShown = 10_000

// viewErrors is SHOW MIGRATION ERRORS, newest first.
func viewErrors(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	list, err := c.catalog.Errors(ctx, "", recordsShown)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, e := range list {
		rows = append(rows, []any{e.ID, when(e.At), e.Migration, e.Channel, e.Table, e.Node, e.Errno, e.SQLState, e.Class, e.Transient,
			e.Count, e.Message, e.Remedy, e.Position, when(e.ResolvedAt)})
	}
	return rows, nil, nil
}

// viewEvents is SHOW MIGRATION EVENTS, newest first.
func viewEvents(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	list, err := c.catalog.Events(ctx, "", recordsShown)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, e := range list {
		rows = append(rows, []any{e.ID, when(e.At), e.Migration, e.Channel, e.Node, e.User, e.Kind, e.Message})
	}
	return rows, nil, nil
}

// viewOperations is SHOW OPERATIONS, newest first.
func viewOperations(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	list, err := c.catalog.Operations(ctx, recordsShown)
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
