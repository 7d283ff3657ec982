package protocol

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Config says how to log in to a server.
type Config struct {
	Network  string // "" means tcp
	Addr     string // host:port, or the path of a unix socket
	User     string
	Password string
	Database string

	TLS *tls.Config // nil: no TLS
	// Fallback goes on without TLS when the server offers none, and then calls Plain if it is not nil. Nothing
	// protects this choice: somebody on the way can make it.
	Fallback bool
	Plain    func()

	// Dial opens the network connection; nil means a plain dial with keepalive.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout bounds the dial and LoginTimeout what follows it; 0 means 10 s and 20 s.
	DialTimeout, LoginTimeout time.Duration

	MultiStatements, FoundRows bool
	// NoTiDB refuses a server that greets as TiDB. One that greets as Sluice is always refused.
	NoTiDB bool
}

const (
	defaultDialTimeout  = 10 * time.Second
	defaultLoginTimeout = 20 * time.Second
)

// Conn is a connection whose login is done: what is read and written are the packets of commands, decrypted.
// Close cuts it at once, without a farewell.
type Conn struct {
	net.Conn // plain, or TLS over raw
	raw      net.Conn
	local    bool // a unix socket
	verified bool // over TLS, and the certificate was checked

	Encrypted  bool
	Version    string // of the server, as it says itself
	Connection uint32 // the connection's number at the server
	caps       uint32 // what client and server agreed on
}

// Close closes the network connection below TLS: a server that does not read must not hold it up.
func (c *Conn) Close() error { return c.raw.Close() }

// timeout is a net.Error, as a time-out of the dial itself is.
type timeout struct{}

func (timeout) Error() string   { return "the server did not answer in time" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

var errTimeout error = timeout{}

// Dial connects and logs in. It blocks for at most the two time-outs, or until ctx ends. A server's refusal is a
// *mysql.MySQLError; a server without TLS, where there is no Fallback, is mysql.ErrNoTLS. A server of another kind is
// a *WrongServer, and one that says nothing a *NoGreeting.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	if cfg.Network == "" {
		cfg.Network = "tcp"
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = defaultDialTimeout
	}
	if cfg.LoginTimeout == 0 {
		cfg.LoginTimeout = defaultLoginTimeout
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{KeepAlive: 10 * time.Second}).DialContext
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.DialTimeout+cfg.LoginTimeout, errTimeout)
	defer cancel()
	raw, err := dial(ctx, &cfg)
	if err != nil {
		return nil, caused(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	c := &Conn{Conn: raw, raw: raw, local: cfg.Network == "unix"}
	err = c.login(ctx, &cfg)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = raw.Close()
		return nil, caused(ctx, err)
	}
	return c, nil
}

func dial(ctx context.Context, cfg *Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.DialTimeout, errTimeout)
	defer cancel()
	return cfg.Dial(ctx, cfg.Network, cfg.Addr)
}

// caused names the end of ctx as the reason of an error that it led to.
func caused(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// login runs the connection phase.
func (c *Conn) login(ctx context.Context, cfg *Config) error {
	l := &login{cfg: cfg, conn: c}
	p, err := readPacket(c, &l.seq)
	if err != nil {
		return silent(err)
	}
	g, err := parseGreeting(p)
	if err != nil {
		return err
	}
	if err := foreign(g.version, cfg.NoTiDB); err != nil {
		return err
	}
	l.plugin, l.salt = g.plugin, g.salt
	c.Version, c.Connection = g.version, g.connection
	want := uint32(capLongPassword | capLongFlag | capProtocol41 | capTransactions | capSecureConnection | capMultiResults |
		capPluginAuth | capAttributes | capLenencAuth)
	if cfg.MultiStatements {
		want |= capMultiStatements
	}
	if cfg.FoundRows {
		want |= capFoundRows
	}
	if cfg.Database != "" {
		want |= capWithDatabase
	}
	// MariaDB leaves CLIENT_LONG_PASSWORD out of its greeting to say that it has capabilities of its own; a
	// client that sends it asks for none of those.
	c.caps = want & (g.caps | capLongPassword)
	if err := c.encrypt(ctx, cfg, g, &l.seq); err != nil {
		return err
	}
	answer, err := l.first()
	if err != nil {
		return err
	}
	if err := writePacket(c, &l.seq, c.response(cfg, l.plugin, answer)); err != nil {
		return err
	}
	return l.finish()
}

// encrypt turns the connection into one over TLS, by the mode.
func (c *Conn) encrypt(ctx context.Context, cfg *Config, g *greeting, seq *byte) error {
	if cfg.TLS == nil {
		return nil
	}
	if g.caps&capTLS == 0 {
		if !cfg.Fallback {
			return mysql.ErrNoTLS
		}
		if cfg.Plain != nil {
			cfg.Plain()
		}
		return nil
	}
	c.caps |= capTLS
	if err := writePacket(c, seq, c.responseHead(nil)); err != nil {
		return err
	}
	t := tls.Client(c.raw, cfg.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	c.Conn, c.Encrypted, c.verified = t, true, Verifies(cfg.TLS)
	return nil
}

// Verifies returns true if connections with the settings reject a server whose certificate no known authority
// signed: the modes VERIFY_CA and VERIFY_IDENTITY.
func Verifies(t *tls.Config) bool {
	return t != nil && (!t.InsecureSkipVerify || t.VerifyConnection != nil || t.VerifyPeerCertificate != nil)
}

// loginCollation is utf8mb4_general_ci, which every server has; the libraries set their own after the login.
const loginCollation = 45

// responseHead appends what the request for TLS and the login have in common.
func (c *Conn) responseHead(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, c.caps)
	b = binary.LittleEndian.AppendUint32(b, 0) // no bound of the server's packets
	b = append(b, loginCollation)
	return append(b, make([]byte, 23)...)
}

func (c *Conn) response(cfg *Config, plugin string, answer []byte) []byte {
	b := c.responseHead(make([]byte, 0, 256))
	b = append(append(b, cfg.User...), 0)
	if c.caps&capLenencAuth != 0 {
		b = appendString(b, string(answer))
	} else {
		b = append(append(b, byte(len(answer))), answer...)
	}
	if c.caps&capWithDatabase != 0 {
		b = append(append(b, cfg.Database...), 0)
	}
	if c.caps&capPluginAuth != 0 {
		b = append(append(b, plugin...), 0)
	}
	if c.caps&capAttributes != 0 {
		attributes := appendString(nil, "program_name")
		attributes = appendString(attributes, "sluice")
		b = appendString(b, string(attributes))
	}
	return b
}

// appendString appends a length-encoded string of less than 64 KiB.
func appendString(b []byte, s string) []byte {
	if len(s) < 251 {
		b = append(b, byte(len(s)))
	} else {
		b = append(b, 0xfc, byte(len(s)), byte(len(s)>>8))
	}
	return append(b, s...)
}
