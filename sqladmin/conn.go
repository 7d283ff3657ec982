package sqladmin

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// inbound is one packet from the client.
type inbound struct {
	payload []byte
	next    byte
	err     error
	held    *holding // what the packet takes, until it is answered
}

// conn is one client connection: a goroutine that answers, and one that reads,
// so that a client which goes away is noticed while its statement runs.
type conn struct {
	server    *Server
	wire      *wire
	session   *session
	caps      uint32
	salt      []byte
	encrypted bool
	ctx       context.Context // ends with the connection
	packets   chan inbound    // nil until the login is done
	stmts     map[uint32]*prepared
	stmtsHeld *holding // what stmts take
	nextStmt  uint32
	loginTo   string // schema named at login

	loginCharset *charset // named at login
	lost         int      // characters of the running result that the client's character set lacks

	line     *line
	from     netip.Prefix // see addressOf
	loggedIn bool         // counted by the server
	guessed  bool         // the login under way had a wrong response: see guess
}

func newConn(s *Server, nc net.Conn, id uint32) *conn {
	host, _, err := net.SplitHostPort(nc.RemoteAddr().String())
	if err != nil {
		host = "localhost"
	}
	l := &line{net: nc}
	c := &conn{server: s, wire: newWire(l), line: l, from: addressOf(nc.RemoteAddr()), stmts: map[uint32]*prepared{},
		stmtsHeld: s.memory.keeping("the session's prepared statements", maxPreparedBytes, freeKeptBytes)}
	ctx, cancel := context.WithCancelCause(s.base)
	c.ctx = ctx
	c.session = &session{Session: Session{ID: id, Host: host}, command: "Connect", since: time.Now(), close: cancel,
		held: s.memory.keeping("the session's variables and warnings", maxKeptBytes, freeKeptBytes)}
	c.session.reset()
	return c
}

// serve answers one client until it leaves.
func (c *conn) serve() {
	var reader sync.WaitGroup
	defer c.dropPackets()
	defer reader.Wait()
	defer c.stmtsHeld.drop()
	defer c.session.held.drop()
	defer c.line.Close()
	defer c.session.close(errGone)
	stopLogin := context.AfterFunc(c.server.drain, c.line.Close)
	pending := c.server.logins.enter(c.from, func() {
		c.server.logins.logRefused(c.server.cfg.Logger, "", c.session.Host, "too many connections that do not log in: this was the oldest")
		c.line.Close()
	})
	err := c.login()
	c.server.logins.leave(pending)
	if !stopLogin() || err != nil {
		return
	}
	// One packet may wait while a statement runs: the reader goes on listening,
	// so that it notices when the client leaves.
	c.packets = make(chan inbound, 1)
	reader.Add(1)
	go func() {
		defer reader.Done()
		defer c.session.close(errGone)
		c.survive(c.readLoop)
	}()
	for c.step() {
	}
}

// dropPackets gives back what packets hold that nobody will answer.
func (c *conn) dropPackets() {
	for {
		select {
		case in := <-c.packets:
			in.held.drop()
		default:
			return
		}
	}
}

