package apply

import "testing"

// The explicit-state model: every state that two owners, two lanes, three
// transactions and a lossy network can reach, with at most modelEpochs claims
// and modelWire target transactions that wait for their COMMIT at once.
const (
	modelEpochs = 3
	modelWire   = 2
	modelTxns   = 3 // transaction t belongs to lane t%2
)

// modelMutant is a protocol with a mistake.
type modelMutant struct {
	name                                                            string
	noSeq, noEpoch, readBeforeRaise, baseAhead, noExtra, selectOnly bool
}

// modelRow is a lane row; stored is the transactions that it lists, as bits.
type modelRow struct{ epoch, seq, stored int8 }

// modelSent is a target transaction whose COMMIT is on its way: what it read of
// the lane row when it began, and what it writes.
type modelSent struct {
	used             bool
	lane, txn, epoch int8
	began            modelRow
	stored           int8
}

// modelOwner is one owner; pend is 1+the transaction in hand per lane.
type modelOwner struct {
	epoch   int8 // 0: does not run
	known   int8 // applied, as far as it knows
	seq     [2]int8
	stored  [2]int8
	pend    [2]int8
	waits   [2]bool // for an answer
	unknown [2]bool
	skip    [2]bool // mutant selectOnly: the next guard does not compare seq
	read    [2]modelRow
	reading bool // mutant readBeforeRaise: it has read, and not raised
}

type modelState struct {
	rows   [2]modelRow
	count  [modelTxns]int8 // how often each transaction is in the target
	epochs int8
	owner  [2]modelOwner
	wire   [modelWire]modelSent
	stale  bool // an older epoch committed
}

type modelRun struct {
	m    modelMutant
	seen map[modelState]bool
	todo []modelState
}

func (r *modelRun) add(s modelState) {
	if !r.seen[s] {
		r.seen[s] = true
		r.todo = append(r.todo, s)
	}
}

// broken names the invariant that s breaks.
func (r *modelRun) broken(s *modelState) string {
	listed := s.rows[0].stored | s.rows[1].stored
	for t, n := range s.count {
		switch {
		case n > 1:
			return "a transaction is applied twice"
		case (n == 1) != (listed&(1<<t) != 0):
			return "the lane rows do not list what is applied"
		}
	}
	if s.stale {
		return "a commit with an epoch below the highest claimed"
	}
	return ""
}

// explore visits every reachable state.
func (r *modelRun) explore() string {
	r.seen = map[modelState]bool{}
	r.add(modelState{})
	for len(r.todo) > 0 {
		s := r.todo[len(r.todo)-1]
		r.todo = r.todo[:len(r.todo)-1]
		if b := r.broken(&s); b != "" {
			return b
		}
		for o := range s.owner {
			r.claim(s, o)
			if s.owner[o].epoch > 0 {
				crashed := s
				crashed.owner[o] = modelOwner{}
				r.add(crashed)
				for l := range 2 {
					r.lane(s, o, l)
				}
			}
		}
		for i := range s.wire {
			if s.wire[i].used {
				r.deliver(s, i)
				dropped := s // the server rolls back: its client is gone
				dropped.wire[i] = modelSent{}
				r.add(dropped)
			}
		}
	}
	return ""
}

func (r *modelRun) claim(s modelState, o int) {
	w := &s.owner[o]
	if s.epochs == modelEpochs && !w.reading {
		return
	}
	if r.m.readBeforeRaise && !w.reading {
		*w = modelOwner{reading: true, read: s.rows}
		r.add(s)
		return
	}
	read := s.rows
	if r.m.readBeforeRaise {
		read = w.read
	}
	if s.epochs == modelEpochs {
		return
	}
	s.epochs++
	*w = modelOwner{epoch: s.epochs}
	for l := range s.rows {
		s.rows[l].epoch = s.epochs
		if !r.m.noEpoch {
			s.rows[l].seq += 2
		}
		w.seq[l], w.stored[l] = s.rows[l].seq, read[l].stored
		w.known |= read[l].stored
	}
	r.add(s)
}

