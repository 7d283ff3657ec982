package gateway

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
	"sluice/ruleset"
	"sluice/sqladmin"
)

func (c *controller) createMigration(ctx context.Context, x *sqladmin.CreateMigration, s *sqladmin.Session) (*sqladmin.Result, error) {
	spec := catalog.Spec{Sources: x.Spec.Sources, Target: x.Spec.Target}
	setSpec(&spec, &x.Spec)
	self := "" // a migration of this name is for the catalog to compare with
	if old, err := c.catalog.Migration(ctx, x.Name); err == nil {
		self = old.ID
	}
	if err := c.checkSpec(ctx, self, &spec); err != nil {
		return nil, err
	}
	_, changed, err := c.catalog.CreateMigration(ctx, x.Name, spec, x.IfNotExists, by(s))
	if err != nil {
		return nil, err
	}
	if changed {
		c.cluster.Notify()
	}
	return created("migration", x.Name, changed), nil
}

// alterMigration replaces clauses. A running channel keeps what it started
// with, so that only a new name and a comment are taken while one runs.
func (c *controller) alterMigration(ctx context.Context, x *sqladmin.AlterMigration, s *sqladmin.Session) (*sqladmin.Result, error) {
	m, err := c.catalog.Migration(ctx, x.Name)
	if missing(err, x.IfExists) {
		return did(false, "", unknownNote("migration", x.Name)), nil
	}
	if err != nil {
		return nil, err
	}
	old := *m
	m.Spec.Options = maps.Clone(m.Spec.Options)
	setSpec(&m.Spec, &x.Change)
	m.Spec.Sources = append(slices.Clone(m.Spec.Sources), x.AddSources...)
	for _, t := range x.AddTables {
		add := catalog.TableName{Schema: t.Schema, Name: t.Name}
		if !slices.Contains(m.Spec.DoTable, add) {
			m.Spec.DoTable = append(slices.Clone(m.Spec.DoTable), add)
		}
	}
	if err := c.checkSpec(ctx, m.ID, &m.Spec); err != nil {
		return nil, err
	}
	if x.RenameTo != "" {
		m.Name = x.RenameTo
	}
	update := c.catalog.UpdateMigration
	if x.AddSources != nil || x.AddTables != nil || touchesChannels(&x.Change) {
		if err := c.mustBeStopped(ctx, old, m.Spec, x); err != nil {
			return nil, err
		}
		update = c.catalog.UpdateStoppedMigration
	}
	changed, err := update(ctx, *m, by(s))
	if err != nil {
		return nil, err
	}
	if changed {
		c.cluster.Notify()
	}
	return altered("migration", x.Name, changed), nil
}

// touchesChannels says whether a change is more than a comment.
func touchesChannels(s *sqladmin.MigrationSpec) bool {
	return s.DoDB != nil || s.IgnoreDB != nil || s.DoTable != nil || s.IgnoreTable != nil || s.WildDoTable != nil ||
		s.WildIgnore != nil || s.RewriteDB != nil || s.Routes != nil || s.StartAt != nil || s.Options != nil
}

// mustBeStopped refuses what a running channel would not take, and what one with
// a position cannot: a START AT, and rules that want tables which were not
// wanted before, or want them elsewhere. Their rows up to now were skipped: only
// a new copy would be right.
func (c *controller) mustBeStopped(ctx context.Context, old catalog.Migration, spec catalog.Spec, x *sqladmin.AlterMigration) error {
	states, err := c.catalog.Channels(ctx, old.ID)
	if err != nil {
		return err
	}
	for _, ch := range states {
		if ch.Desired == cluster.DesiredRunning {
			why, remedy := catalog.MustStand(x.Name, ch.Name, ch.Desired, ch.Status, ch.Owner)
			return sqladmin.Errorf(sqladmin.CodeImmutable, "only the name and the comment of migration '%s' can change now: %s", x.Name, why).WithRemedy("%s", remedy)
		}
		if ch.Phase == migration.PhaseNew {
			continue
		}
		if x.Change.StartAt != nil {
			return sqladmin.Errorf(sqladmin.CodeWrongPhase, "START AT has no effect on channel '%s', which has a position", ch.Name).
				WithRemedy("RESET MIGRATION %s, then repeat the statement", backquote(x.Name))
		}
		if !narrower(&old.Spec, &spec) {
			return sqladmin.Errorf(sqladmin.CodeWrongPhase, "channel '%s' has a position: its rules may only leave more tables out, since what they did not want until now was not copied", ch.Name).
				WithRemedy("RESET MIGRATION %s, repeat the statement, and start again; or make another migration for the other tables", backquote(x.Name))
		}
	}
	return nil
}

