package apply

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

func kind(k replica.Kind, s string) replica.Value   { return replica.Value{Kind: k, Bytes: []byte(s)} }
func number(k replica.Kind, n uint64) replica.Value { return replica.Value{Kind: k, Num: n} }
func double(k replica.Kind, f float64) replica.Value {
	return replica.Value{Kind: k, Num: math.Float64bits(f)}
}

// everyByte is text with all of ASCII, and some of the rest of Unicode.
func everyByte() string {
	var b strings.Builder
	for c := range rune(128) {
		b.WriteRune(c)
	}
	return b.String() + "é\u2028\U0001F363 trailing "
}

// literals lists values, the column type that holds them and what an expression
// over the column then says.
var literals = []struct {
	column, expr string
	value        replica.Value
	want         string
}{
	{"INT", "c", number(replica.KindInt, math.MaxUint64), "-1"},
	{"BIGINT", "c", number(replica.KindInt, 1<<63), "-9223372036854775808"},
	{"BIGINT UNSIGNED", "c", number(replica.KindUint, math.MaxUint64), "18446744073709551615"},
	{"YEAR", "c", number(replica.KindUint, 0), "0000"},
	{"YEAR", "c", number(replica.KindUint, 2155), "2155"},
	{"FLOAT", "c=CAST(3.4028234663852886e38 AS DOUBLE)", double(replica.KindFloat, math.MaxFloat32), "1"},
	{"FLOAT", "c+0.0e0", double(replica.KindFloat, float64(float32(0.1))), "0.10000000149011612"},
	{"DOUBLE", "c=0.10000000149011612e0", double(replica.KindFloat, float64(float32(0.1))), "1"},
	{"DOUBLE", "c=4.9e-324", double(replica.KindDouble, math.SmallestNonzeroFloat64), "1"},
	{"DOUBLE", "c=1.7976931348623157e308", double(replica.KindDouble, math.MaxFloat64), "1"},
	{"DOUBLE", "c=0.1e0", double(replica.KindDouble, 0.1), "1"},
	{"DECIMAL(65,30)", "c", kind(replica.KindDecimal, "-12345678901234567890123456789012345.123456789012345678901234567890"), "-12345678901234567890123456789012345.123456789012345678901234567890"},
	{"DATE", "c", kind(replica.KindTime, "0000-00-00"), "0000-00-00"},
	{"DATE", "c", kind(replica.KindTime, "2023-00-10"), "2023-00-10"},
	{"DATE", "c", kind(replica.KindTime, "2023-02-31"), "2023-02-31"},
	{"DATETIME(6)", "c", kind(replica.KindTime, "9999-12-31 23:59:59.999999"), "9999-12-31 23:59:59.999999"},
	{"DATETIME", "c", kind(replica.KindTime, "0000-00-00 00:00:00"), "0000-00-00 00:00:00"},
	{"TIMESTAMP(3) NULL", "c", kind(replica.KindTime, "2038-01-19 03:14:07.999"), "2038-01-19 03:14:07.999"},
	{"TIMESTAMP NULL", "c", kind(replica.KindTime, "0000-00-00 00:00:00"), "0000-00-00 00:00:00"},
	{"TIMESTAMP NULL", "c", kind(replica.KindTime, "2023-03-26 02:30:00"), "2023-03-26 02:30:00"},
	{"TIME(6)", "c", kind(replica.KindTime, "-838:59:58.999999"), "-838:59:58.999999"},
	{"TIME", "c", kind(replica.KindTime, "-00:00:01"), "-00:00:01"},
	{"VARCHAR(300) CHARACTER SET utf8mb4", "c", kind(replica.KindString, everyByte()), everyByte()},
	{"VARCHAR(9)", "HEX(c)", kind(replica.KindString, "\\'\"%_\n\r\x00"), "5C2722255F0A0D00"},
	{"TEXT", "c", kind(replica.KindString, ""), ""},
	{"CHAR(4)", "HEX(c)", kind(replica.KindString, " a"), "2061"},
	{"VARBINARY(300)", "HEX(c)", kind(replica.KindBytes, "\x00\xff\xfe'\\ "), "00FFFE275C20"},
	{"BLOB", "LENGTH(c)", kind(replica.KindBytes, ""), "0"},
	{"BINARY(3)", "HEX(c)", kind(replica.KindBytes, "a\x00\x00"), "610000"},
	{"JSON", "c", kind(replica.KindJSON, `{"a": "x'\"\\ \u0001é", "b": [1, null, true]}`), `{"a": "x'\"\\ \u0001é", "b": [1, null, true]}`},
	{"JSON", "JSON_TYPE(c)", kind(replica.KindJSON, "null"), "NULL"},
	{"BIT(64)", "HEX(c)", number(replica.KindBit, math.MaxUint64), "FFFFFFFFFFFFFFFF"},
	{"BIT(1)", "c+0", number(replica.KindBit, 0), "0"},
	{"ENUM('','b')", "c+0", number(replica.KindEnum, 1), "1"},
	{"ENUM('1','0')", "c", number(replica.KindEnum, 2), "0"},
	{"SET('a','b','c')", "c", number(replica.KindSet, 5), "a,c"},
	{"SET('a')", "c", number(replica.KindSet, 0), ""},
	{"INT", "c", replica.Value{}, "NULL"},
}

