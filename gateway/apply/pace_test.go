package apply

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestPace: the size of a batch follows what the target's commits cost.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name           string
		own, perRow    time.Duration
		noise          float64
		sizes          []int
		atLeast, below int
	}{
		{"next door", 5 * time.Millisecond, 50 * time.Microsecond, 0.2, []int{1, 50, 400, 1000}, 500, 1500},
		{"far away", 200 * time.Millisecond, 50 * time.Microsecond, 0.05, []int{1, 50, 400, 1000}, 5000, 5001},
		{"costly rows", time.Millisecond, time.Millisecond, 0.2, []int{1, 50, 400, 1000}, 250, 251},
		{"one size only", 5 * time.Millisecond, 50 * time.Microsecond, 0.2, []int{1000}, 700, 701},
	} {
		rnd := rand.New(rand.NewPCG(1, 2))
		var p pace
		if got := p.batch(700, 250, 5000, false); got != 700 {
			t.Errorf("%s: %d rows before anything is known", c.name, got)
		}
		for i := range 300 {
			rows := c.sizes[i%len(c.sizes)]
			took := float64(c.own) + float64(rows)*float64(c.perRow)
			p.add(rows, time.Duration(took*(1+c.noise*(2*rnd.Float64()-1))))
		}
		if got := p.batch(700, 250, 5000, false); got < c.atLeast || got >= c.below {
			t.Errorf("%s: %d rows, want %d to %d", c.name, got, c.atLeast, c.below)
		}
	}
}

// TestPaceFollows: what was learned of a quick target is forgotten on a slow
// one.
func TestPaceFollows(t *testing.T) {
	var p pace
	sizes := []int{10, 200, 500, 900}
	for i := range 400 {
		p.add(sizes[i%4], 2*time.Millisecond+time.Duration(sizes[i%4])*40*time.Microsecond)
	}
	near := p.batch(500, 250, 5000, true)
	for i := range 400 {
		p.add(sizes[i%4], 80*time.Millisecond+time.Duration(sizes[i%4])*40*time.Microsecond)
	}
	if far := p.batch(near, 250, 5000, true); far <= near || far != 5000 {
		t.Errorf("%d rows near, %d far", near, far)
	}
}

// TestPaceTriesOut: transactions of one size only do not keep batches at that
// size when larger ones are better, nor make them larger than is good.
func TestPaceTriesOut(t *testing.T) {
	for _, c := range []struct {
		own            time.Duration
		full           bool
		atLeast, below int // rows of a commit
	}{
		{200 * time.Millisecond, true, 5000, 5001},
		{5 * time.Millisecond, true, 1000, 2001},
		{200 * time.Millisecond, false, 1000, 1001},
	} {
		const unit = 1000 // rows of each transaction
		var p pace
		batch, rows, sum := unit, 0, 0
		for n := range 2000 {
			rows = max(batch/unit, 1) * unit
			p.add(rows, c.own+time.Duration(rows)*50*time.Microsecond)
			batch = p.batch(batch, 250, 5000, c.full)
			if n >= 1000 {
				sum += rows
			}
		}
		if mean := sum / 1000; mean < c.atLeast || mean >= c.below {
			t.Errorf("own %v, full %v: %d rows a commit", c.own, c.full, mean)
		}
	}
}
