package source

import (
	"context"
	"net"
	"sync"
	"time"
)

// answerTimeout is how long the server may take for the next piece of an answer: a
// server, or something between, that lost a packet never sends it. It is far above
// what the first row of a full scan, or a lock, takes.
const answerTimeout = 15 * time.Minute

// abandonAfter is how long the queries of a Source have to end by themselves after
// its context ended.
const abandonAfter = 3 * time.Second

// sockets are the open connections of a Source. The driver's own watch of a context
// ends when an answer is being discarded, so that a query can outlive its context
// for ever: see watch.
type sockets struct {
	mu   sync.Mutex
	open map[*socket]struct{}
	shut bool
}

type socket struct {
	net.Conn
	of *sockets
}

func newSockets() *sockets { return &sockets{open: map[*socket]struct{}{}} }

func (s *sockets) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{KeepAlive: 10 * time.Second}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	k := &socket{c, s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	s.open[k] = struct{}{}
	return k, nil
}

// Close closes the connection.
func (k *socket) Close() error {
	k.of.mu.Lock()
	delete(k.of.open, k)
	k.of.mu.Unlock()
	return k.Conn.Close()
}

// abandon closes all connections, and those that are dialled later.
func (s *sockets) abandon() {
	s.mu.Lock()
	s.shut = true
	var list []*socket
	for k := range s.open {
		list = append(list, k)
	}
	s.mu.Unlock()
	for _, k := range list {
		_ = k.Close() // whoever uses it gets an error
	}
}

// watch abandons the connections some seconds after ctx ended. stop ends the watch;
// it does not close anything.
func (s *sockets) watch(ctx context.Context) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	ended := false
	cancel := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			timer = time.AfterFunc(abandonAfter, s.abandon)
		}
	})
	return func() {
		cancel()
		mu.Lock()
		defer mu.Unlock()
		ended = true
		if timer != nil {
			timer.Stop()
		}
	}
}
