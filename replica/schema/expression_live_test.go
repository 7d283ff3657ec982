package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// proofColumns are the columns that proved expressions use, and their edge values.
// Every row has one value of each column: row n has the n-th, modulo their number.
var proofColumns = []struct {
	def    string
	values []string
}{
	{"i INT", []string{"0", "1", "-1", "2147483647", "-2147483648", "7", "-7", "1000", "NULL"}},
	{"k INT", []string{"3", "0", "-2", "10", "NULL", "1", "-1"}},
	{"ti TINYINT", []string{"0", "127", "-128", "NULL", "5"}},
	{"u INT UNSIGNED", []string{"0", "1", "4294967295", "10", "NULL"}},
	{"z INT(6) ZEROFILL", []string{"0", "42", "123456", "1234567", "NULL"}},
	{"bi BIGINT", []string{"0", "9000000000000000", "-9000000000000000", "1", "NULL"}},
	{"ub BIGINT UNSIGNED", []string{"0", "18446744073709551615", "10", "9223372036854775808", "NULL"}},
	{"m DECIMAL(10,2)", []string{"0", "1.50", "-1.50", "99999999.99", "-99999999.99", "0.05", "NULL", "2.005"}},
	{"q DECIMAL(12,4)", []string{"0", "1.0005", "-1.0005", "0.0001", "12345678.9999", "NULL"}},
	{"s VARCHAR(40)", []string{"''", "'a'", "'Abc'", "' a '", "'é'", "'日本語'", "'😀x'", "'a''b\\\\c'", "'0'", "NULL", "'ab  '", "'ß'"}},
	{"x2 VARCHAR(10)", []string{"''", "'a'", "'ab '", "'é日'", "NULL", "' x'"}},
	{"x TEXT", []string{"''", "'long text'", "'😀'", "NULL", "'\\n'"}},
	{"a VARCHAR(20) CHARACTER SET ascii", []string{"''", "'Abc'", "'zZ9_ '", "NULL"}},
	{"l VARCHAR(20) CHARACTER SET latin1", []string{"''", "'é'", "'ÿ'", "'€'", "NULL", "'abc'"}},
	{"d DATE", []string{"'2024-02-29'", "'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2024-00-00'", "'2024-12-00'", "NULL"}},
	{"dt DATETIME(6)", []string{"'2024-02-29 23:59:59.999999'", "'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'2024-00-00 01:02:03'", "NULL"}},
	{"t TIME(3)", []string{"'00:00:00'", "'23:59:59.999'", "'-10:11:12.5'", "'838:59:59'", "'-838:59:59'", "NULL"}},
}

