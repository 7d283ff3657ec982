package cluster

import (
	"context"
	"fmt"
	"time"
)

// State says whether a node is there, from its heartbeat and from gossip.
type State string

// The states of a member.
const (
	Alive   State = "alive"   // both witnesses say so; gossip alone while this node cannot read the store
	Suspect State = "suspect" // one witness says so: gossip, or a fresh heartbeat
	Dead    State = "dead"    // neither does
	Left    State = "left"    // it ended in order
)

// Member is one node that ever registered in the store.
type Member struct {
	Node         string
	GossipAddr   string
	AdminAddr    string
	HTTPAddr     string
	State        State
	Status       string // UP, DRAINING or DRAINED
	StoreOK      bool   // it says that it reaches the store
	Incarnation  uint64
	HeartbeatAge time.Duration // by the store's clock
	Channels     int           // held, as it last said
	Weight       int
	Version      string
	StartedAt    time.Time // by the store's clock
	LastSeenAt   time.Time // its last heartbeat, by the store's clock
	Stats        Stats
}

// Members returns all nodes, ordered by name, as of the last look at the store
// (a second ago at most while the store is there and nodes are few) and gossip
// now. It does not block. The slice is the caller's.
func (c *Cluster) Members() []Member {
	rows, since := c.view.get()
	list := make([]Member, 0, len(rows))
	for _, r := range rows {
		g := c.gossip.state(r.node, r.incarnation).state
		m := Member{
			Node: r.node, GossipAddr: r.gossipAddr, AdminAddr: r.adminAddr, HTTPAddr: r.httpAddr,
			State: memberState(r, since, g), Status: r.status, StoreOK: g != gossipCut, Incarnation: r.incarnation,
			HeartbeatAge: r.age + since, Channels: r.channels, Weight: r.weight, Version: r.version,
			StartedAt: r.started, LastSeenAt: r.heartbeat, Stats: r.stats,
		}
		if r.node == c.cfg.Node && r.incarnation == c.incarnation {
			m.Channels = c.place.count()
		}
		list = append(list, m)
	}
	return list
}

// memberState judges a node by its row, which was read since ago, and by gossip. A row
// whose heartbeat was fresh when it was read says nothing against the node while this
// node cannot read the store: gossip decides then. A node that gossip does not hear is
// Suspect for deadAfter, as its heartbeat may go on unseen, and Dead afterwards.
func memberState(r nodeRow, since time.Duration, g gossipState) State {
	heard := g == gossipAlive || g == gossipCut
	beats := r.age <= staleAfter
	switch {
	case r.left:
		return Left
	case heard && beats:
		return Alive
	case heard || beats && r.age+since <= deadAfter:
		return Suspect
	}
	return Dead
}

// Drain makes the node take no channels and hand its own over, until Undrain,
// across restarts. It returns false when that was so already, and
// ErrUnknownNode. Members shows DRAINED when it is done.
func (c *Cluster) Drain(ctx context.Context, node string) (changed bool, err error) {
	return c.setStatus(ctx, node, `UPDATE sluice_meta.nodes SET status = 'DRAINING' WHERE node = ? AND status = 'UP'`)
}

// Undrain ends Drain. It returns false when the node was UP, and ErrUnknownNode.
func (c *Cluster) Undrain(ctx context.Context, node string) (changed bool, err error) {
	return c.setStatus(ctx, node, `UPDATE sluice_meta.nodes SET status = 'UP' WHERE node = ? AND status <> 'UP'`)
}

func (c *Cluster) setStatus(ctx context.Context, node, update string) (bool, error) {
	res, err := c.cfg.DB.ExecContext(ctx, update, node)
	if err != nil {
		return false, fmt.Errorf("change status of node %s: %w", node, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("change status of node %s: %w", node, err)
	}
	if n == 0 {
		return false, c.known(ctx, node)
	}
	c.Notify()
	return true, nil
}

func (c *Cluster) known(ctx context.Context, node string) error {
	var n int
	if err := c.cfg.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM sluice_meta.nodes WHERE node = ?`, node).Scan(&n); err != nil {
		return fmt.Errorf("look up node %s: %w", node, err)
	}
	if n == 0 {
		return fmt.Errorf("node %s: %w", node, ErrUnknownNode)
	}
	return nil
}

// Move asks for the channel to run on the node: its owner releases it when the
// node can take it, and the others leave it to that node for three seconds. The
// wish ends with the next claim. It returns false when the node owns it
// already, ErrUnknownNode or ErrGone.
func (c *Cluster) Move(ctx context.Context, channel, node string) (changed bool, err error) {
	if err := c.known(ctx, node); err != nil {
		return false, err
	}
	res, err := c.cfg.DB.ExecContext(ctx, `UPDATE sluice_meta.channels SET pinned = ? WHERE channel = ? AND owner <> ?
  AND pinned <> ?`, node, channel, node, node)
	if err != nil {
		return false, fmt.Errorf("move channel %s: %w", channel, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return false, fmt.Errorf("move channel %s: %w", channel, err)
	} else if n == 1 {
		c.Notify()
		return true, nil
	}
	if _, err := c.Channel(ctx, channel); err != nil {
		return false, err
	}
	return false, nil
}

// Channel reads one channel's row. It returns ErrGone when there is none.
func (c *Cluster) Channel(ctx context.Context, channel string) (ChannelState, error) {
	rows, err := c.cfg.DB.QueryContext(ctx, `SELECT `+channelColumns+` FROM sluice_meta.channels c WHERE c.channel = ?`, channel)
	if err != nil {
		return ChannelState{}, fmt.Errorf("read channel %s: %w", channel, err)
	}
	m, err := scanChannels(rows)
	if err != nil {
		return ChannelState{}, fmt.Errorf("read channel %s: %w", channel, err)
	}
	ch, ok := m[channel]
	if !ok {
		return ChannelState{}, fmt.Errorf("channel %s: %w", channel, ErrGone)
	}
	return ch, nil
}

// Halt makes a channel of this owner wait for an operator: no node claims it, and
// its status is ERROR, until a statement changes both. They change together, so
// that an answer that is lost leaves no channel that waits and does not show it.
// An owner of an older epoch changes nothing.
func (c *Cluster) Halt(ctx context.Context, channel string, epoch uint64) error {
	_, err := c.cfg.DB.ExecContext(ctx, `UPDATE sluice_meta.channels
  SET not_before = UTC_TIMESTAMP(6) + INTERVAL 100 YEAR, status = 'ERROR' WHERE channel = ? AND epoch = ?`, channel, epoch)
	if err != nil {
		return fmt.Errorf("halt channel %s: %w", channel, err)
	}
	return nil
}
