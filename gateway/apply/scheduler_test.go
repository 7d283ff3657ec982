package apply

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/replica"
)

// testScheduler has lanes without goroutines.
func testScheduler(t *testing.T, lanes int, limits Limits) *scheduler {
	base, err := replica.GTIDPosition(replica.ModeGTID, "")
	if err != nil {
		t.Fatal(err)
	}
	s := newScheduler(base, limits)
	for range lanes {
		s.join(&lane{})
	}
	return s
}

// testUnit is a transaction with one change that has the given keys.
func testUnit(seq uint64, keys ...keyHash) *unit {
	return &unit{id: replica.TxnID{Source: simUUID, Seq: seq}, rows: 1, bytes: 1, keys: keys}
}

// takes is what a lane that does not rest takes.
func takes(s *scheduler, l *lane) []*unit {
	batch, _ := s.take(l)
	return batch
}

// TestSchedulerCloseWakesEveryone: whoever waits for space or for the end is
// told when the applier closes, and when it fails.
func TestSchedulerCloseWakesEveryone(t *testing.T) {
	failure := errors.New("refused")
	for _, want := range []error{errClosed, failure} {
		s := testScheduler(t, 1, Limits{QueueRows: 1})
		if err := s.submit(t.Context(), testUnit(1)); err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 2)
		go func() { got <- s.submit(t.Context(), testUnit(2)) }()
		go func() { got <- s.drain(t.Context()) }()
		if want == failure {
			s.fail(failure)
		} else {
			s.close()
		}
		for range 2 {
			select {
			case err := <-got:
				if !errors.Is(err, want) {
					t.Errorf("%v instead of %v", err, want)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("somebody still waits")
			}
		}
		s.close() // twice is harmless
		if batch, rest := s.take(s.lanes[0]); batch != nil || rest {
			t.Error("a closed scheduler hands out work")
		}
	}
}

