package snapshot

import (
	"context"
	"errors"
	"fmt"

	"sluice/replica"
	"sluice/replica/source"
)

// extent is the range of a key that is one integer. The rows' share of it says how far
// a copy is: a server's own estimate of its rows may be wrong by half.
type extent struct {
	lo, hi float64
	known  bool
}

// Measure reads the ends of the key, so that Given knows how much of it is handed out.
// For a key that is not one integer it does nothing. It runs a query on conn.
func (s *Splitter) Measure(ctx context.Context, conn Conn) error {
	if len(s.key.columns) != 1 {
		return nil
	}
	k := s.key.columns[0]
	if k.read != k.name || k.kind != replica.KindInt && k.kind != replica.KindUint {
		return nil // an expression would be computed for each row
	}
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("SELECT COALESCE(MIN(%s),0), COALESCE(MAX(%s),0) FROM %s",
		k.read, k.read, replica.QuoteTable(s.key.table.Schema, s.key.table.Name)))
	if err != nil {
		return source.Classify(fmt.Errorf("measure %s: %w", s.key.table, err))
	}
	defer rows.Close()
	var e extent
	if rows.Next() {
		if err := rows.Scan(&e.lo, &e.hi); err != nil {
			return source.Classify(fmt.Errorf("measure %s: %w", s.key.table, err))
		}
		e.known = e.hi > e.lo
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return source.Classify(fmt.Errorf("measure %s: %w", s.key.table, err))
	}
	s.mu.Lock()
	s.extent = e
	s.mu.Unlock()
	return nil
}

// Given returns which part of the key's range has been handed out in chunks, from 0 to 1;
// false where that is not known.
func (s *Splitter) Given() (part float64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gaps) == 0 && s.cutting == 0 {
		return 1, true
	}
	if !s.extent.known {
		return 0, false
	}
	left := s.held
	for i := range s.gaps {
		left += s.width(&s.gaps[i])
	}
	return min(max(0, 1-left/(s.extent.hi-s.extent.lo)), 1), true
}

// width is a gap's share of the extent; s.mu is held.
func (s *Splitter) width(g *gap) float64 {
	if !s.extent.known {
		return 0
	}
	at := func(b Bound, open float64) float64 {
		switch {
		case len(b) != 1:
			return open
		case b[0].Kind == replica.KindUint:
			return float64(b[0].Num)
		}
		return float64(int64(b[0].Num))
	}
	return max(0, min(at(g.hi, s.extent.hi), s.extent.hi)-max(at(g.lo, s.extent.lo), s.extent.lo))
}
