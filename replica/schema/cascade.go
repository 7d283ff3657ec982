package schema

import (
	"strings"

	"sluice/replica"
)

// actions returns the actions of a foreign key that change rows: ON DELETE CASCADE
// and the like; "" if it has none.
func (f *foreignDef) actions() string {
	tokens, err := tokenize(f.rest, 0)
	if err != nil {
		return f.rest // what is not read may have one
	}
	var out []string
	for i := 0; i+2 < len(tokens); i++ {
		if !tokens[i].is("ON") || !tokens[i+1].isAny("DELETE", "UPDATE") {
			continue
		}
		what := strings.ToUpper(tokens[i].text + " " + tokens[i+1].text + " ")
		switch {
		case tokens[i+2].is("CASCADE"):
			out = append(out, what+"CASCADE")
		case tokens[i+2].is("SET"):
			out = append(out, what+"SET "+strings.ToUpper(tokens[i+3].text))
		}
	}
	return strings.Join(out, ", ")
}

// Cascades returns the names of a table's foreign keys that change its rows by
// themselves, each with its actions.
func Cascades(t *replica.Table) (names, actions []string) {
	d, err := parseDefinition(t.Create, Defaults{})
	if err != nil {
		return nil, nil
	}
	for _, f := range d.foreign {
		if a := f.actions(); a != "" {
			names, actions = append(names, f.name), append(actions, a)
		}
	}
	return names, actions
}

// cascading returns a condition for each foreign key that is added and whose
// actions the source's binlog will not have. Rows may have changed by it before
// anybody reads of it, so that the refusal is final.
func cascading(d Defaults, table *replica.Table, keys []*foreignDef) (out []Condition) {
	if !d.NativeForeignKeys {
		return nil
	}
	for _, f := range keys {
		if a := f.actions(); a != "" {
			out = append(out, never(ddlError(nil, "on the source, drop the foreign key or make it RESTRICT; then STOP MIGRATION, RESET MIGRATION, "+
				"drop the target's tables of this migration, and START MIGRATION, which copies them again; or leave the table out with REPLICATE_IGNORE_TABLE",
				"table %s got the foreign key %s with %s: the rows that it changes are not in the source's binlog", table, f.name, a)))
		}
	}
	return out
}
