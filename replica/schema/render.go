package schema

import (
	"strconv"
	"strings"

	"sluice/replica"
)

// sql returns the statement that makes the table, with every charset and
// collation written out, so that ParseCreate reads the same definition back
// whatever its defaults are.
func (d *definition) sql() string {
	var items []string
	for _, c := range d.columns {
		if !c.implicit {
			items = append(items, c.sql()+d.inlineChecks(c.name))
		}
	}
	for _, k := range d.keys {
		items = append(items, k.sql()+d.originMark(k))
	}
	for _, k := range d.absent {
		items = append(items, k.sql()+markOf(originAbsent))
	}
	for _, f := range d.foreign {
		items = append(items, f.sql())
	}
	for _, c := range d.checks {
		if c.column == "" {
			items = append(items, c.sql())
		}
	}
	items = append(items, d.period...)
	s := "CREATE TABLE " + replica.Quote(d.name) + " (\n  " + strings.Join(items, ",\n  ") + "\n)"
	for _, o := range d.options {
		s += " " + o.sql()
	}
	s += " DEFAULT CHARSET=" + d.charset + " COLLATE=" + d.collation
	if d.versioning {
		s += " WITH SYSTEM VERSIONING"
	}
	if d.partition != nil {
		s += "\n" + d.partition.sql()
	}
	return s
}

func (o option) sql() string { return optionName(o.name) + "=" + o.value }

// optionName quotes the name of an option that would not read back as one.
func optionName(name string) string {
	if name == "DATA DIRECTORY" || name == "INDEX DIRECTORY" {
		return name
	}
	tokens, err := tokenize(name, 0)
	plain := err == nil && len(tokens) == 2 && tokens[0].kind == tokWord && tokens[0].text == name
	if !plain || tokens[0].isAny(optionWords...) {
		return replica.Quote(name)
	}
	return name
}

// optionWords mean something else where a table option is expected.
var optionWords = []string{"SELECT", "AS", "IGNORE", "REPLACE", "WITH", "PARTITION", "START", "DEFAULT", "CHARSET", "CHARACTER",
	"CHAR", "COLLATE", "TYPE", "DATA", "INDEX"}

func (d *definition) inlineChecks(column string) string {
	s := ""
	for _, c := range d.checks {
		if c.column != "" && strings.EqualFold(c.column, column) {
			s += " CHECK " + c.expr
		}
	}
	return s
}

func (c *columnDef) sql() string {
	parts := []string{replica.Quote(c.name), c.typ.sql()}
	add := func(on bool, words ...string) {
		if on {
			parts = append(parts, words...)
		}
	}
	add(c.typ.charset != "", "CHARACTER SET", c.typ.charset, "COLLATE", c.typ.collation)
	add(c.compressed, "COMPRESSED")
	add(c.rowStart, "GENERATED ALWAYS AS ROW START")
	add(c.rowEnd, "GENERATED ALWAYS AS ROW END")
	if c.generated != "" {
		add(true, "GENERATED ALWAYS AS", c.generated)
		add(c.stored, "STORED")
		add(!c.stored, "VIRTUAL")
		add(c.null == nullNo, "NOT NULL")
	} else if !c.rowStart && !c.rowEnd {
		add(c.null == nullNo, "NOT NULL")
		add(c.null != nullNo, "NULL")
	}
	add(c.hasDefault, "DEFAULT", c.def)
	add(c.onUpdate != "", "ON UPDATE", c.onUpdate)
	add(c.autoInc, "AUTO_INCREMENT")
	add(c.invisible, "INVISIBLE")
	add(true, c.extra...)
	add(c.comment != "", "COMMENT", quoteString(c.comment))
	return strings.Join(parts, " ")
}

var keyWords = map[keyKind]string{
	keyPlain: "KEY", keyPrimary: "PRIMARY KEY", keyUnique: "UNIQUE KEY",
	keyFulltext: "FULLTEXT KEY", keySpatial: "SPATIAL KEY", keyVector: "VECTOR KEY",
}

func (k *keyDef) sql() string {
	s := keyWords[k.kind]
	if k.kind != keyPrimary {
		s += " " + replica.Quote(k.name)
	}
	s += " " + partsSQL(k.parts)
	if k.hash {
		s += " USING HASH"
	}
	for _, e := range k.extra {
		s += " " + e
	}
	if k.comment != "" {
		s += " COMMENT " + quoteString(k.comment)
	}
	if k.invisible {
		s += " INVISIBLE"
	}
	return s
}

func partsSQL(parts []keyPart) string {
	texts := make([]string, len(parts))
	for i, p := range parts {
		switch {
		case p.expr != "":
			texts[i] = p.expr
		case p.prefix > 0:
			texts[i] = replica.Quote(p.column) + "(" + strconv.Itoa(p.prefix) + ")"
		default:
			texts[i] = replica.Quote(p.column)
		}
		if p.desc {
			texts[i] += " DESC"
		}
	}
	return "(" + strings.Join(texts, ",") + ")"
}

func (f *foreignDef) sql() string {
	return "CONSTRAINT " + replica.Quote(f.name) + " FOREIGN KEY " + namesSQL(f.columns) + " " + f.rest
}

func namesSQL(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = replica.Quote(n)
	}
	return "(" + strings.Join(quoted, ",") + ")"
}

func (c *checkDef) sql() string {
	s := "CONSTRAINT " + replica.Quote(c.name) + " CHECK " + c.expr
	if c.notEnforced {
		s += " NOT ENFORCED"
	}
	return s
}
