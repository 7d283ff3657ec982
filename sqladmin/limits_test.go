package sqladmin

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	driver "github.com/go-sql-driver/mysql"
)

// slowLike and slowRegexp take minutes.
var (
	slowLike   = "SELECT '" + strings.Repeat("a", 500_000) + "' LIKE '%" + strings.Repeat("a", 250_000) + "b'"
	slowRegexp = "SELECT '" + strings.Repeat("a", 900_000) + "' REGEXP '(a?a?a?a?a?a?a?a?a?a?){50}(a{1,30}){1,30}b'"
)

// TestStatementsThatEndedNodes has statements of which each ended the process,
// or took all its memory.
func TestStatementsThatEndedNodes(t *testing.T) {
	s := open(t, newDouble())
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	nested := "'aaaa'"
	for range 60 {
		nested = "REPLACE(" + nested + ",'a','" + strings.Repeat("a", 40) + "')"
	}
	both := "'aaaaaaaa'"
	for range 8 { // doubles the text
		both = "CONCAT(" + both + "," + both + ")"
	}
	for name, c := range map[string]struct {
		sql  string
		code uint16
	}{
		"long decimal":        {"SELECT 1." + strings.Repeat("9", 73), 0},
		"longer decimal":      {"SELECT " + strings.Repeat("9", 5000) + "." + strings.Repeat("9", 5000), 0},
		"decimal in SHOW":     {"SHOW MIGRATIONS WHERE Errors < 1." + strings.Repeat("9", 73), 0},
		"decimal in SET":      {"SET @a = ." + strings.Repeat("9", 73), 0},
		"decimal in DO":       {"DO ." + strings.Repeat("9", 73), 0},
		"comments only":       {strings.Repeat("/**//**/", 12<<20/8), 0},
		"comments in SELECT":  {"SELECT 1" + strings.Repeat("/**//**/", 12<<20/8), CodeLimit},
		"fewer comments":      {"SELECT 1" + strings.Repeat("/**//**/", 1<<16), CodeLimit},
		"nested REPLACE":      {"SELECT " + nested, CodeLimit},
		"nested CONCAT":       {"SELECT LENGTH(" + both + ")", 0},
		"many texts":          {"SELECT " + strings.Repeat("CONCAT('"+strings.Repeat("x", 10_000)+"'),", 90) + "1", 0},
		"parentheses":         {"SELECT " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000), CodeLimit},
		"signs":               {"SELECT " + strings.Repeat("- ", 9000) + "1", CodeLimit},
		"sums":                {"SELECT 1" + strings.Repeat("+1", 5000), CodeLimit},
		"derived tables":      {"SELECT * FROM " + strings.Repeat("(SELECT * FROM ", 600) + "migrations" + strings.Repeat(") t", 600), CodeLimit},
		"words":               {"SELECT " + strings.Repeat("1,", 30_000) + "1", CodeLimit},
		"symbols":             {"CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(" + strings.Repeat("a,", 300_000) + "a)", CodeLimit},
		"many tables":         {"CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_TABLE=(" + strings.Repeat("a.b,", 100_000) + "a.b)", 0},
		"one long text":       {"CREATE SECRET s PASSWORD '" + strings.Repeat("x", 1<<20+1) + "'", CodeLimit},
		"one long name":       {"CREATE SOURCE " + strings.Repeat("x", 2<<20), CodeLimit},
		"pattern's size":      {"SELECT 'a' REGEXP '" + strings.Repeat("(a{30}){30}", 30) + "'", 3700},
		"pattern's length":    {"SELECT 'a' REGEXP '" + strings.Repeat("a", 5000) + "'", 3700},
		"user variables":      {"SET @a = '" + strings.Repeat("x", 300_000) + "'", CodeLimit},
		"hexadecimal":         {"SELECT 0x" + strings.Repeat("ab", 100_000), 0},
		"bits":                {"SELECT b'" + strings.Repeat("01", 100_000) + "'", 0},
		"question mark":       {"SELECT ?", CodeNotSupported},
		"unclosed everything": {"SELECT ((((('a", CodeParse},
	} {
		r.send(mysql.COM_QUERY, c.sql)
		if err := r.reply().err; rawCode(err) != c.code {
			t.Errorf("%s: %.200v, want %d", name, err, c.code)
		}
		r.send(mysql.COM_STMT_PREPARE, c.sql)
		b := r.read()
		if b[0] != 0xff { // skip what describes it
			st := stmt{params: int(b[7]) | int(b[8])<<8}
			for range st.params + (int(b[5]) | int(b[6])<<8) {
				r.read()
			}
		}
	}
	if err := r.do(`\reset`).err; err != nil { // forgets what was prepared
		t.Fatal(err)
	}
	if used := usedBytes(s); used > 3<<20 {
		t.Errorf("%d bytes are still counted", used)
	}
}

