package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/schema"
	"sluice/replica/source"
)

// Checked is what a check found about one channel.
type Checked struct {
	Findings []Finding
	// Targets are the target tables that the channel writes, as "schema\x00table" in
	// lower case: two channels that are started together may not share one.
	Targets []string
	// Stale are records of other channels whose rules in force do not write the
	// table any more: see TakeOver.
	Stale []Written
	// Err is that of a target that does not answer.
	Err error
}

// Check reports what stands between a channel and its start: the source's
// settings and rights, its tables, and the target's tables. It writes nothing.
// The error is that of a target that does not answer; a source that does not is
// a finding.
func Check(ctx context.Context, cfg Config) ([]Finding, error) {
	c := CheckAll(ctx, []Config{cfg}, 1)[0]
	return c.Findings, c.Err
}

// CheckAll is Check for several channels of one source, which is looked at once for
// all of them. It reads the targets with up to atOnce connections.
func CheckAll(ctx context.Context, cfgs []Config, atOnce int) []Checked {
	out := make([]Checked, len(cfgs))
	runners := make([]*Runner, len(cfgs))
	fail := func(err error) []Checked {
		for i := range out {
			out[i] = Checked{Err: err}
		}
		return out
	}
	for i := range cfgs {
		var err error
		if runners[i], err = New(cfgs[i]); err != nil {
			return fail(err)
		}
	}
	src, err := source.Open(ctx, runners[0].cfg.Source)
	if err != nil {
		for i, r := range runners {
			out[i].Findings = []Finding{blocking("source.connect", "SOURCE", r.cfg.Source.Name, r.name(err))}
		}
		return out
	}
	defer src.Close()
	refused := make([]error, len(runners))
	for i, r := range runners {
		refused[i] = r.rulesFor(src)
	}
	look, err := lookAtSource(ctx, src, runners)
	if err != nil {
		return fail(err)
	}
	defer look.trials.close()
	var g errgroup.Group
	g.SetLimit(max(1, atOnce))
	for i, r := range runners {
		if refused[i] != nil {
			out[i].Findings = []Finding{blocking("source.lower_case_table_names", "SOURCE", r.cfg.Source.Name, r.name(refused[i]))}
			continue
		}
		g.Go(func() error {
			if err := replica.Safely(func() error { out[i] = r.check(ctx, look); return nil }); err != nil {
				out[i] = Checked{Err: err}
			}
			for k := range out[i].Findings {
				out[i].Findings[k].Remedy = r.cfg.Source.WithName(out[i].Findings[k].Remedy)
			}
			if out[i].Err != nil {
				out[i].Err = targetError(out[i].Err, "answer the checks") // the source's errors have their names
			}
			return nil
		})
	}
	_ = g.Wait() // each has its own error
	return out
}

// sourceLook is what one look at a source found, for several channels.
type sourceLook struct {
	src    *source.Source
	survey *source.Survey
	tables []sourceTable
	failed bool // the tables of all could not be read: each channel reads its own
	trials trials
}

func lookAtSource(ctx context.Context, src *source.Source, runners []*Runner) (*sourceLook, error) {
	wanted := func(schema, table string) bool {
		for _, r := range runners {
			if r.cfg.Rules.Wanted(schema, table) {
				return true
			}
		}
		return false
	}
	survey, err := src.Survey(ctx, wanted)
	if err != nil {
		return nil, err
	}
	l := &sourceLook{src: src, survey: survey}
	if l.tables, err = readTables(ctx, src, wanted); err != nil {
		l.failed = true // of one channel perhaps, which is not the others' matter
	}
	return l, nil
}

// tablesOf returns the tables of one channel.
func (l *sourceLook) tablesOf(ctx context.Context, r *Runner) ([]sourceTable, error) {
	if l.failed {
		return readTables(ctx, l.src, r.cfg.Rules.Wanted)
	}
	var out []sourceTable
	for _, t := range l.tables {
		if r.cfg.Rules.Wanted(t.info.Schema, t.info.Name) {
			out = append(out, t)
		}
	}
	return out, nil
}