// TestLiterals: every kind of value arrives as it is, in a lane's session.
func TestLiterals(t *testing.T) {
	for _, server := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(server), func(t *testing.T) {
			tt := newTarget(t, server)
			s := &slot{connector: tt.connector(tt.server.Addr())}
			if err := s.ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer s.drop()
			var columns []string
			for i, l := range literals {
				columns = append(columns, "c"+strconv.Itoa(i)+" "+l.column)
			}
			tt.exec("CREATE TABLE a.l (" + strings.Join(columns, ",") + ")")
			tt.exec("CREATE TABLE a.auto (c INT AUTO_INCREMENT, KEY (c))")
			for i, l := range append(literals, literals[0]) {
				table, c := "a.l", "c"+strconv.Itoa(i)
				if i == len(literals) {
					table, c, l.value, l.want = "a.auto", "c", number(replica.KindInt, 0), "0"
				}
				sql := append(appendLiteral([]byte("INSERT INTO "+table+"("+c+") VALUES ("), &l.value), ')')
				if _, err := s.sess.exec(t.Context(), sql); err != nil {
					t.Errorf("%s %s: %v", l.column, l.want, err)
					continue
				}
				row, err := s.sess.queryRow(t.Context(), "SELECT IFNULL("+strings.ReplaceAll(l.expr, "c", c)+",'NULL') FROM "+table)
				if err != nil {
					t.Fatal(err)
				}
				if row[0] != l.want {
					t.Errorf("%s: %q instead of %q", l.column, row[0], l.want)
				}
				if i < len(literals) && server == servers.TiDB {
					readPrepared(t, s, l.value, table, c, l.column, strings.ReplaceAll(l.expr, "c", c), l.want)
				}
				// The same value finds its row again.
				match := appendMatch(nil, c, 0, l.value)
				got, err := s.sess.exec(t.Context(), append([]byte("DELETE FROM "+table+" WHERE "), match...))
				if err != nil || got[0] != 1 {
					t.Errorf("%s %s: %s matched %v rows: %v", l.column, l.want, match, got, err)
				}
			}
		})
	}
}

