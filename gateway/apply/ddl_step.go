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

// ask runs a query that may read all of a table, on a connection of its own.
func (d *ddlRunner) ask(ctx context.Context, sql string) ([][]string, error) {
	for attempt := 0; ; attempt++ {
		rows, err := d.askOnce(ctx, sql)
		if o := classify(err); err == nil || ctx.Err() != nil || o != outcomeLost && o != outcomeRetry {
			return rows, err
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

func (d *ddlRunner) askOnce(ctx context.Context, sql string) ([][]string, error) {
	s := &slot{connector: d.cfg.Connector, foreignKeys: d.cfg.ForeignKeys, log: d.cfg.Log}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	defer s.drop()
	s.sess.waitForever()
	return s.sess.conn.Query(ctx, sql)
}

// runStep makes sure that one step has run exactly once.
func (d *ddlRunner) runStep(ctx context.Context, p *DDLPlan, i int) error {
	for attempt := 0; ; attempt++ {
		rec, err := d.lookupStep(ctx, p, i)
		if err != nil {
			return targetError(err, "read the DDL log")
		}
		if rec != nil && rec.state == ddlDone {
			return nil
		}
		if rec != nil && rec.state == ddlIntent {
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
				return d.closeStep(ctx, p, i, ddlDone, job, "found done after a restart or a lost connection")
			}
		}
		again, err := d.executeStep(ctx, p, i, attempt)
		if err != nil || !again {
			return err
		}
	}
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
	runner.sess.waitForever()
	tag := newTag()
	as := p.Session
	if writesRows(p.Steps[i].SQL) {
		as = movesRows
	}
	if err := runner.sess.assume(ctx, as); err != nil {
		return d.refusedBy(ctx, err, p, i, attempt, tag)
	}
	fp, err := d.fingerprint(ctx, p.Steps[i].Tables, p.Steps[i].Schema)
	if err != nil {
		return false, targetError(err, "read the target's definitions")
	}
	if err := d.openStep(ctx, p, i, tag, fp, runner.sess.id); err != nil {
		return false, err
	}
	began := time.Now()
	err = runner.sess.execStep(ctx, tagged(p.Steps[i].SQL, tag))
	switch {
	case err == nil:
		d.cfg.Log.Info("DDL applied", "table", p.SourceTable, "transaction", p.Txn.ID.String(), "took", time.Since(began))
		return false, d.closeStep(ctx, p, i, ddlDone, d.jobOf(ctx, tag), p.Note)
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	}
	return d.refusedBy(ctx, err, p, i, attempt, tag)
}

// refusedBy decides what an error of a step's connection means: again, or that
// the target refused the step, which is recorded with the tables' definitions as
// they are then.
func (d *ddlRunner) refusedBy(ctx context.Context, err error, p *DDLPlan, i, attempt int, tag string) (again bool, _ error) {
	if o := classify(err); o == outcomeLost || o == outcomeRetry || attempt < maxCancelled && isCancelled(err) {
		return true, pause(ctx, attempt)
	}
	fp, ferr := d.fingerprint(ctx, p.tables(), p.schema())
	if ferr != nil {
		return false, targetError(ferr, "read the target's definitions")
	}
	rec := ddlRecord{tag: tag, state: ddlFailed, fingerprint: fp}
	if cerr := d.record(ctx, p, i, rec, p.Steps[i].SQL, "the target refused it: "+ddlReason(err)); cerr != nil {
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

// ddlError names a DDL that the target refused. The remedy has a repair by hand only if
// the statement changes the table's definition: else nothing shows that it was made.
func ddlError(err error, p *DDLPlan, i int) error {
	remedy := "see SHOW MIGRATION DDL for both statements; bring the target's table by hand to the definition that the whole statement leads to, " +
		"or remove what the target objects to, then START MIGRATION again; or STOP MIGRATION, RESET MIGRATION, drop the target's tables of this " +
		"migration, and START MIGRATION, which copies them again"
	if len(p.Expected) > 0 && p.silent() {
		remedy = "see SHOW MIGRATION DDL for both statements; remove what the target objects to, then START MIGRATION again; where that is not possible, " +
			"leave the table out with REPLICATE_IGNORE_TABLE, or STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, " +
			"and START MIGRATION, which copies them again"
	}
	return &replica.Error{Code: 61053, Class: "DDL", Err: err, Table: p.SourceTable,
		Message: fmt.Sprintf("the target refused the DDL of transaction %s at %s on %s (%s)", p.Txn.ID, p.Txn.Start, p.SourceTable, p.Txn.DDL.Excerpt()),
		Remedy:  remedy}
}

// openStep records the intent. The statement may be sent once this commit is
// done, and only on the connection that it names.
func (d *ddlRunner) openStep(ctx context.Context, p *DDLPlan, i int, tag, fp string, connection uint64) error {
	return d.record(ctx, p, i, ddlRecord{tag: tag, state: ddlIntent, fingerprint: fp, connection: connection}, p.Steps[i].SQL, p.Note)
}

// record commits the record of a step.
func (d *ddlRunner) record(ctx context.Context, p *DDLPlan, i int, rec ddlRecord, sql, note string) error {
	return d.controlCommit(ctx, d.recordStatement(p, i, rec, sql, note))
}

func (d *ddlRunner) recordStatement(p *DDLPlan, i int, rec ddlRecord, sql, note string) Statement {
	finished := "NULL"
	if rec.state != ddlIntent {
		finished = timestamp()
	}
	values := []string{Literal(d.control.channel), Literal(p.Txn.ID.String()), strconv.Itoa(i), Literal(rec.tag), Literal(rec.state),
		Literal(p.SourceTable), Literal(p.Txn.DDL.Text), Literal(sql), Literal(rec.fingerprint), strconv.FormatUint(rec.connection, 10),
		"NULL", timestamp(), finished, Literal(note)}
	return Statement{SQL: "REPLACE INTO " + MetaSchema + ".ddl_log VALUES (" + strings.Join(values, ",") + ")", Want: -1}
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
	fp, err := d.fingerprint(ctx, p.Steps[i].Tables, p.Steps[i].Schema)
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

// newestJobs is how many of the newest DDL jobs are looked through before all of
// them are: a search through a cluster's whole history takes 0.1 ms a job.
const newestJobs = 50

// newestJob returns the id of the DDL job with the tag, if it is among the
// newest ones; "" otherwise, and for a target that is no TiDB.
func (d *ddlRunner) newestJob(ctx context.Context, tag string) (string, error) {
	if err := d.control.ready(ctx); err != nil {
		return "", err
	}
	if !d.control.sess.tidb {
		return "", nil
	}
	rows, err := d.query(ctx, "ADMIN SHOW DDL JOB QUERIES LIMIT "+strconv.Itoa(newestJobs))
	if err != nil {
		return "", err
	}
	for _, r := range rows {
		if len(r) > 1 && strings.Contains(r[1], tag) {
			return r[0], nil
		}
	}
	return "", nil
}

// job returns the state and the id of TiDB's DDL job with the tag; "" when
// there is none or the target is no TiDB. It reads the whole history of jobs, as
// recovery has to be sure.
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

// jobOf returns the id of the job of a step that has run, for people: "" if it
// is not known.
func (d *ddlRunner) jobOf(ctx context.Context, tag string) string {
	id, err := d.newestJob(ctx, tag)
	if err != nil {
		return ""
	}
	return id
}

var autoIncrement = regexp.MustCompile(`(?i) AUTO_INCREMENT=\d+`)

// fingerprint hashes the definitions of tables, and of a schema unless its name
// is "". The counters of AUTO_INCREMENT are left out.
func (d *ddlRunner) fingerprint(ctx context.Context, tables [][2]string, schema string) (string, error) {
	h := sha256.New()
	show := func(sql string) error {
		create, err := d.create(ctx, sql)
		if err != nil {
			return err
		}
		if create == "" {
			create = "absent"
		}
		_, err = io.WriteString(h, autoIncrement.ReplaceAllString(create, "")+"\n")
		return err
	}
	for _, t := range tables {
		if err := show("SHOW CREATE TABLE " + replica.QuoteTable(t[0], t[1])); err != nil {
			return "", err
		}
	}
	if schema != "" {
		if err := show("SHOW CREATE DATABASE " + replica.Quote(schema)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// create returns the definition that a SHOW CREATE statement prints; "" if there
// is no such object.
func (d *ddlRunner) create(ctx context.Context, sql string) (string, error) {
	rows, err := d.query(ctx, sql)
	var me *mysql.MySQLError
	if errors.As(err, &me) && (me.Number == 1146 || me.Number == 1049) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if len(rows) == 0 || len(rows[0]) < 2 {
		return "", nil
	}
	return rows[0][1], nil
}

func newTag() string { return strings.ToLower(rand.Text())[:26] }

// tagged puts the tag behind the statement's first word, where TiDB keeps it
// in the job's text.
func tagged(sql, tag string) string {
	sql = strings.TrimSpace(sql)
	word, rest, _ := strings.Cut(sql, " ")
	return word + " /*sluice:" + tag + "*/ " + rest
}
