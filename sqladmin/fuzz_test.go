package sqladmin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// FuzzPacketReader reads packets from arbitrary bytes, and takes them apart.
func FuzzPacketReader(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 14}, uint16(100))
	f.Add(append([]byte{0xff, 0xff, 0xff, 0}, make([]byte, 1000)...), uint16(50))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 2, 0xfc, 1, 0}, uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, limit uint16) {
		m := &memory{limit: 1 << 20}
		held := m.holding("the packet", 1<<19)
		w := newWire(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(data), io.Discard})
		for range len(data) + 1 {
			b, _, err := w.read(int(limit), held)
			var own *Error
			if err != nil && !errors.Is(err, errTooLarge) && !errors.As(err, &own) {
				break
			}
			if err != nil && len(b) > headBytes || err == nil && len(b) > int(limit) {
				t.Fatalf("%d bytes, %v", len(b), err)
			}
			for _, read := range []func(p *payload){func(p *payload) { p.bytes() }, func(p *payload) { p.zero() }, func(p *payload) { p.length() },
				func(p *payload) { p.uint(8) }, func(p *payload) { p.take(int(p.length())) }, func(p *payload) { dateTimeParam(p, true); timeParam(p) }} {
				for p := (&payload{b: b}); !p.bad && len(p.b) > 0; {
					read(p)
				}
			}
		}
		held.drop()
		if m.used != 0 {
			t.Fatalf("%d bytes are counted", m.used)
		}
	})
}

// FuzzHandshake sends arbitrary bytes to a server that has greeted.
func FuzzHandshake(f *testing.F) {
	for _, c := range rogueLogins() {
		if len(c.data) < 1000 {
			f.Add(c.data)
		}
	}
	s := openFuzz(f, "")
	f.Fuzz(func(t *testing.T, data []byte) {
		server, client := net.Pipe()
		c := newConn(s, server, 1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.serve()
		}()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			io.Copy(io.Discard, client) //nolint:errcheck // it ends when the server hangs up
		}()
		client.SetWriteDeadline(time.Now().Add(time.Second)) //nolint:errcheck // of a pipe
		client.Write(data)                                   //nolint:errcheck // the server may have hung up
		client.Close()
		<-drained
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Fatal("the connection does not end")
		}
		s.logins.mu.Lock()
		clear(s.logins.failed)
		pending := len(s.logins.pending)
		s.logins.mu.Unlock()
		if pending != 0 || usedBytes(s) != 0 {
			t.Fatalf("%d logins and %d bytes are left", pending, usedBytes(s))
		}
	})
}

func openFuzz(f *testing.F, password string) *Server {
	d := newDouble()
	s, err := Open(context.Background(), Config{Addr: "127.0.0.1:0", Controller: d, Password: password, NodeID: 3, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	return s
}

// FuzzCommands gives a client that is logged in arbitrary commands.
func FuzzCommands(f *testing.F) {
	for i, b := range rogueCommands() {
		if i%50 == 0 {
			f.Add(b, []byte{mysql.COM_PING})
		}
	}
	f.Add([]byte("\x16SELECT ?, ?"), []byte("\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\xfd\x00\x08\x00\x03abc\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x03SELECT 1.5, 'a' LIKE 'b%', x'41' REGEXP 'a+' FROM migrations ORDER BY 1"), []byte("\x04nodes\x00%"))
	f.Add([]byte("\x03SET NAMES latin1, @a = 1, sql_mode = 'ANSI'"), []byte("\x03SHOW NODES WHERE node <> 'x' LIMIT 2"))
	s := openFuzz(f, "")
	f.Fuzz(func(t *testing.T, one, two []byte) {
		server, client := net.Pipe()
		c := newConn(s, server, 1)
		c.loginCharset = defaultCharset
		c.packets = make(chan inbound, 1)
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			io.Copy(io.Discard, client) //nolint:errcheck // it ends when the server hangs up
		}()
		stop := time.AfterFunc(2*time.Second, func() { c.session.close(errKilled) }) // a slow statement stops
		for _, b := range [][]byte{one, two} {
			if len(b) == 0 || b[0] == mysql.COM_CHANGE_USER { // it waits for an answer
				continue
			}
			if more, err := c.command(b); !more || err != nil {
				break
			}
		}
		stop.Stop()
		c.session.close(errGone)
		c.stmtsHeld.drop()
		c.line.Close()
		client.Close()
		<-drained
		if used := usedBytes(s); used != 0 {
			t.Fatalf("%d bytes are counted", used)
		}
	})
}

// FuzzStatement parses arbitrary text in each mode, and describes what is a
// SELECT.
func FuzzStatement(f *testing.F) {
	for _, sql := range []string{everyClause, "SELECT 1.5, 'a' FROM t WHERE a LIKE 'b%' GROUP BY 1 HAVING COUNT(*) > 0 ORDER BY 2 LIMIT 1", "SHOW NODES WHERE a = 1", "SET @a = 1",
		"CREATE SOURCE s SOURCE_HOST='h', SOURCE_PASSWORD='geheim'", "/*!40101 SET NAMES utf8 */", "WAIT FOR MIGRATION m UNTIL LAG < '1s'", "EXPLAIN SELECT 1", "\"a\" 'b\\'' `c` -- d\n# e"} {
		f.Add(sql, uint8(0))
		f.Add(sql, uint8(7))
	}
	s := openFuzz(f, "")
	f.Fuzz(func(t *testing.T, sql string, mode uint8) {
		if len(sql) > 1<<16 {
			return
		}
		held := s.memory.holding("the statement", maxRowBytes)
		defer held.drop()
		p, err := parseWithin(sql, lexMode{ansiQuotes: mode&1 != 0, noBackslashEscapes: mode&2 != 0, pipesConcat: mode&4 != 0}, held)
		if (err == nil) != (p.stmt != nil) {
			t.Fatalf("%v, %v", p.stmt, err)
		}
		if err != nil {
			var own *Error
			if !errors.As(err, &own) || own.Code == CodeUnknown {
				t.Fatal(err)
			}
			return
		}
		sel, ok := p.stmt.(*Select)
		if !ok {
			return
		}
		c := newConn(s, fakeConn{}, 1)
		defer c.session.close(errGone)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		x := c.executor(ctx)
		defer x.drop()
		if _, err := x.describe(ctx, sel.node); err != nil && asError(err, nil).Code == CodeUnknown && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if res, err := sel.run(ctx, x); err == nil {
			for _, row := range res.Rows {
				c.textRow(nil, res.Columns, row)
				c.binaryRow(nil, res.Columns, row)
			}
		}
	})
}

// fakeConn is a connection that is never used.
type fakeConn struct{ net.Conn }

func (fakeConn) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "x", Net: "unix"} }

// FuzzCharset decodes and encodes arbitrary bytes in each character set.
func FuzzCharset(f *testing.F) {
	f.Add("caf\xe9")
	f.Add("caf\u00e9 \U0001f600\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, b string) {
		for _, cs := range charsets {
			text, bad := cs.decode(b)
			if bad >= 0 {
				continue
			}
			if back, lost := cs.encode(text); lost > 0 || back != b {
				t.Fatalf("%s: %q becomes %q", cs.name, b, back)
			}
			if !strings.ContainsRune(text, 0xfffd) && strings.ToValidUTF8(text, "") != text {
				t.Fatalf("%s: %q is no UTF-8", cs.name, text)
			}
		}
	})
}
