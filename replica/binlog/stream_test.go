package binlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/replica"
)

// streams are what every source does.
func streams(t *testing.T, l *lab) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *lab)
	}{
		{"Rotation", rotation}, {"Reopen", reopen}, {"Keepalive", keepalive}, {"Kill", kill}, {"Identity", identities},
		{"Checksums", checksums}, {"Damage", damage}, {"Parts", parts}, {"Savepoints", savepoints}, {"EmptyTransactions", empties},
		{"CreateSelect", createSelect}, {"MixedEngines", mixedEngines}, {"OnePhaseXA", onePhaseXA}, {"TwoPhaseXA", twoPhaseXA},
		{"LargeXA", largeXA}, {"Statements", statements}, {"MinimalImage", minimalImage}, {"Unwanted", unwanted},
		{"Definitions", definitions}, {"Cancel", cancelled}, {"SlowReader", slowReader},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, l) })
	}
}

func wantIDs(t *testing.T, got []uint64, want ...uint64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("rows %v, want %v", got, want)
	}
}

// slowReader does not read for three times as long as the source waits by default
// for one of its clients, with more in its log than lies in buffers on the way. The
// source goes on waiting, and nothing is read twice or lost.
func slowReader(t *testing.T, l *lab) {
	l.exec(t, "SET GLOBAL net_write_timeout=1", "CREATE TABLE slow (id INT PRIMARY KEY, b LONGBLOB)")
	defer l.exec(t, "SET GLOBAL net_write_timeout=60", "DROP TABLE slow")
	rd := l.open(t, l.here(t), l.tables(t, "slow"))
	var want []uint64
	for id := range uint64(48) {
		l.exec(t, fmt.Sprintf("INSERT INTO slow VALUES (%d, REPEAT('x', 1000000))", id+1))
		want = append(want, id+1)
	}
	first, err := rd.Next()
	for err == nil && len(first.Rows) == 0 {
		first, err = rd.Next()
	}
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(3 * time.Second)
	wantIDs(t, ids(append([]*replica.Transaction{first}, l.collect(t, rd)...)), want...)
}

func rotation(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE rotation (id INT PRIMARY KEY)")
	x := l.tables(t, "rotation")
	for _, from := range []replica.Position{l.here(t), l.hereFile(t)} {
		rd := l.open(t, from, x)
		l.exec(t, "DELETE FROM rotation", "INSERT INTO rotation VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO rotation VALUES (2)",
			"FLUSH BINARY LOGS", "FLUSH BINARY LOGS", "INSERT INTO rotation VALUES (3)")
		end, err := l.src.BinlogEnd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		txns := l.collect(t, rd)
		if n := len(ids(txns)); n < 3 {
			t.Fatalf("%d rows", n)
		}
		wantIDs(t, ids(txns[len(txns)-3:]), 1, 2, 3)
		last := txns[len(txns)-1]
		if last.End != end {
			t.Errorf("the last one ends at %s, the source says %s", last.End, end)
		}
		for i, x := range txns {
			if !x.Start.Before(x.End) || i > 0 && x.Start.Before(txns[i-1].End) {
				t.Errorf("transaction %d is from %s to %s", i, x.Start, x.End)
			}
			if age := time.Since(x.CommitTime); age < -time.Minute || age > 10*time.Minute {
				t.Errorf("transaction %d was committed %v ago", i, age)
			}
		}
		if a, b := txns[len(txns)-3], txns[len(txns)-2]; a.End.File == b.End.File {
			t.Errorf("both in %s", a.End.File)
		}
	}
}

