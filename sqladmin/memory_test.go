package sqladmin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// heapPeak measures how much the live heap grows at most while f runs. The
// collector runs often, so that garbage hardly counts.
func heapPeak(t *testing.T, f func()) int64 {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() int64 {
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	before := read()
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := before
		for {
			select {
			case <-done:
				peak <- most
				return
			default:
				most = max(most, read())
				runtime.Gosched()
			}
		}
	}()
	f()
	close(done)
	return <-peak - before
}

// memoryClients returns clients of a server whose clients may hold limit bytes
// together.
func memoryClients(t *testing.T, n int, limit int64) (*Server, []*raw) {
	t.Helper()
	s := open(t, newDouble())
	s.memory.limit = limit
	var clients []*raw
	for range n {
		r, err := rawDial(t, s, rawOptions{password: testPassword})
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, r)
	}
	return s, clients
}

// atOnce calls f for each client, all at the same time.
func atOnce(clients []*raw, f func(i int, r *raw)) {
	var group sync.WaitGroup
	for i, r := range clients {
		group.Go(func() { f(i, r) })
	}
	group.Wait()
}

// sendShared sends a command whose data all clients share, so that the test
// itself takes no memory for it. data is shorter than a frame.
func (r *raw) sendShared(command byte, data ...[]byte) {
	n := 1
	for _, part := range data {
		n += len(part)
	}
	for _, part := range append([][]byte{{byte(n), byte(n >> 8), byte(n >> 16), 0, command}}, data...) {
		if _, err := r.net.Write(part); err != nil {
			r.t.Error(err)
		}
	}
	r.w.seq = 1
}

// skipRows reads a result set and keeps nothing of it.
func (r *raw) skipRows() error {
	for ends := btoi(r.caps&mysql.CLIENT_DEPRECATE_EOF != 0); ; {
		b, _, err := r.w.read(64<<10, nil)
		switch {
		case errors.Is(err, errTooLarge):
		case err != nil:
			return err
		case b[0] == 0xff:
			return rawError(b)
		case b[0] == 0xfe:
			if ends++; ends == 2 {
				return nil
			}
		}
	}
}

// doShared executes a statement of parts.
func (r *raw) doShared(parts ...[]byte) error {
	r.sendShared(mysql.COM_QUERY, parts...)
	return r.reply().err
}

// accepted returns true for the errors of a limit, and for none.
func accepted(err error) bool {
	c := rawCode(err)
	return c == 0 || c == CodeLimit || c == CodeMemory
}

// longDataHead is what COM_STMT_SEND_LONG_DATA has before the data.
func longDataHead(st stmt, param int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, st.id)
	return binary.LittleEndian.AppendUint16(b, uint16(param))
}

