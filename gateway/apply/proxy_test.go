package apply

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// fate is what a proxy does with one client packet.
type fate int

const (
	pass       fate = iota
	dropAnswer      // forward it, wait for the answer, cut the client off instead
	holdBack        // cut the client off; forward it when release is closed
)

// proxy stands between a test and a server and misbehaves at chosen packets.
type proxy struct {
	addr    string
	release chan struct{}
	mu      sync.Mutex
	decide  func(query string) fate
	held    chan struct{} // one value for each packet held back
	sent    chan struct{} // one value for each held packet that was delivered
}

func newProxy(t *testing.T, server string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), release: make(chan struct{}), held: make(chan struct{}, 8), sent: make(chan struct{}, 8)}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
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
			wg.Go(func() { p.serve(c, s) })
		}
	})
	return p
}

// rule sets what happens to queries from now on.
func (p *proxy) rule(decide func(query string) fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

// once returns a rule for the first query that matches.
func once(match string, f fate) func(string) fate {
	done := false
	return func(q string) fate {
		if done || q != match {
			return pass
		}
		done = true
		return f
	}
}

func (p *proxy) fateOf(packet []byte) fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decide == nil || len(packet) < 5 || packet[4] != 3 { // COM_QUERY
		return pass
	}
	return p.decide(string(packet[5:]))
}

func (p *proxy) serve(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	mute := make(chan struct{})
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				_ = client.Close()
				return
			}
			select {
			case <-mute: // the answer that is dropped
				return
			default:
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	for {
		packet, err := readPacket(client)
		if err != nil {
			return
		}
		switch p.fateOf(packet) {
		case dropAnswer:
			close(mute)
			_, _ = server.Write(packet)
			<-answers
			return
		case holdBack:
			_ = client.Close()
			p.held <- struct{}{}
			<-p.release
			close(mute)
			_, _ = server.Write(packet)
			<-answers
			p.sent <- struct{}{}
			return
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

func readPacket(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32([]byte{head[0], head[1], head[2], 0})
	packet := append(head, make([]byte, n)...)
	_, err := io.ReadFull(r, packet[4:])
	return packet, err
}

// until waits for a condition, at most half a minute.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
