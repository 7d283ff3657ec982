package source

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica/protocol"
)

// Source is an open source server: a pool of connections whose sessions are
// set up for exact reading, and what was learnt about the server at Open. Its
// methods may be called from several goroutines.
type Source struct {
	cfg   Config
	facts Facts
	db    *sql.DB // for what is collected in memory: the answers are bounded
	rows  *sql.DB // for tables' rows, which go on as they come
	plain bool    // PREFERRED, and the server offered no TLS
	// sockets are the pools' connections; unwatch ends the watch over them.
	sockets *sockets
	unwatch func()
}

// LockWait bounds how long a statement of these sessions waits for a metadata
// lock, so that a reader never queues behind a long DDL unnoticed.
const LockWait = 30 * time.Second

// idleTime is how long an unused connection stays open. Short: sources count
// their connections.
const idleTime = time.Minute

// factsBytes is far above what a server's variables take.
const factsBytes = 16 << 20

// idleConnections is how many unused connections each of the two pools keeps.
const idleConnections = 3

// Open connects to the server and learns its facts. Its errors are
// *replica.Error. The caller closes the Source. Queries that have not ended some
// seconds after ctx did lose their connections.
func Open(ctx context.Context, cfg Config) (*Source, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	// A first connection with nothing but the settings that every server knows
	// shows which other settings this server has.
	var plain atomic.Bool
	k := newSockets()
	unwatch := k.watch(ctx)
	s := &Source{sockets: k, unwatch: unwatch}
	opened := false
	defer func() {
		if !opened {
			unwatch()
		}
	}()
	probe, err := openPool(cfg, k, baseSession(), Facts{}, protocol.Options{AnswerBytes: factsBytes, Plain: func() { plain.Store(true) }})
	if err != nil {
		return nil, err
	}
	defer probe.Close()
	probeCtx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	facts, err := readFacts(probeCtx, probe, cfg.Flavor)
	if err != nil {
		return nil, cfg.named(fmt.Errorf("connect to %s: %w", cfg, err))
	}
	s.cfg, s.facts, s.plain = cfg, facts, plain.Load()
	if s.facts.Encrypted = cfg.SSLMode != SSLDisabled && !s.plain; s.facts.Encrypted && cfg.SSLMode == SSLPreferred {
		// The server can encrypt: a later connection that finds no TLS was tampered with.
		cfg.SSLMode = SSLRequired
	}
	if s.db, err = openPool(cfg, k, session(facts), facts, protocol.Options{AnswerBytes: protocol.AnswerBytes}); err != nil {
		return nil, err
	}
	if s.rows, err = openPool(cfg, k, session(facts), facts, protocol.Options{}); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	if err := s.db.PingContext(probeCtx); err != nil {
		return nil, errors.Join(cfg.named(fmt.Errorf("set up a session on %s: %w", cfg, err)), s.Close())
	}
	opened = true
	return s, nil
}

// DB returns the pool for rows of tables: an answer may be of any length, so that
// its rows must go on as they come. A text in a result is UTF-8, a TIMESTAMP is in UTC, and
// a statement without arguments uses the text protocol. Close closes it.
func (s *Source) DB() *sql.DB { return s.rows }

// Plain returns true if the connections are not encrypted although the mode is
// PREFERRED: the server offered no TLS, or somebody on the way said so.
func (s *Source) Plain() bool { return s.plain }

// Facts returns what was learnt about the server at Open.
func (s *Source) Facts() Facts { return s.facts }

// Config returns the configuration with its defaults filled in.
func (s *Source) Config() Config { return s.cfg }

// TLSConfig returns the settings with which another connection to this server
// is encrypted as these are, or nil when these are not: with SSLPreferred it
// is known by now whether the server can encrypt.
func (s *Source) TLSConfig() (*tls.Config, error) {
	if !s.facts.Encrypted {
		return nil, nil
	}
	return s.cfg.TLSConfig()
}

// Close closes all connections.
func (s *Source) Close() error {
	s.unwatch()
	return errors.Join(s.rows.Close(), s.db.Close())
}

// Discard closes c for good instead of returning it to its pool: a session
// that holds locks, a snapshot or changed settings must not be used again.
func Discard(c *sql.Conn) {
	// The error is the one that the function below returns to mark c as bad.
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.Close()
}

// baseSession are settings that MySQL 5.7 to 9.x and MariaDB 10.5 to 11.8 know.
func baseSession() map[string]string {
	return map[string]string{
		"autocommit": "1",
		"time_zone":  "'+00:00'",
		// Nothing strict: what is stored is read. Invalid dates are allowed so
		// that a key's value can be compared with itself.
		"sql_mode":              "'ALLOW_INVALID_DATES'",
		"lock_wait_timeout":     fmt.Sprint(int(LockWait.Seconds())),
		"net_write_timeout":     "600", // the target may hold a read up
		"net_read_timeout":      "600",
		"wait_timeout":          "28800",
		"sql_select_limit":      "18446744073709551615",
		"sql_big_selects":       "1",
		"sql_quote_show_create": "1",
		"sql_auto_is_null":      "0",
	}
}

// session adds what only servers like f know.
func session(f Facts) map[string]string {
	m := baseSession()
	add := maps.Copy[map[string]string, map[string]string]
	if f.Flavor == FlavorMariaDB {
		add(m, map[string]string{"max_statement_time": "0"})
		if f.AtLeast(11, 1, 0) {
			add(m, map[string]string{"transaction_isolation": "'REPEATABLE-READ'"})
		} else {
			add(m, map[string]string{"tx_isolation": "'REPEATABLE-READ'"})
		}
		return m
	}
	add(m, map[string]string{"max_execution_time": "0", "transaction_isolation": "'REPEATABLE-READ'"})
	if f.AtLeast(8, 0, 3) {
		// Row estimates of now, not of up to a day ago; a unique key that is
		// invisible still orders the chunks.
		add(m, map[string]string{
			"information_schema_stats_expiry": "0",
			"optimizer_switch":                "'use_invisible_indexes=on'",
		})
	}
	if f.AtLeast(8, 0, 30) {
		add(m, map[string]string{"show_gipk_in_create_table_and_information_schema": "1"})
	}
	return m
}

// openPool makes a pool whose sessions have the settings and are on the server
// of the facts; any server will do for the zero Facts. It does not connect.
func openPool(cfg Config, k *sockets, settings map[string]string, facts Facts, o protocol.Options) (*sql.DB, error) {
	t, err := cfg.TLSConfig()
	if err != nil {
		return nil, err
	}
	c := mysql.NewConfig()
	c.User, c.Passwd = cfg.User, cfg.Password
	c.Net, c.Addr = "tcp", cfg.Address()
	c.Timeout = cfg.ConnectTimeout
	c.DialFunc, c.ReadTimeout = k.dial, cfg.AnswerTimeout
	c.TLS = t
	c.AllowFallbackToPlaintext = cfg.SSLMode == SSLPreferred
	c.Params = settings
	c.Logger = driverLog{cfg.Log}
	o.NoTiDB = true
	if err := c.Apply(mysql.Charset("utf8mb4", "utf8mb4_general_ci")); err != nil {
		return nil, fmt.Errorf("set character set: %w", err)
	}
	connector, err := protocol.NewConnector(c, o)
	if err != nil {
		e := configError("the source's options do not fit together", "check the source's options")
		e.Err = err
		return nil, e
	}
	db := sql.OpenDB(oneServer{connector, facts})
	db.SetConnMaxIdleTime(idleTime)
	db.SetMaxIdleConns(idleConnections)
	return db, nil
}
