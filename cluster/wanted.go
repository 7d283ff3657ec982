package cluster

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ChannelState is one row of sluice_meta.channels.
type ChannelState struct {
	Channel          string // the key: <migration id>/<source>
	Name             string // for people: migration/source, or migration
	MigrationID      string
	Migration        string
	Source           string
	Owner            string // node; "" when released
	OwnerIncarnation uint64
	Epoch            uint64
	Desired          string
	Phase            string
	Status           string
	Pinned           string // node that a MOVE CHANNEL named; "" once any node claimed
}

const channelColumns = `CAST(c.channel AS CHAR), c.name, c.migration_id, c.migration, c.source, c.owner, c.owner_incarnation, c.epoch, c.desired, c.phase,
  c.status, c.pinned`

func (s *ChannelState) fields() []any {
	return []any{&s.Channel, &s.Name, &s.MigrationID, &s.Migration, &s.Source, &s.Owner, &s.OwnerIncarnation, &s.Epoch,
		&s.Desired, &s.Phase, &s.Status, &s.Pinned}
}

// claimable is a channel that nobody runs.
type claimable struct {
	ChannelState
	ownership
}

// Wanted returns the channels that this node should claim now, best first: they
// are to run, nobody runs them, this node takes channels, and its waiting time
// (its rank in the channel's ranking times 500 ms, its back-off, the stagger
// after a store outage) is over. Changed fires again when the next one is due.
// An idle cluster costs one or two index reads a call.
func (c *Cluster) Wanted(ctx context.Context) ([]ChannelState, error) {
	rows, since := c.view.get()
	nodes := c.candidates(rows, since)
	if !slices.ContainsFunc(nodes, func(n Candidate) bool { return n.Node == c.cfg.Node }) {
		return nil, nil // draining, or cut from the store
	}
	list, err := c.claimable(ctx, rows, since)
	if err != nil {
		return nil, fmt.Errorf("read channels to claim: %w", err)
	}
	suspects := map[string]time.Duration{}
	if len(list) > 0 {
		if suspects, err = c.suspects(ctx); err != nil {
			return nil, err
		}
		c.place.setSuspects(suspects)
	}
	now := time.Now()
	alone := c.place.aloneFrom()
	seen := make(map[string]bool, len(list))
	var (
		wanted []ChannelState
		next   time.Time
	)
	for _, ch := range list {
		seen[ch.Channel] = true
		at := c.place.due(ch.Channel, ch.ownership.Owner != "", c.wait(ch.ChannelState, nodes), now)
		if pause, suspect := suspects[ch.Channel]; suspect {
			at = later(at, now.Add(pause), alone)
			if !at.After(now) {
				alone = now.Add(probation) // one at a time
			}
		}
		if !at.After(now) {
			wanted = append(wanted, ch.ChannelState)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	c.place.only(seen)
	if !next.IsZero() {
		c.place.wakeAt(next)
	}
	return wanted, nil
}

// later returns the latest of the times.
func later(t time.Time, more ...time.Time) time.Time {
	for _, m := range more {
		if m.After(t) {
			t = m
		}
	}
	return t
}

// wait is how long this node leaves the channel to better ones. It also counts
// the channel to the node that is to get it, so that the next channel's ranking
// knows: every node does the same sum in the same order.
func (c *Cluster) wait(ch ChannelState, nodes []Candidate) time.Duration {
	ranking := Rank(ch.Channel, nodes)
	pinned := slices.Index(ranking, ch.Pinned)
	first := ranking[0]
	if pinned >= 0 {
		first = ch.Pinned
	}
	for i := range nodes {
		if nodes[i].Node == first {
			nodes[i].Channels++
		}
	}
	switch {
	case ch.Pinned == c.cfg.Node:
		return 0
	case pinned >= 0:
		return pinnedGrace + time.Duration(slices.Index(ranking, c.cfg.Node))*rankStep
	}
	return time.Duration(slices.Index(ranking, c.cfg.Node)) * rankStep
}

// candidates lists the nodes that can take channels: UP, alive, with the store.
func (c *Cluster) candidates(rows []nodeRow, since time.Duration) []Candidate {
	var list []Candidate
	for _, r := range rows {
		n := Candidate{Node: r.node, Weight: r.weight, Channels: r.channels}
		g := c.gossip.state(r.node, r.incarnation).state
		switch {
		case r.status != StatusUp || r.left || g == gossipCut:
			continue
		case r.node == c.cfg.Node:
			if r.incarnation != c.incarnation {
				continue
			}
			n.Channels = c.place.count()
		case r.age+since > deadAfter:
			continue
		case r.age+since > staleAfter && g != gossipAlive:
			continue
		}
		list = append(list, n)
	}
	return list
}

// claimable reads the channels that are to run and that the claim rule lets
// this node have, ordered by key. Only those without an owner and those of
// suspicious owners are read.
func (c *Cluster) claimable(ctx context.Context, rows []nodeRow, since time.Duration) ([]claimable, error) {
	owners := []any{"", c.cfg.Node}
	for _, r := range rows {
		if r.node != c.cfg.Node && (r.left || r.age+since > staleAfter) {
			owners = append(owners, r.node)
		}
	}
	res, err := c.cfg.DB.QueryContext(ctx, `SELECT `+channelColumns+`, COALESCE(n.incarnation, 0), n.left_at IS NOT NULL, `+
		age("n.heartbeat")+` FROM sluice_meta.channels c LEFT JOIN sluice_meta.nodes n ON n.node = c.owner
  WHERE c.owner IN (?`+strings.Repeat(", ?", len(owners)-1)+`) AND c.desired = 'RUNNING'
  AND (c.not_before IS NULL OR c.not_before <= UTC_TIMESTAMP(6)) ORDER BY c.channel`, owners...)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	var list []claimable
	for res.Next() {
		var (
			ch claimable
			us int64
		)
		if err := res.Scan(append(ch.fields(), &ch.registered, &ch.left, &us)...); err != nil {
			return nil, err
		}
		ch.ownership.Owner, ch.ownership.Incarnation = ch.ChannelState.Owner, ch.OwnerIncarnation
		ch.age = time.Duration(us) * time.Microsecond
		ch.gossip = c.gossip.state(ch.ownership.Owner, ch.OwnerIncarnation)
		if mayClaim(ch.ownership, c.cfg.Node, c.incarnation, c.place.holds(ch.Channel)) {
			list = append(list, ch)
		}
	}
	return list, res.Err()
}

// Reason says why a channel is unwanted.
type Reason string

// The reasons why a node should stop a channel that it holds.
const (
	ReasonLost     Reason = "LOST"     // another epoch owns it, or it was dropped: stop at once
	ReasonStopped  Reason = "STOPPED"  // an operator wants it stopped
	ReasonDraining Reason = "DRAINING" // this node hands its channels over
	ReasonMoved    Reason = "MOVED"    // an operator moves it to another node
)

// Unwanted is a channel that this node holds and should stop and Release.
type Unwanted struct {
	Channel string
	Epoch   uint64
	Reason  Reason
}

// Unwanted returns the held channels that this node should stop, then Release:
// at a transaction boundary, or at once and without further writes when lost.
// It repeats a channel until it is released, as it does one whose Release failed
// and that nothing runs any more.
func (c *Cluster) Unwanted(ctx context.Context) ([]Unwanted, error) {
	held, stuck := c.place.all()
	var list []Unwanted
	for channel, epoch := range stuck {
		list = append(list, Unwanted{channel, epoch, ReasonStopped})
	}
	byName := func(a, b Unwanted) int { return strings.Compare(a.Channel, b.Channel) }
	slices.SortFunc(list, byName)
	if len(held) == 0 {
		return list, nil
	}
	own, err := c.own(ctx)
	if err != nil {
		return nil, fmt.Errorf("read own channels: %w", err)
	}
	rows, since := c.view.get()
	nodes := c.candidates(rows, since)
	takes := func(node string) bool {
		return slices.ContainsFunc(nodes, func(n Candidate) bool { return n.Node == node })
	}
	draining := slices.ContainsFunc(rows, func(r nodeRow) bool { return r.node == c.cfg.Node && r.status != StatusUp })
	for channel, epoch := range held {
		ch, ok := own[channel]
		reason := Reason("")
		switch {
		case !ok || ch.Epoch != epoch || ch.OwnerIncarnation != c.incarnation:
			reason = ReasonLost
		case ch.Desired != DesiredRunning:
			reason = ReasonStopped
		case ch.Pinned != "" && ch.Pinned != c.cfg.Node && takes(ch.Pinned):
			reason = ReasonMoved
		case draining:
			reason = ReasonDraining
		default:
			continue
		}
		list = append(list, Unwanted{channel, epoch, reason})
	}
	slices.SortFunc(list, byName)
	return list, nil
}

// own reads the channels whose row names this node.
func (c *Cluster) own(ctx context.Context) (map[string]ChannelState, error) {
	rows, err := c.cfg.DB.QueryContext(ctx, `SELECT `+channelColumns+` FROM sluice_meta.channels c WHERE c.owner = ?`, c.cfg.Node)
	if err != nil {
		return nil, err
	}
	return scanChannels(rows)
}

func scanChannels(rows *sql.Rows) (map[string]ChannelState, error) {
	defer rows.Close()
	m := map[string]ChannelState{}
	for rows.Next() {
		var ch ChannelState
		if err := rows.Scan(ch.fields()...); err != nil {
			return nil, err
		}
		m[ch.Channel] = ch
	}
	return m, rows.Err()
}

// BackOff makes this node not want the channel for d: after a run that failed
// for a reason that another node may not have. Other nodes are free to claim.
func (c *Cluster) BackOff(channel string, d time.Duration) {
	c.place.setBackOff(channel, time.Now().Add(d))
}

// ReadChannels reads the channels of one migration (by ID), or of all with "",
// ordered by name.
func ReadChannels(ctx context.Context, db *sql.DB, migrationID string) ([]ChannelState, error) {
	rows, err := db.QueryContext(ctx, `SELECT `+channelColumns+` FROM sluice_meta.channels c
  WHERE ? = '' OR c.migration_id = ?`, migrationID, migrationID)
	if err != nil {
		return nil, fmt.Errorf("read channels: %w", err)
	}
	m, err := scanChannels(rows)
	if err != nil {
		return nil, fmt.Errorf("read channels: %w", err)
	}
	return slices.SortedFunc(maps.Values(m), func(a, b ChannelState) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Channel, b.Channel))
	}), nil
}
