package migration

import (
	"context"
	"slices"
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
	// others does, in each window of its trial. On a target with room it brings
	// all of that.
	crewGain = 0.5
	// crewTrial is how many windows a trial has, and how many before it are
	// looked at: a rate that was low by chance, or because source or target stood
	// still, shall not add a writer.
	crewTrial = 2
	// crewPatience bounds the windows between a trial and the next.
	crewPatience = 32
	// crewAnew is after how many windows the crew begins anew with the first
	// writers: what chance has added is gone then, and what helps is soon back.
	crewAnew = 200
)

// crew decides how many of a copy's writers are at work. It begins with a few,
// takes the rate over a window, lets one writer more work in the next two, and
// keeps it if both had a higher rate; each trial that fails doubles the time to
// the next. While the writers wait for the readers there is no new trial.
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
	waited       time.Duration // of all writers, for chunks

	windows  int
	rates    []float64 // rows a second, of the last windows with so many writers
	trial    bool
	before   float64 // the best rate before the trial
	calm     int     // windows since the last trial
	patience int
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

// wrote counts a chunk; waited is for how long its writer had none before.
func (c *crew) wrote(rows int, waited time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows += rows
	c.chunks++
	c.waited += waited
	took := c.now().Sub(c.since)
	if took < crewWindow || c.chunks < crewChunks*c.active {
		return
	}
	rate := float64(c.rows) / took.Seconds()
	idle := c.waited*4 > took*time.Duration(c.active)
	c.since, c.rows, c.chunks, c.waited = c.now(), 0, 0, 0
	if c.windows++; c.windows == 1 {
		return // the first one has connecting in it, and small chunks
	}
	if c.windows%crewAnew == 0 {
		c.set(min(firstWriters, c.most), false)
		c.patience = 1
		return
	}
	c.judge(rate, idle)
}

// judge follows a window's rate; idle says that the readers were slower.
func (c *crew) judge(rate float64, idle bool) {
	c.rates = append(c.rates, rate)
	if c.trial {
		switch {
		case rate < c.before*(1+crewGain/float64(c.active-1)):
			c.set(c.active-1, false)
			c.patience = min(2*c.patience, crewPatience)
		case len(c.rates) == crewTrial:
			c.trial, c.calm, c.patience = false, 0, 1
		}
		return
	}
	c.rates = c.rates[max(0, len(c.rates)-crewTrial):]
	c.calm++
	if idle || c.active == c.most || len(c.rates) < crewTrial || c.calm < c.patience {
		return
	}
	c.before = slices.Max(c.rates)
	c.set(c.active+1, true)
}

// set changes the number of writers.
func (c *crew) set(n int, trial bool) {
	c.active, c.trial, c.calm, c.rates = n, trial, 0, c.rates[:0]
	close(c.changed)
	c.changed = make(chan struct{})
}
