package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"

	"sluice/itest/node"
)

// watch looks at the cluster while it is disturbed: who owns the channel, and
// whether the target ever shows half a transaction.
type watch struct {
	nodes  node.Cluster
	target *sql.DB
	say    func(string, ...any)

	mu       sync.Mutex
	node     string
	phase    string
	failure  string // the migration's error, while it is stopped by one
	epoch    string
	hit      string // the disturbed node, until another owns the channel
	hitAt    time.Time
	moved    []time.Duration
	looks    int
	torn     int
	lastTorn int64
}

const (
	watchEvery = 100 * time.Millisecond
	bankEvery  = 300 * time.Millisecond
)

// run watches until ctx ends.
func (w *watch) run(ctx context.Context) error {
	var lastBank time.Time
	for sleep(ctx, watchEvery) {
		w.lookAtOwner(ctx)
		if time.Since(lastBank) >= bankEvery {
			lastBank = time.Now()
			if err := w.lookAtBank(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookAtOwner notes a change of owner. Nodes that do not answer are no news.
func (w *watch) lookAtOwner(ctx context.Context) {
	channel, err := w.nodes.Channel(ctx, "m")
	if err != nil {
		return
	}
	status, err := w.nodes.Migration(ctx, "m")
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase, w.failure = status["Phase"], ""
	if status["Status"] == "ERROR" {
		w.failure = fmt.Sprintf("error %s: %s", status["Last_Errno"], status["Last_Error"])
	}
	if channel["Node"] == "" || channel["Epoch"] == w.epoch {
		return
	}
	w.node, w.epoch = channel["Node"], channel["Epoch"]
	if w.hit == "" {
		w.say("         %s owns the channel, epoch %s", w.node, w.epoch)
		return
	}
	took := time.Since(w.hitAt)
	w.moved = append(w.moved, took)
	w.say("         %s owns the channel after %.1f s, epoch %s", w.node, took.Seconds(), w.epoch)
	w.hit = ""
}

// disturbed notes that a node was hit, which matters when it is the owner.
func (w *watch) disturbed(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hit == "" && name == w.node {
		w.hit, w.hitAt = name, time.Now()
	}
}

func (w *watch) owner() (node, phase string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.node, w.phase
}

// lookAtBank adds up all accounts in one snapshot of the target. While it
// replicates, whole transactions alone may show. Before, the copies of the two
// tables are of different times.
func (w *watch) lookAtBank(ctx context.Context) error {
	w.mu.Lock()
	phase := w.phase
	w.mu.Unlock()
	if phase != "REPLICATE" {
		return nil
	}
	var sum sql.NullInt64
	if err := w.target.QueryRowContext(ctx, bankSum).Scan(&sum); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("add up the bank: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if sum.Int64 != bankTotal {
		w.torn++
		if sum.Int64 != w.lastTorn {
			w.say("         the bank holds %d, and not %d", sum.Int64, int64(bankTotal))
			w.lastTorn = sum.Int64
		}
	}
	return nil
}

// replicateLimit is how long the copy may take, which a kill sets back.
const replicateLimit = 3 * time.Minute

// replicates waits until the copy is over.
func (w *watch) replicates(ctx context.Context) error {
	failure := ""
	err := node.Until(ctx, replicateLimit, "it replicates", func(context.Context) (bool, string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		failure = w.failure
		return w.phase == "REPLICATE" || failure != "", "phase " + w.phase
	})
	if err == nil && failure != "" {
		return fmt.Errorf("%w: %s", node.ErrStopped, failure)
	}
	return err
}

// takeovers says how long changes of owner took.
func (w *watch) takeovers() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.moved) == 0 {
		return "no change of owner was seen"
	}
	slices.Sort(w.moved)
	return fmt.Sprintf("%d changes of owner, after %.1f s (median) and %.1f s (longest)", len(w.moved),
		w.moved[len(w.moved)/2].Seconds(), w.moved[len(w.moved)-1].Seconds())
}
