package gateway

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/itest/lab/servers"
)

// gate stands before a server. It can cut each connection when it is some time old, and
// accept connections that nobody answers.
type gate struct {
	to   string
	ln   net.Listener
	life atomic.Int64 // nanoseconds of each new connection; 0: no bound
	dead atomic.Bool
	cuts atomic.Int64

	wg   sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]bool
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{to: to, ln: ln, open: map[net.Conn]bool{}}
	g.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			g.wg.Go(func() { g.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		g.cut()
		g.wg.Wait()
	})
	return g
}

func (g *gate) port() int { return g.ln.Addr().(*net.TCPAddr).Port }

// cut ends all connections.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.open {
		_ = c.Close()
	}
}

func (g *gate) serve(client net.Conn) {
	g.mu.Lock()
	g.open[client] = true
	g.mu.Unlock()
	defer func() {
		_ = client.Close()
		g.mu.Lock()
		delete(g.open, client)
		g.mu.Unlock()
	}()
	if life := time.Duration(g.life.Load()); life > 0 {
		end := time.AfterFunc(life, func() { g.cuts.Add(1); _ = client.Close() })
		defer end.Stop()
	}
	if g.dead.Load() {
		_, _ = io.Copy(io.Discard, client)
		return
	}
	server, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() })
	_, _ = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
}

// flapping are the alerts that have to hold in each scrape, or their `for` begins again.
var flapping = []string{"SluiceChannelRetrying", "SluiceChannelNotRunning", "SluiceChannelErrors"}

// TestAlertsOfAFlappingChannel: a source that cuts each stream after some seconds, and a
// target that accepts connections and is dead, are an alert that lasts.
func TestAlertsOfAFlappingChannel(t *testing.T) {
	for _, c := range []struct {
		name   string
		target bool
	}{{"a source that cuts its streams", false}, {"a target that is dead", true}} {
		t.Run(c.name, func(t *testing.T) {
			store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
			exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)", "INSERT INTO a.t VALUES (1)")
			source, target := newGate(t, src.Addr()), newGate(t, store.Addr())
			n := start(t, testConfig(t, store, "n1"))
			q := n.admin(t)
			q.ok(fmt.Sprintf("CREATE SOURCE src SOURCE_HOST='127.0.0.1', SOURCE_PORT=%d, SOURCE_USER='root', SOURCE_CONNECT_RETRY=1", source.port()))
			q.ok(fmt.Sprintf("CREATE TARGET tgt TARGET_HOSTS=('127.0.0.1:%d'), TARGET_USER='root'", target.port()))
			q.ok("CREATE MIGRATION m FROM SOURCE src TO TARGET tgt REPLICATE_DO_DB=(a)")
			q.ok("START MIGRATION m")
			q.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
			var well []point
			until(t, "no alert fires", 20*time.Second, func() bool {
				well = scrape(t, n)
				return once(well, "m", "RUNNING") && len(firing(t, well, well)) == 0
			})
			retries := func(p []point) float64 {
				v := valuesOf(p, "sluice_gateway_channel_retries_total", "channel", "m")
				if len(v) != 1 {
					t.Fatalf("the channel's retries are %v", v)
				}
				return v[0]
			}

			g, at := source, 2.0 // a first failure may be over at once
			if c.target {
				g, at = target, 1
				g.dead.Store(true)
			}
			g.life.Store(int64(4 * time.Second))
			g.cut()
			if c.target { // the lanes try as soon as there is something to write
				exec(t, src, "INSERT INTO a.t VALUES (2)")
			}
			began := retries(well)
			holds := func(p []point) bool {
				fires := firing(t, p, well)
				return !slices.ContainsFunc(flapping, func(alert string) bool { return !slices.Equal(fires[alert], []string{"m"}) })
			}
			until(t, "the alerts hold", 60*time.Second, func() bool {
				now := scrape(t, n)
				return retries(now) >= began+at && holds(now)
			})
			from, cuts := time.Now(), g.cuts.Load()
			until(t, "the server has cut further connections", 60*time.Second, func() bool {
				now := scrape(t, n)
				if !holds(now) {
					t.Fatalf("%.1f s after the alerts began to hold, after %d further connections, they are %v; the statuses are %v", time.Since(from).Seconds(),
						g.cuts.Load()-cuts, firing(t, now, well), valuesOf(now, "sluice_gateway_channel_status", "channel", "m"))
				}
				return g.cuts.Load() >= cuts+6 && time.Since(from) > 20*time.Second
			})
			if !c.target { // it follows in between, and that much is known
				until(t, "the lag in bytes of a channel that follows", 20*time.Second, func() bool {
					return slices.Equal(valuesOf(scrape(t, n), "sluice_gateway_channel_lag_bytes", "channel", "m"), []float64{0})
				})
			}
			if fires := firing(t, scrape(t, n), well); !slices.Equal(fires["SluiceChannelFlapping"], []string{"m"}) {
				t.Errorf("alerts: %v", fires)
			}

			g.dead.Store(false)
			g.life.Store(0)
			g.cut()
			var after []point
			until(t, "it has recovered", 90*time.Second, func() bool {
				after = scrape(t, n)
				return once(after, "m", "RUNNING") && len(firing(t, after, after)) == 0
			})
			if retries(after) < began+at {
				t.Errorf("the retries went from %g to %g", began, retries(after))
			}
			exec(t, src, "INSERT INTO a.t VALUES (3)")
			q.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
			if a, b := rowsOf(t, src, "SELECT COUNT(*) FROM a.t"), rowsOf(t, store, "SELECT COUNT(*) FROM a.t"); a != b {
				t.Errorf("%s rows at the source and %s in the target", a, b)
			}
		})
	}
}
