package migration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/replica"
	"sluice/replica/source"
)

// What makes a copy hold back, besides Config.MaxThreadsRunning.
const (
	// maxSourceLag is the lag above which a source that is a replica suffers,
	// if the lag grew since the copy began.
	maxSourceLag = 10 * time.Second
	// loadEvery is how often the source is asked, and so how fast a copy holds
	// back and goes on.
	loadEvery = time.Second
	// loadTimeout bounds an answer; a source that takes longer suffers.
	loadTimeout = 5 * time.Second
	// loadFailures is how many answers in a row may fail before the copy ends
	// with the error: its readers may all be held back, and then nobody else
	// would see that the source is gone.
	loadFailures = 5
	// patience is how many answers in a row that are neither bad nor good count
	// as a good one, so that a source that stays between the two does not stop a
	// copy for ever.
	patience = 10
	// trickle is how many bad answers in a row hold all readers back before one
	// may read a chunk all the same: a source that is busier for good must not
	// stop a copy for good.
	trickle = 60
	// tellEvery is the shortest time between two events of a kind.
	tellEvery = time.Minute
)

// throttle lets the readers of a copy read on, fewer of them, or none, by how
// busy the source is. A reader asks before each chunk; what it reads already is
// never cut off.
//
// Each answer of the source does one thing:
//
//	the source suffers      half as many readers, rounded down: 4, 2, 1, 0; of
//	                        none, one for a moment each minute
//	it is well              one reader more
//	in between              nothing: statements that are gone because the copy held
//	                        back do not bring it back at once; after ten such
//	                        answers in a row one reader more
//
// The rows' safety does not depend on it: it only decides when a chunk is read.
type throttle struct {
	readers    int // as many may read when the source is well
	maxThreads int
	now        func() time.Time
	event      func(message string)
	show       func(reason string) // why readers are held back; "": none is

	own atomic.Int32 // statements of the copy that run on the source

	mu      sync.Mutex
	allowed int
	inside  int
	changed chan struct{} // closed when a reader may go on

	// What follows belongs to watch.
	failures      int
	between       int // answers in a row
	held          int // bad answers in a row that found no reader left
	base          *baseline
	told          bool // an event said that the copy waits, none that it goes on
	toldWait      time.Time
	toldGo        time.Time
	reason, shown string
}

// baseline is how busy the source was before the copy read anything. A copy that
// begins again, because a table's definition changed or the source was away, keeps
// it: what the source
// suffers by then may be the copy's doing.
type baseline struct {
	threads     int           // statements that ran
	behind      time.Duration // as a replica
	behindKnown bool
}

func newThrottle(readers, maxThreads int, now func() time.Time, event, show func(string)) *throttle {
	return &throttle{readers: readers, maxThreads: maxThreads, now: now, event: event, show: show, base: &baseline{}, allowed: readers, changed: make(chan struct{})}
}

// throttled runs a copy while the source's load is watched; it returns after
// both have ended.
func (x *run) throttled(ctx context.Context, copy func(ctx context.Context, t *throttle) error) error {
	show := func(reason string) {
		x.mu.Lock()
		x.holding = reason
		x.mu.Unlock()
	}
	defer show("")
	probe := x.src.LoadProbe()
	defer probe.Close()
	if x.r.before == nil {
		x.r.before = &baseline{threads: usualThreads(ctx, probe)}
	}
	t := newThrottle(x.cfg.CopyThreads, max(x.cfg.MaxThreadsRunning, x.r.before.threads*3/2), time.Now, func(message string) { x.r.event("SOURCE", message) }, show)
	t.base = x.r.before
	g, ctx := errgroup.WithContext(ctx)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	g.Go(func() error { return replica.Safely(func() error { return t.watch(watching, probe.Read) }) })
	g.Go(func() error {
		defer stop()
		return replica.Safely(func() error { return copy(ctx, t) })
	})
	return g.Wait()
}

// usualThreads is what the source runs before the copy begins: a server that
// always runs more than the bound does not suffer from a copy. It is 0 when it
// cannot be told; watch asks again.
func usualThreads(ctx context.Context, probe *source.LoadProbe) int {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	load, err := probe.Read(ctx)
	if err != nil {
		return 0
	}
	return load.Threads
}

