package ruleset

import (
	"fmt"
	"slices"
	"strings"
)

// Rules is a compiled Spec.
type Rules struct {
	spec                 Spec
	fold, merge          bool
	doDB, ignoreDB       map[string]bool
	doTable, ignoreTable map[TableName]bool
	wildDo, wildIgnore   []pattern
	rewrite              map[string]string
	routes               []route
}

type route struct {
	schema, table pattern
	to            TableName
}

func (r *Rules) key(name string) string {
	if r.fold {
		return strings.ToLower(name)
	}
	return name
}

func (r *Rules) tableKey(n TableName) TableName {
	return TableName{r.key(n.Schema), r.key(n.Table)}
}

// rewritten returns the schema name that the filters see.
func (r *Rules) rewritten(schema string) string {
	if to, ok := r.rewrite[r.key(schema)]; ok {
		return to
	}
	return schema
}

// databaseOK applies REPLICATE_DO_DB and REPLICATE_IGNORE_DB to a name as it is
// after REPLICATE_REWRITE_DB.
func (r *Rules) databaseOK(schema string) bool {
	if len(r.doDB) > 0 {
		return r.doDB[r.key(schema)]
	}
	return !r.ignoreDB[r.key(schema)]
}

// Wanted says whether the source table's rows and DDL are replicated. The
// order is MySQL's for row events: rewrite; do and ignore database; do, ignore,
// wild do, wild ignore table; what then remains is wanted unless there is a do
// rule for tables.
func (r *Rules) Wanted(schema, table string) bool {
	if schema == "" || table == "" || IsSystemSchema(schema) {
		return false
	}
	schema = r.rewritten(schema)
	if !r.databaseOK(schema) {
		return false
	}
	name := r.tableKey(TableName{schema, table})
	if r.doTable[name] {
		return true
	}
	if r.ignoreTable[name] {
		return false
	}
	full := name.String()
	if matchAny(r.wildDo, full) {
		return true
	}
	if matchAny(r.wildIgnore, full) {
		return false
	}
	return len(r.doTable) == 0 && len(r.wildDo) == 0
}

func matchAny(patterns []pattern, name string) bool {
	for _, p := range patterns {
		if p.match(name) {
			return true
		}
	}
	return false
}

// WantedSchema says whether some table of the source schema may be wanted, so
// that a DDL on the schema matters.
func (r *Rules) WantedSchema(schema string) bool {
	if schema == "" || IsSystemSchema(schema) {
		return false
	}
	schema = r.rewritten(schema)
	if !r.databaseOK(schema) {
		return false
	}
	key := r.key(schema)
	for name := range r.doTable {
		if name.Schema == key {
			return true
		}
	}
	for _, p := range r.wildDo {
		if p.canStart(key + ".") {
			return true
		}
	}
	if len(r.doTable) > 0 || len(r.wildDo) > 0 {
		return false
	}
	for _, p := range r.wildIgnore {
		if p.coversAll(key + ".") {
			return false
		}
	}
	return true
}

// Target returns what a source table is called at the target: the first ROUTE
// that matches the source's names decides, else REPLICATE_REWRITE_DB, else the
// name stays. It does not ask whether the table is wanted.
func (r *Rules) Target(schema, table string) (targetSchema, targetTable string) {
	targetSchema, targetTable = r.rewritten(schema), table
	s, t := r.key(schema), r.key(table)
	for _, rt := range r.routes {
		if rt.schema.match(s) && rt.table.match(t) {
			if rt.to.Schema != "" {
				targetSchema = rt.to.Schema
			}
			if rt.to.Table != "" {
				targetTable = rt.to.Table
			}
			break
		}
	}
	return targetSchema, targetTable
}

// TargetSchema returns what a source schema as a whole is called at the
// target: by the first ROUTE of all its tables, else REPLICATE_REWRITE_DB.
// Single tables may be routed elsewhere.
func (r *Rules) TargetSchema(schema string) string {
	s := r.key(schema)
	for _, rt := range r.routes {
		if rt.to.Schema != "" && rt.table.any() && rt.schema.match(s) {
			return rt.to.Schema
		}
	}
	return r.rewritten(schema)
}

