package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/ruleset"
)

// Who writes a target table is recorded in the target, in the same transactions as
// the rows: no two channels ever write one. The record is taken when a channel
// begins, or creates a table; the rules may leave the table out later. So a record
// counts as long as the rules in force of its channel have it write the table:
//
//	its channel is gone                         it does not count
//	its rules send a source table there, which  it counts
//	the channel has followed up to now
//	its rules send none of them there           it does not count
//	it has followed none yet (it began, and     it counts while the channel is to run
//	did not come to its first position)
//
// A record that does not count is removed by TakeOver, before a channel that wants the
// table is started.

// Written is a record of a channel that writes a target table.
type Written struct {
	Schema, Table string // of the target, in lower case
	Channel       string // the key
	Name          string // of the channel, for people
}

// OtherChannel is another channel of the target, as its definition is now.
type OtherChannel struct {
	Name    string // for people
	Gone    bool   // there is no such channel
	Running bool   // it runs or is to run
	Rules   *ruleset.Rules
}

// Directory knows the other channels of a target.
type Directory interface {
	OtherChannel(ctx context.Context, key string) (OtherChannel, error)
}

// writersAtOnce bounds the tables of one query.
const writersAtOnce = 100

// recordedWriters reads which other channels are recorded for these target tables.
func (r *Runner) recordedWriters(ctx context.Context, tables [][2]string) ([]Written, error) {
	var out []Written
	for len(tables) > 0 {
		batch := tables[:min(writersAtOnce, len(tables))]
		tables = tables[len(batch):]
		args := []any{r.cfg.Channel}
		for _, t := range batch {
			args = append(args, strings.ToLower(t[0]), strings.ToLower(t[1]))
		}
		err := r.readWriters(ctx, &out, "SELECT channel, target_schema, target_table FROM "+apply.MetaSchema+".target_tables WHERE channel<>?"+
			" AND (target_schema, target_table) IN ((?,?)"+strings.Repeat(",(?,?)", len(batch)-1)+")", args...)
		if err != nil {
			return nil, absentIsNil(err)
		}
	}
	return out, nil
}

// writersOf reads which other channels are recorded for tables of a target schema.
func (r *Runner) writersOf(ctx context.Context, schema string) (out []Written, err error) {
	err = r.readWriters(ctx, &out, "SELECT channel, target_schema, target_table FROM "+apply.MetaSchema+
		".target_tables WHERE channel<>? AND target_schema=?", r.cfg.Channel, strings.ToLower(schema))
	return out, err
}

func (r *Runner) readWriters(ctx context.Context, out *[]Written, query string, args ...any) error {
	rows, err := r.cfg.Target.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read who writes the target's tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var w Written
		if err := rows.Scan(&w.Channel, &w.Schema, &w.Table); err != nil {
			return fmt.Errorf("read who writes the target's tables: %w", err)
		}
		*out = append(*out, w)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read who writes the target's tables: %w", err)
	}
	return nil
}

// inForce splits records into those that count and those that do not, and names their
// channels.
func (r *Runner) inForce(ctx context.Context, records []Written) (counts, stale []Written, err error) {
	channels := map[string]*writer{}
	for _, w := range records {
		c := channels[w.Channel]
		if c == nil {
			if c, err = r.writer(ctx, w.Channel); err != nil {
				return nil, nil, err
			}
			channels[w.Channel] = c
		}
		w.Name = c.Name
		if c.writes(w.Schema, w.Table) {
			counts = append(counts, w)
		} else {
			stale = append(stale, w)
		}
	}
	return counts, stale, nil
}

// writer is a channel that is recorded to write tables.
type writer struct {
	OtherChannel
	follows map[[2]string][][2]string // its source tables, by target table in lower case
}

