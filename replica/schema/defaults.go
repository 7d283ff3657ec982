package schema

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	tidbcharset "github.com/pingcap/tidb/pkg/parser/charset"

	"sluice/replica"
)

// Defaults are the properties of a source that a statement's meaning depends
// on. The zero value reads what SHOW CREATE TABLE of any supported server
// prints, in a utf8mb4 database.
type Defaults struct {
	// Charset and Collation are the database's (for a table) or the server's
	// (for a database). "" means utf8mb4; a collation alone suffices.
	Charset, Collation string
	// Collations maps a charset to its default collation, where the source's
	// differs from MySQL 5.7's. See SourceDefaults.
	Collations map[string]string
	// MariaDB says that the source is MariaDB: JSON is then LONGTEXT, and
	// unnamed constraints are named differently.
	MariaDB bool
	// Version is the source's version as its version comments write it: 80403
	// for 8.4.3, 101106 for 10.11.6. 0 stands for the newest.
	Version int
	// ImplicitTimestamp says that explicit_defaults_for_timestamp is OFF: a
	// TIMESTAMP column is then NOT NULL unless it says NULL.
	ImplicitTimestamp bool
	// SaysExplicit says that the source logs explicit_defaults_for_timestamp=ON
	// with each statement, so that a statement without it ran under OFF.
	SaysExplicit bool
	// LowerNames says that the source keeps names of schemas and tables in lower
	// case, however a statement writes them: lower_case_table_names is 1.
	LowerNames bool
	// CollationNames has the source's collations by number, as
	// information_schema lists them. Numbers that it lacks are those of MySQL.
	CollationNames map[uint16]string
	// Zones finds the location that a session's time_zone stands for, and the
	// name of it that the target understands. nil knows offsets and the names of
	// the IANA database, but not SYSTEM.
	Zones func(name string) (*time.Location, string, error)

	// NativeForeignKeys reports that the source's engine carries out the actions of
	// foreign keys by itself: the rows that they change are not in the binlog.
	NativeForeignKeys bool

	zone string // the session's time_zone; "" when the statement did not use it
}

// SourceDefaults returns the Defaults that follow from a source's
// @@version, such as 8.4.3 or 10.11.6-MariaDB. Charset and Collation are left
// to the caller, who asks the source for them, as is ImplicitTimestamp.
func SourceDefaults(version string) Defaults {
	var d Defaults
	d.SaysExplicit = saysExplicit(version)
	d.MariaDB = strings.Contains(strings.ToLower(version), "mariadb")
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	m, _ := strconv.Atoi(major)
	n, _ := strconv.Atoi(minor)
	d.Version = replica.ParseDialect(version).Version
	switch {
	case d.MariaDB && (m > 11 || m == 11 && n >= 5):
		d.Collations = map[string]string{"utf8mb4": "utf8mb4_uca1400_ai_ci", "utf8mb3": "utf8mb3_uca1400_ai_ci",
			"ucs2": "ucs2_uca1400_ai_ci", "utf16": "utf16_uca1400_ai_ci", "utf32": "utf32_uca1400_ai_ci"}
	case !d.MariaDB && m >= 8:
		d.Collations = map[string]string{"utf8mb4": "utf8mb4_0900_ai_ci"}
	}
	return d
}

// mysqlBefore returns true if the source is a MySQL older than the version.
func (d Defaults) mysqlBefore(version int) bool {
	return !d.MariaDB && d.Version > 0 && d.Version < version
}

// saysExplicit returns true for the MariaDB versions that log the setting:
// 10.8.4, 10.9.2, 10.10.2 and newer ones of each series (MDEV-29225).
func saysExplicit(version string) bool {
	if !strings.Contains(strings.ToLower(version), "mariadb") {
		return false
	}
	var major, minor, patch int
	for i, p := range strings.SplitN(strings.TrimPrefix(version, "5.5.5-"), ".", 3) {
		digits := p
		if end := strings.IndexFunc(p, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = p[:end]
		}
		n, _ := strconv.Atoi(digits) // an odd version counts as an old one
		*[]*int{&major, &minor, &patch}[i] = n
	}
	if major != 10 {
		return major > 10
	}
	first, known := map[int]int{8: 4, 9: 2, 10: 2}[minor]
	return known && patch >= first || minor > 10
}

