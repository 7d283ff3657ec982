package sqladmin

import (
	"net"
	"sync"
	"time"
)

const (
	// writeTimeout is how long a client may take no byte of an answer.
	writeTimeout = 60 * time.Second
	// packetTimeout is how long a client may send no byte of a packet that it
	// has begun. Between packets wait_timeout rules.
	packetTimeout = 60 * time.Second
	// writeBytes is how much is written under one deadline.
	writeBytes = 64 << 10
)

// line is the transport of one connection. Every write has a deadline of its
// own, and so has every read inside a packet. One goroutine reads and one
// writes; any may call until and Close.
type line struct {
	mu     sync.Mutex
	net    net.Conn
	end    time.Time // no deadline is later; zero for no such limit
	paced  bool      // inside a packet; of the reading goroutine
	armed  bool      // a read deadline is set; of the reading goroutine
	closed bool
}

// deadline returns when something that may take d has to be done.
func (l *line) deadline(d time.Duration) time.Time {
	t := time.Now().Add(d)
	if !l.end.IsZero() && l.end.Before(t) {
		return l.end
	}
	return t
}

// Read implements io.Reader.
func (l *line) Read(p []byte) (int, error) {
	l.mu.Lock()
	nc := l.net
	var err error
	switch {
	case l.paced:
		err, l.armed = nc.SetReadDeadline(l.deadline(packetTimeout)), true
	case l.armed:
		err, l.armed = nc.SetReadDeadline(l.end), false
	}
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return nc.Read(p)
}

// pace sets whether a packet has begun.
func (l *line) pace(on bool) { l.paced = on }

// Write implements io.Writer.
func (l *line) Write(p []byte) (int, error) {
	done := 0
	for {
		l.mu.Lock()
		nc := l.net
		err := nc.SetWriteDeadline(l.deadline(writeTimeout))
		l.mu.Unlock()
		if err != nil {
			return done, err
		}
		n, err := nc.Write(p[done:min(done+writeBytes, len(p))])
		if done += n; err != nil || done == len(p) {
			return done, err
		}
	}
}

// until makes every read and write end by t; zero takes the limit away.
func (l *line) until(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = t
	return l.net.SetDeadline(t)
}

// swap puts TLS over the transport.
func (l *line) swap(nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.net = nc
	if l.closed {
		nc.Close()
	}
}

// Close ends the connection; reads and writes that wait return.
func (l *line) Close() {
	l.mu.Lock()
	nc := l.net
	l.closed = true
	l.mu.Unlock()
	nc.Close() // with TLS it takes up to 5 s when the peer does not read
}
