package migration

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/schema"
)

// checkTarget says whether a source table can be made or held in the target.
func (r *Runner) checkTarget(ctx context.Context, trial *trial, t *replica.Table, ts, tt string, d schema.Target) ([]Finding, error) {
	object := ts + "." + tt
	have, err := targetColumns(ctx, r.cfg.Target, ts, tt)
	if err != nil {
		return nil, err
	}
	follows := !r.copies()
	if have == nil {
		if follows {
			return []Finding{blocking("target.missing", "TABLE", object, r.name(missingTable(ts, tt)))}, nil
		}
		return r.checkCreate(ctx, trial, t, ts, tt, d)
	}
	if err := holds(t, ts, tt, have); err != nil {
		return []Finding{blocking("target.columns", "TABLE", object, r.name(err))}, nil
	}
	if err := fitting(ctx, r.cfg.Target, t, ts, tt, !follows); err != nil {
		return []Finding{blocking("target.columns", "TABLE", object, r.name(err))}, nil
	}
	if err := imagesHave(t, ts, tt, have, d); err != nil {
		return []Finding{blocking("target.columns", "TABLE", object, r.name(err))}, nil
	}
	out := generatedFindings(t, object, d, have)
	if follows {
		return out, nil
	}
	n := 0
	if err := r.cfg.Target.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM "+replica.QuoteTable(ts, tt)+" LIMIT 1) x").Scan(&n); err != nil {
		return nil, fmt.Errorf("look into the target table: %w", err)
	}
	if n > 0 {
		return []Finding{blocking("target.rows", "TABLE", object, r.name(notEmpty(ts, tt)))}, nil
	}
	return out, nil
}

// byHand adds the statement that an operator may execute in the target, if only a
// GEOMETRY column is in the way.
func byHand(f Finding, t *replica.Table, ts, tt string, d schema.Target) Finding {
	d.GeometryBytes = true
	sql, _, err := d.Create(t, ts, tt)
	if err != nil {
		return f
	}
	f.Remedy = "execute Remedy_SQL in the target, which makes the table with a LONGBLOB in the column's place; or leave the table out with REPLICATE_IGNORE_TABLE"
	f.RemedySQL = "CREATE DATABASE IF NOT EXISTS " + replica.Quote(ts) + "; " + sql
	return f
}

// checkCreate says whether the target can have the table: by what is known of TiDB's
// limits, and by having it try where the account may.
func (r *Runner) checkCreate(ctx context.Context, trial *trial, t *replica.Table, ts, tt string, d schema.Target) ([]Finding, error) {
	object := ts + "." + tt
	_, notes, err := d.Create(t, ts, tt)
	if err != nil {
		return []Finding{byHand(blocking("target.create", "TABLE", object, r.name(err)), t, ts, tt, d)}, nil
	}
	over, err := schema.OverLimits(t, ts, tt, trial.limits)
	if err != nil {
		return []Finding{blocking("target.create", "TABLE", object, r.name(err))}, nil
	}
	if over != nil {
		return []Finding{blocking("target.limits", "TABLE", object, &replica.Error{
			Message: "TiDB cannot have the table: " + clip(strings.Join(over, "; "), 1000),
			Remedy: "change the table at the source, raise the limit that is named in TiDB's configuration, leave the table out with " +
				"REPLICATE_IGNORE_TABLE, or create it by hand in the target in a form that holds the source's rows"})}, nil
	}
	refused, err := trial.create(ctx, t, ts, tt, d)
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return []Finding{blocking("target.create", "TABLE", object, refused)}, nil
	}
	if _, err := apply.Bind(t, ts, tt, func(string) bool { return false }); err != nil {
		return []Finding{blocking("source.types", "TABLE", t.String(), r.name(err))}, nil
	}
	out := generatedFindings(t, object, d, nil)
	for _, n := range notes {
		if slices.ContainsFunc(out, func(f Finding) bool { return f.Finding == n }) {
			continue
		}
		out = append(out, Finding{ID: "target.translated", Severity: "INFO", Scope: "TABLE", Object: object, Finding: n, Blocks: "-"})
	}
	return out, nil
}
