package migration

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// What the target already has decides whether a channel may begin; each reason
// has its own check and its own code, and nothing is written.
func TestTargetChecks(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	mustExec(t, sdb, "CREATE DATABASE c", "CREATE TABLE c.t (id INT PRIMARY KEY, d DECIMAL(20,6), at DATETIME(6), s VARCHAR(40) NOT NULL, e ENUM('a','b'), "+
		"k VARCHAR(9) COLLATE utf8mb4_bin UNIQUE, n VARCHAR(9) COLLATE utf8mb4_0900_ai_ci UNIQUE)",
		"INSERT INTO c.t VALUES (1,1.234567,'2024-01-01 23:59:59.999999','x','b','k','n')")
	tdb, err := dst.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer tdb.Close()
	mustExec(t, tdb, "CREATE DATABASE c")
	good := "id INT PRIMARY KEY, d DECIMAL(20,6), at DATETIME(6), s VARCHAR(40) NOT NULL, e ENUM('a','b'), " +
		"k VARCHAR(9) COLLATE utf8mb4_bin UNIQUE, n VARCHAR(9) COLLATE utf8mb4_0900_ai_ci UNIQUE"
	for _, x := range []struct{ name, columns, id, code string }{
		{"fits", good, "", ""},
		{"rounds a decimal", strings.Replace(good, "DECIMAL(20,6)", "DECIMAL(20,0)", 1), "target.columns", "d is decimal(20,0)"},
		{"rounds a time", strings.Replace(good, "DATETIME(6)", "DATETIME", 1), "target.columns", "at is datetime"},
		{"cuts a text", strings.Replace(good, "VARCHAR(40)", "VARCHAR(39)", 1), "target.columns", "s is varchar(39)"},
		{"has other members", strings.Replace(good, "'a','b'", "'b','a'", 1), "target.columns", "e is enum"},
		{"is narrower", strings.Replace(good, "id INT", "id SMALLINT", 1), "target.columns", "id is smallint"},
		{"lacks a column", strings.Replace(good, ", e ENUM('a','b')", "", 1), "target.columns", "lacks the columns e"},
		{"tells less apart", strings.Replace(good, "COLLATE utf8mb4_bin", "COLLATE utf8mb4_general_ci", 1), "target.columns", "k is in a key and has the collation utf8mb4_general_ci"},
		{"ignores spaces", strings.Replace(good, "utf8mb4_0900_ai_ci", "utf8mb4_bin", 1), "target.columns", "n is in a key and has the collation utf8mb4_bin"},
		{"tells more apart", strings.Replace(good, "utf8mb4_0900_ai_ci", "utf8mb4_0900_bin", 1), "", ""},
		{"loses spaces", strings.Replace(good, "s VARCHAR(40)", "s CHAR(40)", 1), "target.columns", "s is char(40)"},
		{"has another key", good + ", UNIQUE KEY (s)", "target.columns", "no unique key (s)"},
	} {
		t.Run(x.name, func(t *testing.T) {
			mustExec(t, tdb, "DROP TABLE IF EXISTS c.t", "CREATE TABLE c.t ("+x.columns+")")
			found, err := Check(t.Context(), config(t, src, dst, "k1/s", ruleset.Spec{DoDB: []string{"c"}}))
			if err != nil {
				t.Fatal(err)
			}
			blocked := ""
			for _, f := range found {
				if f.Blocks == "START" {
					blocked += f.ID + ": " + f.Finding
				}
			}
			if x.id == "" && blocked != "" || !strings.Contains(blocked, x.id) || !strings.Contains(blocked, x.code) {
				t.Errorf("blocked by %q, want %s %q", blocked, x.id, x.code)
			}
		})
	}
	t.Run("has rows", func(t *testing.T) {
		mustExec(t, tdb, "DROP TABLE c.t", "CREATE TABLE c.t ("+good+")", "INSERT INTO c.t VALUES (9,1,NULL,'y','a',NULL,NULL)")
		wantRunError(t, config(t, src, dst, "k2/s", ruleset.Spec{DoDB: []string{"c"}}), 61094)
	})
	t.Run("is another channel's", func(t *testing.T) {
		mustExec(t, tdb, "DELETE FROM c.t", "INSERT INTO sluice_meta.target_tables VALUES ('c','t','other/s')")
		wantRunError(t, config(t, src, dst, "k3/s", ruleset.Spec{DoDB: []string{"c"}}), 61097)
		found, err := Check(t.Context(), config(t, src, dst, "k3/s", ruleset.Spec{DoDB: []string{"c"}}))
		if err != nil {
			t.Fatal(err)
		}
		shared := false
		for _, f := range found {
			shared = shared || f.ID == "target.shared" && f.Blocks == "START"
		}
		if !shared {
			t.Error("CHECK does not name the other channel")
		}
	})
	t.Run("no tables", func(t *testing.T) {
		wantRunError(t, config(t, src, dst, "k4/s", ruleset.Spec{DoDB: []string{"nothing"}}), 61091)
	})
}

func wantRunError(t *testing.T, cfg Config, code uint16) {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var e *replica.Error
	if err := r.Run(ctx); !errors.As(err, &e) || e.Code != code || e.Remedy == "" {
		t.Errorf("the run ended with %v, want code %d", err, code)
	}
}
