package gateway

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

const (
	// readPatience is how long the store may be silent before a reading
	// statement shows what was known last.
	readPatience = 1200 * time.Millisecond
	// knowEvery is how often a node reads anew what it would show then, knowLeast
	// how soon again after a change, and 1/knowShare the part of the time that
	// this may take: a store with 10,000 channels is read less often, but every
	// knowMost at least.
	knowEvery = 2 * time.Second
	knowLeast = 300 * time.Millisecond
	knowMost  = 10 * time.Second
	knowShare = 50
	// knowTimeout bounds one round of it.
	knowTimeout = 30 * time.Second
	// knownRecords bounds the errors, events and operations that are read
	// without being asked for.
	knownRecords = 200
)

// memory holds what was read from the store last, by what it is. Its values are
// shared: nobody changes them.
type memory struct {
	mu   sync.Mutex
	kept map[string]kept
	// changed has a value when a statement of this node changed something: what
	// is kept is read anew soon.
	changed chan struct{}
}

type kept struct {
	value any
	at    time.Time
}

func newMemory() *memory { return &memory{kept: map[string]kept{}, changed: make(chan struct{}, 1)} }

// old says that what is kept is out of date. It does not block.
func (m *memory) old() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *memory) put(what string, value any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[what] = kept{value, time.Now()}
}

func (m *memory) get(what string) (kept, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.kept[what]
	return k, ok
}

// reading is one statement that reads. Only such a one is shown what was known
// last: a change is never decided on it.
type reading struct {
	mu     sync.Mutex
	oldest time.Time // of what was shown from memory; zero when all is new
}

// since returns from when the oldest of what was shown is; zero when all is new.
func (r *reading) since() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.oldest
}

func (r *reading) saw(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.oldest.IsZero() || at.Before(r.oldest) {
		r.oldest = at
	}
}

// lastKnown reads from the store, or returns what a read returned last when the
// store does not answer a statement that reads.
func lastKnown[T any](ctx context.Context, c *controller, what string, read func(context.Context) (T, error)) (T, error) {
	v, err := read(ctx)
	if c.reading == nil {
		return v, err
	}
	if err == nil {
		c.memory.put(what, v)
		return v, nil
	}
	if !wentSilent(ctx) && (ctx.Err() != nil || !unreachable(err)) {
		return v, err
	}
	k, ok := c.memory.get(what)
	if !ok {
		return v, err
	}
	c.reading.saw(k.at)
	return k.value.(T), nil
}

// staleWarning says of what age a result is and why; nil when it is new.
func (c *controller) staleWarning() *sqladmin.Warning {
	if c.reading == nil || c.reading.since().IsZero() {
		return nil
	}
	return &sqladmin.Warning{Level: "Warning", Code: sqladmin.CodeStoreUnreachable,
		Message: fmt.Sprintf("the store has not answered for %.0f s: what is shown was read %.0f s ago",
			c.pulse.silence().Seconds(), time.Since(c.reading.since()).Seconds()),
		Remedy: storeRemedy(c.cfg.Name) + "; statements that change something fail until then"}
}

func storeRemedy(node string) string {
	return "see whether the store is up and whether node " + node + " reaches it"
}

// oneKnown reads one object, or finds it in the list that was read last when
// the store does not answer.
func oneKnown[T any](ctx context.Context, c *controller, name string, read func(context.Context, string) (*T, error),
	list func(context.Context) ([]*T, error), nameOf func(*T) string) (*T, error) {
	v, err := read(ctx, name)
	if err == nil || c.reading == nil || !wentSilent(ctx) && !unreachable(err) {
		return v, err
	}
	known, listErr := list(ctx)
	if listErr != nil {
		return nil, err
	}
	for _, v := range known {
		if nameOf(v) == name {
			return v, nil
		}
	}
	return nil, err
}

// The views read the store through these.

func (c *controller) migrations(ctx context.Context) ([]*catalog.Migration, error) {
	return lastKnown(ctx, c, "migrations", c.catalog.Migrations)
}

func (c *controller) channelStates(ctx context.Context) ([]cluster.ChannelState, error) {
	return lastKnown(ctx, c, "channels", func(ctx context.Context) ([]cluster.ChannelState, error) { return c.catalog.Channels(ctx, "") })
}

func (c *controller) channelStatus(ctx context.Context) (map[string]catalog.ChannelStatus, error) {
	return lastKnown(ctx, c, "status", func(ctx context.Context) (map[string]catalog.ChannelStatus, error) { return c.catalog.Status(ctx, "") })
}

