package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Cluster is this node's part in the cluster. Its methods may be called from
// any goroutine. Open, then Run, then Close.
type Cluster struct {
	cfg         Config
	incarnation uint64
	store       *store
	gossip      *gossip
	view        *view
	place       *placement
	log         *slog.Logger
	stopped     []string // what Stopped returns

	changed chan struct{} // what Changed returns
	refresh chan struct{} // asks Run to look at the store before its next tick

	newcomers chan struct{} // asks Run to look for nodes that gossip does not know
	strange   strange

	statsMu  sync.Mutex
	stats    Stats
	storeErr error // of the newest heartbeat that did not reach the store
}

// Open registers the node in the store, whose tables must exist, and joins the
// gossip. It blocks for as long as the store and the addresses to join take to
// answer; nodes that cannot be reached do not stop it, Run tries them again.
// It returns ErrWrongKey, ErrNameTaken (after up to 2.5 s), ErrConfig or the
// store's error.
func Open(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Logger = cfg.Logger.With("node", cfg.Node)
	lines := newGossipLog(cfg.Logger)
	t, err := newTransport(ctx, &cfg, lines)
	if err != nil { // of this machine: not to be taken for an error of the store, which a caller may try again
		return nil, fmt.Errorf("%w: %s", ErrConfig, err.Error())
	}
	c, err := open(ctx, cfg, t, lines)
	if err != nil {
		_ = t.Shutdown() // nothing was sent on it; memberlist allows a second call
		return nil, err
	}
	return c, nil
}

func open(ctx context.Context, cfg Config, t *transport, lines *gossipLog) (*Cluster, error) {
	c := &Cluster{
		cfg: cfg, log: cfg.Logger, store: &store{cfg.DB, cfg.Node}, view: &view{}, place: newPlacement(),
		changed: make(chan struct{}, 1), refresh: make(chan struct{}, 1), newcomers: make(chan struct{}, 1),
	}
	addr, err := gossipAddr(ctx, &cfg, t)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrConfig, err.Error())
	}
	if c.incarnation, err = c.register(ctx, addr); err != nil {
		return nil, err
	}
	rows, err := c.store.nodes(ctx) // before the gossip, which asks for them
	if err == nil {
		c.view.set(rows, time.Now())
		c.gossip, err = startGossip(ctx, &cfg, t, lines, c.registered, c.incarnation, c.gossipChanged)
	}
	if err != nil {
		return nil, errors.Join(err, c.store.leave(ctx, c.incarnation))
	}
	c.settleKeys()
	c.place.wake = c.wake
	c.place.hold(time.Now().Add(ownerGrace), time.Time{})
	if err := c.joinPeers(cfg.Join); err != nil {
		return nil, errors.Join(err, c.gossip.stop(), c.store.leave(ctx, c.incarnation))
	}
	return c, nil
}

// register takes the node's name. While an earlier process may be alive it
// waits until that one's heartbeat moves (it lives) or is stale (it does not).
func (c *Cluster) register(ctx context.Context, addr string) (uint64, error) {
	var first int64
	for {
		inc, stopped, err := c.store.register(ctx, &c.cfg, addr)
		var taken *takenError
		if !errors.As(err, &taken) {
			c.stopped = stopped
			return inc, err
		}
		if first == 0 {
			first = taken.heartbeat
		}
		if taken.heartbeat != first {
			return 0, fmt.Errorf("register node %s: %w", c.cfg.Node, ErrNameTaken)
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("register node: %w", context.Cause(ctx))
		case <-time.After(min(heartbeatEvery/4, staleAfter-taken.age+time.Millisecond)):
		}
	}
}

// joinPeers contacts the given addresses and those of a few live nodes of the
// store. Only a given address with a wrong key is an error: the store's nodes
// were compared by register, and one that sends with a key which this node does
// not know looks at the store within a second and sends with one that it knows.
func (c *Cluster) joinPeers(given []string) error {
	for _, a := range given {
		if err := c.gossip.join([]string{a}); errors.Is(err, ErrWrongKey) && !c.cfg.FromKeyless && !c.inStore(a) {
			return err
		} else {
			c.logJoin("a gossip peer does not answer, trying again later", err)
		}
	}
	c.logJoin("live nodes of the store do not answer gossip, trying again later", c.gossip.join(c.strangers()))
	return nil
}

