package schema

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"sluice/replica"
	"sluice/ruleset"
)

// Tracker holds the current version of every table that it was told about or
// saw being created, and follows DDL. It is not safe for concurrent use.
//
// Tables that the rules do not want are followed too, as far as they can be
// read, since a RENAME or LIKE may make a wanted table of one.
type Tracker struct {
	rules    *ruleset.Rules
	defaults Defaults
	tables   map[ruleset.TableName]*replica.Table
	schemas  map[string]database
	objects  objects // views and sequences
}

type database struct{ name, charset, collation string }

// NewTracker returns an empty Tracker. defaults are the server's: Charset and
// Collation are those of a schema that names none.
func NewTracker(rules *ruleset.Rules, defaults Defaults) *Tracker {
	return &Tracker{rules: rules, defaults: defaults, tables: map[ruleset.TableName]*replica.Table{},
		schemas: map[string]database{}, objects: objects{}}
}

func (t *Tracker) key(schema, table string) ruleset.TableName {
	if t.rules.CaseInsensitive() {
		schema, table = strings.ToLower(schema), strings.ToLower(table)
	}
	return ruleset.TableName{Schema: schema, Table: table}
}

// SetDatabase tells a schema's default charset and collation, as
// information_schema.schemata has them at the start.
func (t *Tracker) SetDatabase(schema, charset, collation string) {
	serverCharset, serverCollation := t.defaults.database()
	charset, collation = t.defaults.resolve(charset, collation, serverCharset, serverCollation)
	t.schemas[t.key(schema, "").Schema] = database{schema, charset, collation}
}

// Database returns a schema's default charset and collation; the server's when
// the schema is not known.
func (t *Tracker) Database(schema string) (charset, collation string) {
	if db, ok := t.schemas[t.key(schema, "").Schema]; ok {
		return db.charset, db.collation
	}
	return t.defaults.database()
}

// in returns the defaults for the definitions of tables of the schema.
func (t *Tracker) in(schema string) Defaults { return t.with(t.defaults, schema) }

// with returns a session's defaults for statements on tables of the schema.
func (t *Tracker) with(d Defaults, schema string) Defaults {
	d.Charset, d.Collation = t.Database(schema)
	return d
}

// Load reads the output of SHOW CREATE TABLE and makes it the table's current
// version.
func (t *Tracker) Load(schema, createSQL string) (*replica.Table, error) {
	table, err := ParseCreate(schema, createSQL, t.in(schema))
	if err != nil {
		return nil, err
	}
	t.Put(table)
	return table, nil
}

// Put makes a version that ParseCreate made the table's current one.
func (t *Tracker) Put(table *replica.Table) { t.tables[t.key(table.Schema, table.Name)] = table }

// Table returns the current version of a table, nil when it is not known.
func (t *Tracker) Table(schema, table string) *replica.Table { return t.tables[t.key(schema, table)] }

// Tables returns the current versions of all known tables, by name.
func (t *Tracker) Tables() []*replica.Table {
	out := make([]*replica.Table, 0, len(t.tables))
	for _, table := range t.tables {
		out = append(out, table)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Schema != out[j].Schema {
			return out[i].Schema < out[j].Schema
		}
		return out[i].Name < out[j].Name
	})
	return out
}

// errUnknownTable is the cause when a statement changes a wanted table whose
// definition is not known.
var errUnknownTable = errors.New("the table's definition is not known")

// errUnknownLike is the cause when a wanted table is made LIKE one outside the
// rules whose definition at that time is not known.
var errUnknownLike = errors.New("that table is outside the rules, and was altered since or is gone")

const (
	remedyLike = "leave the new table out: STOP MIGRATION, ALTER MIGRATION with REPLICATE_IGNORE_TABLE, START MIGRATION; " +
		"or STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, and START MIGRATION, which copies them again with the new one"
	remedyStatement = "leave the table out with REPLICATE_IGNORE_TABLE, or RESET MIGRATION and start again"
	remedyUnknown   = "RESET MIGRATION, empty the target's tables, and start again"
	remedyRows      = "set binlog_format=ROW at the source, then RESET MIGRATION and start again"
)

