package tidbsql

import "strings"

// longestCommentRun returns how many comments follow each other at most. It
// counts the marks of comments whose content is executed, and what could be a
// version after them, as comments too: TiDB's lexer calls itself for each. The
// result may be above the truth and is never below it, provided that escapes
// is what the sql_mode says.
func longestCommentRun(sql string, escapes bool) int {
	longest, run := 0, 0
	for i := 0; i < len(sql); {
		n, comment := 1, false
		rest := sql[i:]
		switch c := rest[0]; {
		case c <= ' ':
			i++
			continue
		case c == '#' || strings.HasPrefix(rest, "--"):
			n, comment = lengthTo(rest, "\n"), true
		case strings.HasPrefix(rest, "/*!"), strings.HasPrefix(rest, "/*T!"), strings.HasPrefix(rest, "/*M!"):
			n, comment = executedMark(rest), true
		case strings.HasPrefix(rest, "/*"):
			n, comment = 2+lengthTo(rest[2:], "*/"), true
		case strings.HasPrefix(rest, "*/"):
			n, comment = 2, true
		case c == '\'' || c == '"' || c == '`':
			n = quotedLength(rest, escapes && c != '`')
		}
		i += n
		if comment {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest
}

// lengthTo returns the length of s up to the end of mark, or of all of s.
func lengthTo(s, mark string) int {
	if n := strings.Index(s, mark); n >= 0 {
		return n + len(mark)
	}
	return len(s)
}

// executedMark returns the length of /*! or /*T! with the version or features
// that can follow it.
func executedMark(s string) int {
	n := strings.IndexByte(s, '!') + 1
	for n < len(s) && (s[n] >= '0' && s[n] <= '9') {
		n++
	}
	if n < len(s) && s[n] == '[' {
		n += lengthTo(s[n:], "]")
	}
	return n
}

// quotedLength returns the length of the quoted text that s begins with.
func quotedLength(s string, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && escapes:
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return len(s)
}