// survive calls f, which serves the connection. A panic costs the connection and
// not the node.
func (c *conn) survive(f func()) {
	defer func() {
		if r := recover(); r != nil {
			c.server.cfg.Logger.Error("admin connection panicked", "host", c.session.Host, "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
		}
	}()
	f()
}

// expire ends a connection that has to end, even if the client does not read.
func (c *conn) expire() {
	c.line.until(time.Now().Add(forcedExit)) //nolint:errcheck // it is closed anyway
}

// kill interrupts the running statement, or ends the connection.
func (c *conn) kill(queryOnly bool) {
	c.session.mu.Lock()
	cancel := c.session.cancel
	c.session.mu.Unlock()
	if cancel != nil {
		cancel(errKilled)
	}
	if !queryOnly {
		c.session.close(errKilled)
		c.expire()
	}
}

// readLoop hands packets to step. When the client goes away the connection's
// context ends, and with it the running statement.
func (c *conn) readLoop() {
	for {
		if err := c.wire.arrives(); err != nil {
			c.session.close(errGone)
			return
		}
		held := c.server.memory.holding("the packet", 4*maxPacketBytes)
		payload, next, err := c.wire.read(maxPacketBytes, held)
		var own *Error
		known := err == nil || errors.Is(err, errTooLarge) || errors.Is(err, errEndless) || errors.As(err, &own)
		if !known {
			held.drop()
			c.session.close(errGone)
			return
		}
		select {
		case c.packets <- inbound{payload, next, err, held}:
		case <-c.ctx.Done():
			held.drop()
			return
		}
		if errors.Is(err, errEndless) {
			return
		}
	}
}

// step waits for a command and answers it; it says whether to go on.
func (c *conn) step() bool {
	idle := time.NewTimer(c.waitTimeout())
	defer idle.Stop()
	select {
	case in := <-c.packets:
		defer in.held.drop()
		c.wire.seq = in.next
		more, err := false, error(nil)
		if in.err == nil {
			more, err = c.command(in.payload)
		} else {
			more, err = c.refusePacket(in)
		}
		return more && err == nil && c.ctx.Err() == nil
	case <-c.ctx.Done():
	case <-c.server.drain.Done():
	case <-idle.C:
	}
	return false
}

// refusePacket answers a packet that was skipped. Commands that have no answer
// get none: the client would take it for the answer to its next command.
func (c *conn) refusePacket(in inbound) (more bool, err error) {
	var own *Error
	if !errors.As(in.err, &own) {
		own = Errorf(CodePacketTooLarge, "Got a packet bigger than 'max_allowed_packet' bytes (%d)", maxPacketBytes)
	}
	if len(in.payload) == headBytes && !errors.Is(in.err, errEndless) {
		switch in.payload[0] {
		case mysql.COM_STMT_SEND_LONG_DATA:
			c.refuseLongData(in.payload[1:], own)
			return true, nil
		case mysql.COM_STMT_CLOSE:
			c.closePrepared(uint32((&payload{b: in.payload[1:]}).uint(4)))
			return true, nil
		}
	}
	return !errors.Is(in.err, errEndless), c.sendError(own)
}

func (c *conn) waitTimeout() time.Duration {
	seconds := int64(28800)
	if v, ok := c.session.variables["wait_timeout"]; ok {
		seconds = min(max(asInt(v), 1), 31536000)
	}
	return time.Duration(seconds) * time.Second
}

// receive returns the next packet of a login, or of COM_CHANGE_USER.
func (c *conn) receive() ([]byte, error) {
	if c.packets == nil {
		b, next, err := c.wire.read(loginPacketBytes, nil)
		c.wire.seq = next
		return b, err
	}
	timeout := time.NewTimer(loginTimeout)
	defer timeout.Stop()
	select {
	case in := <-c.packets:
		defer in.held.drop()
		c.wire.seq = in.next
		if in.err == nil && len(in.payload) > loginPacketBytes {
			return nil, errTooLarge
		}
		return in.payload, in.err
	case <-c.ctx.Done():
		return nil, context.Cause(c.ctx)
	case <-timeout.C:
		return nil, errors.New("login timed out")
	}
}

// send writes one packet and flushes.
func (c *conn) send(b []byte) error {
	if err := c.wire.write(b); err != nil {
		return err
	}
	return c.wire.flush()
}

// capabilities are what the server offers. Not among them: several statements
// in one packet, LOCAL INFILE, compression and query attributes.
const capabilities = mysql.CLIENT_LONG_PASSWORD | mysql.CLIENT_FOUND_ROWS | mysql.CLIENT_LONG_FLAG | mysql.CLIENT_CONNECT_WITH_DB |
	mysql.CLIENT_ODBC | mysql.CLIENT_IGNORE_SPACE | mysql.CLIENT_PROTOCOL_41 | mysql.CLIENT_INTERACTIVE | mysql.CLIENT_SSL |
	mysql.CLIENT_TRANSACTIONS | mysql.CLIENT_SECURE_CONNECTION | mysql.CLIENT_MULTI_RESULTS | mysql.CLIENT_PS_MULTI_RESULTS |
	mysql.CLIENT_PLUGIN_AUTH | mysql.CLIENT_CONNECT_ATTRS | mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA |
	mysql.CLIENT_SESSION_TRACK | mysql.CLIENT_DEPRECATE_EOF

// login greets the client, starts TLS if it wants, and checks its password.
func (c *conn) login() error {
	if err := c.line.until(time.Now().Add(loginTimeout)); err != nil {
		return err
	}
	salt, err := newSalt()
	if err != nil {
		return err
	}
	c.salt = salt
	if err := c.send(c.greeting()); err != nil {
		return err
	}
	user, plugin, response, err := c.handshake()
	if err == nil {
		err = c.authenticate(user, plugin, response)
	}
	if err == nil {
		err = c.welcome(user)
	}
	if err == nil {
		err = c.server.admit(c)
	}
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			return errors.Join(err, c.sendError(own))
		}
		return err
	}
	if err := c.sendOK(&Result{}); err != nil {
		return err
	}
	return c.line.until(time.Time{})
}

