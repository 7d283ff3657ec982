package scenario

import (
	"context"
	"database/sql"
	"time"

	"sluice/perf/load"
)

// Scale says how large a run is.
type Scale string

// The scales: Small is for a test that all works, and its figures mean
// nothing. Normal takes 10-30 s a run on two cores. Large is what the
// scenario's name promises.
const (
	Small  Scale = "small"
	Normal Scale = "normal"
	Large  Scale = "large"
)

// Scales are all of them.
func Scales() []Scale { return []Scale{Small, Normal, Large} }

// Target is what the rows go to.
type Target string

// The targets.
const (
	TiDB      Target = "tidb"
	Blackhole Target = "blackhole"
)

// Kind says how a scenario is run.
type Kind int

// The kinds of scenarios.
const (
	// Replay applies a binlog that was made beforehand.
	Replay Kind = iota
	// Copy copies tables until the migration replicates.
	Copy
	// Latency replicates while transactions come at a steady pace.
	Latency
	// Many is Replay with many migrations on one node.
	Many
	// Stalled is Replay with the target frozen for a while.
	Stalled
)

// Load says what a load writes.
type Load struct {
	// Schemas each have the tables; a session begins in the first.
	Schemas []string
	Tables  []load.Table
	// Size is the scenario's Size and Initial how many rows each table has
	// before, at the scale of the run.
	Size, Initial int
}

// Sizes is a number for each scale.
type Sizes map[Scale]int

// Wanted are the figures that a scenario shall reach against a target; 0 is
// none.
type Wanted struct {
	// Least and Aim are ratios to the yardstick.
	Least, Aim float64
	// P99 is the most lag and Allocs the most allocations a row.
	P99    time.Duration
	Allocs float64
}

// Scenario is one thing to measure.
type Scenario struct {
	Name, About string
	Kind        Kind
	// Targets are those that the scenario is run against; the first is the
	// usual one.
	Targets []Target
	// Tables are the tables, made by the number of the scale's Count.
	Tables []load.Table
	// Initial is how many rows each table has before the load.
	Initial Sizes
	// Size is how large the load is: what Write is told.
	Size Sizes
	// Count is how many migrations (Many), seconds of load (Latency),
	// milliseconds of standstill (Stalled) or tables (Copy; all when 0) there are.
	Count Sizes
	// Setup are statements for each of the load's sessions.
	Setup []string
	// Sessions is how many sessions write; load.Connections when 0.
	Sessions int
	// Write writes one session's share of the load.
	Write func(ctx context.Context, s *load.Session, l Load) error
	// Beside runs beside the sessions until done is closed, may be nil.
	Beside func(ctx context.Context, db *sql.DB, schema string, scale Scale, done <-chan struct{}) error
	// FromStart has the clock run from START's OK: what is applied in parts, by
	// the control lane, has no first commit to see.
	FromStart bool
	// Folds says that the load changes rows more than once, so that a batch
	// may write fewer rows than the source did.
	Folds bool
	// Upsert makes the plain client write upserts of rows that are there.
	Upsert bool
	// PlainRows is how many rows the plain client writes at a scale; what Size
	// says when it is absent.
	PlainRows Sizes
	// Wanted are the figures to reach, where there are any.
	Wanted map[Target]Wanted
}

// At returns the scenario with the tables that it has at a scale.
func (s Scenario) At(scale Scale) Scenario {
	if n := s.Count[scale]; s.Kind == Copy && n > 0 {
		s.Tables = s.Tables[:n]
	}
	return s
}

// Rows returns how many rows the yardstick's plain client writes at a scale: as
// many as the load has, since a row costs TiDB more in a larger table, but not
// minutes' worth.
func (s *Scenario) Rows(scale Scale) int {
	const most = 1_000_000
	if n, ok := s.PlainRows[scale]; ok {
		return n
	}
	return min(s.Size[scale], most)
}

// Supports tells whether the scenario is run against a target.
func (s *Scenario) Supports(t Target) bool {
	for _, have := range s.Targets {
		if have == t {
			return true
		}
	}
	return false
}

// Find returns the scenario of that name.
func Find(name string) (Scenario, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}
