package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/schema"
	"sluice/replica/source"
)

// Check reports what stands between a channel and its start: the source's
// settings and rights, its tables, and the target's tables. It writes nothing.
// The error is that of a target that does not answer; a source that does not is
// a finding.
func Check(ctx context.Context, cfg Config) ([]Finding, error) {
	r, err := New(cfg)
	if err != nil {
		return nil, err
	}
	src, err := source.Open(ctx, r.cfg.Source)
	if err != nil {
		e := r.name(err)
		return []Finding{blocking("source.connect", "SOURCE", cfg.Source.Name, e)}, nil
	}
	defer src.Close()
	found, err := src.Check(ctx, r.cfg.Rules.Wanted)
	if err != nil {
		return nil, err
	}
	out := make([]Finding, 0, len(found)+4)
	for _, f := range found {
		blocks := "-"
		if f.Severity == source.Error {
			blocks = "START"
		}
		out = append(out, Finding{ID: f.ID, Severity: string(f.Severity), Scope: "SOURCE", Object: f.Object, Finding: f.Finding,
			Remedy: f.Remedy, RemedySQL: f.RemedySQL, Blocks: blocks})
	}
	tables, err := readTables(ctx, src, r.cfg.Rules)
	if err != nil {
		return append(out, blocking("source.definition", "TABLE", cfg.Source.Name, r.name(err))), nil
	}
	started, err := r.started(ctx)
	if err != nil {
		return nil, err
	}
	if len(tables) == 0 {
		f, err := r.checkEmpty(ctx, src, started)
		return append(out, f), err
	}
	return r.checkTables(ctx, out, tables, started, dialect(&r.cfg, src.Facts()))
}

// checkEmpty says what it means that the rules match no table of the source. A
// channel with a position goes on from there: what the binlog has for tables that
// are gone now is applied. A new one may wait for its tables.
func (r *Runner) checkEmpty(ctx context.Context, src *source.Source, started bool) (Finding, error) {
	f := Finding{ID: "source.tables", Severity: "INFO", Scope: "TABLE", Object: r.cfg.Source.Name, Blocks: "-",
		Finding: "the rules match no table of the source now; the channel goes on from its position"}
	if started {
		return f, nil
	}
	schemas, err := src.Schemas(ctx)
	if err != nil {
		return f, err
	}
	if !mayWait(schemas, r.cfg.Rules) {
		return blocking(f.ID, f.Scope, f.Object, r.name(noTables())), nil
	}
	f.Severity = "WARNING"
	f.Finding = "the rules match no table of the source yet; tables that are created after the start are replicated"
	f.Remedy = "none if the tables are still to be created; otherwise correct the rules with ALTER MIGRATION before the start"
	return f, nil
}

func blocking(id, scope, object string, e *replica.Error) Finding {
	return Finding{ID: id, Severity: "ERROR", Scope: scope, Object: object, Finding: e.Message + cause(e), Remedy: e.Remedy, Blocks: "START"}
}

func cause(e *replica.Error) string {
	if e.Err == nil {
		return ""
	}
	return ": " + e.Err.Error()
}

// checkTables compares the source's tables with what the target has.
func (r *Runner) checkTables(ctx context.Context, out []Finding, tables []sourceTable, started bool, d schema.Target) ([]Finding, error) {
	if err := checkNames(tables, r.cfg.Rules); err != nil {
		return append(out, blocking("target.names", "TABLE", r.cfg.Migration, r.name(err))), nil
	}
	taken, err := r.takenTables(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		ts, tt := r.cfg.Rules.Target(t.info.Schema, t.info.Name)
		if other := taken[strings.ToLower(ts+"\x00"+tt)]; other != "" {
			out = append(out, blocking("target.shared", "TABLE", ts+"."+tt, &replica.Error{
				Message: "another migration, or another source of this one, writes this target table (channel " + other + ")",
				Remedy:  "route one of the two elsewhere, or drop the other migration"}))
		}
		if started {
			continue
		}
		f, err := r.checkTarget(ctx, t.table, ts, tt, d)
		if err != nil {
			return nil, err
		}
		out = append(out, f...)
	}
	if r.targetIsPlain() {
		out = append(out, PlainTarget(r.cfg.Migration))
	}
	return append(out, Finding{ID: "source.tables", Severity: "OK", Scope: "TABLE", Object: r.cfg.Source.Name,
		Finding: fmt.Sprintf("%d tables", len(tables)), Blocks: "-"}), nil
}

// targetIsPlain returns true if connections to the target fell back to plain text.
func (r *Runner) targetIsPlain() bool { return r.cfg.TargetPlain != nil && r.cfg.TargetPlain() }

// PlainTarget is the finding about a target whose connections fell back to plain text.
func PlainTarget(object string) Finding {
	return Finding{ID: "target.encryption", Severity: "WARNING", Scope: "TARGET", Object: object, Blocks: "-",
		Finding: "the connections are not encrypted: TARGET_SSL_MODE is PREFERRED and the target offers no TLS",
		Remedy:  "give the target a certificate, then set TARGET_SSL_MODE=VERIFY_CA and TARGET_SSL_CA"}
}

// started says whether the channel has a position already.
func (r *Runner) started(ctx context.Context) (bool, error) {
	var n int
	err := r.cfg.Target.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+apply.MetaSchema+".lanes WHERE channel=? AND base<>''", r.cfg.Channel).Scan(&n)
	return n > 0, absentIsNil(err)
}

// absentIsNil takes a target without Sluice's tables as an empty one.
func absentIsNil(err error) error {
	if isAbsent(err) {
		return nil
	}
	return err
}

// isAbsent reports whether a server answered that there is no such table or schema.
func isAbsent(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && (me.Number == 1146 || me.Number == 1049)
}

// isDenied reports whether the target refused for want of a right.
func isDenied(err error) bool {
	var me *mysql.MySQLError
	if !errors.As(err, &me) {
		return false
	}
	switch me.Number {
	case 1044, 1142, 1143, 1227, 8121:
		return true
	}
	return false
}

// takenTables returns the target tables that other channels write, another
// source of the same migration included.
func (r *Runner) takenTables(ctx context.Context) (map[string]string, error) {
	rows, err := r.cfg.Target.QueryContext(ctx, "SELECT channel, target_schema, target_table FROM "+apply.MetaSchema+
		".target_tables WHERE channel<>?", r.cfg.Channel)
	if err != nil {
		return nil, absentIsNil(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var channel, ts, tt string
		if err := rows.Scan(&channel, &ts, &tt); err != nil {
			return nil, fmt.Errorf("read who writes the target's tables: %w", err)
		}
		out[ts+"\x00"+tt] = channel
	}
	return out, rows.Err()
}

// checkTarget says whether a source table can be made or held in the target.
func (r *Runner) checkTarget(ctx context.Context, t *replica.Table, ts, tt string, d schema.Target) ([]Finding, error) {
	object := ts + "." + tt
	have, err := targetColumns(ctx, r.cfg.Target, ts, tt)
	if err != nil {
		return nil, err
	}
	follows := r.cfg.Mode == ModeIncremental || r.cfg.Start.Kind != StartSnapshot
	if have == nil {
		if follows {
			return []Finding{blocking("target.missing", "TABLE", object, r.name(missingTable(ts, tt)))}, nil
		}
		_, notes, err := d.Create(t, ts, tt)
		if err != nil {
			return []Finding{blocking("target.create", "TABLE", object, r.name(err))}, nil
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
