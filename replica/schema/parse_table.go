package schema

import "strings"

// createItems reads the parenthesised list of columns, keys and constraints.
func (r *reader) createItems(d *definition) {
	r.expectPunct("(")
	for r.err == nil {
		switch {
		case r.peek().is("PERIOD") && r.peekAt(1).is("FOR"):
			d.period = append(d.period, r.text(r.until()))
		case r.startsKey():
			r.keyOrConstraint(d)
		default:
			c, also := r.columnDefinition(d.name)
			d.columns = append(d.columns, c)
			d.keys = append(d.keys, also.keys...)
			d.foreign = append(d.foreign, also.foreign...)
			d.checks = append(d.checks, also.checks...)
		}
		if !r.acceptPunct(",") {
			break
		}
	}
	r.expectPunct(")")
}

// tableOption reads one table option into d; false means that none comes next.
func (r *reader) tableOption(d *definition) bool {
	start := r.i
	r.accept("DEFAULT")
	switch {
	case r.charset():
		r.acceptPunct("=")
		if cs := r.charsetName(); !strings.EqualFold(cs, "default") {
			d.charset = canonicalCharset(cs)
			if d.collation != "" && collationCharset(d.collation) != d.charset && collationCharset(d.collation) != "" {
				d.collation = ""
			}
		}
		return true
	case r.accept("COLLATE"):
		r.acceptPunct("=")
		if co := r.charsetName(); !strings.EqualFold(co, "default") {
			d.collation = canonicalCollation(co)
			if cs := collationCharset(d.collation); cs != "" {
				d.charset = cs
			}
		}
		return true
	case r.accept("WITH", "SYSTEM", "VERSIONING"):
		d.versioning = true
		return true
	}
	if !r.isName() || r.peek().isAny("SELECT", "AS", "IGNORE", "REPLACE", "WITH", "PARTITION") || r.peek().is("START") && r.peekAt(1).is("TRANSACTION") {
		r.i = start
		return false
	}
	name := strings.ToUpper(r.name("table option"))
	if (name == "DATA" || name == "INDEX") && r.accept("DIRECTORY") {
		name += " DIRECTORY"
	}
	if name == "TYPE" {
		name = "ENGINE"
	}
	r.acceptPunct("=")
	value := r.optionValue()
	if name == "TABLESPACE" && r.peek().is("STORAGE") {
		r.next()
		r.next()
	}
	if r.err == nil {
		d.setOption(name, value)
	}
	return r.err == nil
}

func (r *reader) optionValue() string {
	if r.peek().punct("(") {
		return r.text(r.parens("table option"))
	}
	switch t := r.peek(); t.kind {
	case tokWord, tokIdent, tokNumber, tokString:
		r.next()
		return t.sql()
	}
	r.unexpected("table option")
	return ""
}

// partitionClause reads PARTITION BY .. up to its end.
func (r *reader) partitionClause() *partitioning {
	start := r.i
	for depth := 0; ; r.next() {
		t := r.peek()
		if r.end() || depth == 0 && t.punct("(") && (r.peekAt(1).is("PARTITION")) {
			break
		}
		if depth == 0 && (t.isAny("SELECT", "AS", "IGNORE", "REPLACE") || t.is("START") && r.peekAt(1).is("TRANSACTION")) {
			break
		}
		if t.punct("(") {
			depth++
		} else if t.punct(")") {
			depth--
		}
	}
	p := &partitioning{header: strings.TrimSpace(r.partitionText(r.tokens[start:r.i]))}
	if r.peek().punct("(") {
		p.parts = r.partitionList()
	}
	return p
}

// partitionList reads (PARTITION name .., ..).
func (r *reader) partitionList() []partitionDef {
	var parts []partitionDef
	r.expectPunct("(")
	for r.err == nil {
		start := r.i
		r.expect("PARTITION")
		r.accept("IF", "NOT", "EXISTS")
		name := r.name("partition name")
		r.until()
		if r.err == nil {
			parts = append(parts, partitionDef{name: name, text: r.partitionText(r.tokens[start:r.i])})
		}
		if !r.acceptPunct(",") {
			break
		}
	}
	r.expectPunct(")")
	return parts
}

// partitionText renders a part of a partitioning clause. UNIX_TIMESTAMP of a
// literal, the one function of the time zone that may be in it, becomes the
// number that it is in the statement's session.
func (r *reader) partitionText(tokens []token) string {
	if !r.ddl || r.d.zone == "" {
		return r.text(tokens)
	}
	var out []token
	for i := 0; i < len(tokens); i++ {
		if i+3 >= len(tokens) || !tokens[i].is("UNIX_TIMESTAMP") || !tokens[i+1].punct("(") || tokens[i+2].kind != tokString || !tokens[i+3].punct(")") {
			out = append(out, tokens[i])
			continue
		}
		from, _, err := r.d.location()
		if err != nil {
			r.fail("partitioning: %v", err)
			return ""
		}
		n, ok := unixTimestamp(tokens[i+2].text, from)
		if !ok {
			r.fail("partitioning: the form of the time in UNIX_TIMESTAMP is not read")
			return ""
		}
		out = append(out, token{kind: tokNumber, text: n, space: tokens[i].space})
		i += 3
	}
	return r.text(out)
}
