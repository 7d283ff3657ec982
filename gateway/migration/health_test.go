package migration

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"
)

// spell is a time that a channel works until its next failure, and whether it has
// recovered by the end of it.
type spell struct {
	works     time.Duration
	recovered bool
}

// TestHealth has a channel fail after each spell. The first spell follows the first failure.
func TestHealth(t *testing.T) {
	for _, c := range []struct {
		name   string
		spells []spell
	}{
		{"an outage is over when it is over", []spell{{0, true}}},
		{"a stream that is cut every 15 s", []spell{{15 * time.Second, true}, {15 * time.Second, false}, {15 * time.Second, false}, {16 * time.Second, false}}},
		{"a stream that is cut at once", []spell{{0, true}, {0, false}, {10 * time.Millisecond, false}, {500 * time.Millisecond, false}}},
		{"a stream that is cut every 50 s", []spell{{50 * time.Second, true}, {50 * time.Second, false}, {50 * time.Second, false}}},
		{"an outage, and another one an hour later", []spell{{time.Hour, true}, {0, true}}},
		{"two outages shortly one after the other", []spell{{10 * time.Second, true}, {20 * time.Second, true}}},
		{"it works for good after many cuts", []spell{{15 * time.Second, true}, {15 * time.Second, false}, {15 * time.Second, false}, {31 * time.Second, true}}},
		{"never longer than two minutes", []spell{{59 * time.Second, true}, {117 * time.Second, false}, {2 * time.Minute, true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			var h Health
			for i, s := range c.spells {
				h.Fail(now, true)
				h.Fail(now.Add(time.Second), true) // a further attempt without success changes nothing
				now = now.Add(5 * time.Second)
				for end := now.Add(s.works); ; now = now.Add(min(time.Second, max(1, end.Sub(now)))) {
					h.works(now)
					if !now.Before(end) {
						break
					}
				}
				if h.Failing == s.recovered {
					t.Fatalf("after spell %d of %s it is failing %v; it needs %s", i, s.works, h.Failing, h.Needs)
				}
			}
			if want := uint64(2 * len(c.spells)); h.Retries != want {
				t.Errorf("%d retries, want %d", h.Retries, want)
			}
		})
	}
}

// TestHealthOfUnevenCuts: a stream that is cut after 10 to 20 s is not RUNNING in between,
// once it has been cut some times.
func TestHealthOfUnevenCuts(t *testing.T) {
	now := time.Unix(1e9, 0)
	var h Health
	recovered := 0
	for i := range 200 {
		h.Fail(now, true)
		for range 10 + rand.IntN(11) {
			now = now.Add(time.Second)
			if h.works(now) && i > 2 {
				recovered++
			}
		}
	}
	if recovered > 0 {
		t.Errorf("it counted as recovered %d times", recovered)
	}
}

// TestHealthIsInherited: the next owner goes on with it, a run that an operator begins
// does not.
func TestHealthIsInherited(t *testing.T) {
	var st Status
	st.Status = StatusRetrying
	st.Fail(time.Now(), true)
	st.works(time.Now())
	st.Fail(time.Now(), true)
	b, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var next Status
	if err := json.Unmarshal(b, &next); err != nil {
		t.Fatal(err)
	}
	if h := next.Inherited(next.Status); !h.Failing || h.Retries != 2 || h.Needs < leastNeeds || h.works(time.Now()) {
		t.Errorf("another owner goes on with %+v", h)
	}
	for _, s := range []string{StatusStopped, StatusError, StatusDone} {
		if h := next.Inherited(s); h != (Health{Retries: 2}) {
			t.Errorf("after %s it goes on with %+v", s, h)
		}
	}
}
