// Package stdlog keeps what libraries print with Go's package log out of the
// output of commands, from before main runs, and gives it to the node's log.
package stdlog

import (
	"bytes"
	"log"
	"sync"
)

// maxHeld bounds the lines that are kept until Route is called.
const maxHeld = 100

var lines = &writer{}

// init runs before that of any library that needs net/http: Go initializes the
// first package, by import path, whose imports are ready, and this one imports
// next to nothing. TestCommandsPrintNothingElse in package main proves it.
func init() {
	log.SetFlags(0)
	log.SetOutput(lines)
}

// Route passes the lines held so far, and every later one, to emit without their
// line ends. emit must not use package log. Without Route they are dropped when
// the process ends.
func Route(emit func(line string)) {
	lines.mu.Lock()
	defer lines.mu.Unlock()
	for _, l := range lines.held {
		emit(l)
	}
	lines.held, lines.emit = nil, emit
}

// writer is the output of package log.
type writer struct {
	mu   sync.Mutex
	held []string
	emit func(string) // nil until Route
}

// Write implements io.Writer for one line.
func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := string(bytes.TrimRight(p, "\n"))
	if w.emit != nil {
		w.emit(line)
	} else if len(w.held) < maxHeld {
		w.held = append(w.held, line)
	}
	return len(p), nil
}
