package schema

import (
	"errors"
	"strings"
)

// createTable returns the CREATE TABLE statement of the definition; name is
// quoted.
func (x *translator) createTable(name string) (string, error) {
	var items []string
	for _, c := range x.d.columns {
		if c.implicit {
			x.note("system versioning is left out: the target holds the current rows only")
			continue
		}
		if c.rowStart || c.rowEnd {
			x.note("column %s is left out: TiDB has no system versioning", c.name)
			continue
		}
		s, err := x.column(c)
		if err != nil {
			return "", err
		}
		items = append(items, s)
	}
	for _, k := range x.d.keys {
		if s := x.key(k); s != "" {
			items = append(items, s)
		}
	}
	for _, c := range x.d.checks {
		if s := x.check(c); s != "" {
			items = append(items, s)
		}
	}
	for _, f := range x.d.foreign {
		x.note("foreign key %s is left out: rows are written by key, in the source's order, without its checks", f.name)
	}
	sql := "CREATE TABLE " + name + " (\n  " + strings.Join(items, ",\n  ") + "\n)" + x.options()
	if p := x.partition(x.d.partition); p != "" {
		sql += "\n" + p
	}
	if !tidbParses(sql) {
		return "", errors.New("TiDB cannot read the translated definition")
	}
	return sql, nil
}

// check returns a check constraint, "" when TiDB cannot read it.
func (x *translator) check(c *checkDef) string {
	s := "CHECK " + translateExpression(c.expr)
	if c.name != "" {
		s = "CONSTRAINT " + (token{kind: tokIdent, text: c.name}).sql() + " " + s
	}
	if c.notEnforced || x.relaxed(c) {
		s += " NOT ENFORCED"
	}
	if !tidbParses("CREATE TABLE t (c INT, " + s + ")") {
		x.note("a check constraint is left out: TiDB cannot read it")
		return ""
	}
	return s
}

// silentOptions say how the source stores rows; nothing at the target
// corresponds to them.
var silentOptions = map[string]bool{"ENGINE": true, "ROW_FORMAT": true, "AVG_ROW_LENGTH": true, "CHECKSUM": true, "PAGE_CHECKSUM": true,
	"TRANSACTIONAL": true, "DELAY_KEY_WRITE": true, "MAX_ROWS": true, "MIN_ROWS": true, "PACK_KEYS": true, "INSERT_METHOD": true,
	"STATS_PERSISTENT": true, "STATS_AUTO_RECALC": true, "STATS_SAMPLE_PAGES": true}

func (x *translator) options() string {
	charset, collation := x.text("table", x.d.charset, x.d.collation)
	s := " DEFAULT CHARSET=" + charset + " COLLATE=" + collation
	for _, o := range x.d.options {
		switch {
		case o.name == "COMMENT" || o.name == "AUTO_INCREMENT":
			s += " " + o.sql()
		case !silentOptions[o.name]:
			x.note("table option %s is left out", o.name)
		}
	}
	if len(x.d.period) > 0 {
		x.note("PERIOD is left out")
	}
	return s
}

// partition returns the clause as TiDB takes it, "" when there is none.
func (x *translator) partition(p *partitioning) string {
	if p == nil {
		return ""
	}
	n := &partitioning{header: p.header}
	for _, part := range p.parts {
		n.parts = append(n.parts, partitionDef{part.name, partitionText(part.text)})
	}
	s := n.sql()
	// TiDB reads SYSTEM_TIME and then makes a table without partitions.
	if strings.Contains(strings.ToUpper(p.header), "SYSTEM_TIME") || !tidbParses("CREATE TABLE t (c INT) "+s) {
		x.note("partitioning is left out: TiDB does not have this kind")
		return ""
	}
	if why := x.placedOtherwise(p.header); why != "" {
		x.note("partitioning is left out: %s", why)
		return ""
	}
	if strings.Contains(strings.ToUpper(p.header), "SUBPARTITION") {
		x.note("subpartitions are left out by TiDB")
	}
	return s
}

// partitionText drops from a partition's definition where the source stores it.
func partitionText(text string) string {
	tokens, err := tokenize(text, 0)
	if err != nil {
		return text
	}
	var kept []token
	for i := 0; i < len(tokens); i++ {
		j := i
		if tokens[j].is("STORAGE") && tokens[j+1].is("ENGINE") {
			j++
		}
		switch {
		case tokens[j].isAny("ENGINE", "TABLESPACE", "NODEGROUP", "MAX_ROWS", "MIN_ROWS"):
		case tokens[j].isAny("DATA", "INDEX") && tokens[j+1].is("DIRECTORY"):
			j++
		default:
			kept = append(kept, tokens[i])
			continue
		}
		if tokens[j+1].punct("=") {
			j++
		}
		i = j + 1
	}
	return joinTokens(kept)
}
