package sqladmin

import (
	"context"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// Show is a SHOW that is a SELECT on a virtual table, with the table's
// headings.
type Show struct {
	source    source
	migration string // FOR MIGRATION m
	channel   string // FOR CHANNEL 'c'
	like      string // LIKE on the first column
	tail      *ast.SelectStmt
}

// Verb implements Statement.
func (*Show) Verb() string { return "SHOW" }

// show is one form of SHOW: its words after SHOW, and what it reads.
type show struct {
	words string
	read  func(p *parser) source
	// forMigration and forChannel allow FOR MIGRATION m and FOR CHANNEL 'c'.
	forMigration, forChannel bool
}

// source opens what a SHOW reads.
type source func(ctx context.Context, x *executor) (*relation, error)

// shows lists the forms of SHOW that read rows. To add one over a table of
// tables.go: one row.
var shows []show

func init() {
	shows = []show{
		{words: "MIGRATIONS", read: table("migrations")},
		{words: "MIGRATION STATUS", read: table("migration_status"), forMigration: true},
		{words: "MIGRATION CHANNELS", read: table("migration_channels"), forMigration: true},
		{words: "MIGRATION TABLES", read: table("migration_tables"), forMigration: true},
		{words: "MIGRATION CHECKS", read: table("migration_checks"), forMigration: true},
		{words: "MIGRATION ERRORS", read: table("migration_errors"), forMigration: true},
		{words: "MIGRATION EVENTS", read: table("migration_events"), forMigration: true},
		{words: "MIGRATION DDL", read: table("migration_ddl"), forMigration: true},
		{words: "WORKERS", read: table("workers")},
		{words: "NODES", read: table("nodes")},
		{words: "SOURCES", read: table("sources")},
		{words: "TARGETS", read: table("targets")},
		{words: "SECRETS", read: table("secrets")},
		{words: "OPERATIONS", read: table("operations")},
		{words: "PROCESSLIST", read: table("processlist")},
		{words: "FULL PROCESSLIST", read: table("processlist")},
		{words: "REPLICA STATUS", read: table("replica_status"), forChannel: true},
		{words: "SLAVE STATUS", read: slaveStatus, forChannel: true},
		{words: "SLAVE STATUS NONBLOCKING", read: slaveStatus},
		{words: "ALL SLAVES STATUS", read: slaveStatus},
		{words: "REPLICAS", read: table("replicas")},
		{words: "SLAVE HOSTS", read: table("replicas")},
		{words: "ERROR CODES", read: table("error_codes")},
		{words: "WARNINGS", read: showWarnings(false)},
		{words: "ERRORS", read: showWarnings(true)},
		{words: "VARIABLES", read: table("variables")},
		{words: "GLOBAL|SESSION|LOCAL VARIABLES", read: table("variables")},
		{words: "STATUS", read: table("status")},
		{words: "GLOBAL|SESSION|LOCAL STATUS", read: table("status")},

		{words: "DATABASES|SCHEMAS", read: showDatabases},
		{words: "TABLES", read: showTables(false)},
		{words: "FULL TABLES", read: showTables(true)},
		{words: "TABLE STATUS", read: showTableStatus},
		{words: "COLUMNS|FIELDS", read: showColumns(false)},
		{words: "FULL COLUMNS|FIELDS", read: showColumns(true)},
		{words: "INDEX|INDEXES|KEYS", read: showIndex},
		{words: "CREATE TABLE|VIEW", read: showCreateTable},
		{words: "CREATE DATABASE|SCHEMA", read: showCreateDatabase},
		{words: "ENGINES", read: fixed("ENGINES")},
		{words: "STORAGE ENGINES", read: fixed("ENGINES")},
		{words: "PLUGINS", read: fixed("PLUGINS")},
		{words: "PRIVILEGES", read: fixed("PRIVILEGES")},
		{words: "CHARACTER SET", read: fixed("CHARSET")},
		{words: "CHARSET", read: fixed("CHARSET")},
		{words: "COLLATION", read: fixed("COLLATION")},
		{words: "TRIGGERS FROM|IN", read: fixedIn("TRIGGERS")},
		{words: "FULL TRIGGERS", read: fixed("TRIGGERS")},
		{words: "EVENTS FROM|IN", read: fixedIn("EVENTS")},
		{words: "OPEN TABLES FROM|IN", read: fixedIn("OPEN TABLES")},
		{words: "PROCEDURE STATUS", read: fixed("ROUTINES")},
		{words: "FUNCTION STATUS", read: fixed("ROUTINES")},
		{words: "TRIGGERS", read: fixed("TRIGGERS")},
		{words: "EVENTS", read: fixed("EVENTS")},
		{words: "OPEN TABLES", read: fixed("OPEN TABLES")},
		{words: "GRANTS", read: showGrants},
	}
}

// otherShows lists the forms that are something else: a statement of the
// Controller's, or an error.
var otherShows = []form{
	{words: "CREATE MIGRATION", parse: parseShowCreate("MIGRATION")},
	{words: "CREATE SOURCE", parse: parseShowCreate("SOURCE")},
	{words: "CREATE TARGET", parse: parseShowCreate("TARGET")},
	{words: "COUNT", parse: parseShowCount},
	{words: "AUTO_INCREMENT", parse: parseNotYet("SHOW AUTO_INCREMENT"), refused: true},
	{words: "CREATE USER", parse: parseNotYet("SHOW CREATE USER"), refused: true},
	{words: "CREATE PROCEDURE|FUNCTION|TRIGGER|EVENT", parse: parseNotYet("SHOW CREATE of a routine"), refused: true},
	{words: "ENGINE", parse: parseNotYet("SHOW ENGINE"), refused: true},
	{words: "PROFILE|PROFILES", parse: parseNotYet("SHOW PROFILE"), refused: true},
	{words: "CUTOVER", parse: parseCutover("SHOW CUTOVER"), refused: true},
	{words: "CUTOVERS", parse: parseCutover("SHOW CUTOVERS"), refused: true},
	{words: "LISTENERS", parse: parseNotYet("SHOW LISTENERS"), refused: true},
	{words: "PROXY", parse: parseNotYet("SHOW PROXY"), refused: true},
	{words: "MIGRATION VERIFY|CONFLICTS", parse: parseNotYet("this SHOW MIGRATION"), refused: true},
	{words: "BINARY LOGS", parse: parseNoBinaryLog, refused: true},
	{words: "MASTER LOGS|STATUS", parse: parseNoBinaryLog, refused: true},
	{words: "BINARY LOG STATUS", parse: parseNoBinaryLog, refused: true},
	{words: "BINLOG EVENTS", parse: parseNoBinaryLog, refused: true},
}

func parseShowCreate(kind string) func(*parser) Statement {
	return func(p *parser) Statement { return &ShowCreate{Kind: kind, Name: p.name(strings.ToLower(kind))} }
}

func parseNoBinaryLog(p *parser) Statement {
	p.fail(Errorf(CodeNoBinaryLog, "You are not using binary logging").WithRemedy("Sluice writes no binary log; SHOW MIGRATION CHANNELS has the sources' positions"))
	return nil
}

// parseShow reads what follows SHOW.
func parseShow(p *parser) Statement {
	rest := p.tokens[min(p.pos, len(p.tokens)):]
	most := 0
	var form *show
	for i := range shows {
		if n := matchWords(rest, shows[i].words); n > most {
			form, most = &shows[i], n
		}
	}
	for i := range otherShows {
		if n := matchWords(rest, otherShows[i].words); n > most {
			p.pos += n
			return otherShows[i].parse(p)
		}
	}
	if form == nil {
		var lists [][][]string
		for _, s := range shows {
			lists = append(lists, splitWords(s.words))
		}
		for _, s := range otherShows {
			if !s.refused {
				lists = append(lists, splitWords(s.words))
			}
		}
		p.fail(p.unknownWords(lists, "no such SHOW"))
		return nil
	}
	p.pos += most
	s := &Show{source: form.read(p)}
	if form.forMigration && p.words("FOR MIGRATION") {
		s.migration = p.name("migration")
	}
	if form.forChannel && p.words("FOR CHANNEL") {
		s.channel = p.channelName()
	}
	s.readTail(p)
	return s
}

// readTail reads [LIKE 'p' | WHERE e] [ORDER BY ..] [LIMIT n].
func (s *Show) readTail(p *parser) {
	if p.words("LIKE") {
		s.like = p.str("pattern")
	}
	if p.atEnd() {
		return
	}
	switch word(p.tokens, p.pos) {
	case "WHERE", "ORDER", "LIMIT":
	default:
		takesFor := word(p.tokens, p.pos) == "FOR"
		p.expected("LIKE", "WHERE", "ORDER BY", "LIMIT")
		if takesFor && p.err != nil {
			p.err = p.err.WithRemedy("this SHOW has no such FOR; LIKE 'name' keeps the rows whose first column is that name")
		}
		return
	}
	last := p.tokens[len(p.tokens)-1].end
	node := p.tidb("SELECT * FROM t " + p.sql[p.tokens[p.pos].pos:last])
	p.pos = len(p.tokens)
	sel, ok := node.(*ast.SelectStmt)
	if !ok || sel.GroupBy != nil || sel.Having != nil || sel.SelectIntoOpt != nil || sel.LockInfo != nil || s.like != "" && sel.Where != nil {
		p.fail(p.syntaxError(p.pos, "expected LIKE or WHERE, ORDER BY, LIMIT"))
		return
	}
	s.tail = sel
}

func (s *Show) run(ctx context.Context, x *executor) (*Result, error) {
	rel, err := s.source(ctx, x)
	if err != nil {
		return nil, err
	}
	if s.migration != "" {
		if err := x.keepMigration(ctx, rel, s.migration); err != nil {
			return nil, err
		}
	}
	if s.channel != "" {
		rel.keep(func(row []any) bool { return strings.EqualFold(rel.field(row, "Channel_Name"), s.channel) })
		if len(rel.rows) == 0 {
			return nil, Errorf(CodeUnknownChannel, "Replica channel '%s' does not exist", s.channel).WithRemedy("SHOW MIGRATION CHANNELS lists the channels")
		}
	}
	if s.like != "" {
		var stopped error
		rel.keep(func(row []any) bool {
			if len(row) == 0 || stopped != nil {
				return false
			}
			fits := false
			fits, stopped = x.stop.like(asString(row[0]), s.like, '\\')
			return fits
		})
		if stopped != nil {
			return nil, stopped
		}
	}
	if s.tail == nil {
		return &Result{Columns: fit(rel.columns, rel.rows), Rows: rel.rows}, nil
	}
	return x.query(s.tail, rel)
}

// keep drops the rows that f does not want.
func (r *relation) keep(f func(row []any) bool) {
	var kept [][]any
	for _, row := range r.rows {
		if f(row) {
			kept = append(kept, row)
		}
	}
	r.rows = kept
}

// field returns a row's value in a column as text.
func (r *relation) field(row []any, column string) string {
	if i := columnIndex(r.columns, column); i >= 0 && i < len(row) {
		return asString(row[i])
	}
	return ""
}

// keepMigration keeps one migration's rows: those that name it, or whose
// channel does (a channel is called migration or migration/source). A name
// that no migration has is error 61002.
func (x *executor) keepMigration(ctx context.Context, rel *relation, name string) error {
	all, err := x.open(ctx, "sluice", "migrations")
	if err != nil {
		return err
	}
	var names []string
	found := false
	for _, row := range all.rows {
		n := all.field(row, "Migration")
		names = append(names, n)
		found = found || strings.EqualFold(n, name)
	}
	if !found {
		return Unknown("migration", name, names).WithRemedy("SHOW MIGRATIONS lists the migrations")
	}
	rel.keep(func(row []any) bool {
		if columnIndex(rel.columns, "Migration") >= 0 {
			return strings.EqualFold(rel.field(row, "Migration"), name)
		}
		channel, _, _ := strings.Cut(rel.field(row, "Channel_Name"), "/")
		return strings.EqualFold(channel, name)
	})
	return nil
}

// table reads a virtual table of schema sluice.
func table(name string) func(*parser) source {
	return func(*parser) source {
		return func(ctx context.Context, x *executor) (*relation, error) { return x.openShown(ctx, name) }
	}
}

// slaveStatus is SHOW REPLICA STATUS with the names of old: Master_ for
// Source_ and Slave_ for Replica_.
func slaveStatus(*parser) source {
	return func(ctx context.Context, x *executor) (*relation, error) {
		rel, err := x.openShown(ctx, "replica_status")
		if err != nil {
			return nil, err
		}
		cols := make([]Column, len(rel.columns))
		names := strings.NewReplacer("Get_Source_public_key", "Get_master_public_key", "Source_public_key", "Master_public_key",
			"Source_", "Master_", "Replica_", "Slave_")
		for i, c := range rel.columns {
			cols[i] = Column{Name: names.Replace(c.Name), Type: c.Type}
		}
		rel.columns = cols
		return rel, nil
	}
}

// showWarnings is SHOW WARNINGS and SHOW ERRORS: MySQL's three columns. The
// remedy is in the message; table warnings has it by itself.
func showWarnings(errorsOnly bool) func(*parser) source {
	return func(*parser) source {
		return func(_ context.Context, x *executor) (*relation, error) {
			x.keepWarnings = true
			rel := &relation{name: "warnings", columns: columns("Level Code:u Message:t")}
			for _, w := range x.session.warnings {
				if !errorsOnly || w.Level == "Error" {
					rel.rows = append(rel.rows, []any{w.Level, uint64(w.Code), (&Error{Message: w.Message, Remedy: w.Remedy}).Error()})
				}
			}
			return rel, nil
		}
	}
}

// parseShowCount reads SHOW COUNT(*) WARNINGS|ERRORS.
func parseShowCount(p *parser) Statement {
	p.expectSymbol("(")
	p.expectSymbol("*")
	p.expectSymbol(")")
	onlyErrors := p.words("ERRORS")
	if !onlyErrors {
		p.expectWords("WARNINGS")
	}
	return &Show{source: func(ctx context.Context, x *executor) (*relation, error) {
		all, err := showWarnings(onlyErrors)(p)(ctx, x)
		if err != nil {
			return nil, err
		}
		heading := "@@session.warning_count"
		if onlyErrors {
			heading = "@@session.error_count"
		}
		return &relation{columns: []Column{{Name: heading, Type: Uint}}, rows: [][]any{{uint64(len(all.rows))}}}, nil
	}}
}
