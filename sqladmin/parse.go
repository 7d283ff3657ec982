package sqladmin

import (
	"errors"
	"slices"
	"strings"
)

// parsed is the outcome of parsing one query packet.
type parsed struct {
	stmt     Statement
	redacted string
}

// Parse parses the text of one query packet: exactly one statement. Text with
// nothing but comments gives a statement that does nothing; empty text is
// error 1065.
func Parse(sql string) (Statement, error) {
	p, err := parse(sql, lexMode{})
	if err != nil {
		return nil, err
	}
	return p.stmt, nil
}

// parse parses under a sql_mode. The redacted text is set on errors too.
func parse(sql string, mode lexMode) (parsed, error) { return parseWithin(sql, mode, nil) }

// parseWithin is parse for text whose tokens and tree count as held.
func parseWithin(sql string, mode lexMode, held *holding) (parsed, error) {
	tokens, err := lexWithin(sql, mode, held)
	var own *Error
	if errors.As(err, &own) {
		return parsed{redacted: leadingWords(tokens, len(sql))}, own
	}
	if err != nil {
		return parsed{redacted: leadingWords(tokens, len(sql))},
			Errorf(CodeParse, "You have an error in your SQL syntax; %s near '' at line %d", err, 1+strings.Count(sql, "\n"))
	}
	markSecrets(tokens)
	out := parsed{redacted: joinTokens(sql, tokens, maxShownBytes)}
	for len(tokens) > 0 && tokens[len(tokens)-1].is(";") {
		tokens = tokens[:len(tokens)-1]
	}
	if len(tokens) == 0 {
		if strings.Trim(sql, "; \t\r\n\x00") == "" {
			return out, Errorf(CodeEmptyQuery, "Query was empty")
		}
		out.stmt = &Nothing{verb: "comment"}
		return out, nil
	}
	stmt, perr := parseTokens(sql, tokens, mode, held)
	if perr != nil {
		return out, perr
	}
	out.stmt = stmt
	return out, nil
}

func parseTokens(sql string, tokens []token, mode lexMode, held *holding) (Statement, *Error) {
	p := &parser{sql: sql, tokens: tokens, mode: mode, held: held}
	for i := range tokens {
		if tokens[i].is(";") {
			return nil, p.syntaxError(i, "one statement per query: nothing was executed")
		}
	}
	f := matchForm(tokens)
	if f == nil && tokens[0].is("(") {
		return nil, NotSupported("a statement in parentheses").WithRemedy("write it without them")
	}
	if f == nil {
		return nil, p.unknownStatement()
	}
	if !f.sql {
		p.pos = matchWords(tokens, f.words)
	}
	stmt := f.parse(p)
	if p.err == nil && p.pos < len(p.tokens) {
		p.fail(p.syntaxError(p.pos, "did not expect this"))
	}
	if p.err != nil {
		return nil, p.err
	}
	return stmt, nil
}

// splitWords returns the alternatives of each word.
func splitWords(words string) [][]string {
	var l [][]string
	for _, w := range strings.Fields(words) {
		l = append(l, strings.Split(w, "|"))
	}
	return l
}

// unknownStatement is 1064 with the nearest keyword: of the first words, or of
// those that can follow when the first is known.
func (p *parser) unknownStatement() *Error {
	var lists [][][]string
	for i := range statements {
		if !statements[i].refused {
			lists = append(lists, splitWords(statements[i].words))
		}
	}
	return p.unknownWords(lists, "no such statement")
}

// unknownWords finds the first token that no list of keywords goes on with and
// offers the nearest one that some list does.
func (p *parser) unknownWords(lists [][][]string, otherwise string) *Error {
	depth := 0
	for {
		var next []string
		var going [][][]string
		have := word(p.tokens[p.pos:], depth)
		for _, l := range lists {
			if len(l) <= depth {
				continue
			}
			next = append(next, l[depth]...)
			for _, alternative := range l[depth] {
				if alternative == have {
					going = append(going, l)
				}
			}
		}
		if len(going) == 0 || len(next) == 0 {
			e := p.syntaxError(p.pos+depth, otherwise)
			if near := nearest(have, next); near != "" && have != "" {
				return e.WithRemedy("did you mean '%s'?", near)
			}
			slices.Sort(next)
			return e.WithRemedy("write %s there", orList(slices.Compact(next)))
		}
		lists, depth = going, depth+1
	}
}
