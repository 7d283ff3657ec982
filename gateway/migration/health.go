package migration

import "time"

// Health is what a channel remembers of its failures, over its attempts and its owners.
// While it is Failing the channel is RETRYING, whatever an attempt does, and its errors
// stay open. So a server that accepts connections and is dead, or that cuts each stream
// after some seconds, shows as one failure that lasts, and not as a channel that starts
// and runs again and again.
//
// A channel recovers when it has worked for Needs without a failure:
//
//	it failed never before, or a minute ago or more   at once
//	it failed d after it had recovered                after 2d, and a second at least
//	it failed d after it began to work, not recovered after 2d, if that is more than before
//
// A stream that is cut every d seconds thus never counts as recovered, while a short
// outage is over when it is over.
type Health struct {
	Retries   uint64        `json:"retries"`   // failures after which it tried again
	Failing   bool          `json:"failing"`   // it has not recovered from the newest failure
	Recovered time.Time     `json:"recovered"` // when it recovered last; zero: never
	Needs     time.Duration `json:"needs"`

	since time.Time // since when it works, while Failing; zero: it does not
}

const (
	// healthy is how long a recovered channel works until its next failure is a first one.
	healthy = time.Minute
	// leastNeeds is the shortest time that is not at once: status is published each second.
	leastNeeds = time.Second
)

// Fail notes a failure; again says that the channel tries again by itself.
func (h *Health) Fail(now time.Time, again bool) {
	if again {
		h.Retries++
	}
	switch {
	case h.Failing && !h.since.IsZero():
		h.Needs = max(h.Needs, 2*now.Sub(h.since))
	case h.Failing:
	case h.Recovered.IsZero() || now.Sub(h.Recovered) >= healthy:
		h.Needs = 0
	default:
		h.Needs = max(leastNeeds, 2*now.Sub(h.Recovered))
	}
	h.Needs = min(h.Needs, 2*healthy)
	h.Failing, h.since = true, time.Time{}
}

// works notes that the channel works now. It returns true if it recovered by that.
func (h *Health) works(now time.Time) bool {
	if !h.Failing {
		return false
	}
	if h.since.IsZero() {
		h.since = now
	}
	if now.Sub(h.since) < h.Needs {
		return false
	}
	h.Failing, h.Recovered, h.since = false, now.UTC(), time.Time{}
	return true
}

// Inherited returns what the next run of a channel goes on with whose last one ended
// with this status: a run that an operator began starts with a clean record.
func (h Health) Inherited(status string) Health {
	switch status {
	case StatusRunning, StatusRetrying, StatusStarting:
		h.since = time.Time{}
		return h
	}
	return Health{Retries: h.Retries}
}
