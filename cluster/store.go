package cluster

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Stats is a node's load, as it says itself once per heartbeat. It is for
// people and placement; nothing depends on it.
type Stats struct {
	Lanes            int     `json:"lanes,omitempty"`
	RowsPerSec       float64 `json:"rows_per_sec,omitempty"`
	BytesPerSec      float64 `json:"bytes_per_sec,omitempty"`
	MaxSecondsBehind float64 `json:"max_seconds_behind,omitempty"`
	QueueBytes       int64   `json:"queue_bytes,omitempty"`
	MemoryBytes      int64   `json:"memory_bytes,omitempty"`
	CPUPct           float64 `json:"cpu_pct,omitempty"`
	LastError        string  `json:"last_error,omitempty"`
}

// nodeRow is one row of sluice_meta.nodes. Age counts from the heartbeat to the
// moment the row was read, by the store's clock.
type nodeRow struct {
	node                            string
	incarnation                     uint64
	gossipAddr, adminAddr, httpAddr string
	version, status                 string
	weight, channels                int
	stats                           Stats
	keyCheck                        string
	started, heartbeat              time.Time
	age                             time.Duration
	left                            bool
}

// store is this node's view of the tables nodes and channels.
type store struct {
	db   *sql.DB
	node string
}

// inTx runs fn in one pessimistic READ COMMITTED transaction: every statement
// sees what is committed, and rows read FOR UPDATE stay as they were read. An
// error of the commit leaves open whether it happened.
func inTx(ctx context.Context, db *sql.DB, fn func(*sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to store: %w", err)
	}
	defer conn.Close()
	for _, s := range []string{"SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN PESSIMISTIC"} {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
	}
	if err := fn(conn); err != nil {
		rollback(ctx, conn)
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		rollback(ctx, conn)
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// rollback ends the transaction even when ctx is cancelled; a connection on
// which that is not possible is thrown away, which rolls back too.
func rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// takenError says that another live process holds the node's name; heartbeat tells
// two looks at it apart.
type takenError struct {
	heartbeat int64
	age       time.Duration
}

// Error satisfies error; callers turn it into ErrNameTaken.
func (e *takenError) Error() string { return ErrNameTaken.Message }

// register makes this process the node's next incarnation and frees what its
// earlier ones owned. stopped are the channels that crashed the last of them. It returns a *takenError while an earlier one that
// listens elsewhere may be alive, and ErrWrongKey when a live node has another
// cluster key.
func (s *store) register(ctx context.Context, cfg *Config, gossipAddr string) (incarnation uint64, stopped []string, err error) {
	check, err := cfg.knownKeys()
	if err != nil {
		return 0, nil, err
	}
	err = inTx(ctx, s.db, func(tx *sql.Conn) error {
		if err := s.sameKey(ctx, tx, check); err != nil {
			return err
		}
		if incarnation, err = s.nextIncarnation(ctx, tx, gossipAddr); err != nil {
			return err
		}
		if stopped, err = s.judge(ctx, tx, incarnation, cfg.Crash); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sluice_meta.nodes
  (node, incarnation, gossip_addr, admin_addr, http_addr, version, weight, channels, key_check, started_at, heartbeat)
  VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))
  ON DUPLICATE KEY UPDATE incarnation = VALUES(incarnation), gossip_addr = VALUES(gossip_addr),
  admin_addr = VALUES(admin_addr), http_addr = VALUES(http_addr), version = VALUES(version), weight = VALUES(weight),
  channels = 0, stats = NULL, key_check = VALUES(key_check), started_at = VALUES(started_at),
  heartbeat = VALUES(heartbeat), left_at = NULL`,
			s.node, incarnation, gossipAddr, cfg.AdminAddr, cfg.HTTPAddr, cfg.Version, cfg.Weight, check)
		if err != nil {
			return fmt.Errorf("write node row: %w", err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE sluice_meta.channels SET owner = '' WHERE owner = ? AND owner_incarnation < ?`,
			s.node, incarnation)
		if err != nil {
			return fmt.Errorf("free the channels of earlier incarnations: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("register node: %w", err)
	}
	return incarnation, stopped, nil
}

// sameKey refuses to register while a live node has no key in common with this
// one.
func (s *store) sameKey(ctx context.Context, tx *sql.Conn, check string) error {
	peers, err := Peers(ctx, tx, s.node)
	if err != nil {
		return fmt.Errorf("compare cluster keys: %w", err)
	}
	for _, p := range peers {
		if p.Live && !understands(check, strings.Join(p.Keys, ",")) {
			return wrongKeyOf(p)
		}
	}
	return nil
}

func (s *store) nextIncarnation(ctx context.Context, tx *sql.Conn, gossipAddr string) (uint64, error) {
	var (
		inc      uint64
		addr     string
		beat, us int64
		left     bool
	)
	err := tx.QueryRowContext(ctx, `SELECT incarnation, gossip_addr, left_at IS NOT NULL, `+micros("heartbeat")+`, `+
		age("heartbeat")+` FROM sluice_meta.nodes WHERE node = ? FOR UPDATE`, s.node).Scan(&inc, &addr, &left, &beat, &us)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 1, nil
	case err != nil:
		return 0, fmt.Errorf("read node row: %w", err)
	}
	// Who listens on the address of the earlier process knows that it ended.
	if !left && addr != gossipAddr && us < staleAfter.Microseconds() {
		return 0, &takenError{heartbeat: beat, age: time.Duration(us) * time.Microsecond}
	}
	return inc + 1, nil
}

// heartbeat writes this node's row. It returns ErrReplaced when a newer
// incarnation is registered, sql.ErrNoRows when the row is gone.
func (s *store) heartbeat(ctx context.Context, incarnation uint64, channels int, st Stats) error {
	js, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("encode node stats: %w", err)
	}
	res, err := s.db.ExecContext(ctx, `UPDATE sluice_meta.nodes SET heartbeat = UTC_TIMESTAMP(6), left_at = NULL, stats = ?,
  channels = ?, status = IF(status = 'DRAINING' AND ? = 0, 'DRAINED', status) WHERE node = ? AND incarnation = ?`,
		string(js), channels, channels, s.node, incarnation)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var now uint64
	if err := s.db.QueryRowContext(ctx, `SELECT incarnation FROM sluice_meta.nodes WHERE node = ?`, s.node).Scan(&now); err != nil {
		return fmt.Errorf("read own node row: %w", err)
	}
	if now > incarnation {
		return ErrReplaced
	}
	return nil
}

