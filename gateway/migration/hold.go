package migration

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/schema"
)

// fitting compares a source table with a target table that is there already,
// column by column, and returns why the target's could not hold every row
// exactly; nil when it can. Strict mode refuses what is too long or out of
// range, but rounds fractions silently, so that types are compared here. copied
// says that the table's rows are copied and not only followed.
func fitting(ctx context.Context, db *sql.DB, t *replica.Table, ts, tt string, copied bool) error {
	var name, create string
	if err := db.QueryRowContext(ctx, "SHOW CREATE TABLE "+replica.QuoteTable(ts, tt)).Scan(&name, &create); err != nil {
		return fmt.Errorf("read the target's definition of %s.%s: %w", ts, tt, err)
	}
	have, err := schema.ParseCreate(ts, create, schema.Defaults{})
	if err != nil {
		return &replica.Error{Code: 61095, Class: "TARGET", Table: ts + "." + tt, Err: err, Message: fmt.Sprintf("the definition of the target table %s.%s cannot be read", ts, tt),
			Remedy: "drop the table so that it is made anew"}
	}
	t = t.Carrying(func(c *replica.Column) bool {
		j := have.Column(c.Name)
		return j >= 0 && !have.Columns[j].Generated
	})
	var bad []string
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Generated {
			continue
		}
		j := have.Column(c.Name)
		if j < 0 {
			bad = append(bad, c.Name+" is missing")
			continue
		}
		if why := fits(c, &have.Columns[j]); why != "" {
			bad = append(bad, c.Name+" "+why)
		}
	}
	bad = append(bad, extraKeys(t, have)...)
	if copied {
		bad = append(bad, coarser(t, have)...)
	}
	if bad == nil {
		return nil
	}
	return &replica.Error{Code: 61095, Class: "TARGET", Table: ts + "." + tt,
		Message: fmt.Sprintf("the target table %s.%s cannot hold the rows of %s: %s", ts, tt, t, clip(strings.Join(bad, "; "), 500)),
		Remedy:  "change the target's columns, or drop the table so that it is made anew"}
}

// coarser names key columns of a table that is copied with REPLACE whose
// collation may hold values equal that the source tells apart: one of the two rows
// would be lost without a word. A table whose rows are inserted would stop there
// instead, so that it may have what its owner wants.
//
// The target's collation has to be the one that a table made here would have, or a
// binary one that minds trailing spaces where that one does; CHAR has none.
func coarser(src, dst *replica.Table) []string {
	if !apply.CopiedByReplace(src) {
		return nil
	}
	suffix := func(collation string) string {
		_, s, _ := strings.Cut(collation, "_")
		return s
	}
	inKey := map[int]bool{}
	keys := src.Unique
	if src.Primary != nil {
		keys = append([]replica.Index{*src.Primary}, keys...)
	}
	for i := range keys {
		for _, c := range keys[i].Columns {
			inKey[c] = true
		}
	}
	var out []string
	for i := range src.Columns {
		c := &src.Columns[i]
		h := dst.Column(c.Name)
		if !inKey[i] || h < 0 || !c.IsText() {
			continue
		}
		needs, has := schema.TargetCollation(c.Charset, c.Collation), dst.Columns[h].Collation
		spaces := strings.HasPrefix(suffix(needs), "0900_") && c.Type != replica.TypeChar
		switch s := suffix(has); {
		case s == suffix(needs), s == "0900_bin", s == "bin" && !spaces:
		default:
			out = append(out, fmt.Sprintf("%s is in a key and has the collation %s, where %s is needed to tell its values apart", c.Name, has, needs))
		}
	}
	return out
}

// extraKeys names unique keys of the target that the source does not have:
// rows that the source tells apart would collide there.
func extraKeys(src, dst *replica.Table) []string {
	columns := func(t *replica.Table, x *replica.Index) string {
		var names []string
		for i, c := range x.Columns {
			n := strings.ToLower(t.Columns[c].Name)
			if i < len(x.Prefix) && x.Prefix[i] > 0 {
				n += fmt.Sprintf("(%d)", x.Prefix[i])
			}
			names = append(names, n)
		}
		return strings.Join(names, ",")
	}
	known := map[string]bool{}
	if src.Primary != nil {
		known[columns(src, src.Primary)] = true
	}
	for i := range src.Unique {
		known[columns(src, &src.Unique[i])] = true
	}
	var out []string
	check := func(x *replica.Index) {
		if x != nil && !x.Expression && !known[columns(dst, x)] {
			out = append(out, "the source has no unique key ("+columns(dst, x)+")")
		}
	}
	check(dst.Primary)
	for i := range dst.Unique {
		check(&dst.Unique[i])
	}
	return out
}

