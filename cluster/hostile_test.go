package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// The types of memberlist's messages that a stranger sends here (net.go).
const (
	aliveMessage = 4
	userMessage  = 8
)

// invented is a message that a member lives, in memberlist's encoding: a
// MessagePack map.
func invented(name string, port uint16) []byte {
	node, incarnation, _ := strings.Cut(name, "/")
	return alive(name, port, fmt.Sprintf(`{"n":%q,"i":%s,"s":true}`, node, incarnation))
}

func alive(name string, port uint16, meta string) []byte {
	raw := func(b []byte, s string) []byte { return append(append(b, 0xd9, byte(len(s))), s...) }
	b := []byte{aliveMessage, 0x86}
	b = append(raw(b, "Incarnation"), 0x01)
	b = raw(raw(b, "Node"), name)
	b = raw(raw(b, "Addr"), "\x7f\x00\x00\x01")
	b = binary.BigEndian.AppendUint16(append(raw(b, "Port"), 0xcd), port)
	b = raw(raw(b, "Meta"), meta)
	return raw(raw(b, "Vsn"), "\x01\x05\x05\x00\x00\x00")
}

// inventedNote is a notification of a sender that nobody has heard of.
func inventedNote(name string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{userMessage}, 7), name...)
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestInventedMembers sends what anybody on this machine can send where gossip
// has no key: notifications of invented senders, and invented members. Nothing
// may remember them, and the node leaves as quickly as ever.
func TestInventedMembers(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	cfg := config(t, "a", db)
	cfg.Key = nil
	a := start(t, cfg)
	conn := dial(t, "udp", a.Addr())
	pad := strings.Repeat("x", 200)
	send := func(b []byte) {
		t.Helper()
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	const many = 2000
	for i := range many {
		send(inventedNote(fmt.Sprintf("ghost%d%s/1", i, pad)))
		send(inventedNote(fmt.Sprintf("ghost%d%s", i, pad)))
		send(invented(fmt.Sprintf("ghost%d/1", i), uint16(i+1)))
		if i%50 == 0 { // let it take them: its queue is bounded
			want := a.GossipCounts().Rejected + 1
			eventually(t, "messages are looked at", func() error {
				send(invented("a/999", 1)) // a node that there is, in an incarnation that there is not
				send(inventedNote("a/999"))
				send(alive("a/1", 1, "no meta")) // this node itself, at another address
				if got := a.GossipCounts().Rejected; got < want {
					return fmt.Errorf("%d were rejected, want %d", got, want)
				}
				return nil
			})
		}
	}
	if n := a.GossipCounts().Rejected; n < many/2 {
		t.Errorf("only %d messages were rejected", n)
	}
	if n := a.gossip.list.NumMembers(); n != 1 {
		t.Errorf("memberlist has %d members", n)
	}
	a.gossip.mu.Lock()
	peers, heard := len(a.gossip.peers), len(a.gossip.heard)
	a.gossip.mu.Unlock()
	if peers != 0 || heard != 0 {
		t.Errorf("%d members and %d senders are remembered", peers, heard)
	}

	// A node that there is comes in at once.
	cfg = config(t, "b", db)
	cfg.Key, cfg.Join = nil, []string{a.Addr()}
	b := start(t, cfg)
	if took := eventually(t, "the members find each other", func() error {
		if x, y := a.gossip.size(), b.gossip.size(); x != 2 || y != 2 {
			return fmt.Errorf("%d and %d members", x, y)
		}
		return nil
	}); took > rejoinEvery*3/4 {
		t.Errorf("a new node was accepted after %s", took)
	}
	b.end()
	began := time.Now()
	a.end()
	if took := time.Since(began); took > leaveTimeout {
		t.Errorf("the node left after %s", took)
	}
	var left int
	if err := db.QueryRow(`SELECT COUNT(*) FROM sluice_meta.nodes WHERE left_at IS NOT NULL`).Scan(&left); err != nil || left != 2 {
		t.Errorf("%d nodes left in order, want 2 (%v)", left, err)
	}
}

// TestLeavingIsRecordedWhateverGossipDoes closes a node that has many members
// which do not listen: that it left is in the store within the time that is
// given, though the farewell takes all of it.
func TestLeavingIsRecordedWhateverGossipDoes(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	const ghosts = 300
	var rows []string
	for i := range ghosts {
		rows = append(rows, fmt.Sprintf("('ghost%d', 1, '127.0.0.1:%d', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))", i, i+1))
	}
	if _, err := db.Exec(`INSERT INTO sluice_meta.nodes (node, incarnation, gossip_addr, started_at, heartbeat) VALUES ` + strings.Join(rows, ", ")); err != nil {
		t.Fatal(err)
	}
	cfg := config(t, "a", db)
	cfg.Key = nil
	a := start(t, cfg)
	conn := dial(t, "udp", a.Addr())
	eventually(t, "the members are there", func() error {
		for i := range ghosts {
			if _, err := conn.Write(invented(fmt.Sprintf("ghost%d/1", i), uint16(i+1))); err != nil {
				return err
			}
		}
		if n := a.gossip.list.NumMembers(); n < ghosts/2 {
			return fmt.Errorf("%d members", n)
		}
		return nil
	})
	a.cancel()
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), leaveTimeout)
	defer cancel()
	a.end = func() {}
	if err := a.Close(ctx); err != nil {
		t.Error(err)
	}
	var left bool
	if err := db.QueryRow(`SELECT left_at IS NOT NULL FROM sluice_meta.nodes WHERE node = 'a'`).Scan(&left); err != nil || !left {
		t.Errorf("the node's leaving is not recorded (%v)", err)
	}
	eventually(t, "memberlist's last probe is over", func() error { // it does not wait for its own
		if stacks := make([]byte, 1<<20); strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "probeNode") {
			return errors.New("it goes on")
		}
		return nil
	})
}