func usedBytes(s *Server) int64 {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return s.memory.used
}

// TestStatementsStop ends statements that take minutes, in each way there is.
func TestStatementsStop(t *testing.T) {
	for name, query := range map[string]string{"LIKE": slowLike, "REGEXP": slowRegexp,
		"SHOW LIKE": "SHOW NODES LIKE '%" + strings.Repeat("a", 300_000) + "b'"} {
		t.Run(name, func(t *testing.T) {
			d := newDouble()
			d.tables["nodes"][0][0] = strings.Repeat("a", 600_000)
			s := open(t, d)
			begin := func(db *sql.DB) (uint32, chan error) {
				conn, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				var id uint32
				if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
					t.Fatal(err)
				}
				done := make(chan error, 1)
				go func() {
					_, err := conn.ExecContext(t.Context(), query)
					done <- err
				}()
				running(t, s, id, true)
				return id, done
			}
			db := dial(t, s, "")
			id, done := begin(db)
			s.Kill(id, true)
			within(t, "KILL QUERY", done, CodeInterrupted)

			id, done = begin(db)
			s.Kill(id, false)
			within(t, "KILL", done, CodeInterrupted)

			leave(t, s, query)

			_, done = begin(db)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("shutdown: %v", err)
			}
			within(t, "shutdown", done, CodeShutdown)
		})
	}
}

// leave sends a query and closes the connection.
func leave(t *testing.T, s *Server, query string) {
	t.Helper()
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	r.send(mysql.COM_QUERY, query)
	running(t, s, r.id, true)
	r.send(mysql.COM_QUIT, "") // as libmysqlclient says good-bye
	r.net.Close()
	running(t, s, r.id, false)
}

// running waits until a connection runs a statement, or is gone.
func running(t *testing.T, s *Server, id uint32, want bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		there := false
		for _, i := range s.Sessions() {
			there = there || i.ID == id && (!want || strings.Contains(i.SQL, "<secret>")) // the long text, and not the statement before
		}
		if there == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("connection %d: running is not %v", id, want)
		}
	}
}

func within(t *testing.T, what string, done chan error, want uint16) {
	t.Helper()
	select {
	case err := <-done:
		if code(err) != want {
			t.Errorf("%s: %.200v", what, err)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: the statement runs on", what)
	}
}

// stubborn does not look at its context.
type stubborn struct {
	*double
	enter chan struct{}
	leave chan struct{}
}

func (d *stubborn) Execute(context.Context, Statement, *Session) (*Result, error) {
	d.enter <- struct{}{}
	<-d.leave
	return &Result{}, nil
}

// TestShutdownHasABound has a statement that nothing stops.
func TestShutdownHasABound(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for lastWait")
	}
	d := &stubborn{newDouble(), make(chan struct{}), make(chan struct{})}
	s := open(t, d.double, func(c *Config) { c.Controller = d })
	db := dial(t, s, "")
	done := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "START MIGRATION shop")
		done <- err
	}()
	<-d.enter
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	err := s.Shutdown(ctx)
	if took := time.Since(began); took > lastWait+5*time.Second || err == nil || !strings.Contains(err.Error(), "START MIGRATION shop") {
		t.Errorf("after %v: %v", took, err)
	}
	close(d.leave)
	<-done
}

