package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"sluice/gateway/migration"
	"sluice/sqladmin"
)

// viewDDL is SHOW MIGRATION DDL. The rows are in the targets; one that does not
// answer costs a warning.
func viewDDL(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	migrations, err := c.migrations(ctx)
	if err != nil {
		return nil, nil, err
	}
	states, err := c.channelStates(ctx)
	if err != nil {
		return nil, nil, err
	}
	targets := map[string]string{} // of each migration, by ID
	for _, m := range migrations {
		targets[m.ID] = m.Spec.Target
	}
	keys := map[string][]string{} // by target
	names := map[string]string{}
	var order []string
	for _, ch := range states {
		if ch.Epoch == 0 {
			continue // it never ran: the target may not even have the table
		}
		t := targets[ch.MigrationID]
		if keys[t] == nil {
			order = append(order, t)
		}
		keys[t] = append(keys[t], ch.Channel)
		names[ch.Channel] = ch.Name
	}
	var (
		rows     [][]any
		warnings []sqladmin.Warning
	)
	logs, errs := c.ddlLogs(ctx, order, keys)
	for i, t := range order {
		if errs[i] != nil && ctx.Err() != nil && !wentSilent(ctx) {
			return nil, nil, errs[i]
		}
		for _, e := range logs[i] {
			rows = append(rows, ddlRow(names[e.Channel], &e))
		}
		if w := ddlWarning(t, errs[i]); w != nil {
			warnings = append(warnings, *w)
		}
	}
	return rows, warnings, nil
}

// ddlLogs reads the targets beside each other: those that do not answer take
// the time of one.
func (c *controller) ddlLogs(ctx context.Context, targets []string, keys map[string][]string) ([][]migration.DDLEntry, []error) {
	logs, errs := make([][]migration.DDLEntry, len(targets)), make([]error, len(targets))
	var wait sync.WaitGroup
	for i, t := range targets {
		wait.Go(func() {
			logs[i], errs[i] = lastKnown(ctx, c, "ddl of "+t, func(ctx context.Context) (entries []migration.DDLEntry, err error) {
				err = c.withTargetNamed(ctx, t, func(ctx context.Context, tg *target) error {
					entries, err = migration.DDLLog(ctx, tg.db, keys[t])
					return err
				})
				return entries, err
			})
		})
	}
	wait.Wait()
	return logs, errs
}

func ddlRow(channel string, e *migration.DDLEntry) []any {
	name, _, _ := strings.Cut(channel, "/") // the migration's
	row := []any{channel, e.Position, e.SourceTable, e.SourceSQL, e.TargetSQL, strings.ToUpper(e.State), nil, nil, nil, named(e.Note, name), name}
	if e.JobID != nil {
		row[6] = *e.JobID
	}
	if e.StartedAt != nil {
		row[7] = when(*e.StartedAt)
	}
	if e.FinishedAt != nil {
		row[8] = when(*e.FinishedAt)
	}
	return row
}

func ddlWarning(target string, err error) *sqladmin.Warning {
	var e *sqladmin.Error
	if err == nil || errors.As(adminError(err), &e) && (e.Code == 1146 || e.Code == 1049) {
		return nil // a channel that was claimed and has not begun
	}
	return &sqladmin.Warning{Level: "Warning", Code: sqladmin.CodeNodeSilent,
		Message: fmt.Sprintf("the DDL of target '%s' is missing: %s", target, err.Error())}
}
