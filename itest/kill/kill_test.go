package main

import (
	"bytes"
	"log/slog"
	"regexp"
	"testing"

	"sluice/itest/lab/servers"
)

// TestKill is a short run on each product: five kills, of which some fall
// into the copy and into a transaction that is larger than a node holds.
func TestKill(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			var out bytes.Buffer
			err := Run(t.Context(), Config{
				Kills: 5, Seed: 1, Source: kind, Rows: 30_000, BigRows: 60_000,
				Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Out: &out,
			})
			t.Logf("\n%s", out.String())
			if err != nil {
				t.Fatal(err)
			}
			last := regexp.MustCompile(`(?m)^kill: 5 kills, [1-9]\d* rows, 0 differences\n$`)
			if !last.MatchString(out.String()) {
				t.Error("the last line does not say what a run says that went well")
			}
		})
	}
}
