package sqladmin

import (
	"errors"
	"regexp"
	"strings"
)

// maxComment is as long as a comment of MySQL's tables.
const maxComment = 2048

// migrationClauses lists the clauses that CREATE MIGRATION and ALTER MIGRATION
// share: the leading words, and how the rest is read.
var migrationClauses = []struct {
	words string
	read  func(p *parser, s *MigrationSpec)
}{
	{"REPLICATE_DO_DB", func(p *parser, s *MigrationSpec) { s.DoDB = p.nameList("schema") }},
	{"REPLICATE_IGNORE_DB", func(p *parser, s *MigrationSpec) { s.IgnoreDB = p.nameList("schema") }},
	{"REPLICATE_DO_TABLE", func(p *parser, s *MigrationSpec) { s.DoTable = p.tableList() }},
	{"REPLICATE_IGNORE_TABLE", func(p *parser, s *MigrationSpec) { s.IgnoreTable = p.tableList() }},
	{"REPLICATE_WILD_DO_TABLE", func(p *parser, s *MigrationSpec) { s.WildDoTable = p.wildList("REPLICATE_WILD_DO_TABLE") }},
	{"REPLICATE_WILD_IGNORE_TABLE", func(p *parser, s *MigrationSpec) {
		s.WildIgnore = p.wildList("REPLICATE_WILD_IGNORE_TABLE")
	}},
	{"REPLICATE_REWRITE_DB", func(p *parser, s *MigrationSpec) { s.RewriteDB = p.rewriteList() }},
	{"ROUTE", func(p *parser, s *MigrationSpec) { s.Routes = p.routes() }},
	{"FILTER", func(p *parser, _ *MigrationSpec) { p.fail(NotSupported("Clause FILTER")) }},
	{"START AT", func(p *parser, s *MigrationSpec) { s.StartAt = p.startAt() }},
	{"WITH", func(p *parser, s *MigrationSpec) { s.Options = append(s.Options, p.options()...) }},
	{"COMMENT", func(p *parser, s *MigrationSpec) {
		p.equals()
		s.Comment = ptr(p.str("COMMENT"))
		if len(*s.Comment) > maxComment {
			p.fail(Errorf(CodeBadOption, "Option COMMENT: the text has %d bytes; allowed: up to %d", len(*s.Comment), maxComment))
		}
		p.refuseSecret("COMMENT", *s.Comment, secretRemedy)
	}},
}

func migrationClauseNames() []string {
	var names []string
	for _, c := range migrationClauses {
		if c.words != "FILTER" { // not yet
			names = append(names, c.words)
		}
	}
	return names
}

// migrationClause reads one clause and returns its name, "" if none stands
// here.
func (p *parser) migrationClause(s *MigrationSpec) string {
	for _, c := range migrationClauses {
		if p.words(c.words) {
			if strings.HasPrefix(c.words, "REPLICATE_") || c.words == "ROUTE" {
				p.equals()
			}
			c.read(p, s)
			return c.words
		}
	}
	return ""
}

func (p *parser) nameList(what string) []string {
	l := []string{}
	p.list(func() { l = append(l, p.nameOrString(what)) })
	return l
}

func (p *parser) tableList() []TableName {
	l := []TableName{}
	p.list(func() { l = append(l, p.tableName()) })
	return l
}

// wildList reads ('db%.t_%', ..).
func (p *parser) wildList(what string) []string {
	l := []string{}
	p.list(func() {
		s := p.nonEmpty(what)
		schema, table, ok := strings.Cut(s, ".")
		if p.err == nil && (!ok || schema == "" || table == "") {
			p.fail(Errorf(CodeBadOption, "Option %s: '%s' has no schema or no table; allowed: 'schema.table', with %% and _", what, cut(s, 80)))
		}
		l = append(l, s)
	})
	return l
}

