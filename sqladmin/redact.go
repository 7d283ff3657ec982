package sqladmin

import (
	"fmt"
	"strings"
)

// maxShownBytes bounds a statement's text in the audit and the process list.
const maxShownBytes = 64 << 10

// Redact returns SQL text that is safe to log, store and show: every secret is
// replaced by '<secret>' and comments are dropped. Text that is no statement
// known here loses all its literals; text that does not even lex is reduced to
// its leading keywords and its length.
func Redact(sql string) string { return redact(sql, lexMode{}) }

func redact(sql string, mode lexMode) string {
	tokens, err := lex(sql, mode)
	if err != nil {
		return leadingWords(tokens, len(sql))
	}
	markSecrets(tokens)
	return joinTokens(sql, tokens, maxShownBytes)
}

// cut shortens a text to at most n bytes, at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + ".."
}

// joinTokens puts tokens together again with the blanks that were between them; a
// gap that holds a comment becomes one blank. The result has at most most bytes.
func joinTokens(sql string, tokens []token, most int) string {
	var b strings.Builder
	end := 0
	for i := 0; i < len(tokens) && b.Len() <= most; i++ {
		t := &tokens[i]
		if gap := sql[end:t.pos]; i > 0 && gap != "" {
			if len(gap) > 80 || strings.TrimSpace(gap) != "" {
				gap = " "
			}
			b.WriteString(gap)
		}
		b.WriteString(cut(t.shown(), most+4)) // a longer one is cut below
		end = t.end
	}
	return cut(b.String(), most)
}

// leadingWords shows what cannot be lexed: at most two keywords, and how long
// it is.
func leadingWords(tokens []token, length int) string {
	var words []string
	for i := 0; i < len(tokens) && i < 2 && tokens[i].kind == tokWord && formWords()[tokens[i].value]; i++ {
		words = append(words, tokens[i].value)
	}
	return strings.TrimSpace(fmt.Sprintf("%s .. (%d bytes that do not lex)", strings.Join(words, " "), length))
}

// markSecrets sets secret on every token that must not be shown. It errs on
// the side of hiding:
//
//   - statements about secrets and accounts show only their keywords, the
//     object's name, and paths;
//   - statements with SOURCE_ and TARGET_ options show the values of the
//     options that hold no secret, and nothing else;
//   - other known statements hide what follows a word such as PASSWORD;
//   - unknown statements hide every literal.
func markSecrets(tokens []token) {
	for len(tokens) > 0 {
		n := 0
		for n < len(tokens) && !tokens[n].is(";") {
			n++
		}
		markStatement(tokens[:n])
		if n == len(tokens) {
			return
		}
		tokens = tokens[n+1:]
	}
}

// maxLookedAt bounds the texts that are looked at for passwords: a longer one is
// hidden.
const maxLookedAt = 4 << 10

func markStatement(tokens []token) {
	tokens = skipExplain(tokens)
	if len(tokens) == 0 {
		return
	}
	markAfterSecretWords(tokens)
	for i := range tokens {
		if t := &tokens[i]; (t.kind == tokString || t.kind == tokName) && (len(t.value) > maxLookedAt || holdsSecret(t.value)) {
			t.secret = true
		}
	}
	first, second := word(tokens, 0), word(tokens, 1)
	creates := first == "CREATE" || first == "ALTER"
	switch {
	case creates && second == "SECRET", creates && second == "USER", first == "SET" && second == "PASSWORD", first == "GRANT":
		markAllBut(tokens, 2)
	case creates && (second == "SOURCE" || second == "TARGET"), first == "CHANGE":
		markOptions(tokens)
	case first == "SET" && !hasVariable(tokens):
	case first == "SET", first == "PREPARE", matchForm(tokens) == nil:
		for i := range tokens {
			hide(&tokens[i], tokString, tokName, tokNumber)
		}
	}
}

// skipExplain passes EXPLAIN [FORMAT = x].
func skipExplain(tokens []token) []token {
	switch word(tokens, 0) {
	case "EXPLAIN", "DESCRIBE", "DESC":
		tokens = tokens[1:]
		if word(tokens, 0) == "FORMAT" {
			tokens = tokens[min(3, len(tokens)):]
		}
	}
	return tokens
}

