package ruleset

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func must(t testing.TB, spec Spec) *Rules {
	t.Helper()
	r, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		name string
		spec Spec
		yes  string // tables as schema.table, separated by spaces
		no   string
	}{
		{"nothing said", Spec{}, "a.b sluice.x", "mysql.user sys.x MYSQL.x information_schema.x performance_schema.x sluice_meta.lanes .x a."},
		{"do db", Spec{DoDB: []string{"a", "b"}}, "a.x b.x", "c.x A.x"},
		{"do db without case", Spec{DoDB: []string{"a"}, CaseInsensitive: true}, "a.x A.x", "c.x"},
		{"ignore db", Spec{IgnoreDB: []string{"a"}}, "b.x A.x", "a.x"},
		{"do table", Spec{DoTable: []TableName{{"a", "x"}}}, "a.x", "a.y b.x a.X"},
		{"ignore table", Spec{IgnoreTable: []TableName{{"a", "x"}}}, "a.y b.x", "a.x"},
		{"do table comes before ignore", Spec{DoTable: []TableName{{"a", "x"}}, WildIgnoreTable: []string{"a.%"}}, "a.x", "a.y b.x"},
		{"ignore table comes before wild do", Spec{IgnoreTable: []TableName{{"a", "x"}}, WildDoTable: []string{"a.%"}}, "a.y", "a.x b.y"},
		{"wild do comes before wild ignore", Spec{WildDoTable: []string{"a.x%"}, WildIgnoreTable: []string{"a.%y"}}, "a.x1 a.xy", "a.z a.zy"},
		{"only wild ignore", Spec{WildIgnoreTable: []string{"a.tmp\\_%"}}, "a.tmpx a.b", "a.tmp_ a.tmp_1"},
		{"wildcards", Spec{WildDoTable: []string{"db_.t%z"}}, "db1.tz dbx.taz", "db.tz db12.tz db1.t"},
		{"rewrite comes before the filters", Spec{DoDB: []string{"new"}, RewriteDB: [][2]string{{"old", "new"}}}, "old.x new.x", "other.x"},
		{"both filters must pass", Spec{DoDB: []string{"a"}, WildIgnoreTable: []string{"%.tmp"}}, "a.x", "a.tmp b.x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := must(t, c.spec)
			for want, list := range map[bool]string{true: c.yes, false: c.no} {
				for _, name := range strings.Fields(list) {
					s, n, _ := strings.Cut(name, ".")
					if r.Wanted(s, n) != want {
						t.Errorf("%s: wanted is %v", name, !want)
					}
				}
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	a := TableName{"a", "x"}
	for want, spec := range map[string]Spec{
		"is in REPLICATE_DO_DB and in":           {DoDB: []string{"a"}, IgnoreDB: []string{"a"}},
		"has no effect beside":                   {DoDB: []string{"a"}, IgnoreDB: []string{"b"}},
		"REPLICATE_DO_DB has an empty name":      {DoDB: []string{""}},
		"REPLICATE_DO_DB names mysql, a system":  {DoDB: []string{"mysql"}},
		"is in REPLICATE_DO_TABLE and in":        {DoTable: []TableName{a}, IgnoreTable: []TableName{a}},
		"needs schema and table":                 {DoTable: []TableName{{"", "x"}}},
		"of a system schema":                     {IgnoreTable: []TableName{{"sluice_meta", "x"}}},
		"never matches: its schema is filtered":  {DoDB: []string{"b"}, DoTable: []TableName{a}},
		"REPLICATE_IGNORE_TABLE a.x never":       {IgnoreDB: []string{"a"}, IgnoreTable: []TableName{a}},
		"needs the form":                         {WildDoTable: []string{"a%"}},
		"may not end in an escape":               {WildDoTable: []string{`a.b\`}},
		"is in REPLICATE_WILD_DO_TABLE and in":   {WildDoTable: []string{"a.%"}, WildIgnoreTable: []string{"a.%"}},
		"comes first":                            {WildDoTable: []string{"a.%"}, WildIgnoreTable: []string{"a.b_c%"}},
		"names a twice":                          {RewriteDB: [][2]string{{"a", "b"}, {"a", "c"}}},
		"(a, mysql) names a system schema":       {RewriteDB: [][2]string{{"a", "mysql"}}},
		"REPLICATE_REWRITE_DB has an empty name": {RewriteDB: [][2]string{{"a", ""}}},
		"tested after the rewrite":               {DoDB: []string{"a"}, RewriteDB: [][2]string{{"a", "b"}}},
		"has no target":                          {Routes: []Route{{SchemaPattern: "a"}}},
		"has an empty schema pattern":            {Routes: []Route{{TargetSchema: "a"}}},
		"regular expressions are not supported":  {Routes: []Route{{SchemaPattern: "~a", TargetSchema: "b"}}},
		"ROUTE 'a'.'%' is there twice":           {Routes: []Route{{SchemaPattern: "a", TargetSchema: "b"}, {SchemaPattern: "a", TablePattern: "%", TargetSchema: "c"}}},
		"ROUTE 'a1'.'x' never matches":           {Routes: []Route{{SchemaPattern: "a_", TargetSchema: "b"}, {SchemaPattern: "a1", TablePattern: "x", TargetSchema: "c"}}},
		"ROUTE from schema a never matches":      {IgnoreDB: []string{"a"}, Routes: []Route{{SchemaPattern: "a", TargetSchema: "b"}}},
		"ROUTE 'a'.'%' names a system schema":    {Routes: []Route{{SchemaPattern: "a", TargetSchema: "sys"}}},
	} {
		_, err := Compile(spec)
		if !errors.Is(err, ErrRule) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", spec, err, want)
		}
	}
}

func TestTarget(t *testing.T) {
	r := must(t, Spec{RewriteDB: [][2]string{{"old", "new"}}, Routes: []Route{
		{SchemaPattern: `shop\_1`, TablePattern: "t_%", TargetSchema: "shop", TargetTable: "t"},
		{SchemaPattern: "shop%", TargetSchema: "all"},
		{SchemaPattern: "old", TablePattern: "x", TargetTable: "y"},
	}})
	for in, want := range map[string]string{
		"a.b": "a.b", "old.b": "new.b", "old.x": "new.y", "shop_1.t_9": "shop.t", "shop_1.u": "all.u", "shopx1.t_9": "all.t_9", "Old.x": "Old.x",
	} {
		s, n, _ := strings.Cut(in, ".")
		ts, tt := r.Target(s, n)
		if ts+"."+tt != want {
			t.Errorf("%s goes to %s.%s, want %s", in, ts, tt, want)
		}
	}
	for in, want := range map[string]string{"a": "a", "old": "new", "shop_1": "all"} {
		if got := r.TargetSchema(in); got != want {
			t.Errorf("schema %s goes to %s", in, got)
		}
	}
}

func TestWholeAndWantedSchema(t *testing.T) {
	for _, c := range []struct {
		spec          Spec
		schema        string
		wanted, whole bool
	}{
		{Spec{}, "a", true, true},
		{Spec{}, "mysql", false, false},
		{Spec{DoDB: []string{"a"}}, "a", true, true},
		{Spec{DoDB: []string{"a"}}, "b", false, false},
		{Spec{WildDoTable: []string{"a%.t"}}, "ab", true, false},
		{Spec{WildDoTable: []string{"a%.t"}}, "b", false, false},
		{Spec{DoTable: []TableName{{"a", "t"}}}, "a", true, false},
		{Spec{DoTable: []TableName{{"a", "t"}}}, "b", false, false},
		{Spec{WildIgnoreTable: []string{"a.%"}}, "a", false, false},
		{Spec{WildIgnoreTable: []string{"a.x%"}}, "a", true, false},
		{Spec{WildIgnoreTable: []string{"a.x%"}}, "b", true, true},
		{Spec{IgnoreTable: []TableName{{"a", "x"}}}, "a", true, false},
		{Spec{RewriteDB: [][2]string{{"b", "a"}}}, "a", true, false},
		{Spec{RewriteDB: [][2]string{{"b", "a"}}}, "b", true, false},
		{Spec{RewriteDB: [][2]string{{"b", "c"}}}, "a", true, true},
		{Spec{Routes: []Route{{SchemaPattern: "b", TargetSchema: "A"}}}, "a", true, false},
		{Spec{Routes: []Route{{SchemaPattern: "b", TargetSchema: "c"}}}, "a", true, true},
	} {
		r := must(t, c.spec)
		if r.WantedSchema(c.schema) != c.wanted || r.Whole(c.schema) != c.whole {
			t.Errorf("%+v: schema %s wanted %v, whole %v", c.spec, c.schema, r.WantedSchema(c.schema), r.Whole(c.schema))
		}
	}
}

func TestConflicts(t *testing.T) {
	tables := []TableName{{"a", "x"}, {"a", "y"}, {"b", "x"}, {"a", "x"}}
	if err := must(t, Spec{}).Conflicts(tables); err != nil {
		t.Error(err)
	}
	merge := Spec{RewriteDB: [][2]string{{"b", "a"}}}
	if err := must(t, merge).Conflicts(tables); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "a.x and b.x both go to target table a.x") {
		t.Error(err)
	}
	merge.Merge = true
	if err := must(t, merge).Conflicts(tables); err != nil {
		t.Error(err)
	}
	if err := must(t, Spec{}).Conflicts([]TableName{{"a", "x"}, {"A", "X"}}); !errors.Is(err, ErrConflict) {
		t.Error("tables that differ by case only do not clash:", err)
	}
	if err := must(t, Spec{IgnoreTable: []TableName{{"A", "X"}}}).Conflicts([]TableName{{"a", "x"}, {"A", "X"}}); err != nil {
		t.Error(err)
	}
}

var text = rapid.StringMatching(`[ab._%\\]{0,7}`)

// slowMatch is the definition of LIKE by recursion.
func slowMatch(parts []part, s []rune) bool {
	if len(parts) == 0 {
		return len(s) == 0
	}
	if parts[0].kind == manyPart {
		return slowMatch(parts[1:], s) || len(s) > 0 && slowMatch(parts, s[1:])
	}
	return len(s) > 0 && (parts[0].kind == onePart || parts[0].r == s[0]) && slowMatch(parts[1:], s[1:])
}

func TestPatternProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := compilePattern(text.Draw(t, "pattern"))
		q, err2 := compilePattern(text.Draw(t, "other"))
		if err != nil || err2 != nil {
			return
		}
		s := rapid.StringMatching(`[ab._%\\]{0,6}`).Draw(t, "text")
		rest := rapid.StringMatching(`[ab.]{1,4}`).Draw(t, "rest")
		if got := p.match(s); got != slowMatch(p.parts, []rune(s)) {
			t.Fatalf("match %q: %v", s, got)
		}
		if p.match(s+rest) && !p.canStart(s) {
			t.Fatalf("%q matches, but nothing can start with %q", s+rest, s)
		}
		if p.coversAll(s) && !p.match(s+rest) {
			t.Fatalf("does not match %q", s+rest)
		}
		if p.covers(q) && q.match(s) && !p.match(s) {
			t.Fatalf("covers, but does not match %q", s)
		}
	})
}

// TestSchemaProperty checks that a schema is wanted if a table of it is.
func TestSchemaProperty(t *testing.T) {
	name := rapid.StringMatching(`[ab]{1,3}`)
	wild := rapid.SliceOfN(rapid.StringMatching(`[ab%_]{1,3}\.[ab%_]{1,3}`), 0, 2)
	rapid.Check(t, func(t *rapid.T) {
		r, err := Compile(Spec{WildDoTable: wild.Draw(t, "do"), WildIgnoreTable: wild.Draw(t, "ignore"),
			DoDB: rapid.SliceOfN(name, 0, 2).Draw(t, "db")})
		if err != nil {
			return
		}
		s, n := name.Draw(t, "schema"), name.Draw(t, "table")
		if r.Wanted(s, n) && !r.WantedSchema(s) {
			t.Fatalf("%s.%s is wanted, its schema is not", s, n)
		}
		if r.Whole(s) && !r.Wanted(s, n) {
			t.Fatalf("schema %s is whole, but %s is not wanted", s, n)
		}
	})
}

// TestSources: what the source's account must see covers what is wanted.
func TestSources(t *testing.T) {
	for _, x := range []struct {
		spec Spec
		want []TableName
	}{
		{Spec{}, []TableName{{}}},
		{Spec{IgnoreDB: []string{"a"}}, []TableName{{}}},
		{Spec{DoDB: []string{"a", "b"}}, []TableName{{"a", ""}, {"b", ""}}},
		{Spec{DoDB: []string{"b"}, RewriteDB: [][2]string{{"a", "b"}}}, []TableName{{"b", ""}, {"a", ""}}},
		{Spec{DoTable: []TableName{{"a", "t"}}}, []TableName{{"a", "t"}}},
		{Spec{DoTable: []TableName{{"a", "t"}}, WildDoTable: []string{`a\_b.log%`}}, []TableName{{"a", "t"}, {"a_b", ""}}},
		{Spec{WildDoTable: []string{"shop%.t"}}, []TableName{{}}},
		{Spec{DoDB: []string{"shop1"}, WildDoTable: []string{"shop%.t"}}, []TableName{{"shop1", ""}}},
	} {
		r, err := Compile(x.spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Sources(); !slices.Equal(got, x.want) {
			t.Errorf("%+v: the sources are %+v, want %+v", x.spec, got, x.want)
		}
	}
}
