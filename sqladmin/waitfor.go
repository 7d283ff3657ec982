package sqladmin

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// WaitFor is WAIT FOR MIGRATION. The Controller waits until the condition
// holds, the context ends, or Timeout has passed (error CodeWaitTimeout); when
// the condition cannot come true any more it returns CodeWaitImpossible at
// once. Its Result has one row of WaitColumns.
type WaitFor struct {
	Migration string
	Channel   string // "" for all channels
	Condition WaitCondition
	// Timeout is DefaultWaitTimeout when not written; 0 means look once, and
	// less than 0 means no limit.
	Timeout time.Duration
	// ReturnOnTimeout asks for a row with Reached 0 in place of the error.
	ReturnOnTimeout bool
}

// WaitCondition holds when its one set field does.
type WaitCondition struct {
	Phase      string // this phase or a later one
	Status     string
	CaughtUp   bool
	HasLag     bool
	Lag        time.Duration // Seconds_Behind_Source is less than it
	AfterGTIDs string        // all of the set is applied
}

// DefaultWaitTimeout is shorter than the usual 60 s idle limit of a load
// balancer, so that the client gets an answer and not a lost connection.
const DefaultWaitTimeout = 50 * time.Second

// Verb implements Statement.
func (*WaitFor) Verb() string { return "WAIT FOR" }

func (*WaitFor) columns() []Column { return WaitColumns }

// String returns the condition as the grammar takes it.
func (c WaitCondition) String() string {
	switch {
	case c.Phase != "":
		return "PHASE = " + quote(c.Phase)
	case c.Status != "":
		return "STATUS = " + quote(c.Status)
	case c.CaughtUp:
		return "CAUGHT_UP"
	case c.HasLag:
		return "LAG < " + durationWord(c.Lag)
	}
	return "SQL_AFTER_GTIDS = " + quote(c.AfterGTIDs)
}

func parseWaitFor(p *parser) Statement {
	p.expectWords("MIGRATION")
	w := &WaitFor{Migration: p.name("migration"), Timeout: DefaultWaitTimeout}
	if p.words("FOR CHANNEL") {
		w.Channel = p.channelName()
	}
	p.expectWords("UNTIL")
	w.Condition = p.waitCondition()
	if p.words("TIMEOUT") {
		if p.words("NULL") || p.words("INFINITE") {
			w.Timeout = -1
		} else {
			w.Timeout = p.duration("TIMEOUT")
		}
	}
	if p.words("ON TIMEOUT") {
		if p.words("RETURN") {
			w.ReturnOnTimeout = true
		} else {
			p.expectWords("ERROR")
		}
	}
	return w
}

func (p *parser) waitCondition() WaitCondition {
	var c WaitCondition
	switch {
	case p.words("PHASE"):
		p.symbols(">=")
		p.equals()
		if c.Phase = p.enum("PHASE", Phases); slices.Contains(laterPhases, c.Phase) {
			p.fail(NotSupported("Phase " + c.Phase).WithRemedy("docs/cutover-by-hand.md says how to switch to the target today"))
		}
	case p.words("STATUS"):
		p.equals()
		c.Status = p.enum("STATUS", Statuses)
	case p.words("CAUGHT_UP"):
		c.CaughtUp = true
	case p.words("LAG"):
		if !p.symbols("<=") && !p.symbols("<") {
			p.expected("<")
		}
		c.HasLag, c.Lag = true, p.duration("LAG")
	case p.words("SQL_AFTER_GTIDS"):
		p.equals()
		c.AfterGTIDs = p.nonEmpty("SQL_AFTER_GTIDS")
	default:
		p.expected("PHASE", "STATUS", "CAUGHT_UP", "LAG", "SQL_AFTER_GTIDS")
	}
	return c
}

// duration reads '500ms', '30s', '5m', a number of seconds, or INTERVAL n unit.
func (p *parser) duration(what string) time.Duration {
	if p.words("INTERVAL") {
		n := p.number(what, 0, 1<<31)
		for _, u := range []struct {
			word string
			unit time.Duration
		}{{"SECOND", time.Second}, {"MINUTE", time.Minute}, {"HOUR", time.Hour}, {"DAY", 24 * time.Hour}} {
			if p.words(u.word) {
				return time.Duration(n) * u.unit
			}
		}
		p.expected("SECOND", "MINUTE", "HOUR", "DAY")
		return 0
	}
	text := p.value(what)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		return time.Duration(seconds * float64(time.Second))
	}
	d, err := time.ParseDuration(strings.ToLower(strings.TrimSpace(text)))
	if err != nil || d < 0 {
		p.fail(Errorf(CodeBadOption, "Option %s: '%s' is not a duration; allowed: '500ms', '30s', '5m' or a number of seconds", what, text))
		return 0
	}
	return d
}
