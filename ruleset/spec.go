package ruleset

import (
	"errors"
	"fmt"
	"strings"
)

// TableName names a table of a source or a target.
type TableName struct {
	Schema string
	Table  string
}

// String returns schema.table, unquoted, for messages.
func (n TableName) String() string { return n.Schema + "." + n.Table }

// Route sends the tables that match both patterns to a target name. Patterns
// use % and _ with \ as the escape, as LIKE does; they are matched against the
// names at the source, before RewriteDB.
type Route struct {
	SchemaPattern string
	TablePattern  string // "" means every table
	TargetSchema  string // "" keeps the (rewritten) schema name
	TargetTable   string // "" keeps the table name
}

// Spec is what an operator wrote: MySQL's REPLICATE_* clauses and ROUTE. The
// zero Spec wants every table but those of system schemas, under its own name.
type Spec struct {
	DoDB, IgnoreDB               []string
	DoTable, IgnoreTable         []TableName
	WildDoTable, WildIgnoreTable []string
	RewriteDB                    [][2]string // from, to; as in MySQL it comes before the filters
	Routes                       []Route     // the first that matches decides
	CaseInsensitive              bool        // the source compares names without case (lower_case_table_names 1 or 2)
	Merge                        bool        // several source tables may share one target table
}

// ErrRule is returned (wrapped) by Compile for every rule that cannot be used.
var ErrRule = errors.New("rule cannot be used")

// MetaSchema is the schema in which Sluice keeps its own state; it is never
// replicated.
const MetaSchema = "sluice_meta"

// systemSchemas are never replicated. Every MySQL, MariaDB and TiDB server has
// its own.
var systemSchemas = map[string]bool{
	"mysql": true, "sys": true, "information_schema": true,
	"performance_schema": true, "metrics_schema": true, "ndbinfo": true, MetaSchema: true,
}

// IsSystemSchema says whether a schema belongs to the server or to Sluice and
// so is never replicated; case does not matter.
func IsSystemSchema(schema string) bool { return systemSchemas[strings.ToLower(schema)] }

func ruleError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRule, fmt.Sprintf(format, args...))
}

