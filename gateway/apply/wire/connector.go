package wire

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica/protocol"
)

// Connector makes connections with the settings of go-sql-driver. It may be
// used by several goroutines.
type Connector struct {
	login    protocol.Config
	cfg      *mysql.Config
	patience *Patience
}

// NewConnector prepares connections. Of cfg it uses Net, Addr, User, Passwd,
// DialFunc, Timeout (of the dial), TLS, AllowFallbackToPlaintext, WriteTimeout and
// ReadTimeout (the most that an answer may take; 0: as long as it takes), which patience, unless it is nil, takes the place of.
// Statements are UTF-8, several may be in one packet, and affected rows are changed rows.
func NewConnector(cfg *mysql.Config, patience *Patience) (*Connector, error) {
	if cfg.Addr == "" {
		return nil, errors.New("prepare connections: there is no address")
	}
	login, err := protocol.ConfigOf(cfg)
	if err != nil {
		return nil, err
	}
	login.Database, login.MultiStatements, login.FoundRows = "", true, false
	if patience == nil {
		patience = NewPatience(cfg.ReadTimeout)
	}
	return &Connector{login: login, cfg: cfg.Clone(), patience: patience}, nil
}

// leastPatience is above the 50 s for which TiDB waits for a lock.
const leastPatience = time.Minute

// Patience is how long an answer may take. An answer that was lost on the way costs all of this time, so it is short at
// first. A slow server would miss a short time at each attempt, so each missed answer doubles it, for the connections that
// are made later. It never gets shorter again. Connectors to one server may share it.
type Patience struct {
	now  atomic.Int64 // nanoseconds
	most time.Duration
}

// NewPatience returns a patience that begins with a minute, or with less if most is less; 0 is without end.
func NewPatience(most time.Duration) *Patience {
	p := &Patience{most: most}
	p.now.Store(int64(min(most, leastPatience)))
	return p
}

// missed doubles the time, unless another connection that waited for as long has done so.
func (p *Patience) missed(after time.Duration) {
	p.now.CompareAndSwap(int64(after), int64(min(2*after, p.most)))
}

// Connect opens a connection; Close ends it. It blocks for at most the dial's
// time-out and 20 s more, or until ctx ends.
func (c *Connector) Connect(ctx context.Context) (*Conn, error) {
	nc, err := protocol.Dial(ctx, c.login)
	if err != nil {
		return nil, err
	}
	k := newConn(nc, time.Duration(c.patience.now.Load()), c.cfg.WriteTimeout)
	k.missed = c.patience.missed
	if _, err := k.Exec(ctx, AppendQuery(nil, "SET NAMES utf8mb4 COLLATE utf8mb4_bin")); err != nil {
		_ = k.Close()
		return nil, fmt.Errorf("set the connection's character set: %w", err)
	}
	return k, nil
}
