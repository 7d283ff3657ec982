package snapshot

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"sluice/replica"
	"sluice/replica/source"
)

// Resume tells which chunks of the table are done, in any order; Next then
// yields the rest: the gaps between them and what follows the last. It is
// called once, before Next. The chunks are those of an earlier Splitter of the
// same table version; others are refused with an error.
//
// Neighbours share a bound, so done chunks are joined without comparing keys.
// Only the order of the gaps that remain is asked of the server, since only it
// knows its collations.
func (s *Splitter) Resume(ctx context.Context, done []Chunk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(done) == 0 {
		return nil
	}
	j := newJoiner()
	for _, c := range done {
		if err := s.key.check(c.Lo); err != nil {
			return damaged(s.key.table, err)
		}
		if err := s.key.check(c.Hi); err != nil {
			return damaged(s.key.table, err)
		}
		if err := j.add(c); err != nil {
			return damaged(s.key.table, err)
		}
		s.nextNo = max(s.nextNo, c.No+1)
	}
	starts, ends := j.gapStarts(), j.gapEnds()
	sorted, err := s.sort(ctx, append(append([]Bound(nil), starts...), ends...))
	if err != nil {
		return source.Classify(fmt.Errorf("order the gaps of %s: %w", s.key.table, err))
	}
	gaps, err := pair(sorted, len(starts), j.openStart(), j.openEnd())
	if err != nil {
		return damaged(s.key.table, err)
	}
	s.gaps = gaps
	return nil
}

func damaged(t *replica.Table, err error) *replica.Error {
	return &replica.Error{Code: codeBadValue, State: "HY000", Class: "DATA",
		Message: fmt.Sprintf("the recorded chunks of %s do not fit together", t), Err: err,
		Remedy: "RESET MIGRATION, empty the target's tables, and start again"}
}

// joiner finds where runs of done chunks begin and end. A bound is known by
// its text.
type joiner struct {
	los, his map[string]Bound // "" stands for an open bound
}

func newJoiner() *joiner { return &joiner{los: map[string]Bound{}, his: map[string]Bound{}} }

func (j *joiner) add(c Chunk) error {
	lo, err := c.Lo.MarshalText()
	if err != nil {
		return err
	}
	hi, err := c.Hi.MarshalText()
	if err != nil {
		return err
	}
	_, twiceLo := j.los[string(lo)]
	_, twiceHi := j.his[string(hi)]
	if twiceLo || twiceHi {
		return fmt.Errorf("chunk %d overlaps another", c.No)
	}
	j.los[string(lo)], j.his[string(hi)] = c.Lo, c.Hi
	return nil
}

// openStart says whether the rows before the first done chunk are missing.
func (j *joiner) openStart() bool { _, has := j.los[""]; return !has }

// openEnd says whether the rows after the last done chunk are missing.
func (j *joiner) openEnd() bool { _, has := j.his[""]; return !has }

// gapStarts returns the upper bounds at which no done chunk begins.
func (j *joiner) gapStarts() []Bound { return without(j.his, j.los) }

// gapEnds returns the lower bounds at which no done chunk ends.
func (j *joiner) gapEnds() []Bound { return without(j.los, j.his) }

func without(a, b map[string]Bound) []Bound {
	var names []string
	for name := range a {
		if _, has := b[name]; !has && name != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names) // the same query for the same chunks
	out := make([]Bound, len(names))
	for i, name := range names {
		out[i] = a[name]
	}
	return out
}

// place is a bound and where it was in the list that was sorted.
type place struct {
	bound Bound
	index int
}

// pair makes gaps of sorted places: those with an index below starts begin a
// gap, the others end one, and they must alternate.
func pair(sorted []place, starts int, openStart, openEnd bool) ([]gap, error) {
	var gaps []gap
	open := openStart
	var lo Bound
	for _, p := range sorted {
		isStart := p.index < starts
		if isStart == open {
			return nil, fmt.Errorf("two chunks overlap")
		}
		if isStart {
			lo = p.bound
		} else {
			gaps = append(gaps, gap{lo: lo, hi: p.bound})
		}
		open = isStart
	}
	if open != openEnd {
		return nil, fmt.Errorf("two chunks overlap")
	}
	if open {
		gaps = append(gaps, gap{lo: lo})
	}
	return gaps, nil
}

// sort returns the bounds in the server's order.
func (s *Splitter) sort(ctx context.Context, bounds []Bound) ([]place, error) {
	if len(bounds) < 2 {
		out := make([]place, len(bounds))
		for i := range bounds {
			out[i] = place{bounds[i], i}
		}
		return out, nil
	}
	rows, err := s.db.QueryContext(ctx, s.key.sortQuery(bounds))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []place
	for rows.Next() {
		var i int
		if err := rows.Scan(&i); err != nil {
			return nil, err
		}
		out = append(out, place{bounds[i], i})
	}
	return out, rows.Err()
}

// sortQuery selects the indexes of the bounds in key order.
func (k *key) sortQuery(bounds []Bound) string {
	var q strings.Builder
	q.WriteString("SELECT i FROM (")
	for i, b := range bounds {
		if i > 0 {
			q.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&q, "SELECT %d AS i", i)
		for j, v := range b {
			fmt.Fprintf(&q, ", %s AS k%d", k.columns[j].sortLiteral(v), j)
		}
	}
	q.WriteString(") q ORDER BY ")
	for j := range k.columns {
		if j > 0 {
			q.WriteString(", ")
		}
		fmt.Fprintf(&q, "k%d", j)
	}
	return q.String()
}
