package migration

import "testing"

// TestProgressBeforeItIsLoaded: what an earlier attempt knew of the tables is
// shown until the next one knows all of them.
func TestProgressBeforeItIsLoaded(t *testing.T) {
	st := Status{Tables: []TableStatus{{Table: "a", RowsCopied: 5}, {Table: "b"}}, RowsCopied: 5, TablesTotal: 2, TablesDone: 1, ProgressPct: 40}
	p := newProgress()
	p.put("b", TableStatus{Schema: "s", Table: "b"})
	p.fill(&st)
	if len(st.Tables) != 2 || st.RowsCopied != 5 || st.TablesTotal != 2 || st.TablesDone != 1 || st.ProgressPct != 40 {
		t.Errorf("before: %+v", st)
	}
	p.put("a", TableStatus{Schema: "s", Table: "a", Phase: PhaseReplicate, RowsCopied: 7})
	p.complete()
	p.fill(&st)
	if len(st.Tables) != 2 || st.Tables[0].Table != "a" || st.RowsCopied != 7 || st.TablesDone != 1 {
		t.Errorf("after: %+v", st)
	}
	p.put("0", TableStatus{Schema: "s", Table: "0"})
	p.drop("a")
	p.fill(&st)
	if len(st.Tables) != 2 || st.Tables[0].Table != "0" || st.Tables[1].Table != "b" {
		t.Errorf("after a table came and one went: %+v", st.Tables)
	}
}