func word(tokens []token, i int) string {
	if i < len(tokens) && tokens[i].kind == tokWord {
		return tokens[i].value
	}
	return ""
}

func hasVariable(tokens []token) bool {
	for i := range tokens {
		if tokens[i].kind == tokVar && !strings.HasPrefix(tokens[i].raw, "@@") {
			return true
		}
	}
	return false
}

func hide(t *token, kinds ...tokenKind) {
	for _, k := range kinds {
		t.secret = t.secret || t.kind == k
	}
}

// isSecretWord says whether the value that follows a word is a secret.
func isSecretWord(w string) bool {
	switch w {
	case "PASSWORD", "PASSWD", "TOKEN", "SECRET_KEY":
		return true
	}
	return strings.HasSuffix(w, "_PASSWORD") || strings.HasSuffix(w, "_KEY") || strings.HasSuffix(w, "_TOKEN")
}

// markAfterSecretWords hides each literal that follows PASSWORD, IDENTIFIED BY
// and the like, with or without = or ( between.
func markAfterSecretWords(tokens []token) {
	for i := range tokens {
		w := word(tokens, i)
		if !isSecretWord(w) && !(w == "BY" && word(tokens, i-1+btoi(i == 0)) == "IDENTIFIED") {
			continue
		}
		for j := i + 1; j < len(tokens); j++ {
			t := &tokens[j]
			if t.kind == tokSymbol && (t.raw == "=" || t.raw == ":=" || t.raw == "(") {
				continue
			}
			hide(t, tokString, tokName, tokNumber)
			if t.kind != tokString {
				break
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// plainWords are the keywords that statements about secrets and accounts show.
var plainWords = map[string]bool{"CREATE": true, "ALTER": true, "SECRET": true, "USER": true, "SET": true, "PASSWORD": true,
	"GRANT": true, "IF": true, "NOT": true, "EXISTS": true, "IDENTIFIED": true, "WITH": true, "BY": true, "AS": true,
	"FROM": true, "FILE": true, "ENV": true, "COMMENT": true, "FOR": true, "ON": true, "TO": true, "OR": true, "REPLACE": true}

// markAllBut hides everything but keywords, symbols, the first name after the
// keywords, and the path after FILE or ENV.
func markAllBut(tokens []token, from int) {
	named := false
	for i := from; i < len(tokens); i++ {
		t := &tokens[i]
		if t.kind == tokWord && plainWords[t.value] || t.kind == tokSymbol {
			continue
		}
		before := word(tokens, i-1)
		if !named && (t.kind == tokWord || t.kind == tokName) && (before == "SECRET" || before == "EXISTS" || before == "USER") {
			named = true
			continue
		}
		if t.kind == tokString && (before == "FILE" || before == "ENV") && word(tokens, i-2) == "FROM" {
			continue
		}
		t.secret = true
	}
}

// openOptions are the options whose values may be shown.
var openOptions = func() map[string]bool {
	m := map[string]bool{"CHANNEL": true}
	for _, o := range sourceOptions {
		m[o.name] = !isSecretWord(o.name)
	}
	for _, w := range optionNames(targetOptions) {
		m[w] = !isSecretWord(w)
	}
	for w := range changeOptions {
		m[w] = !isSecretWord(w)
	}
	return m
}()

// markOptions hides every value that does not belong to an open option.
func markOptions(tokens []token) {
	open, seen := true, false // up to the first option stand keywords and the name
	for i := range tokens {
		t := &tokens[i]
		assigns := i+1 < len(tokens) && tokens[i+1].is("=")
		afterEquals := i > 0 && tokens[i-1].is("=")
		known, isOption := false, false
		if t.kind == tokWord {
			known, isOption = openOptions[t.value]
		}
		switch {
		case t.kind == tokSymbol, t.kind == tokParam:
		case isOption && !afterEquals:
			open, seen = known, true
		case t.kind == tokWord && assigns && !afterEquals:
			open = false // an option that is not known
		case t.kind == tokWord && (t.value == "SECRET" || t.value == "FOR"):
		case (t.kind == tokWord || t.kind == tokName) && word(tokens, i-1+btoi(i == 0)) == "SECRET":
		case i < 2:
		case !open, t.kind == tokString && !seen:
			t.secret = true
		}
	}
}
