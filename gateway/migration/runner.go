package migration

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/source"
)

// Runner runs one channel for its owner at one epoch.
type Runner struct {
	cfg Config

	mu      sync.Mutex
	st      Status
	run     *run   // the attempt under way; nil between attempts
	failed  string // the table that the error is about which the channel has not recovered from
	applier bool   // that error may be of the applier's half: something has to be applied

	reporting sync.Mutex // one call of Config.Report at a time

	panics int // of attempts one after the other

	before *baseline // of the attempts' copies; nil: none has begun
}

// errDone ends a run whose Until was reached.
var errDone = errors.New("the run reached its end")

// New checks and completes cfg; it does no I/O.
func New(cfg Config) (*Runner, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if cfg.Source.ServerID == 0 {
		cfg.Source.ServerID = replicaID(cfg.Channel)
	}
	if cfg.Source.UUID == "" {
		cfg.Source.UUID = replicaUUID(cfg.Channel)
	}
	return &Runner{cfg: cfg, st: Status{Phase: PhaseNew, Status: StatusStarting, Health: cfg.Health}}, nil
}

// replicaID is a channel's server id at its source: the same on every node, so
// that a new owner evicts the old one's dump, and above the small numbers that
// people give their servers.
func replicaID(channel string) uint32 {
	h := sha256.Sum256([]byte(channel))
	return binary.BigEndian.Uint32(h[:])%3_000_000_000 + 1_000_000_000
}