// logJoin logs why a join failed, if it did.
func (c *Cluster) logJoin(what string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrWrongKey):
		c.log.Info("some nodes do not have this node's cluster key: until they have, they hear of each other through the store only")
	default:
		c.log.Warn(what, "err", err)
	}
}

// inStore reports whether a live node of the store has the gossip address.
func (c *Cluster) inStore(addr string) bool {
	rows, since := c.view.get()
	return slices.ContainsFunc(rows, func(r nodeRow) bool { return r.gossipAddr == addr && !r.left && r.age+since <= deadAfter })
}

// strangers lists the gossip addresses of up to three nodes that the store
// calls live and gossip does not know alive.
func (c *Cluster) strangers() []string {
	rows, since := c.view.get()
	var addrs []string
	for _, r := range rows {
		if r.node == c.cfg.Node || r.left || r.age+since > deadAfter {
			continue
		}
		if s := c.gossip.state(r.node, r.incarnation).state; s != gossipAlive && s != gossipCut {
			addrs = append(addrs, r.gossipAddr)
		}
	}
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	return addrs[:min(3, len(addrs))]
}

// Run heartbeats, follows the store and heals the gossip until ctx ends, and
// then returns nil. It returns ErrReplaced when a newer process took this
// node's name: the node must stop everything. It must run while the node holds
// channels, else other nodes take them.
func (c *Cluster) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.heartbeats(ctx) })
	g.Go(func() error { return c.rejoin(ctx) })
	err := g.Wait()
	if errors.Is(err, ErrReplaced) {
		return err
	}
	return nil // both loops end otherwise with ctx only
}

// Close leaves the gossip and records in the store that this incarnation ended,
// so that its channels may be claimed at once. Call it after Run returned and
// the node's channels were released. Its context bounds the store's part, which
// goes on beside the gossip's: members that do not answer must not use it up.
func (c *Cluster) Close(ctx context.Context) error {
	c.place.stop()
	recorded := make(chan error, 1)
	go func() { recorded <- c.store.leave(ctx, c.incarnation) }()
	err := c.gossip.stop()
	return errors.Join(err, <-recorded)
}

// Node returns this node's name.
func (c *Cluster) Node() string { return c.cfg.Node }

// Incarnation returns this process's number among the node's starts.
func (c *Cluster) Incarnation() uint64 { return c.incarnation }

// Addr returns the address at which other nodes reach this one's gossip.
func (c *Cluster) Addr() string { return c.gossip.addr() }

// StoreOK says whether the last heartbeat reached the store.
func (c *Cluster) StoreOK() bool { return c.gossip.storeOK.Load() }

// StoreError returns why the last heartbeat did not reach the store, or nil.
func (c *Cluster) StoreError() error {
	c.statsMu.Lock()
	defer c.statsMu.Unlock()
	if c.StoreOK() {
		return nil
	}
	return c.storeErr
}

func (c *Cluster) setStoreError(err error) {
	c.statsMu.Lock()
	c.storeErr = err
	c.statsMu.Unlock()
}

// SetStats sets what the next heartbeat says about this node's load.
func (c *Cluster) SetStats(s Stats) {
	c.statsMu.Lock()
	c.stats = s
	c.statsMu.Unlock()
}

// Changed delivers a value whenever Wanted and Unwanted are worth asking again:
// about each second, and at once when a member comes or goes, when a node
// announced a change, or when a claim's waiting time is over. Values that are
// not taken are merged. It is never closed; it has one reader.
func (c *Cluster) Changed() <-chan struct{} { return c.changed }

// Notify tells every node, this one too, to look at the store now. Call it
// after a change of definitions or ownership was committed. It never blocks;
// a node that misses it sees the change within about a second.
func (c *Cluster) Notify() {
	c.gossip.announce()
	c.gossipChanged()
}

func (c *Cluster) wake() { poke(c.changed) }

// gossipChanged makes Run read the node rows and then wake the reader.
func (c *Cluster) gossipChanged() { poke(c.refresh) }

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
