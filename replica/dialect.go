package replica

import (
	"strconv"
	"strings"
)

// Dialect says which server reads a statement: a version comment is code for
// one and a comment for another.
type Dialect struct {
	MariaDB bool
	// Version is as version comments write it: 80403 for 8.4.3, 101106 for
	// 10.11.6. 0 stands for the newest.
	Version int
}

// ParseDialect reads a server's @@version, such as 8.4.3 or 10.11.6-MariaDB.
// MariaDB's binlogs have 5.5.5- before it in some versions.
func ParseDialect(version string) Dialect {
	d := Dialect{MariaDB: strings.Contains(strings.ToLower(version), "mariadb")}
	if d.MariaDB {
		version = strings.TrimPrefix(version, "5.5.5-")
	}
	for i, part := range strings.SplitN(version, ".", 3) {
		end := strings.IndexFunc(part, func(c rune) bool { return c < '0' || c > '9' })
		if end < 0 {
			end = len(part)
		}
		n, _ := strconv.Atoi(part[:end])
		d.Version += min(n, 99) * [...]int{10000, 100, 1}[i]
	}
	return d
}

// VersionComment reads the beginning of a version comment: /*! and, on MariaDB,
// /*M!, with an optional version of five or six digits. size is that of the
// beginning, 0 if the text begins with a plain comment; the comment's content is
// code if runs is true. The rules are those of lex_one_token in sql_lex.cc.
//
// MariaDB takes MySQL's comments for versions from 5.7 on as plain ones. MySQL
// reads a sixth digit only before white space.
func (d Dialect) VersionComment(s string) (size int, runs bool) {
	own := strings.HasPrefix(s, "/*M!")
	switch {
	case own && d.MariaDB:
		size = 4
	case strings.HasPrefix(s, "/*!"):
		size = 3
	default:
		return 0, false
	}
	digits := 0
	for size+digits < len(s) && digits < 6 && s[size+digits] >= '0' && s[size+digits] <= '9' {
		digits++
	}
	if digits < 5 {
		return size, true
	}
	if digits == 6 && !d.MariaDB && !spaceAt(s, size+digits) {
		digits = 5
	}
	version, _ := strconv.Atoi(s[size : size+digits])
	runs = d.Version == 0 || version <= d.Version
	if d.MariaDB && !own && version >= 50700 && version <= 99999 {
		runs = false
	}
	return size + digits, runs
}

func spaceAt(s string, i int) bool { return i < len(s) && strings.IndexByte(" \t\r\n\v\f", s[i]) >= 0 }

// SkipComment returns what follows a comment that begins before s; ok is false
// if it does not end. Inside a version comment that does not run, one level of
// comments is skipped with it.
func SkipComment(s string, nested bool) (rest string, ok bool) {
	for {
		end := strings.Index(s, "*/")
		if end < 0 {
			return "", false
		}
		inner := strings.Index(s, "/*")
		if !nested || inner < 0 || inner > end {
			return s[end+2:], true
		}
		if s, ok = SkipComment(s[inner+2:], false); !ok {
			return "", false
		}
	}
}
