package gateway

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

// viewNodes is SHOW NODES.
func viewNodes(c *controller, _ context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	var rows [][]any
	for _, m := range c.cluster.Members() {
		rows = append(rows, []any{m.Node, m.GossipAddr, m.AdminAddr, m.HTTPAddr, string(m.State), nodeStatus(&m), m.Incarnation,
			m.HeartbeatAge.Milliseconds(), nodeChannels(&m), m.Version, when(m.StartedAt), when(m.LastSeenAt)})
	}
	if quiet := c.pulse.silence(); quiet >= readPatience {
		return rows, []sqladmin.Warning{{Level: "Warning", Code: sqladmin.CodeStoreUnreachable,
			Message: fmt.Sprintf("the store has not answered for %.0f s: State is what gossip says, the rest was read before", quiet.Seconds()),
			Remedy:  storeRemedy(c.cfg.Name)}}, nil
	}
	return rows, nil, nil
}

// nodeStatus is a node's Status: whether it takes channels. One that left or died takes
// none; that it was drained stays said, since it is so after a restart too.
func nodeStatus(m *cluster.Member) string {
	if m.Status == cluster.StatusUp && down(m.State) {
		return "DOWN"
	}
	return m.Status
}

// nodeChannels is how many channels a node runs. What one that died or left said last
// is no longer so: it runs none.
func nodeChannels(m *cluster.Member) int {
	if down(m.State) {
		return 0
	}
	return m.Channels
}

// viewWorkers is SHOW WORKERS: the nodes as places that run channels. A node
// that left in order is none.
func viewWorkers(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	states, err := c.channelStates(ctx)
	if err != nil {
		return nil, nil, err
	}
	ids, err := c.nodeIDs(ctx)
	if err != nil {
		return nil, nil, err
	}
	number := map[string]uint32{}
	for id, node := range ids {
		number[node] = id
	}
	held := map[string][]string{}
	for _, ch := range states {
		held[ch.Owner] = append(held[ch.Owner], ch.Name)
	}
	var (
		rows     [][]any
		warnings []sqladmin.Warning
	)
	for _, m := range c.cluster.Members() {
		if m.State == cluster.Left {
			continue
		}
		if silentNode(&m) {
			warnings = append(warnings, silentWarning(m))
		}
		rows = append(rows, workerRow(&m, number[m.Node], held[m.Node]))
	}
	return rows, warnings, nil
}

func workerRow(m *cluster.Member, id uint32, channels []string) []any {
	role := "ACTIVE"
	switch {
	case m.Status != cluster.StatusUp:
		role = "DRAINING"
	case len(channels) == 0:
		role = "STANDBY"
	}
	s := &m.Stats
	var behind any
	if len(channels) > 0 {
		behind = int64(s.MaxSecondsBehind)
	}
	return []any{int64(id), m.Node, string(m.State), role, len(channels), strings.Join(channels, ","), s.Lanes, s.RowsPerSec, s.BytesPerSec,
		behind, uint64(max(0, s.QueueBytes)), uint64(max(0, s.MemoryBytes)), s.CPUPct, when(m.StartedAt), m.Version, s.LastError}
}

// viewProcesses are the channels of all nodes as processes: one for each
// receiver and one for each lane.
func viewProcesses(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	snap, err := c.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	id := firstProcessID
	var rows [][]any
	add := func(m *catalog.Migration, ch *channelView, state string) {
		id++
		var seconds any = int64(0)
		if !ch.st.PhaseStartedAt.IsZero() {
			seconds = int64(time.Since(ch.st.PhaseStartedAt).Seconds())
		}
		rows = append(rows, []any{id, "system user", ch.Owner, nil, "Connect", seconds, state, "channel " + ch.Name + " of migration " + m.Name})
	}
	for _, m := range snap.migrations {
		for _, ch := range snap.channels[m.ID] {
			if !ch.running() {
				continue
			}
			add(m, ch, ch.st.ReceiverState)
			for range ch.st.Lanes {
				add(m, ch, ch.st.ApplierState)
			}
		}
	}
	return rows, snap.warnings, nil
}

// firstProcessID is above every id of a client's connection.
const firstProcessID = uint64(1) << 32

// viewStatus is this node's part of SHOW STATUS.
func viewStatus(c *controller, _ context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	var self cluster.Member
	nodes := 0
	for _, m := range c.cluster.Members() {
		if m.Node == c.cfg.Name {
			self = m
		}
		if m.State == cluster.Alive {
			nodes++
		}
	}
	store := "OFF"
	if c.cluster.StoreOK() {
		store = "ON"
	}
	return [][]any{
		{"Sluice_channels", self.Channels},
		{"Sluice_incarnation", self.Incarnation},
		{"Sluice_lanes", self.Stats.Lanes},
		{"Sluice_memory_bytes", self.Stats.MemoryBytes},
		{"Sluice_node", c.cfg.Name},
		{"Sluice_nodes_alive", nodes},
		{"Sluice_queue_bytes", self.Stats.QueueBytes},
		{"Sluice_rows_per_sec", self.Stats.RowsPerSec},
		{"Sluice_store_reachable", store},
		{"Sluice_version", Version()},
	}, nil, nil
}
