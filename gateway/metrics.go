package gateway

import (
	"cmp"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
)

// maxMetricChannels bounds the values of the label channel: those in trouble come
// first. The metrics without the label count all.
const maxMetricChannels = 1000

// channelStatuses are the values of the enum sluice_gateway_channel_status.
var channelStatuses = []string{migration.StatusStarting, migration.StatusRunning, migration.StatusStopping, statusWaiting,
	migration.StatusRetrying, migration.StatusError, migration.StatusStopped, migration.StatusDone}

// errorClasses are the values of the label class. An error of another class counts as
// INTERNAL.
var errorClasses = []string{"CONFIG", "DATA", "DDL", "INTERNAL", "NETWORK", "SOURCE", "TARGET"}

// channelMetric is one metric of each channel. A channel that stands has those that are
// kept; of the others, which a run counts, it has none.
type channelMetric struct {
	family
	kept  bool
	value func(*channelSample) float64
}

// channelMetrics lists them. A newcomer adds a row here and in docs/operations.md.
var channelMetrics = []channelMetric{
	{family{"sluice_gateway_channel_running", gauge, "1 while the channel runs, 0 while it should and does not."}, true,
		func(s *channelSample) float64 { return number(s.status == migration.StatusRunning) }},
	{family{"sluice_gateway_channel_lag_seconds", gauge,
		"Seconds behind the source. It grows while the channel stands still; NaN before it is known."}, true,
		func(s *channelSample) float64 { return s.lag }},
	{family{"sluice_gateway_channel_lag_bytes", gauge, "Binlog that is not applied yet; NaN while the channel is not connected."}, true,
		func(s *channelSample) float64 {
			if !s.st.Connected || s.st.LagBytes == nil {
				return math.NaN()
			}
			return float64(*s.st.LagBytes)
		}},
	{family{"sluice_gateway_channel_retries_total", counter, "Failures after which the channel tried again, of all its owners."}, true,
		func(s *channelSample) float64 { return float64(s.st.Retries) }},
	{family{"sluice_gateway_channel_rows_copied", gauge, "Rows of the first copy that are in the target."}, false,
		func(s *channelSample) float64 { return float64(s.st.RowsCopied) }},
	{family{"sluice_gateway_channel_bytes_copied", gauge, "Bytes of the first copy that are in the target."}, false,
		func(s *channelSample) float64 { return float64(s.st.BytesCopied) }},
	{family{"sluice_gateway_channel_rows_applied_total", counter, "Rows that were inserted, updated and deleted since the channel's run began."}, false,
		func(s *channelSample) float64 { return float64(s.st.Inserts + s.st.Updates + s.st.Deletes) }},
	{family{"sluice_gateway_channel_transactions_total", counter, "Transactions of the source that were applied since the channel's run began."}, false,
		func(s *channelSample) float64 { return float64(s.st.Transactions) }},
	{family{"sluice_gateway_channel_rows_per_second", gauge, "Rows that are copied and applied."}, false,
		func(s *channelSample) float64 { return s.st.RowsPerSec }},
	{family{"sluice_gateway_channel_bytes_per_second", gauge, "Bytes that are copied and applied."}, false,
		func(s *channelSample) float64 { return s.st.BytesPerSec }},
	{family{"sluice_gateway_channel_queue_bytes", gauge, "Bytes that were read from the source and are not applied yet."}, false,
		func(s *channelSample) float64 { return float64(s.st.QueueBytes) }},
}

// channelSample is one channel as this node reports it.
type channelSample struct {
	name   string
	st     migration.Status
	status string
	lag    float64
	runs   bool // on this node
	errors map[string]int
}

// number is 1 for true.
func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// writeMetrics writes the node's metrics in Prometheus' text format. It asks no server:
// what is in the store is as of the last look, some seconds ago.
func (n *Node) writeMetrics(w io.Writer) {
	e := &exposition{w: w}
	started := n.http.ready.Load()
	e.one("sluice_gateway_ready", gauge, "1 while the node takes statements and can run channels, as /readyz answers.", number(n.notReady() == ""))
	e.open("sluice_gateway_info", gauge, "1; the label is the release.")
	e.value(1, "version", Version())
	e.one("sluice_gateway_store_up", gauge, "1 while the node reaches its store; 0 while it waits for it at its start.",
		number(started && n.services.cluster.StoreOK()))
	if started {
		n.writeOwnMetrics(e)
	}
	writeProcess(e)
}

