package schema

import (
	"errors"
	"sort"
	"strings"
	"testing"

	"sluice/replica"
	"sluice/ruleset"
)

func compile(t testing.TB, spec ruleset.Spec) *ruleset.Rules {
	t.Helper()
	r, err := ruleset.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var onlyApp = ruleset.Spec{WildDoTable: []string{"app.%"},
	IgnoreTable: []ruleset.TableName{{Schema: "app", Table: "skip1"}, {Schema: "app", Table: "skip_me"}}}

// TestApplySequences follows statements in schema app, of which skip1, skip_me
// and everything elsewhere are unwanted.
func TestApplySequences(t *testing.T) {
	for _, c := range []struct {
		name  string
		d     Defaults
		stmts []string
		want  string // the changes of the last statement
		table string // describe() of app.t
		err   string // of the last statement; "" for none
	}{
		{name: "create", stmts: []string{"create table t (a int)"}, want: "CREATE TABLE app.t", table: "a int |"},
		{name: "temporary", stmts: []string{"create temporary table t (a int)"}, want: "OTHER"},
		{name: "drop temporary", stmts: []string{"create table t (a int)", "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS t"}, want: "OTHER", table: "a int |"},
		{name: "drop several", stmts: []string{"create table t (a int)", "drop table t, other.x, skip1, u"}, want: "DROP TABLE app.t, DROP TABLE app.u"},
		{name: "atomic select", stmts: []string{"CREATE TABLE `t` (\n  `a` int DEFAULT NULL\n) START TRANSACTION"}, want: "CREATE TABLE app.t", table: "a int |"},
		{name: "select as a statement", stmts: []string{"create table t (a int) select 1 as a"}, err: "logged as a statement"},
		{name: "select into an unwanted table", stmts: []string{"create table skip1 select 1 as a"}, want: "OTHER"},
		{name: "unknown wanted table", stmts: []string{"alter table t add b int"}, err: "definition is not known"},
		{name: "unknown unwanted table", stmts: []string{"alter table skip1 add b int"}, want: "OTHER"},
		{name: "unwanted becomes wanted", stmts: []string{"create table skip1 (a int)", "rename table skip1 to t"}, want: "RENAME TABLE app.skip1", table: "a int |"},
		{name: "unknown becomes wanted", stmts: []string{"rename table skip1 to t"}, err: "definition is not known"},
		{name: "unknown like", stmts: []string{"create table t like other.x"}, err: "outside the rules"},
		{name: "unreadable but unwanted", stmts: []string{"create table skip1 (a flux capacitor)"}, want: "OTHER"},
		{name: "unreadable", stmts: []string{"create table t (a flux capacitor)"}, err: `data type "flux" is not known`},
		{name: "first in a table with a generated key", stmts: []string{"create table t (my_row_id bigint unsigned not null auto_increment invisible primary key, a int, b int)",
			"alter table t modify b int first, add column c int first"}, want: "ALTER TABLE app.t", table: "my_row_id bigint unsigned notnull auto invisible; c int; b int; a int | PRIMARY(my_row_id)"},
		{name: "after the generated key", stmts: []string{"create table t (my_row_id bigint unsigned not null auto_increment invisible primary key, a int, b int)",
			"alter table t modify b int first, add column c int after my_row_id"}, want: "ALTER TABLE app.t", table: "my_row_id bigint unsigned notnull auto invisible; b int; c int; a int | PRIMARY(my_row_id)"},
		{name: "after a column that moves later", stmts: []string{"create table t (a int, b int, c int)", "alter table t add column d int after c, modify c int first"},
			want: "ALTER TABLE app.t", table: "c int; a int; b int; d int |"},
		{name: "after one of two that swap their names", stmts: []string{"create table t (a int, b int, c int)",
			"alter table t add column d int after a, rename column b to a, rename column a to b"}, want: "ALTER TABLE app.t", table: "b int; a int; d int; c int |"},
		{name: "first before a visible key", stmts: []string{"create table t (my_row_id bigint unsigned not null auto_increment invisible primary key, a int)",
			"alter table t alter column my_row_id set visible", "alter table t add column c int first"}, want: "ALTER TABLE app.t",
			table: "c int; my_row_id bigint unsigned notnull auto; a int | PRIMARY(my_row_id)"},
		{name: "first where the key's column is the second", stmts: []string{"create table t (a int, my_row_id bigint unsigned not null auto_increment invisible primary key)",
			"alter table t add column c int first"}, want: "ALTER TABLE app.t", table: "c int; a int; my_row_id bigint unsigned notnull auto invisible | PRIMARY(my_row_id)"},
		{name: "first without the generated key", stmts: []string{"create table t (my_row_id bigint unsigned not null auto_increment invisible primary key, a int)",
			"alter table t drop primary key, drop column my_row_id, add column c int first"}, want: "ALTER TABLE app.t", table: "c int; a int |"},
		{name: "no such column", stmts: []string{"create table t (a int)", "alter table t drop b"}, err: "column b is not in the known definition", table: "a int |"},
		{name: "all or nothing", stmts: []string{"create table t (a int)", "rename table t to v, w to t"}, err: "app.w: the table's definition is not known", table: "a int |"},
		{name: "insert as a statement", stmts: []string{"insert into t values (1)"}, err: "neither DDL nor a row event"},
		{name: "insert elsewhere", stmts: []string{"insert into other.t values (other.f(1))"}, err: "neither DDL nor a row event"},
		{name: "account", stmts: []string{"CREATE USER 'a'@'%' IDENTIFIED WITH 'x' AS 'secret'"}, want: "OTHER"},
		{name: "definer", stmts: []string{"CREATE DEFINER=`root`@`localhost` TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 'it''s'"}, want: "OTHER"},
		{name: "view", stmts: []string{"CREATE OR REPLACE ALGORITHM=UNDEFINED DEFINER=`r`@`%` SQL SECURITY DEFINER VIEW v AS select 1"}, want: "OTHER"},
		{name: "spatial reference system", stmts: []string{"CREATE OR REPLACE SPATIAL REFERENCE SYSTEM 4120 NAME 'x' DEFINITION 'y'"}, want: "OTHER"},
		{name: "drop unwanted schema", stmts: []string{"drop database other"}, want: "DROP DATABASE other."},
		{name: "drop schema", stmts: []string{"create table t (a int)", "drop schema if exists app"}, want: "DROP DATABASE app. (app.t)"},
		{name: "implicit timestamps", d: Defaults{ImplicitTimestamp: true}, stmts: []string{"create table t (a timestamp, b timestamp(2), c timestamp null)"},
			want: "CREATE TABLE app.t", table: "a timestamp notnull; b timestamp(2) notnull; c timestamp |"},
		{name: "implicit timestamp is not given twice", d: Defaults{ImplicitTimestamp: true}, stmts: []string{"create table t (a int)", "alter table t add b timestamp not null default 0", "alter table t alter b drop default", "alter table t add c timestamp"},
			want: "ALTER TABLE app.t", table: "a int; b timestamp notnull; c timestamp notnull |"},
		{name: "database default", stmts: []string{"alter database app charset latin1", "create table t (a varchar(3))"}, want: "CREATE TABLE app.t", table: "a varchar(3) latin1_swedish_ci |"},
		{name: "table of another schema takes that schema's default", stmts: []string{"create database other collate latin1_bin", "alter database app charset ascii", "create table other.x (a char(1))", "create table t like other.x"},
			want: "CREATE TABLE app.t", table: "a char(1) latin1_bin |"},
		{name: "dropped column of a composite key", stmts: []string{"create table t (a int not null, b int not null, c int, primary key (a, b), unique (b, c), unique u (b))", "alter table t drop b"},
			want: "ALTER TABLE app.t", table: "a int notnull; c int | PRIMARY(a) UNIQUE b(c) null"},
		{name: "renamed column in expressions", stmts: []string{"create table t (a int, b int as (a + `a` + a(1)) virtual, unique ((a + 1)), check (a > 0))", "alter table t rename column a to z"},
			want: "ALTER TABLE app.t", table: "z int; b int virtual | UNIQUE functional_index() expr"},
		{name: "replace", d: Defaults{MariaDB: true}, stmts: []string{"create table t (a int)", "create or replace table t (b int)"}, want: "CREATE TABLE app.t", table: "b int |"},
		{name: "concatenation by bars", stmts: []string{"create table t (a int, b text as (a || 'x'))"}, err: "PIPES_AS_CONCAT"},
		{name: "foreign key's own index", stmts: []string{"create table t (a int, constraint fk foreign key (a) references u (a))", "alter table t drop foreign key fk, drop index fk"}, want: "ALTER TABLE app.t", table: "a int |"},
		{name: "empty", stmts: []string{"/* nothing */"}, want: "OTHER"},
		{name: "unclosed", stmts: []string{"create table t (a int comment 'x)"}, err: "quote is not closed"},
		{name: "unknown verb", stmts: []string{"frobnicate t"}, err: "neither DDL nor a row event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := NewTracker(compile(t, onlyApp), c.d)
			tr.SetDatabase("app", "utf8mb4", "")
			var changes []Change
			var err error
			for i, s := range c.stmts {
				mode := uint64(0)
				if strings.Contains(c.err, "PIPES") {
					mode = modePipesAsConcat
				}
				changes, err = tr.Apply(replica.DDL{Schema: "app", Text: s, SQLMode: mode})
				if err != nil && (i < len(c.stmts)-1 || c.err == "") {
					t.Fatalf("%s: %v", s, err)
				}
			}
			if c.err != "" {
				checkError(t, err, c.err)
			} else if got := summary(changes); got != c.want {
				t.Errorf("changes %s, want %s", got, c.want)
			}
			got := ""
			if table := tr.Table("app", "t"); table != nil {
				got = describe(table)
				roundTrip(t, table)
			}
			if got != c.table {
				t.Errorf("table %q, want %q", got, c.table)
			}
		})
	}
}