func TestPreparedStatementsAreBounded(t *testing.T) {
	s := open(t, newDouble())
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	text := "SELECT 1 /*" + strings.Repeat("x", 900_000) + "*/"
	var kept []stmt
	for i := 0; ; i++ {
		st, err := r.prepare(text)
		if rawCode(err) == CodeLimit {
			break
		}
		if err != nil || i > 30 {
			t.Fatalf("statement %d: %v", i, err)
		}
		kept = append(kept, st)
	}
	if len(kept) < 10 || usedBytes(s) < 10<<20 {
		t.Errorf("%d statements, %d bytes", len(kept), usedBytes(s))
	}
	r.send(mysql.COM_STMT_CLOSE, string([]byte{byte(kept[0].id), 0, 0, 0}))
	if _, err := r.prepare("SELECT ?"); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
	if err := r.do(`\reset`).err; err != nil {
		t.Fatal(err)
	}
	if used := usedBytes(s); used > 1<<20 {
		t.Errorf("%d bytes are counted after COM_RESET_CONNECTION", used)
	}
	// Long data counts too.
	st, err := r.prepare("SELECT ?")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.send(mysql.COM_STMT_SEND_LONG_DATA, string([]byte{byte(st.id), byte(st.id >> 8), 0, 0, 0, 0})+strings.Repeat("y", 1<<20))
	}
	r.execute(st, true, map[int]bool{0: true}, "")
	if _, _, err := r.rows(); rawCode(err) != CodeLimit {
		t.Errorf("long data: %v", err)
	}
	r.execute(st, true, nil, "short")
	if _, rows, err := r.rows(); err != nil || len(rows) != 1 {
		t.Errorf("the next execution: %v", err)
	}
}

// TestNodeMemory lets the clients together reach the node's limit: they get an
// error, and go on when the memory is given back.
func TestNodeMemory(t *testing.T) {
	s := open(t, newDouble())
	s.memory.limit = 16 << 20
	var clients []*raw
	for range 2 {
		r, err := rawDial(t, s, rawOptions{password: testPassword})
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, r)
	}
	text := "SELECT 1 /*" + strings.Repeat("x", 900_000) + "*/"
	for i := 0; ; i++ {
		_, err := clients[0].prepare(text)
		if rawCode(err) == CodeMemory {
			break
		}
		if err != nil || i > 30 {
			t.Fatalf("statement %d: %v", i, err)
		}
	}
	large := "SELECT 1 /*" + strings.Repeat("x", 2_000_000) + "*/"
	if err := clients[1].do(large).err; rawCode(err) != CodeMemory {
		t.Errorf("the other client: %v", err)
	}
	if err := clients[1].do("SELECT 1").err; err != nil {
		t.Errorf("a small statement of the other client: %v", err)
	}
	clients[0].net.Close()
	running(t, s, clients[0].id, false)
	if err := clients[1].do(large).err; rawCode(err) != CodeLimit { // too large for a SELECT, and read
		t.Errorf("after the first has left: %v", err)
	}
}