func (c *controller) tablePages(ctx context.Context) (map[string][]catalog.TablePage, error) {
	return lastKnown(ctx, c, "tables", c.catalog.Tables)
}

func (c *controller) sources(ctx context.Context) ([]*catalog.Source, error) {
	return lastKnown(ctx, c, "sources", c.catalog.Sources)
}

func (c *controller) targetList(ctx context.Context) ([]*catalog.Target, error) {
	return lastKnown(ctx, c, "targets", c.catalog.Targets)
}

func (c *controller) secrets(ctx context.Context) ([]catalog.SecretInfo, error) {
	return lastKnown(ctx, c, "secrets", c.catalog.Secrets)
}

func (c *controller) nodeIDs(ctx context.Context) (map[uint32]string, error) {
	return lastKnown(ctx, c, "node ids", c.catalog.NodeIDs)
}

func (c *controller) openErrors(ctx context.Context) ([]catalog.MigrationError, error) {
	return lastKnown(ctx, c, "open errors", c.catalog.OpenErrors)
}

func (c *controller) lastChecks(ctx context.Context) (map[string]catalog.Checks, error) {
	return lastKnown(ctx, c, "checks", c.catalog.LastChecks)
}

func (c *controller) errorRecords(ctx context.Context, most int) ([]catalog.MigrationError, error) {
	return lastKnown(ctx, c, "errors", func(ctx context.Context) ([]catalog.MigrationError, error) { return c.catalog.Errors(ctx, "", most) })
}

func (c *controller) eventRecords(ctx context.Context, most int) ([]catalog.Event, error) {
	return lastKnown(ctx, c, "events", func(ctx context.Context) ([]catalog.Event, error) { return c.catalog.Events(ctx, "", most) })
}

func (c *controller) operationRecords(ctx context.Context, most int) ([]catalog.Operation, error) {
	return lastKnown(ctx, c, "operations", func(ctx context.Context) ([]catalog.Operation, error) { return c.catalog.Operations(ctx, most) })
}

// know reads now and then what the node would show while the store is silent,
// until ctx ends: it has to be known before it is asked for.
func (c *controller) know(ctx context.Context) {
	var pace pace
	for {
		began := time.Now()
		complete := c.knowOnce(ctx)
		least := pace.after(time.Since(began), complete)
		if !pause(ctx, least, nil) || !pause(ctx, knowEvery-least, c.memory.changed) {
			return
		}
	}
}

// pace says how long to wait between looks at the store. It goes by the quickest of the
// last looks, since one that waited for a store that was away, or that had just come
// back, says nothing about what a look costs.
type pace struct{ took []time.Duration }

// after returns the pause after a look that took d; complete says that the store
// answered all of it.
func (p *pace) after(d time.Duration, complete bool) time.Duration {
	if complete {
		p.took = append(p.took, d)
		p.took = p.took[max(0, len(p.took)-3):]
	}
	if len(p.took) == 0 {
		return knowLeast
	}
	return min(max(knowLeast, knowShare*slices.Min(p.took)), knowMost)
}

// pause waits for d, or until early has a value. It returns false when ctx ended.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-early:
	case <-t.C:
	}
	return true
}

// knowOnce reads everything. It returns false when the store did not answer all of it:
// then it is asked again at the next round.
func (c *controller) knowOnce(ctx context.Context) (complete bool) {
	ctx, cancel := context.WithTimeout(ctx, knowTimeout)
	defer cancel()
	r := c.toRead()
	ctx, release := c.pulse.guard(ctx, readPatience)
	defer release()
	steps := []func(){
		func() { _, _ = r.migrations(ctx) },
		func() { _, _ = r.channelStates(ctx) },
		func() { _, _ = r.channelStatus(ctx) },
		func() { _, _ = r.tablePages(ctx) },
		func() { _, _ = r.sources(ctx) },
		func() { _, _ = r.targetList(ctx) },
		func() { _, _ = r.secrets(ctx) },
		func() { _, _ = r.nodeIDs(ctx) },
		func() { _, _ = r.openErrors(ctx) },
		func() { _, _ = r.lastChecks(ctx) },
		func() { _, _ = r.errorRecords(ctx, knownRecords) },
		func() { _, _ = r.eventRecords(ctx, knownRecords) },
		func() { _, _ = r.operationRecords(ctx, knownRecords) },
	}
	for _, step := range steps {
		if ctx.Err() != nil {
			return false
		}
		step()
	}
	return ctx.Err() == nil && r.reading.since().IsZero()
}
