package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
)

const (
	// publishEvery is how often a node tells the others what its channels do.
	publishEvery = time.Second
	// rewriteEvery is how often a status is written that did not change: 10,000
	// idle channels must not cost 10,000 rows a second.
	rewriteEvery = 10 * time.Second
	// publishTimeout bounds one round of writes.
	publishTimeout = 5 * time.Second
	// tablesTimeout bounds one round of writing tables, which nothing waits for: all
	// pages of 100,000 tables are 60 MB.
	tablesTimeout = 30 * time.Second
)

// totals are sums over the node's channels, for metrics.
type totals struct {
	mu       sync.Mutex
	stats    cluster.Stats
	channels map[string]migration.Status // by name
}

func (t *totals) get() (cluster.Stats, map[string]migration.Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats, t.channels
}

// publish writes the status of the node's channels until ctx ends, and says each
// time that it has looked at them.
func (s *supervisor) publish(ctx context.Context, looked chan<- struct{}) {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.publishOnce(ctx, now)
			select {
			case looked <- struct{}{}:
			default: // the tables of the look before are still written
			}
		}
	}
}

func (s *supervisor) publishOnce(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	s.writing.Lock()
	defer s.writing.Unlock()
	runs := s.all()
	shown := make(map[string]migration.Status, len(runs))
	var changed []catalog.ChannelStatus
	for _, r := range runs {
		st, err := r.safeStatus()
		if err != nil {
			r.stop(err)
			continue
		}
		shown[r.state.Name] = st
		if r.hasEnded() {
			continue // settle writes its end
		}
		if !r.recordPhase(ctx, st) {
			r.stop(errLost)
			continue
		}
		s.watchSource(r, st, now)
		st.AppliedUntil = st.AppliedUntil.Truncate(rewriteEvery) // or each idle channel would change all the time
		r.forgetCrashes(ctx, now)
		if b := r.due(r.stored(st), now); b != nil {
			changed = append(changed, catalog.ChannelStatus{Channel: r.state.Channel, Epoch: r.epoch, Status: b})
		}
	}
	s.total(shown)
	if err := s.catalog.WriteStatus(ctx, s.cfg.Name, changed); err != nil {
		s.log.Debug("write the channels' status", "error", err.Error())
		for _, r := range runs {
			r.forget()
		}
	}
}

// total notes what the node's channels do, for metrics and the next heartbeat. A round
// does so before it waits for a store that may be silent.
func (s *supervisor) total(shown map[string]migration.Status) {
	stats := s.sum(shown)
	s.totals.mu.Lock()
	s.totals.stats, s.totals.channels = stats, shown
	s.totals.mu.Unlock()
	s.cluster.SetStats(stats)
}

// wellAfter is how long a channel runs until its earlier crashes count no longer.
const wellAfter = 10 * time.Minute

// forgetCrashes does so once.
func (r *run) forgetCrashes(ctx context.Context, now time.Time) {
	if r.well || now.Sub(r.began) < wellAfter {
		return
	}
	if err := r.cluster.RanWell(ctx, r.state.Channel); err != nil {
		r.log.Debug("forget crashes", "error", err.Error()) // again at the next look
		return
	}
	r.well = true
}

// safeStatus is status; a panic, which ends the channel and not the node, is an error.
func (r *run) safeStatus() (st migration.Status, err error) {
	defer replica.Recover(&err)
	return r.status(), nil
}

// publishTables writes what is said of the tables of channels with many after each
// look, until ctx ends. It is apart from publish, which must not wait for it.
func (s *supervisor) publishTables(ctx context.Context, looked <-chan struct{}) {
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-looked:
		}
		s.publishTablesOnce(ctx, round)
	}
}

// publishTablesOnce writes the node's pages that are due, pagesAtOnce of them or,
// of a channel whose pages are all to be written, somewhat more. Each round begins
// with another channel.
func (s *supervisor) publishTablesOnce(ctx context.Context, round int) {
	ctx, cancel := context.WithTimeout(ctx, tablesTimeout)
	defer cancel()
	var runs []*run
	for _, r := range s.all() {
		if !r.hasEnded() && r.hasPages() {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, func(a, b *run) int { return strings.Compare(a.state.Channel, b.state.Channel) })
	left := pagesAtOnce
	for i := 0; i < len(runs) && left > 0; i++ {
		r := runs[(round+i)%len(runs)]
		n, err := r.safePages(ctx, left)
		if err != nil {
			r.log.Debug("write the channel's tables", "error", err.Error())
		}
		left -= n
	}
}

// safePages is writePages; a panic is an error.
func (r *run) safePages(ctx context.Context, most int) (n int, err error) {
	defer replica.Recover(&err)
	return r.writePages(ctx, most)
}

// due returns the status to write, or nil when it is as it was written.
func (r *run) due(st storedStatus, now time.Time) []byte {
	b, err := json.Marshal(st)
	if err != nil {
		r.log.Warn("encode the channel's status", "error", err.Error())
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.Equal(b, r.written) && now.Sub(r.writeAt) < rewriteEvery {
		return nil
	}
	r.written, r.writeAt = b, now
	return b
}

// forget makes the next round write the status whatever it is.
func (r *run) forget() {
	r.mu.Lock()
	r.written = nil
	r.mu.Unlock()
}

// watchSource hands a channel to another node when this one does not reach its
// source for a while and there is another.
func (s *supervisor) watchSource(r *run, st migration.Status, now time.Time) {
	cut := st.Status == migration.StatusRetrying && st.IOErrno != 0 && !st.Connected
	r.mu.Lock()
	switch {
	case !cut:
		r.badSince = time.Time{}
	case r.badSince.IsZero():
		r.badSince = now
	}
	long := cut && now.Sub(r.badSince) > cutAfter
	r.mu.Unlock()
	if long && s.hasPeers() {
		r.log.Warn("the source is out of reach: another node may try")
		r.stop(errSourceCut)
	}
}

// hasPeers says whether another node could take a channel.
func (s *supervisor) hasPeers() bool {
	for _, m := range s.cluster.Members() {
		if m.Node != s.cfg.Name && m.State == cluster.Alive && m.Status == cluster.StatusUp && m.StoreOK {
			return true
		}
	}
	return false
}

// sum adds up what the node's channels do.
func (s *supervisor) sum(shown map[string]migration.Status) cluster.Stats {
	var (
		st     cluster.Stats
		lastAt time.Time
	)
	for _, c := range shown {
		st.Lanes += c.Lanes
		st.RowsPerSec += c.RowsPerSec
		st.BytesPerSec += c.BytesPerSec
		st.QueueBytes += int64(c.QueueBytes)
		if c.SecondsBehind != nil {
			st.MaxSecondsBehind = max(st.MaxSecondsBehind, float64(*c.SecondsBehind))
		}
		if c.IOErrno != 0 && c.IOErrorAt.After(lastAt) {
			st.LastError, lastAt = c.IOError, c.IOErrorAt
		}
		if c.SQLErrno != 0 && c.SQLErrorAt.After(lastAt) {
			st.LastError, lastAt = c.SQLError, c.SQLErrorAt
		}
	}
	st.MemoryBytes, st.CPUPct = s.usage.read()
	return st
}
