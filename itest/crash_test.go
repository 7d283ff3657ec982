package itest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// TestCrashesOfANode: the process of a node crashes again and again while a channel is in its first seconds. Kills
// change nothing; the second crash makes the channel wait, and the third one an operator's.
func TestCrashesOfANode(t *testing.T) {
	src, store := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	must(t, run(t.Context(), src, "CREATE DATABASE crash", "CREATE TABLE crash.t (id INT PRIMARY KEY)", "INSERT INTO crash.t VALUES (1)"))
	n, err := node.Start(t.Context(), node.Options{Name: "n1", Dir: filepath.Join(t.TempDir(), "n1"), Store: fmt.Sprintf("root@tcp(%s)/", store.Addr())})
	must(t, err)
	t.Cleanup(func() { n.Close() })
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log:\n%s", n.LogTail(20))
		}
	})
	must(t, n.Exec(t.Context(), fmt.Sprintf("CREATE SOURCE s SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='root'", src.Host, src.Port),
		"CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(crash)", "START MIGRATION m"))
	last := 0
	status := func(want string) time.Duration {
		t.Helper()
		began, now := time.Now(), 0
		defer func() { last = now }()
		must(t, node.Until(t.Context(), 60*time.Second, "the status is "+want, func(ctx context.Context) (bool, string) {
			rows, err := n.Query(ctx, "SHOW MIGRATIONS LIKE 'm'")
			if err != nil || len(rows) != 1 {
				return false, fmt.Sprint(rows, err)
			}
			// The status of the process before may still be shown.
			now = epoch(ctx, n)
			return rows[0]["Status"] == want && (want != "RUNNING" || now > last), fmt.Sprint(rows[0])
		}))
		return time.Since(began)
	}
	status("RUNNING")
	for range 3 {
		must(t, n.Kill())
		must(t, n.Restart(t.Context()))
		if took := status("RUNNING"); took > 8*time.Second {
			t.Errorf("after a kill it took %v", took)
		}
	}
	must(t, n.Abort())
	must(t, n.Restart(t.Context()))
	if took := status("RUNNING"); took > 8*time.Second {
		t.Errorf("after the first crash it took %v", took)
	}
	must(t, n.Abort())
	must(t, n.Restart(t.Context()))
	if took := status("RUNNING"); took < 7*time.Second {
		t.Errorf("after the second crash it took %v only", took)
	}
	must(t, n.Abort())
	must(t, n.Restart(t.Context()))
	status("ERROR")
	errs, err := n.Query(t.Context(), "SHOW MIGRATION ERRORS FOR MIGRATION m")
	must(t, err)
	if !slices.ContainsFunc(errs, func(e node.Row) bool { return e["Errno"] == "61226" && e["Remedy"] != "" }) {
		t.Errorf("the errors are %v", errs)
	}
	rows, err := n.Query(t.Context(), "SHOW MIGRATION STATUS FOR MIGRATION m")
	must(t, err)
	if len(rows) != 1 || rows[0]["Last_Errno"] != "61226" {
		t.Errorf("the status is %v", rows)
	}
	if report, err := os.ReadFile(filepath.Join(n.Dir, "data", "crash-last.txt")); err != nil || len(report) < 100 {
		t.Errorf("the report has %d bytes, %v", len(report), err)
	}
	must(t, n.Exec(t.Context(), "START MIGRATION m"))
	if took := status("RUNNING"); took > 8*time.Second {
		t.Errorf("after START it took %v", took)
	}
}

// epoch is that of the only channel while it is owned.
func epoch(ctx context.Context, n *node.Node) int {
	rows, err := n.Query(ctx, "SHOW MIGRATION CHANNELS")
	if err != nil || len(rows) != 1 || rows[0]["Node"] == "" {
		return 0
	}
	e, _ := strconv.Atoi(rows[0]["Epoch"]) // 0 is none
	return e
}
