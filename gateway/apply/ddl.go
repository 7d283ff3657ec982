package apply

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// Step is one statement that a source's DDL becomes on the target.
type Step struct {
	SQL string
	// Tables are the target tables, and Schema the schema, whose definitions
	// the statement changes: their fingerprint before it tells, after a crash,
	// whether it ran.
	Tables [][2]string
	Schema string
}

// Definition is a source table's definition from a position on; an empty
// Create says that there is no such table any more.
// Table is "" for a schema, whose Create is "charset collation".
type Definition struct {
	Schema, Table             string
	Create                    string
	TargetSchema, TargetTable string
}

// DDLPlan is everything that one DDL transaction of the source changes.
type DDLPlan struct {
	Txn         *replica.Transaction
	SourceTable string // for people
	Steps       []Step
	History     []Definition
	Note        string
}

// RunDDL executes a DDL at a barrier: everything before it is committed,
// nothing behind it has begun. TiDB's DDL is not transactional, so that each
// step is recorded:
//
//  1. intent: a fenced commit with the text, a tag, the fingerprint of what it
//     changes, and the id of the only connection that will send it;
//  2. the statement runs on that connection, with the tag inside its text;
//  3. done: a fenced commit; the last one moves the position and the history.
//
// What if the process dies: before 1 nothing happened; between 1 and 3 the
// next owner first kills the connection of the intent, so that the statement
// cannot start any more, then looks the tag up in TiDB's DDL jobs: finished is
// done, running is waited for, cancelled or unknown with the old fingerprint is
// run again. After 3 it is done. A zombie that lost its epoch before 1 is
// fenced there; one that lost it between 1 and 2 has no connection left.
func (a *Applier) RunDDL(ctx context.Context, p *DDLPlan) error {
	if a.skip.Contains(p.Txn.ID) {
		return a.sched.submit(ctx, &unit{id: p.Txn.ID, commit: p.Txn.CommitTime})
	}
	if err := a.Drain(ctx); err != nil {
		return err
	}
	a.controlMu.Lock()
	defer a.controlMu.Unlock()
	if a.partial != nil && a.partial.ID == p.Txn.ID {
		return nil // its DDL part is done, some of its rows too
	}
	for i := range p.Steps {
		if err := a.ddl().runStep(ctx, p, i); err != nil {
			return err
		}
	}
	return a.finishDDL(ctx, p)
}

// finishDDL moves the history, and the position unless rows of the same
// transaction follow.
func (a *Applier) finishDDL(ctx context.Context, p *DDLPlan) error {
	base, _ := a.Position()
	var partial *Partial
	if p.Txn.More {
		partial = &Partial{ID: p.Txn.ID}
	} else {
		base.Advance(p.Txn.ID)
	}
	var stmts []Statement
	for _, d := range p.History {
		stmts = append(stmts, HistoryStatements(a.control.channel, base.String(), d)...)
	}
	extra := a.control.extra.Clone()
	base.Prune(extra)
	if err := a.control.commit(ctx, base.String(), extra, partial, convert(stmts)); err != nil {
		if shared := SharedTable(err); shared != nil {
			return shared
		}
		return rowError(err, p.Txn.ID)
	}
	a.stats.checkpoint()
	a.partial = partial
	if !p.Txn.More {
		a.stats.txns.Add(1)
		a.moveBase(base, p.Txn.CommitTime)
	}
	return nil
}

// HistoryStatements record a definition, and that the channel writes its target
// table. The statement for a table that another channel writes fails with error
// 1048, which SharedTable recognises: nothing of the commit is then done.
func HistoryStatements(channel, position string, d Definition) []Statement {
	values := "(" + Literal(channel) + "," + Literal(d.Schema) + "," + Literal(d.Table) + "," + Literal(position) + "," + Literal(d.Create) + "," +
		Literal(d.TargetSchema) + "," + Literal(d.TargetTable) + ")"
	out := []Statement{{SQL: "REPLACE INTO " + MetaSchema + ".schema_history VALUES " + values, Want: -1}}
	if d.Table == "" {
		return out
	}
	return append(out, OwnTable(channel, d))
}

// OwnTable records that the channel writes the definition's target table, or,
// where Create is "", that it does so no more. See HistoryStatements.
func OwnTable(channel string, d Definition) Statement {
	ts, tt := Literal(strings.ToLower(d.TargetSchema)), Literal(strings.ToLower(d.TargetTable))
	if d.Create == "" {
		return Statement{SQL: "DELETE FROM " + MetaSchema + ".target_tables WHERE target_schema=" + ts +
			" AND target_table=" + tt + " AND channel=" + Literal(channel), Want: -1}
	}
	return Statement{SQL: "INSERT INTO " + MetaSchema + ".target_tables VALUES (" + ts + "," + tt + "," + Literal(channel) +
		") ON DUPLICATE KEY UPDATE channel=IF(channel=VALUES(channel),channel,NULL)", Want: -1}
}

