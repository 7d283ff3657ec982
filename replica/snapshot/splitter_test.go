package snapshot_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/snapshot"
)

// keyCase is a table whose key is hard to split.
type keyCase struct {
	name  string
	ddl   string
	after string // table options
	head  string // "IGNORE", or the columns of the INSERT
	rows  func(r *rand.Rand) []string
	only  servers.Kind
}

// unique returns n different results of one.
func unique(n int, one func() string) []string {
	seen := map[string]bool{}
	var out []string
	for tries := 0; len(out) < n && tries < 50*n; tries++ {
		s := one()
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func keyCases() []keyCase {
	one := func(n int, f func(r *rand.Rand) string) func(r *rand.Rand) []string {
		return func(r *rand.Rand) []string { return unique(n, func() string { return "(" + f(r) + ")" }) }
	}
	words := []string{"a", "A", "ä", "Z", "z ", "z", " ", "", "ß", "ss", "é", "e\u0301", "日本", "😀", "'", "\\\\", "\\0", "%", "_", "\\n", "ø", "o"}
	word := func(r *rand.Rand) string {
		var b strings.Builder
		for range 1 + r.IntN(6) {
			w := words[r.IntN(len(words))]
			if w == "'" {
				w = "''"
			}
			b.WriteString(w)
		}
		return "'" + b.String() + "'"
	}
	latin := func(r *rand.Rand) string {
		b := make([]byte, 1+r.IntN(5))
		for i := range b {
			b[i] = byte(1 + r.IntN(255))
		}
		return fmt.Sprintf("_latin1 X'%x'", b)
	}
	hex := func(n int) func(r *rand.Rand) string {
		return func(r *rand.Rand) string {
			b := make([]byte, r.IntN(n+1))
			for i := range b {
				b[i] = byte([]int{0, 0, 32, 65, 97, 255, r.IntN(256)}[r.IntN(7)])
			}
			return fmt.Sprintf("X'%x'", b)
		}
	}
	return []keyCase{
		{name: "bigint_ends", ddl: "k BIGINT PRIMARY KEY", rows: func(r *rand.Rand) []string {
			rows := one(300, func(r *rand.Rand) string { return fmt.Sprint(int64(r.Uint64())) })(r)
			return append(rows, fmt.Sprintf("(%d),(%d),(0),(-1),(1)", int64(math.MinInt64), int64(math.MaxInt64)))
		}},
		{name: "ubigint_ends", ddl: "k BIGINT UNSIGNED PRIMARY KEY", rows: func(r *rand.Rand) []string {
			rows := one(300, func(r *rand.Rand) string { return fmt.Sprint(r.Uint64() | 1<<63) })(r)
			return append(rows, "(0),(1),(9223372036854775807),(9223372036854775808),(18446744073709551615)")
		}},
		{name: "tinyint", ddl: "k TINYINT PRIMARY KEY", rows: func(*rand.Rand) []string {
			var rows []string
			for i := -128; i < 128; i++ {
				rows = append(rows, fmt.Sprintf("(%d)", i))
			}
			return rows
		}},
		{name: "skewed", ddl: "k INT PRIMARY KEY", rows: func(*rand.Rand) []string {
			rows := []string{"(-2147483648)", "(2147483647)", "(1000000000)"}
			for i := range 400 {
				rows = append(rows, fmt.Sprintf("(%d)", i))
			}
			return rows
		}},
		{name: "composite", ddl: "a INT, b VARCHAR(20), c DATETIME(3), PRIMARY KEY (a, b, c)", rows: one(600, func(r *rand.Rand) string {
			return fmt.Sprintf("%d,'%c','2020-01-01 00:00:00.%03d'", r.IntN(4)-2, 'a'+r.IntN(4), r.IntN(100))
		})},
		{name: "composite_skewed", ddl: "a BIGINT UNSIGNED, b INT, PRIMARY KEY (a, b)", rows: one(500, func(r *rand.Rand) string {
			return fmt.Sprintf("%d,%d", []uint64{0, 0, 0, 0, 0, math.MaxUint64}[r.IntN(6)], int32(r.Uint32()))
		})},
		{name: "text_ci", ddl: "k VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY", head: "IGNORE", rows: one(600, word)},
		{name: "text_unicode", ddl: "k VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci PRIMARY KEY", head: "IGNORE", rows: one(600, word)},
		{name: "text_0900", ddl: "k VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci PRIMARY KEY", head: "IGNORE", rows: one(600, word), only: servers.MySQL},
		{name: "text_bin", ddl: "k VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY", head: "IGNORE", rows: one(600, word)},
		{name: "text_utf8mb3", ddl: "k VARCHAR(50) CHARACTER SET utf8 COLLATE utf8_general_ci PRIMARY KEY", head: "IGNORE", rows: one(400, func(r *rand.Rand) string {
			return strings.ReplaceAll(word(r), "😀", "x")
		})},
		{name: "text_latin1", ddl: "k VARCHAR(50) CHARACTER SET latin1 PRIMARY KEY", head: "IGNORE", rows: one(600, latin)},
		{name: "text_latin1_bin", ddl: "k CHAR(50) CHARACTER SET latin1 COLLATE latin1_bin PRIMARY KEY", head: "IGNORE", rows: one(600, latin)},
		{name: "text_ucs2", ddl: "k VARCHAR(20) CHARACTER SET ucs2 PRIMARY KEY", head: "IGNORE", rows: one(300, func(r *rand.Rand) string {
			return strings.ReplaceAll(word(r), "😀", "x")
		})},
		{name: "text_sjis", ddl: "k VARCHAR(20) CHARACTER SET cp932 COLLATE cp932_bin PRIMARY KEY", head: "IGNORE", rows: func(r *rand.Rand) []string {
			// NEC's and IBM's doubles: two codes for one character.
			return []string{"(_cp932 X'8790')", "(_cp932 X'81e0')", "(_cp932 X'fa54')", "(_cp932 X'81ca')", "(_cp932 X'ed40')", "(_cp932 X'fa5c')", "(_cp932 X'5c')"}
		}},
		{name: "binary", ddl: "k BINARY(6) PRIMARY KEY", head: "IGNORE", rows: one(500, hex(6))},
		{name: "varbinary", ddl: "k VARBINARY(9) PRIMARY KEY", head: "IGNORE", rows: one(500, hex(9))},
		{name: "blob_prefix", ddl: "k BLOB, PRIMARY KEY (k(3))", head: "IGNORE", rows: one(300, hex(9))},
		{name: "text_prefix", ddl: "k TEXT CHARACTER SET utf8mb4, PRIMARY KEY (k(3))", head: "IGNORE", rows: one(400, word)},
		{name: "decimal", ddl: "k DECIMAL(38,10) PRIMARY KEY", rows: one(400, func(r *rand.Rand) string {
			return fmt.Sprintf("%d%018d.%010d", int32(r.Uint32())/10, r.Uint64()%1e18, r.Uint64()%1e10)
		})},
		{name: "decimal_zerofill", ddl: "k DECIMAL(10,2) ZEROFILL PRIMARY KEY", head: "IGNORE", rows: one(200, func(r *rand.Rand) string {
			return fmt.Sprintf("%d.%02d", r.IntN(99999), r.IntN(100))
		})},
		{name: "float", ddl: "k FLOAT PRIMARY KEY", head: "IGNORE", rows: one(500, func(r *rand.Rand) string {
			return fmt.Sprintf("%v", (r.Float32()-0.5)*float32(math.Pow(10, float64(r.IntN(60)-30))))
		})},
		{name: "double", ddl: "k DOUBLE PRIMARY KEY", head: "IGNORE", rows: one(500, func(r *rand.Rand) string {
			return fmt.Sprintf("%v", (r.Float64()-0.5)*math.Pow(10, float64(r.IntN(600)-300)))
		})},
		{name: "date", ddl: "k DATE PRIMARY KEY", head: "IGNORE", rows: one(300, func(r *rand.Rand) string {
			return fmt.Sprintf("'%04d-%02d-%02d'", []int{0, 1000, 2020, 9999}[r.IntN(4)], r.IntN(13), r.IntN(32))
		})},
		{name: "datetime", ddl: "k DATETIME(6) PRIMARY KEY", head: "IGNORE", rows: func(r *rand.Rand) []string {
			return append(one(300, func(r *rand.Rand) string {
				return fmt.Sprintf("'2020-02-%02d 00:00:00.%06d'", 1+r.IntN(31), r.IntN(1000000))
			})(r), "('0000-00-00 00:00:00'),('9999-12-31 23:59:59.999999')")
		}},
		{name: "timestamp", ddl: "k TIMESTAMP(2) NOT NULL PRIMARY KEY", head: "IGNORE", rows: func(r *rand.Rand) []string {
			return append(one(300, func(r *rand.Rand) string {
				return fmt.Sprintf("'2023-10-29 %02d:%02d:59.%02d'", r.IntN(24), r.IntN(60), r.IntN(100))
			})(r), "('0000-00-00 00:00:00')")
		}},
		{name: "time", ddl: "k TIME(3) PRIMARY KEY", head: "IGNORE", rows: func(r *rand.Rand) []string {
			return append(one(300, func(r *rand.Rand) string {
				return fmt.Sprintf("'%d:%02d:59.%03d'", r.IntN(1600)-800, r.IntN(60), r.IntN(1000))
			})(r), "('-838:59:59'),('838:59:59'),('-00:00:00.001')")
		}},
		{name: "year", ddl: "k YEAR PRIMARY KEY", rows: func(*rand.Rand) []string {
			rows := []string{"('0000')"}
			for y := 1901; y <= 2155; y++ {
				rows = append(rows, fmt.Sprintf("(%d)", y))
			}
			return rows
		}},
		{name: "enum", ddl: "k ENUM('z','y','x','w','10','2'), b INT, PRIMARY KEY (k, b)", head: "IGNORE", rows: one(200, func(r *rand.Rand) string {
			return fmt.Sprintf("%d,%d", 1+r.IntN(6), r.IntN(50))
		})},
		{name: "set", ddl: "k SET('a','b','c','d','e') PRIMARY KEY", rows: func(*rand.Rand) []string {
			var rows []string
			for i := range 32 {
				rows = append(rows, fmt.Sprintf("(%d)", i))
			}
			return rows
		}},
		{name: "bit", ddl: "k BIT(64) PRIMARY KEY", rows: one(300, func(r *rand.Rand) string { return fmt.Sprint(r.Uint64()) })},
		{name: "unique_key", ddl: "x INT NULL UNIQUE, k VARCHAR(20) NOT NULL, b BIGINT NOT NULL, UNIQUE `the key` (k, b)", rows: one(300, func(r *rand.Rand) string {
			return fmt.Sprintf("NULL,'%c',%d", 'a'+r.IntN(3), r.IntN(1000))
		})},
		{name: "invisible_key", ddl: "x INT NOT NULL AUTO_INCREMENT, k INT NOT NULL, UNIQUE v (x), UNIQUE u (k) INVISIBLE", head: "(k)", only: servers.MySQL, rows: one(300, func(r *rand.Rand) string { return fmt.Sprint(r.IntN(100000)) })},
		{name: "ignored_key", ddl: "x INT NOT NULL AUTO_INCREMENT, k INT NOT NULL, UNIQUE v (x), UNIQUE u (k) IGNORED", head: "(k)", only: servers.MariaDB, rows: one(300, func(r *rand.Rand) string { return fmt.Sprint(r.IntN(100000)) })},
		{name: "descending", ddl: "a INT, b INT, PRIMARY KEY (a DESC, b)", rows: one(300, func(r *rand.Rand) string {
			return fmt.Sprintf("%d,%d", r.IntN(10), r.IntN(1000))
		})},
		{name: "partitioned", ddl: "a INT, b INT, PRIMARY KEY (a, b)", after: "PARTITION BY HASH (b) PARTITIONS 4", rows: one(300, func(r *rand.Rand) string {
			return fmt.Sprintf("%d,%d", r.IntN(10), r.IntN(1000))
		})},
		{name: "empty", ddl: "k INT PRIMARY KEY", rows: func(*rand.Rand) []string { return nil }},
	}
}

func insertHead(c keyCase) string {
	if c.head == "IGNORE" {
		return "INSERT IGNORE INTO `" + c.name + "`"
	}
	return "INSERT INTO `" + c.name + "` " + c.head
}

// TestChunksCoverTable: every row of a table is in exactly one of its chunks,
// at several chunk sizes, and again when any part of the chunks is done.
func TestChunksCoverTable(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, l *lab) {
		t.Parallel()
		l.exec(t, "SET GLOBAL sql_mode = 'ALLOW_INVALID_DATES'")
		// A pool of new sessions has the mode.
		db, err := l.Open("d")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		l.db = db
		for _, c := range keyCases() {
			if !l.has(c.only) {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				l.exec(t, fmt.Sprintf("CREATE TABLE `%s` (%s) %s", c.name, c.ddl, c.after))
				l.insertMany(t, insertHead(c), c.rows(seeded()))
				m := l.table(t, c.name)
				want := l.wholeTable(t, m)
				for _, size := range []int64{1, 7} {
					chunks := split(t, l, newSplitter(t, l, m), size)
					if size == 7 && len(want) > 20 && len(chunks) < len(want)/8 {
						t.Fatalf("%d rows in %d chunks of about 7", len(want), len(chunks))
					}
					covers(t, l, chunks, want)
					resume(t, l, m, chunks, want)
				}
				chunks := splitBy(t, l, newSplitter(t, l, m), 2, 5)
				covers(t, l, chunks, want)
				resume(t, l, m, chunks, want)
			})
		}
	})
}

