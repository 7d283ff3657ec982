package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
	"sluice/replica/source"
	"sluice/sqladmin"
)

// checkPatience bounds the checks of one channel: a source that does not answer
// is an error and no hang.
const checkPatience = time.Minute

const severityError = "ERROR"

func (c *controller) check(ctx context.Context, x *sqladmin.Check) (*sqladmin.Result, error) {
	var (
		findings []migration.Finding
		err      error
	)
	name := x.Name
	switch x.Kind {
	case "MIGRATION":
		m, err := c.catalog.Migration(ctx, x.Name)
		if err != nil {
			return nil, err
		}
		if findings, err = c.checkMigration(ctx, m, m.Spec.Sources); err != nil {
			return nil, err
		}
	case "SOURCE":
		name = ""
		findings, err = c.checkSource(ctx, x.Name)
	case "TARGET":
		name = ""
		findings, err = c.checkTarget(ctx, x.Name)
	default:
		return nil, sqladmin.NotSupported(x.Verb())
	}
	if err != nil {
		return nil, err
	}
	return &sqladmin.Result{Rows: findingRows(findings, time.Now(), name)}, nil
}

// checkMigration runs the checks of the channels of these sources and keeps
// what they found.
func (c *controller) checkMigration(ctx context.Context, m *catalog.Migration, sources []string) ([]migration.Finding, error) {
	k := &candidate{m: m, sources: sources}
	if err := c.checkTogether(ctx, []*candidate{k}); err != nil {
		return nil, err
	}
	return k.findings, k.err
}

// serverError names an error that a source or a target caused. bounded is the
// context with this statement's patience, ctx the client's.
func (c *controller) serverError(ctx, bounded context.Context, err error, what string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if bounded.Err() != nil {
		var e *replica.Error
		if errors.As(err, &e) && e.Server != "" {
			return e // says which server, and at which check
		}
		return sqladmin.Errorf(sqladmin.CodeUnreachable, "%s: the servers answered, and the checks were not done within %s", what, checkPatience).
			WithRemedy("see the load of the source and of the target, and the network between them and node %s; then repeat the statement", c.cfg.Name)
	}
	e := operatorError(source.Classify(err))
	return fmt.Errorf("%s: %w", what, e)
}

// refusal returns the error of a START that a check refuses; nil when none does.
func refusal(m *catalog.Migration, findings []migration.Finding) error {
	blocking := 0
	var first migration.Finding
	for _, f := range findings {
		if f.Severity == severityError && f.Blocks == "START" {
			if blocking == 0 {
				first = f
			}
			blocking++
		}
	}
	if blocking == 0 {
		return nil
	}
	remedy := first.Remedy
	if first.RemedySQL != "" {
		remedy = strings.TrimSpace(remedy + " (" + first.RemedySQL + ")")
	}
	if blocking > 1 {
		remedy = strings.TrimRight(remedy, ". ") + "; CHECK MIGRATION " + backquote(m.Name) + " shows all"
	}
	e := sqladmin.Errorf(sqladmin.CodeCheckFailed, "%d check(s) of migration '%s' failed; first: %s %s: %s", blocking, m.Name, first.ID, first.Object, first.Finding).
		WithRemedy("%s", named(remedy, m.Name))
	if len(e.Error()) <= clientTextBytes {
		return e
	}
	return shortRefusal(m, blocking, first)
}

// clientTextBytes is how much of an error's text the clients of MySQL and MariaDB
// keep: their buffer has 512 bytes with the final zero (MYSQL_ERRMSG_SIZE). They
// cut the rest without a mark.
const clientTextBytes = 511

// shortRefusal is refusal in clientTextBytes: what failed, where all of it can be
// read, and as much of the finding and of its remedy as has room. It leaves the
// statements of the remedy out, which CHECK MIGRATION has in a column of its own.
func shortRefusal(m *catalog.Migration, blocking int, first migration.Finding) error {
	shows := "CHECK MIGRATION " + backquote(clip(m.Name, 64)) + " shows the whole; "
	head := fmt.Sprintf("%d check(s) of migration '%s' failed; first: %s %s: ", blocking, clip(m.Name, 64), first.ID, clip(first.Object, 64))
	finding, remedy := first.Finding, named(first.Remedy, m.Name)
	room := clientTextBytes - len(head) - len(". Remedy: ") - len(shows)
	if len(finding)+len(remedy) > room {
		// The remedy gets half of the room, or what the finding does not need.
		remedy = clip(remedy, max(room/2, room-len(finding)))
		finding = clip(finding, room-len(remedy))
	}
	return sqladmin.Errorf(sqladmin.CodeCheckFailed, "%s%s", head, finding).WithRemedy("%s%s", shows, remedy)
}

