package migration

import (
	"context"
	"sync"
	"time"
)

const (
	// firstWriters are at work in the beginning. Two to four write as many rows
	// a second into a TiDB next door as it can take; with eight it spends a
	// sixth more on each row, most of it on collecting its memory.
	firstWriters = 4
	// crewWindow and crewChunks are how long, and how many chunks of each writer,
	// a rate is taken over.
	crewWindow = 3 * time.Second
	crewChunks = 4
	// crewGain: one writer more stays if it brings this part of what each of the
	// others does. On a target with room it brings all of that.
	crewGain = 0.5
	// crewPatience bounds the windows between a trial and the next.
	crewPatience = 32
)

// crew decides how many of a copy's writers are at work: as few as write as fast
// as more would. It takes the rate over a window, lets one writer more work in
// the next, and keeps it if the rate grew; each trial that failed doubles the
// time to the next. While the writers wait for the readers nothing changes.
//
// Any number is right: only speed depends on it.
type crew struct {
	now  func() time.Time
	most int

	mu      sync.Mutex
	active  int
	changed chan struct{} // closed when one more may work

	since        time.Time // of the window
	rows, chunks int
	idle         int // chunks that a writer had to wait for
	trial        bool
	before       float64 // rows a second before the trial
	calm         int     // windows since the last trial
	patience     int
}

func newCrew(most int, now func() time.Time) *crew {
	return &crew{now: now, most: most, active: min(firstWriters, most), changed: make(chan struct{}), since: now(), patience: 1}
}

// join waits until the writer may work; false: the work ended before, or ctx.
func (c *crew) join(ctx context.Context, writer int, ended <-chan struct{}) bool {
	for {
		c.mu.Lock()
		may, changed := writer <= c.active, c.changed
		c.mu.Unlock()
		if may {
			return true
		}
		select {
		case <-changed:
		case <-ended:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// wrote counts a chunk; waited says that the writer had nothing to do before.
func (c *crew) wrote(rows int, waited bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows += rows
	c.chunks++
	if waited {
		c.idle++
	}
	took := c.now().Sub(c.since)
	if took < crewWindow || c.chunks < crewChunks*c.active {
		return
	}
	c.judge(float64(c.rows)/took.Seconds(), c.idle*4 > c.chunks)
	c.since, c.rows, c.chunks, c.idle = c.now(), 0, 0, 0
}

// judge follows a window's rate.
func (c *crew) judge(rate float64, starved bool) {
	switch {
	case starved && c.trial:
		c.active--
		c.trial, c.calm = false, 0
		return
	case starved:
		return
	case c.trial && rate >= c.before*(1+crewGain/float64(c.active-1)):
		c.patience, c.calm = 1, 0
	case c.trial:
		c.active--
		c.trial, c.calm, c.patience = false, 0, min(2*c.patience, crewPatience)
		return
	}
	if c.trial = false; c.active == c.most {
		return
	}
	if c.calm++; c.calm < c.patience {
		return
	}
	c.trial, c.before, c.calm = true, rate, 0
	c.active++
	close(c.changed)
	c.changed = make(chan struct{})
}