// reopen opens the stream behind each transaction in turn.
func reopen(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE reopened (id INT PRIMARY KEY, v INT)")
	x := l.tables(t, "reopened")
	for _, from := range []replica.Position{l.here(t), l.hereFile(t)} {
		rd := l.open(t, from, x)
		l.exec(t, "DELETE FROM reopened", "INSERT INTO reopened VALUES (1, 0), (2, 0)", "FLUSH BINARY LOGS", "UPDATE reopened SET v = 1 WHERE id = 1",
			"INSERT INTO reopened VALUES (3, 0)", "DELETE FROM reopened WHERE id = 2")
		end := l.mark(t)
		all, err := until(rd, end)
		if err != nil {
			t.Fatal(err)
		}
		at := from.Clone()
		for i, done := range all {
			if at.Contains(done.ID) {
				t.Fatalf("%s contains %s already", at, done.ID)
			}
			at.Advance(done.ID)
			again := l.open(t, at, x)
			rest, err := until(again, end)
			again.Close()
			if err != nil {
				t.Fatalf("behind %s: %v", at, err)
			}
			if len(rest) != len(all)-i-1 {
				t.Fatalf("behind %s: %d transactions, want %d", at, len(rest), len(all)-i-1)
			}
			for k := range rest {
				if want := all[i+1+k]; rest[k].ID != want.ID || rest[k].Start != want.Start || rest[k].End != want.End || len(rest[k].Rows) != len(want.Rows) {
					t.Fatalf("behind %s: %v, want %v", at, rest[k], want)
				}
			}
		}
	}
}

func keepalive(t *testing.T, l *lab) {
	x := l.tables(t)
	for _, from := range []replica.Position{l.here(t), l.hereFile(t)} {
		rd := l.open(t, from, x)
		if len(l.collect(t, rd)) != 0 {
			t.Fatal("there is more than the mark")
		}
		// MariaDB writes checkpoints when nobody looks.
		eventually(t.Context(), t, "a keepalive at the source's end", func() bool {
			end := l.hereFile(t).At()
			began := time.Now()
			k, err := rd.Next()
			if err != nil {
				t.Fatal(err)
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
			if !k.Keepalive || k.Part() || k.ID != (replica.TxnID{}) {
				t.Fatalf("keepalive %+v", k)
			}
			return k.End == end
		})
		rd.Close()
	}
}

func kill(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE killed (id INT PRIMARY KEY)")
	x := l.tables(t, "killed")
	at := l.here(t)
	var got []uint64
	read := func(rd *Reader, want int) error {
		for len(got) < want {
			x, err := rd.Next()
			if err != nil {
				return err
			}
			if !x.Keepalive {
				at.Advance(x.ID)
			}
			got = append(got, ids([]*replica.Transaction{x})...)
		}
		return nil
	}
	for round := range 3 {
		rd := l.open(t, at, x)
		for i := range 10 {
			l.exec(t, fmt.Sprintf("INSERT INTO killed VALUES (%d)", round*10+i))
		}
		if err := read(rd, round*10+5); err != nil {
			t.Fatal(err)
		}
		l.exec(t, fmt.Sprintf("KILL %d", rd.ConnectionID()))
		for end := time.Now().Add(patience); ; {
			if err := read(rd, 1<<30); err != nil {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the killed connection goes on")
			}
		}
		rd.Close()
	}
	rd := l.open(t, at, x)
	if err := read(rd, 30); err != nil {
		t.Fatal(err)
	}
	for i, id := range got {
		if id != uint64(i) {
			t.Fatalf("lost or doubled: %v", got)
		}
	}
}

// identities checks who is told apart by a source, and who is not.
func identities(t *testing.T, l *lab) {
	x := l.tables(t)
	at := l.here(t)
	cfg := l.config()
	same := func(c *Config) { *c = cfg }
	one, other := l.open(t, at, x, same), l.open(t, at, x)
	for _, rd := range []*Reader{one, other} {
		if len(l.collect(t, rd)) != 0 {
			t.Fatal("there is more than the mark")
		}
	}
	query := "SHOW REPLICAS"
	if l.mariadb() {
		query = "SHOW SLAVE HOSTS"
	}
	rows, err := l.conn.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for rows.Next() {
		var id, host, port string
		var rest [2]any
		into := []any{&id, &host, &port, &rest[0], &rest[1]}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.Scan(into[:len(columns)]...); err != nil {
			t.Fatal(err)
		}
		if id == fmt.Sprint(cfg.ServerID) && host == cfg.ReportHost && port == fmt.Sprint(cfg.ReportPort) {
			named++
		}
	}
	if err := rows.Close(); err != nil || named != 1 {
		t.Errorf("%s names the reader %d times, error %v", query, named, err)
	}
	again := l.open(t, at, x, same)
	for end := time.Now().Add(patience); ; {
		_, err := one.Next()
		if err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the older connection of the same replica goes on")
		}
	}
	for _, rd := range []*Reader{again, other} {
		if _, err := until(rd, l.mark(t)); err != nil {
			t.Fatalf("evicted too: %v", err)
		}
	}
}