// clip returns at most n bytes of a text, with a mark where it is cut.
func clip(s string, n int) string {
	const mark = " .."
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:max(n-len(mark), 0)], "") + mark
}

// checkSource connects to a source and checks the server, not its tables: these
// depend on a migration.
func (c *controller) checkSource(ctx context.Context, name string) ([]migration.Finding, error) {
	def, err := c.catalog.Source(ctx, name)
	if err != nil {
		return nil, err
	}
	cfg, err := c.sourceConfig(ctx, def)
	if err != nil {
		return nil, err
	}
	cfg.AnswerTimeout = migration.CheckAnswer
	bounded, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	src, err := source.Open(bounded, cfg)
	if err != nil {
		return nil, c.serverError(ctx, bounded, err, fmt.Sprintf("check of source '%s'", name))
	}
	defer src.Close()
	found, err := src.Check(bounded, func(string, string) bool { return false })
	if err != nil {
		return nil, c.serverError(ctx, bounded, err, fmt.Sprintf("check of source '%s'", name))
	}
	var findings []migration.Finding
	for _, f := range found {
		blocks := "-"
		if f.Severity == source.Error {
			blocks = "START"
		}
		findings = append(findings, migration.Finding{ID: f.ID, Severity: string(f.Severity), Scope: "SOURCE", Object: f.Object,
			Finding: f.Finding, Remedy: f.Remedy, RemedySQL: f.RemedySQL, Blocks: blocks})
	}
	return findings, nil
}

// checkTarget connects to a target and looks at what it is and may do.
func (c *controller) checkTarget(ctx context.Context, name string) (findings []migration.Finding, err error) {
	err = c.withTargetNamed(ctx, name, func(ctx context.Context, tg *target) error {
		version, wrong, err := migration.TargetKind(ctx, tg.db)
		if err != nil {
			return err
		}
		if wrong != nil {
			return wrong
		}
		connect := migration.Finding{ID: "target.connect", Severity: "OK", Scope: "TARGET", Object: tg.name, Finding: "the target answers", Blocks: "-"}
		kind := migration.Finding{ID: "target.version", Severity: "OK", Scope: "TARGET", Object: tg.name, Finding: "the target is " + version, Blocks: "-"}
		rights, err := targetRights(ctx, tg)
		findings = []migration.Finding{connect, kind, rights, tg.encryption().Finding(tg.name)}
		return err
	})
	return findings, err
}

// targetRights looks whether the target's user may write everywhere, as the
// tables of a migration are not known here.
func targetRights(ctx context.Context, tg *target) (migration.Finding, error) {
	f := migration.Finding{ID: "target.rights", Severity: "WARNING", Scope: "TARGET", Object: tg.name, Blocks: "-",
		Finding: "the target's user does not have all rights on all schemas, which it need not have",
		Remedy:  "see that it has all rights on the schemas of the migrations and on sluice_meta: CHECK MIGRATION names what is missing"}
	rows, err := tg.db.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return f, err
	}
	defer rows.Close()
	for rows.Next() {
		var grant string
		if err := rows.Scan(&grant); err != nil {
			return f, err
		}
		if strings.HasPrefix(grant, "GRANT ALL PRIVILEGES ON *.* ") {
			f.Severity, f.Finding, f.Remedy = "OK", "the target's user has all rights", ""
		}
	}
	return f, rows.Err()
}

// findingRows returns findings as rows of table migration_checks.
func findingRows(findings []migration.Finding, at time.Time, name string) [][]any {
	rows := [][]any{}
	for _, f := range findings {
		rows = append(rows, []any{f.ID, f.Severity, f.Scope, f.Object, named(f.Finding, name), named(f.Remedy, name), f.RemedySQL, f.Blocks, when(at), name})
	}
	return rows
}

// viewChecks shows what the newest check of each migration found.
func viewChecks(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	migrations, err := c.migrations(ctx)
	if err != nil {
		return nil, nil, err
	}
	last, err := c.lastChecks(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, m := range migrations {
		findings, err := lastFindings(last, m.ID)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, findingRows(findings, last[m.ID].At, m.Name)...)
	}
	return rows, nil, nil
}

func lastFindings(last map[string]catalog.Checks, id string) ([]migration.Finding, error) {
	checks, ok := last[id]
	if !ok {
		return nil, nil
	}
	var findings []migration.Finding
	if err := json.Unmarshal(checks.Findings, &findings); err != nil {
		return nil, fmt.Errorf("decode checks: %w", err)
	}
	return findings, nil
}
