package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/protocol"
	"sluice/replica/schema"
	"sluice/replica/source"
)

// run is one attempt to run a channel: it lives from a claim of the lanes to
// the first error.
type run struct {
	r       *Runner
	cfg     *Config
	src     *source.Source
	claimed *apply.Claimed

	copier    *apply.Copier
	controlMu sync.Mutex // the copier's control lane
	tables    map[string]*tableState
	defaults  schema.Defaults
	tracker   *schema.Tracker // the reader's, once the stream runs
	planned   *apply.DDLPlan  // likewise: the newest DDL that rows of its transaction follow
	progress  *progress

	// routes belong to the goroutine that applies.
	routes    map[*replica.Table]*route
	lastRoute *route

	mu       sync.Mutex // guards what follows; read by fill
	applier  *apply.Applier
	base     replica.Position // the position while there is no applier
	live     live
	waiting  int                 // lanes that cannot reach the target
	commits  uint64              // of the applier when the first of them could not
	holding  string              // why the copy waits for the source; "": it does not
	applying replica.Coordinates // the end of the newest applied transaction
	origin   origin
}

// live is what the stream and the monitor know.
type live struct {
	connected   bool
	reconnect   context.CancelCauseFunc // ends the dump connection
	read        replica.Coordinates     // the reader is here
	retrieved   replica.Position        // handed on to the applier
	sourceEnd   replica.Coordinates
	executed    string    // the source's
	asked       time.Time // when it was asked for executed and sourceEnd, by its clock
	seen        time.Time // when it was asked last, and answered
	diverged    uint64    // see Status.Diverged
	caughtUp    bool      // all that the source had at the last look is applied
	clockOffset time.Duration
	expires     *int64
	lastDDL     string
	current     time.Time // commit time of the transaction in hand
	logs        []source.BinaryLog
	highest     replica.Coordinates // the highest high-water of all tables
	strict      bool                // the stream is past it
}

func newRun(r *Runner, src *source.Source, c *apply.Claimed) *run {
	return &run{r: r, cfg: &r.cfg, src: src, claimed: c, progress: newProgress(), tables: map[string]*tableState{},
		routes: map[*replica.Table]*route{}}
}

// phases runs what is left to do.
func (x *run) phases(ctx context.Context) error {
	x.openCopier()
	defer func() { x.copier.Close() }()
	if x.claimed.Base.IsZero() {
		x.r.enter(PhaseCheck)
		if err := x.precheck(ctx); err != nil {
			return err
		}
		if err := x.begin(ctx); err != nil {
			return err
		}
	}
	x.mu.Lock()
	x.base = x.claimed.Base.Clone()
	x.mu.Unlock()
	if err := x.load(ctx); err != nil {
		return err
	}
	x.reportPlain()
	x.r.setStatus(StatusRunning)
	return x.monitored(ctx, func(ctx context.Context) error {
		if err := x.copyTables(ctx); err != nil {
			return err
		}
		x.copier.Close()
		if x.cfg.Until.Phase == PhaseCatchup {
			x.r.enter(PhaseCatchup)
			return errDone
		}
		return x.stream(ctx)
	})
}

// reportPlain says in the channel's events what goes over the network in plain text though encryption was preferred.
func (x *run) reportPlain() {
	if x.src.Plain() {
		x.r.event("NOTICE", "the connections to the source are not encrypted: it offers no TLS, and SOURCE_SSL_MODE is PREFERRED")
	}
	if x.r.targetIsPlain() {
		x.r.event("NOTICE", "connections to the target are not encrypted: it offers no TLS, and TARGET_SSL_MODE is PREFERRED")
	}
}

// monitored runs work beside the monitor, which ends with it. A panic of the monitor ends both.
func (x *run) monitored(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watched := make(chan error, 1)
	go func() {
		err := replica.Safely(func() error {
			x.monitor(ctx)
			return nil
		})
		if err != nil {
			stop(err)
		}
		watched <- err
	}()
	err := replica.Safely(func() error { return work(ctx) })
	stop(nil)
	if broken := <-watched; broken != nil {
		return broken
	}
	return err
}

func (x *run) openCopier() {
	x.copier = apply.NewCopier(apply.Config{Connector: x.cfg.Connector, Lanes: x.cfg.Lanes, ForeignKeys: x.cfg.ForeignKeys, Log: x.cfg.Log,
		OnConflict: x.cfg.OnConflict, Report: x.settled, Away: x.away}, x.claimed)
}

// precheck stops a channel that could not run before anything is written.
func (x *run) precheck(ctx context.Context) error {
	findings, err := x.src.Check(ctx, x.cfg.Rules.Wanted)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Severity == source.Error {
			return &replica.Error{Code: 61010, Class: "SOURCE", Message: fmt.Sprintf("the check %s failed on %s: %s", f.ID, f.Object, f.Finding), Remedy: f.Remedy}
		}
	}
	return nil
}