// readPrepared writes the value a second time, by a prepared statement, and reads
// that row: it has the same.
func readPrepared(t *testing.T, s *slot, v replica.Value, table, column, of, expr, want string) {
	t.Helper()
	schema, name, _ := strings.Cut(table, ".")
	b, err := Bind(&replica.Table{Schema: schema, Name: name, Columns: []replica.Column{{Name: column, Type: replica.TypeInt}}}, schema, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.IsNull() {
		return
	}
	s.forms.rows = 1
	for range formAfter {
		appendInserts(nil, &s.forms, b, "INSERT INTO ", [][]replica.Value{{v}}, 1)
	}
	stmts := appendInserts(nil, &s.forms, b, "INSERT INTO ", [][]replica.Value{{v}}, 1)
	if len(stmts) != 1 || stmts[0].form == nil {
		t.Fatalf("%s: no form is used", of)
	}
	if _, err := s.sess.exec(t.Context(), []byte("DELETE FROM "+table)); err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(t.Context(), stmts); err != nil || stmts[0].form == nil {
		t.Fatalf("%s: prepare: %v", of, err)
	}
	for range 2 { // with the parameters' types, and without
		if _, err := s.sess.exec(t.Context(), []byte("DELETE FROM "+table)); err != nil {
			t.Fatal(err)
		}
		n, err := s.sess.conn.Exec(t.Context(), append(stmts[0].form.begin(nil), stmts[0].sql...))
		if err != nil || n[0] != 1 {
			t.Errorf("%s, prepared: %v, %v", of, n, err)
			return
		}
		stmts[0].form.bound = true
		row, err := s.sess.queryRow(t.Context(), "SELECT IFNULL("+expr+",'NULL') FROM "+table)
		if err != nil || row[0] != want {
			t.Errorf("%s, prepared: %v instead of %q: %v", of, row, want, err)
		}
	}
	s.forms.list = nil
}

// near lists, per column type, values that some comparison holds equal; a
// keyless row must be found among them by its own value alone.
var near = []struct {
	column string
	values []replica.Value
}{
	{"VARCHAR(20) COLLATE utf8mb4_general_ci", []replica.Value{kind(replica.KindString, "a"), kind(replica.KindString, "A"), kind(replica.KindString, "a "), kind(replica.KindString, "á"), kind(replica.KindString, ""), kind(replica.KindString, " "), {}}},
	{"VARCHAR(20) COLLATE utf8mb4_bin", []replica.Value{kind(replica.KindString, "a"), kind(replica.KindString, "a "), kind(replica.KindString, "a\x00"), {}}},
	{"VARCHAR(20) CHARACTER SET latin1", []replica.Value{kind(replica.KindString, "é"), kind(replica.KindString, "e"), kind(replica.KindString, "E")}},
	{"VARCHAR(20) CHARACTER SET gbk", []replica.Value{kind(replica.KindString, "一"), kind(replica.KindString, "二"), kind(replica.KindString, "a"), kind(replica.KindString, "A")}},
	{"TEXT", []replica.Value{kind(replica.KindString, "0"), kind(replica.KindString, "00"), kind(replica.KindString, "0.0"), kind(replica.KindString, "")}},
	{"VARBINARY(9)", []replica.Value{kind(replica.KindBytes, "a"), kind(replica.KindBytes, "a\x00"), kind(replica.KindBytes, "A"), kind(replica.KindBytes, "a "), kind(replica.KindBytes, "")}},
	{"JSON", []replica.Value{kind(replica.KindJSON, `"a"`), kind(replica.KindJSON, `"A"`), kind(replica.KindJSON, `"a "`), kind(replica.KindJSON, `null`), kind(replica.KindJSON, `[1, 2]`), kind(replica.KindJSON, `[2, 1]`), kind(replica.KindJSON, `"1"`), kind(replica.KindJSON, `1`), kind(replica.KindJSON, `true`), {}}},
	{"FLOAT", []replica.Value{double(replica.KindFloat, float64(float32(0.1))), double(replica.KindFloat, float64(math.Nextafter32(0.1, 1))), double(replica.KindFloat, 16777216), double(replica.KindFloat, 16777218), {}}},
	{"DOUBLE", []replica.Value{double(replica.KindDouble, 0.1), double(replica.KindDouble, math.Nextafter(0.1, 1)), double(replica.KindDouble, 9007199254740992), double(replica.KindDouble, 9007199254740994)}},
	{"BIGINT UNSIGNED", []replica.Value{number(replica.KindUint, math.MaxUint64), number(replica.KindUint, math.MaxUint64-1), number(replica.KindUint, 0), {}}},
	{"DECIMAL(40,20)", []replica.Value{kind(replica.KindDecimal, "0.10000000000000000001"), kind(replica.KindDecimal, "0.10000000000000000002"), kind(replica.KindDecimal, "0.00000000000000000000")}},
	{"DATETIME(6)", []replica.Value{kind(replica.KindTime, "2020-01-01 00:00:00.000001"), kind(replica.KindTime, "2020-01-01 00:00:00.000000"), kind(replica.KindTime, "0000-00-00 00:00:00.000000"), {}}},
	{"TIME(1)", []replica.Value{kind(replica.KindTime, "00:00:00.0"), kind(replica.KindTime, "-00:00:00.1"), kind(replica.KindTime, "00:00:00.1")}},
	{"ENUM('','0','1')", []replica.Value{number(replica.KindEnum, 1), number(replica.KindEnum, 2), number(replica.KindEnum, 3), {}}},
	{"SET('','a')", []replica.Value{number(replica.KindSet, 0), number(replica.KindSet, 1), number(replica.KindSet, 2)}},
	{"BIT(8)", []replica.Value{number(replica.KindBit, 0), number(replica.KindBit, 48), {}}},
}

// TestMatchFindsItsOwnRow deletes near-equal keyless rows one by one, each by
// its own value, with the product's statement.
func TestMatchFindsItsOwnRow(t *testing.T) {
	for _, server := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(server), func(t *testing.T) {
			tt := newTarget(t, server)
			s := &slot{connector: tt.connector(tt.server.Addr())}
			if err := s.ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer s.drop()
			columns := []string{"no INT"}
			for i, n := range near {
				columns = append(columns, "c"+strconv.Itoa(i)+" "+n.column)
			}
			tt.exec("CREATE TABLE a.n (" + strings.Join(columns, ",") + ")")
			for i, n := range near {
				tt.exec("DELETE FROM a.n")
				c := "c" + strconv.Itoa(i)
				b, err := Bind(&replica.Table{Schema: "a", Name: "n", Columns: []replica.Column{{Name: c, Type: replica.TypeVarchar}}}, "a", "n", func(string) bool { return false })
				if err != nil {
					t.Fatal(err)
				}
				for no, v := range n.values {
					sql := append(appendLiteral([]byte("INSERT INTO a.n("+c+",no) VALUES ("), &v), fmt.Sprintf(",%d)", no)...)
					if _, err := s.sess.exec(t.Context(), sql); err != nil {
						t.Fatalf("%s: %v", sql, err)
					}
				}
				for no, v := range n.values {
					w := writer{text: &sqlText{}}
					w.exactly(&change{binding: b, op: replica.Delete, before: []replica.Value{v}})
					st := w.out[0]
					got, err := s.sess.exec(t.Context(), st.sql)
					if err != nil || got[0] != 1 {
						t.Errorf("%s: %s deleted %v rows: %v", n.column, st.sql, got, err)
					}
					if left := tt.one("SELECT IFNULL(GROUP_CONCAT(no ORDER BY no),'') FROM a.n"); strings.Contains(","+left+",", ","+strconv.Itoa(no)+",") {
						t.Errorf("%s: %s deleted another row; left %s", n.column, st.sql, left)
					}
				}
			}
		})
	}
}

