package schema

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sluice/replica"
	"sluice/ruleset"
)

func TestTargetCreate(t *testing.T) {
	for _, c := range []struct {
		name  string
		in    string
		has   []string // in the statement
		not   []string // not in it
		notes []string // parts of the notes, all of them in order
		err   string
	}{
		{name: "charsets", in: "create table t (a varchar(9) charset latin1, b varchar(9) collate utf8mb4_0900_as_cs, c char(3) collate utf8_general_ci, d varchar(5) collate ascii_general_ci, e varchar(5) collate ascii_bin, f varchar(5) collate utf8mb4_0900_ai_ci, g enum('x') charset gbk collate gbk_bin, h varchar(3) collate utf16_unicode_ci) charset utf8mb3",
			has: []string{"`a` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "`b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", "`c` char(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
				"`d` varchar(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "`e` varchar(5) CHARACTER SET ascii COLLATE ascii_bin", "`f` varchar(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci",
				"`g` enum('x') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "`h` varchar(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"},
			notes: []string{"column a: collation latin1_swedish_ci becomes utf8mb4_bin", "column b: collation utf8mb4_0900_as_cs becomes utf8mb4_0900_bin"}},
		{name: "pad of unknown collations", in: "create table t (a char(1) collate utf8mb4_uca1400_ai_ci, b char(1) collate utf8mb4_uca1400_nopad_ai_ci, c char(1) charset utf8mb4 collate utf8mb4_nopad_bin, d char(1) collate utf8mb4_zh_0900_as_cs)",
			has:   []string{"`a` char(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "`b` char(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", "`c` char(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", "`d` char(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"},
			notes: []string{"column a: ", "column b: ", "column d: "}},
		{name: "text grows", in: "create table t (a text charset latin1 collate latin1_bin, b varchar(20000) charset latin1 collate latin1_bin default 'x', c text)",
			has: []string{"`a` mediumtext", "`b` mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,", "`c` text"}, notes: []string{"column a: text becomes mediumtext", "column b: varchar(20000) becomes mediumtext", "column b: its default"}},
		{name: "primary keys", in: "create table t (a varchar(10), b int, primary key (a(3), b desc)) charset utf8mb4", has: []string{"PRIMARY KEY (`a`(3),`b`) /*T![clustered_index] NONCLUSTERED */"}},
		{name: "clustered", in: "create table t (a int auto_increment primary key) auto_increment=7 engine=innodb row_format=compressed key_block_size=8",
			has: []string{"PRIMARY KEY (`a`) /*T![clustered_index] CLUSTERED */", "`a` int NOT NULL AUTO_INCREMENT", "AUTO_INCREMENT=7"}, not: []string{"ROW_FORMAT", "ENGINE", "KEY_BLOCK"}, notes: []string{"table option KEY_BLOCK_SIZE"}},
		{name: "indexes", in: "create table t (a int, b text, c varchar(50), fulltext f (b), unique h (b) using hash, key e ((lower(c))), key g ((concat(c, 'x'))), key i (c) invisible, vector index v (a))",
			has: []string{"KEY `e` ((lower(c)))", "KEY `i` (`c`) INVISIBLE"}, not: []string{"FULLTEXT", "`g`", "`h`", "`v`"},
			notes: []string{"index f is left out", "index h is left out", "index g is left out", "index v is left out"}},
		{name: "long keys keep utf8", in: "create table t (a varchar(1000) not null, unique (a)) charset utf8mb3 collate utf8mb3_unicode_ci", has: []string{"`a` varchar(1000) CHARACTER SET utf8 COLLATE utf8_unicode_ci"}},
		{name: "long keys of other charsets", in: "create table t (a varchar(1000) not null, b int, unique u (a), key k (b, a)) charset latin1 collate latin1_bin", has: []string{"UNIQUE KEY `u` (`a`)", "KEY `k` (`b`,`a`(384))"},
			notes: []string{"index u is longer", "index k is over prefixes"}},
		{name: "defaults", in: "create table t (a int default (1), b varchar(40) default (uuid()), c date default (curdate()), d text default ('x'), e json default (json_array()), f datetime(3) default current_timestamp(3) on update now(3), g varchar(3) default (_utf8mb4'x'), h bit(3) default b'101', i int default -1, j int default (1 + 1), k datetime default (now()), l int default null, m varchar(5) default x'41')",
			has:   []string{"`a` int NULL DEFAULT 1", "`b` varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL DEFAULT (UUID())", "`c` date NULL DEFAULT (CURRENT_DATE)", "`d` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL,", "`e` json NULL,", "DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)", "NULL DEFAULT 'x'", "DEFAULT b'101'", "`i` int NULL DEFAULT -1", "`j` int NULL,", "`k` datetime NULL DEFAULT CURRENT_TIMESTAMP", "`l` int NULL DEFAULT NULL", "DEFAULT x'41'"},
			notes: []string{"column d: its default", "column e: its default", "column j: its default"}},
		{name: "constraints", in: "create table t (a int, b int invisible, check (a > 0) not enforced, constraint fk foreign key (a) references u (b) on delete cascade)",
			has: []string{"CONSTRAINT `t_chk_1` CHECK (a > 0) NOT ENFORCED"}, not: []string{"FOREIGN", "INVISIBLE"}, notes: []string{"column b: TiDB has no invisible", "foreign key fk is left out"}},
		{name: "mariadb types", in: "create table t (a uuid primary key, b inet6, c inet4, d vector(5))",
			has: []string{"`a` char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL", "`b` varchar(45)", "`c` varchar(15)", "`d` vector NULL"}, notes: []string{"column d: VECTOR"}},
		{name: "generated", in: "create table t (a varchar(9), b varchar(20) as (concat(a, _utf8mb3'x' collate utf8mb3_bin)) stored not null)", has: []string{"GENERATED ALWAYS AS (concat(a, _utf8mb4 'x' collate utf8mb4_bin)) STORED NOT NULL"}},
		{name: "partitions", in: "create table t (a int) partition by range (a) (partition p values less than (5) storage engine = InnoDB data directory = '/x' comment 'c', partition q values less than maxvalue engine=innodb)",
			has: []string{"(partition p values less than (5) comment 'c',\n partition q values less than maxvalue)"}},
		{name: "partitions that TiDB has not", in: "create table t (a int) with system versioning partition by system_time interval 1 month (partition p history, partition q current)", not: []string{"PARTITION", "row_start"}, notes: []string{"system versioning is left out", "partitioning is left out"}},
		{name: "geometry", in: "create table t (a point)", err: "column a: TiDB has no type point"},
		{name: "generated by what TiDB cannot read", in: "create table t (a int, b int as (a member of something to (1)))", has: []string{"`b` int NULL\n"}, notes: []string{"generated column b becomes a plain column"}},
		{name: "unique expressions", in: "create table t (a int, l varchar(9) charset latin1, unique key u ((a + 1)), unique key v ((length(l))), unique key w ((lower(l))), key x ((lower(l))))",
			has: []string{"UNIQUE KEY `u` ((a + 1))", "KEY `x`"}, not: []string{"`v`", "`w`"},
			notes: []string{"column l: collation", "index v is left out", "index w is left out: the source keeps it unique"}},
		{name: "checks", in: "create table t (a int, j json, s varchar(9), dt datetime, constraint c1 check (year(date(dt)) > 0), check (a > 0), constraint c2 check (json_valid(j)), constraint c3 check (s <> 'x'), constraint c4 check (a in (1, 2) and a is not null))",
			has:   []string{"CONSTRAINT `t_chk_1` CHECK (a > 0),", "CONSTRAINT `c2` CHECK (json_valid(j)) NOT ENFORCED", "CONSTRAINT `c3` CHECK (s <> 'x') NOT ENFORCED", "CONSTRAINT `c4` CHECK (a in (1, 2) and a is not null)\n"},
			notes: []string{"check c1 is not enforced", "check c2 is not enforced", "check c3 is not enforced"}},
		{name: "zeros", in: "create table t (id int primary key, d decimal(8,2) zerofill, f float(8,3), g double)", has: []string{"`d` decimal(8,2) unsigned zerofill", "`f` float(8,3)"},
			notes: []string{"column d: TiDB does not print the zeros of ZEROFILL", "column f: TiDB does not print the last zeros of FLOAT(8,3)"}},
		{name: "generated in the key of rows", in: "create table t (a int, g bigint not null as (a + 1) stored, primary key (g))", not: []string{"GENERATED"}, has: []string{"`g` bigint NOT NULL,"},
			notes: []string{"generated column g becomes a plain column that carries the source's value (it identifies the table's rows)"}},
		{name: "generated by other rules", in: "create table t (j json, l varchar(9) charset latin1, z int(6) zerofill, ts timestamp null, a int as (j->>'$.p') virtual, b char(64) as (sha2(l, 256)) stored not null, c int as (length(l)) stored, d int as (hour(ts)) virtual, e varchar(9) as (concat('N', z)) stored, f varchar(9) as (upper(l)) virtual, g double as (z / 3) stored, h int as (if(l = 'x', 1, 0)) stored)",
			has: []string{"`a` int NULL,", "`b` char(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,", "`c` int NULL,", "`d` int NULL,", "`e` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL,", "`g` double NULL", "`h` int NULL"}, not: []string{"GENERATED"},
			notes: []string{"column l: collation", "column z: TiDB does not print the zeros", "generated column a", "generated column b", "generated column c", "generated column d", "generated column e", "generated column f", "generated column g", "generated column h"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{Charset: "utf8mb4"})
			changes, err := tr.Apply(replica.DDL{Schema: "d", Text: c.in})
			if err != nil {
				t.Fatal(err)
			}
			sql, notes, err := TargetCreate(changes[0].After, "x", "y`z")
			if c.err != "" {
				checkError(t, err, c.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(sql, "CREATE TABLE `x`.`y``z` (") {
				t.Error(sql)
			}
			for _, s := range c.has {
				if !strings.Contains(strings.ReplaceAll(sql, " PARTITION ", " partition "), s) && !strings.Contains(sql, s) {
					t.Errorf("no %q in %s", s, sql)
				}
			}
			for _, s := range c.not {
				if strings.Contains(sql, s) {
					t.Errorf("%q in %s", s, sql)
				}
			}
			checkNotes(t, notes, c.notes)
		})
	}
}

func checkNotes(t *testing.T, got, want []string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := range want {
		ok = ok && strings.Contains(got[i], want[i])
	}
	if !ok {
		t.Errorf("notes %q, want %q", got, want)
	}
}

// left is the end of the name of a target table whose source table left the rules.
var left = regexp.MustCompile(`_left_[0-9a-f]{12}\b`)

// TestLeftName: a name is the same at each planning, and another one for each
// transaction, table and name at the source; it has at most 64 characters.
func TestLeftName(t *testing.T) {
	seen := map[string]bool{}
	long := strings.Repeat("ü", 64)
	for _, txn := range []string{"a:1", "a:2"} {
		for _, table := range []string{"t", "u", long, long[:126]} {
			for _, after := range []string{"archive.t", "archive.u"} {
				a := ruleset.TableName{Schema: "archive", Table: after}
				name := Target{Transaction: txn}.leftName("d", table, a)
				if n := utf8.RuneCountInString(name); n > 64 || !utf8.ValidString(name) || !strings.HasPrefix(name, table[:min(2, len(table))]) {
					t.Errorf("%s has %d characters", name, n)
				}
				if again := (Target{Transaction: txn}).leftName("d", table, a); again != name || seen[name] {
					t.Errorf("%s, then %s, and made before: %v", name, again, seen[name])
				}
				seen[name] = true
			}
		}
	}
}

// TestLeftMerged: a target table that several source tables share stays.
func TestLeftMerged(t *testing.T) {
	rules := compile(t, ruleset.Spec{Merge: true, WildIgnoreTable: []string{"d.no%"},
		Routes: []ruleset.Route{{SchemaPattern: "d", TablePattern: `r\_%`, TargetSchema: "d", TargetTable: "r"}}})
	tr := NewTracker(rules, Defaults{})
	var got Translation
	for _, s := range []string{"create table r_1 (a int)", "rename table r_1 to no1"} {
		changes, err := tr.Apply(replica.DDL{Schema: "d", Text: s})
		if err != nil {
			t.Fatal(err)
		}
		if got, err = TargetDDL(changes[0], rules); err != nil {
			t.Fatal(err)
		}
	}
	if len(got.Statements) != 0 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "stays as it is") {
		t.Errorf("%+v", got)
	}
}

// TestTargetDDL follows statements in schema app, which becomes new; the wanted
// result is of the last one.
func TestTargetDDL(t *testing.T) {
	spec := ruleset.Spec{RewriteDB: [][2]string{{"app", "new"}}, WildIgnoreTable: []string{"new.no%"},
		Routes: []ruleset.Route{{SchemaPattern: "app", TablePattern: `r\_%`, TargetSchema: "routed"}}}
	base := "create table t (a int primary key, b varchar(9) not null, c int, d int, key k (b, c), unique u (c, d), key s (d), fulltext ft (b))"
	for _, c := range []struct {
		stmts []string
		want  string // joined with ;
		notes []string
		err   string
		// condition is a part of the message of a condition that does not hold.
		condition string
	}{
		{stmts: []string{"drop table if exists t, no1, other.x"}, want: "DROP TABLE IF EXISTS `new`.`t`;DROP TABLE IF EXISTS `other`.`x`"},
		{stmts: []string{base, "truncate t"}, want: "TRUNCATE TABLE `new`.`t`"},
		{stmts: []string{base, "rename table t to x, x to r_t"}, want: "RENAME TABLE `new`.`t` TO `new`.`x`;RENAME TABLE `new`.`x` TO `routed`.`r_t`"},
		{stmts: []string{base, "rename table t to no1"}, want: "RENAME TABLE `new`.`t` TO `new`.`t_sluice_left_LEFT`", notes: []string{"app.t was renamed to app.no1, which is not replicated: the target table is new.t_sluice_left_LEFT now"}},
		{stmts: []string{base, "alter table t add e int, rename to no1"}, want: "RENAME TABLE `new`.`t` TO `new`.`t_sluice_left_LEFT`", notes: []string{"nothing writes it any more"}},
		{stmts: []string{base, "create table u (a int)", "rename table t to no1, u to t"}, want: "RENAME TABLE `new`.`t` TO `new`.`t_sluice_left_LEFT`;RENAME TABLE `new`.`u` TO `new`.`t`", notes: []string{"app.no1"}},
		{stmts: []string{"create table no1 (a int)", "rename table no1 to t"}, condition: "app.no1, which is not replicated, was renamed to app.t, which is"},
		{stmts: []string{"create table no1 (a int)", "alter table no1 add b int"}},
		{stmts: []string{base, "alter table t add e varchar(3) charset latin1 default 'x' after a, drop d"},
			want: "ALTER TABLE `new`.`t` DROP INDEX `u`, DROP INDEX `s`, ADD COLUMN `e` varchar(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL DEFAULT 'x' AFTER `a`|DROP COLUMN `d`, ADD UNIQUE KEY `u` (`c`)", notes: []string{"column e: collation latin1_swedish_ci"}},
		{stmts: []string{base, "alter table t add e int, add f int after e"}, want: "ALTER TABLE `new`.`t` ADD COLUMN `e` int NULL;ALTER TABLE `new`.`t` ADD COLUMN `f` int NULL AFTER `e`"},
		{stmts: []string{base, "alter table t add e int default (1 + 1)"}, want: "ALTER TABLE `new`.`t` ADD COLUMN `e` int NULL", notes: []string{"column e: its default is left out"}, condition: "TiDB does not take the default of the new column e"},
		{stmts: []string{base, "alter table t add e date default (curdate())"}, want: "ALTER TABLE `new`.`t` ADD COLUMN `e` date NULL DEFAULT '2020-02-03'|MODIFY COLUMN `e` date NULL DEFAULT (CURRENT_DATE)"},
		{stmts: []string{base, "alter table t add e datetime default now()"}, want: "ALTER TABLE `new`.`t` ADD COLUMN `e` datetime NULL DEFAULT CURRENT_TIMESTAMP"},
		{stmts: []string{base, "alter table t add e varchar(36) default (uuid())"}, want: "ALTER TABLE `new`.`t` ADD COLUMN `e` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL|MODIFY COLUMN `e` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL DEFAULT (UUID())", condition: "the new column e has a default that is computed"},
		{stmts: []string{base, "alter table t add e int auto_increment unique"}, want: "ALTER TABLE `new`.`t` ADD COLUMN `e` int NOT NULL AUTO_INCREMENT|ADD UNIQUE KEY `e` (`e`)", condition: "it numbered them for the new column e"},
		{stmts: []string{base, "alter table t modify c int default (1 + 1)"}, want: "ALTER TABLE `new`.`t` MODIFY COLUMN `c` int NULL", notes: []string{"column c: its default is left out"}},
		{stmts: []string{base, "alter table t drop index k, add index k (c), algorithm=inplace"}, want: "ALTER TABLE `new`.`t` DROP INDEX `k`;ALTER TABLE `new`.`t` ADD KEY `k` (`c`)"},
		{stmts: []string{base, "alter table t change c cc bigint, rename to y"}, want: "ALTER TABLE `new`.`t` CHANGE COLUMN `c` `cc` bigint NULL;RENAME TABLE `new`.`t` TO `new`.`y`"},
		{stmts: []string{base, "alter table t modify c int unique first"}, want: "ALTER TABLE `new`.`t` MODIFY COLUMN `c` int NULL FIRST;ALTER TABLE `new`.`t` ADD UNIQUE KEY `c` (`c`)"},
		{stmts: []string{base, "create index z on t (b(3))"}, want: "ALTER TABLE `new`.`t` ADD KEY `z` (`b`(3))"},
		{stmts: []string{base, "drop index ft on t"}, notes: []string{"index ft is not at the target"}},
		{stmts: []string{base, "alter table t engine=innodb, force"}},
		{stmts: []string{base, "alter table t comment='it''s', stats_persistent=1 tablespace=x"}, want: "ALTER TABLE `new`.`t` COMMENT='it''s'", notes: []string{"table option TABLESPACE"}},
		{stmts: []string{base, "alter table t convert to charset utf8mb4 collate utf8mb4_bin"},
			want: "ALTER TABLE `new`.`t` DROP INDEX `k`;ALTER TABLE `new`.`t` DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;" +
				"ALTER TABLE `new`.`t` MODIFY COLUMN `b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;ALTER TABLE `new`.`t` ADD KEY `k` (`b`,`c`)"},
		{stmts: []string{base, "alter table t convert to charset utf8mb3"}, condition: "rows have characters that utf8mb3 does not have", notes: []string{"the default charset and collation stay the same"}},
		{stmts: []string{base, "alter table t alter c set default 7, alter b drop default"}, want: "ALTER TABLE `new`.`t` ALTER COLUMN `c` SET DEFAULT 7, ALTER COLUMN `b` DROP DEFAULT"},
		{stmts: []string{base, "alter table t drop primary key, rename index k to kk, alter index s invisible"}, want: "ALTER TABLE `new`.`t` DROP PRIMARY KEY, RENAME INDEX `k` TO `kk`, ALTER INDEX `s` INVISIBLE"},
		{stmts: []string{base, "alter table t add constraint foreign key (c) references u (a)"}, notes: []string{"foreign key t_ibfk_1 is left out"}},
		{stmts: []string{base, "alter table t add p point"}, err: "TiDB has no type point"},
		{stmts: []string{base, "alter table t add partition (partition p values less than (3))"}, err: "partitioning"},
		{stmts: []string{"create table h (a int not null) partition by hash (a) partitions 4", "alter table h coalesce partition 1"}, want: "ALTER TABLE `new`.`h` COALESCE PARTITION 1"},
		{stmts: []string{"create table h (a int not null) partition by hash (a)", "create table no1 (a int)", "alter table h exchange partition p0 with table no1"}, condition: "EXCHANGE PARTITION with a table that is not replicated changes rows"},
		{stmts: []string{base, "create table if not exists t (x int)"}, notes: []string{"exists already"}},
		{stmts: []string{"create or replace table r_1 (x int)"}, want: "DROP TABLE IF EXISTS `routed`.`r_1`;CREATE TABLE `routed`.`r_1` (\n  `x` int NULL\n) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"},
		{stmts: []string{"create database app charset latin1"}, want: "CREATE DATABASE IF NOT EXISTS `new` DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", notes: []string{"collation latin1_swedish_ci"}},
		{stmts: []string{base, "create table no1 (a int)", "drop database app"}, want: "DROP TABLE IF EXISTS `new`.`t`", notes: []string{"schema `new` stays"}},
		{stmts: []string{"create table other.t (a int)", "drop database other"}, want: "DROP DATABASE IF EXISTS `other`"},
		{stmts: []string{"alter database other collate utf8mb4_unicode_ci"}, want: "ALTER DATABASE `other` DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"},
	} {
		last := c.stmts[len(c.stmts)-1]
		t.Run(last, func(t *testing.T) {
			rules := compile(t, spec)
			tr := NewTracker(rules, Defaults{})
			var stmts, notes []string
			var condition string
			var err error
			for _, s := range c.stmts {
				changes, applyErr := tr.Apply(replica.DDL{Schema: "app", Text: s, At: time.Date(2020, 2, 3, 12, 0, 0, 250000000, time.UTC)})
				if applyErr != nil {
					err = applyErr
					break
				}
				stmts, notes = nil, nil
				for _, change := range changes {
					tr, e := TargetDDL(change, rules)
					a, b := tr.Statements, tr.Notes
					for _, x := range tr.Conditions {
						condition += x.Failed.Message
					}
					if stmts, notes = append(stmts, a...), append(notes, b...); e != nil {
						err = e
					}
				}
			}
			if c.err != "" {
				checkError(t, err, c.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(c.want, "|", ";ALTER TABLE `new`.`t` ")
			got := left.ReplaceAllString(strings.Join(stmts, ";"), "_left_LEFT")
			for i := range notes {
				notes[i] = left.ReplaceAllString(notes[i], "_left_LEFT")
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			checkNotes(t, notes, c.notes)
			if !strings.Contains(condition, c.condition) || c.condition == "" && condition != "" {
				t.Errorf("condition %q instead of %q", condition, c.condition)
			}
		})
	}
}

// TestRebuild: a change of the key that clusters the target's table becomes a new
// table, where values stay as they are.
func TestRebuild(t *testing.T) {
	const base = "create table t (id int primary key, x int not null, y int not null, s varchar(5), k int)"
	for _, c := range []struct {
		stmt    string
		rebuilt bool
		copies  string // a part of the statement that copies
	}{
		{"alter table t drop primary key, drop column id, add primary key (x, y)", true, "(`x`,`y`,`s`,`k`) SELECT `x`,`y`,`s`,`k` FROM `d`.`t`"},
		{"alter table t drop primary key, add primary key (id, x), add unique (y)", true, "BATCH ON `d`.`t`.`id` LIMIT 5000 REPLACE INTO `d`.`_sluice_"},
		{"alter table t drop primary key, change id nr int not null, add primary key (x), rename to u", true, "(`nr`,`x`,`y`,`s`,`k`) SELECT `id`,`x`,`y`,`s`,`k` FROM `d`.`t`"},
		{"alter table t modify id int, drop primary key, add primary key (x)", true, "`id`,`x`"},
		{"alter table t drop primary key, add primary key (id)", false, ""},
		{"alter table t drop primary key, change id nr int not null, add primary key (nr)", false, ""},
		{"alter table t drop primary key", false, ""},
		{"alter table t drop primary key, add primary key (x), modify s varchar(9)", true, "`s` varchar(9)"},
		{"alter table t drop primary key, add primary key (x), modify s datetime", false, ""},
		{"alter table t modify id int unsigned not null", true, "`id` int unsigned NOT NULL"},
		{"alter table t modify id bigint not null", false, ""},
		{"alter table t modify id varchar(20) not null", false, ""},
		{"alter table t drop primary key, add primary key (id, k)", true, "`k` int NOT NULL"},
		{"alter table t drop primary key, add primary key (x), add column z int default 4 first", true, "SELECT `z`,`id`,`x`,`y`,`s`,`k` FROM `d`.`t`"},
		{"alter table t drop primary key, add primary key (x), drop column s, add column s int", true, "SELECT `id`,`x`,`y`,`k`,`_sluice_column_5_1` FROM `d`.`t`"},
		{"alter table t drop primary key, add primary key (x), add column z int as (y) stored", false, ""},
		{"alter table t add key (x)", false, ""},
		{"alter table t modify id int not null auto_increment, auto_increment=9", true, "BATCH ON `d`.`t`.`id` LIMIT 5000 REPLACE INTO `d`.`_sluice_"},
		{"alter table t modify id bigint not null auto_increment", true, "`id` bigint NOT NULL AUTO_INCREMENT"},
		{"alter table t modify id decimal(10) not null, drop primary key, add primary key (x)", false, ""},
		{"alter table t change id n int not null auto_increment, add z int", true, "(`n`,`x`,`y`,`s`,`k`,`z`) SELECT `id`,`x`,`y`,`s`,`k`,`z` FROM `d`.`t`"},
		{"alter table t modify k int not null auto_increment, add unique key (k), drop primary key", false, ""},
	} {
		tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
		var stmts []string
		for _, s := range []string{base, c.stmt} {
			changes, err := tr.Apply(replica.DDL{Schema: "d", Text: s})
			if err != nil {
				t.Fatal(err)
			}
			translated, err := TargetDDL(changes[0], tr.rules)
			if err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			stmts = translated.Statements
		}
		if all := strings.Join(stmts, "; "); strings.Contains(all, "BATCH") != c.rebuilt || !strings.Contains(all, c.copies) {
			t.Errorf("%s: %s", c.stmt, all)
		}
	}
}

// TestFill: a column that is plain only because a value might not fit is filled, where
// nothing else happens to what it depends on and no unique key has it.
func TestFill(t *testing.T) {
	const base = "create table t (id int primary key, i int, s varchar(9), l varchar(9) charset latin1, u timestamp null on update current_timestamp, g0 int as (i + 1) stored)"
	for _, c := range []struct {
		stmt, fill, where string // fill "": the rows are refused
	}{
		{"alter table t add g int as (i + 1) stored", "SET `g`=(i + 1), `u`=`u`", "(i + 1) < -2147483648 OR (i + 1) > 2147483647"},
		{"alter table t add g tinyint unsigned as (i + 1) virtual, add key (g)", "SET `g`=(i + 1), `u`=`u`", "(i + 1) < 0 OR (i + 1) > 255"},
		{"alter table t add g varchar(3) as (concat(s, 'x')) stored", "SET `g`=(concat(s, 'x')), `u`=`u`", "CHAR_LENGTH(concat(s, 'x')) > 3"},
		{"alter table t add g int as (g0 * 2) stored", "SET `g`=(g0 * 2), `u`=`u`", "(g0 * 2) < -2147483648"},
		{"alter table t add g int as (i + 1) stored, rename to v", "UPDATE `d`.`t` SET", "(i + 1) <"},
		{"alter table t add g int as (i + 1) stored unique", "", ""},
		{"alter table t add g int as (i + 1) stored, modify s varchar(10)", "", ""},
		{"alter table t add j int, add g int as (j + 1) stored", "", ""},
		{"alter table t add g int as (length(l)) stored", "", ""},
		{"alter table t add g decimal(3,1) as (i) stored", "", ""},
	} {
		tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
		var got Translation
		for _, s := range []string{base, c.stmt} {
			changes, err := tr.Apply(replica.DDL{Schema: "d", Text: s})
			if err != nil {
				t.Fatal(err)
			}
			if got, err = TargetDDL(changes[0], tr.rules); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		all := strings.Join(got.Statements, "; ")
		if len(got.Conditions) != 1 || strings.Contains(all, "BATCH") != (c.fill != "") || !strings.Contains(all, c.fill) {
			t.Errorf("%s: %s, conditions %v", c.stmt, all, got.Conditions)
			continue
		}
		if q := got.Conditions[0].Query; !strings.Contains(q, c.where) || c.where == "" && strings.Contains(q, "WHERE") {
			t.Errorf("%s: the condition is %s", c.stmt, q)
		}
	}
}

// TestGeneratedNoMore: a generated column of the target that becomes plain is replaced by
// another one, unless something depends on it.
func TestGeneratedNoMore(t *testing.T) {
	const columns = "id int primary key, i int, g bigint as (i + 1) stored, u timestamp null on update current_timestamp"
	for _, c := range []struct{ table, stmt, want string }{
		{"", "alter table t modify g bigint", "ALTER TABLE `d`.`t` ADD COLUMN `_sluice_column_1_1` bigint NULL AFTER `g`; " +
			"BATCH ON `d`.`t`.`id` LIMIT 5000 UPDATE `d`.`t` SET `_sluice_column_1_1`=`g`, `u`=`u`; " +
			"ALTER TABLE `d`.`t` DROP COLUMN `g`; ALTER TABLE `d`.`t` RENAME COLUMN `_sluice_column_1_1` TO `g`"},
		{", key (g)", "alter table t modify g bigint", "ALTER TABLE `d`.`t` MODIFY COLUMN `g` bigint NULL"},
		{", check (g > 1)", "alter table t modify g bigint", "ALTER TABLE `d`.`t` MODIFY COLUMN `g` bigint NULL"},
		{", h bigint as (g * 2) stored", "alter table t modify g bigint",
			"ALTER TABLE `d`.`t` DROP COLUMN `h`; ALTER TABLE `d`.`t` MODIFY COLUMN `g` bigint NULL; ALTER TABLE `d`.`t` ADD COLUMN `h` bigint GENERATED ALWAYS AS (g * 2) VIRTUAL"},
		{"", "alter table t modify g bigint, add v int", "ALTER TABLE `d`.`t` MODIFY COLUMN `g` bigint NULL, ADD COLUMN `v` int NULL"},
	} {
		tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
		var got Translation
		for _, s := range []string{"create table t (" + columns + c.table + ")", c.stmt} {
			changes, err := tr.Apply(replica.DDL{Schema: "d", Text: s})
			if err != nil {
				t.Fatal(err)
			}
			if got, err = TargetDDL(changes[0], tr.rules); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		if all := strings.Join(got.Statements, "; "); all != c.want {
			t.Errorf("%s%s: %s", c.stmt, c.table, all)
		}
	}
}