// leave records that this incarnation ended in order.
func (s *store) leave(ctx context.Context, incarnation uint64) error {
	_, err := s.db.ExecContext(ctx, `UPDATE sluice_meta.nodes SET left_at = UTC_TIMESTAMP(6), channels = 0
  WHERE node = ? AND incarnation = ?`, s.node, incarnation)
	if err != nil {
		return fmt.Errorf("record that the node left: %w", err)
	}
	return nil
}

const nodeColumns = `node, incarnation, gossip_addr, admin_addr, http_addr, version, status, weight, channels,
  COALESCE(stats, ''), key_check, left_at IS NOT NULL`

// nodes reads all node rows.
func (s *store) nodes(ctx context.Context) ([]nodeRow, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+nodeColumns+`, `+micros("started_at")+`, `+micros("heartbeat")+`, `+
		age("heartbeat")+` FROM sluice_meta.nodes ORDER BY node`)
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	defer rows.Close()
	var list []nodeRow
	for rows.Next() {
		var (
			n                  nodeRow
			js                 string
			started, beat, age int64
		)
		if err := rows.Scan(&n.node, &n.incarnation, &n.gossipAddr, &n.adminAddr, &n.httpAddr, &n.version, &n.status,
			&n.weight, &n.channels, &js, &n.keyCheck, &n.left, &started, &beat, &age); err != nil {
			return nil, fmt.Errorf("read nodes: %w", err)
		}
		if js != "" {
			if err := json.Unmarshal([]byte(js), &n.stats); err != nil {
				return nil, fmt.Errorf("stats of node %s: %w", n.node, err)
			}
		}
		n.started, n.heartbeat = fromMicros(started), fromMicros(beat)
		n.age = max(0, time.Duration(age)*time.Microsecond)
		list = append(list, n)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	return list, nil
}
