package binlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// typeCase is a column type and literals that it stores.
type typeCase struct {
	column string
	values []string
	only   servers.Kind // MariaDB stands for both of its versions
}

func repeated(n int, f func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f(i)
	}
	return strings.Join(parts, ",")
}

func setMembers(n int) string {
	return repeated(n, func(i int) string { return fmt.Sprintf("'m%d'", i) })
}

func numberCases() []typeCase {
	cases := []typeCase{
		{column: "TINYINT", values: []string{"-128", "127", "0", "-1"}},
		{column: "TINYINT UNSIGNED", values: []string{"0", "255", "128"}},
		{column: "SMALLINT", values: []string{"-32768", "32767", "-1"}},
		{column: "SMALLINT UNSIGNED ZEROFILL", values: []string{"7", "65535", "32768"}},
		{column: "MEDIUMINT", values: []string{"-8388608", "8388607", "-1"}},
		{column: "MEDIUMINT UNSIGNED", values: []string{"16777215", "8388608"}},
		{column: "INT", values: []string{"-2147483648", "2147483647", "-1"}},
		{column: "INT(5) UNSIGNED ZEROFILL", values: []string{"42", "4294967295", "2147483648"}},
		{column: "BIGINT", values: []string{"-9223372036854775808", "9223372036854775807", "-1"}},
		{column: "BIGINT UNSIGNED", values: []string{"0", "18446744073709551615", "9223372036854775808"}},
		{column: "BOOLEAN", values: []string{"TRUE", "FALSE"}},
		{column: "DECIMAL(65,30)", values: []string{"-99999999999999999999999999999999999.999999999999999999999999999999",
			"99999999999999999999999999999999999.999999999999999999999999999999", "0", "-0.5", "1e-30", "-1000000000"}},
		{column: "DECIMAL(9,9)", values: []string{"-0.999999999", "0.000000001", "0"}},
		{column: "DECIMAL(10,0)", values: []string{"-9999999999", "9999999999", "-1", "0"}},
		{column: "DECIMAL(1,1)", values: []string{"-0.9", "0.1"}},
		{column: "DECIMAL(18,9)", values: []string{"-999999999.999999999", "1.1"}},
		{column: "DECIMAL(20,7) UNSIGNED", values: []string{"1234567890123.1234567", "0.0000001"}},
		{column: "DECIMAL(8,2) ZEROFILL", values: []string{"1.5", "0"}},
		{column: "DECIMAL(38,38)", values: []string{"-0.99999999999999999999999999999999999999"}, only: servers.MariaDB},
		{column: "FLOAT", values: []string{"0.1", "16777217", "3.40282346e38", "-3.40282346e38", "1.4e-45", "-0.5"}},
		{column: "FLOAT(7,3)", values: []string{"1234.5678"}},
		{column: "FLOAT UNSIGNED ZEROFILL", values: []string{"3.25"}},
		{column: "DOUBLE", values: []string{"0.1", "1.7976931348623157e308", "-1.7976931348623157e308", "4.9e-324", "123456789012345678"}},
		{column: "DOUBLE(20,3)", values: []string{"12345678901234567.891", "0.3"}},
		{column: "FLOAT", values: []string{"'-0'"}, only: servers.MySQL},
		{column: "DOUBLE", values: []string{"'-0'"}, only: servers.MySQL},
		{column: "YEAR", values: []string{"'0000'", "1901", "2155"}},
		{column: "ENUM('b','a','1','é')", values: []string{"'b'", "'é'", "1", "''"}},
		{column: "ENUM(" + setMembers(300) + ")", values: []string{"'m299'", "'m0'", "'m255'", "'m256'"}},
		{column: "SET(" + setMembers(64) + ")", values: []string{"'m0,m63'", "''", "18446744073709551615"}},
		{column: "SET(" + setMembers(9) + ")", values: []string{"'m8'", "'m0,m8'"}},
		{column: "SET(" + setMembers(24) + ")", values: []string{"'m23'", "'m0'"}},
		{column: "SET(" + setMembers(33) + ")", values: []string{"'m32'", "''"}},
	}
	for n := 1; n <= 64; n++ {
		cases = append(cases, typeCase{column: fmt.Sprintf("BIT(%d)", n),
			values: []string{"0", "1", fmt.Sprint(^uint64(0) >> (64 - n)), fmt.Sprint(uint64(1) << (n - 1))}})
	}
	return cases
}

