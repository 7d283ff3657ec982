package schema

import (
	"strconv"
	"strings"
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
}

// SourceDefaults returns the Defaults that follow from a source's
// @@version, such as 8.4.3 or 10.11.6-MariaDB. Charset and Collation are left
// to the caller, who asks the source for them, as is ImplicitTimestamp.
func SourceDefaults(version string) Defaults {
	var d Defaults
	d.MariaDB = strings.Contains(strings.ToLower(version), "mariadb")
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	m, _ := strconv.Atoi(major)
	n, _ := strconv.Atoi(minor)
	d.Version = m*10000 + n*100 + patchOf(rest)
	switch {
	case d.MariaDB && (m > 11 || m == 11 && n >= 5):
		d.Collations = map[string]string{"utf8mb4": "utf8mb4_uca1400_ai_ci", "utf8mb3": "utf8mb3_uca1400_ai_ci",
			"ucs2": "ucs2_uca1400_ai_ci", "utf16": "utf16_uca1400_ai_ci", "utf32": "utf32_uca1400_ai_ci"}
	case !d.MariaDB && m >= 8:
		d.Collations = map[string]string{"utf8mb4": "utf8mb4_0900_ai_ci"}
	}
	return d
}

// patchOf returns the number after the first dot of 11.6-MariaDB.
func patchOf(rest string) int {
	_, patch, _ := strings.Cut(rest, ".")
	end := strings.IndexFunc(patch, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(patch)
	}
	n, _ := strconv.Atoi(patch[:end])
	return n
}

// before returns true if the source is a MySQL older than the version.
func (d Defaults) mysqlBefore(version int) bool {
	return !d.MariaDB && d.Version > 0 && d.Version < version
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
