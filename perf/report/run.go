package report

import (
	"math"
	"slices"
	"time"
)

// Figure is one quantity over several runs.
type Figure struct{ Median, Min, Max float64 }

// Run is what one run of a scenario measured. A number that is 0, and a
// pointer that is nil, was not measured.
type Run struct {
	Rows     uint64        // row changes applied
	Duration time.Duration // and how long that took

	// Yardstick says what the run is compared with, which was measured beside
	// it on the same machine.
	Yardstick         string
	YardstickRows     uint64
	YardstickDuration time.Duration

	BinlogBytes uint64

	// CPU time, user and system, while the rows were applied.
	GatewayCPU, TargetCPU, YardstickTargetCPU time.Duration

	Allocs       uint64 // heap objects that the gateway allocated
	PeakRSSBytes uint64 // of the gateway
	Statements   uint64 // that write rows, sent to the target
	Commits      uint64

	Lag *Lag
	// Differences between the source's and the target's tables afterwards. A
	// run that has any is void. nil: the tables were not compared.
	Differences *uint64

	Rate []Point
	Note string
}

// Lag is the distribution of the time from a source commit to its visibility
// in the target.
type Lag struct{ P50, P99 time.Duration }

// Point is the rate of rows per second at a time in seconds from the start.
// In JSON it is a list of two numbers.
type Point [2]float64

// Void says whether the run counts for nothing: the target differed.
func (r *Run) Void() bool { return r.Differences != nil && *r.Differences > 0 }

// NewFigure returns the median, the least and the greatest of values that are
// numbers; nil when none is. The median of an even count is the mean of the
// middle two.
func NewFigure(values []float64) *Figure {
	v := slices.Clone(values)
	v = slices.DeleteFunc(v, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	if len(v) == 0 {
		return nil
	}
	slices.Sort(v)
	n := len(v)
	return &Figure{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// per divides; NaN when either was not measured.
func per(n, by float64) float64 {
	if n <= 0 || by <= 0 {
		return math.NaN()
	}
	return n / by
}

func (r *Run) rowsPerS() float64 { return per(float64(r.Rows), r.Duration.Seconds()) }

func (r *Run) yardstickRowsPerS() float64 {
	return per(float64(r.YardstickRows), r.YardstickDuration.Seconds())
}

func (r *Run) ratio() float64 { return per(r.rowsPerS(), r.yardstickRowsPerS()) }

// lag returns a part of the lag in milliseconds.
func (r *Run) lag(part func(*Lag) time.Duration) float64 {
	if r.Lag == nil {
		return math.NaN()
	}
	return part(r.Lag).Seconds() * 1e3
}
