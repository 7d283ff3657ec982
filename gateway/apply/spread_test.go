package apply

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSpread: batches that are cut short bring the lanes down to one, a calm
// load brings them back, and trouble that returns with the second lane makes
// that rare.
func TestSpread(t *testing.T) {
	p := spread{active: 8, most: 8}
	now := time.Now()
	window := func(short bool) {
		for range spreadWindow {
			now = now.Add(2 * spreadTime) // commits that take long make trials no more frequent
			p.note(short, now)
		}
	}
	for range 3 {
		window(true)
	}
	if p.active != 1 {
		t.Fatalf("%d lanes are active", p.active)
	}
	tries := 0
	for range 1000 {
		if p.active > 1 {
			tries++
		}
		window(p.active > 1)
	}
	if p.active > 2 || tries < 8 || tries > 30 {
		t.Errorf("%d lanes are active after a second one was tried in %d of 1000 windows", p.active, tries)
	}
	for range 8 * spreadPatience {
		window(false)
	}
	if p.active != 8 {
		t.Errorf("a calm load has %d lanes", p.active)
	}
	for n := range 10 * spreadWindow {
		p.note(n%spreadShort == 0, now) // no more than what is borne
	}
	if p.active != 8 {
		t.Errorf("some short batches leave %d lanes", p.active)
	}
}

// TestWanderingValuesComeTogether: transactions that each depend on two others,
// which any lanes may have, are committed in few large batches.
func TestWanderingValuesComeTogether(t *testing.T) {
	s := testScheduler(t, 8, Limits{})
	const n = 40_000
	batches := 0
	commit := func() {
		for _, l := range s.lanes {
			if len(l.queue) > 0 && l.queue[0].waits == 0 {
				s.complete(takes(s, l), 10*time.Millisecond)
				batches++
			}
		}
	}
	for seq := uint64(1); seq <= n; seq++ {
		keys := []keyHash{{index: 1, value: mix(seq, 7) % 20_000}}
		if seq%5 == 0 {
			keys = append(keys, keyHash{index: 2, value: mix(seq, 9) % 8})
		}
		if err := s.submit(t.Context(), testUnit(seq, keys...)); err != nil {
			t.Fatal(err)
		}
		if s.rows >= 4_000 {
			commit()
		}
	}
	for s.head < len(s.queue) {
		commit()
	}
	if batches > n/100 {
		t.Errorf("%d batches for %d transactions", batches, n)
	}
}

// TestLanesFollowCommitTime: at one pace of the source, as many lanes are at
// work as the target's commits take long: one or two while they are quick, all when
// one lane's would not keep up.
func TestLanesFollowCommitTime(t *testing.T) {
	busy := func(commit time.Duration) (most int) {
		synctest.Test(t, func(t *testing.T) {
			const perSecond, n = 20_000, 600_000
			s := testScheduler(t, 8, Limits{})
			var mu sync.Mutex
			at, lanes := 0, sync.WaitGroup{}
			for _, l := range s.lanes {
				lanes.Go(func() {
					for {
						batch := takes(s, l)
						if batch == nil {
							return
						}
						mu.Lock()
						at++
						most = max(most, at)
						mu.Unlock()
						time.Sleep(commit + time.Duration(len(batch))*10*time.Microsecond)
						mu.Lock()
						at--
						mu.Unlock()
						s.complete(batch, commit+time.Duration(len(batch))*10*time.Microsecond)
					}
				})
			}
			for i := range uint64(n) {
				if err := s.submit(t.Context(), testUnit(i+1, keyHash{index: 1, value: i + 1})); err != nil {
					t.Error(err)
					break
				}
				if i%20 == 19 {
					time.Sleep(20 * time.Second / perSecond)
				}
			}
			if err := s.drain(t.Context()); err != nil {
				t.Error(err)
			}
			s.close()
			lanes.Wait()
		})
		return most
	}
	quick, slow, slowest := busy(time.Millisecond), busy(100*time.Millisecond), busy(2*time.Second)
	if quick > 2 || slow <= quick || slowest != 8 {
		t.Errorf("%d lanes with commits of 1 ms, %d with 100 ms, %d with 2 s", quick, slow, slowest)
	}
}
