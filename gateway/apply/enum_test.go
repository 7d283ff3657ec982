package apply

import (
	"strings"
	"testing"

	"sluice/replica"
)

func enumTable() *replica.Table {
	return &replica.Table{Schema: "a", Name: "e", Primary: &replica.Index{Columns: []int{0}, Prefix: []int{0}},
		Columns: []replica.Column{{Name: "id", Type: replica.TypeInt, SQLType: "int"}, {Name: "e", Type: replica.TypeEnum, SQLType: "enum('','b')", Elements: []string{"", "b"}}}}
}

func enumRow(id, e uint64) []replica.Value {
	return []replica.Value{{Kind: replica.KindInt, Num: id}, {Kind: replica.KindEnum, Num: e}}
}

// TestEnumZeroStatements: the error value is written as an expression, compared
// as a number, and never through VALUES() or a parameter.
func TestEnumZeroStatements(t *testing.T) {
	b, err := Bind(enumTable(), "a", "e", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if got := string(appendLiteral(nil, &replica.Value{Kind: replica.KindEnum})); got != enumZero {
		t.Error(got)
	}
	if got := string(appendMatch(nil, "`e`", replica.TypeEnum, replica.Value{Kind: replica.KindEnum})) + string(appendKeyMatch(nil, "`e`", replica.Value{Kind: replica.KindEnum})); got != "`e`+0=0`e`+0=0" {
		t.Error(got)
	}
	var list []rowUpdate
	for i := range uint64(8) {
		list = append(list, rowUpdate{enumRow(i, 2), enumRow(i, i%2*2)})
	}
	w := writer{text: &sqlText{}, several: 2}
	w.updates(&tablePlan{binding: b, updates: list})
	upserts, singles := 0, 0
	for _, s := range w.out {
		switch sql := string(s.sql); {
		case strings.Contains(sql, "VALUES("):
			upserts++
			if strings.Contains(sql, enumZero) {
				t.Error(sql)
			}
		case strings.Contains(sql, "SET `e`="+enumZero):
			singles++
		}
	}
	if upserts != 1 || singles != 4 {
		t.Errorf("%d upserts, %d single updates", upserts, singles)
	}
	if kindsOf(b, enumRow(1, 0)) == kindsOf(b, enumRow(1, 1)) {
		t.Error("a row with the error value is of the same prepared statement as others")
	}
	for _, c := range []struct {
		x, y   uint64
		unseen bool
	}{{0, 1, true}, {1, 0, true}, {0, 2, false}, {1, 2, false}} {
		if got := b.unseen(enumRow(1, c.x), enumRow(1, c.y)); got != c.unseen {
			t.Errorf("from %d to %d: unseen %v", c.x, c.y, got)
		}
	}
}
