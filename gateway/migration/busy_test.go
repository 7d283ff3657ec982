package migration

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply"
	"sluice/itest/lab/servers"
	"sluice/ruleset"
)

// farAway stands in front of a server and delivers its answers late; it knows how
// many of its connections wait for one.
type farAway struct {
	host string
	port int

	mu      sync.Mutex
	waiting map[net.Conn]time.Time // since when a command waits for its answer
	most    int
}

// lateBy is how late answers are: much longer than what a chunk takes next door.
const lateBy = 40 * time.Millisecond

func newFarAway(t *testing.T, server string) *farAway {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr)
	f := &farAway{host: at.IP.String(), port: at.Port, waiting: map[net.Conn]time.Time{}}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", server)
			if err != nil {
				_ = c.Close()
				continue
			}
			all.Go(func() { f.carry(c, s, false) })
			all.Go(func() { f.carry(s, c, true) })
		}
	})
	return f
}

// carry forwards bytes; answers wait.
func (f *farAway) carry(from, to net.Conn, answers bool) {
	defer from.Close()
	defer to.Close()
	client := from
	if answers {
		client = to
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			f.asks(client, false)
			return
		}
		if answers {
			f.late(client)
		} else {
			f.asks(client, true)
		}
		if _, err := to.Write(buf[:n]); err != nil {
			f.asks(client, false)
			return
		}
	}
}

// asks notes that a client waits for an answer, or does not any more.
func (f *farAway) asks(client net.Conn, waits bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !waits {
		delete(f.waiting, client)
		return
	}
	f.waiting[client] = time.Now()
	f.most = max(f.most, len(f.waiting))
}

// late holds an answer back until it is late.
func (f *farAway) late(client net.Conn) {
	f.mu.Lock()
	since, ok := f.waiting[client]
	f.mu.Unlock()
	if !ok {
		return // the rest of an answer
	}
	time.Sleep(time.Until(since.Add(lateBy)))
	f.asks(client, false)
}

// busy returns the most connections that waited at a moment since the last call.
func (f *farAway) busy() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.most
	f.most = 0
	return n
}

// TestCopyKeepsConnectionsBusy: many small tables are read by all readers at the
// same time, and written by several lanes meanwhile.
func TestCopyKeepsConnectionsBusy(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	fillBig(t, sdb, 4)
	for i := range 32 {
		mustExec(t, sdb, fmt.Sprintf("CREATE TABLE d.t%d LIKE d.big", i), fmt.Sprintf("INSERT INTO d.t%d SELECT * FROM d.big", i))
	}
	far, away := newFarAway(t, src.Addr()), newFarAway(t, dst.Addr())
	cfg := config(t, src, dst, "m9/s", ruleset.Spec{DoDB: []string{"d"}})
	cfg.Mode, cfg.CopyThreads = ModeFull, 6
	cfg.Source.Host, cfg.Source.Port = far.host, far.port
	mc, err := mysql.ParseDSN(dst.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	mc.Addr = net.JoinHostPort(away.host, fmt.Sprint(away.port))
	if cfg.Connector, err = apply.NewConnector(mc, nil); err != nil {
		t.Fatal(err)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(t.Context()) }()
	// What the check and the schema's making keep busy does not count.
	until(t, r, "the copy begins", func(st Status) bool { return st.Phase == PhaseCopy })
	far.busy()
	away.busy()
	readers, writers := 0, 0
	until(t, r, "all readers and several writers wait for an answer at the same time", func(Status) bool {
		readers, writers = max(readers, far.busy()), max(writers, away.busy())
		return readers >= cfg.CopyThreads && writers >= 2
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	same(t, sdb, dst)
}
