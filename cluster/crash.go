package cluster

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A channel whose bytes end the process of its node must not take one node after the other. Each claim writes a row
// for its run, in the claim's transaction, and each release removes it. What is left of a process that ended without
// a release is judged when its node starts again:
//
//	the process crashed (Config.Crash)   the runs that were in their probation crashed, or all if none was
//	else: killed, or the machine failed  nothing is counted, whatever the channel; the rows go
//
// So kill -9, an OOM kill or a power cut never counts, and no count is read before a channel was seen in two crashes:
// a first take-over is never delayed. From then on the channel is tried alone: a node takes one such channel at a
// time, crashPause after its last crash, so that a further crash names it among all channels of the node. A channel
// whose run alone crashes is in ERROR until an operator starts it. A run of RanWell's length forgets its crashes.
//
// A process that dies between two of these writes leaves either a row too many, of an incarnation that did not crash,
// which goes at the next start of its node, or none, and then the crash is not counted.
const createRuns = `CREATE TABLE IF NOT EXISTS sluice_meta.channel_runs (
  channel     VARBINARY(200)  NOT NULL,
  epoch       BIGINT UNSIGNED NOT NULL,
  node        VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  incarnation BIGINT UNSIGNED NOT NULL,
  alone       TINYINT         NOT NULL,             -- no other suspect was in its probation on the node
  began_at    DATETIME(6)     NOT NULL,
  crashed_at  DATETIME(6)     NULL,                 -- the process crashed, and this run may be why
  PRIMARY KEY (channel, epoch) CLUSTERED,
  KEY node (node, incarnation))`

const (
	// suspectCrashes make a channel a suspect, and stopCrashes, the last of them alone, an ERROR.
	suspectCrashes = 2
	stopCrashes    = 3
	// probation is how long a run must last not to be blamed for a crash while younger ones are there: longer than a
	// channel takes from its claim to the bytes that follow its checkpoint.
	probation = 15 * time.Second
	// crashPause is how long a suspect is left alone after its crash, doubled with each, up to mostCrashPause.
	crashPause     = 10 * time.Second
	mostCrashPause = time.Minute
	// keptRuns is how many epochs back the rows of runs are kept whose node never came back.
	keptRuns = 16
)

// recordRun writes the row of a claim's run.
func (c *Cluster) recordRun(ctx context.Context, tx *sql.Conn, channel string, epoch uint64, alone bool) error {
	_, err := tx.ExecContext(ctx, `REPLACE INTO sluice_meta.channel_runs VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6), NULL)`,
		channel, epoch, c.cfg.Node, c.incarnation, alone)
	if err == nil && epoch > keptRuns && epoch%keptRuns == 0 {
		_, err = tx.ExecContext(ctx, `DELETE FROM sluice_meta.channel_runs WHERE channel = ? AND epoch < ? AND crashed_at IS NULL`,
			channel, epoch-keptRuns)
	}
	if err != nil {
		return fmt.Errorf("record run: %w", err)
	}
	return nil
}

// endRun records that a run ended in order.
func (c *Cluster) endRun(ctx context.Context, channel string, epoch uint64) error {
	_, err := c.cfg.DB.ExecContext(ctx, `DELETE FROM sluice_meta.channel_runs WHERE channel = ? AND epoch = ? AND crashed_at IS NULL`,
		channel, epoch)
	if err != nil {
		return fmt.Errorf("record that the run ended: %w", err)
	}
	return nil
}

// RanWell forgets a channel's crashes: its owner calls it for a run that has lasted long enough.
func (c *Cluster) RanWell(ctx context.Context, channel string) error {
	return ForgetCrashes(ctx, c.cfg.DB, channel)
}

// execer is a *sql.DB, a *sql.Conn or a *sql.Tx.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ForgetCrashes makes a channel one that was never in a crash, as an operator's START does.
func ForgetCrashes(ctx context.Context, db execer, channel string) error {
	_, err := db.ExecContext(ctx, `DELETE FROM sluice_meta.channel_runs WHERE channel = ? AND crashed_at IS NOT NULL`, channel)
	if err != nil {
		return fmt.Errorf("forget the crashes of channel %s: %w", channel, err)
	}
	return nil
}

// Stopped returns the channels that this node put into ERROR when it started: their runs alone had crashed the
// process before this one.
func (c *Cluster) Stopped() []string { return c.stopped }

// openRun is a run without an end.
type openRun struct {
	channel string
	epoch   uint64
	alone   bool
	age     time.Duration // at the process's last heartbeat
}

