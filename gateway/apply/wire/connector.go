package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"
)

// dialTimeout bounds a dial where the settings do not, and handshakeTimeout what
// follows it until statements can be sent: a busy server takes its time.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 20 * time.Second
)

// Connector makes connections with the settings of go-sql-driver. It may be
// used by several goroutines.
type Connector struct {
	cfg *mysql.Config
	tls *tls.Config
}

// NewConnector prepares connections. Of cfg it uses Net, Addr, User, Passwd,
// DialFunc, Timeout (of the dial), TLS, AllowFallbackToPlaintext, WriteTimeout and
// ReadTimeout (0: an answer may take as long as it takes). Statements are UTF-8, several may be in one
// packet, and affected rows are changed rows.
func NewConnector(cfg *mysql.Config) (*Connector, error) {
	if cfg.Addr == "" {
		return nil, errors.New("prepare connections: there is no address")
	}
	c := &Connector{cfg: cfg.Clone()}
	if cfg.TLS != nil {
		c.tls = cfg.TLS.Clone()
		if c.tls.ServerName == "" && !c.tls.InsecureSkipVerify {
			host, _, err := net.SplitHostPort(cfg.Addr)
			if err != nil {
				return nil, fmt.Errorf("prepare connections: %w", err)
			}
			c.tls.ServerName = host
		}
	}
	return c, nil
}

// errTimeout is the cause when a server does not finish the handshake.
var errTimeout error = timeout{}

// timeout is a net.Error, as a time-out of the dial itself is.
type timeout struct{}

func (timeout) Error() string   { return "the server did not answer in time" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// Connect opens a connection; Close ends it. It blocks for at most the dial's
// time-out and 20 s more, or until ctx ends.
func (c *Connector) Connect(ctx context.Context) (*Conn, error) {
	limit := c.cfg.Timeout
	if limit == 0 {
		limit = dialTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit+handshakeTimeout, errTimeout)
	defer cancel()
	nc, err := c.handshake(ctx, limit, c.tls)
	if err != nil && c.cfg.AllowFallbackToPlaintext && c.tls != nil && noTLS(err) {
		nc, err = c.handshake(ctx, limit, nil)
	}
	if err != nil {
		return nil, err
	}
	k := newConn(nc, c.cfg.ReadTimeout, c.cfg.WriteTimeout)
	if _, err := k.Exec(ctx, AppendQuery(nil, "SET NAMES utf8mb4 COLLATE utf8mb4_bin")); err != nil {
		_ = k.Close()
		return nil, fmt.Errorf("set the connection's character set: %w", err)
	}
	return k, nil
}

// noTLS says whether a handshake failed because the server has no TLS. The
// client has no other mark for it than its text.
func noTLS(err error) bool { return strings.Contains(err.Error(), "does not support TLS") }

// handshake returns the network connection of an authenticated session.
func (c *Connector) handshake(ctx context.Context, limit time.Duration, conf *tls.Config) (net.Conn, error) {
	var raw net.Conn
	stop := func() bool { return true }
	dial := func(_ context.Context, network, addr string) (nc net.Conn, err error) {
		limited, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
		defer cancel()
		if c.cfg.DialFunc != nil {
			nc, err = c.cfg.DialFunc(limited, network, addr)
		} else {
			d := net.Dialer{}
			nc, err = d.DialContext(limited, network, addr)
		}
		if err != nil {
			return nil, err
		}
		raw = nc
		// The handshake itself knows neither ctx nor a time-out.
		stop = context.AfterFunc(ctx, func() { _ = nc.Close() })
		return nc, nil
	}
	network := c.cfg.Net
	if network == "" {
		network = "tcp"
	}
	k, err := client.ConnectWithDialer(ctx, network, c.cfg.Addr, c.cfg.User, c.cfg.Passwd, "", dial, func(k *client.Conn) error {
		k.BufferSize = 512 // of the handshake; the connection is taken from it
		k.UnsetCapability(gomysql.CLIENT_QUERY_ATTRIBUTES)
		k.UnsetCapability(gomysql.CLIENT_DEPRECATE_EOF)
		if conf != nil {
			k.SetTLSConfig(conf)
		}
		return errors.Join(k.SetCapability(gomysql.CLIENT_MULTI_STATEMENTS), k.SetCapability(gomysql.CLIENT_MULTI_RESULTS))
	})
	stopped := stop()
	if err == nil && !stopped {
		_ = k.Close()
		err = context.Cause(ctx)
	}
	if err == nil {
		return k.Conn.Conn, nil
	}
	if raw != nil {
		_ = raw.Close()
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	return nil, driverError(err)
}

// driverError gives an error of the handshake go-sql-driver's type.
func driverError(err error) error {
	var me *gomysql.MyError
	if errors.As(err, &me) {
		e := &mysql.MySQLError{Number: me.Code, Message: me.Message}
		copy(e.SQLState[:], me.State)
		return e
	}
	if errors.Is(err, gomysql.ErrBadConn) {
		return fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
	}
	return err
}
