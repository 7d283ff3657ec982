package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sluice/cluster"
	"sluice/replica/protocol"
	"sluice/sqladmin"
)

const (
	// storeSilence is how long a store may take to answer before the log says
	// that it is waited for. To make the tables of a new store takes a second.
	storeSilence = 5 * time.Second
	// waitingEvery is how often the log says it again.
	waitingEvery = 30 * time.Second
)

// starting says how far a node is that does not take statements yet: to logins,
// to /readyz and to the log.
type starting struct {
	store string // its address
	log   *slog.Logger
	began time.Time
	stop  context.CancelFunc
	done  chan struct{}

	mu      sync.Mutex
	why     string // how the last attempt to open the store failed
	waiting bool   // the log says so
	opened  bool   // the store was there
	failing bool   // the newest attempt failed
}

// startStarting begins to watch; end must be called.
func startStarting(ctx context.Context, store string, log *slog.Logger) *starting {
	ctx, stop := context.WithCancel(ctx)
	s := &starting{store: store, log: log, began: time.Now(), stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.run(ctx)
	}()
	return s
}

// end ends the watch and waits for that.
func (s *starting) end() {
	s.stop()
	<-s.done
}

// run logs that the store is waited for until it is there.
func (s *starting) run(ctx context.Context) {
	silent := time.NewTimer(storeSilence)
	defer silent.Stop()
	again := time.NewTicker(waitingEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-silent.C:
			s.say(true)
		case <-again.C:
			s.say(false)
		}
	}
}

// retry calls step until it succeeds, with pauses between the attempts. While the store does not answer, or answers
// with what is no packet, the log and state have the reason. Every other error is final, and named as the store's
// refusal if it is one. step has to be repeatable.
func (s *starting) retry(ctx context.Context, what string, step func() error) error {
	pause := storePauseLeast
	for {
		err := step()
		if err == nil {
			s.repaired()
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
		if errors.Is(err, cluster.ErrConfig) || !unreachable(err) {
			return storeRefusal(err, s.store)
		}
		if e := protocol.Named(err, "store", ""); e != nil {
			err = e // its remedy names the option
		}
		s.failed(fmt.Errorf("%s: %w", what, err))
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
		pause = min(2*pause, storePauseMost)
	}
}

// repaired records that the store answers again after it was there once.
func (s *starting) repaired() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = false
}

// failed records how an attempt to open the store failed; the first is logged.
func (s *starting) failed(err error) {
	s.mu.Lock()
	s.why, s.failing = err.Error(), true
	s.mu.Unlock()
	s.say(true)
}

// say logs that the store is waited for; only the first time, if once is set.
func (s *starting) say(once bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened && !s.failing || s.waiting && once {
		return
	}
	s.waiting = true
	s.log.Warn("the store cannot be reached: waiting for it", "store", s.store, "for", s.elapsed(), "error", s.reason())
}

// found records that the store is there.
func (s *starting) found() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened, s.failing = true, false
	if s.waiting {
		s.log.Info("the store is there", "store", s.store, "after", s.elapsed())
	}
}

func (s *starting) elapsed() string { return time.Since(s.began).Round(time.Second).String() }

func (s *starting) reason() string {
	if s.why == "" {
		return "it does not answer"
	}
	return s.why
}

// state returns what the node waits for.
func (s *starting) state() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened && !s.failing {
		return "it joins the cluster"
	}
	return fmt.Sprintf("it waits for the store at %s, for %s now: %s", s.store, s.elapsed(), s.reason())
}

// problem is what a login is answered with meanwhile.
func (s *starting) problem() *sqladmin.Error {
	return sqladmin.Errorf(sqladmin.CodeStoreUnreachable, "the node is starting: %s", s.state()).
		WithRemedy("see whether the store is up and whether this node reaches it (--store); the node goes on by itself, then connect again")
}