// judge concludes the runs that the node's processes before incarnation left open. It returns the channels that it
// put into ERROR. The node's row still has the last process's heartbeat.
func (s *store) judge(ctx context.Context, tx *sql.Conn, incarnation uint64, crashed bool) (stopped []string, err error) {
	var runs []openRun
	if crashed {
		if runs, err = s.openRuns(ctx, tx, incarnation-1); err != nil {
			return nil, err
		}
	}
	blamed, suspects := blame(runs)
	for _, r := range blamed {
		_, err := tx.ExecContext(ctx, `UPDATE sluice_meta.channel_runs SET crashed_at = UTC_TIMESTAMP(6) WHERE channel = ? AND epoch = ?`,
			r.channel, r.epoch)
		if err != nil {
			return nil, fmt.Errorf("record a crash: %w", err)
		}
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM sluice_meta.channel_runs WHERE node = ? AND incarnation < ? AND crashed_at IS NULL`,
		s.node, incarnation)
	if err != nil {
		return nil, fmt.Errorf("forget the runs of earlier incarnations: %w", err)
	}
	most := stopCrashes
	if len(suspects) > 1 {
		most = 2 * stopCrashes // the crash names none of them alone
	}
	for _, r := range suspects {
		stop, err := s.stopCrashing(ctx, tx, r.channel, incarnation, most)
		if err != nil {
			return nil, err
		}
		if stop {
			stopped = append(stopped, r.channel)
		}
	}
	return stopped, nil
}

// stopCrashing puts a channel into ERROR that was in so many crashes, unless another node runs it by now.
func (s *store) stopCrashing(ctx context.Context, tx *sql.Conn, channel string, incarnation uint64, most int) (bool, error) {
	res, err := tx.ExecContext(ctx, `UPDATE sluice_meta.channels SET status = 'ERROR', not_before = UTC_TIMESTAMP(6) + INTERVAL 100 YEAR
  WHERE channel = ? AND desired = 'RUNNING' AND (owner = '' OR owner = ? AND owner_incarnation < ?)
  AND (SELECT COUNT(*) FROM sluice_meta.channel_runs WHERE channel = ? AND crashed_at IS NOT NULL) >= ?`,
		channel, s.node, incarnation, channel, most)
	if err != nil {
		return false, fmt.Errorf("stop a channel that crashes: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func (s *store) openRuns(ctx context.Context, tx *sql.Conn, incarnation uint64) (runs []openRun, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT CAST(r.channel AS CHAR), r.epoch, r.alone, TIMESTAMPDIFF(MICROSECOND, r.began_at, n.heartbeat)
  FROM sluice_meta.channel_runs r JOIN sluice_meta.nodes n ON n.node = r.node
  WHERE r.node = ? AND r.incarnation = ? AND r.crashed_at IS NULL`, s.node, incarnation)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r openRun
		var us int64
		if err := rows.Scan(&r.channel, &r.epoch, &r.alone, &us); err != nil {
			return nil, fmt.Errorf("read runs: %w", err)
		}
		r.age = time.Duration(us) * time.Microsecond
		runs = append(runs, r)
	}
	return runs, rows.Err()
}

// blame returns the runs that may have crashed a process: those in their probation, or all when none was; and those
// of them that were suspects before, of which there is one where it can be helped.
func blame(runs []openRun) (blamed, suspects []openRun) {
	for _, r := range runs {
		if r.age < probation {
			blamed = append(blamed, r)
		}
	}
	if len(blamed) == 0 {
		blamed = runs
	}
	for _, r := range blamed {
		if r.alone {
			suspects = append(suspects, r)
		}
	}
	return blamed, suspects
}

// suspects returns for how long channels that were in several crashes are left alone yet.
func (c *Cluster) suspects(ctx context.Context) (map[string]time.Duration, error) {
	rows, err := c.cfg.DB.QueryContext(ctx, `SELECT CAST(channel AS CHAR), COUNT(*), `+age("MAX(crashed_at)")+` FROM sluice_meta.channel_runs
  WHERE crashed_at IS NOT NULL GROUP BY channel HAVING COUNT(*) >= ?`, suspectCrashes)
	if err != nil {
		return nil, fmt.Errorf("read crashes: %w", err)
	}
	defer rows.Close()
	m := map[string]time.Duration{}
	for rows.Next() {
		var channel string
		var n int
		var us int64
		if err := rows.Scan(&channel, &n, &us); err != nil {
			return nil, fmt.Errorf("read crashes: %w", err)
		}
		pause := min(crashPause<<min(n-suspectCrashes, 10), mostCrashPause)
		m[channel] = max(0, pause-time.Duration(us)*time.Microsecond)
	}
	return m, rows.Err()
}