func checksums(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE sums (id INT PRIMARY KEY)")
	x := l.tables(t, "sums")
	from := []replica.Position{l.here(t), l.hereFile(t)}
	live := l.open(t, from[0], x)
	l.exec(t, "INSERT INTO sums VALUES (1)", "SET GLOBAL binlog_checksum=NONE", "INSERT INTO sums VALUES (2)",
		"SET GLOBAL binlog_checksum=CRC32", "INSERT INTO sums VALUES (3)", "SET GLOBAL binlog_checksum=NONE", "INSERT INTO sums VALUES (4)")
	middle := l.open(t, l.hereFile(t), x) // of a file without checksums
	end := l.mark(t)
	for _, rd := range []*Reader{live, l.open(t, from[0], x), l.open(t, from[1], x), middle} {
		txns, err := until(rd, end)
		if err != nil {
			t.Fatal(err)
		}
		if rd == middle {
			wantIDs(t, ids(txns))
		} else {
			wantIDs(t, ids(txns), 1, 2, 3, 4)
		}
		for range 2 {
			if k, err := rd.Next(); err != nil || !k.Keepalive && len(k.Rows) != 1 {
				t.Fatalf("%+v, %v", k, err)
			}
		}
		if strings.ContainsFunc(rd.at.File, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("file %q", rd.at.File)
		}
	}
	l.exec(t, "SET GLOBAL binlog_checksum=CRC32")
}

