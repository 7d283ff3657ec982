package migration

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/replica"
	"sluice/replica/source"
)

// watched is a throttle with a clock that stands still between answers.
type watched struct {
	*throttle
	clock  time.Time
	events []string
	shown  string
}

func newWatched(readers, maxThreads int) *watched {
	w := &watched{clock: time.Unix(1_000_000, 0)}
	w.throttle = newThrottle(readers, maxThreads, func() time.Time { return w.clock },
		func(message string) { w.events = append(w.events, message) }, func(reason string) { w.shown = reason })
	return w
}

// answer is one answer of the source, a second after the one before.
func (w *watched) answer(t *testing.T, load source.Load) int {
	t.Helper()
	w.clock = w.clock.Add(loadEvery)
	if err := w.step(load, nil); err != nil {
		t.Fatal(err)
	}
	return w.allowed
}

func (w *watched) answers(t *testing.T, n int, load source.Load) []int {
	t.Helper()
	var got []int
	for range n {
		got = append(got, w.answer(t, load))
	}
	return got
}

func threads(n int) source.Load { return source.Load{Threads: n} }
func behind(seconds int) source.Load {
	return source.Load{Behind: time.Duration(seconds) * time.Second, BehindKnown: true}
}

func TestThrottleSteps(t *testing.T) {
	for name, c := range map[string]struct {
		start []source.Load
		load  source.Load
		want  []int
	}{
		"at the bound":                   {nil, threads(25), []int{4, 4, 4}},
		"above the bound":                {nil, threads(26), []int{2, 1, 0, 0}},
		"well again":                     {[]source.Load{threads(99), threads(99), threads(99)}, threads(20), []int{1, 2, 3, 4, 4}},
		"in between":                     {[]source.Load{threads(99)}, threads(21), []int{2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3}},
		"lag that is small":              {nil, behind(10), []int{4, 4}},
		"lag that grew":                  {[]source.Load{behind(0)}, behind(11), []int{2, 1, 0, 0}},
		"lag that was there":             {[]source.Load{behind(3600)}, behind(3600), []int{4, 4}},
		"lag that was there and grew":    {[]source.Load{behind(3600)}, behind(3601), []int{2, 1, 0}},
		"lag that shrinks":               {[]source.Load{behind(60), behind(90), behind(90), behind(90)}, behind(60), []int{1, 2, 3, 4}},
		"lag that is known no more":      {[]source.Load{behind(0), behind(90)}, threads(0), []int{3, 4}},
		"lag that was small and is huge": {[]source.Load{behind(9)}, behind(10_000), []int{2, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatched(4, 25)
			for _, l := range c.start {
				w.answer(t, l)
			}
			if got := w.answers(t, len(c.want), c.load); !slices.Equal(got, c.want) {
				t.Errorf("%v readers were allowed, not %v", got, c.want)
			}
		})
	}
}

// One event a minute of each kind, and none for what ended before it could be
// said.
func TestThrottleEvents(t *testing.T) {
	w := newWatched(2, 25)
	w.answer(t, threads(30))
	if len(w.events) != 1 || !strings.Contains(w.events[0], "waits") || !strings.Contains(w.events[0], "30 statements, more than 25") || !strings.Contains(w.shown, "30 statements") {
		t.Fatalf("events %q, shown %q", w.events, w.shown)
	}
	w.answers(t, 3, threads(0))
	if len(w.events) != 2 || !strings.Contains(w.events[1], "goes on") || w.shown != "" {
		t.Fatalf("events %q, shown %q", w.events, w.shown)
	}
	for range 5 { // within the minute: nothing is said
		w.answers(t, 3, threads(30))
		w.answers(t, 3, threads(0))
	}
	if len(w.events) != 2 {
		t.Fatalf("events %q within a minute", w.events)
	}
	w.answers(t, 60, threads(30)) // still so after the minute
	if len(w.events) != 3 || !strings.Contains(w.events[2], "waits") {
		t.Fatalf("events %q", w.events)
	}
	if w.answers(t, 3, threads(0)); len(w.events) != 4 {
		t.Fatalf("events %q", w.events)
	}
}

