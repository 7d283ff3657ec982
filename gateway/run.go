package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sluice/cluster"
	"sluice/gateway/apply"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
	"sluice/replica/protocol"
	"sluice/replica/source"
	"sluice/sqladmin"
)

const (
	// settleTimeout bounds the writes to the store at a channel's end.
	settleTimeout = 1500 * time.Millisecond
	// retryLeast and retryMost bound how long this node leaves a channel alone
	// that could not be begun for a reason that may pass.
	retryLeast = time.Second
	retryMost  = time.Minute
	// cutAfter is how long a source may be out of reach before another node
	// tries.
	cutAfter = 20 * time.Second
)

// Why a run was stopped.
var (
	errShutdown  = errors.New("the node stops")
	errStopped   = errors.New("an operator stopped the channel")
	errHandOver  = errors.New("the channel goes to another node")
	errLost      = errors.New("the channel has another owner")
	errSourceCut = errors.New("this node does not reach the source")
)

func stopReason(r cluster.Reason) error {
	switch r {
	case cluster.ReasonLost:
		return errLost
	case cluster.ReasonStopped:
		return errStopped
	}
	return errHandOver
}

// run is one channel while this node owns it, at one epoch.
type run struct {
	*services
	state cluster.ChannelState // at the claim
	epoch uint64
	log   *slog.Logger
	began time.Time // of the run
	well  bool      // its earlier crashes are forgotten; for publish only
	// cancel ends the context of live.
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	ended    bool              // told to stop, or ended: only settle writes for it
	runner   *migration.Runner // nil until the definition was read
	before   storedStatus      // what the owner before this one wrote last
	badSince time.Time         // since when the source is out of reach
	shown    string            // phase and status as recorded last
	written  []byte            // status as written last
	writeAt  time.Time

	tables []migration.TableStatus // as of the last look, where they are too many for the status
	pages  pages                   // of them
}

// stop makes the channel stop at a transaction boundary. It does not wait.
func (r *run) stop(cause error) {
	r.end()
	r.cancel(cause)
}

func (r *run) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
}

func (r *run) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// live runs the channel until it ends: by ctx, by itself (nil), or by an error.
func (r *run) live(ctx context.Context) error {
	r.record("CLAIMED", "claimed by node "+r.cfg.Name)
	r.readBefore(ctx)
	for {
		used, err := r.once(ctx)
		var e *replica.Error
		if ctx.Err() != nil || !errors.As(err, &e) || e.Transient || !r.rotated(ctx, used) {
			return err
		}
		r.log.Info("the credentials were changed: trying the new ones")
	}
}

// account is what a run uses to log in.
type account struct {
	source source.Config
	target [32]byte
}

// once reads the definition and runs the channel by it.
func (r *run) once(ctx context.Context) (used account, err error) {
	cfg, tg, done, err := r.configure(ctx)
	if err != nil {
		return used, err
	}
	defer done()
	used = account{cfg.Source, tg.key}
	if err := apply.EnsureMeta(ctx, tg.db); err != nil {
		return used, err
	}
	runner, err := migration.New(cfg)
	if err != nil {
		return used, err
	}
	r.mu.Lock()
	r.runner = runner
	r.mu.Unlock()
	return used, runner.Run(ctx)
}

func (r *run) configure(ctx context.Context) (cfg migration.Config, tg *target, done func(), err error) {
	m, err := r.catalog.MigrationByID(ctx, r.state.MigrationID)
	if err != nil {
		return cfg, nil, nil, err
	}
	d, err := r.define(ctx, m, r.state.Source)
	if err != nil {
		return cfg, nil, nil, err
	}
	until, err := r.catalog.ChannelUntil(ctx, r.state.Channel)
	if err != nil {
		return cfg, nil, nil, err
	}
	if cfg, tg, done, err = r.channelConfig(ctx, d); err != nil {
		return cfg, nil, nil, err
	}
	cfg.Epoch, cfg.Log, cfg.Report = r.epoch, r.log, (*reporter)(r)
	cfg.Directory = currentDirectory{r.services}
	cfg.Health = r.health()
	cfg.Until = migration.Until{Phase: until.Phase, AfterGTIDs: until.AfterGTIDs}
	return cfg, tg, done, nil
}

// health returns what the channel's next runner goes on with.
func (r *run) health() migration.Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runner != nil {
		return r.runner.Status().Inherited(migration.StatusRetrying)
	}
	return r.before.Health
}

// rotated says whether the channel's credentials are others than those used: a
// secret was altered while it ran.
func (r *run) rotated(ctx context.Context, used account) bool {
	if used.target == ([32]byte{}) {
		return false
	}
	cfg, tg, done, err := r.configure(ctx)
	if err != nil {
		return false
	}
	defer done()
	a, b := cfg.Source, used.source
	return a.Password != b.Password || a.SSLKey != b.SSLKey || tg.key != used.target
}