// proofs are expressions that must be proved and computed alike, by the type of
// their column. Together they use all that is listed in expression.go.
var proofs = []struct{ typ, exprs string }{
	{"BIGINT", "z + 1; z * 2"},
	{"BIGINT", "i + k; i - k; i * k; u + 1; i % k; k MOD 3; i DIV k; u DIV 3; MOD(i, k); -i; +i; (i + 1) * 2; ti - k; bi + i; bi * 2; ABS(bi); bi % 1000; bi DIV 7; u % 7; z % 7; ti * ti; ABS(i); SIGN(i); SIGN(m)"},
	{"INT", "i > k; i >= k; i < k; i <= k; i = k; i <> k; i != k; i <=> k; m > q; m = 1.5; i IS NULL; s IS NOT NULL; ISNULL(x); i > 0 AND k > 0; i > 0 && k > 0; i > 0 OR k > 0; i > 0 XOR k > 0; NOT (i > 0); i BETWEEN 0 AND 7; i NOT BETWEEN -1 AND k; i IN (1, 7, -1); k NOT IN (0, 1); (i > 0) IS TRUE; (i > 0) IS NOT FALSE"},
	{"TINYINT(1)", "IF(i IS NULL, 0, 1); IF(d IS NULL, NULL, 1); i = 7"},
	{"INT", "ti + 1; ti * 1000; i; i % k; YEAR(d) * 100; CHAR_LENGTH(x); u DIV 4; CASE WHEN u > 7 THEN 1 END; u IN (0, 10); ub > 7; -ti"},
	{"INT UNSIGNED", "u; z; CRC32(s); ABS(i)"},
	{"BIGINT UNSIGNED", "u + z; ub; u * 3"},
	{"BIGINT", "IF(i > 0, i, k); IFNULL(i, 0); IFNULL(i, k); COALESCE(i, k, 5); CASE WHEN i > 0 THEN 1 WHEN k > 0 THEN 2 END; CASE i WHEN 7 THEN 1 ELSE k END; CASE WHEN i IS NULL THEN NULL ELSE i END; GREATEST(i, k); LEAST(i, k, 3); TRUE; 7"},
	{"DECIMAL(20,2)", "m + q; m - q; m * 2; m * i; u; m + ti; m + 0.005; -m; ABS(m); IFNULL(m, 0.00); CASE WHEN i > 0 THEN m ELSE q END; i; m * 0.19; COALESCE(q, m); IF(k > 0, m, NULL)"},
	{"DECIMAL(30,6)", "i * k; i * m; m * q; q * q; m; q"},
	{"VARCHAR(200)", "CONCAT('v', i); CAST(i AS CHAR); CAST(m AS CHAR); CAST(s AS CHAR CHARACTER SET utf8mb4); CAST(a AS CHAR CHARACTER SET utf8mb3); CONCAT(IFNULL(m, 0.00)); CONCAT(s, '-', x2); CONCAT(s, i, m); CONCAT(l, 'x'); CONCAT(a, s, x2); CONCAT_WS('-', s, i, q); CONCAT_WS(', ', x2, a); LEFT(s, 2); LEFT(s, 0); LEFT(s, -1); RIGHT(s, 2); RIGHT(l, 1); SUBSTR(s, 2); SUBSTR(s, -2); SUBSTR(s, 0); SUBSTRING(s, 2, 1); SUBSTRING(s, -1, 5); SUBSTR(s, -2, 2147483647); LEFT(s, 2147483647); MID(s, 2147483647, 2147483647); SUBSTRING(s, 2, 0); MID(s, 1, 2)"},
	{"VARCHAR(200)", "TRIM(s); LTRIM(s); RTRIM(s); TRIM(a); REVERSE(s); LOWER(a); UPPER(a); LCASE(a); UCASE(a); IFNULL(s, 'none'); COALESCE(s, x2, 'x'); IF(i > 0, s, x2); CASE WHEN k > 0 THEN s ELSE 'neg' END; s; a; l; 'text'; LEFT(l, 1); REVERSE(l); IF(s IS NULL, '', 'a')"},
	{"VARCHAR(40)", "s; REVERSE(s); LEFT(x, 40); SUBSTR(x, 2, 40); SHA(x); IF(i > 0, s, 'none')"},
	{"TEXT", "REVERSE(x); x; s; LOWER(a)"},
	{"MEDIUMTEXT", "CONCAT(x, s); CONCAT_WS('', x, l)"},
	{"VARCHAR(130)", "MD5(s); SHA(s); SHA1(x); SHA2(s, 256); SHA2(x2, 512); SHA2(x, 224); MD5(CONCAT(s, i)); HEX(a); SHA2(CONCAT_WS('|', s, x2, i), 256)"},
	{"BIGINT", "CHAR_LENGTH(s); CHARACTER_LENGTH(x); CHAR_LENGTH(l); CHAR_LENGTH(x2); LENGTH(s); OCTET_LENGTH(x); LENGTH(a); LENGTH(CONCAT(s, i)); CRC32(s); CRC32(x)"},
	{"INT", "YEAR(d); MONTH(d); DAY(d); DAYOFMONTH(d); QUARTER(d); YEAR(dt); MONTH(dt); DAY(dt); QUARTER(dt); HOUR(dt); MINUTE(dt); SECOND(dt); HOUR(t); MINUTE(t); SECOND(t); YEAR(d) * 100 + MONTH(d); MONTH(IFNULL(d, NULL)); dt IS NULL"},
}

// TestProvedExpressions computes every listed operator and function on each
// source and on TiDB, over edge values, as STORED and VIRTUAL columns.
func TestProvedExpressions(t *testing.T) {
	used := strings.Builder{}
	for _, p := range proofs {
		used.WriteString(p.exprs + ";")
	}
	all := strings.ToLower(used.String())
	for name := range provedFunctions {
		if !strings.Contains(all, name+"(") {
			t.Errorf("no proof uses %s", name)
		}
	}
	for op := range binaryOperators {
		if !strings.Contains(all, " "+strings.ToLower(op)+" ") {
			t.Errorf("no proof uses %s", op)
		}
	}
	target := servers.ForTest(t, servers.TiDB)
	accepted := map[string]bool{}
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB, servers.MariaDB11} {
		t.Run(string(kind), func(t *testing.T) {
			l := newLive(t, servers.ForTest(t, kind), target)
			mode := "SET SESSION sql_mode='" + proofMode + "'"
			l.must(exec(t.Context(), l.source, mode))
			l.must(exec(t.Context(), l.target, mode))
			for _, p := range proofs {
				for _, as := range []string{"STORED", "VIRTUAL"} {
					exprs := strings.Split(p.exprs, "; ")
					for len(exprs) > 0 {
						refused := l.prove(p.typ, exprs, as)
						for n, e := range exprs {
							accepted[e] = accepted[e] || n != refused
						}
						if refused < 0 {
							break
						}
						exprs = slices.Delete(exprs, refused, refused+1)
					}
				}
			}
		})
	}
	for _, p := range proofs {
		for _, e := range strings.Split(p.exprs, "; ") {
			if !accepted[e] {
				t.Errorf("no source takes %s", e)
			}
		}
	}
}