var integerBits = map[replica.ColumnType]int{replica.TypeTinyInt: 8, replica.TypeSmallInt: 16, replica.TypeMediumInt: 24,
	replica.TypeInt: 32, replica.TypeBigInt: 64}

// fits says why not every value of src can be stored in dst unchanged.
func fits(src, dst *replica.Column) string {
	if dst.Generated {
		return "is generated in the target"
	}
	if src.Nullable && !dst.Nullable {
		return "is NOT NULL in the target"
	}
	was := "is " + dst.SQLType + " in the target and " + src.SQLType + " in the source"
	if bits := integerBits[src.Type]; bits > 0 {
		have := integerBits[dst.Type]
		if have == 0 || src.Unsigned == dst.Unsigned && have < bits || src.Unsigned && !dst.Unsigned && have <= bits || !src.Unsigned && dst.Unsigned {
			return was
		}
		return ""
	}
	switch src.Type {
	case replica.TypeChar, replica.TypeVarchar, replica.TypeText, replica.TypeBinary, replica.TypeVarbinary, replica.TypeBlob:
		return fitsString(src, dst, was)
	case replica.TypeGeometry:
		if dst.Type != replica.TypeBlob {
			return was + ", and only a BLOB holds it"
		}
		return ""
	case replica.TypeFloat:
		if dst.Type == replica.TypeFloat || dst.Type == replica.TypeDouble {
			return ""
		}
		return was
	}
	if src.Type != dst.Type {
		return was
	}
	switch src.Type {
	case replica.TypeDecimal:
		if dst.Scale < src.Scale || dst.Length-dst.Scale < src.Length-src.Scale || dst.Unsigned && !src.Unsigned {
			return was
		}
	case replica.TypeTime, replica.TypeDateTime, replica.TypeTimestamp:
		if dst.Scale < src.Scale {
			return was
		}
	case replica.TypeBit:
		if dst.Length < src.Length {
			return was
		}
	case replica.TypeEnum, replica.TypeSet:
		if len(dst.Elements) < len(src.Elements) {
			return was
		}
		for i, e := range src.Elements {
			if dst.Elements[i] != e {
				return was
			}
		}
	}
	return ""
}

// fitsString compares text with text and bytes with bytes, by how many
// characters or bytes fit.
func fitsString(src, dst *replica.Column, was string) string {
	text := src.IsText()
	if text != dst.IsText() || !text && dst.Type != replica.TypeBinary && dst.Type != replica.TypeVarbinary && dst.Type != replica.TypeBlob {
		return was
	}
	if dst.Type == replica.TypeBinary && (src.Type != replica.TypeBinary || src.Length != dst.Length) {
		return was // padded to another length
	}
	if dst.Type == replica.TypeChar && src.Type != replica.TypeChar {
		return was // trailing spaces are not kept
	}
	if text && src.Charset != dst.Charset && dst.Charset != "utf8mb4" {
		narrow := src.Charset == "ascii" || dst.Charset == "utf8mb3" && src.Charset != "utf8mb4" && src.Charset != "gb18030"
		if !narrow {
			return was + ", in " + dst.Charset
		}
	}
	if capacity(dst) < capacity(src) && !(text && dst.Type != replica.TypeText && src.Type != replica.TypeText && dst.Length >= src.Length) {
		return was
	}
	return ""
}

// capacity is how many bytes a column's values may have; four a character for
// CHAR and VARCHAR, so that it can be compared with TEXT.
func capacity(c *replica.Column) uint64 {
	switch {
	case strings.HasPrefix(c.SQLType, "tiny"):
		return 1<<8 - 1
	case strings.HasPrefix(c.SQLType, "medium"):
		return 1<<24 - 1
	case strings.HasPrefix(c.SQLType, "long"):
		return 1<<32 - 1
	case c.Type == replica.TypeText, c.Type == replica.TypeBlob:
		return 1<<16 - 1
	}
	if c.IsText() {
		return uint64(c.Length) * 4
	}
	return uint64(c.Length)
}