// TestTooLargePacketIsSkipped checks that the connection goes on after it.
func TestTooLargePacketIsSkipped(t *testing.T) {
	r, err := rawDial(t, open(t, newDouble()), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.do("SELECT /*" + strings.Repeat("x", maxPacketBytes) + "*/ 1").err; rawCode(err) != CodePacketTooLarge {
		t.Errorf("got %v", err)
	}
	if err := r.do(fmt.Sprintf("SELECT @@max_allowed_packet = %d", maxPacketBytes)).err; err != nil {
		t.Error(err)
	}
}

// TestWriteDeadlineIsRenewed writes more than the buffer takes on a connection
// whose last deadline is over, as after a minute without a statement.
func TestWriteDeadlineIsRenewed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.SetWriteDeadline(time.Now().Add(-time.Second))
	w := newWire(&line{net: server})
	for range 4 {
		if err := w.write(bytes.Repeat([]byte{1}, 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	in := newWire(client)
	for range 4 {
		if b, _, err := in.read(1<<20, nil); err != nil || len(b) != 10_000 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
}

// TestUnfinishedPacketEnds checks the limits of line: until cuts what waits.
func TestUnfinishedPacketEnds(t *testing.T) {
	s := open(t, newDouble())
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.net.Write([]byte{0xff, 0xff, 0x00, 0, 3, 'S'}); err != nil { // 64 KiB are announced
		t.Fatal(err)
	}
	s.Kill(r.id, false)
	if _, _, err := r.w.read(1<<20, nil); err == nil {
		t.Error("the connection answers")
	}
	running(t, s, r.id, false)
}

// panicking is a Controller that panics when it reads or executes.
type panicking struct{ *double }

func (panicking) Read(context.Context, string, *Session) ([][]any, []Warning, error) { panic("read") }

func (panicking) Execute(context.Context, Statement, *Session) (*Result, error) { panic("execute") }

// TestPanicsCostTheStatement has a panic in each place: the connection goes on,
// or where that cannot be, the node.
func TestPanicsCostTheStatement(t *testing.T) {
	d := newDouble()
	s := open(t, d, func(c *Config) { c.Controller = panicking{d} })
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"SHOW NODES", "START MIGRATION shop", "SELECT * FROM sluice.nodes"} {
		if err := r.do(sql).err; rawCode(err) != CodeUnknown || !strings.Contains(err.Error(), "log of node") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if err := r.do("SELECT 1").err; err != nil {
		t.Errorf("the connection does not go on: %v", err)
	}
	c := newConn(s, fakeConn{}, 1)
	defer c.session.close(errGone)
	if err := c.protect(func() error { panic("a library") }); err == nil {
		t.Error("a panic is no error")
	}
	c.survive(func() { panic("serve") })
	if used := usedBytes(s); used != 0 {
		t.Errorf("%d bytes are counted", used)
	}
}

// TestWaitingPacketIsGivenBack leaves with a large packet behind a statement that
// runs.
func TestWaitingPacketIsGivenBack(t *testing.T) {
	s := open(t, newDouble())
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	r.send(mysql.COM_QUERY, slowLike)
	running(t, s, r.id, true)
	before := usedBytes(s)
	for range 2 {
		r.send(mysql.COM_QUERY, "SELECT 1 /*"+strings.Repeat("x", 5<<20)+"*/")
	}
	for end := time.Now().Add(10 * time.Second); usedBytes(s) < before+20<<20 && time.Now().Before(end); {
		runtime.Gosched()
	}
	s.Kill(r.id, false)
	running(t, s, r.id, false)
	for end := time.Now().Add(10 * time.Second); usedBytes(s) != 0; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are counted when all have left", usedBytes(s))
		}
	}
}

// TestRepeatedTexts has a text of a variable stand in a statement thousands of times:
// what is made of it is bounded before it is made.
func TestRepeatedTexts(t *testing.T) {
	db := dial(t, open(t, newDouble()), "")
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "SET @a = '"+strings.Repeat("x", 200_000)+"'"); err != nil {
		t.Fatal(err)
	}
	list := func(n int) string { return strings.Repeat("@a, ", n-1) + "@a" }
	var before, after runtime.MemStats
	for _, query := range []string{
		"SELECT 1 FROM migrations GROUP BY " + list(3000),
		"SELECT DISTINCT " + list(3000) + " FROM migrations",
		"SELECT " + list(3000),
		"SELECT COUNT(*), " + list(3000) + " FROM migrations",
		"SELECT GROUP_CONCAT(@a, @a, @a, @a, @a SEPARATOR '') FROM information_schema.columns",
	} {
		runtime.ReadMemStats(&before)
		rows, err := db.QueryContext(t.Context(), query)
		for err == nil && rows.Next() {
		}
		if err == nil {
			err = rows.Err()
		}
		runtime.ReadMemStats(&after)
		var me *driver.MySQLError
		if !errors.As(err, &me) || me.Number != CodeLimit {
			t.Errorf("%.60s..: %v", query, err)
		}
		if made := after.TotalAlloc - before.TotalAlloc; made > 100<<20 {
			t.Errorf("%.60s..: allocated %d MiB", query, made>>20)
		}
	}
	// What a client can take is answered.
	if _, err := db.ExecContext(t.Context(), "SELECT "+list(50)); err != nil {
		t.Error(err)
	}
}

// TestTrim removes strings, as MySQL does, and not sets of characters.
func TestTrim(t *testing.T) {
	db := dial(t, open(t, newDouble()), "")
	for query, want := range map[string]string{
		"SELECT TRIM(BOTH 'xy' FROM 'yxa'), TRIM(BOTH 'xy' FROM 'xyxyaxyx'), TRIM('xy' FROM 'xyaxy')":                          "yxa|axyx|a",
		"SELECT TRIM(LEADING 'x' FROM 'xxaxx'), TRIM(TRAILING 'x' FROM 'xxaxx'), TRIM(LEADING FROM '  a ')":                    "axx|xxa|a ",
		"SELECT TRIM(BOTH '' FROM 'a'), TRIM('  a  '), TRIM(BOTH 'é' FROM 'éaé'), CONCAT('[', TRIM(BOTH 'a' FROM 'aaa'), ']')": "a|a|a|[]",
	} {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := firstRow(t, rows); got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
	long := func(name, text string, n int) string {
		return "CONCAT(" + strings.Repeat("@"+name+",", n) + "'" + text + "')"
	}
	for _, set := range []string{"SET @a='" + strings.Repeat("é", 60000) + "'", "SET @b='" + strings.Repeat("ĩ", 60000) + "'"} {
		if _, err := db.ExecContext(t.Context(), set); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if _, err := db.ExecContext(t.Context(), "SELECT LENGTH(TRIM(BOTH "+long("b", "é", 8)+" FROM "+long("a", "", 8)+"))"); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("TRIM of long texts took %s: %v", time.Since(began), err)
	}
}

// TestManyUnknownColumns has thousands of columns that a derived table of thousands does not have: only the first is compared
// with what there is.
func TestManyUnknownColumns(t *testing.T) {
	const n = 2500
	name := func(prefix string, i int) string { return fmt.Sprintf("%s%s_%04d", prefix, strings.Repeat("x", 50), i) }
	var unknown, known []string
	for i := range n {
		unknown, known = append(unknown, name("u", i)), append(known, "1 "+name("k", i))
	}
	r, err := rawDial(t, open(t, newDouble()), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := r.do("SELECT " + strings.Join(unknown, ",") + " FROM (SELECT " + strings.Join(known, ",") + ") t").err; rawCode(err) != CodeUnknownColumn {
		t.Errorf("got %v", err)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

// TestRegularExpressionsAreBounded: those of a statement count while it runs, and those of ROUTE are few.
func TestRegularExpressionsAreBounded(t *testing.T) {
	s := open(t, newDouble())
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("a{1000}", 19)
	var list []string
	for i := range 12 {
		list = append(list, fmt.Sprintf("'x' REGEXP '%s%d'", big, i))
	}
	s.memory.mu.Lock()
	s.memory.limit = 8 << 20 // less than twelve take
	s.memory.mu.Unlock()
	if err := r.do("SELECT " + strings.Join(list, ",")).err; rawCode(err) != CodeMemory {
		t.Errorf("got %v", err)
	}
	if err := r.do("SELECT " + list[0]).err; err != nil {
		t.Error(err)
	}
	if used := usedBytes(s); used != 0 {
		t.Errorf("%d bytes are counted afterwards", used)
	}
	route := func(pattern string, n int) error {
		item := "('~" + pattern + "'.'x' TO b.c"
		return r.do("CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=(a) ROUTE " + item + strings.Repeat(", "+item[1:], n-1) + ")").err
	}
	began := time.Now()
	if err := route("a(b)", maxRegexps+1); rawCode(err) != CodeLimit {
		t.Errorf("many: %v", err)
	}
	if err := route(strings.Repeat("a{1000}", 3000), 1); rawCode(err) != 3700 {
		t.Errorf("a large one: %v", err)
	}
	if err := route(big, maxRegexps); err != nil && rawCode(err) == CodeLimit {
		t.Errorf("as many as may be: %v", err)
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("they took %v", d)
	}
}
