package migration

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

func compiled(t *testing.T, spec ruleset.Spec) *ruleset.Rules {
	t.Helper()
	rules, err := ruleset.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestWhichRecordsCount: a record counts as long as the rules in force have its channel
// write the table, and in doubt.
func TestWhichRecordsCount(t *testing.T) {
	follows := map[[2]string][][2]string{{"shop", "orders"}: {{"Shop", "Orders"}}, {"copy", "a"}: {{"shop", "a"}}}
	all := compiled(t, ruleset.Spec{})
	for _, x := range []struct {
		name          string
		other         OtherChannel
		schema, table string
		want          bool
	}{
		{"a channel that is gone", OtherChannel{Gone: true, Rules: all, Running: true}, "shop", "orders", false},
		{"rules that want it", OtherChannel{Rules: all}, "shop", "orders", true},
		{"rules that leave it out", OtherChannel{Rules: compiled(t, ruleset.Spec{IgnoreTable: []ruleset.TableName{{Schema: "Shop", Table: "Orders"}}}), Running: true}, "shop", "orders", false},
		{"rules in another case", OtherChannel{Rules: compiled(t, ruleset.Spec{DoDB: []string{"SHOP"}})}, "shop", "orders", true},
		{"rules that send it elsewhere", OtherChannel{Rules: all, Running: true}, "copy", "a", false},
		{"rules that send it there", OtherChannel{Rules: compiled(t, ruleset.Spec{RewriteDB: [][2]string{{"shop", "copy"}}})}, "copy", "a", true},
		{"a table that it has not followed yet, while it runs", OtherChannel{Rules: all, Running: true}, "shop", "new", true},
		{"one that it has not followed, while it stands", OtherChannel{Rules: all}, "shop", "new", false},
		{"rules that cannot be read", OtherChannel{}, "shop", "orders", true},
	} {
		w := &writer{OtherChannel: x.other, follows: follows}
		if got := w.writes(x.schema, x.table); got != x.want {
			t.Errorf("%s: the record counts: %v, want %v", x.name, got, x.want)
		}
	}
}

// A target that is away is named as the target, and without ids.
func TestTargetThatIsAway(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MariaDB), servers.ForTest(t, servers.TiDB)
	mustExec(t, openDB(t, src), "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)")
	cfg := config(t, src, dst, "0123456789ab/s", ruleset.Spec{DoDB: []string{"a"}})
	cfg.Target.Close()
	cfg.Target = openAs(t, &servers.Server{Kind: servers.TiDB, Host: "127.0.0.1", Port: 1, User: "root"}, "root", "")
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var e *replica.Error
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := r.once(ctx); !errors.As(err, &e) || e.Class != "TARGET" || !e.Transient ||
		strings.Contains(e.Error(), "0123456789ab") || strings.Contains(e.Error(), "source") {
		t.Errorf("a target that is away: %+v", err)
	}
}
