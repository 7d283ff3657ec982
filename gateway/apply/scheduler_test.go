package apply

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sluice/replica"
)

// newIdleLane is a lane without a goroutine.
func newIdleLane(s *scheduler) *lane { return &lane{wake: sync.NewCond(&s.mu)} }

// testScheduler has lanes without goroutines.
func testScheduler(t *testing.T, lanes int, limits Limits) *scheduler {
	base, err := replica.GTIDPosition(replica.ModeGTID, "")
	if err != nil {
		t.Fatal(err)
	}
	s := newScheduler(base, limits)
	for range lanes {
		s.lanes = append(s.lanes, newIdleLane(s))
	}
	return s
}

// testUnit is a transaction with one change that has the given keys.
func testUnit(seq uint64, keys ...keyHash) *unit {
	return &unit{id: replica.TxnID{Source: simUUID, Seq: seq}, rows: 1, bytes: 1, keys: keys}
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
		if s.take(s.lanes[0]) != nil {
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
	s.complete(s.take(s.lanes[0]), time.Millisecond)
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
	if got := s.take(s.lanes[0]); len(got) != 1 {
		t.Fatalf("took %d", len(got))
	}
}

// TestWildValueAfterMany: a wild value that meets very many others costs time
// in proportion to them, not to their square.
func TestWildValueAfterMany(t *testing.T) {
	const n = 60_000
	s := testScheduler(t, 4, Limits{})
	for i := range uint64(n) {
		if err := s.submit(t.Context(), testUnit(i+1, keyHash{index: 1, value: i + 1})); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	w := testUnit(n+1, keyHash{index: 1, value: 1, wild: true})
	if err := s.submit(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	after := testUnit(n+2, keyHash{index: 1, value: n + 5})
	if err := s.submit(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("took %s", d)
	}
	if w.waits == 0 {
		t.Error("the wild value waits for nothing")
	}
	if after.lane != w.lane && after.waits == 0 {
		t.Error("the value behind the wild one does not wait for it")
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
			batch := s.take(l)
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
		batch := s.take(l)
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