// narrower says whether the new rules differ from the old ones by leaving more tables
// out at most: more to ignore, or less of what is named to be replicated.
func narrower(old, spec *catalog.Spec) bool {
	return fewer(old.DoDB, spec.DoDB) && fewer(old.DoTable, spec.DoTable) && fewer(old.WildDoTable, spec.WildDoTable) &&
		slices.Equal(old.RewriteDB, spec.RewriteDB) && reflect.DeepEqual(old.Routes, spec.Routes) &&
		includes(spec.IgnoreDB, old.IgnoreDB) && includes(spec.IgnoreTable, old.IgnoreTable) && includes(spec.WildIgnoreTable, old.WildIgnoreTable)
}

// fewer reports whether a list of what is replicated only lost entries. An empty list
// means everything, so that it may neither become empty nor stop being so.
func fewer[T comparable](old, now []T) bool {
	return includes(old, now) && (len(old) == 0) == (len(now) == 0)
}

func includes[T comparable](all, some []T) bool {
	for _, v := range some {
		if !slices.Contains(all, v) {
			return false
		}
	}
	return true
}

// setSpec applies the clauses that were written.
func setSpec(spec *catalog.Spec, w *sqladmin.MigrationSpec) {
	list(&spec.DoDB, w.DoDB)
	list(&spec.IgnoreDB, w.IgnoreDB)
	list(&spec.WildDoTable, w.WildDoTable)
	list(&spec.WildIgnoreTable, w.WildIgnore)
	if w.DoTable != nil {
		spec.DoTable = specTables(w.DoTable)
	}
	if w.IgnoreTable != nil {
		spec.IgnoreTable = specTables(w.IgnoreTable)
	}
	if w.RewriteDB != nil {
		spec.RewriteDB = nil
		for _, p := range w.RewriteDB {
			spec.RewriteDB = append(spec.RewriteDB, catalog.Rewrite(p))
		}
	}
	if w.Routes != nil {
		spec.Routes = nil
		for _, r := range w.Routes {
			spec.Routes = append(spec.Routes, catalog.Route{Schema: catalog.Pattern(r.Schema), Table: catalog.Pattern(r.Table),
				ToSchema: r.ToSchema, ToTable: r.ToTable})
		}
	}
	if w.StartAt != nil {
		spec.StartAt = catalog.StartAt(*w.StartAt)
	}
	for _, o := range w.Options {
		if spec.Options == nil {
			spec.Options = map[string]string{}
		}
		spec.Options[o.Name] = o.Value
	}
	put(&spec.Comment, w.Comment)
}

// list replaces a list that was written; () empties it.
func list(field *[]string, written []string) {
	if written != nil {
		*field = append([]string(nil), written...)
	}
}

func specTables(l []sqladmin.TableName) []catalog.TableName {
	var out []catalog.TableName
	for _, t := range l {
		out = append(out, catalog.TableName(t))
	}
	return out
}

// checkSpec refuses a definition that cannot run, without asking any server:
// rules that contradict each other, options without effect, and target tables
// that another migration (than the one with this ID) names too.
func (c *controller) checkSpec(ctx context.Context, id string, spec *catalog.Spec) error {
	rules, err := compile(spec)
	if err != nil {
		return err
	}
	var scratch migration.Config
	if err := setOptions(&scratch, spec.Options); err != nil {
		return err
	}
	if spec.StartAt.Kind == "GTID" {
		if err := checkGTIDs("SOURCE_AUTO_POSITION", spec.StartAt.GTIDSet); err != nil {
			return err
		}
	}
	others, err := c.catalog.Migrations(ctx)
	if err != nil {
		return err
	}
	mine := literalTargets(spec, rules)
	for _, other := range others {
		if other.ID == id {
			continue
		}
		if err := c.serverIDFree(ctx, spec, other); err != nil {
			return err
		}
		if !sameTarget(other.Spec.Target, spec.Target) || len(mine) == 0 {
			continue
		}
		theirRules, err := compile(&other.Spec)
		if err != nil {
			continue // it cannot run
		}
		for t := range literalTargets(&other.Spec, theirRules) {
			if mine[t] {
				return sqladmin.Errorf(sqladmin.CodeInUse, "target table %s is written by migration '%s' already", t, other.Name).
					WithRemedy("route one of the two to another table with ROUTE or REPLICATE_REWRITE_DB")
			}
		}
	}
	return nil
}

