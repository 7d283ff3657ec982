package schema

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/replica"
	"sluice/ruleset"
)

var drawnTypes = []string{"INT", "bigint unsigned", "TINYINT(1)", "DECIMAL(9,2)", "VARCHAR(20)", "char(3) character set latin1", "TEXT", "BLOB(300)", "enum('a','b''c','\\\\')",
	"SET('x','y')", "DATETIME(3)", "TIMESTAMP NULL", "JSON", "VARBINARY(7)", "BIT(3)", "YEAR(4)", "varchar(9) binary", "TEXT(70000) COLLATE utf8mb4_bin", "INT ZEROFILL", "CHAR(4) CHARSET binary"}

var drawnAttributes = []string{"", "NOT NULL", "NULL", "COMMENT 'it''s -- not /* a */ comment'", "DEFAULT NULL", "/*!80023 INVISIBLE */", "/* , */ NULL"}

var columnName = rapid.SampledFrom([]string{"a", "b", "c", "`d e`", "`f``g`", "Key1", "ü"})

func drawColumn(t *rapid.T) string { return drawColumnNamed(t, columnName.Draw(t, "name")) }

func drawColumnNamed(t *rapid.T, name string) string {
	return name + " " + rapid.SampledFrom(drawnTypes).Draw(t, "type") + " " + rapid.SampledFrom(drawnAttributes).Draw(t, "attribute")
}

func drawKeyParts(t *rapid.T, names *rapid.Generator[string]) string {
	var parts []string
	for _, n := range rapid.SliceOfNDistinct(names, 1, 2, rapid.ID[string]).Draw(t, "key") {
		parts = append(parts, n+rapid.SampledFrom([]string{"", "(2)", " DESC"}).Draw(t, "part"))
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func drawKey(t *rapid.T, names *rapid.Generator[string]) string {
	return rapid.SampledFrom([]string{"UNIQUE ", "KEY k1 ", "UNIQUE KEY u1 ", "PRIMARY KEY ", "CONSTRAINT cc UNIQUE ", "INDEX "}).Draw(t, "kind") + drawKeyParts(t, names)
}

func drawAction(t *rapid.T) string {
	n := columnName.Draw(t, "column")
	where := rapid.SampledFrom([]string{"", " FIRST", " AFTER " + columnName.Draw(t, "after")}).Draw(t, "where")
	switch rapid.IntRange(0, 11).Draw(t, "action") {
	case 0:
		return "ADD COLUMN " + drawColumn(t) + where
	case 1:
		return "DROP COLUMN " + n
	case 2:
		return "MODIFY " + drawColumn(t) + where
	case 3:
		return "CHANGE COLUMN " + n + " " + drawColumn(t) + where
	case 4:
		return "RENAME COLUMN " + n + " TO " + columnName.Draw(t, "new")
	case 5:
		return "ADD " + drawKey(t, columnName)
	case 6:
		return "DROP INDEX " + rapid.SampledFrom([]string{"a", "b", "k1", "u1", "cc"}).Draw(t, "index")
	case 7:
		return "DROP PRIMARY KEY"
	case 8:
		return "ALTER " + n + " SET DEFAULT 1"
	case 9:
		return "CONVERT TO CHARACTER SET " + rapid.SampledFrom([]string{"utf8mb4", "latin1", "utf8mb3 COLLATE utf8_bin", "binary"}).Draw(t, "charset")
	case 10:
		return "DEFAULT CHARSET = " + rapid.SampledFrom([]string{"utf8mb4 COLLATE utf8mb4_bin", "ascii"}).Draw(t, "charset")
	}
	return "COMMENT 'x', ALGORITHM=INPLACE"
}

// TestHistoryProperty applies statements that a source might refuse, so that
// many are errors, and checks what must hold of every table that comes out. It
// takes as many rounds of rapid as it needs for minHistories, since rapid makes
// fewer draws with -short, and for minAccepted.
func TestHistoryProperty(t *testing.T) {
	rules := compile(t, ruleset.Spec{})
	histories, accepted := 0, 0
	for !t.Failed() && (histories < minHistories || accepted < minAccepted && histories < 3*minHistories) {
		checkHistories(t, rules, &histories, &accepted)
	}
	t.Logf("%d statements of %d histories were accepted", accepted, histories)
	if accepted < minAccepted {
		t.Errorf("only %d statements of %d histories were accepted: the test tests too little", accepted, histories)
	}
}

// A history has 1.7 accepted statements on average.
const minHistories, minAccepted = 100, 100

func checkHistories(t *testing.T, rules *ruleset.Rules, histories, accepted *int) {
	rapid.Check(t, func(t *rapid.T) {
		*histories++
		tr := NewTracker(rules, Defaults{})
		var items []string
		names := rapid.SliceOfNDistinct(columnName, 3, 6, rapid.ID[string]).Draw(t, "columns")
		for _, n := range names {
			items = append(items, drawColumnNamed(t, n))
		}
		for range rapid.IntRange(0, 2).Draw(t, "keys") {
			items = append(items, drawKey(t, rapid.SampledFrom(names)))
		}
		stmts := []string{fmt.Sprintf("CREATE TABLE `t` (%s)", strings.Join(items, ", "))}
		for range rapid.IntRange(0, 6).Draw(t, "statements") {
			var actions []string
			for range rapid.IntRange(1, 2).Draw(t, "actions") {
				actions = append(actions, drawAction(t))
			}
			stmts = append(stmts, "ALTER TABLE t "+strings.Join(actions, ", "))
		}
		for _, s := range stmts {
			before := tr.Table("d", "t")
			changes, err := tr.Apply(replica.DDL{Schema: "d", Text: s})
			after := tr.Table("d", "t")
			if err != nil {
				if after != before {
					t.Fatalf("%s: an error changed the table", s)
				}
				continue
			}
			*accepted++
			if after == nil {
				continue
			}
			roundTrip(t, after)
			checkIndexes(t, after)
			if _, _, err := TargetCreate(after, "x", "y"); err != nil {
				t.Fatalf("%s: %v", after.Create, err)
			}
			for _, c := range changes {
				if _, err := TargetDDL(c, rules); err != nil {
					t.Fatalf("%s on %s: %v", s, c.Before.Create, err)
				}
			}
		}
	})
}

func checkIndexes(t *rapid.T, table *replica.Table) {
	keys := append([]replica.Index(nil), table.Unique...)
	if table.Primary != nil {
		keys = append(keys, *table.Primary)
		if table.Primary.Nullable {
			t.Fatalf("%s: nullable primary key", table.Create)
		}
	}
	for _, k := range keys {
		if len(k.Columns) != len(k.Prefix) || len(k.Columns) == 0 {
			t.Fatalf("%s: key %+v", table.Create, k)
		}
		for _, c := range k.Columns {
			if c < 0 || c >= len(table.Columns) {
				t.Fatalf("%s: key %+v", table.Create, k)
			}
		}
	}
}

// TestTokensProperty checks that canonical text keeps every token.
func TestTokensProperty(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "`b``c`", "'it''s'", "'\\n\\\\%\\_'", `"d"`, "12", "1.5e3", ".5", "0x1F", "x'41'", "b'01'", "@v", "@@g.x", "(", ")", ",", "-", "/", "*", "<", ">", "=", "!", "|", "||", "->>", "<=>", ".", "_utf8mb4", "N'x'", "3d", ";"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), rapid.SampledFrom([]string{" ", "\n", "/* c */", " -- x\n"}).Draw(t, "gap"))
		first, err := tokenize(text, 0)
		if err != nil {
			return
		}
		out := joinTokens(first)
		again, err := tokenize(out, 0)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
		if len(first) != len(again) {
			t.Fatalf("%q became %q", text, out)
		}
		for i := range first {
			if first[i].kind != again[i].kind || first[i].text != again[i].text {
				t.Fatalf("%q became %q at token %d", text, out, i)
			}
		}
	})
}

