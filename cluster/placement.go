package cluster

import (
	"maps"
	"sync"
	"time"
)

// placement is what this node remembers about channels between two looks at
// the store. Nothing in it has to survive a restart.
type placement struct {
	wake func() // called when a waiting time is over

	mu       sync.Mutex
	held     map[string]uint64    // channels claimed and not released: epoch
	stuck    map[string]uint64    // not held, though the store may say so: epoch
	backoff  map[string]time.Time // not claimed here before
	since    map[string]time.Time // claimable since, as this node saw it
	suspects map[string]bool      // to be tried alone
	alone    time.Time            // no suspect is claimed before: another one is in its probation
	foreign  time.Time            // channels with an owner are left alone before
	free     time.Time            // channels without an owner are left alone before
	timer    *time.Timer
	timerDue time.Time
}

func newPlacement() *placement {
	return &placement{held: map[string]uint64{}, stuck: map[string]uint64{}, backoff: map[string]time.Time{}, since: map[string]time.Time{}, suspects: map[string]bool{}}
}

// hold leaves channels of other nodes alone until foreign, and those without an
// owner until free.
func (p *placement) hold(foreign, free time.Time) {
	p.mu.Lock()
	p.foreign, p.free = foreign, free
	p.mu.Unlock()
}

// count returns how many channels the store may name this node as owner of.
func (p *placement) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.held)
	for c := range p.stuck {
		if _, ok := p.held[c]; !ok {
			n++
		}
	}
	return n
}

func (p *placement) holds(channel string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.held[channel]
	return ok
}

func (p *placement) won(channel string, epoch uint64) {
	p.mu.Lock()
	p.held[channel] = epoch
	delete(p.since, channel)
	delete(p.stuck, channel)
	p.mu.Unlock()
}

// lost forgets the channel unless it was claimed again meanwhile.
func (p *placement) lost(channel string, epoch uint64) {
	p.mu.Lock()
	if p.held[channel] == epoch {
		delete(p.held, channel)
	}
	p.mu.Unlock()
}

// all returns copies of the held channels, and of those to be released again,
// and their epochs.
func (p *placement) all() (held, stuck map[string]uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.held), maps.Clone(p.stuck)
}

// setSuspects says which channels are to be tried alone.
func (p *placement) setSuspects(m map[string]time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.suspects)
	for c := range m {
		p.suspects[c] = true
	}
}

func (p *placement) suspect(channel string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.suspects[channel]
}

// tryAlone leaves further suspects alone until then.
func (p *placement) tryAlone(until time.Time) {
	p.mu.Lock()
	p.alone = until
	p.mu.Unlock()
}

// aloneFrom is when the next suspect may be claimed.
func (p *placement) aloneFrom() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alone
}

// released notes how a channel's release went; failed: it has to be repeated,
// unless the channel was claimed again meanwhile.
func (p *placement) released(channel string, epoch uint64, failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case failed && p.held[channel] < epoch && p.stuck[channel] <= epoch:
		p.stuck[channel] = epoch
	case !failed && p.stuck[channel] == epoch:
		delete(p.stuck, channel)
	}
}

func (p *placement) setBackOff(channel string, until time.Time) {
	p.mu.Lock()
	p.backoff[channel] = until
	p.mu.Unlock()
}

// only forgets since when channels were claimable, but for those given.
func (p *placement) only(channels map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.since {
		if !channels[c] {
			delete(p.since, c)
		}
	}
}

// due returns when this node may claim the channel, whose waiting time began
// when it was first asked about.
func (p *placement) due(channel string, owned bool, wait time.Duration, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	start, ok := p.since[channel]
	if !ok {
		start = now
		p.since[channel] = now
	}
	at := start.Add(wait)
	hold := p.free
	if owned {
		hold = p.foreign
	}
	if hold.After(at) {
		at = hold
	}
	if until, ok := p.backoff[channel]; ok {
		if !until.After(now) {
			delete(p.backoff, channel)
		} else if until.After(at) {
			at = until
		}
	}
	return at
}

// wakeAt calls wake at t, or earlier.
func (p *placement) wakeAt(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil && time.Now().Before(p.timerDue) && !t.Before(p.timerDue) {
		return // an earlier one is set
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timerDue, p.timer = t, time.AfterFunc(time.Until(t), p.wake)
}

func (p *placement) stop() {
	p.mu.Lock()
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
}
