package schema

import (
	"strings"

	"sluice/replica"
)

// maxIndexBytes is TiDB's default max-index-length: the sum of the bytes that
// an index's columns can have.
const maxIndexBytes = 3072

// partBytes returns how many bytes of an index a key part can take at the
// target.
func (x *translator) partBytes(p keyPart) int {
	if p.expr != "" {
		return 0
	}
	c := x.d.column(p.column)
	if c == nil {
		return 0
	}
	t := c.typ
	n := p.prefix
	if n == 0 {
		n = max(t.length, 0)
	}
	switch t.base {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		quiet := translator{keep3: x.keep3}
		switch cs, _ := quiet.text("", t.charset, t.collation); cs {
		case "utf8":
			return 3 * n
		case "utf8mb4":
			return 4 * n
		}
		return n
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return n
	case "bit":
		return (n + 7) / 8
	case "decimal":
		return n/9*4 + (n%9+1)/2
	}
	if bytes, ok := indexBytes[t.base]; ok {
		return bytes
	}
	return 8
}

// indexBytes is what TiDB counts for a type whose length does not matter.
var indexBytes = map[string]int{"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8, "float": 4, "double": 8,
	"year": 1, "date": 3, "time": 3, "datetime": 8, "timestamp": 4}

func (x *translator) keyBytes(k *keyDef) int {
	sum := 0
	for _, p := range k.parts {
		sum += x.partBytes(p)
	}
	return sum
}

// carried says whether the target has the key, and why not.
func (x *translator) carried(k *keyDef) (reason string, ok bool) {
	switch k.kind {
	case keyFulltext:
		return "TiDB has no FULLTEXT index", false
	case keySpatial:
		return "TiDB has no SPATIAL index", false
	case keyVector:
		return "vector indexes are not carried over", false
	}
	for _, p := range k.parts {
		if p.expr != "" {
			if !indexableExpression(p.expr) {
				return "TiDB does not index this expression", false
			}
			if why := x.unprovedKey(k, p.expr); why != "" {
				return why, false
			}
			continue
		}
		c := x.d.column(p.column)
		if c == nil {
			continue
		}
		if p.prefix == 0 && (strings.HasSuffix(c.typ.base, "blob") || strings.HasSuffix(c.typ.base, "text")) {
			return "TiDB cannot index a whole TEXT or BLOB", false
		}
		if c.rowStart || c.rowEnd {
			return "it is over a column of system versioning", false
		}
		if c.typ.base == "vector" {
			return "TiDB cannot index VECTOR like this", false
		}
	}
	return "", true
}

// indexable are the functions that TiDB allows in an index without the
// experimental switch for others.
var indexable = map[string]bool{"lower": true, "upper": true, "md5": true, "reverse": true, "vitess_hash": true,
	"tidb_shard": true, "cast": true, "json_extract": true, "json_unquote": true, "json_array": true, "json_object": true,
	"json_length": true, "json_type": true, "json_keys": true, "json_contains": true, "json_contains_path": true, "json_valid": true,
	"json_search": true, "json_merge_patch": true, "json_merge_preserve": true, "json_depth": true, "json_quote": true,
	"char": true, "decimal": true, "binary": true}

func indexableExpression(expr string) bool {
	if strings.HasSuffix(expr, " WITHOUT OVERLAPS") || !tidbParses("CREATE TABLE t (c INT, KEY k ("+expr+"))") {
		return false
	}
	tokens, err := tokenize(expr, 0)
	if err != nil {
		return false
	}
	for i, t := range tokens {
		if t.kind == tokWord && tokens[i+1].punct("(") && !indexable[strings.ToLower(t.text)] {
			return false
		}
	}
	return true
}

// key returns a key's definition at the target, "" when it is not carried over.
func (x *translator) key(k *keyDef) string {
	name := "index " + k.name
	if k.kind == keyPrimary {
		name = "primary key"
	}
	if reason, ok := x.carried(k); !ok {
		x.note("%s is left out: %s", name, reason)
		return ""
	}
	n := k.clone()
	for i := range n.parts {
		n.parts[i].desc = false
		n.parts[i].expr = translateExpression(n.parts[i].expr)
	}
	x.shorten(n, name)
	s := keyWords[k.kind]
	if k.kind != keyPrimary {
		s += " " + replica.Quote(k.name)
	}
	s += " " + partsSQL(n.parts)
	if k.kind == keyPrimary {
		mode := "CLUSTERED"
		for _, p := range n.parts {
			if p.prefix > 0 {
				mode = "NONCLUSTERED"
			}
		}
		s += " /*T![clustered_index] " + mode + " */"
	}
	if k.comment != "" {
		s += " COMMENT " + quoteString(k.comment)
	}
	if k.invisible {
		s += " INVISIBLE"
	}
	return s
}

// shorten gives a plain key that is too long for TiDB prefixes; a unique key
// cannot be shortened without changing its meaning.
func (x *translator) shorten(k *keyDef, name string) {
	if x.keyBytes(k) <= maxIndexBytes {
		return
	}
	if k.kind != keyPlain {
		x.note("%s is longer than TiDB's default max-index-length of %d bytes", name, maxIndexBytes)
		return
	}
	share := maxIndexBytes / len(k.parts)
	for i := range k.parts {
		p := &k.parts[i]
		c := x.d.column(p.column)
		if c == nil || x.partBytes(*p) <= share {
			continue
		}
		unit := 1
		if c.typ.charset != "" {
			unit = 4
		}
		p.prefix = share / unit
	}
	x.note("%s is over prefixes, as it would be longer than TiDB's index limit", name)
}