// lane is one step of an owner's lane: take a transaction, send it, or hear
// that the connection broke.
func (r *modelRun) lane(s modelState, o, l int) {
	w := &s.owner[o]
	switch {
	case w.waits[l]:
		w.waits[l], w.unknown[l] = false, true
		w.skip[l] = r.m.selectOnly && s.rows[l].seq == w.seq[l]
		r.add(s)
	case w.pend[l] == 0:
		for t := l; t < modelTxns; t += 2 {
			if w.known&(1<<t) == 0 {
				w.pend[l] = int8(t) + 1
				r.add(s)
				return
			}
		}
	default:
		r.send(s, o, l)
	}
}

func (r *modelRun) send(s modelState, o, l int) {
	w, row := &s.owner[o], s.rows[l]
	t := w.pend[l] - 1
	if (row.epoch != w.epoch && !r.m.noEpoch) || (row.seq != w.seq[l] && !r.m.noSeq && !w.skip[l]) {
		if w.unknown[l] && row.epoch == w.epoch && row.seq == w.seq[l]+1 {
			w.finish(l, s.rows[l].stored)
		} else {
			*w = modelOwner{} // fenced
		}
		r.add(s)
		return
	}
	for i := range s.wire {
		if s.wire[i].used {
			continue
		}
		stored := w.stored[l] | 1<<t
		if r.m.baseAhead {
			stored |= 1<<t - 1
		}
		if r.m.noExtra {
			stored = w.stored[l]
		}
		s.wire[i] = modelSent{used: true, lane: int8(l), txn: t, epoch: w.epoch, began: row, stored: stored}
		w.waits[l] = true
		r.add(s)
		return
	}
}

// finish is a lane learning that its transaction is committed.
func (w *modelOwner) finish(l int, stored int8) {
	w.known |= 1 << (w.pend[l] - 1)
	w.stored[l] = stored
	w.seq[l]++
	w.pend[l], w.waits[l], w.unknown[l], w.skip[l] = 0, false, false, false
}

// deliver lets a COMMIT arrive: the first committer of the lane row wins. The
// answer reaches an owner that still waits for it, or is lost.
func (r *modelRun) deliver(s modelState, i int) {
	x := s.wire[i]
	s.wire[i] = modelSent{}
	row := &s.rows[x.lane]
	ok := row.epoch == x.began.epoch && row.seq == x.began.seq
	if ok {
		s.stale = x.epoch < s.epochs
		row.seq++
		row.stored = x.stored
		s.count[x.txn]++
	}
	r.add(s)
	for o := range s.owner {
		w := &s.owner[o]
		if w.epoch != x.epoch || !w.waits[x.lane] || w.pend[x.lane] != x.txn+1 || r.inFlight(&s, x) {
			continue
		}
		if ok {
			w.finish(int(x.lane), x.stored)
		} else {
			w.waits[x.lane] = false
		}
		r.add(s)
	}
}

// inFlight says whether another COMMIT of the same transaction is on its way:
// the owner then waits for the answer of that one.
func (r *modelRun) inFlight(s *modelState, x modelSent) bool {
	for _, y := range s.wire {
		if y.used && y.lane == x.lane && y.epoch == x.epoch && y.txn == x.txn {
			return true
		}
	}
	return false
}

// TestModel visits every state of the protocol, and of each mistaken variant
// until an invariant breaks.
func TestModel(t *testing.T) {
	r := modelRun{}
	if b := r.explore(); b != "" {
		t.Fatal(b)
	}
	t.Logf("%d states", len(r.seen))
	for _, m := range []modelMutant{
		{name: "no seq", noSeq: true}, {name: "no epoch", noEpoch: true}, {name: "claim reads before it raises", readBeforeRaise: true},
		{name: "base ahead", baseAhead: true}, {name: "no extra", noExtra: true}, {name: "unknown commit settled by SELECT", selectOnly: true},
	} {
		r := modelRun{m: m}
		b := r.explore()
		if b == "" {
			t.Errorf("%s survived %d states", m.name, len(r.seen))
		}
		t.Logf("%s: %s after %d states", m.name, b, len(r.seen))
	}
}