// damage turns a bit of what the source sends.
func damage(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE damaged (id INT PRIMARY KEY, v VARCHAR(50))")
	x := l.tables(t, "damaged")
	p := newProxy(t, l.Addr())
	through := func(c *Config) { c.Addr = p.addr() }
	for _, what := range []string{"in a row", "in a file's name"} {
		p.damage("")
		at := l.here(t)
		rd := l.open(t, at, x, through)
		_ = l.collect(t, rd)
		if what == "in a row" {
			p.damage("flip me please")
			l.exec(t, "INSERT INTO damaged VALUES (1, 'flip me please')")
		} else {
			p.damage("binlog.0")
			l.exec(t, "FLUSH BINARY LOGS")
		}
		e := failure(t, rd)
		if e.Code != 61130 || !e.Transient {
			t.Errorf("%s: %v", what, e)
		}
		rd.Close()
		p.damage("")
		again := l.open(t, at, x, through)
		for range 2 { // it comes whole the second time
			if _, err := again.Next(); err != nil {
				t.Fatal(err)
			}
		}
		again.Close()
	}
	rd := l.open(t, l.here(t), x, through)
	_ = l.collect(t, rd)
	p.cut()
	for end := time.Now().Add(patience); ; {
		if _, err := rd.Next(); err != nil {
			var e *replica.Error
			if errors.As(err, &e) {
				t.Errorf("a lost connection is not the source's error: %v", err)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("the connection was cut and goes on")
		}
	}
}

// parts reads a transaction that is larger than the bounds.
func parts(t *testing.T, l *lab) {
	l.exec(t, "CREATE TABLE large (id INT PRIMARY KEY, v VARCHAR(100))", "CREATE TABLE small (id INT PRIMARY KEY)")
	x := l.tables(t, "large", "small")
	for _, from := range []replica.Position{l.here(t), l.hereFile(t)} {
		l.exec(t, "DELETE FROM large", "DELETE FROM small")
		begin := l.here(t)
		if from.Mode() == replica.ModeFile {
			begin = l.hereFile(t)
		}
		c := l.fresh(t)
		runOn(t, c, "INSERT INTO small VALUES (1)", "BEGIN")
		for i := range 5 {
			runOn(t, c, "INSERT INTO large VALUES "+repeated(300, func(k int) string { return fmt.Sprintf("(%d, REPEAT('x', 90))", i*300+k) }))
		}
		runOn(t, c, "UPDATE large SET v = 'y' WHERE id < 10", "COMMIT", "INSERT INTO small VALUES (2)")
		for _, bound := range []func(*Config){func(c *Config) { c.MaxRows = 400 }, func(c *Config) { c.MaxBytes = 64 << 10 }} {
			txns := l.collect(t, l.open(t, begin, x, bound))
			first, last := txns[0], txns[len(txns)-1]
			if first.Part() || last.Part() || len(first.Rows) != 1 || len(last.Rows) != 1 {
				t.Fatalf("the neighbours are %v and %v", first, last)
			}
			split := txns[1 : len(txns)-1]
			if len(split) < 4 {
				t.Fatalf("only %d parts", len(split))
			}
			rows := uint64(0)
			at := begin.Clone()
			at.Advance(first.ID)
			for i, p := range split {
				end := i == len(split)-1
				if p.FirstRow != rows || p.More == end || p.Start != split[0].Start {
					t.Fatalf("part %d: first row %d, more %v, at %s; %d rows before", i, p.FirstRow, p.More, p.Start, rows)
				}
				if len(p.Rows) > 800 {
					t.Errorf("part %d has %d rows", i, len(p.Rows))
				}
				if len(p.Rows) > 0 && (p.ID != split[0].ID || at.Contains(p.ID)) {
					t.Errorf("part %d with rows is %s, the first is %s; done is %s", i, p.ID, split[0].ID, at)
				}
				rows += uint64(len(p.Rows))
			}
			at.Advance(split[len(split)-1].ID)
			if rows != 1510 || at.Contains(last.ID) {
				t.Fatalf("%d rows; %s contains %s", rows, at, last.ID)
			}
			if rest := l.collect(t, l.open(t, at, x, bound)); len(rest) == 0 || rest[0].ID != last.ID {
				t.Fatalf("behind it comes %v", rest)
			}
			for i, r := range rowsOf(split)[:1500] {
				if r.After[0].Num != uint64(i) {
					t.Fatalf("row %d is %d", i, r.After[0].Num)
				}
			}
		}
	}
}

// cancelled checks that a context ends a read at once, and that a source that
// does not speak is given up.
func cancelled(t *testing.T, l *lab) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := l.config()
	cfg.Heartbeat = time.Hour
	rd, err := Open(ctx, cfg, l.here(t), l.tables(t))
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := rd.Next(); err != nil {
				ended <- err
				return
			}
		}
	}()
	cancel()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("a cancelled read goes on")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, limit := range []time.Duration{50 * time.Millisecond, time.Hour} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		cfg := l.config()
		cfg.Addr, cfg.ConnectTimeout = ln.Addr().String(), limit
		began := time.Now()
		_, err := Open(ctx, cfg, l.here(t), l.tables(t))
		cancel()
		var ne net.Error
		if err == nil || time.Since(began) > patience || limit < time.Hour && (!errors.As(err, &ne) || !ne.Timeout()) {
			t.Errorf("silent source, limit %v: %v", limit, err)
		}
	}
}
