package schema

import (
	"strings"
	"testing"
)

// TestUnprovedExpressions lists expressions that a source computes otherwise in some
// session, or on one product, and neighbours of theirs that are proved.
func TestUnprovedExpressions(t *testing.T) {
	columns := "i INT, ti TINYINT, u INT UNSIGNED, ub BIGINT UNSIGNED, bi BIGINT, m DECIMAL(10,2), mu DECIMAL(10,2) UNSIGNED, " +
		"s VARCHAR(20), c CHAR(6), x TEXT, l VARCHAR(20) CHARACTER SET latin1, d DATE NOT NULL, next BIGINT AS (i + 1), wide BIGINT AS (bi), "
	for _, c := range []struct{ typ, expr, why string }{
		// PAD_CHAR_TO_FULL_LENGTH
		{"INT", "CHAR_LENGTH(c)", "CHAR"}, {"VARCHAR(99)", "CONCAT(s, c)", "CHAR"}, {"VARCHAR(99)", "HEX(c)", "CHAR"}, {"VARCHAR(9)", "c", "CHAR"},
		// a value that is clipped without strict mode
		{"TINYINT", "i + 100", "may not fit"}, {"INT", "i + 1", "may not fit"}, {"BIGINT", "i + 1", ""}, {"INT", "ti + 1", ""}, {"INT UNSIGNED", "i", "may not fit"},
		{"INT", "u", "may not fit"}, {"INT", "CRC32(s)", "may not fit"}, {"TINYINT", "YEAR(d)", "may not fit"}, {"SMALLINT", "YEAR(d)", ""},
		{"TINYINT", "i % 128", ""}, {"TINYINT", "i % 129", "may not fit"}, {"TINYINT UNSIGNED", "i % 100", "may not fit"}, {"INT", "i DIV k", "name"},
		{"TINYINT", "IF(i > 0, 1, 128)", "may not fit"}, {"TINYINT", "GREATEST(ti, 200)", "may not fit"}, {"TINYINT", "ABS(ti)", "may not fit"},
		{"BIGINT", "bi * 2", ""}, {"BIGINT", "bi DIV i", ""}, {"BIGINT", "-bi", ""}, {"BIGINT", "ABS(bi)", ""},
		{"DECIMAL(10,2)", "m", ""}, {"DECIMAL(9,2)", "m", "may not fit"}, {"DECIMAL(9,1)", "m", "may not fit"}, {"DECIMAL(10,1)", "m", ""},
		{"DECIMAL(10,2) UNSIGNED", "m", "may not fit"}, {"DECIMAL(10,2) UNSIGNED", "ABS(m)", ""}, {"DECIMAL(9,0)", "i", "may not fit"}, {"DECIMAL(10,0)", "i", ""},
		{"VARCHAR(20)", "CONCAT(s, 'x')", "may not fit"}, {"VARCHAR(21)", "CONCAT(s, 'x')", ""}, {"VARCHAR(41)", "CONCAT_WS('-', s, s)", ""},
		{"VARCHAR(40)", "CONCAT_WS('-', s, s)", "may not fit"}, {"VARCHAR(10)", "CAST(i AS CHAR)", "may not fit"}, {"VARCHAR(11)", "CAST(i AS CHAR)", ""},
		{"VARCHAR(31)", "MD5(s)", "may not fit"}, {"VARCHAR(64)", "SHA2(s, 256)", ""}, {"VARCHAR(64)", "SHA2(s, 512)", "may not fit"},
		{"VARCHAR(3)", "LEFT(x, 3)", ""}, {"VARCHAR(3)", "SUBSTR(x, 3)", "may not fit"}, {"VARCHAR(3)", "SUBSTR(x, 1, 3)", ""}, {"VARCHAR(3)", "IFNULL(LEFT(x, 3), 'none')", "may not fit"},
		{"TINYTEXT", "s", ""}, {"TINYTEXT", "x", "may not fit"}, {"TEXT", "CONCAT(x, 'a')", "may not fit"}, {"TINYTEXT", "LEFT(x, 63)", ""}, {"TINYTEXT", "LEFT(x, 64)", "may not fit"},
		// characters that a set lacks, by the expression's own set or the connection's
		{"VARCHAR(20)", "CAST(s AS CHAR CHARACTER SET utf8mb3)", "lack"}, {"VARCHAR(20)", "CAST(s AS CHAR)", "lack"}, {"VARCHAR(20)", "CAST(s AS CHAR CHARSET utf8mb4)", ""},
		{"VARCHAR(20)", "CAST(LEFT('abc', i) AS CHAR)", "LEFT"}, {"VARCHAR(20)", "CAST(MD5(s) AS CHAR(3))", "("}, {"VARCHAR(20)", "CAST(l AS CHAR CHARACTER SET latin1)", "another character set"},
		// the text of one of several decimal numbers
		{"VARCHAR(99)", "CONCAT(IF(i > 0, m, 1.5))", "other types"}, {"VARCHAR(99)", "CAST(IFNULL(m, 0.0005) AS CHAR)", "other types"}, {"VARCHAR(99)", "CONCAT(IF(i > 0, m, 1.50))", ""},
		{"VARCHAR(99)", "CONCAT_WS('-', s, CASE WHEN i > 0 THEN 1.5 ELSE 2.25 END)", "other types"}, {"VARCHAR(99)", "CONCAT(ABS(COALESCE(m, 1.5)))", "other types"},
		{"VARCHAR(99)", "CONCAT(-IF(i > 0, m, 1.5))", "other types"}, {"VARCHAR(99)", "CONCAT(IF(i > 0, m, 1.5) * 2)", "other types"}, {"DECIMAL(20,2)", "IF(i > 0, m, 1.5) * 2", ""},
		// positions whose sum overflows
		{"VARCHAR(20)", "SUBSTR(s, -2, 9223372036854775807)", "SUBSTR"}, {"VARCHAR(20)", "SUBSTR(s, -2, 2147483647)", ""}, {"VARCHAR(20)", "LEFT(s, 2147483648)", "LEFT"},
		{"VARCHAR(20)", "MID(s, -9223372036854775808, 3)", "UNSIGNED"},
		// dates of zeros
		{"DATE", "d", "zeros"}, {"DATE", "DATE(d)", "zeros"}, {"DATE", "IFNULL(d, NULL)", "zeros"}, {"INT", "YEAR(DATE(d))", "zeros"}, {"INT", "YEAR(CAST(d AS DATE))", "zeros"}, {"DATE", "DATE(s)", "other types"}, {"INT", "YEAR(d)", ""},
		// truth values of numbers that are not integers
		{"INT", "m XOR 1", "truth values"}, {"INT", "m AND 1", "truth values"}, {"INT", "IF(m, 1, 0)", "truth values"}, {"INT", "NOT (m)", "truth values"},
		{"INT", "CASE WHEN m THEN 1 END", "truth values"}, {"INT", "m IS TRUE", "truth values"}, {"INT", "i XOR 1", ""}, {"INT", "(m > 0) XOR 1", ""},
		// UNSIGNED and negative numbers
		{"INT", "CASE ub WHEN -1 THEN 1 ELSE 0 END", "UNSIGNED"}, {"INT", "CASE ub WHEN 1 THEN 1 ELSE 0 END", ""}, {"INT", "CASE i WHEN ub THEN 1 END", "UNSIGNED"},
		{"INT", "ub = -1", "UNSIGNED"}, {"INT", "u IN (1, -1)", "UNSIGNED"}, {"INT", "u BETWEEN -1 AND 1", "UNSIGNED"}, {"INT", "mu > -1.5", "UNSIGNED"}, {"INT", "ub > 1", ""},
		{"BIGINT", "u - 10", "UNSIGNED"}, {"BIGINT", "10 - u", "UNSIGNED"}, {"BIGINT", "(u + 1) - 1", "UNSIGNED"}, {"DECIMAL(20,2)", "mu - 1", "UNSIGNED"},
		{"BIGINT", "IF(i > 0, u, 1) - 1", "UNSIGNED"}, {"BIGINT", "-u", "UNSIGNED"}, {"BIGINT", "u + i", "UNSIGNED"}, {"BIGINT", "IFNULL(u, -1)", "UNSIGNED"},
		{"INT", "next * 2", "may not fit"}, {"DECIMAL(11,0)", "next * 2", ""}, {"DECIMAL(11,0)", "wide", "may not fit"}, {"BIGINT", "wide * 2", ""}, // generated columns
		{"BIGINT", "u + 10", ""}, {"BIGINT", "i - 10", ""}, {"BIGINT", "CHAR_LENGTH(s) - 5", "UNSIGNED"},
	} {
		d, err := parseDefinition("CREATE TABLE t ("+columns+"g "+c.typ+" AS ("+c.expr+") STORED) DEFAULT CHARSET=utf8mb4", Defaults{})
		if err != nil {
			t.Fatalf("%s: %v", c.expr, err)
		}
		why := (Target{}).translator(d).differs(d.column("g"))
		if (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s AS (%s): %q, want %q", c.typ, c.expr, why, c.why)
		}
	}
}
