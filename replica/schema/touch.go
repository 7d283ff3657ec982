package schema

import (
	"regexp"
	"strings"

	"sluice/replica"
	"sluice/ruleset"
)

// MayTouch says whether a statement may touch a wanted table or schema. It errs
// on the side of true where the statement is not understood.
func (t *Tracker) MayTouch(ddl replica.DDL) bool {
	st, tokens, err := parse(ddl, t.in(ddl.Schema))
	if _, data := st.(dataStmt); data && err == nil {
		return tokensMayTouch(tokens, ddl.Schema, t.rules)
	}
	return mayTouch(st, tokens, ddl, t.rules)
}

// mayBe returns true if the name may be that of a wanted table. A name that
// could not be decoded may be any.
func mayBe(rules *ruleset.Rules, schema, table string) bool {
	switch {
	case strings.Contains(schema, undecoded):
		return true
	case strings.Contains(table, undecoded):
		return rules.WantedSchema(schema)
	}
	return rules.Wanted(schema, table)
}

func mayTouch(st any, tokens []token, ddl replica.DDL, rules *ruleset.Rules) bool {
	switch st := st.(type) {
	case otherStmt:
		return false
	case *databaseStmt:
		return st.name == "" || strings.Contains(st.name, undecoded) || rules.WantedSchema(st.name)
	case *sequenceStmt, *viewStmt:
		return false
	}
	names := touched(st)
	if tokens == nil {
		return textMayTouch(Text(ddl), ddl.Schema, rules)
	}
	if len(names) == 0 {
		return tokensMayTouch(tokens, ddl.Schema, rules)
	}
	for _, n := range names {
		if n.Table == "" || mayBe(rules, n.Schema, n.Table) {
			return true
		}
	}
	return false
}

// touched returns the tables that a statement changes, as far as it was read.
func touched(st any) []ruleset.TableName {
	var out []ruleset.TableName
	add := func(names ...[2]string) {
		for _, n := range names {
			out = append(out, ruleset.TableName{Schema: n[0], Table: n[1]})
		}
	}
	switch st := st.(type) {
	case *createTableStmt:
		add([2]string{st.schema, st.name})
	case *dropTableStmt:
		add(st.names...)
	case *renameStmt:
		for _, p := range st.pairs {
			add(p[0], p[1])
		}
	case *truncateStmt:
		add(st.name)
	case *repairStmt:
		add(st.names...)
	case *alterStmt:
		add(st.name)
		for _, a := range st.actions {
			if a.name[1] != "" {
				add(a.name)
			}
		}
	}
	return out
}

// beforeDot finds what may be the name of a schema: a word, or text in quotes,
// before a dot.
var beforeDot = regexp.MustCompile("(?s)([\\w$\u0080-\U0010FFFF]+|`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\")\\s*\\.")

// textMayTouch decides for a statement that cannot be split into tokens: it may
// touch everything in the session's schema, and in every schema that it names.
func textMayTouch(text, schema string, rules *ruleset.Rules) bool {
	if rules.WantedSchema(schema) {
		return true
	}
	for _, m := range beforeDot.FindAllStringSubmatch(text, -1) {
		name := strings.Trim(m[1], "`\"")
		if strings.Contains(name, undecoded) || rules.WantedSchema(name) {
			return true
		}
	}
	return false
}

func renamesToWanted(st *alterStmt, rules *ruleset.Rules) bool {
	for _, a := range st.actions {
		if a.kind == renameTo && rules.Wanted(a.name[0], a.name[1]) {
			return true
		}
	}
	return false
}

// tokensMayTouch says whether any name in a statement could be that of a
// wanted table, or anything of a wanted schema.
func tokensMayTouch(tokens []token, schema string, rules *ruleset.Rules) bool {
	name := func(t token) bool { return t.kind == tokWord || t.kind == tokIdent }
	for i, t := range tokens {
		if !name(t) {
			continue
		}
		dotted := i > 0 && tokens[i-1].punct(".")
		if i+2 < len(tokens) && tokens[i+1].punct(".") && name(tokens[i+2]) {
			if mayBe(rules, t.text, tokens[i+2].text) {
				return true
			}
			continue
		}
		if !dotted && mayBe(rules, schema, t.text) {
			return true
		}
	}
	return false
}
