package schema

import "strings"

// follow adjusts a key's parts to the columns after the statement. The rules are those of
// mysql_prepare_alter_table (sql_table.cc of both products), which looks a part's name up in
// the new list of columns: a column that exists has its old name there, an added one its own.
// The first one found is the part.
//
// The part of a dropped column therefore becomes that of an added one of the same name:
// DROP COLUMN a, ADD COLUMN a .. keeps the indexes over a. Over an added column the server
// keeps the length of the part in the old index as a prefix length.
func (a *alteration) follow(k *keyDef, renames map[string]string) {
	was := map[*columnDef]*columnDef{} // the old column of each new one that existed before
	for c, n := range a.columns {
		if n != nil {
			was[n] = c
		}
	}
	parts := k.parts[:0]
	for _, p := range k.parts {
		if p.expr != "" {
			p.expr = renameInText(p.expr, renames)
			parts = append(parts, p)
			continue
		}
		for _, c := range a.new.columns {
			name := c.name
			if was[c] != nil {
				name = was[c].name
			}
			if !strings.EqualFold(name, p.column) {
				continue
			}
			if was[c] == nil && k.kind != keyFulltext && k.kind != keySpatial {
				p.prefix = a.partLength(p)
			}
			p.column = c.name
			parts = append(parts, p)
			break
		}
	}
	k.parts = parts
}

// partLength returns the length of a part of an index of the old table, in characters.
// A definition shows it only if the part becomes one over characters or bytes.
func (a *alteration) partLength(p keyPart) int {
	c := a.old.column(p.column)
	if p.prefix > 0 || c == nil {
		return p.prefix
	}
	t := &c.typ
	switch t.base {
	case "char", "varchar", "binary", "varbinary":
		return t.length
	case "tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob":
		return 0 // MariaDB's unique key by a hash
	case "enum", "set":
		return t.memberBytes() / max(charsets[t.charset].max, 1)
	}
	return t.storedBytes()
}

// memberBytes returns the size of a value of ENUM or SET in a row.
func (t *typeDef) memberBytes() int {
	if t.base == "enum" {
		if len(t.elements) < 256 {
			return 1
		}
		return 2
	}
	if n := (len(t.elements) + 7) / 8; n <= 4 {
		return n
	}
	return 8
}

// storedBytes returns the size of a value in a row ("Data Type Storage Requirements" of the
// manual), for the types of fixed size.
func (t *typeDef) storedBytes() int {
	fraction := (max(t.scale, 0) + 1) / 2
	switch t.base {
	case "bit":
		return (max(t.length, 1) + 7) / 8
	case "decimal":
		scale := max(t.scale, 0)
		return decimalBytes(t.length-scale) + decimalBytes(scale)
	case "time":
		return 3 + fraction
	case "datetime":
		return 5 + fraction
	case "timestamp":
		return 4 + fraction
	}
	if n := fixedBytes[t.base]; n > 0 {
		return n
	}
	return indexBytes[t.base] // TiDB counts the others as the source does
}

// decimalBytes returns how many bytes the digits of a DECIMAL before its point, or those
// after it, take.
func decimalBytes(digits int) int { return digits/9*4 + (digits%9+1)/2 }
