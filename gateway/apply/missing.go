package apply

import (
	"context"
	"database/sql"
	"fmt"
)

// MissingTables returns the target's tables that a channel is recorded to write and that the target does not have, in order.
// A DDL that a crash interrupted may have dropped or renamed one before the record says so.
func MissingTables(ctx context.Context, db *sql.DB, channel string) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT CONCAT(o.target_schema, '.', o.target_table) FROM "+MetaSchema+".target_tables o LEFT JOIN information_schema.tables t"+
		" ON LOWER(t.table_schema)=o.target_schema AND LOWER(t.table_name)=o.target_table WHERE o.channel=? AND t.table_name IS NULL ORDER BY 1", channel)
	if err != nil {
		return nil, fmt.Errorf("look for the target's tables: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return nil, fmt.Errorf("look for the target's tables: %w", err)
		}
		out = append(out, table)
	}
	return out, rows.Err()
}

// RecordMissing records a divergence for each table that the target lost since the last call, without a record of one so
// far, and returns their names. The caller has applied all that the source has: then no DDL that a crash interrupted is
// left. It does nothing while transactions or a DDL are under way.
//
// The commit is fenced: a former owner, for which a table is gone that the new owner has just dropped, records nothing.
func (a *Applier) RecordMissing(ctx context.Context, db *sql.DB) ([]string, error) {
	select {
	case a.controlMu <- struct{}{}:
	default:
		return nil, nil
	}
	defer a.controlMu.Unlock()
	if !a.CaughtUp() {
		return nil, nil
	}
	missing, err := MissingTables(ctx, db, a.control.channel)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	_, known, err := Divergences(ctx, db, a.control.channel)
	if err != nil {
		return nil, err
	}
	recorded := map[string]bool{}
	for _, t := range known {
		recorded[t] = true
	}
	var found []string
	var stmts []statement
	for _, t := range missing {
		if !recorded[t] {
			found, stmts = append(found, t), append(stmts, a.control.diverged(t))
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	base, extra := a.sched.checkpoint(a.control.extra, nil)
	return found, a.control.commit(ctx, base, extra, a.control.partial, stmts)
}
