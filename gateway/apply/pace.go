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
// most, and now while too little is known.
func (p *pace) batch(now, least, most int) int {
	spread := p.n*p.rows2 - p.rows*p.rows
	if p.n < paceLeast || spread < 0.01*p.rows*p.rows {
		return now // commits of one size do not tell the two amounts apart
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