// replicaUUID is a channel's UUID at its source (RFC 9562 version 8: of our
// own making).
func replicaUUID(channel string) string {
	h := sha256.Sum256([]byte("uuid\x00" + channel))
	h[6] = h[6]&0x0f | 0x80
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// Run runs the channel until ctx ends (then it stops at a transaction boundary
// and returns nil), until Until is reached (nil, and Status says DONE), or until
// an error that trying again cannot mend: a *replica.Error, or apply.ErrFenced
// when the channel has a newer owner. Everything else is tried again, with a
// pause that grows up to Config.RetryEvery, and reported.
func (r *Runner) Run(ctx context.Context) error {
	defer func() {
		r.mu.Lock()
		r.refresh()
		r.run, r.st.Connected, r.st.ReceiverState, r.st.ApplierState = nil, false, "", ""
		r.st.SecondsBehind, r.st.SourceSeen, r.st.Missing, r.st.LagBytes = nil, false, nil, nil
		r.mu.Unlock()
	}()
	for attempt := 0; ; attempt++ {
		began := time.Now()
		err := replica.Safely(func() error { return r.once(ctx) })
		if ctx.Err() != nil && !errors.Is(err, apply.ErrFenced) {
			r.setStatus(StatusStopped)
			return nil
		}
		switch {
		case errors.Is(err, errDone):
			r.setStatus(StatusDone)
			return nil
		case errors.Is(err, apply.ErrFenced):
			r.setStatus(StatusStopped)
			return apply.ErrFenced
		}
		e := r.name(err)
		if e.Code == replica.CodePanic {
			e = r.panicked(e, began)
		}
		r.fail(e, false, e.Transient)
		if !e.Transient {
			r.setStatus(StatusError)
			return e
		}
		if time.Since(began) > time.Minute {
			attempt = 0
		}
		if pauseFor(ctx, attempt, r.cfg.RetryEvery) != nil {
			r.setStatus(StatusStopped)
			return nil
		}
	}
}

// mostPanics is how many panics a channel may have before it waits for an operator: a defect that the same bytes lead
// to comes again at each attempt.
const mostPanics = 3

// panicked counts a panic, and makes the last of them an error that trying again does not mend. A run of ten minutes
// counts anew.
func (r *Runner) panicked(e *replica.Error, began time.Time) *replica.Error {
	if time.Since(began) > wellAfter {
		r.panics = 0
	}
	if r.panics++; r.panics < mostPanics {
		return e
	}
	r.panics = 0
	last := *e
	last.Transient = false
	return &last
}

// wellAfter is how long a run lasts whose end is not taken together with those before it.
const wellAfter = 10 * time.Minute

// pauseFor waits 250 ms, doubled with each attempt up to limit.
func pauseFor(ctx context.Context, attempt int, limit time.Duration) error {
	d := min(250*time.Millisecond<<min(attempt, 8), limit)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// once claims the lanes and runs the channel's phases.
func (r *Runner) once(ctx context.Context) error {
	r.setStatus(StatusStarting)
	src, err := source.Open(ctx, r.cfg.Source)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := r.rulesFor(src); err != nil {
		return err
	}
	claimed, err := apply.Claim(ctx, r.cfg.Target, r.cfg.Channel, r.cfg.Epoch, r.cfg.Lanes)
	if err != nil {
		return targetError(err, "give the channel its lanes") // or it would be named as the source's
	}
	x := newRun(r, src, claimed)
	r.mu.Lock()
	r.run = x
	r.mu.Unlock()
	return x.phases(ctx)
}

// rulesFor makes the rules those of a source that compares names as this one does.
func (r *Runner) rulesFor(src *source.Source) error {
	rules, err := r.cfg.Rules.ForSource(src.Facts().LowerCaseTableNames)
	if err != nil {
		return &replica.Error{Code: 61303, Class: "CONFIG", Err: err,
			Message: fmt.Sprintf("the source compares names without case (lower_case_table_names=%d), and so two rules that only case keeps apart are one", src.Facts().LowerCaseTableNames),
			Remedy:  "ALTER MIGRATION: write the rules in lower case, each name once"}
	}
	r.cfg.Rules = rules
	return nil
}

// name makes an operator's error of any error.
func (r *Runner) name(err error) *replica.Error {
	var e *replica.Error
	if errors.As(err, &e) {
		return e
	}
	if errors.As(source.Classify(err), &e) {
		return e
	}
	return &replica.Error{Code: 61199, Class: "INTERNAL", Message: "the channel stopped", Err: err,
		Remedy: "START MIGRATION tries again; if it stays, report it with the node's log"}
}

// fail records an error for SHOW. io says that it is the receiver's, again that the
// channel tries again by itself.
func (r *Runner) fail(e *replica.Error, io, again bool) {
	if with := r.cfg.Source.WithName(e.Remedy); with != e.Remedy {
		c := *e
		c.Remedy = with
		e = &c
	}
	r.mu.Lock()
	now := time.Now()
	if e.Server != "target" && (io || e.Class == "SOURCE" || e.Class == "NETWORK") {
		r.st.IOErrno, r.st.IOError, r.st.IOErrorAt = int(e.Code), e.Error(), now
	} else {
		r.applier = true
		r.st.SQLErrno, r.st.SQLError, r.st.SQLErrorAt = int(e.Code), e.Error(), now
	}
	r.st.Remedy = e.Remedy
	r.st.Fail(now, again)
	r.st.Status = StatusRetrying // at once: a recovery that comes later must not be undone
	r.failed = e.Table
	r.refresh()
	pos := r.st.Executed
	if pos == "" && r.st.ExecFile != "" {
		pos = replica.Coordinates{File: r.st.ExecFile, Pos: r.st.ExecPos}.String()
	}
	r.mu.Unlock()
	attrs := []any{"code", e.Code, "transient", e.Transient, "error", e.Error()}
	if stack := replica.Stack(e); stack != "" {
		attrs = append(attrs, "stack", stack)
	}
	r.cfg.Log.Error("channel error", attrs...)
	r.report(func(to Reporter) { to.Error(e, e.Table, pos) })
}

// works notes that the channel works, if ok, which is called under r.mu, agrees. It
// clears the errors once the channel has recovered. applied says that something has to
// be applied first.
func (r *Runner) works(ok func(applied bool) bool) {
	r.mu.Lock()
	was := r.st.Failing && ok(r.applier) && r.st.works(time.Now())
	if was {
		r.failed, r.applier = "", false
		r.st.IOErrno, r.st.IOError, r.st.SQLErrno, r.st.SQLError, r.st.Remedy = 0, "", 0, "", ""
		if r.st.Status == StatusRetrying {
			r.st.Status = StatusRunning
		}
	}
	r.mu.Unlock()
	if was {
		r.report(Reporter.Recovered)
	}
}

// refresh keeps what the attempt did since the last look, so that a run which ends between two looks is shown as it
// ended. r.mu must be held. AppliedUntil stays: only a look at the source moves it.
func (r *Runner) refresh() {
	if r.run == nil {
		return
	}
	until := r.st.AppliedUntil
	r.run.fill(&r.st)
	r.st.AppliedUntil = until
}

func (r *Runner) setStatus(s string) {
	r.mu.Lock()
	r.st.Status = s
	r.mu.Unlock()
}

// enter moves to a phase and reports it.
func (r *Runner) enter(phase string) {
	r.mu.Lock()
	was := r.st.Phase
	r.st.Phase = phase
	if was != phase {
		r.st.PhaseStartedAt = time.Now().UTC()
	}
	r.mu.Unlock()
	if was != phase {
		r.cfg.Log.Info("phase", "phase", phase)
		r.event("PHASE", "phase "+phase)
	}
}

func (r *Runner) event(kind, message string) {
	r.report(func(to Reporter) { to.Event(kind, message) })
}

func (r *Runner) report(tell func(Reporter)) {
	if r.cfg.Report == nil {
		return
	}
	r.reporting.Lock()
	defer r.reporting.Unlock()
	tell(r.cfg.Report)
}

// Status returns what the channel does now. It may be called from any
// goroutine, before, during and after Run.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := r.st
	if r.run != nil {
		r.run.fill(&st)
		r.st = st
	}
	if st.Failing && (st.Status == StatusStarting || st.Status == StatusRunning) {
		st.Status = StatusRetrying
	}
	if r.failed != "" {
		st.Tables = slices.Clone(st.Tables)
		for i := range st.Tables {
			if t := &st.Tables[i]; t.Schema+"."+t.Table == r.failed || t.TargetSchema+"."+t.TargetTable == r.failed {
				t.Status = StatusError
				st.TablesFailed = 1
			}
		}
	}
	return st
}