// welcome enters the session of a user whose password is right.
func (c *conn) welcome(user string) error {
	if err := c.server.mayEnter(c.session.ID); err != nil {
		return err
	}
	c.session.reset()
	c.session.setCharset(c.loginCharset)
	c.session.mu.Lock()
	c.session.User, c.session.Schema = user, ""
	c.session.mu.Unlock()
	c.session.end()
	if c.loginTo == "" {
		return nil
	}
	name := schemaName(c.loginTo)
	if name == "" {
		return unknownSchema(c.loginTo)
	}
	c.session.setSchema(name)
	return nil
}

// greeting is the handshake packet, version 10.
func (c *conn) greeting() []byte {
	caps := uint32(capabilities)
	b := append([]byte{10}, c.server.cfg.ServerVersion...)
	b = append(b, 0)
	id := c.session.ID
	b = append(b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	b = append(append(b, c.salt[:8]...), 0)
	b = append(b, byte(caps), byte(caps>>8), charsetUTF8MB4, byte(mysql.SERVER_STATUS_AUTOCOMMIT), 0, byte(caps>>16), byte(caps>>24), saltBytes+1)
	b = append(b, make([]byte, 10)...)
	b = append(append(b, c.salt[8:]...), 0)
	return append(append(b, cachingSHA2...), 0)
}

// handshake reads the client's answer, through TLS if it asks for it.
func (c *conn) handshake() (user, plugin string, response []byte, err error) {
	b, err := c.receive()
	if err != nil {
		return "", "", nil, err
	}
	if p := (&payload{b: b}); len(b) == 32 && uint32(p.uint(4))&mysql.CLIENT_SSL != 0 {
		if err := c.startTLS(); err != nil {
			return "", "", nil, err
		}
		if b, err = c.receive(); err != nil {
			return "", "", nil, err
		}
	}
	p := &payload{b: b}
	c.caps = uint32(p.uint(4)) & capabilities
	p.take(4) // packet size
	collation := uint16(p.uint(1))
	p.take(23) // filler
	name := p.zero()
	switch {
	case c.caps&mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA != 0:
		response = p.bytes()
	case c.caps&mysql.CLIENT_SECURE_CONNECTION != 0:
		response = p.take(int(p.uint(1)))
	default:
		response = []byte(p.zero())
	}
	if c.caps&mysql.CLIENT_CONNECT_WITH_DB != 0 {
		c.loginTo = p.zero()
	}
	plugin = nativePassword
	if c.caps&mysql.CLIENT_PLUGIN_AUTH != 0 {
		plugin = p.zero()
	}
	if p.bad || c.caps&mysql.CLIENT_PROTOCOL_41 == 0 {
		return "", "", nil, Errorf(CodeHandshake, "Bad handshake")
	}
	if user, err = c.loginText(collation, name); err != nil {
		return "", "", nil, err
	}
	if c.server.requireTLS && !c.encrypted {
		return "", "", nil, &Error{Code: 3159, State: "HY000", Message: "Connections using insecure transport are prohibited", Remedy: "connect with TLS"}
	}
	return user, plugin, response, nil
}

// loginText sets the character set of the login, and returns the user's name.
func (c *conn) loginText(collation uint16, name string) (user string, err error) {
	if c.loginCharset, err = charsetOfLogin(collation); err != nil {
		return "", err
	}
	return c.loginCharset.text(name)
}

func (c *conn) startTLS() error {
	// The client does not wait for an answer, so that the beginning of its TLS
	// handshake may have been read already.
	ahead, err := c.wire.r.Peek(c.wire.r.Buffered())
	if err != nil {
		return err
	}
	plain := c.line.net
	tc := tls.Server(&buffered{Conn: plain, r: io.MultiReader(bytes.NewReader(bytes.Clone(ahead)), plain)}, c.server.tls)
	if err := tc.HandshakeContext(c.ctx); err != nil {
		return err
	}
	c.line.swap(tc)
	seq := c.wire.seq
	c.wire = newWire(c.line)
	c.wire.seq = seq
	c.encrypted, c.session.cipher = true, tls.CipherSuiteName(tc.ConnectionState().CipherSuite)
	return nil
}

// buffered is a net.Conn of which a part has been read ahead.
type buffered struct {
	net.Conn
	r io.Reader
}

// Read implements net.Conn.
func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }
