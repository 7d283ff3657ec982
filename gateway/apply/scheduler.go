package apply

import (
	"context"
	"sync"
	"time"

	"sluice/replica"
)

// unit is one source transaction on its way through the lanes.
type unit struct {
	id    replica.TxnID
	last  uint64 // without rows: the number of the last of a run of such; else id's
	spans []span
	first [1]span // room for spans: most transactions have one
	rows  int
	// cost and weight are the rows and bytes that it adds to a batch: what it
	// changes of rows that are in the batch already folds into those.
	cost, weight int
	bytes        int       // in memory
	logged       int       // in the source's binlog
	commit       time.Time // the source's commit time
	keys         []keyHash

	lane    *lane
	waits   int     // unfinished predecessors in other lanes
	waiters []*unit // units in other lanes that wait for this one
	before  *unit   // the newest unit that found this one to be a predecessor
	// holder is the oldest unit in the same lane's queue whose rows this one
	// changes too: it folds if that one is in the same batch.
	holder *unit
	order  uint64 // in the stream, from 1 on
	batch  uint64 // the number of the batch that took it; 0: none has
	done   bool
}

// wildIndex orders units around a value whose equals are not known.
type wildIndex struct {
	last  *unit   // the newest unit with a wild value
	since []*unit // units with any value of the index, behind last
}

// scheduler hands transactions to lanes so that what depends on each other
// runs in stream order, and knows which prefix of the stream is committed.
//
// No deadlock: the oldest unfinished unit has no unfinished predecessor; in its
// lane's queue everything before it is older, hence done; so its lane can
// always take it.
type scheduler struct {
	mu    sync.Mutex
	space *sync.Cond // the producer and Drain wait here

	lanes   []*lane
	fill    int // the lane that is being filled,
	fillTo  int // up to so many queued rows: neighbours in the stream stay together
	queue   []*unit
	head    int     // queue[:head] is finished
	last    holders // the newest unit of every key
	batches uint64  // how many were taken
	before  []*unit // who held the keys of the unit that is being placed
	wild    map[uint64]*wildIndex
	rows    int // unfinished
	bytes   int // unfinished
	// window is the bytes of all units from the oldest unfinished one on: a row
	// shares pieces of memory with its neighbours in the stream, which live on
	// with it.
	window  int
	compact int    // from so many finished units on the queue's memory is made anew
	orders  uint64 // of the newest unit in the queue; queue[0]'s is first
	first   uint64
	err     error
	closed  bool
	done    chan struct{} // closed when the scheduler is

	base      replica.Position // every transaction up to here is committed
	baseText  string           // its stored form; "" when it has to be made anew
	unwritten bool             // base is newer than what any lane has stored
	newest    time.Time        // source commit time at base
	limits    Limits
	pace      pace
	batch     int  // rows of a batch: follows pace
	cut       bool // a batch had as many, and left some
	spread    spread
	more      bool          // more of the stream is at hand
	hurry     int           // how many wait for the lanes
	usual     time.Duration // what commits take
}

// Limits bound what an applier holds. The zero value of a field means its
// default.
type Limits struct {
	QueueRows  int // unfinished rows; 100,000
	QueueBytes int // unfinished bytes; 32 MiB
	// BatchRows is the most rows in one lane transaction, 5,000; how many it is
	// follows the target's latency.
	BatchRows  int
	BatchBytes int // bytes in one lane transaction; 2 MiB
}

func (l *Limits) complete() {
	def := func(p *int, n int) {
		if *p == 0 {
			*p = n
		}
	}
	def(&l.QueueRows, 100_000)
	def(&l.QueueBytes, 32<<20)
	def(&l.BatchRows, 5_000)
	def(&l.BatchBytes, 2<<20)
}

// leastBatch and firstBatch are the fewest rows that a full batch may have, and
// what it has before the target's latency is known.
const (
	leastBatch = 250
	firstBatch = 1_000
)

// windowBytes bounds what has passed since the oldest unfinished unit, as so many
// times what may be unfinished.
const windowBytes = 4

// rawBatches bounds a batch before it is folded: so many times what one may have
// after it.
const rawBatches = 8

// maxQueueUnits bounds the transactions, relevant or not, that wait behind an
// unfinished one: about 20 MiB of bookkeeping.
const maxQueueUnits = 200_000

// compactAfter is how many finished units may be in front of the queue.
const compactAfter = 4096

func newScheduler(base replica.Position, limits Limits) *scheduler {
	limits.complete()
	s := &scheduler{wild: map[uint64]*wildIndex{}, base: base.Clone(), limits: limits, done: make(chan struct{}),
		batch: min(firstBatch, limits.BatchRows), first: 1, compact: compactAfter}
	s.space = sync.NewCond(&s.mu)
	return s
}

