package cluster

import (
	"bytes"
	"log"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// How many of memberlist's lines about errors reach the log: packets that cannot
// be decrypted come as fast as somebody sends them.
const (
	gossipLines      = 10
	gossipLinesEvery = 30 * time.Second
)

// gossipLog makes memberlist's lines records of the node's log. What memberlist
// calls info or a warning is of no use to an operator and becomes debug.
type gossipLog struct {
	log    *slog.Logger
	errors atomic.Uint64 // lines about errors, logged or not

	mu         sync.Mutex
	since      time.Time // when the present period began
	logged     int       // lines in it
	suppressed uint64    // since the last line
}

func newGossipLog(l *slog.Logger) *gossipLog { return &gossipLog{log: l.With("part", "gossip")} }

// adapter returns the logger for memberlist.
func (g *gossipLog) adapter() *log.Logger { return log.New(g, "", 0) }

// Write logs one line, e.g. "[WARN] memberlist: Refuting a suspect message".
func (g *gossipLog) Write(p []byte) (int, error) {
	line := bytes.TrimSpace(p)
	level := "DEBUG"
	if rest, ok := bytes.CutPrefix(line, []byte("[")); ok {
		if l, text, ok := bytes.Cut(rest, []byte("] ")); ok {
			level, line = string(l), text
		}
	}
	text := string(bytes.TrimPrefix(line, []byte("memberlist: ")))
	if level != "ERR" && level != "ERROR" {
		g.log.Debug(text)
		return len(p), nil
	}
	g.errors.Add(1)
	if suppressed, ok := g.admit(time.Now()); ok && suppressed > 0 {
		g.log.Warn(text, "suppressed_before", suppressed)
	} else if ok {
		g.log.Warn(text)
	}
	return len(p), nil
}

// admit reports whether a line about an error may be logged, and how many were
// not since the last one.
func (g *gossipLog) admit(now time.Time) (suppressed uint64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.since) >= gossipLinesEvery {
		g.since, g.logged = now, 0
	}
	if g.logged == gossipLines {
		g.suppressed++
		return 0, false
	}
	g.logged++
	suppressed, g.suppressed = g.suppressed, 0
	return suppressed, true
}