// Source answers what a source has now, which may be newer than the statement
// that is followed.
type Source interface {
	// ShowCreate returns the statement that makes the table, "" when the source
	// has no such table, or does not show it. Its error is returned by ApplyAt as it is.
	ShowCreate(schema, table string) (string, error)
	// ShowCreateThen returns the statement that makes the table as it was when
	// the statement that is followed ran, "" if that is not known for certain.
	ShowCreateThen(schema, table string) (string, error)
	// Kind returns what the name stands for. Its error is returned as it is.
	Kind(schema, name string) (ObjectKind, error)
}

// Apply is ApplyAt without a source to ask.
func (t *Tracker) Apply(ddl replica.DDL) ([]Change, error) { return t.ApplyAt(ddl, nil) }

// ApplyAt follows one statement. Either all of its changes are made, or, with an
// error, none is. A statement that cannot be understood is an error when it may
// touch a wanted table or schema; it is no change otherwise. Errors are
// *replica.Error with CodeDDL, or the source's. The source is asked only where
// neither statement nor definition says what became of a table; it may be nil.
func (t *Tracker) ApplyAt(ddl replica.DDL, source Source) ([]Change, error) {
	session, serr := t.defaults.session(ddl)
	st, tokens, err := parse(ddl, t.with(session, ddl.Schema))
	if _, data := st.(dataStmt); err == nil && data {
		if !tokensMayTouch(tokens, ddl.Schema, t.rules) {
			return []Change{{Kind: Other}}, nil
		}
		return nil, ddlError(nil, remedyRows, "the source logged a statement that is neither DDL nor a row event")
	}
	if err == nil {
		step := &step{t: t, ddl: ddl, session: session, source: source, set: map[ruleset.TableName]*replica.Table{}, objects: objects{}}
		if err = step.apply(st); err == nil && step.relevant() {
			err = unreadSettings(ddl, session, errors.Join(serr, parsedBefore(ddl, tokens)))
		}
		if err == nil {
			step.commit()
			return step.changes, nil
		}
	}
	if !mayTouch(st, tokens, ddl, t.rules) {
		t.forget(st)
		return []Change{{Kind: Other}}, nil
	}
	var named *replica.Error
	if errors.As(err, &named) {
		return nil, named
	}
	if errors.Is(err, errUnknownLike) {
		return nil, ddlError(err, remedyLike, "follow a DDL of the source")
	}
	if errors.Is(err, errUnknownTable) {
		return nil, ddlError(err, remedyUnknown, "follow a DDL of the source")
	}
	return nil, ddlError(err, remedyStatement, "follow a DDL of the source")
}

// otherDialects are the modes under which the same text defines something else, and
// which are not followed. MySQL has used the bits of MariaDB's for other modes.
var otherDialects = []struct {
	bit     uint64
	mariaDB bool
	name    string
	effect  string
}{
	{1 << 9, true, "ORACLE", "types have other meanings"},
	{1 << 12, false, "MAXDB", "TIMESTAMP is DATETIME"},
	{1 << 32, true, "EMPTY_STRING_IS_NULL", "a default of '' is NULL"},
}

// unreadSettings returns an error for a statement whose session's settings were
// not all understood: what the statement means may depend on them.
func unreadSettings(ddl replica.DDL, d Defaults, err error) error {
	for _, m := range otherDialects {
		if ddl.SQLMode&m.bit != 0 && (d.MariaDB || !m.mariaDB) {
			return fmt.Errorf("the session had sql_mode %s, under which %s", m.name, m.effect)
		}
	}
	if ddl.Unread != 0 {
		return fmt.Errorf("the source logged a setting of the session (code %d) that this version of Sluice does not know", ddl.Unread)
	}
	return err
}

// forget drops the versions of unwanted tables that a statement changed in a
// way that was not understood.
func (t *Tracker) forget(st any) {
	for _, n := range touched(st) {
		delete(t.tables, t.key(n.Schema, n.Table))
	}
}
