package wire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"sluice/replica/protocol"
)

// Connector makes connections with the settings of go-sql-driver. It may be
// used by several goroutines.
type Connector struct {
	login protocol.Config
	cfg   *mysql.Config
}

// NewConnector prepares connections. Of cfg it uses Net, Addr, User, Passwd,
// DialFunc, Timeout (of the dial), TLS, AllowFallbackToPlaintext, WriteTimeout and
// ReadTimeout (0: an answer may take as long as it takes). Statements are UTF-8, several may be in one
// packet, and affected rows are changed rows.
func NewConnector(cfg *mysql.Config) (*Connector, error) {
	if cfg.Addr == "" {
		return nil, errors.New("prepare connections: there is no address")
	}
	login, err := protocol.ConfigOf(cfg)
	if err != nil {
		return nil, err
	}
	login.Database, login.MultiStatements, login.FoundRows = "", true, false
	return &Connector{login: login, cfg: cfg.Clone()}, nil
}

// Connect opens a connection; Close ends it. It blocks for at most the dial's
// time-out and 20 s more, or until ctx ends.
func (c *Connector) Connect(ctx context.Context) (*Conn, error) {
	nc, err := protocol.Dial(ctx, c.login)
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
