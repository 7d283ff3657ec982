package schema

// startsKey says whether a key or constraint comes next, and not a column.
func (r *reader) startsKey() bool {
	t, n := r.peek(), r.peekAt(1)
	switch {
	case t.isAny("INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "PRIMARY", "CONSTRAINT", "FOREIGN"):
		return true
	case t.is("CHECK"):
		return n.punct("(")
	case t.is("VECTOR"):
		return n.isAny("INDEX", "KEY")
	}
	return false
}

// keyOrConstraint reads a key or constraint into d. ifNotExists is MariaDB's.
func (r *reader) keyOrConstraint(d *definition) (ifNotExists bool) {
	name := ""
	if r.accept("CONSTRAINT") {
		ifNotExists = r.ifNotExists()
		if !r.startsKey() || r.peek().kind == tokIdent {
			name = r.name("constraint name")
		}
	}
	switch {
	case r.accept("PRIMARY", "KEY"):
		ifNotExists = r.ifNotExists() || ifNotExists
		k := r.keyBody(keyPrimary)
		k.name = "PRIMARY"
		d.keys = append(d.keys, k)
		return ifNotExists
	case r.accept("FOREIGN", "KEY"):
		ifNotExists = r.ifNotExists() || ifNotExists
		r.foreignBody(d, name)
		return ifNotExists
	case r.accept("CHECK"):
		k := &checkDef{name: name, expr: r.expression("check constraint")}
		k.notEnforced = r.enforced()
		d.checks = append(d.checks, k)
		return ifNotExists
	}
	kind := keyPlain
	switch {
	case r.accept("UNIQUE"):
		kind = keyUnique
	case r.accept("FULLTEXT"):
		kind = keyFulltext
	case r.accept("SPATIAL"):
		kind = keySpatial
	case r.accept("VECTOR"):
		kind = keyVector
	}
	if !r.acceptAny("INDEX", "KEY") && kind == keyPlain {
		r.unexpected("key definition")
	}
	ifNotExists = r.ifNotExists() || ifNotExists
	k := r.keyBody(kind)
	if k.name == "" {
		k.name = name
	}
	d.keys = append(d.keys, k)
	return ifNotExists
}

// foreignBody reads [index name] (columns) REFERENCES .. into d. The name after
// FOREIGN KEY is that of the index; MariaDB gives it to the constraint too.
func (r *reader) foreignBody(d *definition, name string) {
	f, index := &foreignDef{name: name}, name
	if r.isName() {
		given := r.name("foreign key name")
		if index == "" {
			index = given
		}
		if f.name == "" && r.d.MariaDB {
			f.name = given
		}
	}
	r.expectPunct("(")
	for r.err == nil {
		f.columns = append(f.columns, r.name("foreign key column"))
		if !r.acceptPunct(",") {
			break
		}
	}
	r.expectPunct(")")
	r.expect("REFERENCES")
	f.rest = r.references()
	r.addForeign(d, f, index)
}

// keyBody reads [name] [USING type] (parts) [options].
func (r *reader) keyBody(kind keyKind) *keyDef {
	k := &keyDef{kind: kind}
	if r.isName() && !(r.peek().isAny("USING", "TYPE") && r.peekAt(1).isAny("BTREE", "HASH", "RTREE")) {
		k.name = r.name("key name")
	}
	r.keyType(k)
	r.keyParts(k)
	r.keyOptions(k)
	return k
}

func (r *reader) keyType(k *keyDef) {
	if r.acceptAny("USING", "TYPE") {
		k.hash = r.next().is("HASH")
	}
}

func (r *reader) keyParts(k *keyDef) {
	r.expectPunct("(")
	for r.err == nil {
		var p keyPart
		if r.peek().punct("(") {
			p.expr = r.expression("key part")
		} else {
			p.column = r.name("key column")
			switch {
			case r.acceptPunct("("):
				p.prefix = r.integer("prefix length")
				r.expectPunct(")")
			case r.accept("WITHOUT", "OVERLAPS"):
				p = keyPart{expr: token{kind: tokIdent, text: p.column}.sql() + " WITHOUT OVERLAPS"}
			}
		}
		if r.accept("DESC") {
			p.desc = true
		} else {
			r.accept("ASC")
		}
		k.parts = append(k.parts, p)
		if !r.acceptPunct(",") {
			break
		}
	}
	r.expectPunct(")")
}

func (r *reader) keyOptions(k *keyDef) {
	for r.err == nil {
		start := r.i
		switch {
		case r.peek().isAny("USING", "TYPE"):
			r.keyType(k)
			continue
		case r.accept("COMMENT"):
			k.comment = r.str("comment")
			continue
		case r.accept("INVISIBLE"), r.accept("IGNORED"):
			k.invisible = true
			continue
		case r.accept("VISIBLE"), r.accept("NOT", "IGNORED"):
			k.invisible = false
			continue
		case r.accept("WITH", "PARSER"):
			r.name("parser")
		case r.accept("KEY_BLOCK_SIZE"):
			r.acceptPunct("=")
			r.optionValue()
			continue // says nothing about rows
		case !r.ddl && r.originMark(k):
			continue
		case r.accept("ENGINE_ATTRIBUTE"), r.accept("SECONDARY_ENGINE_ATTRIBUTE"):
			r.acceptPunct("=")
			r.optionValue()
		case r.isName() && r.peekAt(1).punct("="): // engine-defined (MariaDB)
			if r.peek().isAny("ALGORITHM", "LOCK") {
				return
			}
			r.next()
			r.next()
			r.optionValue()
		default:
			return
		}
		k.extra = append(k.extra, r.text(r.tokens[start:r.i]))
	}
}
