package migration

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// writeFor lets a crew write for a while to a target that takes rate(n) rows a
// second from n writers, of which each waited for its chunks during a part of the
// time, and returns how long each number of them worked.
func writeFor(c *crew, clock *time.Time, length time.Duration, waited float64, rate func(n int) float64) map[int]time.Duration {
	worked := map[int]time.Duration{}
	const rows = 1000
	for end := clock.Add(length); clock.Before(end); {
		took := time.Duration(float64(time.Second) * rows / rate(c.active))
		*clock = clock.Add(took)
		worked[c.active] += took
		c.wrote(rows, time.Duration(float64(took)*float64(c.active)*waited))
	}
	return worked
}

func TestCrewFindsEnoughWriters(t *testing.T) {
	const length = 3 * time.Hour
	for _, c := range []struct {
		name   string
		room   int // writers that the target has room for
		most   int
		usual  int     // writers that should be at work
		below  float64 // parts of the time in which there are fewer, or more
		above  float64
		waited float64
		stalls float64 // part of the windows in which hardly a row is written
	}{
		{name: "room for all", room: 100, most: 8, usual: 8, below: 0.15},
		{name: "room for six", room: 6, most: 16, usual: 6, below: 0.15, above: 0.25},
		{name: "no room for more", room: 4, most: 16, usual: 4, above: 0.2},
		{name: "next door", room: 2, most: 8, usual: 4, above: 0.2},
		{name: "a target that stands still now and then", room: 4, most: 16, usual: 4, above: 0.3, stalls: 0.05},
		{name: "readers are slower", room: 100, most: 8, usual: 4, waited: 0.4},
		{name: "readers are a little slower", room: 100, most: 8, usual: 8, below: 0.15, waited: 0.2},
		{name: "two lanes", room: 100, most: 2, usual: 2},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		clock := time.Unix(0, 0)
		w := newCrew(c.most, func() time.Time { return clock })
		// Rates wander by a twentieth from window to window.
		until, factor := clock, 1.0
		worked := writeFor(w, &clock, length, c.waited, func(n int) float64 {
			if !clock.Before(until) {
				until, factor = until.Add(crewWindow), 1+0.05*r.NormFloat64()
				if r.Float64() < c.stalls {
					factor = 0.1
				}
			}
			return 20_000 * float64(min(n, c.room)) * factor
		})
		var below, above float64
		for n, d := range worked {
			switch share := d.Seconds() / length.Seconds(); {
			case n > c.most || n < 1:
				t.Errorf("%s: %d writers of %d", c.name, n, c.most)
			case n < c.usual:
				below += share
			case n > c.usual:
				above += share
			}
		}
		if below > c.below || above > c.above {
			t.Errorf("%s: %.2f of the time fewer than %d writers, %.2f more: %v", c.name, below, c.usual, above, worked)
		}
	}
}

// A trial whose rate grew is kept even if the readers were slower in it.
func TestCrewKeepsWhatHelped(t *testing.T) {
	clock := time.Unix(0, 0)
	c := newCrew(8, func() time.Time { return clock })
	window := func(rate float64, waited float64) {
		n := c.windows
		for c.windows == n {
			writeFor(c, &clock, time.Nanosecond, waited, func(int) float64 { return rate })
		}
	}
	for range 3 {
		window(40_000, 0)
	}
	if c.active != firstWriters+1 || !c.trial {
		t.Fatalf("%d writers behind the first windows", c.active)
	}
	window(48_000, 0.5)
	window(48_000, 0.5)
	if c.active != firstWriters+1 || c.trial {
		t.Errorf("%d writers behind a trial that helped", c.active)
	}
	window(48_000, 0.5)
	if c.active != firstWriters+1 {
		t.Errorf("%d writers while the readers are slower", c.active)
	}
	window(48_000, 0)
	window(50_000, 0)
	if c.active != firstWriters+1 || c.trial || c.patience != 2 {
		t.Errorf("%d writers behind a trial that failed, patience %d", c.active, c.patience)
	}
}

// A writer beyond those at work waits; it works once there is one more, and
// ends with the readers.
func TestCrewJoins(t *testing.T) {
	clock := time.Unix(0, 0)
	c := newCrew(8, func() time.Time { return clock })
	ended := make(chan struct{})
	joined := make(chan bool)
	go func() { joined <- c.join(t.Context(), firstWriters+1, ended) }()
	go func() { joined <- c.join(t.Context(), 8, ended) }()
	writeFor(c, &clock, 4*crewWindow, 0, func(n int) float64 { return float64(n) * 10_000 })
	if !<-joined {
		t.Error("the writer that was added did not join")
	}
	close(ended)
	if <-joined {
		t.Error("a writer joined that was not added")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c.join(ctx, 8, make(chan struct{})) {
		t.Error("a writer joined though the copy ended")
	}
}