func (r *Runner) writer(ctx context.Context, key string) (*writer, error) {
	c := &writer{OtherChannel: OtherChannel{Name: key, Running: true}, follows: map[[2]string][][2]string{}}
	if r.cfg.Directory == nil {
		return c, nil
	}
	var err error
	if c.OtherChannel, err = r.cfg.Directory.OtherChannel(ctx, key); err != nil || c.Gone {
		return c, err
	}
	rows, err := r.cfg.Target.QueryContext(ctx, "SELECT schema_name, table_name, target_schema, target_table FROM "+apply.MetaSchema+
		".schema_history WHERE channel=? AND table_name<>'' AND definition<>''", key)
	if err != nil {
		return nil, fmt.Errorf("read what channel %s follows: %w", c.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var from, to [2]string
		if err := rows.Scan(&from[0], &from[1], &to[0], &to[1]); err != nil {
			return nil, fmt.Errorf("read what channel %s follows: %w", c.Name, err)
		}
		to[0], to[1] = strings.ToLower(to[0]), strings.ToLower(to[1])
		c.follows[to] = append(c.follows[to], from)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what channel %s follows: %w", c.Name, err)
	}
	return c, nil
}

// writes reports whether the rules in force have the channel write a target table.
func (w *writer) writes(schema, table string) bool {
	if w.Gone {
		return false
	}
	from := w.follows[[2]string{schema, table}]
	switch {
	case len(from) == 0:
		return w.Running
	case w.Rules == nil:
		return true // they cannot be read: in doubt, it counts
	}
	// Whether that channel's source compares names without case is not known here:
	// a table counts as written when its rules want it under either way.
	ways := []*ruleset.Rules{w.Rules}
	if folded, err := w.Rules.ForSource(1); err == nil {
		ways = append(ways, folded)
	}
	for _, t := range from {
		for _, rules := range ways {
			if ts, tt := rules.Target(t[0], t[1]); rules.Wanted(t[0], t[1]) && strings.EqualFold(ts, schema) && strings.EqualFold(tt, table) {
				return true
			}
		}
	}
	return false
}

// StillWrites returns those of the records that count now; cfg is that of a channel of
// the same target. It connects to nothing but the target.
func StillWrites(ctx context.Context, cfg Config, records []Written) ([]Written, error) {
	r, err := New(cfg)
	if err != nil {
		return nil, err
	}
	counts, _, err := r.inForce(ctx, records)
	return counts, err
}

// otherWriters lists the tables that another channel writes, and the records that do
// not count any more.
func (r *Runner) otherWriters(ctx context.Context, tables [][2]string) (shared []Finding, stale []Written, err error) {
	records, err := r.recordedWriters(ctx, tables)
	if err != nil {
		return nil, nil, err
	}
	counts, stale, err := r.inForce(ctx, records)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range counts {
		shared = append(shared, SharedTarget(w.Schema, w.Table, w.Name))
	}
	for _, w := range stale {
		shared = append(shared, Finding{ID: "target.shared", Severity: "INFO", Scope: "TABLE", Object: w.Schema + "." + w.Table, Blocks: "-",
			Finding: "channel '" + w.Name + "' wrote this target table, and does so no more: START takes it over"})
	}
	return shared, stale, nil
}

// SharedTarget is the finding for a target table that another channel writes.
func SharedTarget(schema, table, channel string) Finding {
	remedy := "route one of the two elsewhere, leave the table out of one of them, or drop the other migration"
	if channel == UnknownChannel {
		remedy = "route the table elsewhere; if no other cluster writes it, say in the target: DELETE FROM " + apply.MetaSchema +
			".target_tables WHERE target_schema=" + apply.Literal(schema) + " AND target_table=" + apply.Literal(table)
	}
	return blocking("target.shared", "TABLE", schema+"."+table, &replica.Error{
		Message: "channel '" + channel + "' writes this target table", Remedy: remedy})
}

// UnknownChannel is the name of a channel that the directory does not know.
const UnknownChannel = "(not of this cluster)"

// TakeOver removes a channel's records for target tables that its rules do not write
// any more. epoch is the channel's, as catalog.FenceChannel left it. The lanes get it
// too, so that an owner which slept since before the rules changed is fenced: it could
// otherwise write the tables beside their next writer. A channel with a higher epoch
// was started or reset since the rules were read: then nothing is done and the error is
// apply.ErrFenced.
//
// It is one transaction: a crash leaves all or nothing, and it can be repeated. A crash
// after it leaves tables that no channel is recorded for, as before their first writer.
func TakeOver(ctx context.Context, db *sql.DB, channel string, epoch uint64, tables []Written) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("take over tables: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "INSERT IGNORE INTO "+apply.MetaSchema+".lanes VALUES (?,0,0,0,'','')", channel); err != nil {
		return fmt.Errorf("take over tables: %w", err)
	}
	var highest uint64
	err = tx.QueryRowContext(ctx, "SELECT MAX(epoch) FROM "+apply.MetaSchema+".lanes WHERE channel=? FOR UPDATE", channel).Scan(&highest)
	if err != nil {
		return fmt.Errorf("take over tables: %w", err)
	}
	if highest > epoch {
		return apply.ErrFenced
	}
	_, err = tx.ExecContext(ctx, "UPDATE "+apply.MetaSchema+".lanes SET epoch=?, seq=seq+1 WHERE channel=? AND epoch<?",
		epoch, channel, epoch)
	if err != nil {
		return fmt.Errorf("take over tables: %w", err)
	}
	for _, t := range tables {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+apply.MetaSchema+".target_tables WHERE target_schema=? AND target_table=? AND channel=?",
			t.Schema, t.Table, channel); err != nil {
			return fmt.Errorf("take over tables: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("take over tables: %w", err)
	}
	return nil
}

// nameShared completes the error of a commit that another channel's record refused:
// with the table, and with the channel's name.
func (x *run) nameShared(ctx context.Context, err error, tables [][2]string) error {
	var e *replica.Error
	if !errors.As(err, &e) || e.Code != codeShared || len(tables) == 0 {
		return err
	}
	records, rerr := x.r.recordedWriters(ctx, tables)
	if rerr != nil || len(records) == 0 {
		return err
	}
	counts, stale, rerr := x.r.inForce(ctx, records)
	if rerr != nil {
		return err
	}
	named := *e
	if len(counts) > 0 {
		w := counts[0]
		named.Table = w.Schema + "." + w.Table
		named.Message = fmt.Sprintf("channel '%s' writes the target table %s.%s already", w.Name, w.Schema, w.Table)
		named.Remedy = "route one of the two elsewhere, leave the table out of one of them, or drop the other migration; " +
			"then START MIGRATION again"
		return &named
	}
	w := stale[0]
	named.Table = w.Schema + "." + w.Table
	named.Message = fmt.Sprintf("channel '%s' is recorded as the writer of the target table %s.%s, which its rules leave out now", w.Name, w.Schema, w.Table)
	named.Remedy = "START MIGRATION again: it takes the table over"
	return &named
}

// codeShared is the error of a channel that would write another one's target table.
const codeShared = 61097

// planTables lists the target tables that a DDL leaves behind.
func planTables(p *apply.DDLPlan) [][2]string {
	var names [][2]string
	for _, d := range p.History {
		if d.Table != "" {
			names = append(names, [2]string{d.TargetSchema, d.TargetTable})
		}
	}
	return names
}