// literalTargets lists the target tables of the source tables that a definition
// names one by one, in lower case: TiDB's names have no case.
func literalTargets(spec *catalog.Spec, rules *ruleset.Rules) map[string]bool {
	m := map[string]bool{}
	for _, t := range spec.DoTable {
		if !rules.Wanted(t.Schema, t.Name) {
			continue
		}
		schema, table := rules.Target(t.Schema, t.Name)
		m[strings.ToLower(schema+"."+table)] = true
	}
	return m
}

func sameTarget(a, b string) bool {
	name := func(s string) string {
		if s == "" {
			return strings.ToLower(catalog.DefaultTarget)
		}
		return strings.ToLower(s)
	}
	return name(a) == name(b)
}

// serverIDFree refuses that two channels present themselves to one source under
// one SERVER_ID: each would end the other's stream, over and over.
func (c *controller) serverIDFree(ctx context.Context, spec *catalog.Spec, other *catalog.Migration) error {
	for _, name := range spec.Sources {
		if !slices.Contains(other.Spec.Sources, name) {
			continue
		}
		src, err := c.catalog.Source(ctx, name)
		if err != nil {
			return err
		}
		if src.ServerID != 0 {
			return sqladmin.Errorf(sqladmin.CodeInUse, "migration '%s' already replicates from source '%s' under its SERVER_ID %d", other.Name, name, src.ServerID).
				WithRemedy("ALTER SOURCE %s SERVER_ID = AUTO, or create a second source with another SERVER_ID", backquote(name))
		}
	}
	return nil
}

// checkGTIDs refuses what is no GTID set of MySQL or MariaDB.
func checkGTIDs(option, text string) error {
	for _, mode := range []replica.Mode{replica.ModeGTID, replica.ModeMariaDB} {
		if _, err := replica.GTIDPosition(mode, text); err == nil {
			return nil
		}
	}
	return sqladmin.Errorf(sqladmin.CodeBadOption, "Option %s: it is no GTID set", option).
		WithRemedy("write it as the source prints it: 'uuid:1-5' (MySQL) or '0-1-5' (MariaDB)")
}

func (c *controller) showCreateMigration(ctx context.Context, name string) (string, error) {
	m, err := oneKnown(ctx, c, name, c.catalog.Migration, c.migrations, func(m *catalog.Migration) string { return m.Name })
	if err != nil {
		return "", err
	}
	x := sqladmin.CreateMigration{Name: m.Name, Spec: writtenSpec(&m.Spec)}
	return x.SQL(), nil
}

// writtenSpec is a definition as its statement would write it.
func writtenSpec(spec *catalog.Spec) sqladmin.MigrationSpec {
	w := sqladmin.MigrationSpec{Sources: spec.Sources, Target: spec.Target, DoDB: spec.DoDB, IgnoreDB: spec.IgnoreDB,
		DoTable: writtenTables(spec.DoTable), IgnoreTable: writtenTables(spec.IgnoreTable), WildDoTable: spec.WildDoTable,
		WildIgnore: spec.WildIgnoreTable, Comment: unlessEmpty(spec.Comment)}
	for _, p := range spec.RewriteDB {
		w.RewriteDB = append(w.RewriteDB, sqladmin.RewritePair(p))
	}
	for _, r := range spec.Routes {
		w.Routes = append(w.Routes, sqladmin.Route{Schema: sqladmin.Pattern(r.Schema), Table: sqladmin.Pattern(r.Table),
			ToSchema: r.ToSchema, ToTable: r.ToTable})
	}
	if spec.StartAt.Kind != "" && spec.StartAt.Kind != "SNAPSHOT" {
		at := sqladmin.StartAt(spec.StartAt)
		w.StartAt = &at
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Options)) {
		w.Options = append(w.Options, sqladmin.Option{Name: name, Value: spec.Options[name]})
	}
	return w
}

func writtenTables(l []catalog.TableName) []sqladmin.TableName {
	var out []sqladmin.TableName
	for _, t := range l {
		out = append(out, sqladmin.TableName(t))
	}
	return out
}

// shownOptions is Options of SHOW MIGRATION STATUS.
func shownOptions(options map[string]string) string {
	var l []string
	for _, name := range slices.Sorted(maps.Keys(options)) {
		l = append(l, fmt.Sprintf("%s = %s", name, options[name]))
	}
	return strings.Join(l, ", ")
}
