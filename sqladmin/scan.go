package sqladmin

import (
	"io"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// like matches a LIKE pattern, without case. It remembers only the last %, so
// its time is at most the product of the two lengths; it ends when the
// statement has to.
func (s *stopper) like(value, like string, escape rune) (bool, error) {
	text, pattern := []rune(fold(value)), []rune(fold(like))
	si, pi, mark, from := 0, 0, -1, 0
	for si < len(text) {
		if err := s.step(1); err != nil {
			return false, err
		}
		if pi < len(pattern) && pattern[pi] == '%' {
			mark, from = pi, si
			pi++
			continue
		}
		if width := likeOne(text[si], pattern[pi:], escape); width > 0 {
			si++
			pi += width
			continue
		}
		if mark < 0 {
			return false, nil
		}
		from++
		si, pi = from, mark+1
	}
	for pi < len(pattern) && pattern[pi] == '%' {
		pi++
	}
	return pi == len(pattern), nil
}

// compilePattern compiles a regular expression whose size is bounded: a counted
// repetition makes a large program of a short text. size is about what it takes in memory.
func compilePattern(pattern string) (re *regexp.Regexp, size int, err error) {
	if len(pattern) > maxPatternBytes {
		return nil, 0, patternTooBig()
	}
	parsed, err := syntax.Parse("(?i)"+pattern, syntax.Perl)
	if err != nil {
		return nil, 0, &Error{Code: codeBadPattern, State: "HY000", Message: "Illegal argument to a regular expression", Remedy: "use the syntax of RE2"}
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxPatternSteps {
		return nil, 0, patternTooBig()
	}
	re, err = regexp.Compile("(?i)" + pattern)
	return re, len(program.Inst) * patternStepBytes, err
}

const (
	codeBadPattern = 3685
	// patternStepBytes is about what a step of a pattern takes, with the matcher's queues (measured).
	patternStepBytes = 100
)

func patternTooBig() error {
	return &Error{Code: 3700, State: "HY000", Message: "The regular expression pattern exceeds the limit of 4096 bytes or of 20000 steps when compiled",
		Remedy: "shorten the pattern or its counted repetitions"}
}

// match matches a regular expression. The text is read rune by rune, so that
// the match ends when the statement has to.
func (s *stopper) match(re *regexp.Regexp, text string) (bool, error) {
	r := &runes{text: text, stop: s}
	found := re.MatchReader(r)
	return found, r.err
}

// runes is an io.RuneReader that ends early when the statement has to end.
type runes struct {
	text string
	stop *stopper
	err  error
}

// stepsPerRune is the weight of one rune: the matcher tries each of the
// pattern's steps at it.
const stepsPerRune = 64

// ReadRune implements io.RuneReader.
func (r *runes) ReadRune() (rune, int, error) {
	if r.err == nil {
		r.err = r.stop.step(stepsPerRune)
	}
	if r.err != nil || r.text == "" {
		return 0, 0, io.EOF
	}
	c, n := utf8.DecodeRuneInString(r.text)
	r.text = r.text[n:]
	return c, n, nil
}