// load reads the channel's tables and definitions as of its position.
func (x *run) load(ctx context.Context) error {
	st, err := loadState(ctx, x.cfg.Target, x.cfg.Channel)
	if err != nil {
		return x.targetError(err, "read the channel's state")
	}
	if err := x.verify(ctx, st); err != nil {
		return err
	}
	diverged, _, err := apply.Divergences(ctx, x.cfg.Target, x.cfg.Channel)
	if err != nil {
		return x.targetError(err, "read the divergences")
	}
	x.mu.Lock()
	x.live.diverged = diverged
	x.mu.Unlock()
	if x.defaults, err = defaults(ctx, x.src); err != nil {
		return err
	}
	x.tracker = schema.NewTracker(x.cfg.Rules, x.defaults)
	for _, d := range st.history {
		if d.Table == "" {
			cs, coll, _ := strings.Cut(d.Create, " ")
			x.tracker.SetDatabase(d.Schema, cs, coll)
		}
	}
	for _, t := range st.tables {
		x.tables[t.key()] = t
	}
	for _, d := range st.history {
		if d.Table == "" || d.Create == "" || isObject(&d) {
			continue
		}
		t, err := x.tracker.Load(d.Schema, d.Create)
		if err != nil {
			return fmt.Errorf("read the recorded definition of %s.%s: %w", d.Schema, d.Table, err)
		}
		if x.cfg.Rules.Wanted(d.Schema, d.Table) {
			x.show(t)
		}
	}
	if err := x.loadObjects(ctx, st.history); err != nil {
		return err
	}
	var last sql.NullString
	err = x.cfg.Target.QueryRowContext(ctx, "SELECT source_sql FROM "+apply.MetaSchema+".ddl_log WHERE channel=? ORDER BY started_at DESC LIMIT 1", x.cfg.Channel).Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return x.targetError(err, "read the DDL log")
	}
	x.mu.Lock()
	x.live.lastDDL = clip(last.String, 1000)
	x.mu.Unlock()
	return x.loadProgress(ctx)
}

// show lists a table among the channel's.
func (x *run) show(t *replica.Table) {
	key := tableKey(t.Schema, t.Name)
	ts := x.tables[key]
	s := TableStatus{Schema: t.Schema, Table: t.Name, Phase: PhaseReplicate, Status: StatusRunning}
	s.TargetSchema, s.TargetTable = x.cfg.Rules.Target(t.Schema, t.Name)
	if k := t.RowKey(); k != nil {
		var cols []string
		for _, i := range k.Columns {
			cols = append(cols, t.Columns[i].Name)
		}
		s.PrimaryKey = strings.Join(cols, ",")
	}
	for i := range t.Columns {
		if t.Columns[i].AutoInc {
			s.AutoColumn = t.Columns[i].Name
		}
	}
	if ts != nil {
		s.RowsEstimated, s.BytesEstimated, s.Note = ts.rowsEstimated, ts.bytesEstimated, ts.note
		switch ts.state {
		case stateCopy, stateAgain:
			s.Phase = PhaseSchema
		case stateDone, stateExact:
			s.Phase = PhaseCatchup
		}
	}
	x.progress.put(key, s)
}

// loadProgress counts the chunks that are done already.
func (x *run) loadProgress(ctx context.Context) error {
	rows, err := x.cfg.Target.QueryContext(ctx, `SELECT schema_name, table_name, COUNT(*), SUM(row_count), SUM(byte_count) FROM `+apply.MetaSchema+
		`.chunks WHERE channel=? GROUP BY schema_name, table_name`, x.cfg.Channel)
	if err != nil {
		return x.targetError(err, "read the chunks")
	}
	defer rows.Close()
	for rows.Next() {
		var schemaName, table string
		var chunks, n, bytes uint64
		if err := rows.Scan(&schemaName, &table, &chunks, &n, &bytes); err != nil {
			return x.targetError(err, "read the chunks")
		}
		x.progress.mu.Lock()
		if t := x.progress.tables[tableKey(schemaName, table)]; t != nil {
			t.ChunksDone, t.RowsCopied, t.BytesCopied, t.ChunksTotal = chunks, n, bytes, chunks
		}
		x.progress.mu.Unlock()
	}
	if err := rows.Err(); err != nil {
		return x.targetError(err, "read the chunks")
	}
	x.progress.complete()
	return nil
}

// targetError names an error of the target; a broken connection is transient.
func (x *run) targetError(err error, what string) error { return targetError(err, what) }

func targetError(err error, what string) error {
	var re *replica.Error
	if errors.As(err, &re) || errors.Is(err, apply.ErrFenced) {
		return err
	}
	if e := protocol.Named(err, "target", "TARGET"); e != nil {
		return e
	}
	var me *mysql.MySQLError
	e := &replica.Error{Code: 61070, Class: "TARGET", Message: "the target did not " + what, Err: protocol.Plain(apply.Once(what, err)),
		Transient: !errors.As(err, &me), Remedy: "see whether the target is reachable, healthy, and its user has its rights"}
	if me != nil {
		e.Code = me.Number
	}
	return e
}
