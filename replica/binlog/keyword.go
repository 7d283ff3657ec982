package binlog

import "strings"

// spaces are the characters that separate words for a server.
const spaces = " \t\r\n\v\f"

// keyword returns a statement's first word in upper case, comments skipped,
// and what follows it. A statement of nothing but comments has no word and no
// rest. The text inside a version comment counts: a server writes those that
// it did not run as plain comments.
func keyword(sql string) (word, rest string) {
	for {
		sql = strings.TrimLeft(sql, spaces+";(")
		switch {
		case strings.HasPrefix(sql, "/*"):
			if strings.HasPrefix(sql, "/*!") || strings.HasPrefix(sql, "/*M!") {
				sql = strings.TrimLeft(strings.TrimLeft(sql[2:], "M!"), "0123456789")
				continue
			}
			_, after, ok := strings.Cut(sql[2:], "*/")
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
func isData(word, rest string) bool {
	if word == "SET" {
		next, _ := keyword(rest)
		return next != "STATEMENT"
	}
	return dataWords[word]
}

// isTemporary says whether a statement makes or drops temporary tables only,
// which are no table of a channel whatever their names: MariaDB logs these in
// the middle of transactions.
func isTemporary(word, rest string) bool {
	if word != "CREATE" && word != "DROP" {
		return false
	}
	next, rest := keyword(rest)
	if next == "OR" {
		if next, rest = keyword(rest); next == "REPLACE" {
			next, rest = keyword(rest)
		}
	}
	if next != "TEMPORARY" {
		return false
	}
	next, _ = keyword(rest)
	return next == "TABLE"
}
