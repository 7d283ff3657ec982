package snapshot_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/snapshot"
	"sluice/replica/source"
)

// lab is a started server and an open source on it.
type lab struct {
	*servers.Server
	src *source.Source
	db  *sql.DB // for writing
}

func newLab(t testing.TB, kind servers.Kind, args ...string) *lab {
	t.Helper()
	s := servers.ForTest(t, kind, args...)
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	src, err := source.Open(t.Context(), source.Config{Name: "s1", Host: s.Host, Port: s.Port, User: s.User, Password: s.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	l := &lab{Server: s, src: src, db: db}
	l.exec(t, "CREATE DATABASE d")
	return l
}

// has says whether a case that is only for one product is for this server.
func (l *lab) has(only servers.Kind) bool {
	if only == servers.MariaDB {
		return l.src.Facts().Flavor == source.FlavorMariaDB
	}
	return only == "" || only == l.Kind
}

// eachServer runs a test on every kind of source.
func eachServer(t *testing.T, test func(t *testing.T, l *lab)) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB, servers.MariaDB11} {
		t.Run(string(kind), func(t *testing.T) { test(t, newLab(t, kind)) })
	}
}

func (l *lab) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := l.db.ExecContext(t.Context(), query, args...); err != nil {
		if len(query) > 200 {
			query = query[:200]
		}
		t.Fatalf("%s: %v", query, err)
	}
}

// insertMany runs an INSERT of many rows in pieces.
func (l *lab) insertMany(t *testing.T, head string, rows []string) {
	t.Helper()
	for len(rows) > 0 {
		n := min(len(rows), 500)
		l.exec(t, head+" VALUES "+strings.Join(rows[:n], ","))
		rows = rows[n:]
	}
}

// table builds the model of d.name from information_schema.
func (l *lab) table(t testing.TB, name string) *replica.Table {
	t.Helper()
	m := &replica.Table{Schema: "d", Name: name}
	rows, err := l.src.DB().QueryContext(t.Context(), `SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE,
		COALESCE(CHARACTER_SET_NAME, ''), COALESCE(COLLATION_NAME, ''), COALESCE(DATETIME_PRECISION, NUMERIC_SCALE, 0), EXTRA
		FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'd' AND TABLE_NAME = '`+name+`' ORDER BY ORDINAL_POSITION`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c replica.Column
		var dataType, nullable, extra string
		if err := rows.Scan(&c.Name, &dataType, &c.SQLType, &nullable, &c.Charset, &c.Collation, &c.Scale, &extra); err != nil {
			t.Fatal(err)
		}
		c.Type = columnTypes[strings.ToLower(dataType)]
		c.Unsigned = strings.Contains(c.SQLType, "unsigned")
		c.Nullable = nullable == "YES"
		c.Generated = regexp.MustCompile(`(VIRTUAL|STORED) GENERATED`).MatchString(extra)
		m.Columns = append(m.Columns, c)
	}
	if len(m.Columns) == 0 {
		t.Fatalf("no table d.%s", name)
	}
	l.keys(t, m)
	return m
}

