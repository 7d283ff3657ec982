package schema

import (
	"reflect"
	"strings"
	"testing"

	"sluice/replica"
)

// shows are texts that SHOW CREATE TABLE printed, with what must be read.
var shows = []struct {
	name string
	sql  string
	want string // describe()
}{
	{"mysql 5.7 widths", "CREATE TABLE `t` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `flag` tinyint(1) DEFAULT NULL,\n  `u` bigint(20) unsigned NOT NULL DEFAULT '0',\n  `z` int(6) unsigned zerofill DEFAULT NULL,\n  `name` varchar(20) DEFAULT NULL COMMENT 'a ''quoted'' \\\\ (comment), x',\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`u`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
		"id int notnull auto; flag tinyint(1); u bigint unsigned notnull; z int(6) unsigned zerofill; name varchar(20) utf8mb4_general_ci | PRIMARY(id) UNIQUE u(u)"},
	{"mysql 8 invisible primary key", "CREATE TABLE `g` (\n  `my_row_id` bigint unsigned NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */,\n  `a` int DEFAULT NULL,\n  PRIMARY KEY (`my_row_id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
		"my_row_id bigint unsigned notnull auto invisible; a int | PRIMARY(my_row_id)"},
	{"mysql 8 everything", "CREATE TABLE `x` (\n  `a` int NOT NULL,\n  `b` varchar(10) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT 'x,y)',\n  `c` int GENERATED ALWAYS AS ((`a` + 1)) VIRTUAL,\n  `d` varchar(40) GENERATED ALWAYS AS (concat(`b`,_utf8mb4'`;(')) STORED NOT NULL,\n  `e` enum('a','b''c','D\\\\') COLLATE utf8mb4_bin DEFAULT 'a',\n  `s` set('x','y') DEFAULT NULL,\n  `j` json DEFAULT (json_array()),\n  `p` point NOT NULL /*!80003 SRID 4326 */,\n  `t` time(3) DEFAULT NULL,\n  `ts` timestamp(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),\n  `bi` bit(8) DEFAULT b'101',\n  `de` decimal(20,4) unsigned DEFAULT NULL,\n  `y` year DEFAULT NULL,\n  `v` vector(3) DEFAULT NULL,\n  PRIMARY KEY (`a`),\n  UNIQUE KEY `uf` ((lower(`b`))),\n  UNIQUE KEY `ub` (`b`(5),`e`),\n  KEY `k` (`t` DESC) /*!80000 INVISIBLE */,\n  FULLTEXT KEY `ft` (`b`) /*!50100 WITH PARSER `ngram` */ ,\n  SPATIAL KEY `sp` (`p`),\n  CONSTRAINT `x_ibfk_1` FOREIGN KEY (`a`) REFERENCES `g` (`my_row_id`) ON DELETE CASCADE ON UPDATE SET NULL,\n  CONSTRAINT `x_chk_1` CHECK ((`a` > 0)) /*!80016 NOT ENFORCED */\n) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci COMMENT='c) ENGINE=x'",
		"a int notnull; b varchar(10) latin1_swedish_ci; c int virtual; d varchar(40) utf8mb4_0900_ai_ci notnull stored; e enum('a','b''c','D\\\\') utf8mb4_bin; s set('x','y') utf8mb4_0900_ai_ci; j json; p point notnull; t time(3); ts timestamp(6); bi bit(8); de decimal(20,4) unsigned; y year; v vector(3) | PRIMARY(a) UNIQUE uf() expr UNIQUE ub(b(5),e) null"},
	{"mysql partitions", "CREATE TABLE `p` (\n  `id` int NOT NULL,\n  `d` date NOT NULL,\n  PRIMARY KEY (`id`,`d`)\n) ENGINE=InnoDB DEFAULT CHARSET=latin1\n/*!50100 PARTITION BY RANGE (year(`d`))\n(PARTITION p0 VALUES LESS THAN (2020) ENGINE = InnoDB,\n PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */",
		"id int notnull; d date notnull | PRIMARY(id,d)"},
	{"mariadb json, uuid and functions", "CREATE TABLE `m` (\n  `u` uuid NOT NULL DEFAULT uuid(),\n  `i` inet6 DEFAULT NULL,\n  `i4` inet4 DEFAULT NULL,\n  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)),\n  `d` datetime DEFAULT current_timestamp() ON UPDATE current_timestamp(),\n  `n` int(11) DEFAULT (1 + 2),\n  `hid` int(11) INVISIBLE DEFAULT NULL,\n  `ct` text /*M!100301 COMPRESSED*/ DEFAULT 'abc',\n  `v` int(11) GENERATED ALWAYS AS (`n` * 2) VIRTUAL,\n  `q` bigint(20) DEFAULT nextval(`db`.`seq`),\n  PRIMARY KEY (`u`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci `PAGE_COMPRESSED`=1 PAGE_CHECKSUM=1 `ENCRYPTED`=YES",
		"u uuid notnull; i inet6; i4 inet4; j longtext utf8mb4_bin; d datetime; n int; hid int invisible; ct text utf8mb4_uca1400_ai_ci; v int virtual; q bigint | PRIMARY(u)"},
	{"mariadb system versioning", "CREATE TABLE `sv` (\n  `a` int(11) NOT NULL,\n  `s` timestamp(6) GENERATED ALWAYS AS ROW START,\n  `e` timestamp(6) GENERATED ALWAYS AS ROW END,\n  PRIMARY KEY (`a`,`e`),\n  PERIOD FOR SYSTEM_TIME (`s`, `e`)\n) ENGINE=InnoDB DEFAULT CHARSET=latin1 WITH SYSTEM VERSIONING",
		"a int notnull; s timestamp(6) notnull stored; e timestamp(6) notnull stored | PRIMARY(a,e)"},
	{"mariadb implicit versioning", "CREATE TABLE `sv` (\n  `a` int(11) DEFAULT NULL\n) ENGINE=InnoDB DEFAULT CHARSET=latin1 WITH SYSTEM VERSIONING",
		"a int; row_start timestamp(6) notnull stored invisible; row_end timestamp(6) notnull stored invisible |"},
	{"mariadb period", "CREATE TABLE `pe` (\n  `id` int(11) NOT NULL,\n  `f` date NOT NULL,\n  `t` date NOT NULL,\n  PERIOD FOR `pp` (`f`, `t`),\n  UNIQUE KEY `k` (`id`,`pp` WITHOUT OVERLAPS)\n) ENGINE=InnoDB",
		"id int notnull; f date notnull; t date notnull | UNIQUE k(id) expr"},
	{"binary charset and odd types", "create table o (a char(5) character set binary, b varchar(9) binary, c text charset binary, d national varchar(7), e nchar, f double precision, g real, h long varchar, i character varying(3), k numeric(5), l dec, m bool, n int1, o text(300), p serial, q varchar(5) byte, r float(30), s tinyint(1) unsigned) charset=ascii",
		"a binary(5); b varchar(9) ascii_bin; c blob; d varchar(7) utf8mb3_general_ci; e char(1) utf8mb3_general_ci; f double; g double; h mediumtext ascii_general_ci; i varchar(3) ascii_general_ci; k decimal(5,0); l decimal(10,0); m tinyint(1); n tinyint; o text ascii_general_ci; p bigint unsigned notnull auto; q varbinary(5); r double; s tinyint unsigned | UNIQUE p(p)"},
	{"names that are keywords", "CREATE TABLE `t``x` (`key` int, `primary` int, vector int, period int, `select``` int, index (`key`), UNIQUE(`primary`, vector))",
		"key int; primary int; vector int; period int; select` int | UNIQUE primary_2(primary,vector) null"},
	{"whole prefix", "CREATE TABLE t (a varchar(10) not null, b text not null, unique k (a(10)), unique l (a(4)), unique m (b(7)))",
		"a varchar(10) utf8mb4_general_ci notnull; b text utf8mb4_general_ci notnull | UNIQUE k(a) UNIQUE l(a(4)) UNIQUE m(b(7))"},
}

