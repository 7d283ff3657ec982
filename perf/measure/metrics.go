package measure

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Metrics are values by their full name, labels included, as a page in
// Prometheus' text format has them.
type Metrics map[string]float64

// fetchLimit bounds the wait for a page.
const fetchLimit = 10 * time.Second

// Fetch reads http://addr/metrics; only names that begin with one of the
// prefixes are kept.
func Fetch(ctx context.Context, addr string, prefixes ...string) (Metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read metrics: %s", resp.Status)
	}
	return parseMetrics(text, prefixes), nil
}

func parseMetrics(text []byte, prefixes []string) Metrics {
	m := Metrics{}
	for line := range bytes.Lines(text) {
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' || !hasPrefix(s, prefixes) {
			continue
		}
		at := strings.LastIndexByte(s, ' ')
		if at < 0 {
			continue
		}
		if v, err := strconv.ParseFloat(s[at+1:], 64); err == nil {
			m[s[:at]] = v
		}
	}
	return m
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return len(prefixes) == 0
}

// Sum adds up all values of a metric, over its labels.
func (m Metrics) Sum(name string) float64 {
	var sum float64
	for k, v := range m {
		if k == name || strings.HasPrefix(k, name+"{") {
			sum += v
		}
	}
	return sum
}

// Node is what a node's process has used since it began.
type Node struct {
	// CPU is user and system time.
	CPU time.Duration
	// PeakBytes is the largest resident size so far.
	PeakBytes float64
	// Mallocs is how many objects Go's allocator has handed out.
	Mallocs float64
	// Rows is how many rows the channels of this node applied in their runs, as
	// the node publishes it: once a second.
	Rows float64
	// Copied is how many rows they copied.
	Copied float64
}

// FetchNode reads a node's metrics; addr is its HTTP address.
func FetchNode(ctx context.Context, addr string) (Node, error) {
	m, err := Fetch(ctx, addr, "process_cpu_seconds_total", "process_resident_memory_peak_bytes", "go_memstats_mallocs_total",
		"sluice_gateway_channel_rows_")
	if err != nil {
		return Node{}, err
	}
	return Node{
		CPU:       time.Duration(m["process_cpu_seconds_total"] * float64(time.Second)),
		PeakBytes: m["process_resident_memory_peak_bytes"],
		Mallocs:   m["go_memstats_mallocs_total"],
		Rows:      m.Sum("sluice_gateway_channel_rows_applied_total"),
		Copied:    m.Sum("sluice_gateway_channel_rows_copied"),
	}, nil
}

// Statements returns how many row statements a TiDB has executed; addr is its
// status address. The page is large: some 20 ms of TiDB's CPU.
func Statements(ctx context.Context, addr string) (float64, error) {
	const name = "tidb_executor_statement_total"
	m, err := Fetch(ctx, addr, name)
	if err != nil {
		return 0, err
	}
	var sum float64
	for k, v := range m {
		for _, kind := range []string{`"Insert"`, `"Update"`, `"Delete"`, `"Replace"`} {
			if strings.Contains(k, kind) {
				sum += v
			}
		}
	}
	return sum, nil
}
