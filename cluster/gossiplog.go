package cluster

import (
	"bytes"
	"log"
	"log/slog"
)

// logAdapter makes memberlist's lines records of the node's log. What
// memberlist calls info is of no use to an operator and becomes debug.
func logAdapter(l *slog.Logger) *log.Logger {
	return log.New(logWriter{l.With("part", "gossip")}, "", 0)
}

type logWriter struct{ log *slog.Logger }

// Write logs one line, e.g. "[WARN] memberlist: Refuting a suspect message".
func (w logWriter) Write(p []byte) (int, error) {
	line := bytes.TrimSpace(p)
	emit := w.log.Debug
	if rest, ok := bytes.CutPrefix(line, []byte("[")); ok {
		if level, text, ok := bytes.Cut(rest, []byte("] ")); ok {
			line = text
			if l := string(level); l == "ERR" || l == "ERROR" {
				emit = w.log.Warn
			}
		}
	}
	emit(string(bytes.TrimPrefix(line, []byte("memberlist: "))))
	return len(p), nil
}