// session returns the defaults that hold in the session of a statement.
func (d Defaults) session(ddl replica.DDL) (Defaults, error) {
	switch {
	case ddl.ExplicitTimestamp != replica.Unknown:
		d.ImplicitTimestamp = ddl.ExplicitTimestamp == replica.Off
	case d.SaysExplicit && !ddl.At.IsZero():
		d.ImplicitTimestamp = true
	}
	if ddl.Collations != nil { // all that the session has; the others are the server's built-in ones
		all := make(map[string]string, len(ddl.Collations))
		for from, to := range ddl.Collations {
			charset, _, err := d.collation(from)
			if err != nil {
				return d, err
			}
			_, collation, err := d.collation(to)
			if err != nil {
				return d, err
			}
			all[charset] = collation
		}
		d.Collations = all
	}
	d.zone = ddl.TimeZone
	return d, nil
}

// collation returns the names of the charset and collation with a number.
func (d Defaults) collation(id uint16) (charset, collation string, err error) {
	if name := d.CollationNames[id]; name != "" {
		collation = canonicalCollation(name)
		if charset = collationCharset(collation); charset != "" {
			return charset, collation, nil
		}
	}
	c, err := tidbcharset.GetCollationByID(int(id))
	if err != nil {
		return "", "", fmt.Errorf("collation number %d is not known", id)
	}
	return canonicalCharset(c.CharsetName), canonicalCollation(c.Name), nil
}

func (d Defaults) dialect() *replica.Dialect {
	return &replica.Dialect{MariaDB: d.MariaDB, Version: d.Version}
}

// Contradiction compares a table's columns with the collations that a row event
// names for them, by number; 0 is not compared. It returns the first difference as
// text, "" if there is none. A number that is not known is none of a character set
// that the definition could have, so that it is a difference too.
func (d Defaults) Contradiction(t *replica.Table, collations []uint16) string {
	for i, id := range collations {
		if id == 0 || i >= len(t.Columns) {
			continue
		}
		c := &t.Columns[i]
		want, wantCollation := c.Charset, canonicalCollation(c.Collation)
		if want == "" {
			want, wantCollation = "binary", "binary"
		}
		charset, collation, err := d.collation(id)
		switch {
		case fixedBytes[c.SQLType] > 0 || c.Type == replica.TypeGeometry || c.Type == replica.TypeVector || c.Type == replica.TypeJSON:
		case err != nil:
			return fmt.Sprintf("column %q has the unknown collation number %d in the binlog", c.Name, id)
		case charset != canonicalCharset(want) || wantCollation != "" && collation != wantCollation:
			return fmt.Sprintf("column %q has the collation %s in the binlog and %s in the known definition", c.Name, collation, wantCollation)
		}
	}
	return ""
}

// database returns the default charset and collation of what is defined under d.
func (d Defaults) database() (charset, collation string) {
	return d.resolve(d.Charset, d.Collation, "utf8mb4", "")
}

// resolve completes a charset and collation of which either may be "". With
// neither, those of the parent hold.
func (d Defaults) resolve(charset, collation, parentCharset, parentCollation string) (string, string) {
	charset, collation = canonicalCharset(charset), canonicalCollation(collation)
	switch {
	case charset == "" && collation == "":
		charset, collation = canonicalCharset(parentCharset), canonicalCollation(parentCollation)
		if collation != "" {
			return charset, collation
		}
	case charset == "":
		if charset = collationCharset(collation); charset == "" {
			charset = canonicalCharset(parentCharset)
		}
	}
	if strings.HasPrefix(collation, "uca1400_") { // MariaDB's short form
		collation = charset + "_" + collation
	}
	if collation == "" {
		collation = d.defaultCollation(charset)
	}
	return charset, collation
}

func (d Defaults) defaultCollation(charset string) string {
	if c := d.Collations[charset]; c != "" {
		return canonicalCollation(c)
	}
	return charsets[charset].collation
}
