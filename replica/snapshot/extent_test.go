package snapshot_test

import (
	"fmt"
	"math"
	"testing"

	"sluice/replica/snapshot"
)

// TestGiven: how much of a table is handed out follows the rows, for keys that are one
// integer; of others it is known at the end.
func TestGiven(t *testing.T) {
	eachServer(t, func(t *testing.T, l *lab) {
		var rows []string
		for i := range 4000 {
			rows = append(rows, fmt.Sprintf("(%d)", 3*i-2000))
		}
		for _, c := range []struct {
			name, ddl string
			known     bool
		}{{"signed", "k INT PRIMARY KEY", true}, {"text", "k VARCHAR(20) PRIMARY KEY", false}, {"pair", "k INT, b INT DEFAULT 1, PRIMARY KEY (k, b)", false}} {
			l.exec(t, "CREATE TABLE d.g_"+c.name+" ("+c.ddl+")")
			l.insertMany(t, "INSERT INTO d.g_"+c.name+" (k)", rows)
			s := newSplitter(t, l, l.table(t, "g_"+c.name))
			if err := s.Measure(t.Context(), l.src.DB()); err != nil {
				t.Fatal(err)
			}
			var done []snapshot.Chunk
			given := 0
			s.Observe(100, 1000, 0)
			for {
				chunk, ok, err := s.Next(t.Context(), l.src.DB())
				if err != nil {
					t.Fatal(err)
				}
				part, known := s.Given()
				if !ok {
					if !known || part != 1 {
						t.Errorf("%s: at the end %v (%v) is given", c.name, part, known)
					}
					break
				}
				given += len(l.readAll(t, chunk))
				if given == len(rows) {
					continue
				}
				if known != c.known || known && math.Abs(part-float64(given)/float64(len(rows))) > 0.01 {
					t.Errorf("%s: %d rows are given out, and the part is %v (%v)", c.name, given, part, known)
				}
				if done = append(done, chunk); given > len(rows)/2 && c.known {
					r := newSplitter(t, l, l.table(t, "g_"+c.name))
					if err := r.Resume(t.Context(), done); err != nil {
						t.Fatal(err)
					}
					if err := r.Measure(t.Context(), l.src.DB()); err != nil {
						t.Fatal(err)
					}
					if again, _ := r.Given(); math.Abs(again-part) > 0.01 {
						t.Errorf("%s: after a resume the part is %v, before it was %v", c.name, again, part)
					}
				}
			}
		}
		l.exec(t, "CREATE TABLE d.g_empty (k INT PRIMARY KEY)")
		s := newSplitter(t, l, l.table(t, "g_empty"))
		if err := s.Measure(t.Context(), l.src.DB()); err != nil {
			t.Fatal(err)
		}
		if part, known := s.Given(); known {
			t.Errorf("of an empty table %v is given before it is read", part)
		}
	})
}
