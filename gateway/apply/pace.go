package apply

import "time"

// pace learns what a commit costs the target: an amount of its own (the way
// there and back, the guard, the log) and an amount per row. From both follows
// how many rows a transaction should have: enough that its own amount does not
// matter, and no more, since its rows wait for each other.
//
// It is a least-squares line through the durations of the last hundred or so
// commits, older ones counting less. The zero value knows nothing.
type pace struct{ n, rows, rows2, took, rowsTook float64 }

const (
	paceDecay = 0.98
	// paceLeast is how many commits, by weight, say something.
	paceLeast = 10
	// paceShare: a commit's own amount shall be at most this part of its cost.
	paceShare = 0.1
	// paceStep is by which part batches of one size grow.
	paceStep = 8
)

// add notes one commit.
func (p *pace) add(rows int, took time.Duration) {
	r, t := float64(rows), took.Seconds()
	p.n = p.n*paceDecay + 1
	p.rows = p.rows*paceDecay + r
	p.rows2 = p.rows2*paceDecay + r*r
	p.took = p.took*paceDecay + t
	p.rowsTook = p.rowsTook*paceDecay + r*t
}

// batch returns how many rows a transaction should have, between least and
// most. While too little is known it is as many as now, or somewhat more when
// full says that batches have as many as they may: commits of one size do not
// tell the two amounts apart, those of two sizes do.
func (p *pace) batch(now, least, most int, full bool) int {
	spread := p.n*p.rows2 - p.rows*p.rows
	if p.n < paceLeast {
		return now
	}
	if spread < 0.01*p.rows*p.rows {
		if full {
			return min(now+now/paceStep+1, most)
		}
		return now
	}
	perRow := (p.n*p.rowsTook - p.rows*p.took) / spread
	own := (p.took - perRow*p.rows) / p.n
	switch {
	case perRow <= 0:
		return most
	case own <= 0:
		return least
	}
	want := own / perRow * (1 - paceShare) / paceShare
	return int(min(max(want, float64(least)), float64(most)))
}