func (n *Node) writeOwnMetrics(e *exposition) {
	stats, runs := n.supervisor.totals.get()
	samples, desired := n.controller.channelSamples(runs, time.Now())
	e.one("sluice_gateway_channels", gauge, "Channels that run on this node.", float64(len(runs)))
	e.one("sluice_gateway_channels_desired", gauge, "Channels of the whole cluster that are to run; the same on every node.",
		float64(desired))
	e.one("sluice_gateway_lanes", gauge, "Lanes of the channels that run on this node.", float64(stats.Lanes))
	e.one("sluice_gateway_rows_per_second", gauge, "Rows that this node copies and applies.", stats.RowsPerSec)
	e.one("sluice_gateway_bytes_per_second", gauge, "Bytes that this node copies and applies.", stats.BytesPerSec)
	e.one("sluice_gateway_lag_seconds_max", gauge,
		"The greatest channel_lag_seconds of the channels that this node reports; NaN when none is known.", greatestLag(samples))
	e.one("sluice_gateway_queue_bytes", gauge, "Bytes that this node has read and not applied yet.", float64(stats.QueueBytes))
	e.one("sluice_gateway_memory_bytes", gauge, "Memory of the process, as SHOW WORKERS has it.", float64(stats.MemoryBytes))
	e.one("sluice_gateway_records_dropped_total", counter, "Errors and events that could not be recorded in the store.",
		float64(n.services.records.dropped.Load()))
	gossip := n.services.cluster.GossipCounts()
	e.one("sluice_cluster_gossip_errors_total", counter, "Gossip packets that could not be sent or read.", float64(gossip.Errors))
	e.one("sluice_cluster_gossip_rejected_total", counter, "Gossip packets that were refused, of other clusters for example.", float64(gossip.Rejected))
	states := map[cluster.State]int{cluster.Alive: 0, cluster.Suspect: 0, cluster.Dead: 0, cluster.Left: 0}
	for _, m := range n.services.cluster.Members() {
		states[m.State]++
	}
	e.open("sluice_gateway_nodes", gauge, "Nodes of the cluster by their state, as this node sees them.")
	for _, s := range slices.Sorted(maps.Keys(states)) {
		e.value(float64(states[s]), "state", string(s))
	}
	writeChannels(e, samples)
}

func greatestLag(samples []*channelSample) float64 {
	if len(samples) == 0 {
		return 0
	}
	most := math.NaN()
	for _, s := range samples {
		if !math.IsNaN(s.lag) && !(s.lag <= most) {
			most = s.lag
		}
	}
	return most
}

// writeChannels writes the channels that this node reports.
func writeChannels(e *exposition, samples []*channelSample) {
	count := map[string]int{}
	for _, s := range samples {
		count[s.status]++
	}
	e.open("sluice_gateway_channels_by_status", gauge, "Channels that this node reports, by their status; all nodes together report each channel once.")
	for _, status := range channelStatuses {
		e.value(float64(count[status]), "status", status)
	}
	shown := samples[:min(len(samples), maxMetricChannels)]
	e.open("sluice_gateway_channel_status", gauge, "The channel's status as an enum: 1 for the status that it has, 0 for the others.")
	for _, s := range shown {
		for _, status := range channelStatuses {
			e.value(number(s.status == status), "channel", s.name, "status", status)
		}
	}
	e.open("sluice_gateway_channel_errors", gauge, "Errors of the channel that are not resolved, by their class.")
	for _, s := range shown {
		for _, class := range errorClasses {
			e.value(float64(s.errors[class]), "channel", s.name, "class", class)
		}
	}
	for i := range channelMetrics {
		m := &channelMetrics[i]
		e.open(m.name, m.kind, m.help)
		for _, s := range shown {
			if m.kept || s.runs {
				e.value(m.value(s), "channel", s.name)
			}
		}
	}
}

