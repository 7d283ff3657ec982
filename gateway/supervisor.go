package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"sluice/cluster"
	"sluice/gateway/apply"
	"sluice/replica"
)

// lookTimeout bounds one look of the supervisor at the store.
const lookTimeout = 10 * time.Second

// supervisor runs the channels that this node owns: it claims what the cluster
// says this node should have, and gives up what it should not.
type supervisor struct {
	*services
	usage usage

	mu   sync.Mutex
	runs map[string]*run // by channel key
	wg   sync.WaitGroup
	// writing is held by a round of publish, and shared by runs that write
	// their end: so that no round in flight undoes it.
	writing sync.RWMutex

	totals totals
}

func newSupervisor(s *services) *supervisor {
	return &supervisor{services: s, runs: map[string]*run{}}
}

// run follows the cluster until ctx ends, then stops all channels at a
// transaction boundary and gives them up. live is the context of the channels
// themselves: it ends when they have to stop at once.
func (s *supervisor) run(ctx, live context.Context) {
	publishing, stopPublishing := context.WithCancel(live)
	var publisher sync.WaitGroup
	looked := make(chan struct{}, 1)
	publisher.Go(func() { s.publish(publishing, looked) })
	publisher.Go(func() { s.publishTables(publishing, looked) })
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.cluster.Changed():
			s.look(ctx, live)
		}
	}
	stopPublishing()
	publisher.Wait()
	for _, r := range s.all() {
		r.stop(errShutdown)
	}
	s.wg.Wait()
}

// look compares what runs with what should.
func (s *supervisor) look(ctx, live context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	unwanted, err := s.cluster.Unwanted(ctx)
	if err != nil {
		s.log.Debug("look for channels to stop", "error", err.Error()) // the cluster says that the store is away
		return
	}
	for _, u := range unwanted {
		s.giveUp(ctx, u)
	}
	wanted, err := s.cluster.Wanted(ctx)
	if err != nil {
		s.log.Debug("look for channels to claim", "error", err.Error())
		return
	}
	for _, ch := range wanted {
		if ctx.Err() != nil || s.find(ch.Channel) != nil {
			continue // still stopping: the next look claims it again
		}
		s.claim(ctx, live, ch)
	}
}

// giveUp stops a channel, which its run then releases; without a run it is
// released here.
func (s *supervisor) giveUp(ctx context.Context, u cluster.Unwanted) {
	if r := s.find(u.Channel); r != nil && r.epoch == u.Epoch {
		r.stop(stopReason(u.Reason))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout) // others wait for this look
	defer cancel()
	if err := s.cluster.Release(ctx, u.Channel, u.Epoch); err != nil && !errors.Is(err, cluster.ErrLost) {
		s.log.Warn("release channel", "channel", u.Channel, "error", err.Error())
	}
}

// claim takes a channel and starts its run.
func (s *supervisor) claim(ctx, live context.Context, ch cluster.ChannelState) {
	epoch, err := s.cluster.Claim(ctx, ch.Channel)
	switch {
	case errors.Is(err, cluster.ErrNotAllowed), errors.Is(err, cluster.ErrGone):
		return // another node was faster
	case err != nil:
		s.log.Warn("claim channel", "channel", ch.Name, "error", err.Error())
		return
	}
	ctx, stop := context.WithCancelCause(live)
	r := &run{services: s.services, state: ch, epoch: epoch, began: time.Now(), cancel: stop, log: s.log.With("channel", ch.Name, "epoch", epoch)}
	s.mu.Lock()
	s.runs[ch.Channel] = r
	s.mu.Unlock()
	budgetChannels(1)
	s.wg.Go(func() {
		defer stop(nil)
		s.settle(ctx, r, lasting(replica.Safely(func() error { return r.live(ctx) })))
	})
}

// lasting makes a panic outside of a channel's attempts, which nothing counts, an error that waits for an operator.
func lasting(err error) error {
	var e *replica.Error
	if errors.As(err, &e) && e.Code == replica.CodePanic && e.Transient {
		last := *e
		last.Transient = false
		return &last
	}
	return err
}

// settle records how a run ended and gives the channel up. Nothing of this node
// writes for the channel any more.
func (s *supervisor) settle(live context.Context, r *run, err error) {
	r.end()
	s.conclude(live, r, err)
	// One that goes to another node has its tables written there, and whoever
	// waits for it has it by now.
	if live.Err() == nil && !errors.Is(err, apply.ErrFenced) || errors.Is(context.Cause(live), errStopped) {
		r.lastTables(context.WithoutCancel(live))
	}
}

// conclude has the run's end recorded, then releases the channel: in this order, so
// that the next owner's status is not undone.
func (s *supervisor) conclude(live context.Context, r *run, err error) {
	s.writing.RLock()
	defer s.writing.RUnlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(live), settleTimeout)
	defer cancel()
	r.conclude(ctx, live, err)
	s.mu.Lock()
	delete(s.runs, r.state.Channel)
	s.mu.Unlock()
	budgetChannels(-1)
	if err := s.cluster.Release(ctx, r.state.Channel, r.epoch); err != nil && !errors.Is(err, cluster.ErrLost) {
		r.log.Warn("release channel", "error", err.Error())
	}
}

func (s *supervisor) find(channel string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[channel]
}

// all returns the runs in no order.
func (s *supervisor) all() []*run {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*run, 0, len(s.runs))
	for _, r := range s.runs {
		list = append(list, r)
	}
	return list
}
