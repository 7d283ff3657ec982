package apply

import (
	"strconv"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// sourceType finds a column's type from its SQL text.
func sourceType(column string) replica.ColumnType {
	word := strings.ToUpper(strings.FieldsFunc(column, func(r rune) bool { return r == ' ' || r == '(' })[0])
	return map[string]replica.ColumnType{"INT": replica.TypeInt, "BIGINT": replica.TypeBigInt, "YEAR": replica.TypeYear, "FLOAT": replica.TypeFloat,
		"DOUBLE": replica.TypeDouble, "DECIMAL": replica.TypeDecimal, "DATE": replica.TypeDate, "DATETIME": replica.TypeDateTime,
		"TIMESTAMP": replica.TypeTimestamp, "TIME": replica.TypeTime, "VARCHAR": replica.TypeVarchar, "TEXT": replica.TypeText, "CHAR": replica.TypeChar,
		"VARBINARY": replica.TypeVarbinary, "BLOB": replica.TypeBlob, "BINARY": replica.TypeBinary, "JSON": replica.TypeJSON, "BIT": replica.TypeBit,
		"ENUM": replica.TypeEnum, "SET": replica.TypeSet}[word]
}

// plain is a usual value of the kind of v.
func plain(v replica.Value) replica.Value {
	switch v.Kind {
	case replica.KindInt:
		return number(v.Kind, 1)
	case replica.KindUint:
		return number(v.Kind, 2000)
	case replica.KindFloat, replica.KindDouble:
		return double(v.Kind, 1.5)
	case replica.KindDecimal:
		return kind(v.Kind, "1."+strings.Repeat("0", 30))
	case replica.KindString:
		return kind(v.Kind, "7")
	}
	return v
}

// TestCases: several updates in one statement leave every type's values as they
// are, and report each row that was there and changed.
func TestCases(t *testing.T) {
	for _, server := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(server), func(t *testing.T) {
			tt := newTarget(t, server)
			s := &slot{connector: tt.connector(tt.server.Addr())}
			if err := s.ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer s.drop()
			done := 0
			for i, l := range literals {
				typ := sourceType(l.column)
				if typ == replica.TypeUnknown {
					t.Fatalf("%q has no type", l.column)
				}
				if l.value.IsNull() || !inCase(typ) {
					continue
				}
				done++
				name := "k" + strconv.Itoa(i)
				tt.exec("CREATE TABLE a." + name + " (id INT PRIMARY KEY, u INT UNIQUE, w INT UNIQUE, c " + l.column + ")")
				pk := &replica.Index{Columns: []int{0}}
				b, err := Bind(&replica.Table{Schema: "a", Name: name, Primary: pk, Unique: []replica.Index{{Columns: []int{1}}, {Columns: []int{2}}},
					Columns: []replica.Column{{Name: "id", Type: replica.TypeInt}, {Name: "u", Type: replica.TypeInt}, {Name: "w", Type: replica.TypeInt}, {Name: "c", Type: typ}}},
					"a", name, func(string) bool { return true })
				if err != nil {
					t.Fatal(err)
				}
				usual, null := plain(l.value), replica.Value{}
				before := []replica.Value{usual, usual, null, usual, null}
				after := []replica.Value{l.value, null, l.value, null, usual}
				if usual.Equal(l.value) { // there is no other value of the type at hand
					before[0] = null
				}
				p := &tablePlan{binding: b}
				w := writer{text: &sqlText{}}
				var rows [][]replica.Value
				for n := range before {
					id := number(replica.KindInt, uint64(n+1))
					row := func(c replica.Value) []replica.Value { return []replica.Value{id, id, id, c} }
					rows = append(rows, row(before[n]))
					p.updates = append(p.updates, rowUpdate{row(before[n]), row(after[n])})
				}
				w.inserts(b, "INSERT INTO ", rows, 1)
				w.updates(p)
				if len(w.out) != 2 || !strings.Contains(string(w.out[1].sql), "CASE") {
					t.Fatalf("%s: %d statements, the last is %s", l.column, len(w.out), w.out[len(w.out)-1].sql)
				}
				for _, st := range w.out {
					if got, err := s.sess.exec(t.Context(), st.sql); err != nil || got[0] != st.want {
						t.Errorf("%s: %s affected %v, want %d: %v", l.column, st.sql, got, st.want, err)
					}
				}
				for n := range after {
					row, err := s.sess.queryRow(t.Context(), "SELECT IFNULL("+l.expr+",'NULL') FROM a."+name+" WHERE id="+strconv.Itoa(n+1))
					if err != nil {
						t.Fatal(err)
					}
					if after[n].Equal(l.value) && row[0] != l.want || after[n].IsNull() && row[0] != "NULL" {
						t.Errorf("%s, row %d: %q instead of %q", l.column, n+1, row[0], l.want)
					}
				}
				// The same updates again change nothing, and the count tells.
				if got, err := s.sess.exec(t.Context(), w.out[1].sql); err != nil || got[0] != 0 {
					t.Errorf("%s: the same again affected %v: %v", l.column, got, err)
				}
			}
			if done < 20 {
				t.Errorf("only %d types", done)
			}
		})
	}
}

