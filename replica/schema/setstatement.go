package schema

import (
	"errors"
	"slices"
	"strings"

	"sluice/replica"
)

// errParsedBefore is for MariaDB's SET STATEMENT. The server reads the whole statement by the session's own settings, and
// executes it by those of SET STATEMENT, which are the ones that it logs.
var errParsedBefore = errors.New("SET STATEMENT changes a setting by which the server has read the statement already, " +
	"and what the text means depends on the setting that it had before, which the binlog does not have")

// parsedBefore returns an error for a SET STATEMENT whose text may mean something else by the session's own sql_mode. The
// other settings by which text is read cannot be set so.
func parsedBefore(ddl replica.DDL, tokens []token) error {
	mode := false
	for len(tokens) > 1 && tokens[0].is("SET") && tokens[1].is("STATEMENT") {
		end := slices.IndexFunc(tokens, func(t token) bool { return t.is("FOR") })
		if end < 0 {
			return nil
		}
		mode = mode || slices.ContainsFunc(tokens[:end], func(t token) bool {
			return (t.kind == tokWord || t.kind == tokIdent) && strings.HasSuffix(strings.ToLower(t.text), "sql_mode")
		})
		tokens = tokens[end+1:]
	}
	if text, _ := readText(ddl); mode && readByMode(text, tokens) {
		return errParsedBefore
	}
	return nil
}

// readByMode returns true if a statement has what one of the sql_modes reads otherwise: quotes, backslashes, ||, a literal
// that may be empty, NOT before an expression, and the types that REAL_AS_FLOAT, MAXDB and ORACLE change.
func readByMode(text string, tokens []token) bool {
	if len(tokens) == 0 {
		return false
	}
	if rest := text[min(tokens[0].pos, len(text)):]; strings.ContainsAny(rest, "\\\"") || strings.Contains(rest, "||") {
		return true
	}
	for i, t := range tokens {
		switch {
		case t.kind == tokString, t.isAny("REAL", "DATE", "TIMESTAMP"):
			return true
		case t.is("NOT") && (i+1 == len(tokens) || !tokens[i+1].isAny("NULL", "EXISTS")):
			return true
		}
	}
	return false
}