func temporalCases() []typeCase {
	cases := []typeCase{
		{column: "DATE", values: []string{"'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2020-02-00'", "'2021-02-31'", "'2021-00-00'", "'0001-01-01'"}},
	}
	for fsp := 0; fsp <= 6; fsp++ {
		p := fmt.Sprintf("(%d)", fsp)
		cases = append(cases,
			typeCase{column: "TIME" + p, values: []string{"'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:00.9'", "'-00:00:00.000001'",
				"'12:34:56.123456'", "'-12:34:56.123456'", "'24:00:01.5'", "'-01:00:00.000001'", "'838:59:58.999999'", "'-838:59:58.999999'", "'-00:00:01.01'"}},
			typeCase{column: "DATETIME" + p, values: []string{"'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59.000001'",
				"'2020-01-01 00:00:00.12'", "'2020-12-31 23:59:59.999999'", "'2021-02-31 01:02:03.4'", "'0000-01-00 00:00:00.5'"}},
			typeCase{column: "TIMESTAMP" + p + " NULL", values: []string{"'1970-01-01 03:00:01'", "'2038-01-19 06:14:07'", "'2023-10-29 12:30:00.123456'",
				"'0000-00-00 00:00:00'", "'1970-01-01 03:00:01.000001'", "'2000-01-01 00:00:00.9'"}})
	}
	return cases
}

// texts are shown in every character set that has them.
var charsetTexts = map[string][]string{
	"latin1":  {"'é€ÿ'", `_latin1 x'818d8f909d'`},
	"gbk":     {"'日本語汉字'", "_gbk x'a2a1'"},
	"big5":    {"'中文字'", "_big5 x'a145'"},
	"sjis":    {"'日本語ｱ'", "_sjis x'815f8160817c'"},
	"cp932":   {"'日本語①'", "_cp932 x'f040'"},
	"ujis":    {"'日本語'", "_ujis x'8fb0a1a1c1'"},
	"eucjpms": {"'日本語'", "_eucjpms x'f9a1'"},
	"euckr":   {"'한국어'"},
	"gb18030": {"'汉字😀'", "_gb18030 x'8135f437a8bc'"},
	"gb2312":  {"'汉字'", "_gb2312 x'a1a4a1aa'"},
	"ucs2":    {"'日本é'", "_ucs2 x'fffd'"},
	"utf16":   {"'😀日本'", "_utf16 x'fffd'"},
	"utf32":   {"'😀日本'"},
	"utf16le": {"'😀日本'"},
	"utf8mb3": {"'日本é'"},
	"utf8mb4": {"'😀日本é'", `'\0\'"\\\n\r\Z'`},
	"ascii":   {"'abc'"},
	"koi8r":   {"'Привет'"},
	"koi8u":   {"'Україна'", "_koi8u x'95aebe'"},
	"cp1251":  {"'Привет'"},
	"cp866":   {"'Привет'", "_cp866 x'fcfd'"},
	"greek":   {"'Ελληνικά'", "_greek x'a1a2'"},
	"hebrew":  {"'שלום'", "_hebrew x'af'"},
	"tis620":  {"'ไทย'", "_tis620 x'8085'"},
	"latin2":  {"'łódź'", "_latin2 x'80'"},
	"latin7":  {"'ėž'"},
	"swe7":    {"'aÅÄÖ'"},
	"hp8":     {"'é'"},
	"dec8":    {"'é'"},
	"macce":   {"'łódź'"},
	"keybcs2": {"'č'"},
}

