package apply

import "time"

// spread decides over how many lanes transactions without predecessors are
// spread. Lanes commit side by side, but a transaction with predecessors in
// several lanes waits at the head of its own until they have committed, and
// cuts the batches of its lane short. Where that happens all the time, as with
// unique values that wander from row to row, few lanes with full batches write
// more rows than many with a handful each.
//
// Batches are looked at in windows: many that were cut short halve the lanes;
// a number of windows without trouble brings one back, and the number grows
// each time that this was followed by trouble again. Until there was some, a window
// without any ends after a while, however few batches it has: where commits take
// long, what is missing is lanes. Any number of lanes is right: only speed depends on it.
type spread struct {
	active, most int

	batches, short int       // of the window
	since          time.Time // of the window's first batch
	calm           int       // windows without trouble
	patience       int       // how many bring a lane back
}

const (
	// firstLanes are active in the beginning: what is placed before the load is
	// known does not have to be brought together again.
	firstLanes = 2
	// spreadWindow is how many batches are looked at together.
	spreadWindow = 32
	// spreadTime is how long a window is at most before any trouble.
	spreadTime = time.Second
	// spreadShort: one batch in so many may be cut short.
	spreadShort = 4
	// spreadPatience bounds patience: by then a second lane costs next to
	// nothing, however often it is tried.
	spreadPatience = 64
)

// note counts a batch; short says that it would have had more rows, but for
// one that waits for another lane.
func (p *spread) note(short bool, now time.Time) {
	if p.batches == 0 {
		p.since = now
	}
	p.batches++
	if short {
		p.short++
	}
	early := p.patience == 0 && p.short == 0 && p.batches >= p.active && now.Sub(p.since) >= spreadTime
	if p.batches < spreadWindow && !early {
		return
	}
	trouble := p.short*spreadShort > p.batches
	p.batches, p.short = 0, 0
	switch {
	case trouble && p.active > 1:
		p.active /= 2
		p.calm, p.patience = 0, min(2*max(p.patience, 1), spreadPatience)
	case trouble:
		p.calm = 0
	case p.active == p.most:
		if p.calm++; p.calm > spreadPatience {
			p.patience = 0 // the load is another one now
		}
	default:
		if p.calm++; p.calm >= p.patience {
			p.active++
			p.calm = 0
		}
	}
}