// TestKeyLists deletes rows by lists of keys: composite ones, texts that only
// differ in what a collation holds equal, bytes.
func TestKeyLists(t *testing.T) {
	for _, server := range []servers.Kind{servers.TiDB, servers.MySQL} {
		t.Run(string(server), func(t *testing.T) {
			tt := newTarget(t, server)
			s := &slot{connector: tt.connector(tt.server.Addr())}
			if err := s.ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer s.drop()
			for i, c := range []struct {
				columns []string
				rows    [][]replica.Value
				listed  bool
			}{
				{[]string{"BIGINT UNSIGNED", "INT"}, [][]replica.Value{{number(replica.KindUint, 1<<63), number(replica.KindInt, 1)},
					{number(replica.KindUint, 1<<63+1), number(replica.KindInt, 1)}, {number(replica.KindUint, 1), number(replica.KindInt, 1<<64-5)}}, true},
				{[]string{"VARCHAR(9) COLLATE utf8mb4_general_ci", "VARBINARY(9)"}, [][]replica.Value{{kind(replica.KindString, "1"), kind(replica.KindBytes, "\x001")},
					{kind(replica.KindString, "01"), kind(replica.KindBytes, "\x00")}, {kind(replica.KindString, "é'"), kind(replica.KindBytes, "")}}, true},
				{[]string{"DECIMAL(20,5)", "INT"}, [][]replica.Value{{kind(replica.KindDecimal, "1.50000"), number(replica.KindInt, 1)},
					{kind(replica.KindDecimal, "1.50001"), number(replica.KindInt, 1)}}, false},
				{[]string{"DATETIME(6)", "INT"}, [][]replica.Value{{kind(replica.KindTime, "0000-00-00 00:00:00.000000"), number(replica.KindInt, 1)},
					{kind(replica.KindTime, "2020-01-01 00:00:00.000001"), number(replica.KindInt, 1)}}, false},
				{[]string{"DATETIME(6)"}, [][]replica.Value{{kind(replica.KindTime, "0000-00-00 00:00:00.000000")}, {kind(replica.KindTime, "2020-01-01 00:00:00.000001")}}, true},
				{[]string{"FLOAT"}, [][]replica.Value{{double(replica.KindFloat, float64(float32(0.1)))}, {double(replica.KindFloat, 2)}}, false},
			} {
				name := "d" + strconv.Itoa(i)
				table := &replica.Table{Schema: "a", Name: name, Primary: &replica.Index{}}
				var defs, keys []string
				for n, def := range c.columns {
					col := "c" + strconv.Itoa(n)
					defs, keys = append(defs, col+" "+def), append(keys, col)
					table.Columns = append(table.Columns, replica.Column{Name: col, Type: sourceType(def)})
					table.Primary.Columns = append(table.Primary.Columns, n)
				}
				tt.exec("CREATE TABLE a." + name + " (" + strings.Join(defs, ",") + ", PRIMARY KEY (" + strings.Join(keys, ",") + "))")
				b, err := Bind(table, "a", name, func(string) bool { return false })
				if err != nil {
					t.Fatal(err)
				}
				if b.listed != c.listed {
					t.Errorf("%v: in a list: %v", c.columns, b.listed)
				}
				w := writer{text: &sqlText{}}
				w.inserts(b, "INSERT INTO ", c.rows, 1)
				w.deletes(&tablePlan{binding: b, deletes: c.rows[1:]})
				for _, st := range w.out {
					if got, err := s.sess.exec(t.Context(), st.sql); err != nil || got[0] != st.want {
						t.Errorf("%v: %s affected %v, want %d: %v", c.columns, st.sql, got, st.want, err)
					}
				}
				if left := tt.one("SELECT COUNT(*) FROM a." + name); left != "1" {
					t.Errorf("%v: %s rows are left", c.columns, left)
				}
			}
		})
	}
}