func checkError(t *testing.T, err error, text string) {
	t.Helper()
	var e *replica.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v", err)
	}
	if e.Code != CodeDDL || e.Class != "DDL" || e.Remedy == "" || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %+v: %v, want %s", e, err, text)
	}
}

func summary(changes []Change) string {
	var out []string
	for _, c := range changes {
		s := c.Kind.String()
		if c.Kind != Other {
			s += " " + c.Schema + "." + c.Table
		}
		for _, d := range c.Dropped {
			s += " (" + d.String() + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestErrorsHideValues(t *testing.T) {
	tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
	for _, s := range []string{"create table app.t (a int default 'hunter2' 5)", "insert into app.t values ('hunter2')", "alter table app.t hunter2x 'hunter2'", "create table app.t (a enum(5, 'hunter2'))"} {
		_, err := tr.Apply(replica.DDL{Text: s})
		if err == nil || strings.Contains(err.Error(), "hunter2'") || strings.Contains(strings.ReplaceAll(err.Error(), "hunter2x", ""), "hunter2") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestMayTouch(t *testing.T) {
	tr := NewTracker(compile(t, onlyApp), Defaults{})
	for sql, want := range map[string]bool{
		"drop table t": true, "drop table other.t": false, "drop table other.t, t": true, "drop table skip_me": false,
		"rename table other.a to app.b": true, "rename table other.a to app.skip1": false, "alter table other.a rename to app.b": true,
		"alter table other.a exchange partition p with table app.t": true,
		"create database app":                   true,
		"drop database other":                   false,
		"grant all on app.* to x":               false,
		"insert into t values (1)":              true,
		"insert into mysql.t values (mysql.f)":  true, // VALUES could be a table of the session's schema
		"create table other.x (a flux)":         false,
		"create table x (a flux)":               true,
		"create procedure p() begin end":        false,
		"flush tables t":                        false,
		"CREATE SEQUENCE s":                     false,
		"create table 'x":                       true,
		"create table other.t (a int, 'x":       true, // the session's schema is app
		"truncate t":                            true,
		"create index i on other.t (a)":         false,
		"create fulltext index i on t (a)":      true,
		"create spatial index i on t (a)":       true,
		"create trigger t before insert on t x": false,
	} {
		if got := tr.MayTouch(replica.DDL{Schema: "app", Text: sql}); got != want {
			t.Errorf("%s: %v", sql, got)
		}
	}
	for sql, want := range map[string]bool{"create table t (a int, 'x": false, "create table app.t ('x": true, "create table `app` . t ('x": true, "create table third.t ('x": false, "": false} {
		if got := tr.MayTouch(replica.DDL{Schema: "other", Text: sql}); got != want {
			t.Errorf("in another schema: %s: %v", sql, got)
		}
	}
	if tr.MayTouch(replica.DDL{Schema: "other", Text: "insert into t select * from other.u"}) {
		t.Error("a statement in an unwanted schema")
	}
}

func TestDecodeText(t *testing.T) {
	tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
	if _, err := tr.Apply(replica.DDL{Schema: "a", Text: "create table t (a enum('\xe9'))", CharsetID: 8}); err != nil {
		t.Fatal(err)
	}
	if got := tr.Table("a", "t").Columns[0].Elements[0]; got != "é" {
		t.Errorf("element %q", got)
	}
	if _, err := tr.Apply(replica.DDL{Schema: "a", Text: "create table u (a enum('\xe9'))", CharsetID: 255}); err == nil {
		t.Error("invalid UTF-8 was taken")
	}
	if cs := clientCharset(2304 + 3); cs != "utf8mb4" {
		t.Error(cs)
	}
	if cs := clientCharset(1032); cs != "latin1" {
		t.Error(cs)
	}
}

// TestDamagedText: bytes that are no text stop the channel only where they are
// part of what a migrated table is.
func TestDamagedText(t *testing.T) {
	for _, c := range []struct {
		sql     string
		charset uint16
		stops   bool
	}{
		{"create table other.x (id int comment 'caf\xe9')", 8, false},
		{"create table other.x (id int, `caf\xe9` int)", 45, false},
		{"create table other.`caf\xe9` (id int)", 45, false},
		{"insert into other.`caf\xe9` values (1)", 45, false},
		{"create table app.x (id int comment 'caf\xe9')", 8, false},
		{"create table app.x (id int comment 'caf\xe9')", 45, false}, // the source cuts or replaces it
		{"create table app.x (id int) comment = 'caf\xe9'", 45, false},
		{"create table app.x (id int /* caf\xe9 */)", 45, false},
		{"create table app.x (id int default 'caf\xe9')", 45, true},
		{"create table app.x (id int, `caf\xe9` int)", 45, true},
		{"create table app.x (id int, `caf\xe9` int)", 8, false},
		{"create table app.x (id int, `caf\xe9` int)", 3, false}, // dec8
		{"create table app.x (id int, `caf\xdb` int)", 18, true}, // tis620 has no such character
		{"create table app.`caf\xe9` (id int)", 45, true},
		{"create table app.skip_me (`caf\xe9` int)", 45, false},
		{"create table `\xe9`.x (id int)", 45, true},
		{"create view app.`caf\xe9` as select 'caf\xe9'", 45, false},
		{"drop database `caf\xe9`", 45, true},
		{"insert into app.`caf\xe9` values (1)", 45, true},
	} {
		tr := NewTracker(compile(t, onlyApp), Defaults{})
		_, err := tr.Apply(replica.DDL{Text: c.sql, CharsetID: c.charset})
		var e *replica.Error
		if stops := err != nil; stops != c.stops || stops && errors.As(err, &e) && e.Code != CodeText && !strings.HasPrefix(c.sql, "insert") {
			t.Errorf("%q in %d: %v", c.sql, c.charset, err)
		}
	}
	if got := Text(replica.DDL{Text: "alter table t comment 'caf\xe9'", CharsetID: 8}); got != "alter table t comment 'café'" {
		t.Errorf("%q", got)
	}
}

// TestVersionComments: a statement is read as the source's server reads it.
func TestVersionComments(t *testing.T) {
	mysql, maria := SourceDefaults("8.0.36"), SourceDefaults("10.11.6-MariaDB")
	for _, c := range []struct {
		sql          string
		mysql, maria string // the table's columns
	}{
		{"/*M!999999\\- enable the sandbox mode */ create table t (a int)", "a", "a"},
		{"create table t (a int /*M! , b int */ /*!50100 , c int */ /*!80016 , d int */ /*!80400 , e int */ /*M!101100 , f int */ /*M!120000 , g int */)", "a c d", "a b c f"},
		{"create table t (a int /*!99999 , b int /* c */ , d int */)", "a", "a"},
	} {
		for i, d := range []Defaults{mysql, maria} {
			tr := NewTracker(compile(t, ruleset.Spec{}), d)
			if _, err := tr.Apply(replica.DDL{Schema: "d", Text: c.sql}); err != nil {
				t.Fatalf("%s: %v", c.sql, err)
			}
			var names []string
			for _, col := range tr.Table("d", "t").Columns {
				names = append(names, col.Name)
			}
			if got := strings.Join(names, " "); got != []string{c.mysql, c.maria}[i] {
				t.Errorf("%s: %q", c.sql, got)
			}
		}
	}
}

// nowHas is a source whose names stand for these kinds.
type nowHas map[string]ObjectKind

func (n nowHas) ShowCreate(string, string) (string, error) { return "", nil }
func (n nowHas) ShowCreateThen(string, string) (string, error) {
	return "", nil
}
func (n nowHas) Kind(schema, name string) (ObjectKind, error) { return n[schema+"."+name], nil }

// TestObjects: views and sequences have the names of tables, and are none.
func TestObjects(t *testing.T) {
	const viewV = "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS select 1 as a"
	for _, c := range []struct {
		name    string
		now     nowHas
		stmts   []string
		objects string // the recorded changes of the last statement
		err     string
		seqs    string // wanted sequences in the end
	}{
		{name: "a sequence", stmts: []string{"create or replace sequence if not exists s start with 1"}, objects: "s SEQUENCE", seqs: "s"},
		{name: "renamed", stmts: []string{"create sequence s", "rename table s to s2"}, objects: "s , s2 SEQUENCE", seqs: "s2"},
		{name: "renamed by ALTER", stmts: []string{"create sequence s", "alter table s rename to s3"}, objects: "s , s3 SEQUENCE", seqs: "s3"},
		{name: "altered", stmts: []string{"create sequence s", "alter table s comment 'x'"}, seqs: "s"},
		{name: "LIKE", stmts: []string{"create sequence s", "create table s2 like s"}, objects: "s2 SEQUENCE", seqs: "s s2"},
		{name: "as a table", stmts: []string{"create table s (next_not_cached_value bigint(21) not null) sequence=1"}, objects: "s SEQUENCE", seqs: "s"},
		{name: "dropped as a table", stmts: []string{"create sequence s", "DROP TABLE `s` /* generated by server */"}, objects: "s "},
		{name: "dropped", stmts: []string{"create sequence s", "DROP SEQUENCE `s`"}, objects: "s "},
		{name: "the schema dropped", stmts: []string{"create sequence s", "drop database app"}, objects: "s "},
		{name: "replaced by a table", stmts: []string{"create sequence s", "create or replace table s (a int)"}},
		{name: "not replaced by a table", stmts: []string{"create sequence s", "create table if not exists s (a int)"}, seqs: "s"},
		{name: "a view", stmts: []string{viewV}, objects: "v VIEW"},
		{name: "a view again", stmts: []string{viewV, "create or replace view v as select 2"}},
		{name: "a view renamed", stmts: []string{viewV, "rename table v to w"}, objects: "v , w VIEW"},
		{name: "a view among tables", stmts: []string{viewV, "create table t (a int)", "rename table v to w, t to v, w to t"}, objects: "t VIEW"},
		{name: "a view dropped", stmts: []string{viewV, "create view w as select 1", "drop view if exists v, w restrict"}, objects: "v , w "},
		{name: "a view is no table to drop", stmts: []string{viewV, "DROP TABLE IF EXISTS `v`", "drop view v"}, objects: "v "},
		{name: "an unwanted view", stmts: []string{"create view other.v as select 1"}},
		{name: "a view of which nobody knew", now: nowHas{"app.w": View}, stmts: []string{"rename table v to w"}, objects: "w VIEW"},
		{name: "a view that becomes wanted", now: nowHas{"app.w": View}, stmts: []string{"rename table skip_me to w"}, objects: "w VIEW"},
		{name: "a sequence of which nobody knew", now: nowHas{"app.w": Sequence}, stmts: []string{"rename table v to w"}, objects: "w SEQUENCE", seqs: "w"},
		{name: "a table of which nobody knew", now: nowHas{"app.w": BaseTable}, stmts: []string{"rename table v to w"}, err: "definition is not known"},
		{name: "renamed and gone since", stmts: []string{"rename table v to w"}, err: "definition is not known"},
		{name: "IF EXISTS of nothing", stmts: []string{"rename table if exists v to w"}},
		{name: "IF EXISTS of nothing onto a table", now: nowHas{"app.w": BaseTable}, stmts: []string{"create table w (a int)", "rename table if exists v to w"}},
		{name: "IF EXISTS of an unknown table", now: nowHas{"app.w": BaseTable}, stmts: []string{"rename table if exists v to w"}, err: "definition is not known"},
		{name: "IF EXISTS of a view", stmts: []string{viewV, "rename table if exists nix to nix2, v to v3"}, objects: "v , v3 VIEW"},
		{name: "user named view", stmts: []string{"CREATE DEFINER=view@localhost VIEW x AS SELECT 1"}, objects: "x VIEW"},
		{name: "a trigger", stmts: []string{"CREATE DEFINER=view@localhost TRIGGER view BEFORE INSERT ON t FOR EACH ROW SET @view = 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := NewTracker(compile(t, onlyApp), Defaults{MariaDB: true})
			var changes []Change
			var err error
			for _, s := range c.stmts {
				if changes, err = tr.ApplyAt(replica.DDL{Schema: "app", Text: s}, c.now); err != nil {
					break
				}
			}
			if c.err != "" {
				checkError(t, err, c.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ch := range changes {
				for _, o := range ch.Objects {
					got = append(got, o.Name+" "+string(o.Kind))
				}
			}
			sort.Strings(got)
			if g := strings.Join(got, ", "); g != c.objects {
				t.Errorf("recorded %q, want %q", g, c.objects)
			}
			var seqs []string
			for _, n := range []string{"s", "s2", "s3", "w"} {
				if tr.Sequence("app", n) {
					seqs = append(seqs, n)
				}
			}
			if g := strings.Join(seqs, " "); g != c.seqs {
				t.Errorf("sequences %q, want %q", g, c.seqs)
			}
		})
	}
}

func TestSourceDefaults(t *testing.T) {
	for version, want := range map[string]string{"5.7.44-log": "utf8mb4_general_ci", "8.0.36": "utf8mb4_0900_ai_ci", "9.7.4-2": "utf8mb4_0900_ai_ci",
		"10.11.6-MariaDB": "utf8mb4_general_ci", "11.8.6-MariaDB-0+deb13u1": "utf8mb4_uca1400_ai_ci"} {
		if got := SourceDefaults(version).defaultCollation("utf8mb4"); got != want {
			t.Errorf("%s: %s", version, got)
		}
	}
}

func TestSameShape(t *testing.T) {
	base := "create table t (a int not null, b varchar(3), unique k (a))"
	for sql, want := range map[string]string{
		"create table u (A int(11) not null, b varchar(3), unique other (a)) comment 'x'": "",
		"create table t (a int not null)":                                                 "2 columns against 1",
		"create table t (a bigint not null, b varchar(3), unique k (a))":                  "column 1 (a): type int against bigint",
		"create table t (a int not null, b varchar(3), primary key (a))":                  "one has a primary key",
		"create table t (a int not null, b varchar(3) collate utf8mb4_bin, unique k (a))": "column 2 (b): collation",
		"create table t (a int not null, b varchar(3), unique k (a, b))":                  "unique key (a) is missing",
	} {
		a, err1 := ParseCreate("d", base, Defaults{})
		b, err2 := ParseCreate("d", sql, Defaults{})
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if got := SameShape(a, b); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q", sql, got)
		}
	}
}
