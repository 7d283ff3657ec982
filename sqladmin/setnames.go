package sqladmin

import (
	"context"
	"strings"
)

// SetNames is SET NAMES and SET CHARACTER SET. This package reads them itself:
// TiDB's parser takes the character sets of TiDB only, and calls the others
// errors of syntax.
type SetNames struct {
	charset   string // "" is the default
	collation string // "" is the character set's
}

// Verb implements Statement.
func (*SetNames) Verb() string { return "SET" }

// parseSetNames reads SET {NAMES | CHARACTER SET | CHARSET} cs [COLLATE c]. It
// returns nil when more assignments follow.
func parseSetNames(p *parser) Statement {
	before := p.pos
	p.words("SET")
	names := p.words("NAMES")
	if !names && !p.words("CHARACTER SET") {
		p.expectWords("CHARSET")
	}
	s := &SetNames{}
	if !p.words("DEFAULT") {
		s.charset = p.nameOrString("character set")
	}
	if names && p.words("COLLATE") {
		s.collation = p.nameOrString("collation")
	}
	if p.symbols(",") {
		p.pos = before
		return nil
	}
	return s
}

func (s *SetNames) run(_ context.Context, x *executor) (*Result, error) {
	return &Result{}, s.apply(x.session)
}

// apply sets the session's character set, or nothing on an error.
func (s *SetNames) apply(to *session) error {
	cs := defaultCharset
	if s.charset != "" && !strings.EqualFold(s.charset, "default") {
		var err error
		if cs, err = findCharset(s.charset); err != nil {
			return err
		}
	}
	collation := strings.ToLower(s.collation)
	if collation == "" || collation == "default" {
		collation = cs.collation
	}
	if err := cs.checkCollation(collation); err != nil {
		return err
	}
	to.setCharset(cs)
	to.variables["collation_connection"] = collation
	return nil
}
