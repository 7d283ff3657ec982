package ruleset

import "errors"

var errTrailingEscape = errors.New("a pattern may not end in an escape")

// pattern is a compiled LIKE pattern: one element per character.
type pattern struct {
	text  string
	parts []part
}

type part struct {
	kind partKind
	r    rune
}

type partKind uint8

const (
	literalPart partKind = iota
	onePart              // _
	manyPart             // %
)

// compilePattern reads % (any characters), _ (one character) and \ (the next
// character means itself).
func compilePattern(text string) (pattern, error) {
	p := pattern{text: text}
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		switch runes[i] {
		case '%':
			if n := len(p.parts); n == 0 || p.parts[n-1].kind != manyPart {
				p.parts = append(p.parts, part{kind: manyPart})
			}
		case '_':
			p.parts = append(p.parts, part{kind: onePart})
		case '\\':
			i++
			if i == len(runes) {
				return p, errTrailingEscape
			}
			p.parts = append(p.parts, part{r: runes[i]})
		default:
			p.parts = append(p.parts, part{r: runes[i]})
		}
	}
	return p, nil
}

// states returns, after s was read from the start, which positions in the
// pattern may come next.
func (p pattern) states(s string) []bool {
	now := make([]bool, len(p.parts)+1)
	now[0] = true
	p.close(now)
	for _, c := range s {
		next := make([]bool, len(p.parts)+1)
		for i, on := range now[:len(p.parts)] {
			if !on {
				continue
			}
			switch e := p.parts[i]; {
			case e.kind == manyPart:
				next[i] = true
			case e.kind == onePart || e.r == c:
				next[i+1] = true
			}
		}
		p.close(next)
		now = next
	}
	return now
}

func (p pattern) close(states []bool) {
	for i := range p.parts {
		if states[i] && p.parts[i].kind == manyPart {
			states[i+1] = true
		}
	}
}

// match says whether the whole of s matches.
func (p pattern) match(s string) bool { return p.states(s)[len(p.parts)] }

// covers says that every text that q matches is matched by p too. It may say
// no although it is so, never yes although it is not.
func (p pattern) covers(q pattern) bool {
	now := make([]bool, len(p.parts)+1)
	now[0] = true
	p.close(now)
	for _, e := range q.parts {
		next := make([]bool, len(p.parts)+1)
		for i, on := range now[:len(p.parts)] {
			if !on {
				continue
			}
			switch own := p.parts[i]; {
			case own.kind == manyPart:
				next[i] = true
			case own.kind == onePart && e.kind != manyPart, own == e && e.kind == literalPart:
				next[i+1] = true
			}
		}
		p.close(next)
		now = next
	}
	return now[len(p.parts)]
}

// canStart says whether some text that begins with s, and is longer, matches.
func (p pattern) canStart(s string) bool {
	for i, on := range p.states(s) {
		if on && i < len(p.parts) {
			return true
		}
	}
	return false
}

// coversAll says whether every text that begins with s matches.
func (p pattern) coversAll(s string) bool {
	st := p.states(s)
	n := len(p.parts)
	return n > 0 && p.parts[n-1].kind == manyPart && st[n-1]
}

// any says whether every text matches.
func (p pattern) any() bool { return len(p.parts) == 1 && p.parts[0].kind == manyPart }

// literal returns the only text that matches, if there is just one.
func (p pattern) literal() (string, bool) {
	out := make([]rune, 0, len(p.parts))
	for _, e := range p.parts {
		if e.kind != literalPart {
			return "", false
		}
		out = append(out, e.r)
	}
	return string(out), true
}
