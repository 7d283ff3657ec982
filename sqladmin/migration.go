package sqladmin

import (
	"strconv"
	"strings"
)

// CreateMigration is CREATE MIGRATION.
type CreateMigration struct {
	Name        string
	IfNotExists bool
	Spec        MigrationSpec
}

// MigrationSpec is a migration's definition as written; nil (for a list too)
// means not written, an empty list was written as (). It is JSON-encodable.
type MigrationSpec struct {
	Sources     []string      `json:"sources,omitempty"`
	Target      string        `json:"target,omitempty"` // "" means DEFAULT
	DoDB        []string      `json:"do_db,omitempty"`
	IgnoreDB    []string      `json:"ignore_db,omitempty"`
	DoTable     []TableName   `json:"do_table,omitempty"`
	IgnoreTable []TableName   `json:"ignore_table,omitempty"`
	WildDoTable []string      `json:"wild_do_table,omitempty"` // db.table with % and _, as MySQL's
	WildIgnore  []string      `json:"wild_ignore_table,omitempty"`
	RewriteDB   []RewritePair `json:"rewrite_db,omitempty"`
	Routes      []Route       `json:"routes,omitempty"`
	StartAt     *StartAt      `json:"start_at,omitempty"` // nil means SNAPSHOT
	Options     []Option      `json:"options,omitempty"`
	Comment     *string       `json:"comment,omitempty"`
}

// RewritePair is one (from, to) of REPLICATE_REWRITE_DB.
type RewritePair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Route sends the tables that match Schema and Table to ToSchema.ToTable, which
// may hold $1 .. $9: what the regular expressions captured, the schema's first.
type Route struct {
	Schema   Pattern `json:"schema"`
	Table    Pattern `json:"table"`
	ToSchema string  `json:"to_schema"`
	ToTable  string  `json:"to_table"`
}

// Pattern matches a schema's or a table's name.
type Pattern struct {
	Kind string `json:"kind"` // LITERAL, LIKE (% and _) or REGEXP
	Text string `json:"text"` // without the ~ of a REGEXP
}

// String returns the pattern as the grammar takes it.
func (p Pattern) String() string {
	switch p.Kind {
	case "LIKE":
		return quote(p.Text)
	case "REGEXP":
		return quote("~" + p.Text)
	}
	return quoteName(p.Text)
}

// StartAt says where replication begins.
type StartAt struct {
	Kind    string `json:"kind"` // SNAPSHOT, CURRENT, GTID or FILE
	GTIDSet string `json:"gtid_set,omitempty"`
	File    string `json:"file,omitempty"`
	Pos     uint64 `json:"pos,omitempty"`
}

// String returns what follows START AT.
func (s *StartAt) String() string {
	switch s.Kind {
	case "GTID":
		return "SOURCE_AUTO_POSITION " + quote(s.GTIDSet)
	case "FILE":
		return "SOURCE_LOG_FILE = " + quote(s.File) + ", SOURCE_LOG_POS = " + strconv.FormatUint(s.Pos, 10)
	}
	return s.Kind
}

// Verb implements Statement.
func (*CreateMigration) Verb() string { return "CREATE MIGRATION" }

// SQL returns a statement that makes the migration again.
func (m *CreateMigration) SQL() string {
	var b strings.Builder
	b.WriteString("CREATE MIGRATION " + quoteName(m.Name))
	s := &m.Spec
	for i, name := range s.Sources {
		if i == 0 {
			b.WriteString("\n  FROM ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString("SOURCE " + quoteName(name))
	}
	if s.Target != "" {
		b.WriteString("\n  TO TARGET " + quoteName(s.Target))
	}
	for _, clause := range s.clauses() {
		b.WriteString("\n  " + clause)
	}
	return b.String()
}

// clauses returns the written clauses after FROM and TO, in the grammar's order.
func (s *MigrationSpec) clauses() []string {
	var l []string
	add := func(written bool, name, value string) {
		if written {
			l = append(l, name+value)
		}
	}
	same := func(name string) string { return name }
	add(s.DoDB != nil, "REPLICATE_DO_DB = ", quoteAll(s.DoDB, quoteName))
	add(s.IgnoreDB != nil, "REPLICATE_IGNORE_DB = ", quoteAll(s.IgnoreDB, quoteName))
	add(s.DoTable != nil, "REPLICATE_DO_TABLE = ", quoteAll(tableWords(s.DoTable), same))
	add(s.IgnoreTable != nil, "REPLICATE_IGNORE_TABLE = ", quoteAll(tableWords(s.IgnoreTable), same))
	add(s.WildDoTable != nil, "REPLICATE_WILD_DO_TABLE = ", quoteAll(s.WildDoTable, quote))
	add(s.WildIgnore != nil, "REPLICATE_WILD_IGNORE_TABLE = ", quoteAll(s.WildIgnore, quote))
	var pairs, routes []string
	for _, r := range s.RewriteDB {
		pairs = append(pairs, "("+quoteName(r.From)+", "+quoteName(r.To)+")")
	}
	add(s.RewriteDB != nil, "REPLICATE_REWRITE_DB = ", quoteAll(pairs, same))
	for _, r := range s.Routes {
		routes = append(routes, r.Schema.String()+"."+r.Table.String()+" TO "+quote(r.ToSchema)+"."+quote(r.ToTable))
	}
	add(s.Routes != nil, "ROUTE ", quoteAll(routes, same))
	if s.StartAt != nil {
		l = append(l, "START AT "+s.StartAt.String())
	}
	if s.Options != nil {
		var options []string
		for _, o := range s.Options {
			options = append(options, o.String())
		}
		l = append(l, "WITH "+quoteAll(options, same))
	}
	if s.Comment != nil {
		l = append(l, "COMMENT "+quote(*s.Comment))
	}
	return l
}

func tableWords(tables []TableName) []string {
	var l []string
	for _, t := range tables {
		l = append(l, t.String())
	}
	return l
}

func parseCreateMigration(p *parser) Statement {
	m := &CreateMigration{IfNotExists: p.words("IF NOT EXISTS")}
	m.Name = p.objectName("migration")
	p.expectWords("FROM")
	m.Spec.Sources = p.sourceList()
	if p.words("TO TARGET") {
		m.Spec.Target = p.name("target")
	}
	seen := map[string]bool{}
	for !p.atEnd() {
		clause := p.migrationClause(&m.Spec)
		if clause == "" {
			p.expectedClause(migrationClauseNames())
			return m
		}
		if seen[clause] {
			p.fail(Errorf(CodeWrongUsage, "Clause %s is written twice", clause).WithRemedy("write it once, with all of its values"))
		}
		seen[clause] = true
		p.comma()
	}
	return m
}

// sourceList reads SOURCE a [, SOURCE b]..
func (p *parser) sourceList() []string {
	var l []string
	for {
		p.expectWords("SOURCE")
		name := p.name("source")
		for _, other := range l {
			if strings.EqualFold(other, name) {
				p.fail(Errorf(CodeWrongUsage, "Source '%s' is named twice", name))
			}
		}
		l = append(l, name)
		if !p.comma() {
			return l
		}
	}
}