// check checks one channel.
func (r *Runner) check(ctx context.Context, look *sourceLook) (c Checked) {
	var rights []Finding
	err := r.step(ctx, "target.rights", func(ctx context.Context) (err error) {
		rights, err = r.checkRights(ctx, look)
		return err
	})
	if err != nil || len(rights) > 0 {
		c.Findings, c.Err = append(r.checkSource(look, r.copies()), rights...), err
		return c // without them nothing else can be read
	}
	var started, copies bool
	if err := r.step(ctx, "target.progress", func(ctx context.Context) (err error) {
		started, copies, err = r.progressed(ctx)
		return err
	}); err != nil {
		c.Err = err
		return c
	}
	c.Findings = r.checkSource(look, copies)
	if c.Err = r.add(ctx, &c, "source.history", func(ctx context.Context) ([]Finding, error) { return r.checkHistory(ctx, look.src) }); c.Err != nil {
		return c
	}
	if !started {
		if c.Err = r.add(ctx, &c, "source.start", func(ctx context.Context) ([]Finding, error) { return r.checkStartAt(ctx, look.src) }); c.Err != nil {
			return c
		}
	}
	if c.Err = r.add(ctx, &c, "target.diverged", r.checkDiverged); c.Err != nil {
		return c
	}
	if c.Err = r.add(ctx, &c, "target.missing", r.checkMissing); c.Err != nil {
		return c
	}
	if c.Err = r.add(ctx, &c, "target.kind", func(ctx context.Context) ([]Finding, error) { return r.checkKind(ctx, look.src) }); c.Err != nil {
		return c
	}
	tables, err := look.tablesOf(ctx, r)
	if err != nil {
		c.Findings = append(c.Findings, blocking("source.definition", "TABLE", r.cfg.Source.Name, r.name(err)))
		return c
	}
	if len(tables) == 0 {
		f, err := r.checkEmpty(ctx, look.src, started)
		c.Findings, c.Err = append(c.Findings, f), err
		return c
	}
	c.Err = r.checkTables(ctx, &c, look, tables, started)
	return c
}

// add is step for a check that returns findings, which it adds to c.
func (r *Runner) add(ctx context.Context, c *Checked, check string, f func(context.Context) ([]Finding, error)) error {
	return r.step(ctx, check, func(ctx context.Context) error {
		found, err := f(ctx)
		c.Findings = append(c.Findings, found...)
		return err
	})
}

// checkSource lists what the source's checks found for the channel.
func (r *Runner) checkSource(look *sourceLook, copies bool) []Finding {
	var out []Finding
	var reads []source.Scope
	for _, n := range r.cfg.Rules.Sources() {
		reads = append(reads, source.Scope{Schema: n.Schema, Table: n.Table})
	}
	need := source.Need{Wanted: r.cfg.Rules.Wanted, ServerID: r.cfg.Source.ServerID, Copies: copies, Reads: reads}
	for _, f := range look.survey.Findings(need) {
		blocks := "-"
		if f.Severity == source.Error {
			blocks = "START"
		}
		out = append(out, Finding{ID: f.ID, Severity: string(f.Severity), Scope: "SOURCE", Object: f.Object, Finding: f.Finding,
			Remedy: f.Remedy, RemedySQL: f.RemedySQL, Blocks: blocks})
	}
	return out
}

// copies reports whether a channel that begins copies rows.
func (r *Runner) copies() bool {
	return r.cfg.Mode != ModeIncremental && r.cfg.Start.Kind == StartSnapshot
}

