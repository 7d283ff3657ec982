package cluster

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// view is the node rows as last read.
type view struct {
	mu   sync.Mutex
	rows []nodeRow
	at   time.Time
}

func (v *view) set(rows []nodeRow, at time.Time) {
	v.mu.Lock()
	v.rows, v.at = rows, at
	v.mu.Unlock()
}

// get returns the rows, which must not be changed, and the time since they were
// read: to be added to their ages.
func (v *view) get() ([]nodeRow, time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rows, time.Since(v.at)
}

// due says whether the rows are old enough to be read again: every heartbeat
// with up to nodesPerSecond nodes, less often with more.
func (v *view) due() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	every := time.Duration(len(v.rows)) * time.Second / nodesPerSecond
	return time.Since(v.at) >= max(heartbeatEvery*9/10, every)
}

// heartbeats is Run's main loop. Each tick writes this node's row, reads the
// others' when due, and wakes the reader of Changed.
func (c *Cluster) heartbeats(ctx context.Context) error {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	beat, forced := true, false
	for {
		if err := c.visit(ctx, beat, forced); err != nil {
			return err
		}
		c.wake()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			beat, forced = true, false
		case <-c.refresh:
			beat, forced = false, true
			if !c.calm(ctx) {
				return nil
			}
		}
	}
}

// calm waits until the last look at the store is a gossip interval ago, so that
// a burst of news costs one look. It returns false when ctx ended.
func (c *Cluster) calm(ctx context.Context) bool {
	_, since := c.view.get()
	select {
	case <-ctx.Done():
		return false
	case <-time.After(gossipInterval - since):
		return true
	}
}

// visit does one look at the store. Only ErrReplaced is returned: an
// unreachable store is waited for.
func (c *Cluster) visit(ctx context.Context, beat, forced bool) error {
	err := c.exchange(ctx, beat, forced)
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, ErrReplaced):
		return err
	case err != nil && !c.StoreOK():
		c.setStoreError(err)
	case err != nil:
		c.setStoreError(err) // first: StoreError must not return nil while StoreOK is false
		c.log.Warn("the store cannot be reached: nothing is claimed until it can", "err", err)
		c.gossip.setStoreOK(false)
	case err == nil && !c.StoreOK():
		wait := rand.N(resumeSpread)
		c.log.Info("the store can be reached again", "claims_after", wait)
		c.place.hold(time.Now().Add(ownerGrace+wait), time.Now().Add(wait))
		c.gossip.setStoreOK(true)
	}
	return nil
}

func (c *Cluster) exchange(ctx context.Context, beat, forced bool) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if beat {
		c.statsMu.Lock()
		st := c.stats
		c.statsMu.Unlock()
		err := c.store.heartbeat(ctx, c.incarnation, c.place.count(), st)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrReplaced // an operator removed this node's row
		}
		if err != nil {
			return err
		}
	}
	if !forced && !c.view.due() {
		return nil
	}
	rows, err := c.store.nodes(ctx)
	if err != nil {
		return err
	}
	c.view.set(rows, time.Now())
	c.settleKeys()
	if c.strange.met.Swap(false) {
		poke(c.newcomers) // a member that was not accepted may be a node that has just registered
	}
	return nil
}

// rejoin contacts nodes that live by the store and that gossip does not know:
// after a split, or when this node was away for so long that it was forgotten.
func (c *Cluster) rejoin(ctx context.Context) error {
	var said time.Time // that a key is wrong
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rejoinEvery + rand.N(rejoinEvery/2)):
		case <-c.newcomers:
		}
		addrs := c.strangers()
		if len(addrs) == 0 {
			continue
		}
		if err := c.gossip.join(addrs); errors.Is(err, ErrWrongKey) {
			if time.Since(said) >= gossipLinesEvery {
				c.log.Warn("a node with another cluster key, or without one, runs on this store: until every node has the same key, "+
					"they hear of each other through the store only", "err", err)
				said = time.Now()
			}
		} else if err != nil {
			c.log.Debug("join a live node of the store", "err", err)
		}
	}
}
