package binlog

import (
	"strings"

	"sluice/replica"
)

// dialect is the server that wrote the binlog: it decides which comments are
// code.
type dialect struct{ replica.Dialect }

// dialectOf reads the server's version in a format description.
func dialectOf(e *event) dialect {
	version, _, _ := strings.Cut(string(e.body[2:2+50]), "\x00")
	return dialect{replica.ParseDialect(version)}
}

// spaces are the characters that separate words for a server.
const spaces = " \t\r\n\v\f"

// keyword returns a statement's first word in upper case, comments skipped,
// and what follows it. A statement of nothing but comments has no word and no
// rest. The text inside a version comment counts if the server runs it.
func (d dialect) keyword(sql string) (word, rest string) {
	for {
		sql = strings.TrimLeft(sql, spaces+";(")
		switch {
		case strings.HasPrefix(sql, "/*"):
			size, runs := d.VersionComment(sql)
			if runs {
				sql = sql[size:]
				continue
			}
			after, ok := replica.SkipComment(sql[max(size, 2):], size > 0)
			if !ok {
				return "", ""
			}
			sql = after
		case strings.HasPrefix(sql, "*/"): // the end of a version comment
			sql = sql[2:]
		case sql == "--", strings.HasPrefix(sql, "--") && sql[2] <= ' ', strings.HasPrefix(sql, "#"):
			_, after, ok := strings.Cut(sql, "\n")
			if !ok {
				return "", ""
			}
			sql = after
		default:
			i := strings.IndexFunc(sql, func(c rune) bool {
				return c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
			})
			if i < 0 {
				i = len(sql)
			}
			return strings.ToUpper(sql[:i]), sql[i:]
		}
	}
}

// dataWords begin the statements that change rows and are not DDL.
var dataWords = map[string]bool{"INSERT": true, "UPDATE": true, "DELETE": true, "REPLACE": true, "LOAD": true,
	"WITH": true, "CALL": true, "DO": true, "SELECT": true, "SET": true, "VALUES": true, "TABLE": true}

// isData says whether a statement changes rows, as far as its first words tell.
// MariaDB's SET STATEMENT .. FOR can stand before a DDL.
func (d dialect) isData(word, rest string) bool {
	if word == "SET" {
		next, _ := d.keyword(rest)
		return next != "STATEMENT"
	}
	return dataWords[word]
}

// isTemporary says whether a statement makes or drops temporary tables only,
// which are no table of a channel whatever their names: MariaDB logs these in
// the middle of transactions.
func (d dialect) isTemporary(word, rest string) bool {
	if word != "CREATE" && word != "DROP" {
		return false
	}
	next, rest := d.keyword(rest)
	if next == "OR" {
		if next, rest = d.keyword(rest); next == "REPLACE" {
			next, rest = d.keyword(rest)
		}
	}
	if next != "TEMPORARY" {
		return false
	}
	next, _ = d.keyword(rest)
	return next == "TABLE"
}