// refusedColumn finds the column that a source's error names.
var refusedColumn = regexp.MustCompile("[`']g([0-9]+)[`']")

// prove compares generated columns of one type. It returns the number of an
// expression that the source does not have in generated columns: then nothing is
// compared; -1 when it has all.
func (l *live) prove(typ string, exprs []string, as string) (refused int) {
	t := l.t
	t.Helper()
	var defs, names, generated []string
	rows := 0
	for _, c := range proofColumns {
		defs = append(defs, c.def)
		names = append(names, strings.Fields(c.def)[0])
		rows = max(rows, len(c.values))
	}
	for n, e := range exprs {
		generated = append(generated, fmt.Sprintf("g%d", n))
		defs = append(defs, fmt.Sprintf("g%d %s AS (%s) %s", n, typ, e, as))
	}
	l.must(exec(t.Context(), l.source, "DROP TABLE IF EXISTS live.t"))
	create := "CREATE TABLE t (id INT PRIMARY KEY, " + strings.Join(defs, ", ") + ")"
	if err := exec(t.Context(), l.source, create); err != nil {
		m := refusedColumn.FindStringSubmatch(err.Error()[len(create):])
		if m == nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(m[1])
		t.Logf("refused: %s %s", exprs[n], as)
		return n
	}
	shown, err := ParseCreate("live", l.show(l.source, "live", "t"), Defaults{})
	l.must(err)
	changes, err := l.tracker.Apply(replica.DDL{Schema: "live", Text: strings.Replace(create, "TABLE t", "OR REPLACE TABLE t", 1)})
	l.must(err)
	// Both the statement's text and what the source prints are looked at.
	for _, table := range []*replica.Table{changes[0].After, shown} {
		d, err := parseDefinition(table.Create, Defaults{})
		l.must(err)
		for n, e := range exprs {
			c := d.column(generated[n])
			if why := (Target{}).translator(d).differs(c); why != "" {
				t.Errorf("%s is not proved: %s (%s)", e, why, c.generated)
			}
		}
		l.must(exec(t.Context(), l.target, "DROP TABLE IF EXISTS live_target.t"))
		sql, _, err := TargetCreate(table, "live_target", "t")
		l.must(err)
		l.must(exec(t.Context(), l.target, sql))
	}
	values := l.proofRows(rows, " (id, "+strings.Join(names, ", ")+") VALUES ")
	if len(values) < rows {
		t.Errorf("%s %s: the source takes only %d rows", typ, as, len(values))
	}
	columns := append([]string{"id"}, generated...)
	for _, mode := range []string{"'" + proofMode + "'", "DEFAULT"} { // an application's session reads them, too
		l.must(exec(t.Context(), l.source, "SET SESSION sql_mode="+mode))
		l.must(exec(t.Context(), l.target, "SET SESSION sql_mode="+mode))
		want, got := l.values(l.source, "live.t", columns), l.values(l.target, "live_target.t", columns)
		for n, e := range exprs {
			for i := range want {
				if want[i][n+1] != got[i][n+1] {
					t.Errorf("row %d: %s %s: the source has %q, the target %q", i, e, as, want[i][n+1], got[i][n+1])
					break
				}
			}
		}
	}
	l.must(exec(t.Context(), l.source, "SET SESSION sql_mode='"+proofMode+"'"))
	l.must(exec(t.Context(), l.target, "SET SESSION sql_mode='"+proofMode+"'"))
	return -1
}

// proofMode allows every edge value in.
const proofMode = "ALLOW_INVALID_DATES,STRICT_TRANS_TABLES"

// proofRows writes rows of edge values to both sides and returns them. Rows that the
// source refuses are left out: those will not be in a binlog.
func (l *live) proofRows(rows int, insert string) (values []string) {
	l.t.Helper()
	for n := range 3 * rows { // other combinations in each round
		row := []string{fmt.Sprint(n)}
		for i, c := range proofColumns {
			row = append(row, c.values[(n+i*(n/rows))%len(c.values)])
		}
		v := "(" + strings.Join(row, ", ") + ")"
		if exec(l.t.Context(), l.source, "INSERT INTO live.t"+insert+v) == nil {
			values = append(values, v)
		}
	}
	l.must(exec(l.t.Context(), l.target, "INSERT INTO live_target.t"+insert+strings.Join(values, ", ")))
	return values
}
