package schema

import "strings"

// mentions returns true if an expression uses one of the columns.
func mentions(text string, columns map[string]bool) bool {
	if len(columns) == 0 {
		return false
	}
	tokens, err := tokenize(text, 0)
	if err != nil {
		return false
	}
	for i, column := range columnTokens(tokens) {
		if column && columns[strings.ToLower(tokens[i].text)] {
			return true
		}
	}
	return false
}

// renameInText renames columns in an expression.
func renameInText(text string, renames map[string]string) string {
	if len(renames) == 0 || text == "" {
		return text
	}
	tokens, err := tokenize(text, 0)
	if err != nil {
		return text
	}
	for i, column := range columnTokens(tokens) {
		if n := renames[strings.ToLower(tokens[i].text)]; column && n != "" {
			tokens[i].kind, tokens[i].text = tokIdent, n
		}
	}
	return joinTokens(tokens)
}

// columnTokens returns, for each token of an expression, whether it may be the
// name of a column. A quoted name always may. A bare word may not if its place
// is that of another name:
//   - before "(" (a function) or a string (DATE '2024-01-01', _latin1 'a');
//   - after an operand, where an operator or a unit stands (INTERVAL a DAY);
//   - in a type: from AS or USING to the end of a call, the second argument of
//     CONVERT, after RETURNING; and a collation after COLLATE;
//   - the first word of a call that begins with a unit or type (EXTRACT(YEAR ..)).
//
// Keywords at other places are taken for columns. No column has such a bare name.
func columnTokens(tokens []token) []bool {
	out := make([]bool, len(tokens))
	var calls []openCall
	for i, t := range tokens {
		switch {
		case t.punct("("):
			calls = append(calls, openCall{function: functionBefore(tokens[:i])})
			continue
		case t.punct(")"):
			calls = calls[:max(len(calls)-1, 0)]
			continue
		case t.kind == tokIdent:
			out[i] = true
			continue
		}
		var call *openCall
		if len(calls) > 0 {
			call = &calls[len(calls)-1]
		}
		switch {
		case call != nil && (t.is("AS") || t.is("USING") || t.punct(",") && call.function == "CONVERT"):
			call.inType = true
		case t.kind == tokWord:
			out[i] = (call == nil || !call.inType) && bareColumn(tokens, i)
		}
	}
	return out
}

// openCall is a parenthesis that is open. function is the word before it, inType
// is true after the word or comma that begins a type or character set.
type openCall struct {
	function string
	inType   bool
}

// functionBefore returns the bare word at the end of the tokens in upper case.
func functionBefore(tokens []token) string {
	if n := len(tokens); n > 0 && tokens[n-1].kind == tokWord {
		return strings.ToUpper(tokens[n-1].text)
	}
	return ""
}

// startsWithWord are the functions whose first argument may be a unit or a type.
var startsWithWord = words("extract,timestampdiff,timestampadd,get_format")

// bareColumn returns true if the tokens around a bare word let it be a column.
func bareColumn(tokens []token, i int) bool {
	if next := tokens[min(i+1, len(tokens)-1)]; next.punct("(") || next.kind == tokString {
		return false
	}
	if i == 0 {
		return true
	}
	switch last := tokens[i-1]; last.kind {
	case tokIdent, tokString, tokNumber, tokHexBit, tokVar:
		return false
	case tokWord:
		unit := i > 1 && tokens[i-2].is("INTERVAL") && !last.isAny("NOT", "BINARY", "CASE")
		return !unit && !last.isAny("COLLATE", "RETURNING")
	case tokPunct:
		return !last.punct(")") && !(last.punct("(") && startsWithWord[strings.ToLower(functionBefore(tokens[:i-1]))])
	}
	return true
}