// describe writes what matters of a table, for comparison.
func describe(t *replica.Table) string {
	var cols []string
	for _, c := range t.Columns {
		s := c.Name + " " + c.SQLType
		for _, f := range []struct {
			on   bool
			word string
		}{{c.Collation != "", c.Collation}, {!c.Nullable, "notnull"}, {c.AutoInc, "auto"}, {c.Virtual, "virtual"},
			{c.Generated && !c.Virtual, "stored"}, {c.Invisible, "invisible"}} {
			if f.on {
				s += " " + f.word
			}
		}
		cols = append(cols, s)
	}
	s := strings.Join(cols, "; ") + " |"
	if t.Primary != nil {
		s += " PRIMARY" + keyColumns2(t, t.Primary)
	}
	for i := range t.Unique {
		s += " UNIQUE " + t.Unique[i].Name + keyColumns2(t, &t.Unique[i])
	}
	return s
}

func keyColumns2(t *replica.Table, k *replica.Index) string {
	c := *k
	c.Expression = false
	s := keyColumns(t, &c)
	if k.Expression {
		s += " expr"
	}
	if k.Nullable {
		s += " null"
	}
	return s
}

func TestParseCreate(t *testing.T) {
	for _, c := range shows {
		t.Run(c.name, func(t *testing.T) {
			table, err := ParseCreate("db", c.sql, Defaults{})
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(table); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			roundTrip(t, table)
		})
	}
}

// roundTrip checks that a table's statement reads back as the same table,
// whatever the defaults are.
func roundTrip(t interface{ Fatalf(string, ...any) }, table *replica.Table) {
	for _, d := range []Defaults{{}, {Charset: "latin1", Collation: "latin1_bin", MariaDB: true, ImplicitTimestamp: true,
		Collations: map[string]string{"utf8mb4": "utf8mb4_uca1400_ai_ci"}}} {
		again, err := ParseCreate(table.Schema, table.Create, d)
		if err != nil {
			t.Fatalf("read %s\n%v", table.Create, err)
		}
		if !reflect.DeepEqual(again, table) {
			t.Fatalf("read back differently:\n%s\n%s\n%+v\n%+v", table.Create, again.Create, table, again)
		}
	}
}
