package apply

import "time"

// take returns what waits for the lane and may go, at least one unit; nil when
// the scheduler is closed or failed, or, with rest, when the lane has had nothing
// to do for long.
func (s *scheduler) take(l *lane) (batch []*unit, rest bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.busy && len(l.queue) == 0 {
		l.free = time.Now()
	}
	l.busy = false
	for s.err == nil && !s.closed && !s.may(l) && !l.rest {
		l.wake.Wait()
	}
	l.linger.end()
	rest = l.rest
	l.rest, l.free = false, time.Time{}
	if s.err != nil || s.closed {
		return nil, false
	}
	if rest && !s.may(l) {
		l.keep = l.number == s.fill
		return nil, true
	}
	s.batches++
	var b struct{ cost, weight, rows, bytes int }
	n, queued := 0, 0
	for _, u := range l.queue {
		cost, weight := u.cost, u.weight
		if u.holder != nil && u.holder.batch != s.batches {
			cost, weight = u.rows, u.bytes
		}
		if u.waits == 0 && n > 0 && b.cost+cost > s.batch {
			s.cut = true
			break
		}
		if u.waits > 0 || n > 0 && (b.weight+weight > s.limits.BatchBytes ||
			b.rows+u.rows > rawBatches*s.limits.BatchRows || b.bytes+u.bytes > rawBatches*s.limits.BatchBytes) {
			break
		}
		b.cost, b.weight, b.rows, b.bytes = b.cost+cost, b.weight+weight, b.rows+u.rows, b.bytes+u.bytes
		queued += u.cost
		u.cost, u.holder, u.batch = cost, nil, s.batches
		n++
	}
	s.spread.note(n < len(l.queue) && l.queue[n].waits > 0 && b.cost < s.batch/2, time.Now())
	batch = append([]*unit(nil), l.queue[:n]...)
	l.queue = append(l.queue[:0:0], l.queue[n:]...)
	l.rows -= queued
	l.busy = true
	return batch, false
}

// restAfter is how long a lane without work keeps what it has in the target: a
// connection, and prepared statements, each of which takes megabytes there.
const restAfter = 30 * time.Second

// rest wakes the lanes that have been without work for long.
func (s *scheduler) rest(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		if !l.free.IsZero() && len(l.queue) == 0 && now.Sub(l.free) >= restAfter {
			l.rest = true
			l.wake.Signal()
		}
	}
}

// complete records that the units are committed, which took so long; 0 when that
// says nothing of the target's pace.
func (s *scheduler) complete(batch []*unit, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if took > 0 {
		cost := 0
		for _, u := range batch {
			cost += u.cost
		}
		s.pace.add(cost, took)
		s.usual += (took - s.usual) / 8
	}
	s.batch = s.pace.batch(s.batch, min(leastBatch, s.limits.BatchRows), s.limits.BatchRows, s.cut)
	s.cut = false
	for _, u := range batch {
		u.done = true
		s.rows -= u.rows
		s.bytes -= u.bytes
		for _, w := range u.waiters {
			w.waits--
			if w.waits == 0 && w.lane.queue[0] == w {
				w.lane.wake.Signal()
			}
		}
		u.spans, u.first, u.keys, u.waiters, u.before = nil, [1]span{}, nil, nil, nil
	}
	s.advance()
}