// SharedTable returns the error for a commit of HistoryStatements that failed
// because another channel writes one of the tables; nil for other errors.
func SharedTable(err error) error {
	var me *mysql.MySQLError
	if !errors.As(err, &me) || me.Number != 1048 {
		return nil
	}
	return &replica.Error{Code: 61097, Class: "CONFIG", Message: "another channel writes one of the target's tables already",
		Remedy: "CHECK MIGRATION names the table; route one of the two elsewhere, or drop the other migration"}
}

// ddlRunner executes recorded DDL steps under a control lane.
type ddlRunner struct {
	cfg     *Config
	control *slot
	// checkpoint returns the base and the control lane's extra to commit with.
	checkpoint func() (string, *replica.TxnSet)
}

func (a *Applier) ddl() *ddlRunner {
	return &ddlRunner{cfg: &a.cfg, control: a.control,
		checkpoint: func() (string, *replica.TxnSet) { return a.sched.checkpoint(a.control.extra, nil) }}
}

// ddlRecord is a row of ddl_log.
type ddlRecord struct {
	tag, state, fingerprint string
	connection              uint64
}

func (d *ddlRunner) ddlKey(p *DDLPlan, i int) string {
	return "channel=" + Literal(d.control.channel) + " AND txn=" + Literal(p.Txn.ID.String()) + " AND idx=" + strconv.Itoa(i)
}

// lookupStep reads the record of a step; nil when there is none.
func (d *ddlRunner) lookupStep(ctx context.Context, p *DDLPlan, i int) (*ddlRecord, error) {
	row, err := d.query(ctx, "SELECT tag, state, fingerprint, connection FROM "+MetaSchema+".ddl_log WHERE "+d.ddlKey(p, i))
	if err != nil || len(row) == 0 {
		return nil, err
	}
	r := &ddlRecord{tag: row[0][0], state: row[0][1], fingerprint: row[0][2]}
	r.connection, err = strconv.ParseUint(row[0][3], 10, 64)
	return r, err
}