// TestMemoryOfClientsIsBounded lets clients do what takes much memory, all at
// once, and measures the heap. What is above the limit are the bytes that the
// limits leave uncounted, and garbage.
func TestMemoryOfClientsIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("collects garbage all the time")
	}
	const limit = 32 << 20
	const sessions = 12
	many := func(s string, n int) []byte { return []byte(strings.Repeat(s, n)) }
	mib := many("'", 1<<20)
	high := many("\x80", 300_000) // three bytes each in UTF-8
	comment := many("x", 1_000_000)
	zeros := many("\x00", 2<<20)
	highText, escapes := many("\x80", 4<<20), many(`\n`, 4<<20)
	list := many("'"+strings.Repeat(`\n`, 500_000)+"',", 7)
	name := many("x", 900_000)
	// ahead sends data for each parameter, waits for the other clients, and
	// executes.
	var others sync.WaitGroup
	ahead := func(r *raw, data []byte, pieces, params int) error {
		done := sync.OnceFunc(others.Done)
		defer done()
		st, err := r.prepare("SELECT LENGTH(?)" + strings.Repeat(",LENGTH(?)", params-1))
		if err != nil {
			return err
		}
		long, values := map[int]bool{}, make([]any, params)
		for k := range params {
			long[k], values[k] = true, ""
			for range pieces {
				r.sendShared(mysql.COM_STMT_SEND_LONG_DATA, longDataHead(st, k), data)
			}
		}
		if err := r.do(`\ping`).err; err != nil {
			r.t.Error(err)
		}
		done()
		others.Wait()
		r.execute(st, true, long, values...)
		_, _, err = r.rows()
		return err
	}
	for _, c := range []struct {
		name string
		want uint16 // the code that some client gets, at least
		f    func(r *raw) error
	}{
		{"one parameter in 15 pieces", CodeLimit, func(r *raw) error { return ahead(r, mib, 15, 1) }},
		{"15 parameters", CodeMemory, func(r *raw) error { return ahead(r, mib, 1, 15) }},
		{"2 parameters", CodeMemory, func(r *raw) error { return ahead(r, mib, 1, 2) }},
		{"latin1 parameters", CodeMemory, func(r *raw) error {
			if err := r.do("SET NAMES latin1").err; err != nil {
				return err
			}
			return ahead(r, high, 1, 15)
		}},
		{"latin1 statement", CodeMemory, func(r *raw) error {
			if err := r.do("SET NAMES latin1").err; err != nil {
				return err
			}
			return r.doShared([]byte("SHOW NODES LIKE '"), highText, []byte("'"))
		}},
		{"a text of escapes", CodeMemory, func(r *raw) error { return r.doShared([]byte("SHOW NODES LIKE '"), escapes, []byte("'")) }},
		{"texts of escapes", CodeMemory, func(r *raw) error {
			return r.doShared([]byte("CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DB=("), list, []byte("a)"))
		}},
		{"prepared statements with zeros", 0, func(r *raw) error {
			for range 8 {
				r.sendShared(mysql.COM_STMT_PREPARE, []byte("SELECT 1"), zeros)
				b := r.read()
				if b[0] == 0xff {
					return rawError(b)
				}
				r.read() // of its one column
				if r.caps&mysql.CLIENT_DEPRECATE_EOF == 0 {
					r.read()
				}
			}
			return nil
		}},
		{"variables", 0, func(r *raw) error {
			for k := range 8 {
				if err := r.doShared([]byte(fmt.Sprintf("SET @v%d = 'x' /*", k)), comment, []byte("*/")); err != nil {
					return err
				}
			}
			return nil
		}},
		{"names of variables", 0, func(r *raw) error {
			for k := range 8 {
				if err := r.doShared([]byte(fmt.Sprintf("SET @v%d = 1 /*", k)), comment, []byte("*/")); err != nil {
					return err
				}
			}
			return nil
		}},
		{"errors that repeat a name", 0, func(r *raw) error {
			r.sendShared(mysql.COM_QUERY, []byte("SHOW CREATE MIGRATION `"), name, []byte("`"))
			r.reply()
			return nil
		}},
		{"wide rows", CodeMemory, func(r *raw) error {
			if err := r.do("SET @a = '" + strings.Repeat("x", 60_000) + "'").err; err != nil {
				return err
			}
			r.sendShared(mysql.COM_QUERY, []byte("SELECT @a"+strings.Repeat(",@a", 300)))
			return r.skipRows()
		}},
		{"texts that CAST cuts, in many rows", CodeMemory, func(r *raw) error {
			if err := r.do("SET @a = '" + strings.Repeat("x", 60_000) + "'").err; err != nil {
				return err
			}
			r.sendShared(mysql.COM_QUERY, []byte("SELECT CAST(@a AS CHAR(59999)), CONVERT(@a, CHAR(59998)), SUBSTR(@a, 2) FROM information_schema.columns"))
			return r.skipRows()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, clients := memoryClients(t, sessions, limit)
			var got [sessions]uint16
			others.Add(sessions * btoi(strings.Contains(c.name, "parameter")))
			peak := heapPeak(t, func() {
				atOnce(clients, func(i int, r *raw) {
					err := c.f(r)
					if got[i] = rawCode(err); !accepted(err) {
						t.Errorf("client %d: %.300v", i, err)
					}
				})
			})
			t.Logf("the heap grew by %d MiB; codes %v", peak>>20, got)
			if peak > 2*limit {
				t.Errorf("the heap grew by %d MiB with a limit of %d", peak>>20, limit>>20)
			}
			if c.want != 0 && !slices.Contains(got[:], c.want) {
				t.Errorf("no client got %d", c.want)
			}
			for _, r := range clients {
				if err := r.do(`\reset`).err; err != nil {
					t.Fatal(err)
				}
			}
			if used := usedBytes(s); used != 0 {
				t.Errorf("%d bytes are counted after COM_RESET_CONNECTION", used)
			}
		})
	}
}