// lines counts what is logged.
type lines struct {
	mu sync.Mutex
	n  int
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return len(p), nil
}

// TestUndecryptablePackets sends packets that no key opens: they are counted,
// and the log has a few.
func TestUndecryptablePackets(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	log := &lines{}
	cfg := config(t, "a", db)
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	a := start(t, cfg)
	conn := dial(t, "udp", a.Addr())
	for i := range 3000 {
		if _, err := conn.Write(inventedNote(fmt.Sprintf("ghost%d/1", i))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "packets are counted", func() error {
		if n := a.GossipCounts().Errors; n < 100 {
			return fmt.Errorf("%d errors", n)
		}
		return nil
	})
	a.end()
	log.mu.Lock()
	defer log.mu.Unlock()
	if log.n > 2*gossipLines {
		t.Errorf("%d lines in the log", log.n)
	}
}

// TestGossipLines counts what is logged of many errors over time.
func TestGossipLines(t *testing.T) {
	g := newGossipLog(slog.New(slog.DiscardHandler))
	now, logged, suppressed := time.Unix(1e9, 0), 0, uint64(0)
	for range 10 * int(gossipLinesEvery/time.Second) {
		for range 5 {
			if n, ok := g.admit(now); ok {
				logged++
				suppressed += n
			}
		}
		now = now.Add(time.Second)
	}
	if want := 10 * gossipLines; logged != want {
		t.Errorf("%d lines in ten periods, want %d", logged, want)
	}
	if want := uint64(9 * (5*int(gossipLinesEvery/time.Second) - gossipLines)); suppressed != want {
		t.Errorf("%d are said to be suppressed, want %d", suppressed, want)
	}
}

// TestManyStreams opens more streams than a node takes and says nothing on them,
// over and over: the oldest are closed, and a node that there is comes in all the
// same.
func TestManyStreams(t *testing.T) {
	t.Run("with a key", func(t *testing.T) { manyStreams(t, key, maxStreams) })
	t.Run("without a key", func(t *testing.T) { manyStreams(t, nil, maxOpenStreams) })
}

func manyStreams(t *testing.T, key []byte, most int) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	with := func(name string) Config {
		cfg := config(t, name, db)
		cfg.Key = key
		return cfg
	}
	a := start(t, with("a"))
	for range 4 * most {
		dial(t, "tcp", a.Addr())
	}
	eventually(t, "the oldest streams are closed", func() error {
		if n := a.GossipCounts().Rejected; n < uint64(3*most) {
			return fmt.Errorf("%d were", n)
		}
		return nil
	})
	cfg := with("b")
	cfg.Join = []string{a.Addr()}
	began := time.Now()
	b := start(t, cfg) // joins with a stream of its own, at once
	if err := b.gossip.join([]string{a.Addr()}); err != nil {
		t.Errorf("join beside silent streams: %v", err)
	}
	if took := time.Since(began); took > gossipTCPTimeout {
		t.Errorf("it took %s", took)
	}
	b.sees(t, "a", Alive)
	a.sees(t, "b", Alive)
	a.gossip.transport.mu.Lock()
	defer a.gossip.transport.mu.Unlock()
	if n := len(a.gossip.transport.open); n > most {
		t.Errorf("%d streams are open", n)
	}
}

// TestLongStream sends more on one stream than a member has to say.
func TestLongStream(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	released := false
	st := &stream{Conn: there, left: 10, leave: func() { released = true }}
	go here.Write(make([]byte, 100)) //nolint:errcheck // it ends with the pipe
	b := make([]byte, 64)
	n, err := st.Read(b)
	if n != 10 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := st.Read(b); err == nil {
		t.Error("it goes on")
	}
	if err := st.Close(); err != nil || !released {
		t.Errorf("%v, released: %v", err, released)
	}
}
