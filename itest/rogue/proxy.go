// Package rogue is a proxy in front of a real MySQL or TiDB that changes what the server says: greetings, login
// answers, answers to commands, events of the binlog. It shows what a client makes of a server that is broken, or not
// what it seems.
package rogue

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Point is a place in what a server says.
type Point string

// The points.
const (
	Greeting   Point = "greeting"
	Login      Point = "login"      // each answer during the login
	Head       Point = "head"       // the first packet of an answer to a command, OK and errors included
	OK         Point = "ok"         // an OK packet as an answer to a command
	Definition Point = "definition" // of a column
	Separator  Point = "separator"  // after the definitions
	Row        Point = "row"
	End        Point = "end"   // after the rows
	Event      Point = "event" // of the binlog
)

// Mutation is one change.
type Mutation struct {
	Name string
	At   Point
	// Text is in the command whose answer is changed; "" is in every one. Type is the type of the event; 0 is any.
	Text string
	Type byte
	// Do says what goes to the client in place of the packet.
	Do func(s *Stream, payload []byte)
}

// Stream is the way to the client.
type Stream struct {
	w   io.Writer
	seq byte // of the next packet
	err error
}

// Raw writes bytes as they are.
func (s *Stream) Raw(b []byte) {
	if s.err == nil {
		_, s.err = s.w.Write(b)
	}
}

// Packet writes a packet of less than 16 MiB.
func (s *Stream) Packet(payload []byte) {
	n := len(payload)
	s.Raw(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), s.seq}, payload...))
	s.seq++
}

// Endless repeats a packet until the client is gone, or for some GiB.
func (s *Stream) Endless(payload []byte) {
	n := len(payload)
	var block []byte
	for s.err == nil {
		block = block[:0]
		for len(block) < 1<<16 || len(block) == 0 {
			block = append(append(block, byte(n), byte(n>>8), byte(n>>16), s.seq), payload...)
			s.seq++
		}
		s.Raw(block)
	}
}

// errEndless ends what is written after some GiB: the client does not mind.
var errEndless = errors.New("the client takes everything")

// Proxy forwards connections. Close ends it.
type Proxy struct {
	ln   net.Listener
	to   string
	wait sync.WaitGroup
	hits atomic.Int64

	mu       sync.Mutex
	mutation *Mutation
	conns    map[net.Conn]bool
}

// New listens on a free port for connections to the server's address.
func New(to string) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{ln: ln, to: to, conns: map[net.Conn]bool{}}
	p.wait.Go(p.accept)
	return p, nil
}

// Port is where it listens.
func (p *Proxy) Port() int { return p.ln.Addr().(*net.TCPAddr).Port }

// Addr is host and port.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

// Arm makes m what happens from now on, nil for nothing.
func (p *Proxy) Arm(m *Mutation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mutation = m
	p.hits.Store(0)
}

// Set is Arm, and cuts all connections.
func (p *Proxy) Set(m *Mutation) {
	p.Arm(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Hits is how often the mutation was met.
func (p *Proxy) Hits() int64 { return p.hits.Load() }

// Close cuts everything and waits.
func (p *Proxy) Close() {
	_ = p.ln.Close()
	p.Set(nil)
	p.wait.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.wait.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) keep(c net.Conn) {
	p.mu.Lock()
	p.conns[c] = true
	p.mu.Unlock()
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

func (p *Proxy) serve(client net.Conn) {
	p.keep(client)
	defer p.drop(client)
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	p.keep(server)
	defer p.drop(server)
	c := &conversation{p: p}
	var up sync.WaitGroup
	up.Go(func() {
		c.commands(server, bufio.NewReader(client))
		_ = server.Close()
	})
	c.answers(client, bufio.NewReaderSize(server, 64<<10))
	_ = client.Close()
	_ = server.Close()
	up.Wait()
}

// conversation follows one connection.
type conversation struct {
	p *Proxy

	mu      sync.Mutex
	command []byte // the newest; nil during the login
	logged  bool   // the login is done
	state   state
}

// state is where an answer is.
type state struct {
	point   Point
	columns int
}

// readPacket returns a packet with its header.
func readPacket(r *bufio.Reader) ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	b := make([]byte, 4+(int(h[0])|int(h[1])<<8|int(h[2])<<16))
	copy(b, h[:])
	_, err := io.ReadFull(r, b[4:])
	return b, err
}

func (c *conversation) commands(to io.Writer, from *bufio.Reader) {
	for {
		b, err := readPacket(from)
		if err != nil {
			return
		}
		c.mu.Lock()
		if c.logged && b[3] == 0 && len(b) > 4 {
			c.command, c.state = b[4:], state{point: Head}
		}
		c.mu.Unlock()
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}

func (c *conversation) answers(to io.Writer, from *bufio.Reader) {
	for first := true; ; first = false {
		b, err := readPacket(from)
		if err != nil {
			return
		}
		payload := b[4:]
		at, command := c.next(first, payload)
		if first {
			withoutTLS(payload)
		}
		c.p.mu.Lock()
		m := c.p.mutation
		c.p.mu.Unlock()
		if m == nil || !m.meets(at, command, payload) {
			if _, err := to.Write(b); err != nil {
				return
			}
			continue
		}
		c.p.hits.Add(1)
		s := &Stream{w: &limited{w: to, left: 3 << 30}, seq: b[3]}
		m.Do(s, payload)
		if s.err != nil {
			return
		}
	}
}

// limited ends what is endless when the client does not.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= int64(len(b)); l.left < 0 {
		return 0, errEndless
	}
	return l.w.Write(b)
}

// next says where the packet is in what the server says.
func (c *conversation) next(first bool, payload []byte) (Point, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case first:
		return Greeting, nil
	case !c.logged:
		if len(payload) > 0 && payload[0] == 0 {
			c.logged = true
		}
		return Login, nil
	case len(c.command) > 0 && (c.command[0] == 0x12 || c.command[0] == 0x1e):
		return Event, c.command
	}
	at := c.state.point
	switch at {
	case Head:
		c.head(payload)
		if len(payload) > 0 && payload[0] == 0 && c.command[0] != 0x16 {
			at = OK
		}
	case Definition:
		if c.state.columns--; c.state.columns == 0 {
			c.state.point = Separator
		}
	case Separator:
		c.state.point = Row
	case Row:
		if len(payload) == 5 && payload[0] == 0xfe {
			at, c.state.point = End, Head
		}
	}
	return at, c.command
}

func (c *conversation) head(payload []byte) {
	if len(payload) == 0 || payload[0] == 0 || payload[0] >= 0xfb {
		return // OK and errors; the next one is another result, or of the next command
	}
	c.state = state{point: Definition, columns: int(payload[0])}
}

// withoutTLS takes TLS out of a greeting, so that the proxy can read on.
func withoutTLS(p []byte) {
	if end := bytes.IndexByte(p, 0); end > 0 && len(p) > end+16 {
		caps := p[end+14:]
		binary.LittleEndian.PutUint16(caps, binary.LittleEndian.Uint16(caps)&^(1<<11))
	}
}

func (m *Mutation) meets(at Point, command, payload []byte) bool {
	switch {
	case m.At != at && !(m.At == Head && at == OK):
		return false
	case m.Type != 0 && (len(payload) < 6 || payload[5] != m.Type):
		return false
	}
	return m.Text == "" || bytes.Contains(command, []byte(m.Text))
}
