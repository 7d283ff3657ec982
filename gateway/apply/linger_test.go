package apply

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestLinger: a lane waits for half a batch while the source is ahead, for as
// long as a commit takes, and not at all otherwise.
func TestLinger(t *testing.T) {
	const usual = 30 * time.Millisecond
	for _, c := range []struct {
		name   string
		units  int
		more   bool
		usual  time.Duration
		then   func(t *testing.T, s *scheduler) // 10 ms later
		waited time.Duration
		took   int
	}{
		{name: "nothing at hand", units: 1, took: 1},
		{name: "half a batch", units: 5, more: true, usual: usual, took: 5},
		{name: "less", units: 4, more: true, usual: usual, waited: usual, took: 4},
		{name: "bounded below", units: 1, more: true, waited: leastLinger, took: 1},
		{name: "bounded above", units: 1, more: true, usual: time.Hour, waited: mostLinger, took: 1},
		{name: "the source stands still", units: 1, more: true, usual: usual, took: 1, waited: 10 * time.Millisecond,
			then: func(_ *testing.T, s *scheduler) { s.backlog(false) }},
		{name: "more come, too few", units: 1, more: true, usual: usual, took: 3, waited: usual,
			then: func(t *testing.T, s *scheduler) { submitUnits(t, s, 101, 2) }},
		{name: "more come", units: 1, more: true, usual: usual, took: 5, waited: 10 * time.Millisecond,
			then: func(t *testing.T, s *scheduler) { submitUnits(t, s, 101, 4) }},
		{name: "somebody drains", units: 1, more: true, usual: usual, took: 1, waited: 10 * time.Millisecond,
			then: func(t *testing.T, s *scheduler) { go func() { _ = s.drain(t.Context()) }() }},
		{name: "the queue is full", units: 1, more: true, usual: usual, took: 1, waited: 10 * time.Millisecond,
			then: func(t *testing.T, s *scheduler) {
				s.limits.QueueRows = 1
				go func() { _ = s.submit(t.Context(), testUnit(102)) }()
			}},
		{name: "the lane waits already", units: 0, more: true, usual: usual, took: 4, waited: 10*time.Millisecond + usual,
			then: func(t *testing.T, s *scheduler) { submitUnits(t, s, 101, 4) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := testScheduler(t, 1, Limits{BatchRows: 10})
			s.usual = c.usual
			s.backlog(c.more)
			submitUnits(t, s, 1, c.units)
			if c.then != nil {
				go func() {
					time.Sleep(10 * time.Millisecond) // virtual
					c.then(t, s)
				}()
			}
			began := time.Now()
			batch := takes(s, s.lanes[0])
			if waited := time.Since(began); len(batch) != c.took || waited != c.waited {
				t.Errorf("%s: took %d after %v instead of %d after %v", c.name, len(batch), waited, c.took, c.waited)
			}
			if l := &s.lanes[0].linger; l.on || l.over {
				t.Errorf("%s: the lane lingers on", c.name)
			}
			s.close()
		})
	}
}

// submitUnits submits n units without anything in common.
func submitUnits(t *testing.T, s *scheduler, first uint64, n int) {
	for seq := first; seq < first+uint64(n); seq++ {
		if err := s.submit(t.Context(), testUnit(seq, keyHash{index: 1, value: seq})); err != nil {
			t.Error(err)
		}
	}
}
