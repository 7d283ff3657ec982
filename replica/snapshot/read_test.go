package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/snapshot"
)

// typeCase is a column and the values that a read must return for literals.
type typeCase struct {
	column string
	values []string // literals
	want   []replica.Value
	only   servers.Kind
}

func integer(n int64) replica.Value                 { return replica.Value{Kind: replica.KindInt, Num: uint64(n)} }
func number(k replica.Kind, n uint64) replica.Value { return replica.Value{Kind: k, Num: n} }
func bytes(k replica.Kind, s string) replica.Value  { return replica.Value{Kind: k, Bytes: []byte(s)} }
func float32Of(f float32) replica.Value {
	return replica.Value{Kind: replica.KindFloat, Num: math.Float64bits(float64(f))}
}
func doubleOf(f float64) replica.Value {
	return replica.Value{Kind: replica.KindDouble, Num: math.Float64bits(f)}
}

func texts(k replica.Kind, list ...string) []replica.Value {
	out := make([]replica.Value, len(list))
	for i, s := range list {
		out[i] = bytes(k, s)
	}
	return out
}

func typeCases() []typeCase {
	null := replica.Value{}
	return []typeCase{
		{column: "TINYINT", values: []string{"-128", "127", "NULL"}, want: []replica.Value{integer(-128), integer(127), null}},
		{column: "TINYINT UNSIGNED", values: []string{"0", "255"}, want: []replica.Value{number(replica.KindUint, 0), number(replica.KindUint, 255)}},
		{column: "SMALLINT", values: []string{"-32768", "32767"}, want: []replica.Value{integer(-32768), integer(32767)}},
		{column: "SMALLINT UNSIGNED ZEROFILL", values: []string{"7", "65535"}, want: []replica.Value{number(replica.KindUint, 7), number(replica.KindUint, 65535)}},
		{column: "MEDIUMINT", values: []string{"-8388608", "8388607"}, want: []replica.Value{integer(-8388608), integer(8388607)}},
		{column: "MEDIUMINT UNSIGNED", values: []string{"16777215"}, want: []replica.Value{number(replica.KindUint, 16777215)}},
		{column: "INT", values: []string{"-2147483648", "2147483647"}, want: []replica.Value{integer(math.MinInt32), integer(math.MaxInt32)}},
		{column: "INT(5) UNSIGNED ZEROFILL", values: []string{"42", "4294967295"}, want: []replica.Value{number(replica.KindUint, 42), number(replica.KindUint, math.MaxUint32)}},
		{column: "BIGINT", values: []string{"-9223372036854775808", "9223372036854775807"}, want: []replica.Value{integer(math.MinInt64), integer(math.MaxInt64)}},
		{column: "BIGINT UNSIGNED", values: []string{"0", "18446744073709551615"}, want: []replica.Value{number(replica.KindUint, 0), number(replica.KindUint, math.MaxUint64)}},
		{column: "BOOLEAN", values: []string{"TRUE"}, want: []replica.Value{integer(1)}},
		{column: "DECIMAL(65,30)", values: []string{"-99999999999999999999999999999999999.999999999999999999999999999999", "0", "1e-30"},
			want: texts(replica.KindDecimal, "-99999999999999999999999999999999999.999999999999999999999999999999", "0.000000000000000000000000000000", "0.000000000000000000000000000001")},
		{column: "DECIMAL(8,2) ZEROFILL", values: []string{"1.5", "0"}, want: texts(replica.KindDecimal, "1.50", "0.00")},
		{column: "DECIMAL(5)", values: []string{"-12345", "0.4"}, want: texts(replica.KindDecimal, "-12345", "0")},
		{column: "BIT(1)", values: []string{"0", "1", "NULL"}, want: []replica.Value{number(replica.KindBit, 0), number(replica.KindBit, 1), null}},
		{column: "BIT(64)", values: []string{"18446744073709551615", "9223372036854775808"}, want: []replica.Value{number(replica.KindBit, math.MaxUint64), number(replica.KindBit, 1<<63)}},
		{column: "DATE", values: []string{"'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2020-02-00'", "'2021-02-31'"},
			want: texts(replica.KindTime, "0000-00-00", "1000-01-01", "9999-12-31", "2020-02-00", "2021-02-31")},
		{column: "TIME", values: []string{"'-838:59:59'", "'838:59:59'", "'00:00:00'"}, want: texts(replica.KindTime, "-838:59:59", "838:59:59", "00:00:00")},
		{column: "TIME(6)", values: []string{"'-00:00:00.000001'", "'12:00:00.5'"}, want: texts(replica.KindTime, "-00:00:00.000001", "12:00:00.500000")},
		{column: "DATETIME", values: []string{"'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "NULL"}, want: []replica.Value{bytes(replica.KindTime, "0000-00-00 00:00:00"), bytes(replica.KindTime, "1000-01-01 00:00:00"), null}},
		{column: "DATETIME(3)", values: []string{"'2020-01-01 00:00:00.12'"}, want: texts(replica.KindTime, "2020-01-01 00:00:00.120")},
		{column: "DATETIME(6)", values: []string{"'9999-12-31 23:59:59.999999'", "'0000-00-00 00:00:00'"}, want: texts(replica.KindTime, "9999-12-31 23:59:59.999999", "0000-00-00 00:00:00.000000")},
		{column: "TIMESTAMP NULL", values: []string{"'1970-01-01 01:00:01'", "'2038-01-19 04:14:07'", "'2023-10-29 12:30:00'", "'0000-00-00 00:00:00'"},
			want: texts(replica.KindTime, "1970-01-01 00:00:01", "2038-01-19 03:14:07", "2023-10-29 11:30:00", "0000-00-00 00:00:00")},
		{column: "TIMESTAMP(6) NULL", values: []string{"'2020-01-01 01:00:00.5'"}, want: texts(replica.KindTime, "2020-01-01 00:00:00.500000")},
		{column: "YEAR", values: []string{"'0000'", "1901", "2155"}, want: []replica.Value{number(replica.KindUint, 0), number(replica.KindUint, 1901), number(replica.KindUint, 2155)}},
		{column: "CHAR(10)", values: []string{"'a  '", "''", "' b'"}, want: texts(replica.KindString, "a", "", " b")},
		{column: "VARCHAR(20) CHARACTER SET utf8mb4", values: []string{"'a  '", "'😀日本'", "''", `'\0\'"\\'`}, want: texts(replica.KindString, "a  ", "😀日本", "", "\x00'\"\\")},
		{column: "VARCHAR(20) CHARACTER SET latin1", values: []string{"'é€'", "_latin1 X'81ff'"}, want: texts(replica.KindString, "é€", "\u0081ÿ")},
		{column: "VARCHAR(20) CHARACTER SET ucs2", values: []string{"'日本'"}, want: texts(replica.KindString, "日本")},
		{column: "VARCHAR(20) CHARACTER SET gbk", values: []string{"'日本'"}, want: texts(replica.KindString, "日本")},
		{column: "TEXT CHARACTER SET sjis", values: []string{"'日本'"}, want: texts(replica.KindString, "日本")},
		{column: "LONGTEXT", values: []string{"'x'", "REPEAT('y', 100000)"}, want: texts(replica.KindString, "x", strings.Repeat("y", 100000))},
		{column: "BINARY(4)", values: []string{"X'61'", "X''", "X'00ff0000'"}, want: texts(replica.KindBytes, "a\x00\x00\x00", "\x00\x00\x00\x00", "\x00\xff\x00\x00")},
		{column: "VARBINARY(4)", values: []string{"X'61'", "X'00ff2000'", "X''"}, want: texts(replica.KindBytes, "a", "\x00\xff \x00", "")},
		{column: "BLOB", values: []string{"X'00ff'", "REPEAT(X'80', 65535)"}, want: texts(replica.KindBytes, "\x00\xff", strings.Repeat("\x80", 65535))},
		{column: "ENUM('b','a','1')", values: []string{"'b'", "'1'", "1", "''", "NULL"}, want: []replica.Value{number(replica.KindEnum, 1), number(replica.KindEnum, 3), number(replica.KindEnum, 1), number(replica.KindEnum, 0), null}},
		{column: "SET(" + members(64) + ")", values: []string{"'m0,m63'", "''", "18446744073709551615"}, want: []replica.Value{number(replica.KindSet, 1<<63|1), number(replica.KindSet, 0), number(replica.KindSet, math.MaxUint64)}},
		{column: "FLOAT", values: []string{"0.1", "16777217", "3.40282346e38", "1.4e-45", "NULL"},
			want: []replica.Value{float32Of(0.1), float32Of(16777217), float32Of(math.MaxFloat32), float32Of(1e-45), null}},
		{column: "FLOAT(7,3)", values: []string{"1234.5678"}, want: []replica.Value{float32Of(1234.568)}},
		{column: "FLOAT UNSIGNED ZEROFILL", values: []string{"3.25"}, want: []replica.Value{float32Of(3.25)}},
		{column: "DOUBLE", values: []string{"0.1", "1.7976931348623157e308", "4.9e-324", "123456789012345678"},
			want: []replica.Value{doubleOf(0.1), doubleOf(math.MaxFloat64), doubleOf(5e-324), doubleOf(123456789012345678)}},
		// MariaDB 10 stores no negative zero.
		{column: "FLOAT", only: servers.MySQL, values: []string{"'-0'"}, want: []replica.Value{float32Of(float32(math.Copysign(0, -1)))}},
		{column: "DOUBLE", only: servers.MySQL, values: []string{"'-0'"}, want: []replica.Value{doubleOf(math.Copysign(0, -1))}},
		{column: "DOUBLE(20,3)", values: []string{"12345678901234567.891", "0.3"}, want: []replica.Value{doubleOf(12345678901234567.891), doubleOf(0.3)}},
		{column: "JSON", only: servers.MySQL, values: []string{`'{"b": [1, 2.50, null], "a": "é"}'`, "'null'", "NULL"},
			want: []replica.Value{bytes(replica.KindJSON, `{"a": "é", "b": [1, 2.5, null]}`), bytes(replica.KindJSON, "null"), null}},
		{column: "JSON", only: servers.MariaDB, values: []string{`'{"b": [1, 2.50, null]}'`}, want: texts(replica.KindString, `{"b": [1, 2.50, null]}`)},
		{column: "VECTOR(2)", only: servers.MySQL, values: []string{"TO_VECTOR('[1, -2]')"}, want: texts(replica.KindBytes, "\x00\x00\x80\x3f\x00\x00\x00\xc0")},
	}
}

func members(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf("'m%d'", i)
	}
	return strings.Join(parts, ",")
}

// TestReadConvertsEveryType writes with a session in another time zone, and
// reads each type's edge values back exactly.
func TestReadConvertsEveryType(t *testing.T) {
	eachServer(t, func(t *testing.T, l *lab) {
		l.exec(t, "SET GLOBAL time_zone = '+01:00'")
		l.exec(t, "SET GLOBAL sql_mode = 'ALLOW_INVALID_DATES'")
		db, err := l.Open("d")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		l.db = db
		for i, c := range typeCases() {
			if !l.has(c.only) {
				continue
			}
			t.Run(c.column, func(t *testing.T) {
				name := fmt.Sprintf("t%d", i)
				l.exec(t, fmt.Sprintf("CREATE TABLE %s (id INT PRIMARY KEY, v %s) CHARACTER SET utf8mb4", name, c.column))
				for j, v := range c.values {
					if strings.HasPrefix(c.column, "ENUM") && v == "''" {
						l.exec(t, fmt.Sprintf("INSERT IGNORE INTO %s VALUES (%d, 'no member')", name, j))
						continue
					}
					l.exec(t, fmt.Sprintf("INSERT INTO %s VALUES (%d, %s)", name, j, v))
				}
				rows := l.readAll(t, snapshot.Chunk{Table: l.table(t, name)})
				if len(rows) != len(c.want) {
					t.Fatalf("%d rows, want %d", len(rows), len(c.want))
				}
				for j, row := range rows {
					if !row[1].Equal(c.want[j]) {
						t.Errorf("%s came back as %.100s, want %.100s", c.values[j], valueText(row[1]), valueText(c.want[j]))
					}
				}
			})
		}
	})
}

// TestReadFloatsExactly compares random floats with what was stored: binary
// parameters reach the server unrounded.
func TestReadFloatsExactly(t *testing.T) {
	eachServer(t, func(t *testing.T, l *lab) {
		l.exec(t, "CREATE TABLE d.f (id INT PRIMARY KEY, f FLOAT, d DOUBLE)")
		tx, err := l.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		insert, err := tx.PrepareContext(t.Context(), "INSERT INTO d.f VALUES (?, ?, ?)")
		if err != nil {
			t.Fatal(err)
		}
		r := seeded()
		var floats []float32
		var doubles []float64
		for len(floats) < 3000 {
			f, d := math.Float32frombits(r.Uint32()), math.Float64frombits(r.Uint64())
			if f != f || d != d || math.IsInf(float64(f), 0) || math.IsInf(d, 0) {
				continue
			}
			if _, err := insert.ExecContext(t.Context(), len(floats), float64(f), d); err != nil {
				t.Fatal(err)
			}
			floats, doubles = append(floats, f), append(doubles, d)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		for i, row := range l.readAll(t, snapshot.Chunk{Table: l.table(t, "f")}) {
			if !row[1].Equal(float32Of(floats[i])) || !row[2].Equal(doubleOf(doubles[i])) {
				t.Fatalf("row %d: %v and %v came back as %v and %v", i, floats[i], doubles[i],
					math.Float64frombits(row[1].Num), math.Float64frombits(row[2].Num))
			}
		}
	})
}

// TestReadColumns: generated columns are NULL, invisible ones and a generated
// invisible primary key are read, and odd names do not matter.
func TestReadColumns(t *testing.T) {
	l := newLab(t, servers.MySQL)
	l.exec(t, "CREATE DATABASE `we``ird. ä`")
	l.exec(t, "SET GLOBAL sql_generate_invisible_primary_key = ON")
	db, err := l.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE d.g (a INT, `b ``.é` INT INVISIBLE, v INT AS (a + 1) VIRTUAL, s INT AS (a + 2) STORED, p POINT AS (POINT(1, a)) VIRTUAL)"); err != nil {
		t.Fatal(err)
	}
	l.exec(t, "INSERT INTO d.g (a, `b ``.é`) VALUES (1, 2), (3, 4)")
	m := l.table(t, "g")
	if m.Columns[0].Name != "my_row_id" || m.RowKey() == nil {
		t.Fatalf("first column is %s", m.Columns[0].Name)
	}
	// v and s are plain columns in a target, or the target generates them.
	carrying := m.Carrying(func(c *replica.Column) bool { return c.Type == replica.TypeInt })
	for want, table := range map[string]*replica.Table{
		"2:1|1:1|1:2|13:0|13:0|13:0, 2:2|1:3|1:4|13:0|13:0|13:0": m,
		"2:1|1:1|1:2|1:2|1:3|13:0, 2:2|1:3|1:4|1:4|1:5|13:0":     carrying,
	} {
		var got []string
		for _, row := range l.readAll(t, snapshot.Chunk{Table: table}) {
			got = append(got, rowText(row))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("rows %v, want %s", got, want)
		}
	}

	// A GEOMETRY is read as the bytes that the server stores: an SRID and a WKB.
	l.exec(t, "CREATE TABLE d.geo (id INT PRIMARY KEY, p POINT)")
	l.exec(t, "INSERT INTO d.geo VALUES (1, ST_GeomFromText('POINT(1 2)'))")
	rows := l.readAll(t, snapshot.Chunk{Table: l.table(t, "geo")})
	const point = "00000000" + "0101000000000000000000F03F0000000000000040"
	if len(rows) != 1 || fmt.Sprintf("%X", rows[0][1].Bytes) != point {
		t.Errorf("a table with a POINT: %v", rows)
	}
}

// TestReadBatches: a large chunk comes in bounded batches that stay intact, an
// error of the callee ends the read at once and is returned as it is, and a
// cancelled context returns its cause.
func TestReadBatches(t *testing.T) {
	l := newLab(t, servers.MariaDB)
	l.exec(t, "CREATE TABLE d.big (id INT PRIMARY KEY, v LONGTEXT, s VARCHAR(20))")
	l.exec(t, "INSERT INTO d.big SELECT seq, REPEAT(CHAR(97 + seq % 26), 30000), CONCAT('s', seq) FROM d.seq_1_to_1000")
	m := l.table(t, "big")
	conn, err := l.src.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var all [][]replica.Value
	batches := 0
	rows, size, err := snapshot.Read(t.Context(), conn, snapshot.Chunk{Table: m}, func(batch [][]replica.Value) error {
		n := 0
		for _, row := range batch {
			n += len(row[1].Bytes)
		}
		if n > 5<<20 {
			t.Errorf("a batch of %d bytes", n)
		}
		batches++
		all = append(all, batch...)
		return nil
	})
	if err != nil || rows != 1000 || size < 30_000_000 || batches < 7 {
		t.Fatalf("%d rows, %d bytes, %d batches, %v", rows, size, batches, err)
	}
	for i, row := range all {
		want := strings.Repeat(string(rune('a'+(i+1)%26)), 30000)
		if string(row[1].Bytes) != want || string(row[2].Bytes) != fmt.Sprintf("s%d", i+1) {
			t.Fatalf("row %d was overwritten after it was handed on", i)
		}
	}

	stop := errors.New("stop")
	calls := 0
	_, _, err = snapshot.Read(t.Context(), conn, snapshot.Chunk{Table: m}, func([][]replica.Value) error {
		calls++
		return stop
	})
	if err != stop || calls != 1 {
		t.Errorf("the callee's error came back as %v after %d calls", err, calls)
	}

	cause := errors.New("lost ownership")
	ctx, cancel := context.WithCancelCause(t.Context())
	other, err := l.src.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, _, err = snapshot.Read(ctx, other, snapshot.Chunk{Table: m}, func([][]replica.Value) error {
		cancel(cause)
		return nil
	})
	if !errors.Is(err, cause) {
		t.Errorf("a cancelled read returned %v", err)
	}
	if err := l.src.DB().PingContext(t.Context()); err != nil {
		t.Errorf("the pool is unusable after cut-off reads: %v", err)
	}
}
