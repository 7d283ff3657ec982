package gateway

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/VictoriaMetrics/metrics"

	"sluice/cluster"
	"sluice/gateway/migration"
)

// maxMetricChannels bounds the values of the label channel; the sums hold all.
const maxMetricChannels = 1000

// channelMetrics lists the metrics of each channel that this node runs.
var channelMetrics = []struct {
	name  string
	kind  string // gauge, or counter since the run began
	value func(*migration.Status) (float64, bool)
}{
	{"sluice_gateway_channel_rows_copied", "gauge", always(func(s *migration.Status) float64 { return float64(s.RowsCopied) })},
	{"sluice_gateway_channel_bytes_copied", "gauge", always(func(s *migration.Status) float64 { return float64(s.BytesCopied) })},
	{"sluice_gateway_channel_rows_applied_total", "counter", always(func(s *migration.Status) float64 { return float64(s.Inserts + s.Updates + s.Deletes) })},
	{"sluice_gateway_channel_transactions_total", "counter", always(func(s *migration.Status) float64 { return float64(s.Transactions) })},
	{"sluice_gateway_channel_rows_per_second", "gauge", always(func(s *migration.Status) float64 { return s.RowsPerSec })},
	{"sluice_gateway_channel_bytes_per_second", "gauge", always(func(s *migration.Status) float64 { return s.BytesPerSec })},
	{"sluice_gateway_channel_lag_bytes", "gauge", always(func(s *migration.Status) float64 { return float64(s.LagBytes) })},
	{"sluice_gateway_channel_lag_seconds", "gauge", func(s *migration.Status) (float64, bool) {
		if s.SecondsBehind == nil {
			return 0, false
		}
		return float64(*s.SecondsBehind), true
	}},
	{"sluice_gateway_channel_queue_bytes", "gauge", always(func(s *migration.Status) float64 { return float64(s.QueueBytes) })},
	{"sluice_gateway_channel_running", "gauge", always(func(s *migration.Status) float64 { return number(s.Status == migration.StatusRunning) })},
}

func always(f func(*migration.Status) float64) func(*migration.Status) (float64, bool) {
	return func(s *migration.Status) (float64, bool) { return f(s), true }
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// writeMetrics writes the node's metrics in Prometheus' text format.
func (n *Node) writeMetrics(w io.Writer) {
	ready := n.http.ready.Load()
	metrics.WriteGaugeFloat64(w, "sluice_gateway_ready", number(ready))
	metrics.WriteGaugeUint64(w, fmt.Sprintf("sluice_gateway_info{version=%q}", Version()), 1)
	if ready {
		n.writeOwnMetrics(w)
	}
	metrics.WritePrometheus(w, true)
}

func (n *Node) writeOwnMetrics(w io.Writer) {
	stats, channels := n.supervisor.totals.get()
	metrics.WriteGaugeFloat64(w, "sluice_gateway_store_up", number(n.services.cluster.StoreOK()))
	metrics.WriteGaugeUint64(w, "sluice_gateway_channels", uint64(len(channels)))
	metrics.WriteGaugeUint64(w, "sluice_gateway_lanes", uint64(stats.Lanes))
	metrics.WriteGaugeFloat64(w, "sluice_gateway_rows_per_second", stats.RowsPerSec)
	metrics.WriteGaugeFloat64(w, "sluice_gateway_bytes_per_second", stats.BytesPerSec)
	metrics.WriteGaugeFloat64(w, "sluice_gateway_lag_seconds_max", stats.MaxSecondsBehind)
	metrics.WriteGaugeUint64(w, "sluice_gateway_queue_bytes", uint64(stats.QueueBytes))
	metrics.WriteGaugeUint64(w, "sluice_gateway_memory_bytes", uint64(stats.MemoryBytes))
	metrics.WriteCounterUint64(w, "sluice_gateway_records_dropped_total", n.services.records.dropped.Load())
	gossip := n.services.cluster.GossipCounts()
	metrics.WriteCounterUint64(w, "sluice_cluster_gossip_errors_total", gossip.Errors)
	metrics.WriteCounterUint64(w, "sluice_cluster_gossip_rejected_total", gossip.Rejected)
	states := map[cluster.State]uint64{cluster.Alive: 0, cluster.Suspect: 0, cluster.Dead: 0, cluster.Left: 0}
	for _, m := range n.services.cluster.Members() {
		states[m.State]++
	}
	for _, s := range slices.Sorted(maps.Keys(states)) {
		metrics.WriteGaugeUint64(w, fmt.Sprintf("sluice_gateway_nodes{state=%q}", s), states[s])
	}
	names := slices.Sorted(maps.Keys(channels))
	names = names[:min(len(names), maxMetricChannels)]
	for _, m := range channelMetrics {
		for _, name := range names {
			st := channels[name]
			v, ok := m.value(&st)
			if !ok {
				continue
			}
			metric := fmt.Sprintf("%s{channel=%q}", m.name, name)
			if m.kind == "counter" {
				metrics.WriteCounterFloat64(w, metric, v)
			} else {
				metrics.WriteGaugeFloat64(w, metric, v)
			}
		}
	}
}