// readBefore reads what the last owner wrote, so that what is known stays known
// until this run knows better. Without it the status only starts at zero.
func (r *run) readBefore(ctx context.Context) {
	all, err := r.catalog.Status(ctx, r.state.MigrationID)
	if err != nil {
		r.log.Debug("read the channel's last status", "error", err.Error())
		return
	}
	var st storedStatus
	if row, ok := all[r.state.Channel]; ok && json.Unmarshal(row.Status, &st) == nil {
		st.Health = st.Inherited(st.Status.Status)
		r.mu.Lock()
		r.before = st
		r.mu.Unlock()
	}
}

// status returns what the channel does now.
func (r *run) status() migration.Status {
	r.mu.Lock()
	runner, before := r.runner, r.before
	r.mu.Unlock()
	var st migration.Status
	if runner != nil {
		st = runner.Status()
	}
	if runner == nil {
		st.Health, st.Status = before.Health, beginning(before.Health)
	}
	if st.Status == migration.StatusError {
		st.Status = migration.StatusRetrying // perhaps with other credentials: only conclude says that it does not
	}
	if st.Failing && st.IOErrno == 0 && st.SQLErrno == 0 {
		copyErrors(&st, &before.Status) // the failure is of an earlier run
	}
	if st.Phase != "" && st.Phase != migration.PhaseNew || before.Phase == "" {
		if st.Phase == "" {
			st.Phase = migration.PhaseNew
		}
		if st.AppliedUntil.IsZero() {
			st.AppliedUntil = before.AppliedUntil
		}
		return st
	}
	// The runner has not read the channel's state yet.
	b := before.Status
	b.Status, b.Health, b.Connected, b.SecondsBehind, b.ReceiverState, b.ApplierState = st.Status, st.Health, false, nil, "", ""
	b.RowsPerSec, b.BytesPerSec, b.TrxPerSec, b.QueueBytes, b.Lanes = 0, 0, 0, 0, 0
	copyErrors(&b, &st)
	return b
}

// beginning returns the status of a channel that begins.
func beginning(h migration.Health) string {
	if h.Failing {
		return migration.StatusRetrying
	}
	return migration.StatusStarting
}

func copyErrors(to, from *migration.Status) {
	to.IOErrno, to.IOError, to.IOErrorAt = from.IOErrno, from.IOError, from.IOErrorAt
	to.SQLErrno, to.SQLError, to.SQLErrorAt, to.Remedy = from.SQLErrno, from.SQLError, from.SQLErrorAt, from.Remedy
}

// conclude records how the run ended, for operators and for the next owner:
// live is the run's context, err what it returned.
func (r *run) conclude(ctx, live context.Context, err error) {
	cause := context.Cause(live)
	if errors.Is(err, apply.ErrFenced) || errors.Is(cause, errLost) {
		r.log.Warn("the channel has a newer owner: dropped")
		r.cluster.BackOff(r.state.Channel, retryLeast)
		return
	}
	st, _ := r.safeStatus() // without one only the error is recorded
	var broken *replica.Error
	switch {
	case errors.As(cause, &broken) && broken.Code == replica.CodePanic: // of what shows its status
		r.failed(ctx, lasting(broken), &st)
	case live.Err() != nil:
		r.stopped(cause, &st)
	case err == nil:
		st.Status = migration.StatusDone
		if _, err := r.catalog.Finish(ctx, r.state, r.epoch, st.Phase); err != nil {
			r.log.Warn("record that the channel is done", "error", err.Error())
		}
		r.record("DONE", "reached its end in phase "+st.Phase)
	default:
		r.failed(ctx, err, &st)
	}
	if st.Status != migration.StatusError { // else it was written before the channel waits
		r.write(ctx, st)
	}
	// The row of a channel that is done has its final state already.
	if st.Status != migration.StatusDone {
		r.recordPhase(ctx, st)
	}
}

// stopped says what a channel is that was told to stop.
func (r *run) stopped(cause error, st *migration.Status) {
	st.Connected, st.SecondsBehind = false, nil
	switch {
	case errors.Is(cause, errStopped):
		st.Status = migration.StatusStopped
		r.record("STOPPED", "stopped at a transaction boundary")
	case errors.Is(cause, errSourceCut):
		st.Status = migration.StatusRetrying
		r.cluster.BackOff(r.state.Channel, retryMost)
		r.record("RELEASED", "node "+r.cfg.Name+" does not reach the source: another node may try")
	default: // the node stops, or hands the channel over
		st.Status = beginning(st.Health)
		r.record("RELEASED", "released by node "+r.cfg.Name)
	}
}

// failed says what a channel is whose run ended with an error, and sees to who
// tries again when.
func (r *run) failed(ctx context.Context, err error, st *migration.Status) {
	e := operatorError(err)
	r.mu.Lock()
	began := r.runner != nil
	r.mu.Unlock()
	if !began { // else the runner reported it
		(*reporter)(r).Error(e, "", "")
		st.SQLErrno, st.SQLError, st.SQLErrorAt, st.Remedy = int(e.Code), e.Error(), time.Now().UTC(), e.Remedy
	}
	again := e.Transient || e.Code == catalog.CodeSecretUnreadable
	if !began {
		st.Fail(time.Now(), again)
	}
	if again {
		st.Status = migration.StatusRetrying
		r.cluster.BackOff(r.state.Channel, r.nextTry())
		return
	}
	st.Status = migration.StatusError
	// The error first, then that the channel waits: who sees a channel wait finds out why. A process that dies in between
	// leaves a channel that the next node claims, and the error comes again.
	r.write(ctx, *st)
	if err := r.cluster.Halt(ctx, r.state.Channel, r.epoch); err != nil {
		r.log.Warn("record that the channel waits for an operator", "error", err.Error())
		r.cluster.BackOff(r.state.Channel, retryMost)
	}
	attrs := []any{"code", e.Code, "error", e.Error()}
	if stack := replica.Stack(e); stack != "" {
		attrs = append(attrs, "stack", stack)
	}
	r.log.Error("the channel stopped by an error and waits for START MIGRATION", attrs...)
}

