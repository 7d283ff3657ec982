package schema

import "testing"

// TestNarrowed has the type changes that TiDB may carry out without writing the rows, and what must not be in them.
func TestNarrowed(t *testing.T) {
	col := func(sql string) *typeDef {
		t.Helper()
		d, err := parseDefinition("CREATE TABLE t (c "+sql+")", Defaults{})
		if err != nil {
			t.Fatal(err)
		}
		return &d.columns[0].typ
	}
	for _, c := range []struct{ from, to, want string }{
		{"BIGINT", "INT", "%[1]s<-2147483648 OR %[1]s>2147483647"},
		{"BIGINT", "INT UNSIGNED", "%[1]s<0 OR %[1]s>4294967295"},
		{"BIGINT UNSIGNED", "BIGINT", "%[1]s<-9223372036854775808 OR %[1]s>9223372036854775807"},
		{"BIGINT UNSIGNED", "TINYINT UNSIGNED", "%[1]s>255"},
		{"INT", "BIGINT UNSIGNED", "%[1]s<0 OR %[1]s>18446744073709551615"},
		{"INT UNSIGNED", "BIGINT", fitsAlways}, {"INT", "BIGINT", ""}, {"INT", "INT", ""}, {"INT", "VARCHAR(9)", ""}, {"DECIMAL(9,2)", "INT", ""},
		{"VARCHAR(30)", "VARCHAR(20)", "CHAR_LENGTH(%[1]s)>20"}, {"VARCHAR(20)", "VARCHAR(30)", ""},
		{"VARCHAR(20)", "CHAR(20)", fitsAlways}, {"VARCHAR(20)", "CHAR(5)", "CHAR_LENGTH(%[1]s)>5"}, {"CHAR(20)", "VARCHAR(20)", fitsAlways},
		{"TEXT", "VARCHAR(30)", "CHAR_LENGTH(%[1]s)>30"}, {"TEXT", "TINYTEXT", "LENGTH(%[1]s)>255"}, {"VARCHAR(100)", "TINYTEXT", "LENGTH(%[1]s)>255"},
		{"VARCHAR(60)", "TINYTEXT", fitsAlways}, {"TEXT", "LONGTEXT", fitsAlways},
		{"VARBINARY(30)", "VARBINARY(20)", "LENGTH(%[1]s)>20"}, {"BLOB", "TINYBLOB", "LENGTH(%[1]s)>255"}, {"VARCHAR(9)", "VARBINARY(5)", ""},
	} {
		if got := narrowed(col(c.from), col(c.to)); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}
