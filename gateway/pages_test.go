package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/itest/lab/servers"
)

// TestPagesOfTables follows pages against what the store would hold: after each
// round what is in it is as old as the limit allows, and no page is written that
// did not change.
func TestPagesOfTables(t *testing.T) {
	var tables []migration.TableStatus
	for i := range 1000 {
		tables = append(tables, migration.TableStatus{Schema: "s", Table: fmt.Sprint("t", i)})
	}
	var p pages
	write := func(limit int) (written int, whole bool) {
		t.Helper()
		list, contents, whole, err := p.due(tables, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range list {
			for _, table := range contents[page.Page] {
				if !strings.Contains(string(page.Tables), `"`+table.Table+`"`) {
					t.Errorf("page %d lacks %s", page.Page, table.Table)
				}
			}
		}
		p.wrote(contents)
		return len(list), whole
	}
	if n, whole := write(2); n != 16 || !whole {
		t.Errorf("first %d pages, whole: %v", n, whole)
	}
	if n, _ := write(2); n != 0 {
		t.Errorf("%d pages were written that had not changed", n)
	}
	five := int64(5)
	tables[7].RowsCopied, tables[7].ETASeconds = 1, &five
	if n, whole := write(2); n != 1 || whole {
		t.Errorf("one table changed: %d pages, whole: %v", n, whole)
	}
	again := five
	tables[7].ETASeconds = &again // the same value elsewhere
	if n, _ := write(2); n != 0 {
		t.Errorf("%d pages were written that had not changed", n)
	}
	// All of them change in every round: each is written in turn.
	last := make([]int, len(p.written))
	for round := 1; round <= 40; round++ {
		for i := range tables {
			tables[i].Inserts++
		}
		_, contents, _, err := p.due(tables, 3)
		if err != nil || len(contents) != 3 {
			t.Fatalf("%d pages instead of 3, %v", len(contents), err)
		}
		for i := range contents {
			last[i] = round
		}
		p.wrote(contents)
		for i, at := range last {
			if round-at > 6 {
				t.Fatalf("page %d was not written for %d rounds", i, round-at)
			}
		}
	}
	if n, _ := write(0); n != 13 { // all but those of the last round
		t.Errorf("%d pages without a limit", n)
	}
	tables = tables[:100]
	if n, whole := write(0); n == 0 || whole {
		t.Errorf("fewer tables: %d pages, whole: %v", n, whole)
	}
	for i := range 2000 {
		tables = append(tables, migration.TableStatus{Schema: "more", Table: fmt.Sprint("t", i)})
	}
	if n, whole := write(2); n != 64 || !whole {
		t.Errorf("more tables: %d pages, whole: %v", n, whole)
	}
	// What a write that failed has left is not known: its pages are due again.
	tables[0].Inserts++
	_, contents, _, err := p.due(tables, 0)
	if err != nil || len(contents) != 1 {
		t.Fatalf("%d pages, %v", len(contents), err)
	}
	p.lost(contents)
	tables[0].Inserts-- // as the store may have it
	if n, whole := write(0); n != 1 || whole {
		t.Errorf("after a failure: %d pages, whole: %v", n, whole)
	}
	_, contents, _, err = p.due(tables, 0)
	if err != nil || len(contents) != 0 {
		t.Fatalf("%d pages, %v", len(contents), err)
	}
}

// TestStoredStatus: which statuses have the tables in them, and that those in
// pages stay while an owner does not know the tables.
func TestStoredStatus(t *testing.T) {
	few, many := make([]migration.TableStatus, inlineTables), make([]migration.TableStatus, inlineTables+1)
	r := &run{}
	check := func(what string, tables []migration.TableStatus, inline, paged, pages bool) {
		t.Helper()
		s := r.stored(migration.Status{Tables: tables})
		if (s.Tables != nil) != inline || s.Paged != paged || r.hasPages() != pages {
			t.Errorf("%s: inline: %v, paged: %v, pages to write: %v", what, s.Tables != nil, s.Paged, r.hasPages())
		}
	}
	check("nothing known", nil, false, false, false)
	check("few", few, true, false, false)
	check("many", many, false, true, true)
	check("a new attempt", nil, false, true, true)
	check("few again", few, true, false, false)
	r = &run{}
	r.before.Paged = true
	check("a new owner", nil, false, true, false)
	check("that knows more", many, false, true, true)
	r = &run{}
	r.before.Paged = true
	check("or less", few, true, false, false)
}

// TestManyTablesAreShown looks at a channel with more tables than its status row
// has, while it runs, on another node, and when that one has taken over.
func TestManyTablesAreShown(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
	const n = inlineTables + 36
	exec(t, src, "CREATE DATABASE wide")
	for i := range n {
		exec(t, src, fmt.Sprintf("CREATE TABLE wide.t%03d (id INT PRIMARY KEY)", i), fmt.Sprintf("INSERT INTO wide.t%03d VALUES (1), (2)", i))
	}
	first := start(t, testConfig(t, store, "n1"))
	c := first.admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION wide FROM SOURCE src REPLICATE_DO_DB=(wide)")
	c.ok("START MIGRATION wide")
	c.one("WAIT FOR MIGRATION wide UNTIL PHASE='REPLICATE' TIMEOUT 120")
	shown := func(c *client, inserts string) bool {
		rows := c.rows("SHOW MIGRATION TABLES")
		if len(rows) != n {
			return false
		}
		for i, r := range rows {
			if r["Source_Table"] != fmt.Sprintf("t%03d", i) || r["Rows_Copied"] != "2" || r["Phase"] != "REPLICATE" || r["Inserts"] != inserts {
				return false
			}
		}
		return true
	}
	until(t, "all tables with their copied rows", 10*time.Second, func() bool { return shown(c, "0") })
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM sluice_meta.channel_tables"); got != "2" {
		t.Errorf("the tables have %s pages", got)
	}
	if got := rowsOf(t, store, "SELECT status LIKE '%t050%' FROM sluice_meta.channel_status"); got != "0" {
		t.Error("the status row has the tables too")
	}
	second := start(t, testConfig(t, store, "n2"))
	c2 := second.admin(t)
	until(t, "all tables on another node", 10*time.Second, func() bool { return shown(c2, "0") })
	first.end(t)
	c2.one("WAIT FOR MIGRATION wide UNTIL STATUS='RUNNING' TIMEOUT 60")
	for i := range n {
		exec(t, src, fmt.Sprintf("INSERT INTO wide.t%03d VALUES (3)", i))
	}
	until(t, "all tables with their rows under the new owner", 20*time.Second, func() bool {
		rows := c2.rows("SHOW MIGRATION TABLES")
		for _, r := range rows {
			if r["Inserts"] != "1" {
				return false
			}
		}
		return len(rows) == n
	})
	c2.ok("STOP MIGRATION wide")
	c2.one("WAIT FOR MIGRATION wide UNTIL STATUS='STOPPED' TIMEOUT 30")
	rows := c2.rows("SHOW MIGRATION TABLES")
	for _, r := range rows {
		if r["Status"] != "STOPPED" {
			t.Errorf("a table of a stopped migration: %v", r)
		}
	}
	if len(rows) != n {
		t.Errorf("a stopped migration has %d tables", len(rows))
	}
	c2.ok("RESET MIGRATION wide")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM sluice_meta.channel_tables"); got != "0" {
		t.Errorf("after RESET %s pages are left", got)
	}
	if rows := c2.rows("SHOW MIGRATION TABLES"); len(rows) != 0 {
		t.Errorf("after RESET %d tables are shown", len(rows))
	}
}

// TestTablesOfChannel: a channel's tables are those of its status, or of all its
// pages in order.
func TestTablesOfChannel(t *testing.T) {
	page := func(names ...string) catalog.TablePage {
		var parts []string
		for _, n := range names {
			parts = append(parts, fmt.Sprintf(`{"schema":"s","table":%q}`, n))
		}
		return catalog.TablePage{Tables: []byte("[" + strings.Join(parts, ",") + "]")}
	}
	v := &channelView{st: migration.Status{Tables: []migration.TableStatus{{Table: "inline"}}}}
	v.Channel = "c"
	pages := map[string][]catalog.TablePage{"c": {page("b", "d"), page(), page("a", "c")}}
	names := func() (out string) {
		for _, t := range tablesOf(v, pages) {
			out += t.Table + " "
		}
		return out
	}
	if got := names(); got != "inline " {
		t.Errorf("not in pages: %s", got)
	}
	v.paged = true
	if got := names(); got != "a b c d " {
		t.Errorf("in pages: %s", got)
	}
}
