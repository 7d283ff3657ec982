package source

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"sluice/replica"
)

// Bounds of what StatementsAfter reads.
const (
	eventsAtOnce = 2000
	maxEvents    = 200_000
)

// StatementsAfter calls f with each statement that the binlog has from a
// position to its end, until f returns false. complete is true if f has seen
// them all; it is false too if the binlog no longer has the position, or has
// more than maxEvents events after it. The text has the bytes that the client sent.
func (s *Source) StatementsAfter(ctx context.Context, at replica.Coordinates, f func(schema, text string) bool) (complete bool, err error) {
	end, err := s.BinlogEnd(ctx)
	if err != nil {
		return false, err
	}
	logs, err := s.BinaryLogs(ctx)
	if err != nil {
		return false, err
	}
	events, found := 0, false
	for _, l := range logs {
		if found = found || l.Name == at.File; !found {
			continue
		}
		from := uint64(4)
		if l.Name == at.File {
			from = at.Pos
		}
		more, err := s.statementsIn(ctx, l.Name, from, &events, f)
		if err != nil || !more {
			return false, err
		}
		if l.Name == end.File {
			return true, nil
		}
	}
	return false, nil
}

// statementsIn reads one file. more is false if f has seen enough, or the bound
// is reached.
func (s *Source) statementsIn(ctx context.Context, file string, from uint64, events *int, f func(schema, text string) bool) (more bool, err error) {
	seen := from - 1 // the position of the newest event
	for {
		rows, err := s.Ask(ctx, fmt.Sprintf("SHOW BINLOG EVENTS IN '%s' FROM %d LIMIT %d", file, from, eventsAtOnce))
		if err != nil {
			return false, Classify(fmt.Errorf("read the statements of binlog file %s: %w", file, err))
		}
		progress := false
		for _, row := range rows {
			pos, err := strconv.ParseUint(row[1], 10, 64)
			if err != nil || len(row) < 6 {
				return false, fmt.Errorf("SHOW BINLOG EVENTS printed what is no event")
			}
			if pos <= seen {
				continue
			}
			seen, progress = pos, true
			if *events++; *events > maxEvents {
				return false, nil
			}
			if strings.HasPrefix(row[2], "Query") && !f(useClause(row[5])) {
				return false, nil
			}
		}
		if !progress {
			return true, nil
		}
		from = seen // its end is not printed in every version; it comes once more
	}
}

// useClause splits what SHOW BINLOG EVENTS prints of a statement: use `schema`;
// text.
func useClause(info string) (schema, text string) {
	rest, ok := strings.CutPrefix(info, "use `")
	if !ok {
		return "", info
	}
	for i := 0; i < len(rest); i++ {
		if rest[i] != '`' {
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '`' {
			i++
			continue
		}
		return strings.ReplaceAll(rest[:i], "``", "`"), strings.TrimPrefix(rest[i+1:], "; ")
	}
	return "", info
}