func textCases() []typeCase {
	cases := []typeCase{
		{column: "CHAR(10)", values: []string{"'a  '", "''", "' b'", "'😀'"}},
		{column: "CHAR(255) CHARACTER SET utf8mb4", values: []string{"REPEAT('日', 255)", "'x'"}},
		{column: "CHAR(100) CHARACTER SET ucs2", values: []string{"'é '", "''"}},
		{column: "CHAR(0)", values: []string{"''"}},
		{column: "VARCHAR(255) CHARACTER SET latin1", values: []string{"REPEAT('x', 255)", "''"}},
		{column: "VARCHAR(256) CHARACTER SET latin1", values: []string{"REPEAT('é', 256)", "'a  '"}},
		{column: "VARCHAR(0)", values: []string{"''"}},
		{column: "TINYTEXT", values: []string{"REPEAT('y', 255)", "''"}},
		{column: "TEXT CHARACTER SET latin1", values: []string{"REPEAT('é', 65535)", "'x'"}},
		{column: "MEDIUMTEXT", values: []string{"REPEAT('é', 70000)"}},
		{column: "LONGTEXT", values: []string{"'x'", "REPEAT('y', 100000)"}},
		{column: "BINARY(4)", values: []string{"x'61'", "x''", "x'00ff0000'", "x'20202020'"}},
		{column: "BINARY(255)", values: []string{"x'61'", "REPEAT(x'ff', 255)"}},
		{column: "BINARY(0)", values: []string{"''"}},
		{column: "VARBINARY(4)", values: []string{"x'61'", "x'00ff2000'", "x''"}},
		{column: "VARBINARY(300)", values: []string{"REPEAT(x'80', 300)", "x'00'"}},
		{column: "TINYBLOB", values: []string{"x'00ff'", "''"}},
		{column: "BLOB", values: []string{"x'00ff'", "REPEAT(x'80', 65535)"}},
		{column: "MEDIUMBLOB", values: []string{"REPEAT(x'80', 70000)"}},
		{column: "LONGBLOB", values: []string{"x'00'", "REPEAT(x'00', 100000)"}},
		{column: "VECTOR(3)", values: []string{"TO_VECTOR('[1, -2, 3.5]')"}, only: servers.MySQL},
	}
	for cs, values := range charsetTexts {
		only := servers.Kind("")
		if cs == "gb18030" {
			only = servers.MySQL
		}
		cases = append(cases, typeCase{column: "VARCHAR(20) CHARACTER SET " + cs, values: values, only: only},
			typeCase{column: "CHAR(20) CHARACTER SET " + cs, values: values[:1], only: only},
			typeCase{column: "TEXT CHARACTER SET " + cs, values: values, only: only})
	}
	return cases
}

func compressedCases() []typeCase {
	return []typeCase{
		{column: "VARCHAR(2000) COMPRESSED", values: []string{"REPEAT('é', 2000)", "''", "'x'"}},
		{column: "TEXT COMPRESSED", values: []string{"REPEAT('日本', 5000)", "'short'", "''"}},
		{column: "LONGTEXT COMPRESSED", values: []string{"REPEAT('y', 300000)"}},
		{column: "BLOB COMPRESSED", values: []string{"REPEAT(x'00ff', 5000)", "x'00'"}},
		{column: "VARBINARY(300) COMPRESSED", values: []string{"REPEAT(x'80', 300)", "x''"}},
		{column: "MEDIUMBLOB COMPRESSED", values: []string{"REPEAT(x'80', 70000)"}},
	}
}

func jsonCases() []typeCase {
	deep := typeCase{column: "JSON", only: servers.MySQL, values: []string{"'" + strings.Repeat("[", 99) + strings.Repeat("]", 99) + "'"}}
	return []typeCase{deep, {column: "JSON", values: []string{
		`'{"b": [1, 2.50, null], "a": "é"}'`, "'null'", "'true'", "'false'", `'""'`, "'{}'", "'[]'", "'[[],{},[{}]]'",
		`'[0,-1,32767,-32768,65535,65536,2147483647,-2147483648,4294967295,4294967296,9223372036854775807,-9223372036854775808,18446744073709551615]'`,
		`'[1.0, 1e100, -1.5e-300, 1.7976931348623157e308, 123456789012345678901234567890, 0.1]'`,
		`'{"quote\\"": "\\\\ \\n \\t \\u0001 \\u2028 😀", "": 1}'`,
		"JSON_ARRAY(CAST(-12345678901234567890.123456789 AS DECIMAL(60,20)), CAST(0.5 AS DECIMAL(3,2)))",
		"JSON_OBJECT('d', DATE'2020-02-29', 't', TIME'-838:59:59', 'f', CAST('12:34:56.789' AS TIME(6)), 'dt', TIMESTAMP'2020-01-01 01:02:03.000004')",
		`JSON_OBJECT('b', x'00ff80', 'bit', b'101', 'blob', CAST(REPEAT('x', 200) AS BINARY), 'l57', CAST(REPEAT('y', 57) AS BINARY), 'l58', CAST(REPEAT('y', 58) AS BINARY),
			'l114', CAST(REPEAT('z', 114) AS BINARY), 'l0', x'')`,
		"JSON_OBJECT('long', REPEAT('é', 40000), 'n', 1, 'i', 100000, 'a', JSON_ARRAY(70000, -70000, 5, true))",
		"JSON_ARRAY(REPEAT('a', 127), REPEAT('b', 128), REPEAT('c', 16384), REPEAT('d', 70000))",
		"CONCAT('{', '" + repeated(300, func(i int) string { return fmt.Sprintf(`"key%d":{"v":[%d,%d]}`, i, i, i*1000) }) + "', '}')",
	}}}
}

