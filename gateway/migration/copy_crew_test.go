package migration

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// writeFor lets a crew write for a while to a target that takes rate(n) rows a
// second from n writers, and returns how long each number of them worked.
func writeFor(c *crew, clock *time.Time, length time.Duration, waited bool, rate func(n int) float64) map[int]time.Duration {
	worked := map[int]time.Duration{}
	const rows = 1000
	for end := clock.Add(length); clock.Before(end); {
		took := time.Duration(float64(time.Second) * rows / rate(c.active))
		*clock = clock.Add(took)
		worked[c.active] += took
		c.wrote(rows, waited)
	}
	return worked
}

func TestCrewFindsEnoughWriters(t *testing.T) {
	const length = 10 * time.Minute
	noise := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name   string
		room   int // writers that the target has room for
		most   int
		least  int // writers that must be at work at the end
		excess float64
		waited bool
	}{
		{name: "room for all", room: 100, most: 8, least: 8},
		{name: "room for six", room: 6, most: 16, least: 6, excess: 0.2},
		{name: "no room for more", room: 4, most: 16, least: 4, excess: 0.2},
		{name: "next door", room: 2, most: 8, least: 4, excess: 0.2},
		{name: "readers are slower", room: 100, most: 8, least: 4, waited: true},
		{name: "two lanes", room: 100, most: 2, least: 2},
	} {
		clock := time.Unix(0, 0)
		w := newCrew(c.most, func() time.Time { return clock })
		worked := writeFor(w, &clock, length, c.waited, func(n int) float64 {
			return 20_000 * float64(min(n, c.room)) * (0.97 + 0.06*noise.Float64())
		})
		above := time.Duration(0)
		for n, d := range worked {
			if n > max(c.least, min(c.room, c.most)) || c.waited && n > c.least {
				above += d
			}
		}
		if w.active < c.least || w.active > c.most || above.Seconds() > c.excess*length.Seconds() {
			t.Errorf("%s: %d writers, too many of %d for %v: %v", c.name, w.active, c.most, above, worked)
		}
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
	writeFor(c, &clock, 2*crewWindow, false, func(n int) float64 { return float64(n) * 10_000 })
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
