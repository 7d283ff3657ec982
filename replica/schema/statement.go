package schema

import "sluice/replica"

// dropTableStmt is DROP TABLE.
type dropTableStmt struct {
	names    [][2]string
	ifExists bool
}

// renameStmt is RENAME TABLE: from and to, in order.
type renameStmt struct {
	pairs    [][2][2]string
	ifExists bool // MariaDB: a pair whose first name nothing has is skipped
}

// truncateStmt is TRUNCATE TABLE.
type truncateStmt struct{ name [2]string }

// alterStmt is ALTER TABLE, CREATE INDEX or DROP INDEX.
type alterStmt struct {
	kind     Kind
	name     [2]string
	ifExists bool
	ignore   bool // MariaDB: rows that do not fit are dropped or cut
	actions  []action
}

// databaseStmt is CREATE, ALTER or DROP DATABASE.
type databaseStmt struct {
	kind               Kind
	name               string
	charset, collation string
	replace            bool
}

// sequenceStmt is CREATE, ALTER or DROP SEQUENCE (MariaDB).
type sequenceStmt struct {
	names [][2]string
	drop  bool
}

// otherStmt is a statement that touches no table's definition or rows.
type otherStmt struct{}

// dataStmt is a statement that may change rows, or anything else.
type dataStmt struct{}

// parse reads one statement. The result is one of the types above; an error
// says that the statement, or a part of it, is not understood.
func parse(ddl replica.DDL, d Defaults) (any, []token, error) {
	text, damaged := readText(ddl)
	tokens, err := tokenizeFor(text, ddl.SQLMode, d.dialect())
	if err != nil {
		return nil, nil, err
	}
	damaged = readLiterals(ddl, text, tokens) || damaged
	r := &reader{tokens: tokens, mode: ddl.SQLMode, ddl: true, d: d}
	st := r.statement(ddl.Schema)
	if damaged {
		if err := damagedError(ddl, tokens); err != nil {
			return st, tokens, err
		}
	}
	return st, tokens, r.err
}

func (r *reader) statement(schema string) any {
	for r.peek().is("SET") && r.peekAt(1).is("STATEMENT") { // MariaDB: SET STATEMENT a=b FOR ..
		for !r.end() && !r.peek().is("FOR") {
			r.next()
		}
		r.accept("FOR")
	}
	switch verb := r.peek(); {
	case r.end():
		return otherStmt{}
	case verb.isAny("CREATE", "DROP", "ALTER", "RENAME", "TRUNCATE"):
		return r.definitionStatement(schema)
	case verb.is("REPAIR"):
		return r.repairStatement(schema)
	case verb.isAny(harmlessVerbs...):
		return otherStmt{}
	}
	return dataStmt{}
}

// harmlessVerbs begin statements that leave every table's definition and rows
// as they are, or whose rows come as row events.
var harmlessVerbs = []string{
	"GRANT", "REVOKE", "FLUSH", "ANALYZE", "OPTIMIZE", "CHECK", "CHECKSUM", "INSTALL", "UNINSTALL",
	"SET", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "START", "XA", "KILL", "SHUTDOWN", "RESET",
	"PURGE", "CHANGE", "STOP", "CACHE", "HELP", "USE", "SHOW", "DESCRIBE", "EXPLAIN", "LOCK", "UNLOCK", "BACKUP", "BINLOG",
}

// harmlessObjects follow CREATE, DROP, ALTER or RENAME, and are not tables.
var harmlessObjects = []string{
	"USER", "ROLE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "AGGREGATE", "PACKAGE", "SERVER",
	"TABLESPACE", "LOGFILE", "UNDO", "RESOURCE", "SPATIAL", "INSTANCE", "DEFINER", "SQL", "LIBRARY", "MATERIALIZED",
}

func (r *reader) definitionStatement(schema string) any {
	verb := r.peek()
	object := r.objectOf()
	switch {
	case object.isAny("TABLE", "TABLES", "TEMPORARY"):
		return r.tableStatement(verb, schema)
	case object.isAny("DATABASE", "SCHEMA"):
		return r.databaseStatement(schema)
	case object.is("SEQUENCE"):
		return r.sequenceStatement(schema)
	case object.isAny("INDEX", "UNIQUE", "FULLTEXT", "VECTOR"),
		object.is("SPATIAL") && r.objectAfterSpatial():
		return r.indexStatement(schema)
	case verb.isAny("CREATE", "DROP") && object.isAny("VIEW", "ALGORITHM", "DEFINER", "SQL"):
		return r.viewStatement(schema)
	case object.is("ALGORITHM"), object.isAny(harmlessObjects...):
		return otherStmt{}
	case verb.is("TRUNCATE"):
		return r.truncate(schema)
	}
	r.unexpected(verb.text)
	return nil
}

// objectOf returns the word that says what the statement is about.
func (r *reader) objectOf() token {
	i := 1
	for {
		switch {
		case r.peekAt(i).is("OR") && r.peekAt(i+1).is("REPLACE"):
			i += 2
		case r.peekAt(i).isAny("ONLINE", "OFFLINE", "IGNORE"):
			i++
		default:
			return r.peekAt(i)
		}
	}
}

func (r *reader) objectAfterSpatial() bool {
	for i := 1; i < 5; i++ {
		if r.peekAt(i).is("SPATIAL") {
			return r.peekAt(i+1).isAny("INDEX", "KEY")
		}
	}
	return false
}

func (r *reader) tableStatement(verb token, schema string) any {
	switch {
	case verb.is("CREATE"):
		if st := r.createTable(schema); st != nil && !st.temporary {
			return st
		}
		return otherStmt{}
	case verb.is("DROP"):
		return r.dropTable(schema)
	case verb.is("RENAME"):
		return r.renameTable(schema)
	case verb.is("TRUNCATE"):
		return r.truncate(schema)
	}
	return r.alterTable(schema)
}

