package gateway

import (
	"context"
	"strings"

	"sluice/sqladmin"
)

// viewTables is SHOW MIGRATION TABLES. Verified_At and Mismatches are NULL: no
// comparison has been made.
func viewTables(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	snap, err := c.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	open, err := c.openErrors(ctx)
	if err != nil {
		return nil, nil, err
	}
	pages, err := c.tablePages(ctx)
	if err != nil {
		return nil, nil, err
	}
	type key struct{ migrationID, channel, table string }
	errors := map[key]uint64{}
	for _, e := range open {
		if e.Table != "" {
			errors[key{e.MigrationID, e.Channel, strings.ToLower(e.Table)}]++
		}
	}
	var rows [][]any
	for _, m := range snap.migrations {
		for _, ch := range snap.channels[m.ID] {
			tables := tablesOf(ch, pages)
			for i := range tables {
				t := &tables[i]
				status := t.Status
				if !ch.running() {
					status = ch.status
				}
				rows = append(rows, []any{m.Name, ch.Name, t.Schema, t.Table, t.TargetSchema, t.TargetTable, t.Phase, status,
					t.RowsEstimated, t.RowsCopied, t.BytesCopied, t.ProgressPct, nullable(t.ETASeconds), t.ChunksDone, t.ChunksTotal,
					t.Inserts, t.Updates, t.Deletes, t.PrimaryKey, t.AutoColumn, nil, nil,
					errors[key{m.ID, ch.Name, strings.ToLower(t.Schema + "." + t.Table)}], named(t.Note, m.Name)})
			}
		}
	}
	return rows, snap.warnings, nil
}
