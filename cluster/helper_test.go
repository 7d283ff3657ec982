package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/itest/lab/servers"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var key = []byte("0123456789abcdef0123456789abcdef")

// lab is the one TiDB of this package's tests, started by the first that needs it.
var lab struct {
	once   sync.Once
	server *servers.Server
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if lab.server != nil {
		if err := lab.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// tidb returns the server, with an empty store, and checks at the test's end
// that no goroutine is left.
func tidb(t *testing.T) *servers.Server {
	t.Helper()
	lab.once.Do(func() { lab.server, lab.err = servers.Start(t.Context(), servers.TiDB, servers.Options{}) })
	if lab.err != nil {
		t.Fatalf("start TiDB: %v", lab.err)
	}
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
	db := connect(t, lab.server.DSN(""))
	if _, err := db.Exec("DROP DATABASE IF EXISTS " + Schema); err != nil {
		t.Fatal(err)
	}
	if err := CreateTables(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return lab.server
}

func connect(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// node is a cluster node of a test.
type node struct {
	*Cluster
	db     *sql.DB
	cancel context.CancelFunc
	done   chan error
	end    func()
}

func config(t *testing.T, name string, db *sql.DB) Config {
	return Config{Node: name, DB: db, BindAddr: "127.0.0.1:0", Key: key, Version: "test", Weight: 1,
		AdminAddr: name + ":3306", Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// start opens a node and runs it until the test ends.
func start(t *testing.T, cfg Config) *node {
	t.Helper()
	c, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open %s: %v", cfg.Node, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{Cluster: c, db: cfg.DB, cancel: cancel, done: make(chan error, 1)}
	go func() { n.done <- c.Run(ctx) }()
	n.end = sync.OnceFunc(func() {
		cancel()
		if err := <-n.done; err != nil {
			t.Errorf("run %s: %v", cfg.Node, err)
		}
		if err := c.Close(context.Background()); err != nil {
			t.Errorf("close %s: %v", cfg.Node, err)
		}
	})
	t.Cleanup(func() { n.end() })
	return n
}

// kill ends the node as kill -9 does: nothing is said to anybody.
func (n *node) kill(t *testing.T) {
	t.Helper()
	n.cancel()
	if err := <-n.done; err != nil {
		t.Errorf("run: %v", err)
	}
	n.place.stop()
	if err := n.gossip.list.Shutdown(); err != nil {
		t.Error(err)
	}
	n.end = func() {}
}

func channel(t *testing.T, db *sql.DB, name string) {
	t.Helper()
	_, err := db.Exec(`INSERT INTO sluice_meta.channels (channel, name, migration_id, migration, source, desired, created_at)
  VALUES (?, ?, 'abc', 'm', 's', 'RUNNING', UTC_TIMESTAMP(6))`, name, name)
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until check says nothing.
func eventually(t *testing.T, what string, check func() error) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		err := check()
		if err == nil {
			return time.Since(begin)
		}
		if time.Since(begin) > patience {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// wants waits until the node wants the channel.
func (n *node) wants(t *testing.T, channel string) time.Duration {
	t.Helper()
	return eventually(t, n.Node()+" wants "+channel, func() error {
		list, err := n.Wanted(t.Context())
		if err != nil {
			return err
		}
		for _, ch := range list {
			if ch.Channel == channel {
				return nil
			}
		}
		return fmt.Errorf("it wants %v", list)
	})
}

func (n *node) claim(t *testing.T, channel string) uint64 {
	t.Helper()
	n.wants(t, channel)
	epoch, err := n.Claim(t.Context(), channel)
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

// sees waits until the node shows the other in that state.
func (n *node) sees(t *testing.T, other string, want State) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s sees %s %s", n.Node(), other, want), func() error {
		for _, m := range n.Members() {
			if m.Node == other && m.State == want {
				return nil
			}
		}
		return fmt.Errorf("it sees %+v", n.Members())
	})
}

func (n *node) must(t *testing.T, channel string, epoch uint64, owner bool) {
	t.Helper()
	got, err := n.StillOwner(t.Context(), channel, epoch)
	if err != nil || got != owner {
		t.Errorf("%s owns %s at %d: %v, %v; want %v", n.Node(), channel, epoch, got, err, owner)
	}
}

// cable is a TCP connection between a node and the store that can be cut.
type cable struct {
	ln   net.Listener
	to   string
	wg   sync.WaitGroup
	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{ln: ln, to: to, open: map[net.Conn]bool{}}
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		ln.Close()
		c.set(true)
		c.wg.Wait()
	})
	return c
}

// set cuts or mends the cable.
func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	if cut {
		for conn := range c.open {
			conn.Close()
		}
	}
}

func (c *cable) accept() {
	for {
		in, err := c.ln.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil || !c.add(in, out) {
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		for _, p := range [][2]net.Conn{{in, out}, {out, in}} {
			c.wg.Go(func() {
				if _, err := io.Copy(p[0], p[1]); err != nil && !errors.Is(err, net.ErrClosed) {
					return
				}
				p[0].Close()
				p[1].Close()
			})
		}
	}
}

func (c *cable) add(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return false
	}
	for _, conn := range conns {
		c.open[conn] = true
	}
	return true
}
