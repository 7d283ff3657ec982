package migration

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/ruleset"
)

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

// TestProgressIsHonest copies tables whose statistics are wrong: in the second half of
// the copy, what is shown is near what is true, and the ETA does not exceed it by much.
func TestProgressIsHonest(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb := openDB(t, src)
	const rows = 200_000
	for i, stats := range []struct {
		name string
		n    int // what the statistics say
	}{{"too many", 3 * rows}, {"too few", rows / 4}} {
		t.Run(stats.name, func(t *testing.T) {
			schema := fmt.Sprintf("p%d", i)
			mustExec(t, sdb, "CREATE DATABASE "+schema, "CREATE TABLE "+schema+".t (id INT AUTO_INCREMENT PRIMARY KEY, pad CHAR(60), n INT) STATS_AUTO_RECALC=0",
				"SET SESSION cte_max_recursion_depth=1000000", "INSERT INTO "+schema+".t (pad, n) WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s WHERE n<"+
					fmt.Sprint(rows)+") SELECT REPEAT('x',60), n FROM s",
				"UPDATE mysql.innodb_table_stats SET n_rows="+fmt.Sprint(stats.n)+" WHERE database_name='"+schema+"'", "FLUSH TABLE "+schema+".t")
			r, err := New(config(t, src, dst, schema+"/s", ruleset.Spec{DoDB: []string{schema}}))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			type sample struct {
				at        time.Time
				true, pct float64
				eta       *int64
			}
			var samples []sample
			until(t, r, "copied", func(st Status) bool {
				if st.Phase == PhaseCopy && st.RowsCopied > 0 && st.RowsCopied < rows {
					samples = append(samples, sample{time.Now(), 100 * float64(st.RowsCopied) / rows, st.ProgressPct, st.ETASeconds})
				}
				return st.Phase != PhaseCopy && st.TablesDone == 1
			})
			end := time.Now()
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if len(samples) < 5 {
				t.Fatalf("only %d samples of the copy", len(samples))
			}
			for _, s := range samples {
				left := end.Sub(s.at)
				if s.true < 50 {
					continue
				}
				if math.Abs(s.pct-s.true) > 10 {
					t.Errorf("%.1f s before the end %.0f %% are copied, and the progress is %.0f", left.Seconds(), s.true, s.pct)
				}
				if s.eta != nil && float64(*s.eta) > 2*left.Seconds()+3 {
					t.Errorf("%.1f s before the end the ETA is %d s", left.Seconds(), *s.eta)
				}
			}
			t.Logf("%d samples, the last at %.0f %% showed %.0f", len(samples), samples[len(samples)-1].true, samples[len(samples)-1].pct)
		})
	}
}