// typesAgree stores every value of the cases in one table, row after row, and
// compares what the binlog brings with what a snapshot reads: after the
// inserts, an update of each row and the deletes.
func typesAgree(t *testing.T, l *lab, name string, cases []typeCase) {
	t.Helper()
	c := l.fresh(t)
	runOn(t, c, "SET sql_mode='ALLOW_INVALID_DATES', time_zone='+03:00'")
	columns, rows := []string{"id INT PRIMARY KEY"}, 0
	var used []typeCase
	for _, tc := range cases {
		if tc.only != "" && (tc.only == servers.MariaDB) != l.mariadb() {
			continue
		}
		columns = append(columns, fmt.Sprintf("v%d %s", len(used), tc.column))
		used = append(used, tc)
		rows = max(rows, len(tc.values))
	}
	runOn(t, c, "CREATE TABLE "+name+" ("+strings.Join(columns, ", ")+") ROW_FORMAT=DYNAMIC")
	table := l.table(t, name)
	rd := l.open(t, l.here(t), l.tables(t, name))
	for i := 0; i <= rows; i++ { // the last row is all NULL
		values := make([]string, len(used))
		for j, tc := range used {
			values[j] = "NULL"
			if i < len(tc.values) {
				values[j] = tc.values[i]
			}
		}
		runOn(t, c, fmt.Sprintf("INSERT INTO %s VALUES (%d,%s)", name, i, strings.Join(values, ",")))
	}
	first := l.read(t, table)
	runOn(t, c, "UPDATE "+name+" SET id = id + 1000")
	second := l.read(t, table)
	runOn(t, c, "DELETE FROM "+name)
	seen := map[replica.Op]int{}
	for _, r := range rowsOf(l.collect(t, rd)) {
		seen[r.Op]++
		switch r.Op {
		case replica.Insert:
			sameRow(t, table, r.After, first)
		case replica.Update:
			sameRow(t, table, r.Before, first)
			sameRow(t, table, r.After, second)
		case replica.Delete:
			sameRow(t, table, r.Before, second)
		}
	}
	for op := replica.Insert; op <= replica.Delete; op++ {
		if seen[op] != rows+1 {
			t.Errorf("%d rows of operation %d, want %d", seen[op], op, rows+1)
		}
	}
}

func sameRow(t *testing.T, table *replica.Table, got []replica.Value, snapshot map[uint64][]replica.Value) {
	t.Helper()
	want := snapshot[got[0].Num]
	if len(got) != len(want) {
		t.Fatalf("row %d has %d columns, the snapshot %d", got[0].Num, len(got), len(want))
	}
	for i, w := range want {
		if g := got[i]; !g.Equal(w) && !(w.Kind == replica.KindJSON && g.Kind == w.Kind && sameJSON(g.Bytes, w.Bytes)) {
			t.Errorf("row %d, %s: binlog %s, snapshot %s", got[0].Num, table.Columns[i].SQLType, show(g), show(w))
		}
	}
}

// sameJSON compares two texts as documents; numbers by their exact values.
func sameJSON(a, b []byte) bool {
	x, err1 := parseJSON(a)
	y, err2 := parseJSON(b)
	return err1 == nil && err2 == nil && sameDocument(x, y)
}

func parseJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one document")
	}
	return v, nil
}

