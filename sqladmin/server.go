package sqladmin

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a Server listens and whom it lets in.
type Config struct {
	// Listener is taken over and closed by the server; when nil, Addr
	// (host:port, TCP) is listened on.
	Listener net.Listener
	Addr     string

	// Controller carries out statements. It may be nil when Starting is set: then
	// logins are answered with Starting's error until Serve is called.
	Controller Controller
	Starting   func() *Error

	// User and Password are the one account; User is root when empty. An empty
	// password is allowed on a loopback address only.
	User     string
	Password string

	// TLS is required beyond loopback, and every client there has to use it.
	// When nil, a self-signed certificate is made, so that TLS is available.
	TLS *tls.Config

	// NodeID makes connection ids unique in the cluster: they hold it in their
	// upper 11 bits. 0 to MaxNodeID.
	NodeID uint32
	// NodeName is @@hostname.
	NodeName string

	ServerVersion  string // what clients take for MySQL's version; has a default
	VersionComment string // has a default
	MaxConnections int    // 1000 when 0

	Logger *slog.Logger // slog.Default when nil
}

// MaxNodeID is the largest Config.NodeID.
const MaxNodeID = 1<<11 - 1

const (
	// defaultVersion has to be at least 8.0.3, else Connector/J asks for
	// variables that MySQL 8 no longer has.
	defaultVersion = "8.0.36-Sluice"
	defaultComment = "Sluice admin port"
	loginTimeout   = 10 * time.Second
	// forcedExit is how long a client may keep a connection open that has to
	// end.
	forcedExit = time.Second
	// lastWait is how long a shutdown waits for statements that it interrupted.
	// It is longer than forcedExit and what a TLS connection takes to close.
	lastWait = 6 * time.Second
)

// Server is the admin port. Open starts it; Close or Shutdown ends it.
type Server struct {
	cfg        Config
	listener   net.Listener
	tls        *tls.Config
	requireTLS bool
	rsaKey     func() (*rsa.PrivateKey, error) // made at the first use
	verifier   verifier
	started    time.Time
	serving    atomic.Bool // there is a Controller
	memory     memory      // what the clients make this node hold
	questions  atomic.Uint64
	connected  atomic.Uint64 // logins that succeeded
	logins     *loginGuard

	base   context.Context // ends when running statements have to
	cancel context.CancelCauseFunc
	drain  context.Context // ends when idle connections have to
	stop   context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	closing bool
	nextID  uint32
	conns   map[uint32]*conn
	clients int // connections that are logged in
}

var (
	errShutdown = &Error{Code: CodeShutdown, State: "08S01", Message: "Server shutdown in progress"}
	errKilled   = &Error{Code: CodeInterrupted, State: "70100", Message: "Query execution was interrupted"}
	errGone     = errors.New("the client went away")
)

// Open checks the configuration, listens and serves. It returns at once. When
// ctx ends, so do all statements and connections; Close is needed all the same.
func Open(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Controller == nil && cfg.Starting == nil {
		return nil, errors.New("open admin port: no Controller")
	}
	if cfg.NodeID > MaxNodeID {
		return nil, fmt.Errorf("open admin port: node id %d is above %d", cfg.NodeID, MaxNodeID)
	}
	setDefaults(&cfg)
	listener, err := listen(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, listener: listener, tls: cfg.TLS, requireTLS: !isLoopback(listener.Addr()), started: time.Now(),
		conns: map[uint32]*conn{}, verifier: newVerifier(cfg.Password), memory: memory{limit: maxNodeBytes}, logins: newLoginGuard(),
		rsaKey: sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
	}
	if s.tls == nil {
		if s.tls, err = selfSigned(cfg.NodeName); err != nil {
			return nil, errors.Join(fmt.Errorf("open admin port: make certificate: %w", err), listener.Close())
		}
	}
	s.serving.Store(cfg.Controller != nil)
	s.base, s.cancel = context.WithCancelCause(ctx)
	s.drain, s.stop = context.WithCancel(s.base)
	s.wg.Add(1)
	go s.accept()
	cfg.Logger.Info("admin port open", "address", listener.Addr().String())
	return s, nil
}

func setDefaults(cfg *Config) {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&cfg.User, "root")
	def(&cfg.ServerVersion, defaultVersion)
	def(&cfg.VersionComment, defaultComment)
	def(&cfg.NodeName, "sluice")
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = 1000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
}

// listen opens the listener and refuses one beyond loopback without a
// certificate and a password.
func listen(ctx context.Context, cfg *Config) (net.Listener, error) {
	l := cfg.Listener
	if l == nil {
		var err error
		if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr); err != nil {
			return nil, fmt.Errorf("open admin port: %w", err)
		}
	}
	if !isLoopback(l.Addr()) && (cfg.TLS == nil || cfg.Password == "") {
		return nil, errors.Join(&Error{Code: CodeBadOption,
			Message: fmt.Sprintf("the admin port may listen on %s, which is not loopback, only with TLS and a password", l.Addr()),
			Remedy:  "give a certificate and a password, or listen on 127.0.0.1"}, l.Close())
	}
	return l, nil
}

