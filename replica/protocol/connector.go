package protocol

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// Options are what NewConnector needs besides go-sql-driver's settings.
type Options struct {
	// AnswerBytes bounds the answer to one statement; 0 means any number, for a reader that keeps none of it.
	AnswerBytes int64
	// LoginTimeout bounds what follows the dial until statements can be sent; 0 means 20 s.
	LoginTimeout time.Duration
	// NoTiDB refuses a TiDB: see Config.
	NoTiDB bool
	// Plain is called when AllowFallbackToPlaintext led to a connection without TLS.
	Plain func()
}

// ConfigOf returns how to log in with go-sql-driver's settings. Net, Addr, User, Passwd, DBName, DialFunc, Timeout
// (of the dial), TLS, AllowFallbackToPlaintext, MultiStatements and ClientFoundRows are used.
func ConfigOf(cfg *mysql.Config) (Config, error) {
	c := Config{Network: cfg.Net, Addr: cfg.Addr, User: cfg.User, Password: cfg.Passwd, Database: cfg.DBName,
		Fallback: cfg.AllowFallbackToPlaintext, DialTimeout: cfg.Timeout, Dial: cfg.DialFunc,
		MultiStatements: cfg.MultiStatements, FoundRows: cfg.ClientFoundRows}
	if cfg.TLS != nil {
		c.TLS = cfg.TLS.Clone()
		if c.TLS.ServerName == "" && !c.TLS.InsecureSkipVerify {
			host, _, err := net.SplitHostPort(cfg.Addr)
			if err != nil {
				return c, fmt.Errorf("prepare connections: %w", err)
			}
			c.TLS.ServerName = host
		}
		if c.TLS.MinVersion == 0 {
			c.TLS.MinVersion = tls.VersionTLS12
		}
	}
	return c, nil
}

// NewConnector returns go-sql-driver's connector for a *sql.DB, whose connections are checked. An answer that does not
// come within cfg.ReadTimeout is an error for which IsSilent returns true. What the settings
// say of authentication methods is not used: a password is sent by this package's rules.
func NewConnector(cfg *mysql.Config, o Options) (driver.Connector, error) {
	inner := cfg.Clone()
	login, err := ConfigOf(cfg)
	if err != nil {
		return nil, err
	}
	login.LoginTimeout, login.Plain, login.NoTiDB = o.LoginTimeout, o.Plain, o.NoTiDB
	inner.User, inner.Passwd, inner.DBName = "", "", ""
	inner.TLS, inner.TLSConfig, inner.AllowFallbackToPlaintext = nil, "", false
	inner.AllowNativePasswords = true
	inner.Timeout = 0 // the dial and the login have their own
	if login.Network == "" {
		login.Network = "tcp"
	}
	inner.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := Dial(ctx, login)
		if err != nil {
			return nil, err
		}
		return newChecked(c, o.AnswerBytes, cfg.ReadTimeout), nil
	}
	c, err := mysql.NewConnector(inner)
	if err != nil {
		return nil, err
	}
	return guarded{c}, nil
}

// guarded makes an error of a panic while connecting: database/sql connects in goroutines of its own.
type guarded struct{ driver.Connector }

// Connect implements driver.Connector.
func (g guarded) Connect(ctx context.Context) (c driver.Conn, err error) {
	defer replica.Recover(&err)
	return g.Connector.Connect(ctx)
}
