package migration

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"time"

	"sluice/gateway/apply"
)

// stateTables hold a channel's state in the target besides its lanes.
var stateTables = []string{"tables", "chunks", "ddl_log", "schema_history", "target_tables", "source_past", "divergences", "auto_ids"}

// Reset forgets a stopped channel's positions in the target. epoch is a fresh
// one from the store: raising it fences whoever still runs the channel. It is
// one transaction: a crash leaves all or nothing, and it can be repeated.
func Reset(ctx context.Context, db *sql.DB, channel string, epoch uint64) error {
	return forget(ctx, db, channel, epoch)
}

// tombstone is the epoch of a dropped migration's lanes: no owner has a higher
// one, so that a late claim of a node that slept is fenced.
const tombstone = uint64(math.MaxInt64)

// Forget removes a dropped migration's channel from the target. Its lanes stay
// as a tombstone; migration ids are never used again.
func Forget(ctx context.Context, db *sql.DB, channel string) error {
	return forget(ctx, db, channel, tombstone)
}

func forget(ctx context.Context, db *sql.DB, channel string, epoch uint64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("reset channel: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "INSERT IGNORE INTO "+apply.MetaSchema+".lanes VALUES (?,0,0,0,'','')", channel); err != nil {
		return fmt.Errorf("reset channel: %w", err)
	}
	var highest uint64
	if err := tx.QueryRowContext(ctx, "SELECT MAX(epoch) FROM "+apply.MetaSchema+".lanes WHERE channel=? FOR UPDATE", channel).Scan(&highest); err != nil {
		return fmt.Errorf("reset channel: %w", err)
	}
	if highest > epoch {
		if highest == tombstone {
			return nil
		}
		return apply.ErrFenced
	}
	if _, err := tx.ExecContext(ctx, "UPDATE "+apply.MetaSchema+".lanes SET epoch=?, seq=seq+1, base='', extra='' WHERE channel=?", epoch, channel); err != nil {
		return fmt.Errorf("reset channel: %w", err)
	}
	for _, t := range stateTables {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+apply.MetaSchema+"."+t+" WHERE channel=?", channel); err != nil {
			return fmt.Errorf("reset channel: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("reset channel: %w", err)
	}
	return nil
}

// DDLEntry is one statement of SHOW MIGRATION DDL.
type DDLEntry struct {
	Channel               string // the key
	Position              string
	SourceTable           string
	SourceSQL, TargetSQL  string
	State                 string // intent, done or failed
	JobID                 *uint64
	StartedAt, FinishedAt *time.Time
	Note                  string
}

// DDLLog reads the DDL of channels from their target, oldest first.
func DDLLog(ctx context.Context, db *sql.DB, channels []string) ([]DDLEntry, error) {
	if len(channels) == 0 {
		return nil, nil
	}
	args := make([]any, len(channels))
	for i, c := range channels {
		args[i] = c
	}
	rows, err := db.QueryContext(ctx, `SELECT channel, txn, source_table, source_sql, target_sql, state, job_id,
		DATE_FORMAT(started_at,'%Y-%m-%d %H:%i:%s.%f'), DATE_FORMAT(finished_at,'%Y-%m-%d %H:%i:%s.%f'), note FROM `+
		apply.MetaSchema+`.ddl_log WHERE channel IN (?`+strings.Repeat(",?", len(channels)-1)+`) ORDER BY started_at, idx`, args...)
	if err != nil {
		return nil, fmt.Errorf("read the DDL log: %w", err)
	}
	defer rows.Close()
	var out []DDLEntry
	for rows.Next() {
		var e DDLEntry
		var job sql.NullInt64
		var started, finished sql.NullString
		if err := rows.Scan(&e.Channel, &e.Position, &e.SourceTable, &e.SourceSQL, &e.TargetSQL, &e.State, &job, &started, &finished, &e.Note); err != nil {
			return nil, fmt.Errorf("read the DDL log: %w", err)
		}
		if job.Valid {
			id := uint64(job.Int64)
			e.JobID = &id
		}
		e.StartedAt, e.FinishedAt = parseTime(started), parseTime(finished)
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the DDL log: %w", err)
	}
	return out, nil
}

func parseTime(s sql.NullString) *time.Time {
	if !s.Valid {
		return nil
	}
	t, err := time.Parse("2006-01-02 15:04:05.999999", s.String)
	if err != nil {
		return nil
	}
	return &t
}