// TestSubmitEndsWithItsContext: a full queue does not hold a cancelled caller.
func TestSubmitEndsWithItsContext(t *testing.T) {
	s := testScheduler(t, 1, Limits{QueueBytes: 1})
	if err := s.submit(t.Context(), testUnit(1)); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("ownership lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	got := make(chan error, 1)
	go func() { got <- s.submit(ctx, testUnit(2)) }()
	cancel(cause)
	if err := <-got; !errors.Is(err, cause) {
		t.Fatal(err)
	}
	s.complete(takes(s, s.lanes[0]), time.Millisecond)
	if err := s.submit(t.Context(), testUnit(3)); err != nil {
		t.Fatal(err)
	}
}

// TestLargeUnitIsAdmittedAlone: a transaction above every limit goes through.
func TestLargeUnitIsAdmittedAlone(t *testing.T) {
	s := testScheduler(t, 1, Limits{QueueRows: 1, QueueBytes: 1, BatchRows: 1, BatchBytes: 1})
	u := testUnit(1)
	u.rows, u.bytes = 50, 1<<30
	if err := s.submit(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if got := takes(s, s.lanes[0]); len(got) != 1 {
		t.Fatalf("took %d", len(got))
	}
}

// TestWildValueAfterMany: a wild value that meets very many others waits for
// each of them once, and what follows it for it alone.
func TestWildValueAfterMany(t *testing.T) {
	const n = 60_000
	s := testScheduler(t, 4, Limits{})
	for i := range uint64(n) {
		if err := s.submit(t.Context(), testUnit(i+1, keyHash{index: 1, value: i + 1})); err != nil {
			t.Fatal(err)
		}
	}
	w := testUnit(n+1, keyHash{index: 1, value: 1, wild: true})
	if err := s.submit(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	after := testUnit(n+2, keyHash{index: 1, value: n + 5})
	if err := s.submit(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	others := 0
	for _, l := range s.lanes {
		for _, u := range l.queue {
			if u != w && u != after && l != w.lane {
				others++
			}
			waiters := 0
			for _, x := range u.waiters {
				if x == w {
					waiters++
				}
			}
			if want := 1; u != w && u != after && l != w.lane && waiters != want {
				t.Fatalf("transaction %d holds the wild one %d times", u.id.Seq, waiters)
			}
		}
	}
	if w.waits != others || others == 0 {
		t.Errorf("the wild value waits for %d of %d in other lanes", w.waits, others)
	}
	if want := map[bool]int{true: 0, false: 1}[after.lane == w.lane]; after.waits != want {
		t.Errorf("the value behind the wild one waits for %d", after.waits)
	}
}

// TestFoldedUnitsCostNothing: a batch takes as many changes of the same rows as
// there are, and no more rows than its size.
func TestFoldedUnitsCostNothing(t *testing.T) {
	s := testScheduler(t, 2, Limits{BatchRows: 3})
	for seq := uint64(1); seq <= 50; seq++ {
		k := seq % 2 // two hot rows
		if seq > 40 {
			k = seq // and ten others
		}
		if err := s.submit(t.Context(), testUnit(seq, keyHash{index: 1, value: k})); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	for _, l := range s.lanes {
		for len(l.queue) > 0 && l.queue[0].waits == 0 {
			batch := takes(s, l)
			sizes = append(sizes, len(batch))
			s.complete(batch, time.Millisecond)
		}
	}
	if s.head != len(s.queue) {
		t.Fatalf("%d of %d are done", s.head, len(s.queue))
	}
	largest := 0
	for _, n := range sizes {
		largest = max(largest, n)
	}
	if largest < 20 || len(sizes) < 4 {
		t.Errorf("batches of %v transactions: 40 change two rows, and a batch has three", sizes)
	}
}

// TestBatchesAreBounded: units that change the rows of units in an earlier batch
// count in full, and what folds is bounded too.
func TestBatchesAreBounded(t *testing.T) {
	limits := Limits{BatchRows: 50, BatchBytes: 1 << 30, QueueRows: 1 << 20}
	s := testScheduler(t, 1, limits)
	seq := uint64(0)
	add := func(key uint64) {
		seq++
		if err := s.submit(t.Context(), testUnit(seq, keyHash{index: 1, value: key})); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // twice over a table
		for key := uint64(1); key <= 500; key++ {
			add(key)
		}
	}
	for range 2_000 { // one hot row
		add(1)
	}
	l, taken := s.lanes[0], 0
	for len(l.queue) > 0 {
		batch := takes(s, l)
		taken += len(batch)
		rows := map[uint64]bool{}
		for _, u := range batch {
			rows[u.keys[0].value] = true
		}
		if len(rows) > limits.BatchRows || len(batch) > rawBatches*limits.BatchRows {
			t.Fatalf("a batch of %d units has %d rows", len(batch), len(rows))
		}
		s.complete(batch, time.Millisecond)
	}
	if taken != 3_000 || s.window != 0 || l.rows != 0 {
		t.Errorf("%d taken, %d bytes in the window, %d rows in the lane", taken, s.window, l.rows)
	}
}

// TestIdleLanesAreTold: a lane without work for long rests once, and not while
// it has work.
func TestIdleLanesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := testScheduler(t, 2, Limits{})
		rests := make(chan int, 10)
		var lanes sync.WaitGroup
		for _, l := range s.lanes {
			lanes.Go(func() {
				for {
					batch, rest := s.take(l)
					switch {
					case rest:
						rests <- l.number
					case batch == nil:
						return
					default:
						s.complete(batch, time.Millisecond)
					}
				}
			})
		}
		tick := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				time.Sleep(time.Second) // virtual
				s.rest(time.Now())
				synctest.Wait()
			}
		}
		rested := func(want int, when string) {
			t.Helper()
			if len(rests) != want {
				t.Errorf("%s: lanes rested %d times instead of %d", when, len(rests), want)
			}
		}
		tick(2 * restAfter)
		rested(0, "lanes that have done nothing yet")
		submitUnits(t, s, 1, 1) // for one of them
		synctest.Wait()
		tick(restAfter - 2*time.Second)
		rested(0, "early")
		tick(10 * restAfter)
		rested(1, "later")
		if l := s.lanes[<-rests]; !l.keep || l.number != s.fill {
			t.Error("the lane that is next drops its connection")
		}
		submitUnits(t, s, 2, 1)
		synctest.Wait()
		tick(restAfter - 2*time.Second)
		submitUnits(t, s, 3, 1)
		synctest.Wait()
		tick(restAfter - 2*time.Second)
		rested(0, "in between")
		s.mu.Lock()
		s.fill = 1 - s.fill
		s.mu.Unlock()
		tick(2 * restAfter)
		rested(1, "the other one is next")
		if s.lanes[<-rests].keep {
			t.Error("a lane that is not next keeps its connection")
		}
		s.close()
		lanes.Wait()
	})
}

// TestTableWithoutColumns: rows of which nothing is written have no form.
func TestTableWithoutColumns(t *testing.T) {
	table := &replica.Table{Schema: "a", Name: "g", Columns: []replica.Column{{Name: "x", Type: replica.TypeInt, Generated: true}}}
	b, err := Bind(table, "a", "g", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	stmts := appendInserts(nil, &forms{rows: 1}, b, "INSERT INTO ", [][]replica.Value{{{}}, {{}}}, 1)
	if len(stmts) != 1 || string(stmts[0].sql) != "INSERT INTO `a`.`g`() VALUES (),()" {
		t.Errorf("%q", stmts[0].sql)
	}
}
