package snapshot_test

import (
	"errors"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/snapshot"
)

// TestWholeChunks: a chunk of rows that turn out to be wide is refused before
// it takes more memory than it may, and cut until all rows were read once.
func TestWholeChunks(t *testing.T) {
	l := newLab(t, servers.MariaDB)
	l.exec(t, "CREATE TABLE d.t (id INT PRIMARY KEY, v LONGTEXT)")
	l.exec(t, "INSERT INTO d.t SELECT seq, IF(seq BETWEEN 2000 AND 2040, REPEAT('w', 400000), IF(seq = 3000, REPEAT('x', 3000000), 'narrow')) FROM d.seq_1_to_4000")
	const most = 2 << 20
	s := newSplitter(t, l, l.table(t, "t"))
	s.Observe(4000, 4000, time.Millisecond)
	seen, refused, largest := map[uint64]int{}, 0, int64(0)
	numbers := map[int]bool{}
	var pieces []snapshot.Chunk
	for {
		if len(pieces) == 0 {
			c, ok, err := s.Next(t.Context(), l.src.DB())
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			pieces = append(pieces, c)
		}
		c := pieces[len(pieces)-1]
		pieces = pieces[:len(pieces)-1]
		conn, err := l.src.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows, err := snapshot.ReadWhole(t.Context(), conn, c, most)
		_ = conn.Close() // a read that was cut off has closed it already
		var large *snapshot.TooLargeError
		if errors.As(err, &large) {
			refused++
			first, rest, ok, err := s.Cut(t.Context(), l.src.DB(), c, large.Rows)
			if err != nil || !ok {
				t.Fatalf("cut %s after %d rows: %v, %v", c, large.Rows, ok, err)
			}
			pieces = append(pieces, rest, first)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if numbers[c.No] {
			t.Errorf("two chunks have the number %d", c.No)
		}
		numbers[c.No] = true
		if len(rows.Rows) > 1 && rows.Memory > most {
			t.Errorf("%d rows take %d bytes", len(rows.Rows), rows.Memory)
		}
		if bytes, memory := snapshot.SizeOf(rows.Rows); bytes != rows.Bytes || memory != rows.Memory {
			t.Errorf("a read of %d bytes and %d of memory has %d and %d", rows.Bytes, rows.Memory, bytes, memory)
		}
		largest = max(largest, rows.Widest)
		for _, r := range rows.Rows {
			seen[r[0].Num]++
			if r[0].Num == 2001 && len(r[1].Bytes) != 400000 || r[1].Kind != replica.KindString {
				t.Errorf("row %d has %d bytes", r[0].Num, len(r[1].Bytes))
			}
		}
	}
	for id := uint64(1); id <= 4000; id++ {
		if seen[id] != 1 {
			t.Fatalf("row %d was read %d times", id, seen[id])
		}
	}
	if len(seen) != 4000 || refused < 5 || largest < 3_000_000 {
		t.Errorf("%d rows, %d chunks refused, the widest row takes %d bytes", len(seen), refused, largest)
	}
}

// TestCutNothing: a chunk without more rows stays as it is.
func TestCutNothing(t *testing.T) {
	l := newLab(t, servers.MariaDB)
	l.exec(t, "CREATE TABLE d.t (id INT PRIMARY KEY)")
	l.exec(t, "INSERT INTO d.t VALUES (1), (2), (3)")
	s := newSplitter(t, l, l.table(t, "t"))
	c, ok, err := s.Next(t.Context(), l.src.DB())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for _, n := range []int{3, 4} {
		first, _, ok, err := s.Cut(t.Context(), l.src.DB(), c, n)
		if err != nil || n == 4 && (ok || first.No != c.No || first.Hi != nil) {
			t.Errorf("cut after %d of 3 rows: %v, %v", n, ok, err)
		}
	}
	first, rest, ok, err := s.Cut(t.Context(), l.src.DB(), c, 1)
	if err != nil || !ok || len(l.readAll(t, first)) != 1 || len(l.readAll(t, rest)) != 2 || rest.No <= first.No {
		t.Errorf("%v, %v, %v, %v", first, rest, ok, err)
	}
}
