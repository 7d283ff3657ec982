package itest

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// scraped is what the nodes that run say of one channel on /metrics.
type scraped struct {
	reporters int
	knowing   int // nodes that have read of a channel that is to run
	statuses  []string
	lag       float64
	ready     []string
}

var (
	desiredLine = regexp.MustCompile(`(?m)^sluice_gateway_channels_desired (\S+)$`)
	readyLine   = regexp.MustCompile(`(?m)^sluice_gateway_ready (\S+)$`)
	statusLine  = regexp.MustCompile(`(?m)^sluice_gateway_channel_status\{channel="([^"]+)",status="([A-Z]+)"\} 1$`)
	lagLine     = regexp.MustCompile(`(?m)^sluice_gateway_channel_lag_seconds\{channel="([^"]+)"\} (\S+)$`)
)

func (s *stream) scrape(nodes ...*node.Node) (m scraped) {
	s.t.Helper()
	for _, n := range nodes {
		page, err := n.Get(s.t.Context(), "/metrics")
		must(s.t, err)
		if known := desiredLine.FindStringSubmatch(page); known[1] != "0" {
			m.knowing++
		}
		m.ready = append(m.ready, readyLine.FindStringSubmatch(page)[1])
		for _, l := range statusLine.FindAllStringSubmatch(page, -1) {
			if l[1] == s.name {
				m.reporters++
				m.statuses = append(m.statuses, n.Name+" "+l[2])
			}
		}
		for _, l := range lagLine.FindAllStringSubmatch(page, -1) {
			if l[1] == s.name {
				m.lag, err = strconv.ParseFloat(l[2], 64)
				must(s.t, err)
			}
		}
	}
	return m
}

// TestMetricsOfAFrozenStore freezes the store, and then kills the node that runs a
// migration: exactly one node reports the channel all the time, and nothing shows a
// migration as running, or ready, that nobody runs.
func TestMetricsOfAFrozenStore(t *testing.T) {
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "frozen", oneTable...)
	s.replicate()
	s.exec("INSERT INTO t (v) VALUES (66)")
	s.caughtUp()
	ctx := t.Context()
	until := func(limit time.Duration, what string, ok func() (bool, string)) {
		t.Helper()
		must(t, node.Until(ctx, limit, what, func(context.Context) (bool, string) { return ok() }))
	}
	until(20*time.Second, "one node reports the channel as running, and both know of it", func() (bool, string) {
		m := s.scrape(r.nodes...)
		return m.knowing == 2 && m.reporters == 1 && s.owner().Name+" RUNNING" == m.statuses[0], fmt.Sprint(m)
	})
	owner := s.owner()
	other := r.nodes[0]
	if other == owner {
		other = r.nodes[1]
	}
	pid := r.target.PID()
	must(t, syscall.Kill(pid, syscall.SIGSTOP))
	thaw := func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
	t.Cleanup(thaw)

	// While both nodes live, the owner alone reports it: longer than a heartbeat counts.
	began, notReady := time.Now(), false
	until(20*time.Second, "the store is silent for 13 s", func() (bool, string) {
		m := s.scrape(r.nodes...)
		if m.reporters != 1 {
			t.Errorf("%.1f s after the store froze the channel is reported as %v", time.Since(began).Seconds(), m.statuses)
		}
		notReady = m.ready[0] == "0" && m.ready[1] == "0"
		for i, n := range r.nodes {
			if _, err := n.Get(ctx, "/readyz"); (err == nil) != (m.ready[i] == "1") && time.Since(began) > 5*time.Second {
				t.Errorf("the metric ready of %s is %s, and /readyz says %v", n.Name, m.ready[i], err)
			}
		}
		return time.Since(began) > 13*time.Second, fmt.Sprint(m)
	})
	if !notReady {
		t.Error("the nodes are ready without their store")
	}

	must(t, owner.Kill())
	var first scraped
	until(20*time.Second, "the node that lives reports the channel", func() (bool, string) {
		first = s.scrape(other)
		return first.reporters == 1 && first.statuses[0] == other.Name+" RETRYING" && !(first.lag < 1), fmt.Sprint(first)
	})
	// Where the store froze before it had the time up to which all is applied, the lag is not known.
	until(10*time.Second, "its lag grows, or stays unknown", func() (bool, string) {
		now := s.scrape(other)
		return now.reporters == 1 && now.statuses[0] == other.Name+" RETRYING" && (now.lag >= first.lag+2 || first.lag != first.lag && now.lag != now.lag), fmt.Sprint(now)
	})
	rows, err := other.Query(ctx, "SHOW MIGRATIONS LIKE '"+s.name+"'")
	must(t, err)
	if len(rows) != 1 || rows[0]["Status"] != "RETRYING" || rows[0]["Seconds_Behind_Source"] != "" || rows[0]["Ready_For_Cutover"] == "Yes" {
		t.Errorf("SHOW MIGRATIONS shows a channel of a dead node as %v", rows)
	}

	thaw()
	s.exec("INSERT INTO t (v) VALUES (77)")
	s.visible("t", 60*time.Second)
	must(t, owner.Restart(ctx))
	s.equal()
}