// query reads through the control lane's connection, again after a lost one.
func (d *ddlRunner) query(ctx context.Context, sql string) ([][]string, error) {
	for attempt := 0; ; attempt++ {
		if err := d.control.ready(ctx); err != nil {
			return nil, err
		}
		rows, err := d.control.sess.conn.Query(ctx, sql)
		if err == nil {
			return rows, nil
		}
		if o := classify(err); ctx.Err() != nil || o != outcomeLost && o != outcomeRetry {
			return nil, err
		}
		d.control.drop()
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// runStep makes sure that one step has run exactly once.
func (d *ddlRunner) runStep(ctx context.Context, p *DDLPlan, i int) error {
	for attempt := 0; ; attempt++ {
		rec, err := d.lookupStep(ctx, p, i)
		if err != nil {
			return targetError(err, "read the DDL log")
		}
		if rec != nil && rec.state == "done" {
			return nil
		}
		if rec != nil && rec.state == "failed" {
			byHand, err := d.changedSince(ctx, p, i, rec)
			if err != nil {
				return err
			}
			if byHand {
				return d.closeStep(ctx, p, i, "done", "", "the target refused it; its definition was changed by hand since")
			}
		}
		if rec != nil && rec.state == "intent" {
			// Only the newest owner may end the connection that an intent
			// names: this commit proves that no newer owner wrote it.
			if err := d.controlCommit(ctx); err != nil {
				return err
			}
			done, job, err := d.recoverStep(ctx, p, i, rec)
			if err != nil {
				return err
			}
			if done {
				return d.closeStep(ctx, p, i, "done", job, "found done after a restart or a lost connection")
			}
		}
		again, err := d.executeStep(ctx, p, i, attempt)
		if err != nil || !again {
			return err
		}
	}
}

// changedSince says whether what a refused step would have changed is not as
// it was before: then somebody made the change by hand, as the error asked.
func (d *ddlRunner) changedSince(ctx context.Context, p *DDLPlan, i int, rec *ddlRecord) (bool, error) {
	fp, err := d.fingerprint(ctx, &p.Steps[i])
	if err != nil {
		return false, targetError(err, "read the target's definitions")
	}
	return fp != rec.fingerprint, nil
}

// executeStep records the intent, runs the statement and records its end.
// again says that the connection was lost, or that the job was cancelled, as a
// late KILL of an older owner does: the step must be looked up.
func (d *ddlRunner) executeStep(ctx context.Context, p *DDLPlan, i, attempt int) (again bool, err error) {
	runner := &slot{connector: d.cfg.Connector, foreignKeys: d.cfg.ForeignKeys, log: d.cfg.Log}
	if err := runner.ready(ctx); err != nil {
		return false, err
	}
	defer runner.drop()
	tag := newTag()
	fp, err := d.fingerprint(ctx, &p.Steps[i])
	if err != nil {
		return false, targetError(err, "read the target's definitions")
	}
	if err := d.openStep(ctx, p, i, tag, fp, runner.sess.id); err != nil {
		return false, err
	}
	began := time.Now()
	_, err = runner.sess.exec(ctx, []byte(tagged(p.Steps[i].SQL, tag)))
	switch {
	case err == nil:
		d.cfg.Log.Info("DDL applied", "table", p.SourceTable, "transaction", p.Txn.ID.String(), "took", time.Since(began))
		return false, d.closeStep(ctx, p, i, "done", d.jobOf(ctx, tag), p.Note)
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	}
	if o := classify(err); o == outcomeLost || o == outcomeRetry || attempt < maxCancelled && isCancelled(err) {
		return true, nil
	}
	if cerr := d.closeStep(ctx, p, i, "failed", "", "the target refused it: "+ddlReason(err)); cerr != nil {
		return false, cerr
	}
	return false, ddlError(err, p, i)
}

// maxCancelled is how often a step whose job was cancelled is run again before
// the cancelling is taken for an administrator's will.
const maxCancelled = 3

// isCancelled says whether err is TiDB's "Cancelled DDL job".
func isCancelled(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && me.Number == 8214
}

func ddlReason(err error) string {
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return "error " + strconv.Itoa(int(me.Number))
	}
	return "no answer"
}

// ddlError names a DDL that the target refused.
func ddlError(err error, p *DDLPlan, i int) error {
	return &replica.Error{Code: 61053, Class: "DDL", Err: err, Table: p.SourceTable,
		Message: fmt.Sprintf("the target refused the DDL of transaction %s on %s", p.Txn.ID, p.SourceTable),
		Remedy:  "see SHOW MIGRATION DDL for both statements; bring the target's table to the wanted definition by hand if TiDB cannot, or change it on the source so that TiDB can, then START MIGRATION again"}
}

// openStep records the intent. The statement may be sent once this commit is
// done, and only on the connection that it names.
func (d *ddlRunner) openStep(ctx context.Context, p *DDLPlan, i int, tag, fp string, connection uint64) error {
	values := []string{Literal(d.control.channel), Literal(p.Txn.ID.String()), strconv.Itoa(i), Literal(tag), "'intent'",
		Literal(p.SourceTable), Literal(p.Txn.DDL.Text), Literal(p.Steps[i].SQL), Literal(fp), strconv.FormatUint(connection, 10),
		"NULL", timestamp(), "NULL", Literal(p.Note)}
	return d.controlCommit(ctx, Statement{SQL: "REPLACE INTO " + MetaSchema + ".ddl_log VALUES (" + strings.Join(values, ",") + ")", Want: -1})
}

func (d *ddlRunner) closeStep(ctx context.Context, p *DDLPlan, i int, state, job, note string) error {
	if job == "" {
		job = "NULL"
	}
	return d.controlCommit(ctx, Statement{SQL: "UPDATE " + MetaSchema + ".ddl_log SET state=" + Literal(state) + ", job_id=" + job +
		", finished_at=" + timestamp() + ", note=" + Literal(note) + " WHERE " + d.ddlKey(p, i), Want: 1})
}

// controlCommit commits statements at the present position.
func (d *ddlRunner) controlCommit(ctx context.Context, stmts ...Statement) error {
	base, extra := d.checkpoint()
	if err := d.control.commit(ctx, base, extra, d.control.partial, convert(stmts)); err != nil {
		if errors.Is(err, ErrFenced) {
			return err
		}
		return targetError(err, "write the DDL log")
	}
	return nil
}

// recoverStep finds out whether a step whose intent is recorded has run.
func (d *ddlRunner) recoverStep(ctx context.Context, p *DDLPlan, i int, rec *ddlRecord) (done bool, job string, err error) {
	if err := d.killConnection(ctx, rec.connection); err != nil {
		return false, "", err
	}
	for attempt := 0; ; attempt++ {
		state, id, err := d.job(ctx, rec.tag)
		if err != nil {
			return false, "", targetError(err, "look for a DDL job")
		}
		switch state {
		case "synced", "done":
			return true, id, nil
		case "cancelled", "rollback done":
			return false, "", nil
		case "":
			return d.byFingerprint(ctx, p, i, rec)
		}
		if err := pause(ctx, min(attempt, 5)); err != nil {
			return false, "", err
		}
	}
}

// byFingerprint decides when the target knows no job with the tag: TiDB then
// never began it; another server's DDL is atomic.
func (d *ddlRunner) byFingerprint(ctx context.Context, p *DDLPlan, i int, rec *ddlRecord) (bool, string, error) {
	fp, err := d.fingerprint(ctx, &p.Steps[i])
	if err != nil {
		return false, "", targetError(err, "read the target's definitions")
	}
	if fp == rec.fingerprint {
		return false, "", nil
	}
	if !d.control.sess.tidb {
		return true, "", nil
	}
	return false, "", &replica.Error{Code: 61121, Class: "DDL",
		Message: fmt.Sprintf("whether the DDL of transaction %s on %s ran is not known: TiDB has no job for it, and its table was changed", p.Txn.ID, p.SourceTable),
		Remedy:  "bring the target's table to the definition that SHOW MIGRATION DDL names, then RESET MIGRATION and start again"}
}

// killConnection ends the connection of an older intent and waits until the
// target does not list it any more: what it was told to run, it has then run
// or never will.
func (d *ddlRunner) killConnection(ctx context.Context, id uint64) error {
	n := strconv.FormatUint(id, 10)
	if err := d.control.ready(ctx); err != nil {
		return err
	}
	list := "SELECT 1 FROM information_schema.processlist WHERE id=" + n
	if d.control.sess.tidb { // the connection may be to another TiDB server
		list = "SELECT 1 FROM information_schema.cluster_processlist WHERE id=" + n
	}
	for attempt := 0; ; attempt++ {
		rows, err := d.query(ctx, list)
		if err != nil {
			return targetError(err, "look for an older owner's connection")
		}
		if len(rows) == 0 {
			return nil
		}
		if _, err := d.control.sess.exec(ctx, []byte("KILL "+n)); err != nil && classify(err) == outcomeLost {
			d.control.drop()
		}
		if err := pause(ctx, min(attempt, 4)); err != nil {
			return err
		}
	}
}

// job returns the state and the id of TiDB's DDL job with the tag; "" when
// there is none or the target is no TiDB.
func (d *ddlRunner) job(ctx context.Context, tag string) (state, id string, err error) {
	if err := d.control.ready(ctx); err != nil {
		return "", "", err
	}
	if !d.control.sess.tidb {
		return "", "", nil
	}
	rows, err := d.query(ctx, "SELECT state, job_id FROM information_schema.ddl_jobs WHERE query LIKE "+Literal("%"+tag+"%")+" ORDER BY job_id DESC")
	if err != nil || len(rows) == 0 {
		return "", "", err
	}
	return rows[0][0], rows[0][1], nil
}

func (d *ddlRunner) jobOf(ctx context.Context, tag string) string {
	_, id, err := d.job(ctx, tag)
	if err != nil {
		return ""
	}
	return id
}

var autoIncrement = regexp.MustCompile(`(?i) AUTO_INCREMENT=\d+`)

// fingerprint hashes the definitions that a step changes, the counters of
// AUTO_INCREMENT left out.
func (d *ddlRunner) fingerprint(ctx context.Context, s *Step) (string, error) {
	h := sha256.New()
	show := func(sql string) error {
		rows, err := d.query(ctx, sql)
		var me *mysql.MySQLError
		if errors.As(err, &me) && (me.Number == 1146 || me.Number == 1049) {
			_, err = io.WriteString(h, "absent\n")
			return err
		}
		if err != nil {
			return err
		}
		_, err = io.WriteString(h, autoIncrement.ReplaceAllString(rows[0][1], "")+"\n")
		return err
	}
	for _, t := range s.Tables {
		if err := show("SHOW CREATE TABLE " + replica.QuoteTable(t[0], t[1])); err != nil {
			return "", err
		}
	}
	if s.Schema != "" {
		if err := show("SHOW CREATE DATABASE " + replica.Quote(s.Schema)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func newTag() string { return strings.ToLower(rand.Text())[:26] }

// tagged puts the tag behind the statement's first word, where TiDB keeps it
// in the job's text.
func tagged(sql, tag string) string {
	sql = strings.TrimSpace(sql)
	word, rest, _ := strings.Cut(sql, " ")
	return word + " /*sluice:" + tag + "*/ " + rest
}