func (l *lab) keys(t testing.TB, m *replica.Table) {
	t.Helper()
	rows, err := l.src.DB().QueryContext(t.Context(), `SELECT INDEX_NAME, COLUMN_NAME, COALESCE(SUB_PART, 0), NULLABLE = 'YES'
		FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'd' AND TABLE_NAME = '`+m.Name+`' AND NON_UNIQUE = 0
		ORDER BY INDEX_NAME, SEQ_IN_INDEX`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []replica.Index
	for rows.Next() {
		var name, column string
		var prefix int
		var nullable bool
		if err := rows.Scan(&name, &column, &prefix, &nullable); err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 || all[len(all)-1].Name != name {
			all = append(all, replica.Index{Name: name})
		}
		x := &all[len(all)-1]
		x.Columns = append(x.Columns, m.Column(column))
		x.Prefix = append(x.Prefix, prefix)
		x.Nullable = x.Nullable || nullable
	}
	for i := range all {
		if all[i].Name == "PRIMARY" {
			m.Primary = &all[i]
		} else {
			m.Unique = append(m.Unique, all[i])
		}
	}
}

var columnTypes = map[string]replica.ColumnType{
	"tinyint": replica.TypeTinyInt, "smallint": replica.TypeSmallInt, "mediumint": replica.TypeMediumInt, "int": replica.TypeInt,
	"bigint": replica.TypeBigInt, "float": replica.TypeFloat, "double": replica.TypeDouble, "decimal": replica.TypeDecimal,
	"bit": replica.TypeBit, "date": replica.TypeDate, "time": replica.TypeTime, "datetime": replica.TypeDateTime,
	"timestamp": replica.TypeTimestamp, "year": replica.TypeYear, "char": replica.TypeChar, "varchar": replica.TypeVarchar,
	"text": replica.TypeText, "longtext": replica.TypeText, "binary": replica.TypeBinary, "varbinary": replica.TypeVarbinary,
	"blob": replica.TypeBlob, "longblob": replica.TypeBlob, "enum": replica.TypeEnum, "set": replica.TypeSet,
	"json": replica.TypeJSON, "vector": replica.TypeVector, "geometry": replica.TypeGeometry, "point": replica.TypeGeometry,
}

// readAll reads a chunk and returns its rows.
func (l *lab) readAll(t *testing.T, c snapshot.Chunk) [][]replica.Value {
	t.Helper()
	conn, err := l.src.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var all [][]replica.Value
	rows, _, err := snapshot.Read(t.Context(), conn, c, func(batch [][]replica.Value) error {
		all = append(all, batch...)
		return nil
	})
	if err != nil {
		t.Fatalf("read %s: %v", c, err)
	}
	if int(rows) != len(all) {
		t.Fatalf("read %s: %d rows counted, %d handed on", c, rows, len(all))
	}
	return all
}

// split returns a table's chunks of about rows rows.
func split(t *testing.T, l *lab, s *snapshot.Splitter, rows int64) []snapshot.Chunk {
	t.Helper()
	s.Observe(rows, snapshot.ChunkBytes, 0) // as if that many rows were a whole chunk
	var chunks []snapshot.Chunk
	for {
		c, ok, err := s.Next(t.Context(), l.src.DB())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return chunks
		}
		chunks = append(chunks, c)
		if len(chunks) > 100_000 {
			t.Fatal("the splitter does not end")
		}
	}
}

// flaky is a connection on which every fifth query or so fails.
type flaky struct {
	snapshot.Conn
	mu   sync.Mutex
	rand *rand.Rand
}

var errFlaky = errors.New("the connection is flaky")

func (f *flaky) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	f.mu.Lock()
	fails := f.rand.IntN(5) == 0
	f.mu.Unlock()
	if fails {
		return nil, errFlaky
	}
	return f.Conn.QueryContext(ctx, query, args...)
}

// splitBy is split by several readers at the same time, whose queries fail now
// and then: what one was about to get, others get.
func splitBy(t *testing.T, l *lab, s *snapshot.Splitter, rows int64, readers int) []snapshot.Chunk {
	t.Helper()
	s.Observe(rows, snapshot.ChunkBytes, 0)
	conn := &flaky{Conn: l.src.DB(), rand: seeded()}
	var mu sync.Mutex
	var chunks []snapshot.Chunk
	g, ctx := errgroup.WithContext(t.Context())
	for range readers {
		g.Go(func() error {
			for range 100_000 {
				c, ok, err := s.Next(ctx, conn)
				if errors.Is(err, errFlaky) {
					continue
				}
				if err != nil || !ok {
					return err
				}
				mu.Lock()
				chunks = append(chunks, c)
				mu.Unlock()
			}
			return errors.New("the splitter does not end")
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	numbers := map[int]bool{}
	for _, c := range chunks {
		if numbers[c.No] {
			t.Fatalf("two chunks have the number %d", c.No)
		}
		numbers[c.No] = true
	}
	return chunks
}

func newSplitter(t *testing.T, l *lab, m *replica.Table) *snapshot.Splitter {
	t.Helper()
	s, err := snapshot.NewSplitter(l.src.DB(), m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valueText is a value for comparison and messages.
func valueText(v replica.Value) string {
	if v.IsNull() {
		return "NULL"
	}
	if v.Bytes != nil {
		return fmt.Sprintf("%d:%q", v.Kind, v.Bytes)
	}
	return fmt.Sprintf("%d:%d", v.Kind, v.Num)
}

func rowText(row []replica.Value) string {
	parts := make([]string, len(row))
	for i, v := range row {
		parts[i] = valueText(v)
	}
	return strings.Join(parts, "|")
}

// seeded is a source of random numbers that is the same in every run.
func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
