package schema

import (
	"strings"
	"testing"

	"sluice/replica"
	"sluice/ruleset"
)

// Conversions of rows that exist: refused ones name the table, the column and both
// types; what an ordinary application does goes on.
func TestConversionConditions(t *testing.T) {
	const strictMode = 1 << 21
	for _, c := range []struct {
		from, to string
		mode     uint64
		want     string // in the condition's message; "" for none
		query    string // in the condition's query
	}{
		{from: "INT(6) ZEROFILL", to: "VARCHAR(20)", want: "column c of d.t from INT(6) unsigned zerofill to VARCHAR(20) CHARACTER SET utf8mb4"},
		{from: "INT(6) ZEROFILL", to: "VARCHAR(20)", mode: strictMode, want: "TiDB may make other values"},
		{from: "DECIMAL(8,2) ZEROFILL", to: "TEXT", want: "DECIMAL(8,2)"},
		{from: "DOUBLE", to: "VARCHAR(40)", want: "from DOUBLE to VARCHAR(40)"},
		{from: "FLOAT", to: "TEXT", want: "from FLOAT"},
		{from: "DATETIME(6)", to: "DATE", want: "fractions of a second", query: "MICROSECOND(`c`) % 1000000 <> 0"},
		{from: "DATETIME(6)", to: "DATETIME(3)", want: "fractions of a second", query: "MICROSECOND(`c`) % 1000 <> 0"},
		{from: "TIMESTAMP(6) NULL", to: "TIMESTAMP NULL", want: "fractions", query: "% 1000000 <> 0"},
		{from: "BIT(16)", to: "TEXT", want: "from BIT(16) to TEXT"},
		{from: "JSON", to: "INT", want: "from JSON to INT"},
		{from: "JSON", to: "TEXT", want: "from JSON"},
		{from: "TEXT", to: "JSON", want: "to JSON"},
		{from: "TEXT CHARACTER SET latin1", to: "BLOB", want: "TEXT CHARACTER SET latin1 to BLOB"},
		{from: "BLOB", to: "TEXT", want: "from BLOB"},
		{from: "TEXT", to: "MEDIUMBLOB", want: "from TEXT"},
		{from: "YEAR", to: "CHAR(4)", want: "from YEAR"},
		{from: "INT", to: "YEAR", want: "to YEAR"},
		{from: "INT", to: "DATE", want: "to DATE"},
		{from: "TIME", to: "DATETIME", want: "from TIME"},
		{from: "DATETIME", to: "TIMESTAMP NULL", want: "times that a TIMESTAMP does not hold", query: "(`c` < '1970-01-02' OR `c` >= '2038-01-19')"},
		{from: "DATETIME(6)", to: "TIMESTAMP NULL", want: "fractions", query: "OR MICROSECOND(`c`) % 1000000 <> 0"},
		{from: "TIMESTAMP NULL", to: "BIGINT", want: "from TIMESTAMP"},
		{from: "VARCHAR(20)", to: "ENUM('a','b')", want: "to ENUM"},
		{from: "ENUM('a','b','c')", to: "ENUM('a','B','c')", want: "from ENUM"},
		{from: "ENUM('a','b','c')", to: "ENUM('a','b')", want: "from ENUM"},
		{from: "SET('a','b')", to: "SET('a')", want: "from SET"},
		{from: "VARCHAR(20)", to: "INT", want: "texts that the servers read", query: "NOT (`c` REGEXP"},
		{from: "VARCHAR(20)", to: "VARCHAR(20) CHARACTER SET latin1", want: "characters that latin1 does not have", query: "HEX(`c`)"},
		{from: "VARCHAR(20)", to: "VARCHAR(20) CHARACTER SET latin1", mode: strictMode},
		{from: "VARCHAR(20)", to: "VARCHAR(20) CHARACTER SET sjis", mode: strictMode, want: "sjis"},
		{from: "TEXT", to: "TINYTEXT", want: "longer than tinytext", query: "LENGTH(`c`) > 255"},
		{from: "TEXT CHARACTER SET latin1", to: "TINYTEXT CHARACTER SET latin1", mode: strictMode, want: "from TEXT"},
		{from: "TEXT", to: "TINYTEXT", mode: strictMode, want: "the target has values that do not fit it", query: "LENGTH(`c`)>255"},
		{from: "VARCHAR(200)", to: "VARCHAR(20)", mode: strictMode, want: "that do not fit it", query: "CHAR_LENGTH(`c`)>20"},
		{from: "INT", to: "SMALLINT", mode: strictMode, want: "that do not fit it", query: "`c`<-32768 OR `c`>32767"},
		{from: "FLOAT", to: "INT", want: "from FLOAT"},
		{from: "FLOAT", to: "INT", mode: strictMode},
		{from: "DOUBLE", to: "DOUBLE(10,2)", mode: strictMode, want: "from DOUBLE"},
		{from: "INT", to: "INT NOT NULL", want: "became NOT NULL", query: "`c` IS NULL"},
		{from: "INT", to: "INT NOT NULL", mode: strictMode},

		{from: "INT", to: "BIGINT"},
		{from: "INT NOT NULL", to: "INT"},
		{from: "INT", to: "INT COMMENT 'x'"},
		{from: "INT", to: "INT DEFAULT 5"},
		{from: "INT(11)", to: "INT(5)"},
		{from: "INT", to: "INT UNSIGNED"},
		{from: "INT", to: "SMALLINT"},
		{from: "INT", to: "VARCHAR(20)"},
		{from: "TINYINT(1)", to: "INT"},
		{from: "VARCHAR(20)", to: "VARCHAR(200)"},
		{from: "VARCHAR(200)", to: "VARCHAR(20)"},
		{from: "VARCHAR(200)", to: "TEXT"},
		{from: "VARCHAR(20) CHARACTER SET latin1", to: "VARCHAR(20) CHARACTER SET utf8mb4"},
		{from: "VARCHAR(20)", to: "VARCHAR(20) COLLATE utf8mb4_bin"},
		{from: "TEXT CHARACTER SET utf8mb3", to: "MEDIUMTEXT CHARACTER SET utf8mb4"},
		{from: "TEXT", to: "LONGTEXT"},
		{from: "BLOB", to: "LONGBLOB"},
		{from: "VARBINARY(20)", to: "BLOB"},
		{from: "ENUM('a','b')", to: "ENUM('a','b','c')"},
		{from: "ENUM('a','b')", to: "ENUM('c','b','a')"},
		{from: "ENUM('a','b')", to: "VARCHAR(20)"},
		{from: "SET('a','b')", to: "SET('a','b','c')"},
		{from: "DECIMAL(10,2)", to: "DECIMAL(12,4)"},
		{from: "DECIMAL(10,2)", to: "DECIMAL(6,0)"},
		{from: "FLOAT", to: "DOUBLE"},
		{from: "FLOAT", to: "DECIMAL(10,2)", mode: strictMode},
		{from: "DATE", to: "DATETIME", want: "does not allow some dates", query: "DAY(`c`)=31"},
		{from: "DATE", to: "DATETIME", mode: strictMode},
		{from: "DATETIME", to: "DATE", want: "does not allow some dates", query: "DAY(`c`)=31"},
		{from: "DATETIME", to: "DATE", mode: strictMode},
		{from: "DATETIME", to: "DATETIME(6)", want: "does not allow some dates", query: "DAY(`c`)=31"},
		{from: "DATETIME", to: "DATETIME(6)", mode: strictMode},
		{from: "TIMESTAMP NULL", to: "DATETIME"},
		{from: "TIMESTAMP NULL", to: "DATE"},
		{from: "TIMESTAMP NULL", to: "VARCHAR(40)"},
		{from: "DATETIME", to: "VARCHAR(30)"},
		{from: "BIT(1)", to: "TINYINT(1)"},
		{from: "YEAR", to: "SMALLINT"},
		{from: "JSON", to: "JSON COMMENT 'x'"},
	} {
		for _, verb := range []string{"MODIFY c", "CHANGE c c2"} {
			tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{Charset: "utf8mb4"})
			if _, err := tr.Apply(replica.DDL{Schema: "d", Text: "CREATE TABLE t (id INT PRIMARY KEY, c " + c.from + ")"}); err != nil {
				t.Fatal(err)
			}
			changes, err := tr.Apply(replica.DDL{Schema: "d", Text: "ALTER TABLE t " + verb + " " + c.to, SQLMode: c.mode})
			if err != nil {
				t.Fatal(err)
			}
			got, err := TargetDDL(changes[0], compile(t, ruleset.Spec{}))
			if err != nil {
				t.Errorf("%s to %s: %v", c.from, c.to, err)
			}
			var messages, queries []string
			for _, x := range got.Conditions {
				messages, queries = append(messages, x.Failed.Message), append(queries, x.Query)
				if x.Failed.Code != CodeDDL || x.Failed.Table != "d.t" || x.Failed.Remedy == "" || x.Values {
					t.Errorf("%s to %s: %+v", c.from, c.to, x.Failed)
				}
			}
			m, q := strings.Join(messages, "; "), strings.Join(queries, "; ")
			if (c.want == "") != (m == "") || !strings.Contains(m, c.want) || !strings.Contains(q, c.query) {
				t.Errorf("%s: %s to %s, mode %d: %q (%s)", verb, c.from, c.to, c.mode, m, q)
			}
		}
	}
}