// join adds a lane.
func (s *scheduler) join(l *lane) {
	l.number, l.wake = len(s.lanes), sync.NewCond(&s.mu)
	s.lanes = append(s.lanes, l)
	s.spread.most = len(s.lanes)
	s.spread.active = min(s.spread.most, firstLanes)
}

// pass records a transaction without changes, which only moves the position:
// those behind each other are one unit. It blocks as submit does.
func (s *scheduler) pass(ctx context.Context, id replica.TxnID, commit time.Time) error {
	s.mu.Lock()
	if s.err == nil && !s.closed && ctx.Err() == nil && len(s.queue) > s.head {
		if u := s.queue[len(s.queue)-1]; u.rows == 0 && s.base.Follows(replica.TxnID{Source: u.id.Source, Seq: u.last}, id) {
			u.last = id.Seq
			if !commit.IsZero() {
				u.commit = commit
			}
			s.mu.Unlock()
			return nil
		}
	}
	s.mu.Unlock()
	return s.submit(ctx, &unit{id: id, commit: commit})
}

// submit queues a unit; it blocks while the queue is full. A unit without
// changes only moves the position.
func (s *scheduler) submit(ctx context.Context, u *unit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full(u) {
		s.await(ctx, func() bool { return !s.full(u) })
	}
	if s.err != nil {
		return s.err
	}
	if s.closed {
		return errClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.orders++
	u.order = s.orders
	s.queue = append(s.queue, u)
	u.last = u.id.Seq
	if u.rows == 0 {
		u.done = true
		s.advance()
		return nil
	}
	s.rows += u.rows
	s.bytes += u.bytes
	s.window += u.bytes
	s.place(u)
	return nil
}

// await waits until done, which lanes bring about, or until nothing can be
// waited for any more. s.mu is held, and let go meanwhile.
func (s *scheduler) await(ctx context.Context, done func() bool) {
	stop := context.AfterFunc(ctx, func() { s.mu.Lock(); s.space.Broadcast(); s.mu.Unlock() })
	defer stop()
	s.hurry++
	defer func() { s.hurry-- }()
	s.wakeLanes()
	for s.err == nil && !s.closed && ctx.Err() == nil && !done() {
		s.space.Wait()
	}
}

// full says that u has to wait until others are finished. An empty queue takes
// any unit.
func (s *scheduler) full(u *unit) bool {
	return s.head < len(s.queue) &&
		(s.rows+u.rows > s.limits.QueueRows || s.bytes+u.bytes > s.limits.QueueBytes ||
			s.window+u.bytes > windowBytes*s.limits.QueueBytes || len(s.queue)-s.head >= maxQueueUnits)
}

// place finds the unit's predecessors and its lane.
func (s *scheduler) place(u *unit) {
	preds := s.predecessors(u)
	var target *lane
	several := false
	for _, p := range preds {
		if target == nil {
			target = p.lane
			continue
		}
		if target != p.lane {
			several = true
			if s.spread.active < s.spread.most && p.lane.number < target.number {
				target = p.lane // so that they come together
			}
		}
	}
	if target == nil {
		target = s.filling()
	}
	u.lane = target
	if several {
		for _, p := range preds {
			if p.lane != target {
				p.waiters = append(p.waiters, u)
				u.waits++
			}
		}
	}
	s.weigh(u)
	target.queue = append(target.queue, u)
	target.rows += u.cost
	if !target.busy && !(target.linger.on && s.lingers(target)) {
		target.wake.Signal()
	}
}

// weigh finds what u adds to its lane's next batch: rows whose keys are in the
// queue there already fold into those, if one batch takes both.
func (s *scheduler) weigh(u *unit) {
	fresh, all := 0, 0
	for _, p := range s.before {
		if p == u {
			continue
		}
		all++
		if p == nil || p.batch != 0 || p.lane != u.lane {
			fresh++
		} else if u.holder == nil || p.order < u.holder.order {
			u.holder = p
		}
	}
	u.cost, u.weight = u.rows, u.bytes
	for i := range u.spans {
		if u.spans[i].binding.key == nil {
			return // rows without a key are never folded
		}
	}
	if all > 0 {
		u.cost = (u.rows*fresh + all - 1) / all
		u.weight = u.bytes / all * fresh
	}
}

// predecessors returns the unfinished units that must come before u, each
// once, and makes u the newest holder of its keys.
func (s *scheduler) predecessors(u *unit) []*unit {
	var preds []*unit
	s.before = s.before[:0]
	add := func(p *unit) {
		if p == nil || p == u || p.done || p.before == u {
			return
		}
		p.before = u
		preds = append(preds, p)
	}
	for _, k := range u.keys {
		var w *wildIndex
		if len(s.wild) > 0 {
			w = s.wild[k.index]
		}
		if w == nil && k.wild {
			w = s.openWild(k.index, u)
		}
		switch {
		case k.wild:
			s.before = append(s.before, nil)
			add(w.last)
			for _, p := range w.since {
				add(p)
			}
			w.last, w.since = u, w.since[:0]
		default:
			p := s.unfinished(s.last.put(k.value, u.order, s.isUnfinished))
			s.before = append(s.before, p)
			add(p)
			if w != nil {
				add(w.last)
				w.follow(u)
			}
		}
	}
	return preds
}

// unfinished returns the unit of that number; nil when it is finished.
func (s *scheduler) unfinished(order uint64) *unit {
	if order < s.first+uint64(s.head) {
		return nil
	}
	if u := s.queue[order-s.first]; !u.done {
		return u
	}
	return nil
}

func (s *scheduler) isUnfinished(order uint64) bool { return s.unfinished(order) != nil }

// follow notes a unit behind the newest wild one; finished ones are forgotten
// now and then.
func (w *wildIndex) follow(u *unit) {
	w.since = append(w.since, u)
	if len(w.since)%1024 == 0 {
		left := w.since[:0]
		for _, p := range w.since {
			if !p.done {
				left = append(left, p)
			}
		}
		w.since = left
	}
}

// openWild begins to follow an index in which a wild value appears for the
// first time: every unfinished unit with a value of the index counts.
func (s *scheduler) openWild(index uint64, u *unit) *wildIndex {
	w := &wildIndex{}
	for _, p := range s.queue[s.head:] {
		if p == u || p.done {
			continue
		}
		for _, k := range p.keys {
			if k.index == index {
				w.since = append(w.since, p)
				break
			}
		}
	}
	s.wild[index] = w
	return w
}

// filling returns the lane for a unit without predecessors: the lane that is
// being filled, until it has half a batch's worth; else an idle one, else the
// one with the least to do, among the active ones. A transaction that comes while another one commits
// so waits for that commit, together with all that come meanwhile: several
// lanes that commit a few rows each cost a busy target so much that all of them
// take longer.
func (s *scheduler) filling() *lane {
	l := s.lanes[s.fill]
	if s.fill < s.spread.active && l.rows < s.fillTo && (l.busy || len(l.queue) > 0) {
		return l
	}
	best := 0
	for i, c := range s.lanes[:s.spread.active] {
		if !c.busy && len(c.queue) == 0 {
			best = i
			break
		}
		if c.rows < s.lanes[best].rows {
			best = i
		}
	}
	s.fill = best
	s.fillTo = s.lanes[best].rows + s.batch/2
	return s.lanes[best]
}

// advance moves the base over the finished prefix of the stream.
func (s *scheduler) advance() {
	for s.head < len(s.queue) && s.queue[s.head].done {
		u := s.queue[s.head]
		if u.id.Source != "" {
			s.base.AdvanceRun(u.id, u.last)
			s.baseText, s.unwritten = "", true
		}
		if !u.commit.IsZero() {
			s.newest = u.commit
		}
		s.window -= u.bytes
		s.queue[s.head] = nil
		s.head++
	}
	if s.head == len(s.queue) {
		s.queue, s.head, s.first = s.queue[:0], 0, s.orders+1
		s.last.reset()
		clear(s.wild)
	} else if s.head > s.compact && s.head*2 > len(s.queue) {
		s.queue = append(s.queue[:0:0], s.queue[s.head:]...)
		s.first += uint64(s.head)
		s.head = 0
	}
	s.space.Broadcast()
}

// checkpoint returns what a lane that applied ids has to store: the base and
// its own transactions beyond it.
func (s *scheduler) checkpoint(own *replica.TxnSet, batch []*unit) (string, *replica.TxnSet) {
	extra := own.Clone()
	for _, u := range batch {
		extra.Add(u.id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base.Prune(extra)
	s.unwritten = false
	return s.baseLocked(), extra
}

func (s *scheduler) baseLocked() string {
	if s.baseText == "" {
		s.baseText = s.base.String()
	}
	return s.baseText
}

// drain waits until everything submitted is committed.
func (s *scheduler) drain(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head < len(s.queue) {
		s.await(ctx, func() bool { return s.head == len(s.queue) })
	}
	if s.err != nil {
		return s.err
	}
	if s.closed && s.head < len(s.queue) {
		return errClosed
	}
	if s.head < len(s.queue) {
		return context.Cause(ctx)
	}
	return nil
}

// fail ends everything with the first error.
func (s *scheduler) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.wakeAll()
}

func (s *scheduler) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.wakeAll()
}

func (s *scheduler) wakeAll() {
	s.space.Broadcast()
	s.wakeLanes()
}

func (s *scheduler) wakeLanes() {
	for _, l := range s.lanes {
		l.wake.Broadcast()
	}
}