func isLoopback(a net.Addr) bool {
	if a.Network() == "unix" {
		return true
	}
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

func (s *Server) port() uint64 {
	if tcp, ok := s.Addr().(*net.TCPAddr); ok {
		return uint64(tcp.Port)
	}
	return 0
}

// Close ends all statements and connections, and waits for them.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(s.base)
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Shutdown takes no new connection, ends the idle ones, and waits until the
// running statements are done. When ctx ends before, they are interrupted with
// error 1053, and its error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	s.mu.Unlock()
	var closeErr error
	if first {
		closeErr = s.listener.Close()
	}
	s.stop()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		s.cancel(errShutdown)
		return closeErr
	case <-ctx.Done():
	}
	s.cancel(errShutdown)
	s.mu.Lock()
	for _, c := range s.conns {
		c.expire()
	}
	s.mu.Unlock()
	select {
	case <-done:
		return errors.Join(closeErr, ctx.Err())
	case <-time.After(lastWait):
	}
	return errors.Join(closeErr, s.stillRunning())
}

// stillRunning is the error of a shutdown that statements outlived. The process
// may end: each statement's change either is durable or is not made.
func (s *Server) stillRunning() error {
	var list []string
	for _, i := range s.Sessions() {
		list = append(list, fmt.Sprintf("%d (%s %s)", i.ID, i.Command, cut(i.SQL, 80)))
	}
	return fmt.Errorf("close admin port: %d connection(s) did not end within %s: %s", len(list), lastWait, strings.Join(list, ", "))
}

// accept serves connections until the listener is closed.
func (s *Server) accept() {
	defer s.wg.Done()
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			if s.drain.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			s.cfg.Logger.Warn("admin port accept", "error", err)
			select { // out of descriptors, say: try again soon
			case <-s.drain.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		s.start(nc)
	}
}

// start registers a connection and serves it in a goroutine.
func (s *Server) start(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		nc.Close()
		return
	}
	c := newConn(s, nc, s.connectionID())
	s.conns[c.session.ID] = c
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if delete(s.conns, c.session.ID); c.loggedIn {
				s.clients--
			}
		}()
		c.survive(c.serve)
	}()
}

// admit counts a client that has logged in. Connections that have not do not
// take its place.
func (s *Server) admit(c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients >= s.cfg.MaxConnections {
		return Errorf(CodeConnCount, "Too many connections: %d clients are logged in, which is all that max_connections allows", s.clients).
			WithRemedy("close connections that are not used: a session that is open already lists them with SHOW PROCESSLIST and ends them with KILL")
	}
	s.clients++
	c.loggedIn = true
	s.connected.Add(1)
	return nil
}

// connectionID returns a free id: 11 bits of node, 20 bits of counter, and a 0
// (the layout of TiDB's 32-bit ids).
func (s *Server) connectionID() uint32 {
	for {
		s.nextID = s.nextID%(1<<20-1) + 1
		id := s.cfg.NodeID<<21 | s.nextID<<1
		if _, used := s.conns[id]; !used {
			return id
		}
	}
}

// NodeOf returns the NodeID of the server that made a connection id.
func NodeOf(connectionID uint32) uint32 { return connectionID >> 21 }

// Kill ends a connection, or only its running statement, and says whether this
// server has the connection.
func (s *Server) Kill(id uint32, queryOnly bool) bool {
	s.mu.Lock()
	c := s.conns[id]
	s.mu.Unlock()
	if c == nil {
		return false
	}
	c.kill(queryOnly)
	return true
}

// Sessions returns the server's connections, for other nodes' process lists.
func (s *Server) Sessions() []SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l []SessionInfo
	for _, c := range s.conns {
		c.session.mu.Lock()
		l = append(l, SessionInfo{Session: c.session.Session, Command: c.session.command, Since: c.session.since})
		c.session.mu.Unlock()
	}
	return l
}

// ProcessRows returns the sessions as rows of table processlist.
func ProcessRows(sessions []SessionInfo) [][]any {
	var rows [][]any
	for i := range sessions {
		rows = append(rows, sessions[i].row())
	}
	return rows
}

func (s *Server) processRows() [][]any { return ProcessRows(s.Sessions()) }

// statusRows returns this server's part of SHOW STATUS.
func (x *executor) statusRows() [][]any {
	s := x.server
	s.mu.Lock()
	n := len(s.conns)
	s.mu.Unlock()
	return [][]any{
		{"Connections", s.connected.Load()},
		{"Questions", s.questions.Load()},
		{"Ssl_cipher", x.session.cipher},
		{"Threads_connected", n},
		{"Uptime", int64(time.Since(s.started).Seconds())},
	}
}