// TestUpdatesThatTargetsSeeOtherwise: a column that the target would set by
// itself keeps the source's value, and changes that TiDB does not see as such
// are no conflict.
func TestUpdatesThatTargetsSeeOtherwise(t *testing.T) {
	for _, server := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(server), func(t *testing.T) {
			tt := newTarget(t, server)
			for n, keyless := range []bool{false, true} {
				table := &replica.Table{Schema: "a", Name: "u", Columns: []replica.Column{{Name: "id", Type: replica.TypeInt}, {Name: "v", Type: replica.TypeInt},
					{Name: "ts", Type: replica.TypeTimestamp}, {Name: "dt", Type: replica.TypeDateTime}, {Name: "d", Type: replica.TypeDouble}, {Name: "j", Type: replica.TypeJSON}},
					Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0}}}
				pk := " PRIMARY KEY"
				if keyless {
					table.Primary, pk = nil, ""
				}
				tt.exec("DROP TABLE IF EXISTS a.u")
				tt.exec("CREATE TABLE a.u (id INT NOT NULL" + pk + ", v INT, ts TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), dt DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, d DOUBLE, j JSON)")
				b, err := Bind(table, "a", "u", func(string) bool { return true })
				if err != nil {
					t.Fatal(err)
				}
				image := func(v int, d float64, j string) []replica.Value {
					return []replica.Value{simInt64(1), simInt64(v), kind(replica.KindTime, "2001-02-03 04:05:06.789"), kind(replica.KindTime, "2001-02-03 04:05:06"), double(replica.KindDouble, d), kind(replica.KindJSON, j)}
				}
				a := tt.open(tt.claim(), tt.server.Addr(), routes{table: b})
				images := [][]replica.Value{nil, image(1, 0, `{"a": 1}`), image(2, 0, `{"a": 1}`), image(2, math.Copysign(0, -1), `{"a": 1}`), image(2, 0, `{"a": 1.0}`), image(3, 0, `{"a": 1}`), image(3, 0, `{"a": 2}`)}
				for i := 1; i < len(images); i++ {
					r := replica.RowChange{Table: table, Op: replica.Update, Before: images[i-1], After: images[i]}
					if i == 1 {
						r.Op = replica.Insert
					}
					if err := a.Apply(t.Context(), &replica.Transaction{ID: replica.TxnID{Source: simUUID, Seq: uint64(n*100 + i)}, Rows: []replica.RowChange{r}}); err != nil {
						t.Fatal(err)
					}
					if err := a.Drain(t.Context()); err != nil {
						t.Fatalf("keyless %v, change %d: %v", keyless, i, err)
					}
				}
				if err := a.Close(); err != nil {
					t.Fatal(err)
				}
				if got := tt.one("SELECT CONCAT_WS(' ',id,v,ts,dt,d,j) FROM a.u"); got != `1 3 2001-02-03 04:05:06.789 2001-02-03 04:05:06 0 {"a": 2}` {
					t.Errorf("keyless %v: %s", keyless, got)
				}
			}
		})
	}
}
