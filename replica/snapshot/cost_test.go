package snapshot_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/replica"
	"sluice/replica/snapshot"
)

// TestChunksUseIndex counts the rows that the server touches for one chunk in
// the middle of a table: about the chunk's, for every kind of key.
func TestChunksUseIndex(t *testing.T) {
	keys := map[string]struct{ ddl, row string }{
		"int":       {"k INT PRIMARY KEY", "%d"},
		"text":      {"k VARCHAR(20) CHARACTER SET utf8mb4 PRIMARY KEY", "'k%05d'"},
		"latin":     {"k VARCHAR(20) CHARACTER SET latin1 PRIMARY KEY", "'k%05d'"},
		"utf8mb3":   {"k VARCHAR(20) CHARACTER SET utf8 PRIMARY KEY", "'k%05d'"},
		"binary":    {"k VARBINARY(20) PRIMARY KEY", "'k%05d'"},
		"decimal":   {"k DECIMAL(20,5) PRIMARY KEY", "%d.5"},
		"datetime":  {"k DATETIME(6) PRIMARY KEY", "'2020-01-01 00:00:00.%06d'"},
		"timestamp": {"k TIMESTAMP(6) NOT NULL PRIMARY KEY", "'2020-01-01 00:00:00.%06d'"},
		"double":    {"k DOUBLE PRIMARY KEY", "%d.5"},
		"composite": {"a INT, b VARCHAR(9), k INT, PRIMARY KEY (a, b, k)", "1,'b',%d"},
		"uint":      {"k BIGINT UNSIGNED PRIMARY KEY", "18446744073709%06d"},
	}
	eachServer(t, func(t *testing.T, l *lab) {
		for name, c := range keys {
			t.Run(name, func(t *testing.T) {
				l.exec(t, fmt.Sprintf("CREATE TABLE d.`%s` (%s)", name, c.ddl))
				var rows []string
				for i := range 5000 {
					rows = append(rows, "("+fmt.Sprintf(c.row, i)+")")
				}
				l.insertMany(t, fmt.Sprintf("INSERT INTO d.`%s`", name), rows)
				m := l.table(t, name)
				chunks := split(t, l, newSplitter(t, l, m), 100)
				if len(chunks) != 50 && len(chunks) != 51 {
					t.Errorf("%d chunks of 100 of 5000 rows", len(chunks))
				}
				conn, err := l.src.DB().Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := conn.ExecContext(t.Context(), "FLUSH STATUS"); err != nil {
					t.Fatal(err)
				}
				n, _, err := snapshot.Read(t.Context(), conn, chunks[25], func([][]replica.Value) error { return nil })
				if err != nil || n != 100 {
					t.Fatalf("%d rows, %v", n, err)
				}
				var touched int
				if err := conn.QueryRowContext(t.Context(), `SELECT SUM(VARIABLE_VALUE) FROM `+l.statusTable()+
					` WHERE VARIABLE_NAME IN ('Handler_read_next', 'Handler_read_key', 'Handler_read_rnd', 'Handler_read_rnd_next', 'Handler_read_first')`).Scan(&touched); err != nil {
					t.Fatal(err)
				}
				// The status query itself adds the rows of the status table that it
				// had touched so far, which on MariaDB are several hundred.
				if touched > 1500 {
					t.Errorf("the server touched %d rows for a chunk of 100", touched)
				}
			})
		}
	})
}

func (l *lab) statusTable() string {
	if strings.HasPrefix(string(l.Kind), "mariadb") {
		return "information_schema.SESSION_STATUS"
	}
	return "performance_schema.session_status"
}

// TestChunkSizes: chunks follow bytes and time, and grow in bounded steps.
func TestChunkSizes(t *testing.T) {
	eachServer(t, func(t *testing.T, l *lab) {
		l.exec(t, "CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT)")
		l.exec(t, "INSERT INTO d.t VALUES (1), (2), (3), (4), (5), (6), (7), (8)")
		for n := 8; n < 60000; n *= 2 {
			l.exec(t, "INSERT INTO d.t SELECT NULL FROM d.t")
		}
		m := l.table(t, "t")
		s := newSplitter(t, l, m)
		next := func() int64 {
			t.Helper()
			c, ok, err := s.Next(t.Context(), l.src.DB())
			if err != nil || !ok {
				t.Fatalf("%v, %v", ok, err)
			}
			return int64(len(l.readAll(t, c)))
		}
		first := next()
		if first > 2000 {
			t.Errorf("the first chunk has %d rows", first)
		}
		s.Observe(first, first*8, time.Millisecond)
		second := next()
		if second <= first || second > 4*first {
			t.Errorf("after %d rows come %d", first, second)
		}
		for range 2 {
			s.Observe(second, second*8, time.Millisecond)
			second = next()
		}
		if second > 20_000 {
			t.Errorf("a chunk of %d rows", second)
		}
		for range 20 {
			s.Observe(10, 10<<20, time.Millisecond) // a row is a MiB
		}
		if n := next(); n > 20 {
			t.Errorf("%d rows of 1 MiB", n)
		}
		for range 20 {
			s.Observe(10, 80, 2*time.Second)
		}
		if n := next(); n > 6 {
			t.Errorf("%d rows of 200 ms", n)
		}
	})
}

// TestResumeRefusesStrangers: chunks that overlap, or of another key, are an
// error and not a silent gap.
func TestResumeRefusesStrangers(t *testing.T) {
	eachServer(t, func(t *testing.T, l *lab) {
		l.exec(t, "CREATE TABLE d.t (id INT PRIMARY KEY)")
		m := l.table(t, "t")
		at := func(n int64) snapshot.Bound { return snapshot.Bound{integer(n)} }
		for name, done := range map[string][]snapshot.Chunk{
			"overlap":      {{No: 1, Hi: at(10)}, {No: 2, Lo: at(5), Hi: at(20)}},
			"inside":       {{No: 1, Lo: at(0), Hi: at(10)}, {No: 2, Lo: at(3), Hi: at(5)}},
			"twice":        {{No: 1, Hi: at(10)}, {No: 2, Hi: at(10)}},
			"reverse":      {{No: 1, Lo: at(10), Hi: at(5)}},
			"another type": {{No: 1, Hi: snapshot.Bound{number(replica.KindUint, 1)}}},
			"another key":  {{No: 1, Hi: append(at(1), at(2)...)}},
		} {
			err := newSplitter(t, l, m).Resume(t.Context(), done)
			var e *replica.Error
			if !errors.As(err, &e) || e.Code != 61203 {
				t.Errorf("%s: %v", name, err)
			}
		}
		l.exec(t, "CREATE TABLE d.nokey (id INT)")
		if _, err := snapshot.NewSplitter(l.src.DB(), l.table(t, "nokey")); !errors.Is(err, snapshot.ErrKeyless) {
			t.Errorf("a keyless table: %v", err)
		}
	})
}