// TestRefusedPacketsWithoutAnswer sends packets that are skipped. Commands that
// have no answer get none, and the next command gets its own.
func TestRefusedPacketsWithoutAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		size  int
		limit int64
		code  uint16
	}{
		"larger than a packet may be":          {maxPacketBytes, maxNodeBytes, CodePacketTooLarge},
		"larger than the node's memory allows": {8 << 20, 16 << 20, CodeMemory},
		"larger than a value may be":           {1<<20 + 1, 16 << 20, CodeLimit},
	} {
		t.Run(name, func(t *testing.T) {
			s, clients := memoryClients(t, 1, c.limit)
			r := clients[0]
			st, err := r.prepare("SELECT ?")
			if err != nil {
				t.Fatal(err)
			}
			r.send(mysql.COM_STMT_SEND_LONG_DATA, string(longDataHead(st, 0))+strings.Repeat("x", c.size))
			if err := r.do(`\ping`).err; err != nil {
				t.Errorf("PING got the answer of another command: %v", err)
			}
			r.execute(st, true, map[int]bool{0: true}, "")
			if _, _, err := r.rows(); rawCode(err) != c.code {
				t.Errorf("the execution: %v, want %d", err, c.code)
			}
			r.execute(st, true, nil, "short")
			if _, rows, err := r.rows(); err != nil || len(rows) != 1 {
				t.Errorf("the next execution: %d rows, %v", len(rows), err)
			}
			r.send(mysql.COM_STMT_CLOSE, string(binary.LittleEndian.AppendUint32(nil, st.id))+strings.Repeat("x", c.size))
			if err := r.do(`\ping`).err; err != nil {
				t.Errorf("PING after CLOSE: %v", err)
			}
			r.execute(st, true, nil, "short")
			if _, _, err := r.rows(); rawCode(err) != CodeUnknownStatement {
				t.Errorf("a closed statement: %v", err)
			}
			if used := usedBytes(s); used != 0 {
				t.Errorf("%d bytes are counted", used)
			}
		})
	}
}

// TestAFullNodeCanBeHelped: when the clients hold all that they may, another one
// can log in, set its variables, find the large ones and end them, by text and by
// prepared statements.
func TestAFullNodeCanBeHelped(t *testing.T) {
	s, clients := memoryClients(t, 1, 2<<20)
	st, err := clients[0].prepare("SELECT ?")
	if err != nil {
		t.Fatal(err)
	}
	clients[0].send(mysql.COM_STMT_SEND_LONG_DATA, string(longDataHead(st, 0))+strings.Repeat("x", 500_000))
	if err := clients[0].do(`\ping`).err; err != nil {
		t.Fatal(err)
	}
	s.memory.mu.Lock()
	s.memory.limit = s.memory.used
	s.memory.mu.Unlock()
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.do("SET NAMES utf8mb4, @a = 'x', autocommit = 1").err; err != nil {
		t.Error(err)
	}
	if err := r.do("SHOW PROCESSLIST").err; err != nil {
		t.Error(err)
	}
	if st, err = r.prepare("KILL ?"); err != nil {
		t.Fatal(err)
	}
	r.execute(st, true, nil, float64(clients[0].id))
	if _, _, err := r.rows(); err != nil {
		t.Fatal(err)
	}
	running(t, s, clients[0].id, false)
	if err := r.do("SELECT 1").err; err != nil || usedBytes(s) != 0 {
		t.Errorf("after KILL: %d bytes, %v", usedBytes(s), err)
	}
}

// TestSessionsReturnMemory checks that the node gets back what a session kept
// when the session forgets it, by each way there is.
func TestSessionsReturnMemory(t *testing.T) {
	s, clients := memoryClients(t, 2, 16<<20)
	r := clients[0]
	fill := func() {
		t.Helper()
		if err := r.do("SET @a = '" + strings.Repeat("x", 200_000) + "'").err; err != nil {
			t.Fatal(err)
		}
		st, err := r.prepare("SELECT ?")
		if err != nil {
			t.Fatal(err)
		}
		r.send(mysql.COM_STMT_SEND_LONG_DATA, string(longDataHead(st, 0))+strings.Repeat("x", 500_000))
		if err := r.do(`\ping`).err; err != nil {
			t.Fatal(err)
		}
		if used := usedBytes(s); used < 600_000 {
			t.Errorf("%d bytes are counted of 700,000", used)
		}
	}
	fill()
	if err := r.do("SET @a = NULL").err; err != nil || usedBytes(s) > 600_000 {
		t.Errorf("a variable that is NULL: %d bytes, %v", usedBytes(s), err)
	}
	fill()
	if err := r.do(`\reset`).err; err != nil || usedBytes(s) != 0 {
		t.Errorf("COM_RESET_CONNECTION: %d bytes, %v", usedBytes(s), err)
	}
	fill()
	if err := r.do(`\changeuser`).err; err != nil || usedBytes(s) != 0 {
		t.Errorf("COM_CHANGE_USER: %d bytes, %v", usedBytes(s), err)
	}
	fill()
	r.net.Close()
	running(t, s, r.id, false)
	if err := clients[1].do("SELECT 1").err; err != nil || usedBytes(s) != 0 {
		t.Errorf("the end of the connection: %d bytes, %v", usedBytes(s), err)
	}
}