// Compile checks a Spec and makes Rules of it. A rule that contradicts another
// or that can never match anything is an error that names the rule.
func Compile(spec Spec) (*Rules, error) {
	r := &Rules{spec: spec, fold: spec.CaseInsensitive, merge: spec.Merge,
		doDB: map[string]bool{}, ignoreDB: map[string]bool{}, rewrite: map[string]string{},
		doTable: map[TableName]bool{}, ignoreTable: map[TableName]bool{}}
	for _, step := range []func(Spec) error{
		r.addRewrites, r.addDatabases, r.addTables, r.addWild, r.addRoutes, r.checkReach,
	} {
		if err := step(spec); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Rules) addRewrites(spec Spec) error {
	for _, pair := range spec.RewriteDB {
		from, to := r.key(pair[0]), pair[1]
		switch {
		case from == "" || to == "":
			return ruleError("REPLICATE_REWRITE_DB has an empty name")
		case IsSystemSchema(from) || IsSystemSchema(to):
			return ruleError("REPLICATE_REWRITE_DB (%s, %s) names a system schema", pair[0], to)
		case r.rewrite[from] != "":
			return ruleError("REPLICATE_REWRITE_DB names %s twice", pair[0])
		}
		r.rewrite[from] = to
	}
	return nil
}

func (r *Rules) addDatabases(spec Spec) error {
	for _, list := range []struct {
		clause string
		names  []string
		set    map[string]bool
	}{{"REPLICATE_DO_DB", spec.DoDB, r.doDB}, {"REPLICATE_IGNORE_DB", spec.IgnoreDB, r.ignoreDB}} {
		for _, name := range list.names {
			if name == "" {
				return ruleError("%s has an empty name", list.clause)
			}
			if IsSystemSchema(name) {
				return ruleError("%s names %s, a system schema, which is never replicated", list.clause, name)
			}
			list.set[r.key(name)] = true
		}
	}
	for name := range r.ignoreDB {
		if r.doDB[name] {
			return ruleError("schema %s is in REPLICATE_DO_DB and in REPLICATE_IGNORE_DB", name)
		}
	}
	if len(r.doDB) > 0 && len(r.ignoreDB) > 0 {
		return ruleError("REPLICATE_IGNORE_DB has no effect beside REPLICATE_DO_DB")
	}
	return nil
}

func (r *Rules) addTables(spec Spec) error {
	for _, list := range []struct {
		clause string
		names  []TableName
		set    map[TableName]bool
	}{{"REPLICATE_DO_TABLE", spec.DoTable, r.doTable}, {"REPLICATE_IGNORE_TABLE", spec.IgnoreTable, r.ignoreTable}} {
		for _, name := range list.names {
			if name.Schema == "" || name.Table == "" {
				return ruleError("%s needs schema and table: %q", list.clause, name.String())
			}
			if IsSystemSchema(name.Schema) {
				return ruleError("%s names %s of a system schema, which is never replicated", list.clause, name)
			}
			list.set[r.tableKey(name)] = true
		}
	}
	for name := range r.ignoreTable {
		if r.doTable[name] {
			return ruleError("table %s is in REPLICATE_DO_TABLE and in REPLICATE_IGNORE_TABLE", name)
		}
	}
	return nil
}

func (r *Rules) addWild(spec Spec) error {
	seen := map[string]string{}
	for _, list := range []struct {
		clause string
		texts  []string
		into   *[]pattern
	}{
		{"REPLICATE_WILD_DO_TABLE", spec.WildDoTable, &r.wildDo},
		{"REPLICATE_WILD_IGNORE_TABLE", spec.WildIgnoreTable, &r.wildIgnore},
	} {
		for _, text := range list.texts {
			if !strings.Contains(text, ".") {
				return ruleError("%s needs the form 'schema.table': %q", list.clause, text)
			}
			p, err := compilePattern(r.key(text))
			if err != nil {
				return ruleError("%s %q: %v", list.clause, text, err)
			}
			if other := seen[r.key(text)]; other != "" && other != list.clause {
				return ruleError("pattern %q is in %s and in %s", text, other, list.clause)
			}
			seen[r.key(text)] = list.clause
			*list.into = append(*list.into, p)
		}
	}
	return nil
}

func (r *Rules) addRoutes(spec Spec) error {
	seen := map[[2]string]bool{}
	for _, in := range spec.Routes {
		if in.TablePattern == "" {
			in.TablePattern = "%"
		}
		name := fmt.Sprintf("ROUTE '%s'.'%s'", in.SchemaPattern, in.TablePattern)
		if strings.HasPrefix(in.SchemaPattern, "~") || strings.HasPrefix(in.TablePattern, "~") {
			return ruleError("%s: regular expressions are not supported", name)
		}
		if in.SchemaPattern == "" {
			return ruleError("%s has an empty schema pattern", name)
		}
		if in.TargetSchema == "" && in.TargetTable == "" {
			return ruleError("%s has no target", name)
		}
		if IsSystemSchema(in.TargetSchema) || IsSystemSchema(in.SchemaPattern) {
			return ruleError("%s names a system schema", name)
		}
		s, err := compilePattern(r.key(in.SchemaPattern))
		if err != nil {
			return ruleError("%s: %v", name, err)
		}
		t, err := compilePattern(r.key(in.TablePattern))
		if err != nil {
			return ruleError("%s: %v", name, err)
		}
		key := [2]string{s.text, t.text}
		if seen[key] {
			return ruleError("%s is there twice; the second never matches", name)
		}
		for _, earlier := range r.routes {
			if earlier.schema.covers(s) && earlier.table.covers(t) {
				return ruleError("%s never matches: ROUTE '%s'.'%s' before it takes its tables", name, earlier.schema.text, earlier.table.text)
			}
		}
		seen[key] = true
		r.routes = append(r.routes, route{schema: s, table: t, to: TableName{in.TargetSchema, in.TargetTable}})
	}
	return nil
}

// checkReach refuses table rules and routes that the database rules make dead.
func (r *Rules) checkReach(Spec) error {
	for name := range r.doTable {
		if !r.databaseOK(name.Schema) {
			return ruleError("REPLICATE_DO_TABLE %s never matches: its schema is filtered out", name)
		}
	}
	for name := range r.ignoreTable {
		if !r.databaseOK(name.Schema) {
			return ruleError("REPLICATE_IGNORE_TABLE %s never matches: its schema is filtered out", name)
		}
	}
	for _, ignore := range r.wildIgnore {
		for _, do := range r.wildDo {
			if do.covers(ignore) {
				return ruleError("REPLICATE_WILD_IGNORE_TABLE '%s' never matches: '%s' in REPLICATE_WILD_DO_TABLE comes first", ignore.text, do.text)
			}
		}
	}
	for from, to := range r.rewrite {
		if len(r.doDB) > 0 && !r.doDB[r.key(to)] {
			return ruleError("REPLICATE_REWRITE_DB (%s, %s) never matches: filters are tested after the rewrite and leave %s out", from, to, to)
		}
	}
	for _, rt := range r.routes {
		if name, ok := rt.schema.literal(); ok && !r.WantedSchema(name) {
			return ruleError("ROUTE from schema %s never matches: it is filtered out", name)
		}
	}
	return nil
}

// ErrConflict is returned (wrapped) by Conflicts when two source tables route
// to one target table and merging is not allowed.
var ErrConflict = errors.New("two source tables share one target table")
