package apply

import (
	"sync"
	"time"
)

// linger is a lane's waiting for more transactions than it has. While the
// source has more at hand, a batch that is begun at once is small, and its
// commit takes from those behind it what they need: the target's time. So a
// lane waits until it has half a batch, but no longer than a commit usually
// takes, and not while the queue is full.
type linger struct {
	timer *time.Timer
	on    bool // waiting
	over  bool // has waited long enough
}

const (
	// leastLinger and mostLinger bound the wait. What is behind by hundreds of
	// transactions is behind by more than that.
	leastLinger = 5 * time.Millisecond
	mostLinger  = 60 * time.Millisecond
)

// begin starts the wait; mu and wake are the lane's.
func (w *linger) begin(mu *sync.Mutex, wake *sync.Cond, d time.Duration) {
	w.on = true
	if w.timer != nil {
		w.timer.Reset(d)
		return
	}
	w.timer = time.AfterFunc(d, func() {
		mu.Lock()
		defer mu.Unlock()
		if w.on {
			w.over = true
			wake.Signal()
		}
	})
}

// end ends the wait, if there is one.
func (w *linger) end() {
	if w.on {
		w.timer.Stop()
	}
	w.on, w.over = false, false
}

// backlog says whether more of the stream is at hand than was submitted.
func (s *scheduler) backlog(more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.more != more {
		s.more = more
		s.wakeLanes()
	}
}

// may says whether the lane is to take what it has.
func (s *scheduler) may(l *lane) bool {
	if len(l.queue) == 0 || l.queue[0].waits > 0 {
		return false
	}
	if !s.lingers(l) || l.linger.over {
		return true
	}
	if !l.linger.on {
		l.linger.begin(&s.mu, l.wake, min(max(s.usual, leastLinger), mostLinger))
	}
	return false
}

// lingers says whether what the lane has should wait for more.
func (s *scheduler) lingers(l *lane) bool {
	return s.more && s.hurry == 0 && l.rows < s.batch/2
}
