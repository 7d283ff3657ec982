package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/sqladmin"
)

// silentAfter is the age of a node's heartbeat at which what it last said of
// its channels counts as old.
const silentAfter = 3 * time.Second

// silentNode returns true if a node is not heard of. The heartbeats of live nodes grow
// old too while this node cannot read the store: they are Alive by gossip then.
func silentNode(m *cluster.Member) bool {
	return m.State == cluster.Left || m.HeartbeatAge > silentAfter && m.State != cluster.Alive
}

// Statuses beyond the runner's own.
const statusWaiting = "WAITING"

// channelView is one channel as operators see it.
type channelView struct {
	cluster.ChannelState
	st     migration.Status // what its owner wrote last; zero when nobody did
	paged  bool             // st.Tables is left out: see tablesOf
	silent bool             // its owner is not heard of
	phase  string
	status string
}

// running says whether st is what happens now.
func (c *channelView) running() bool {
	return c.Owner != "" && !c.silent && c.status != migration.StatusStopped
}

// behind is Seconds_Behind_Source: nil when not connected.
func (c *channelView) behind() *int64 {
	if !c.running() || !c.st.Connected {
		return nil
	}
	return c.st.SecondsBehind
}

// snapshot is one look at all migrations.
type snapshot struct {
	migrations []*catalog.Migration
	channels   map[string][]*channelView // by migration ID, in the sources' order
	warnings   []sqladmin.Warning
}

// look reads all migrations and what their channels do. It only reads the
// store: a node that does not answer costs a warning.
func (c *controller) look(ctx context.Context) (*snapshot, error) {
	migrations, err := c.migrations(ctx)
	if err != nil {
		return nil, err
	}
	return c.lookAt(ctx, migrations, "")
}

// lookAtOne reads one migration.
func (c *controller) lookAtOne(ctx context.Context, name string) (*snapshot, error) {
	m, err := c.catalog.Migration(ctx, name)
	if err != nil {
		return nil, err
	}
	return c.lookAt(ctx, []*catalog.Migration{m}, m.ID)
}

// lookAt reads the channels of the migration with that ID, or with "" of all.
func (c *controller) lookAt(ctx context.Context, migrations []*catalog.Migration, id string) (*snapshot, error) {
	states, rows, err := c.channelsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &snapshot{migrations: migrations, channels: map[string][]*channelView{}}
	nodes := c.cluster.Members()
	members := setOf(nodes)
	quiet := map[string]bool{}
	for _, state := range states {
		v := newChannelView(state, rows[state.Channel], members)
		if v.silent {
			quiet[state.Owner] = true
		}
		s.channels[state.MigrationID] = append(s.channels[state.MigrationID], v)
	}
	for _, m := range migrations {
		slices.SortStableFunc(s.channels[m.ID], func(a, b *channelView) int {
			return slices.Index(m.Spec.Sources, a.Source) - slices.Index(m.Spec.Sources, b.Source)
		})
	}
	for _, m := range nodes {
		if quiet[m.Node] {
			s.warnings = append(s.warnings, silentWarning(m))
		}
	}
	return s, nil
}

// channelsOf reads the channels of the migration with that ID, or with "" of
// all, and what their owners wrote last.
func (c *controller) channelsOf(ctx context.Context, id string) ([]cluster.ChannelState, map[string]catalog.ChannelStatus, error) {
	if id == "" {
		states, err := c.channelStates(ctx)
		if err != nil {
			return nil, nil, err
		}
		rows, err := c.channelStatus(ctx)
		return states, rows, err
	}
	states, err := c.catalog.Channels(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	rows, err := c.catalog.Status(ctx, id)
	return states, rows, err
}

func silentWarning(m cluster.Member) sqladmin.Warning {
	return sqladmin.Warning{Level: "Warning", Code: sqladmin.CodeNodeSilent,
		Message: fmt.Sprintf("node %s was last heard of %.0f s ago; its channels are shown as of then", m.Node, m.HeartbeatAge.Seconds()),
		Remedy:  "its channels move by themselves when another node and the store are there; SHOW NODES lists the nodes"}
}

// memberSet is what a channel's state depends on.
type memberSet struct {
	byName map[string]cluster.Member
	takes  bool // some node takes channels
}

func setOf(members []cluster.Member) memberSet {
	s := memberSet{byName: map[string]cluster.Member{}}
	for _, m := range members {
		s.byName[m.Node] = m
		s.takes = s.takes || m.Status == cluster.StatusUp && m.State == cluster.Alive
	}
	return s
}

func newChannelView(state cluster.ChannelState, row catalog.ChannelStatus, members memberSet) *channelView {
	v := &channelView{ChannelState: state}
	if len(row.Status) > 0 {
		var s storedStatus
		_ = json.Unmarshal(row.Status, &s) // a newer node may write what this one does not know: shown as far as it goes
		v.st, v.paged = s.Status, s.Paged
	}
	owner, known := members.byName[state.Owner]
	v.silent = state.Owner != "" && known && (silentNode(&owner) || owner.Incarnation != state.OwnerIncarnation)
	v.phase, v.status = state.Phase, shownStatus(&v.ChannelState, v.silent, members.takes)
	return v
}

// shownStatus is a channel's Status, from what the store says of it:
//
//	to stop, and nobody runs it   STOPPED, or DONE when it reached its end
//	to stop, and somebody does    STOPPING
//	to run, its node is silent    RETRYING: the channel moves by itself
//	to run, nobody runs it        ERROR when it needs an operator; WAITING when
//	                              no node takes channels; RETRYING after a
//	                              failure; else STARTING
//	to run, and somebody does     what its node says
func shownStatus(ch *cluster.ChannelState, silent, takes bool) string {
	switch {
	case ch.Desired != cluster.DesiredRunning && (ch.Owner == "" || silent):
		if ch.Status == migration.StatusDone {
			return migration.StatusDone
		}
		return migration.StatusStopped
	case ch.Desired != cluster.DesiredRunning:
		return migration.StatusStopping
	case silent:
		return migration.StatusRetrying
	case ch.Owner == "" && ch.Status == migration.StatusError:
		return migration.StatusError
	case ch.Owner == "" && !takes:
		return statusWaiting
	case ch.Owner == "" && ch.Status == migration.StatusRetrying:
		return migration.StatusRetrying
	case ch.Owner == "":
		return migration.StatusStarting
	case ch.Status == migration.StatusStopped:
		return migration.StatusStarting // claimed, and not yet heard of
	}
	return ch.Status
}

// statusOrder lists the statuses from the one that matters most to an operator:
// a migration has the first that one of its channels has. A migration is DONE
// when all of its channels are.
var statusOrder = []string{migration.StatusError, migration.StatusRetrying, statusWaiting, migration.StatusStarting,
	migration.StatusStopping, migration.StatusRunning, migration.StatusStopped, migration.StatusDone}

// phaseIndex returns a phase's place in the order of phases.
func phaseIndex(phase string) int { return slices.Index(sqladmin.Phases, phase) }

// find returns a migration by its name, or the error for an unknown one.
func (s *snapshot) find(name string) (*catalog.Migration, error) {
	var names []string
	for _, m := range s.migrations {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return nil, sqladmin.Unknown("migration", name, names).WithRemedy("SHOW MIGRATIONS lists the migrations")
}