// farAway is a connection whose queries take their time; it knows how many ran
// at the same time.
type farAway struct {
	snapshot.Conn
	now, most atomic.Int32
}

func (f *farAway) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	n := f.now.Add(1)
	defer f.now.Add(-1)
	for most := f.most.Load(); n > most && !f.most.CompareAndSwap(most, n); most = f.most.Load() {
	}
	time.Sleep(20 * time.Millisecond) // what the line takes
	return f.Conn.QueryContext(ctx, query, args...)
}

// TestReadersShareATable: all readers of one table look for a chunk's bound at
// the same time; none waits for another's.
func TestReadersShareATable(t *testing.T) {
	t.Parallel()
	l := newLab(t, servers.MySQL)
	l.exec(t, "CREATE TABLE d.one (id INT PRIMARY KEY)")
	rows := make([]string, 3000)
	for i := range rows {
		rows[i] = fmt.Sprintf("(%d)", i)
	}
	l.insertMany(t, "INSERT INTO d.one", rows)
	s := newSplitter(t, l, l.table(t, "one"))
	s.Observe(10, snapshot.ChunkBytes, 0)
	const readers = 6
	far := &farAway{Conn: l.src.DB()}
	g, ctx := errgroup.WithContext(t.Context())
	for range readers {
		g.Go(func() error {
			for {
				if _, ok, err := s.Next(ctx, far); !ok || err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := far.most.Load(); n != readers {
		t.Errorf("%d of %d readers asked at the same time", n, readers)
	}
}

// wholeTable counts the table's rows, each by its text.
func (l *lab) wholeTable(t *testing.T, m *replica.Table) map[string]int {
	t.Helper()
	e, err := snapshot.OpenExact(t.Context(), l.src, []*replica.Table{m})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	want := map[string]int{}
	if _, _, err := e.Read(t.Context(), m, func(batch [][]replica.Value) error {
		for _, row := range batch {
			want[rowText(row)]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := l.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM d."+replica.Quote(m.Name)).Scan(&n); err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, count := range want {
		read += count
	}
	if n != read {
		t.Fatalf("the table has %d rows, the read %d", n, read)
	}
	return want
}

func covers(t *testing.T, l *lab, chunks []snapshot.Chunk, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, c := range chunks {
		for _, row := range l.readAll(t, roundTrip(t, c)) {
			got[rowText(row)]++
		}
	}
	for row, n := range want {
		if got[row] != n {
			t.Fatalf("row %s is in %d chunks", row, got[row])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows in chunks, %d in the table", len(got), len(want))
	}
}

// roundTrip sends a chunk's bounds through their text.
func roundTrip(t *testing.T, c snapshot.Chunk) snapshot.Chunk {
	t.Helper()
	for _, b := range []*snapshot.Bound{&c.Lo, &c.Hi} {
		text, err := b.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if *b, err = snapshot.ParseBound(string(text)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// resume takes random parts of the chunks as done: what the splitter then
// yields, and the done ones, cover the table again; and so once more.
func resume(t *testing.T, l *lab, m *replica.Table, chunks []snapshot.Chunk, want map[string]int) {
	t.Helper()
	r := seeded()
	if len(chunks) > 200 {
		// One row a chunk was covered; resume of it costs too much.
		chunks = split(t, l, newSplitter(t, l, m), 7)
	}
	for _, share := range []float64{0.2, 0.6, 1} {
		have := chunks
		for range 2 {
			var done []snapshot.Chunk
			last := 0
			for _, i := range r.Perm(len(have)) {
				if r.Float64() < share {
					done = append(done, roundTrip(t, have[i]))
					last = max(last, have[i].No)
				}
			}
			s := newSplitter(t, l, m)
			if err := s.Resume(t.Context(), done); err != nil {
				t.Fatal(err)
			}
			rest := split(t, l, s, 9)
			for _, c := range rest {
				if c.No <= last {
					t.Fatalf("chunk number %d was given again after %d", c.No, last)
				}
			}
			if share == 1 && len(rest) > 0 {
				t.Fatalf("all is done, and yet %d chunks", len(rest))
			}
			have = append(done, rest...)
		}
		covers(t, l, have, want)
	}
}