// enter waits until one more reader may read; leave must follow.
func (t *throttle) enter(ctx context.Context) error {
	for {
		t.mu.Lock()
		if t.inside < t.allowed {
			t.inside++
			t.mu.Unlock()
			return nil
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// leave ends what enter allowed.
func (t *throttle) leave() {
	t.mu.Lock()
	t.inside--
	t.wake()
	t.mu.Unlock()
}

// wake lets waiting readers look again; t.mu is held.
func (t *throttle) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// watch asks for the load until ctx ends, which is no error.
func (t *throttle) watch(ctx context.Context, probe func(context.Context) (source.Load, error)) error {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		// A reader that begins or ends while the source answers is the copy's
		// too, whichever of the two moments the answer is of.
		own := t.own.Load()
		asked, cancel := context.WithTimeout(ctx, loadTimeout)
		load, err := probe(asked)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		load.Threads = max(0, load.Threads-int(max(own, t.own.Load())))
		if err := t.step(load, err); isTransient(err) {
			return err
		} else if err != nil {
			// It will never tell, or the readers meet the same error.
			t.release()
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// step follows one answer of the source, from whose threads the copy's own are
// already taken off. Its error is one that answers cannot be hoped for: one
// that is not transient, or the last of several.
func (t *throttle) step(load source.Load, err error) error {
	suffers, well := t.judge(load, err)
	if err != nil && suffers == "" {
		if t.failures++; !isTransient(err) || t.failures >= loadFailures {
			return fmt.Errorf("watch the source while it is copied: %w", err)
		}
		return nil
	}
	t.mu.Lock()
	held := t.allowed == 0
	t.mu.Unlock()
	if err == nil || !held {
		t.failures = 0
	} else if t.failures++; t.failures >= loadFailures {
		// No reader is left to notice that the source is gone.
		return &replica.Error{Code: 2013, State: "08S01", Class: "NETWORK", Transient: true, Err: err,
			Message: "the source does not answer while it is copied",
			Remedy:  "check that the source runs, and the network to it"}
	}
	t.between++
	if suffers != "" || well || t.between == patience {
		well = suffers == ""
		t.between = 0
	}
	t.mu.Lock()
	switch {
	case suffers != "":
		t.reason = suffers
		t.allowed /= 2
		if held {
			t.held++
		}
		if err == nil && t.held >= trickle {
			t.held, t.allowed = 0, 1
			t.wake()
		}
	case well && t.allowed < t.readers:
		t.allowed++
		t.wake()
	}
	if suffers == "" {
		t.held = 0
	}
	full := t.allowed == t.readers
	t.mu.Unlock()
	t.tell(full)
	return nil
}

// release lets all readers read on.
func (t *throttle) release() {
	t.mu.Lock()
	t.allowed = t.readers
	t.wake()
	t.mu.Unlock()
	t.tell(true)
}

// judge says why the source suffers, or whether it is well, with some room to
// spare. A lag is compared with the one that the source had when the copy
// began: a replica that was far behind then is not to blame on the copy.
func (t *throttle) judge(load source.Load, err error) (suffers string, well bool) {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("it does not answer within %s", loadTimeout), false
	}
	if err != nil {
		return "", false
	}
	if load.BehindKnown && !t.base.behindKnown {
		t.base.behind, t.base.behindKnown = load.Behind, true
	}
	switch {
	case load.Threads > t.maxThreads:
		return fmt.Sprintf("it runs %d statements, more than %d", load.Threads, t.maxThreads), false
	case load.BehindKnown && load.Behind > max(maxSourceLag, t.base.behind):
		return fmt.Sprintf("as a replica it is %d s behind its own source, %d s when the copy began",
			int(load.Behind.Seconds()), int(t.base.behind.Seconds())), false
	}
	return "", load.Threads <= t.maxThreads*4/5
}

func isTransient(err error) bool {
	var e *replica.Error
	return errors.As(err, &e) && e.Transient
}

// tell shows that readers are held back, and says it in an event: one of each
// kind a minute at most. What could not be said is said a minute later if it is
// still so.
func (t *throttle) tell(full bool) {
	reason := t.reason
	if full {
		reason = ""
	}
	if reason != t.shown {
		t.shown = reason
		t.show(reason)
	}
	now := t.now()
	switch {
	case !full && !t.told && now.Sub(t.toldWait) >= tellEvery:
		t.told, t.toldWait = true, now
		t.event("the copy waits for the source: " + reason)
	case full && t.told && now.Sub(t.toldGo) >= tellEvery:
		t.told, t.toldGo = false, now
		t.event("the copy goes on: the source is well again")
	}
}
