// Package grants reads the lines of SHOW GRANTS of MySQL, MariaDB and TiDB.
package grants

import (
	"strings"

	"sluice/replica"
)

// Grant is one line of SHOW GRANTS that is not about roles.
type Grant struct {
	Rights        map[string]bool // upper case; ALL PRIVILEGES is one
	Schema, Table string          // Schema is a pattern of LIKE; "*": all
	Revoked       bool            // a partial revoke of MySQL 8: it takes from what *.* grants
}

// List is the lines of one account.
type List []Grant

// of reports whether the line is about the right.
func (g *Grant) of(right string) bool { return g.Rights[right] || g.Rights["ALL PRIVILEGES"] }

// Has reports whether the right is granted on a table; a table "*" stands for the whole
// schema. With fold, names are compared without case.
func (l List) Has(schema, table, right string, fold bool) bool {
	key := func(name string) string {
		if fold {
			return strings.ToLower(name)
		}
		return name
	}
	revoked := false
	for i := range l {
		revoked = revoked || l[i].Revoked && l[i].of(right) && key(l[i].Schema) == key(schema)
	}
	for i := range l {
		g := &l[i]
		if g.Revoked || !g.of(right) || g.Table != "*" && key(g.Table) != key(table) {
			continue
		}
		if g.Schema == "*" && !revoked || g.Schema != "*" && like(key(g.Schema), key(schema)) {
			return true
		}
	}
	return false
}

// Pattern quotes a schema's name for GRANT, which reads it as a pattern.
func Pattern(schema string) string {
	return replica.Quote(escape.Replace(schema))
}

var escape = strings.NewReplacer(`\`, `\\`, `_`, `\_`, `%`, `\%`)

// Parse reads "GRANT rights ON schema.table TO ..". It returns false for a role,
// or what it does not know.
func Parse(line string) (g Grant, ok bool) {
	rest, ok := strings.CutPrefix(line, "GRANT ")
	if !ok {
		if rest, ok = strings.CutPrefix(line, "REVOKE "); !ok {
			return g, false
		}
		g.Revoked = true
	}
	rights, rest, ok := strings.Cut(rest, " ON ")
	if !ok {
		return g, false
	}
	g.Rights = map[string]bool{}
	for right := range strings.SplitSeq(rights, ",") {
		g.Rights[strings.ToUpper(strings.TrimSpace(right))] = true
	}
	rest = strings.TrimPrefix(rest, "TABLE ")
	if g.Schema, rest, ok = grantName(rest); !ok || !strings.HasPrefix(rest, ".") {
		return g, false
	}
	g.Table, _, ok = grantName(rest[1:])
	return g, ok
}

// grantName reads a name, quoted or not, at the start of text.
func grantName(text string) (name, rest string, ok bool) {
	if !strings.HasPrefix(text, "`") {
		i := strings.IndexAny(text, ". ")
		if i < 0 {
			return "", "", false
		}
		return text[:i], text[i:], true
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '`':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '`':
			b.WriteByte('`')
			i++
		default:
			return b.String(), text[i+1:], true
		}
	}
	return "", "", false
}

// like matches a name with a pattern of GRANT: % and _ as in LIKE, \ before one that
// is meant itself. It takes time in proportion to the product of their lengths.
func like(patternText, nameText string) bool {
	pattern, name := []rune(patternText), []rune(nameText)
	star, from := -1, 0 // the newest %, and where what it stands for ends
	p, n := 0, 0
	for n < len(name) {
		literal := p < len(pattern) && pattern[p] == '\\' && p+1 < len(pattern)
		switch {
		case literal && pattern[p+1] == name[n]:
			p, n = p+2, n+1
		case !literal && p < len(pattern) && pattern[p] == '%':
			star, from = p, n
			p++
		case !literal && p < len(pattern) && (pattern[p] == '_' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(string(pattern[p:]), "%") == ""
}
