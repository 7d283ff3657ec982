package migration

import (
	"testing"

	"sluice/itest/lab/servers"
)

// TestTargetIsTheSource: hosts and ports that were mixed up.
func TestTargetIsTheSource(t *testing.T) {
	a, b := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.MySQL)
	f := follow(t, a, b, "kind")
	f.stop()
	has := func(id string) bool { // which blocks START
		t.Helper()
		found, err := Check(t.Context(), f.cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range found {
			if x.ID == id && x.Severity == "ERROR" && x.Blocks == "START" {
				return true
			}
		}
		return false
	}
	if !has("target.version") || has("target.is_source") {
		t.Error("another MySQL as target: the findings are wrong")
	}
	f.cfg.Target = open(t, a)
	if !has("target.is_source") || !has("target.version") {
		t.Error("the source as target is not found")
	}
}