func FuzzTokenize(f *testing.F) {
	for _, c := range shows {
		f.Add(c.sql, uint64(0))
	}
	f.Add("/*!50100 a /* b */ c */ 'x\\'' \"y\" 1.e5 1e5x .5 a.1b", uint64(modeANSIQuotes|modeNoBackslashEscapes))
	f.Fuzz(func(t *testing.T, text string, mode uint64) {
		tokens, err := tokenize(text, mode)
		if err != nil {
			return
		}
		if n := len(tokens); n == 0 || tokens[n-1].kind != tokEOF {
			t.Fatal("no end")
		}
		out := joinTokens(tokens)
		again, err := tokenize(out, 0)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
		if joinTokens(again) != out {
			t.Fatalf("%q became %q, then %q", text, out, joinTokens(again))
		}
	})
}

func FuzzApply(f *testing.F) {
	for _, script := range liveScripts {
		for _, s := range script.stmts {
			f.Add(s)
		}
	}
	rules, err := ruleset.Compile(ruleset.Spec{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tr := NewTracker(rules, Defaults{})
		if _, err := tr.Load("d", "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(10), c INT AS (a + 1), KEY k (b, a)) PARTITION BY HASH (a) PARTITIONS 2"); err != nil {
			t.Fatal(err)
		}
		ddl := replica.DDL{Schema: "d", Text: text}
		changes, err := tr.Apply(ddl)
		tr.MayTouch(ddl)
		if err != nil {
			return
		}
		for _, c := range changes {
			if c.After != nil {
				roundTrip(t, c.After)
			}
			if _, err := TargetDDL(c, rules); err != nil && c.Kind == Other {
				t.Fatal(err)
			}
		}
	})
}