// nextTry grows with the time since the channel's last sign of work.
func (r *run) nextTry() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.before.Status.Status != migration.StatusRetrying || r.before.SQLErrorAt.IsZero() {
		return retryLeast
	}
	return min(max(retryLeast, 2*time.Since(r.before.SQLErrorAt)), retryMost)
}

// operatorError makes an operator's error of what a run ended with.
func operatorError(err error) *replica.Error {
	var (
		re *replica.Error
		ce *catalog.Error
		se *sqladmin.Error
	)
	switch {
	case errors.As(err, &re):
		return re
	case protocol.Named(err, "store", "") != nil:
		return protocol.Named(err, "store", "")
	case errors.As(err, &ce):
		return &replica.Error{Code: ce.Code, State: ce.State, Class: "CONFIG", Message: ce.Message, Remedy: ce.Remedy, Err: ce.Err}
	case errors.As(err, &se):
		return &replica.Error{Code: se.Code, State: se.SQLState(), Class: "CONFIG", Message: se.Message, Remedy: se.Remedy}
	case unreachable(err) || errors.Is(err, context.DeadlineExceeded):
		return &replica.Error{Code: sqladmin.CodeStoreUnreachable, State: "08S01", Class: "NETWORK", Transient: true,
			Message: "the channel could not be begun", Remedy: "see whether the store is reachable", Err: err}
	}
	return &replica.Error{Code: sqladmin.CodeUnknown, Class: "INTERNAL", Message: "the channel could not be begun", Err: err,
		Remedy: "START MIGRATION tries again; if it stays, report it with the node's log"}
}

// write stores the channel's status.
func (r *run) write(ctx context.Context, st migration.Status) {
	b, err := json.Marshal(r.stored(st))
	if err == nil {
		err = r.catalog.WriteStatus(ctx, r.cfg.Name, []catalog.ChannelStatus{{Channel: r.state.Channel, Epoch: r.epoch, Status: b}})
	}
	if err != nil {
		r.log.Warn("write the channel's last status", "error", err.Error())
	}
}

// recordPhase stores phase and status in the channel's row when they are
// others than before. It returns false when the channel has another owner.
func (r *run) recordPhase(ctx context.Context, st migration.Status) bool {
	shown := st.Phase + " " + st.Status
	r.mu.Lock()
	same, ran := r.shown == shown, strings.HasSuffix(r.shown, " "+migration.StatusRunning)
	r.mu.Unlock()
	if same {
		return true
	}
	owned, err := r.catalog.SetChannelPhase(ctx, r.state.Channel, r.epoch, st.Phase, st.Status)
	if err != nil {
		r.log.Debug("record the channel's phase", "error", err.Error())
		return true // tried again at the next look
	}
	r.mu.Lock()
	r.shown = shown
	r.mu.Unlock()
	if st.Status == migration.StatusRunning && !ran {
		(*reporter)(r).Recovered() // of errors under an owner before this one, too
	}
	return owned
}

// record queues an event of the channel.
func (r *run) record(kind, message string) {
	e := catalog.Event{MigrationID: r.state.MigrationID, Migration: r.state.Migration, Channel: r.state.Name, Node: r.cfg.Name,
		Kind: kind, Message: message}
	r.records.add("event", func(ctx context.Context) error { return r.catalog.AddEvent(ctx, e) })
}

// reporter is a run as the migration's Reporter.
type reporter run

// Error implements migration.Reporter.
func (p *reporter) Error(e *replica.Error, table, position string) {
	message := e.Message
	if e.Err != nil {
		message = fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	me := catalog.MigrationError{MigrationID: p.state.MigrationID, Migration: p.state.Migration, Channel: p.state.Name, Table: table,
		Node: p.cfg.Name, Errno: e.Code, SQLState: e.State, Class: e.Class, Transient: e.Transient, Message: message,
		Remedy: e.Remedy, Position: position}
	p.records.add("error", func(ctx context.Context) error { return p.catalog.ReportError(ctx, me) })
}

// Recovered implements migration.Reporter.
func (p *reporter) Recovered() {
	p.records.add("recovery", func(ctx context.Context) error {
		_, err := p.catalog.ResolveErrors(ctx, p.state.MigrationID, p.state.Name)
		return err
	})
}

// Event implements migration.Reporter.
func (p *reporter) Event(kind, message string) { (*run)(p).record(kind, message) }