func TestThrottleErrors(t *testing.T) {
	slow := errors.Join(errors.New("read the source's load"), context.DeadlineExceeded)
	lost := &replica.Error{Code: 2013, Transient: true}
	w := newWatched(4, 25)
	for i := range 3 + loadFailures - 1 { // a source that is too slow to answer suffers
		if err := w.step(source.Load{}, slow); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	if w.allowed != 0 || !strings.Contains(w.shown, "does not answer") {
		t.Fatalf("%d readers, %q", w.allowed, w.shown)
	}
	// With no reader left, nobody else would see that it is gone.
	if err := w.step(source.Load{}, slow); !isTransient(err) {
		t.Fatalf("a source that is silent: %v", err)
	}
	w = newWatched(4, 25)
	for range 3 {
		w.answer(t, threads(99))
	}
	for i := 1; i < loadFailures; i++ {
		if err := w.step(source.Load{}, lost); err != nil {
			t.Fatalf("failure %d: %v", i, err)
		}
	}
	w.answer(t, threads(0)) // an answer in between
	for i := 1; i < loadFailures; i++ {
		if err := w.step(source.Load{}, lost); err != nil {
			t.Fatalf("failure %d: %v", i, err)
		}
	}
	if err := w.step(source.Load{}, lost); !errors.Is(err, lost) {
		t.Fatalf("a source that is gone: %v", err)
	}
	if w.allowed != 1 {
		t.Errorf("%d readers after one good answer", w.allowed)
	}
}

// A source that is busy for good is copied slowly.
func TestThrottleTrickle(t *testing.T) {
	w := newWatched(4, 25)
	moments := 0
	for range 3 + 3*(trickle+1) {
		w.answer(t, threads(99))
		if w.allowed > 1 && moments > 0 {
			t.Fatalf("%d readers", w.allowed)
		}
		if w.allowed == 1 {
			moments++
		}
	}
	// One on the way down from 4, and three later.
	if moments != 4 {
		t.Errorf("one reader was let through %d times", moments)
	}
}

// A source that will never tell its load is copied at full speed.
func TestThrottleBlind(t *testing.T) {
	w := newWatched(4, 25)
	w.answers(t, 3, threads(99))
	calls := 0
	err := w.watch(t.Context(), func(context.Context) (source.Load, error) {
		calls++
		return source.Load{}, &replica.Error{Code: 1227}
	})
	if err != nil || calls != 1 || w.allowed != 4 || w.shown != "" {
		t.Errorf("%v after %d calls, %d readers, %q", err, calls, w.allowed, w.shown)
	}
}

// The copy's own statements do not count.
func TestThrottleOwn(t *testing.T) {
	w := newWatched(4, 25)
	w.own.Store(3)
	ctx, cancel := context.WithCancel(t.Context())
	err := w.watch(ctx, func(context.Context) (source.Load, error) {
		if w.allowed != 4 {
			t.Errorf("%d readers", w.allowed)
		}
		cancel()
		return threads(28), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.step(threads(26), nil)
	if w.allowed != 2 {
		t.Errorf("%d readers", w.allowed)
	}
}

// Readers inside go on; those that come wait until they are allowed or their
// context ends.
func TestThrottleGate(t *testing.T) {
	w := newWatched(2, 25)
	for range 2 {
		if err := w.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.answers(t, 2, threads(99)) // none allowed, two inside
	w.leave()
	cause := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.enter(ctx) }()
	cancel(cause)
	if err := <-ended; !errors.Is(err, cause) {
		t.Fatalf("a reader that waited ended with %v", err)
	}
	entered := make(chan error, 2)
	for range 2 {
		go func() { entered <- w.enter(t.Context()) }()
	}
	w.answer(t, threads(0)) // one allowed: the one that is inside
	select {
	case <-entered:
		t.Fatal("a second reader came in where one is allowed")
	default:
	}
	w.leave()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	w.answer(t, threads(0))
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	if w.inside != 2 {
		t.Errorf("%d inside", w.inside)
	}
}

// TestThrottleKeepsItsBaseline: a copy that begins again on a replica which it
// has made lag compares with what was before it, not with what it did.
func TestThrottleKeepsItsBaseline(t *testing.T) {
	first := newWatched(4, 25)
	first.answer(t, behind(15))
	again := newWatched(4, 25)
	again.base = first.base
	if got := again.answers(t, 2, behind(40)); !slices.Equal(got, []int{2, 1}) {
		t.Errorf("%v readers beside a lag that grew from 15 s to 40 s", got)
	}
	if got := newWatched(4, 25).answers(t, 2, behind(40)); !slices.Equal(got, []int{4, 4}) {
		t.Errorf("%v readers beside a lag that was there before", got)
	}
}