func (r *reader) dropTable(schema string) any {
	r.next()
	temporary := r.accept("TEMPORARY")
	if temporary {
		return otherStmt{}
	}
	if !r.acceptAny("TABLE", "TABLES") {
		r.unexpected("DROP TABLE")
	}
	st := &dropTableStmt{ifExists: r.ifExists()}
	for r.err == nil {
		s, t := r.tableName(schema)
		st.names = append(st.names, [2]string{s, t})
		if !r.acceptPunct(",") {
			break
		}
	}
	r.wait()
	r.acceptAny("RESTRICT", "CASCADE")
	r.finish("DROP TABLE")
	return st
}

func (r *reader) finish(what string) {
	if r.err == nil && !r.end() {
		r.unexpected("end of " + what)
	}
}

func (r *reader) renameTable(schema string) any {
	r.next()
	r.next()
	st := &renameStmt{ifExists: r.ifExists()}
	for r.err == nil {
		var p [2][2]string
		p[0][0], p[0][1] = r.tableName(schema)
		r.wait()
		r.expect("TO")
		p[1][0], p[1][1] = r.tableName(schema)
		st.pairs = append(st.pairs, p)
		if !r.acceptPunct(",") {
			break
		}
	}
	r.finish("RENAME TABLE")
	return st
}

func (r *reader) truncate(schema string) any {
	r.next()
	r.accept("TABLE")
	st := &truncateStmt{}
	st.name[0], st.name[1] = r.tableName(schema)
	r.wait()
	r.finish("TRUNCATE TABLE")
	return st
}

func (r *reader) databaseStatement(schema string) any {
	st := &databaseStmt{name: schema}
	switch verb := r.next(); {
	case verb.is("CREATE"):
		st.kind = CreateDatabase
		st.replace = r.accept("OR", "REPLACE")
	case verb.is("DROP"):
		st.kind = DropDatabase
	case verb.is("ALTER"):
		st.kind = AlterDatabase
	default:
		r.unexpected("statement on a schema")
	}
	r.next()
	r.ifExists()
	r.ifNotExists()
	if r.isName() && (st.kind != AlterDatabase || !r.startsDatabaseOption()) {
		st.name = r.name("schema name")
	}
	for r.err == nil && !r.end() && st.kind != DropDatabase {
		r.databaseOption(st)
	}
	st.name = r.kept(st.name)
	r.finish("statement on a schema")
	return st
}

func (r *reader) startsDatabaseOption() bool {
	t, n := r.peek(), r.peekAt(1)
	switch {
	case t.isAny("DEFAULT", "COLLATE", "CHARSET", "ENCRYPTION", "COMMENT", "UPGRADE"):
		return true
	case t.isAny("CHARACTER", "CHAR"):
		return n.is("SET")
	}
	return t.is("READ") && n.is("ONLY")
}

func (r *reader) databaseOption(st *databaseStmt) {
	r.accept("DEFAULT")
	switch {
	case r.charset():
		r.acceptPunct("=")
		st.charset = canonicalCharset(r.charsetName())
	case r.accept("COLLATE"):
		r.acceptPunct("=")
		st.collation = canonicalCollation(r.charsetName())
	case r.accept("READ", "ONLY"), r.acceptAny("ENCRYPTION", "COMMENT"):
		r.acceptPunct("=")
		r.next()
	case r.accept("UPGRADE", "DATA", "DIRECTORY", "NAME"):
	default:
		r.unexpected("schema option")
	}
}

func (r *reader) sequenceStatement(schema string) any {
	st := &sequenceStmt{drop: r.next().is("DROP")}
	r.accept("OR", "REPLACE")
	r.next()
	r.ifExists()
	r.ifNotExists()
	for r.err == nil {
		s, n := r.tableName(schema)
		st.names = append(st.names, [2]string{s, n})
		if !st.drop || !r.acceptPunct(",") {
			break
		}
	}
	return st
}

// indexStatement reads CREATE INDEX and DROP INDEX as the ALTER TABLE that they
// are.
func (r *reader) indexStatement(schema string) any {
	st := &alterStmt{kind: CreateIndex}
	if r.next().is("DROP") {
		st.kind = DropIndex
	}
	replace := r.accept("OR", "REPLACE")
	r.acceptAny("ONLINE", "OFFLINE")
	kind := keyPlain
	for word, k := range map[string]keyKind{"UNIQUE": keyUnique, "FULLTEXT": keyFulltext, "SPATIAL": keySpatial, "VECTOR": keyVector} {
		if r.accept(word) {
			kind = k
			break
		}
	}
	r.expect("INDEX")
	a := action{kind: addKey}
	a.ifExists, a.ifNotExists = r.ifExists(), r.ifNotExists()
	k := &keyDef{kind: kind, name: r.name("index name")}
	r.keyType(k)
	r.expect("ON")
	st.name[0], st.name[1] = r.tableName(schema)
	r.wait()
	if st.kind == DropIndex {
		a.kind, a.old = dropKey, k.name
	} else {
		r.keyParts(k)
		r.keyOptions(k)
		a.also = &definition{keys: []*keyDef{k}}
	}
	st.actions = []action{a}
	if replace {
		st.actions = []action{{kind: dropKey, ifExists: true, old: k.name}, a}
	}
	for r.acceptAny("ALGORITHM", "LOCK") {
		r.acceptPunct("=")
		r.next()
	}
	r.wait()
	r.finish("statement on an index")
	return st
}