// progressed reports whether the channel has a position, and whether rows are still
// to be copied.
func (r *Runner) progressed(ctx context.Context) (started, copies bool, err error) {
	if started, err = r.started(ctx); err != nil || !started {
		return false, r.copies(), err
	}
	var n int
	err = r.cfg.Target.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+apply.MetaSchema+".tables WHERE channel=? AND state IN (?,?)",
		r.cfg.Channel, stateCopy, stateAgain).Scan(&n)
	return true, n > 0, absentIsNil(err)
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
	f.Remedy = "none if the tables are still to be created; otherwise correct the rules with ALTER MIGRATION before the start, or GRANT the source's account SELECT on them"
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
func (r *Runner) checkTables(ctx context.Context, c *Checked, look *sourceLook, tables []sourceTable, started bool) error {
	if err := checkNames(tables, r.cfg.Rules); err != nil {
		c.Findings = append(c.Findings, blocking("target.names", "TABLE", r.cfg.Migration, r.name(err)))
		return nil
	}
	if look.src.Facts().NativeForeignKeys {
		if found := cascades(tables, c.Findings); len(found) > 0 {
			c.Findings = slices.DeleteFunc(c.Findings, func(f Finding) bool { return f.ID == found[0].ID && f.Severity == "OK" })
			c.Findings = append(c.Findings, found...)
		}
	}
	names := make([][2]string, len(tables))
	for i, t := range tables {
		names[i][0], names[i][1] = r.cfg.Rules.Target(t.info.Schema, t.info.Name)
		c.Targets = append(c.Targets, strings.ToLower(names[i][0]+"\x00"+names[i][1]))
	}
	var shared []Finding
	var stale []Written
	if err := r.step(ctx, "target.shared", func(ctx context.Context) (err error) {
		shared, stale, err = r.otherWriters(ctx, names)
		return err
	}); err != nil {
		return err
	}
	c.Findings, c.Stale = append(c.Findings, shared...), stale
	if !started {
		trial := look.trials.borrow(ctx, r)
		defer look.trials.giveBack(r, trial)
		d := dialect(&r.cfg, look.src.Facts())
		for i, t := range tables {
			if err := r.add(ctx, c, "target.columns", func(ctx context.Context) ([]Finding, error) {
				return r.checkTarget(ctx, trial, t.table, names[i][0], names[i][1], d)
			}); err != nil {
				return err
			}
		}
	}
	if r.cfg.TargetEncryption != nil {
		c.Findings = append(c.Findings, r.cfg.TargetEncryption().Finding(r.cfg.Migration))
	}
	c.Findings = append(c.Findings, Finding{ID: "source.tables", Severity: "OK", Scope: "TABLE", Object: r.cfg.Source.Name,
		Finding: fmt.Sprintf("%d tables", len(tables)), Blocks: "-"})
	return nil
}

// cascades finds the foreign keys whose actions the binlog does not have, in the
// definitions of the tables: MariaDB hides referential_constraints from an account
// that may only read. Tables that found names already are left out.
func cascades(tables []sourceTable, found []Finding) (out []Finding) {
	const id = "source.foreign_key_action"
	said := map[string]bool{}
	for _, f := range found {
		if f.ID == id {
			said[f.Object] = true
		}
	}
	for _, t := range tables {
		object := t.info.Schema + "." + t.info.Name
		names, actions := schema.Cascades(t.table)
		for i, n := range names {
			if said[object] {
				break
			}
			out = append(out, Finding{ID: id, Severity: "ERROR", Scope: "SOURCE", Object: object, Blocks: "START",
				Finding:   fmt.Sprintf("foreign key %s has %s: the rows that it changes are not in the source's binlog", replica.Quote(n), actions[i]),
				Remedy:    "make the key RESTRICT and let the application change the rows, upgrade the source to MySQL 9.6 or newer, or leave the table out",
				RemedySQL: "ALTER TABLE " + replica.QuoteTable(t.info.Schema, t.info.Name) + " DROP FOREIGN KEY " + replica.Quote(n)})
		}
	}
	return out
}

// targetIsPlain returns true if connections to the target fell back to plain text.
func (r *Runner) targetIsPlain() bool {
	return r.cfg.TargetEncryption != nil && r.cfg.TargetEncryption().Fallen
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