// channelSamples returns the channels that this node reports, and how many the cluster
// is to run. Of every channel that is to run, exactly one node reports it:
//
//	a live node owns it    that node
//	no live node owns it   the first live node by name
//
// For some seconds after a change of owner or of the nodes, two may report it, or none,
// since nodes read the store at different moments. While the store is silent, owners are
// those of the last look and gossip decides who lives. runs are those of this node.
func (c *controller) channelSamples(runs map[string]migration.Status, now time.Time) (samples []*channelSample, desired int) {
	states, rows := c.remembered()
	members := c.cluster.Members()
	set := setOf(members)
	reports := firstAlive(members) == c.cfg.Name
	open := c.openByClass()
	seen := map[string]bool{}
	for i := range states {
		state := &states[i]
		if state.Desired == cluster.DesiredRunning {
			desired++
		}
		if st, ok := runs[state.Name]; ok {
			seen[state.Name] = true
			samples = append(samples, &channelSample{name: state.Name, st: st, status: st.Status, lag: lagOf(&st, now), runs: true, errors: open.of(state)})
			continue
		}
		if state.Desired != cluster.DesiredRunning {
			continue
		}
		v := newChannelView(*state, rows[state.Channel], set)
		owned := state.Owner != "" && !v.silent
		if owned && state.Owner == c.cfg.Name || !owned && reports {
			v.st.Connected, v.st.SecondsBehind = false, nil
			samples = append(samples, &channelSample{name: state.Name, st: v.st, status: v.status, lag: lagOf(&v.st, now), errors: open.of(state)})
		}
	}
	for name, st := range runs { // claimed since the last look
		if !seen[name] {
			samples = append(samples, &channelSample{name: name, st: st, status: st.Status, lag: lagOf(&st, now), runs: true})
		}
	}
	slices.SortFunc(samples, func(a, b *channelSample) int {
		return cmp.Or(slices.Index(statusOrder, a.status)-slices.Index(statusOrder, b.status), strings.Compare(a.name, b.name))
	})
	return samples, desired
}

// lagOf returns how far a channel is behind. While it does not apply, all that the
// source has done since the last moment up to which everything was applied is missing.
func lagOf(st *migration.Status, now time.Time) float64 {
	switch {
	case st.Connected && st.SecondsBehind != nil && st.Status == migration.StatusRunning:
		return float64(*st.SecondsBehind)
	case !st.AppliedUntil.IsZero():
		return max(1, math.Floor(now.Sub(st.AppliedUntil).Seconds()))
	}
	return math.NaN()
}

// firstAlive returns the live node that reports channels without a live owner. If no
// node is Alive, as when the heartbeats of all are late, it is the first Suspect.
func firstAlive(members []cluster.Member) string {
	for _, state := range []cluster.State{cluster.Alive, cluster.Suspect} {
		first := ""
		for _, m := range members {
			if m.State == state && (first == "" || m.Node < first) {
				first = m.Node
			}
		}
		if first != "" {
			return first
		}
	}
	return ""
}

// remembered returns the channels as of the last look at the store.
func (c *controller) remembered() ([]cluster.ChannelState, map[string]catalog.ChannelStatus) {
	var states []cluster.ChannelState
	var rows map[string]catalog.ChannelStatus
	if k, ok := c.memory.get("channels"); ok {
		states = k.value.([]cluster.ChannelState)
	}
	if k, ok := c.memory.get("status"); ok {
		rows = k.value.(map[string]catalog.ChannelStatus)
	}
	return states, rows
}

// openErrorCounts counts unresolved errors by class, for each channel.
type openErrorCounts map[[2]string]map[string]int

func (c *controller) openByClass() openErrorCounts {
	m := openErrorCounts{}
	k, ok := c.memory.get("open errors")
	if !ok {
		return m
	}
	for _, e := range k.value.([]catalog.MigrationError) {
		key := [2]string{e.MigrationID, sourceOf(e.Channel)}
		if m[key] == nil {
			m[key] = map[string]int{}
		}
		class := e.Class
		if !slices.Contains(errorClasses, class) {
			class = "INTERNAL"
		}
		m[key][class]++
	}
	return m
}

func (m openErrorCounts) of(state *cluster.ChannelState) map[string]int {
	return m[[2]string{state.MigrationID, sourceOf(state.Name)}]
}

// sourceOf returns the source's part of a channel's name, "" when it has none. It stays
// when a migration is renamed.
func sourceOf(channel string) string {
	_, source, _ := strings.Cut(channel, "/")
	return source
}