// rewriteList reads ((from, to), ..).
func (p *parser) rewriteList() []RewritePair {
	l := []RewritePair{}
	p.list(func() {
		p.expectSymbol("(")
		r := RewritePair{From: p.nameOrString("schema")}
		p.expectSymbol(",")
		r.To = p.nameOrString("schema")
		p.expectSymbol(")")
		l = append(l, r)
	})
	return l
}

// routes reads (pattern.pattern TO schema.table, ..).
func (p *parser) routes() []Route {
	l := []Route{}
	p.list(func() {
		r := Route{Schema: p.pattern("schema")}
		p.expectSymbol(".")
		r.Table = p.pattern("table")
		p.expectWords("TO")
		to := p.tableName()
		r.ToSchema, r.ToTable = to.Schema, to.Name
		if p.words("EXTRACT") {
			p.fail(NotSupported("Clause EXTRACT of ROUTE"))
		}
		p.checkCaptures(&r)
		l = append(l, r)
	})
	return l
}

// maxRegexps bounds the regular expressions of a statement: each takes up to some milliseconds to compile.
const maxRegexps = 100

// pattern reads a name, or a string: a LIKE pattern, or ~regexp.
func (p *parser) pattern(what string) Pattern {
	if p.peek().kind != tokString {
		return Pattern{Kind: "LITERAL", Text: p.name(what)}
	}
	text := p.nonEmpty("ROUTE")
	expr, isRegexp := strings.CutPrefix(text, "~")
	switch {
	case isRegexp:
		if p.regexps++; p.regexps > maxRegexps {
			p.fail(Errorf(CodeLimit, "a statement has at most %d regular expressions in ROUTE", maxRegexps))
			return Pattern{}
		}
		var big *Error
		if _, _, err := compilePattern(expr); errors.As(err, &big) && big.Code != codeBadPattern {
			p.fail(big)
		} else if err != nil {
			p.fail(Errorf(CodeBadOption, "Option ROUTE: '%s' is not a regular expression", cut(expr, 80)).WithRemedy("use the syntax of RE2"))
		}
		return Pattern{Kind: "REGEXP", Text: expr}
	case strings.ContainsAny(text, `%_`):
		return Pattern{Kind: "LIKE", Text: text}
	}
	return Pattern{Kind: "LITERAL", Text: text}
}

var captureRef = regexp.MustCompile(`\$(\d+)`)

// checkCaptures refuses $n where fewer groups are captured.
func (p *parser) checkCaptures(r *Route) {
	groups := 0
	for _, pat := range []Pattern{r.Schema, r.Table} {
		if pat.Kind != "REGEXP" || p.err != nil {
			continue
		}
		if re, _, err := compilePattern(pat.Text); err == nil {
			groups += re.NumSubexp()
		}
	}
	for _, m := range captureRef.FindAllStringSubmatch(r.ToSchema+" "+r.ToTable, -1) {
		if len(m[1]) > 1 || int(m[1][0]-'0') > groups || m[1] == "0" {
			p.fail(Errorf(CodeBadOption, "Option ROUTE: %s is not captured; the patterns capture %d group(s)", m[0], groups))
		}
	}
}

// startAt reads what follows START AT.
func (p *parser) startAt() *StartAt {
	switch {
	case p.words("SNAPSHOT"):
		return &StartAt{Kind: "SNAPSHOT"}
	case p.words("CURRENT"):
		return &StartAt{Kind: "CURRENT"}
	case p.words("SOURCE_AUTO_POSITION"):
		p.equals()
		return &StartAt{Kind: "GTID", GTIDSet: p.nonEmpty("SOURCE_AUTO_POSITION")}
	case p.words("SOURCE_LOG_FILE"):
		s := &StartAt{Kind: "FILE"}
		s.File, s.Pos = p.filePosition()
		return s
	}
	p.expected("SNAPSHOT", "CURRENT", "SOURCE_AUTO_POSITION", "SOURCE_LOG_FILE")
	return nil
}
