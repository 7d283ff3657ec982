package migration

import (
	"context"
	"errors"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// TestLikeOutsideTheRules: CREATE TABLE .. LIKE a table that is not replicated
// takes its definition from the source if no statement has touched it since. If
// one has, the error's remedy works: the new table is left out.
func TestLikeOutsideTheRules(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB11} {
		t.Run(string(kind), func(t *testing.T) { likeOutside(t, kind) })
	}
}

func likeOutside(t *testing.T, kind servers.Kind) {
	src, dst := servers.ForTest(t, kind), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	mustExec(t, sdb, "CREATE DATABASE shop", "CREATE DATABASE other", "CREATE TABLE shop.t (id INT PRIMARY KEY)",
		"CREATE TABLE other.x (id INT PRIMARY KEY, a VARCHAR(10), KEY (a))", "CREATE TABLE other.y (id INT PRIMARY KEY)")
	tdb, err := dst.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer tdb.Close()
	epoch := uint64(0)
	// run follows until the target's query returns what is wanted.
	run := func(spec ruleset.Spec, query, want string) error {
		t.Helper()
		epoch++
		cfg := config(t, src, dst, "m1/s", spec)
		cfg.Epoch = epoch
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		caught := make(chan struct{})
		go func() {
			defer close(caught)
			for got := ""; got != want; {
				if tdb.QueryRowContext(ctx, query).Scan(&got) != nil {
					got = ""
				}
				if pauseFor(ctx, 0, 50*time.Millisecond) != nil {
					return
				}
			}
		}()
		select {
		case err := <-done:
			cancel()
			<-caught
			return err
		case <-caught:
			cancel()
			return <-done
		}
	}
	rules := ruleset.Spec{DoDB: []string{"shop"}}
	if err := run(rules, "SELECT COUNT(*) FROM sluice_meta.tables WHERE state='done'", "1"); err != nil {
		t.Fatal(err)
	}
	mustExec(t, sdb, "CREATE TABLE shop.like_x LIKE other.x", "INSERT INTO shop.like_x VALUES (1,'a')", "INSERT INTO other.x VALUES (1,'a')",
		"ALTER TABLE other.y ADD b INT", "FLUSH BINARY LOGS", "INSERT INTO shop.like_x VALUES (2,'b')", "ALTER TABLE shop.like_x ADD c INT")
	if err := run(rules, "SELECT GROUP_CONCAT(id,a,c IS NULL ORDER BY id) FROM shop.like_x", "1a1,2b1"); err != nil {
		t.Fatal(err)
	}
	mustExec(t, sdb, "CREATE TABLE shop.like_y LIKE other.y", "INSERT INTO shop.like_y VALUES (1,1)", "ALTER TABLE other.y DROP b", "INSERT INTO shop.t VALUES (1)")
	err = run(rules, "SELECT COUNT(*) FROM shop.t", "1")
	var e *replica.Error
	if !errors.As(err, &e) || e.Code != 61053 {
		t.Fatalf("the table was altered since: %v", err)
	}
	rules.IgnoreTable = []ruleset.TableName{{Schema: "shop", Table: "like_y"}}
	if err := run(rules, "SELECT COUNT(*) FROM shop.t", "1"); err != nil {
		t.Fatal(err)
	}
}