// Whole says whether the source schema and its target schema correspond as a
// whole: every table is wanted, none is routed elsewhere, and no rule sends
// tables of another schema there. Only then may dropping the one drop the other.
func (r *Rules) Whole(schema string) bool {
	if !r.WantedSchema(schema) || len(r.doTable) > 0 || len(r.wildDo) > 0 {
		return false
	}
	renamed := r.rewritten(schema)
	key := r.key(renamed)
	for name := range r.ignoreTable {
		if name.Schema == key {
			return false
		}
	}
	for _, p := range r.wildIgnore {
		if p.canStart(key + ".") {
			return false
		}
	}
	for _, rt := range r.routes {
		if rt.schema.match(r.key(schema)) || rt.to.Schema == "" || strings.EqualFold(rt.to.Schema, renamed) {
			return false
		}
	}
	for from, to := range r.rewrite {
		if from != r.key(schema) && strings.EqualFold(to, renamed) {
			return false
		}
	}
	// A schema that is rewritten shares its target with a source schema of that
	// name, should one exist.
	return strings.EqualFold(renamed, schema)
}

// Conflicts returns an error that names two source tables that would share one
// target table, unless the Spec allows to merge. TiDB compares names without
// case, so tables that differ by case only clash too. Unwanted tables are left
// out of account.
func (r *Rules) Conflicts(tables []TableName) error {
	if r.merge {
		return nil
	}
	seen := make(map[TableName]TableName, len(tables))
	for _, source := range tables {
		if !r.Wanted(source.Schema, source.Table) {
			continue
		}
		s, t := r.Target(source.Schema, source.Table)
		key := TableName{strings.ToLower(s), strings.ToLower(t)}
		other, taken := seen[key]
		if taken && other != source {
			return fmt.Errorf("source tables %s and %s both go to target table %s.%s: %w", other, source, s, t, ErrConflict)
		}
		seen[key] = source
	}
	return nil
}

// Merges returns true if several source tables may share one target table.
func (r *Rules) Merges() bool { return r.merge }

// ForSource returns the rules for a source with that lower_case_table_names: 1
// and 2 compare names without case, so that a rule may be written in either. Two
// rules that only case kept apart can contradict each other then, which is an
// error (ErrRule).
func (r *Rules) ForSource(lowerCaseTableNames int) (*Rules, error) {
	fold := lowerCaseTableNames != 0
	if fold == r.fold {
		return r, nil
	}
	spec := r.spec
	spec.CaseInsensitive = fold
	return Compile(spec)
}

// CaseInsensitive says whether the source's names compare without case.
func (r *Rules) CaseInsensitive() bool { return r.fold }

// Sources returns what the source's account has to see: tables that rules name; whole
// schemas (Table is ""); and, where a rule has no name of a schema, any (both are "").
// It covers every table that Wanted accepts.
func (r *Rules) Sources() []TableName {
	var out []TableName
	add := func(n TableName) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	schemas := func(table string, list ...string) {
		for _, filtered := range list {
			for _, s := range r.written(filtered) {
				add(TableName{s, table})
			}
		}
	}
	open := len(r.doTable) == 0 && len(r.wildDo) == 0
	for _, n := range r.spec.DoTable {
		if r.databaseOK(n.Schema) {
			schemas(n.Table, n.Schema)
		}
	}
	for _, p := range r.wildDo {
		if s, ok := p.schema(); !ok {
			open = true
		} else if r.databaseOK(s) {
			schemas("", s)
		}
	}
	switch {
	case open && len(r.spec.DoDB) > 0:
		schemas("", r.spec.DoDB...)
	case open:
		add(TableName{})
	}
	return out
}

// written returns the source's schemas that the filters see under a name.
func (r *Rules) written(filtered string) []string {
	var out []string
	if r.key(r.rewritten(filtered)) == r.key(filtered) {
		out = append(out, filtered)
	}
	for _, p := range r.spec.RewriteDB {
		if r.key(p[1]) == r.key(filtered) && r.key(p[0]) != r.key(filtered) {
			out = append(out, p[0])
		}
	}
	return out
}

// schema returns the only schema that a pattern of schema.table can match.
func (p pattern) schema() (string, bool) {
	var name []rune
	for _, e := range p.parts {
		switch {
		case e.kind != literalPart:
			return "", false
		case e.r == '.':
			return string(name), true
		}
		name = append(name, e.r)
	}
	return "", false
}
