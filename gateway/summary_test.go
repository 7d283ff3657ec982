package gateway

import (
	"strings"
	"testing"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
)

// A migration without a table is not ready, and the next step is to look at its rules:
// a name that is misspelled matches nothing, and nothing else is wrong with it.
func TestReadyNeedsTables(t *testing.T) {
	m, lag := &catalog.Migration{Name: "m"}, int64(0)
	s := summary{phase: migration.PhaseReplicate, status: migration.StatusRunning, behind: &lag}
	for tables, want := range []string{"SHOW CREATE MIGRATION `m`", "WAIT FOR MIGRATION `m` UNTIL CAUGHT_UP"} {
		s.total.TablesTotal, s.noTables = tables, tables == 0
		if s.ready(0) != (tables > 0) || !strings.HasPrefix(s.nextStep(m), want) {
			t.Errorf("%d tables: ready %v, next step %q", tables, s.ready(0), s.nextStep(m))
		}
	}
}

// A node that died runs nothing, whatever it said last.
func TestChannelsOfDeadNodes(t *testing.T) {
	for state, want := range map[cluster.State]int{cluster.Alive: 2, cluster.Suspect: 2, cluster.Dead: 0, cluster.Left: 0} {
		if got := nodeChannels(&cluster.Member{State: state, Channels: 2}); got != want {
			t.Errorf("%s: %d channels, want %d", state, got, want)
		}
	}
}

// One channel of two without a table is enough.
func TestSummaryWithoutTables(t *testing.T) {
	with, without := &channelView{phase: migration.PhaseReplicate}, &channelView{phase: migration.PhaseReplicate}
	with.st.TablesTotal = 1
	if s := summarize([]*channelView{with, without}); !s.noTables {
		t.Error("a channel has no table, and the summary does not have it")
	}
	if s := summarize([]*channelView{with, with}); s.noTables {
		t.Error("every channel has a table")
	}
}
