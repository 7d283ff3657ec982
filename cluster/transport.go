package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/memberlist"
)

const (
	// maxStreams is how many gossip streams others may have open at this node.
	// When there is one more, the oldest is closed: a member is done in
	// milliseconds, and whoever only holds streams open loses them.
	maxStreams = 16
	// maxOpenStreams is the same where gossip has no key: a few bytes make
	// memberlist allocate for a million members then, some 120 MB a stream, until
	// the stream is closed or gossipTCPTimeout is over.
	maxOpenStreams = 4
	// maxStreamBytes bounds what is read of one stream; a member takes about 200
	// bytes of it.
	maxStreamBytes = 4 << 20
)

// transport is the sockets that gossip uses: memberlist's, with a bound on the
// streams that others open.
type transport struct {
	*memberlist.NetTransport
	streams chan net.Conn
	stop    chan struct{}
	done    chan struct{}
	end     func() error
	refused atomic.Uint64 // streams closed for newer ones

	most int // streams

	mu   sync.Mutex
	open []*stream // in the order in which they came
}

// newTransport listens on the configured address; startGossip takes part there.
// A caller that does not get that far shuts the transport down.
func newTransport(ctx context.Context, cfg *Config, log *gossipLog) (*transport, error) {
	host, port, err := resolve(ctx, cfg.BindAddr)
	if err != nil {
		return nil, err
	}
	// A free port is picked for TCP and then taken for UDP, which can be in
	// use: the library retries nothing here, so another port is tried.
	for attempt := 0; ; attempt++ {
		t, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{host}, BindPort: port, Logger: log.adapter()})
		if err == nil {
			most := maxStreams
			if cfg.Key == nil {
				most = maxOpenStreams
			}
			return bounded(t, most), nil
		}
		if port != 0 || attempt == 10 {
			return nil, fmt.Errorf("listen for gossip on %s: %w", cfg.BindAddr, err)
		}
	}
}

func bounded(inner *memberlist.NetTransport, most int) *transport {
	t := &transport{NetTransport: inner, most: most, streams: make(chan net.Conn),
		stop: make(chan struct{}), done: make(chan struct{})}
	t.end = sync.OnceValue(func() error {
		err := inner.Shutdown() // it hands over a stream for as long as it takes
		close(t.stop)
		<-t.done
		return err
	})
	go t.pass()
	return t
}

// StreamCh implements memberlist.Transport.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown implements memberlist.Transport. It may be called again.
func (t *transport) Shutdown() error { return t.end() }

// pass hands over the streams until Shutdown.
func (t *transport) pass() {
	defer close(t.done)
	for {
		select {
		case <-t.stop:
			return
		case conn := <-t.NetTransport.StreamCh():
			s := t.add(conn)
			select {
			case t.streams <- s:
			case <-t.stop:
				_ = s.Close() // nobody waits for it
				return
			}
		}
	}
}

// add counts a stream, and closes the oldest when there are too many.
func (t *transport) add(conn net.Conn) *stream {
	s := &stream{Conn: conn, left: maxStreamBytes}
	s.leave = func() { t.remove(s) }
	t.mu.Lock()
	t.open = append(t.open, s)
	var oldest *stream
	if len(t.open) > t.most {
		oldest = t.open[0]
		t.open = t.open[1:]
	}
	t.mu.Unlock()
	if oldest != nil {
		t.refused.Add(1)
		_ = oldest.Conn.Close() // its reader gets an error, and closes it once more
	}
	return s
}

func (t *transport) remove(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = slices.DeleteFunc(t.open, func(o *stream) bool { return o == s })
}

var errStreamTooLong = errors.New("the stream is too long")

// stream is a connection that another member opened.
type stream struct {
	net.Conn
	left  int64
	leave func()
}

// Read implements net.Conn for the first maxStreamBytes.
func (s *stream) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, errStreamTooLong
	}
	n, err := s.Conn.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

// Close implements net.Conn.
func (s *stream) Close() error {
	s.leave()
	return s.Conn.Close()
}