func sameDocument(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !sameDocument(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameDocument(x[i], y[i]) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := y.(json.Number)
		if !ok {
			return false
		}
		return sameNumber(x.String(), y.String())
	}
	return x == y
}

// sameNumber compares decimals exactly, and doubles as doubles: they are
// printed with more or fewer digits.
func sameNumber(x, y string) bool {
	if strings.ContainsRune(x, 'e') || strings.ContainsRune(y, 'e') {
		f, err1 := strconv.ParseFloat(x, 64)
		g, err2 := strconv.ParseFloat(y, 64)
		return err1 == nil && err2 == nil && f == g
	}
	p, ok1 := new(big.Rat).SetString(x)
	q, ok2 := new(big.Rat).SetString(y)
	return ok1 && ok2 && p.Cmp(q) == 0
}

// allTypes runs every type on a server.
func allTypes(t *testing.T, l *lab) {
	t.Run("Numbers", func(t *testing.T) { typesAgree(t, l, "numbers", numberCases()) })
	t.Run("Temporal", func(t *testing.T) { typesAgree(t, l, "temporals", temporalCases()) })
	t.Run("Text", func(t *testing.T) { typesAgree(t, l, "texts", textCases()) })
	if l.mariadb() {
		t.Run("Compressed", func(t *testing.T) { typesAgree(t, l, "packed", compressedCases()) })
	}
	t.Run("JSON", func(t *testing.T) { typesAgree(t, l, "jsons", jsonCases()) })
	t.Run("Random", func(t *testing.T) { randomAgree(t, l) })
	t.Run("Wide", func(t *testing.T) {
		var wide []typeCase
		for i := range 300 {
			c := typeCase{column: "INT", values: []string{fmt.Sprint(i), "NULL", fmt.Sprint(-i)}}
			if i%3 == 0 {
				c.values = []string{"NULL", fmt.Sprint(i), "NULL"}
			}
			wide = append(wide, c)
		}
		typesAgree(t, l, "wide", wide)
	})
	t.Run("Generated", func(t *testing.T) { generatedAgree(t, l) })
}

// generatedAgree checks tables with generated and invisible columns: the former
// are decoded over.
func generatedAgree(t *testing.T, l *lab) {
	l.exec(t, `CREATE TABLE gencols (id INT PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a + 1) VIRTUAL,
		b VARCHAR(20), s VARCHAR(40) GENERATED ALWAYS AS (CONCAT(b, '!')) STORED, w TEXT GENERATED ALWAYS AS (REPEAT(b, 3)) VIRTUAL,
		i INT INVISIBLE, c INT, UNIQUE KEY (v))`)
	table := l.table(t, "gencols")
	rd := l.open(t, l.here(t), l.tables(t, "gencols"))
	l.exec(t, "INSERT INTO gencols (id, a, b, i, c) VALUES (1, 2, 'x', 3, 4), (2, NULL, NULL, NULL, NULL), (3, 7, 'yy', 5, 6)")
	table = table.Carrying(func(*replica.Column) bool { return true })
	want := l.read(t, table)
	l.exec(t, "UPDATE gencols SET c = 9", "DELETE FROM gencols")
	rows := rowsOf(l.collect(t, rd))
	if len(rows) != 9 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows[:3] {
		sameRow(t, table, r.After, want)
	}
	leaves := l.Kind == servers.MariaDB11 // generated columns out of images of UPDATE and DELETE
	for n, r := range rows[3:] {
		if leaves {
			for _, i := range []int{2, 4, 5} {
				if r.Before[i].Kind != replica.KindAbsent || r.After != nil && r.After[i].Kind != replica.KindAbsent {
					t.Errorf("column %d is in an image of this server: %v %v", i, r.Before, r.After)
				}
			}
			continue
		}
		if n < 3 {
			sameRow(t, table, r.Before, want)
			for i := range r.After {
				if i != 7 && !r.After[i].Equal(r.Before[i]) || i == 7 && r.After[i].Num != 9 {
					t.Errorf("after the update: %v", r.After)
				}
			}
		} else if r.Before[2].IsNull() != r.Before[1].IsNull() || r.Before[2].Kind == replica.KindAbsent {
			t.Errorf("deleted: %v", r.Before)
		}
	}
}
