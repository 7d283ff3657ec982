package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"sluice/itest/lab/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, s *servers.Server, change func(*mysql.Config)) (*Conn, error) {
	t.Helper()
	cfg, err := mysql.ParseDSN(s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(cfg)
	}
	c, err := NewConnector(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Connect(t.Context())
}

func must(t *testing.T, c *Conn, sql string, want ...int64) {
	t.Helper()
	got, err := c.Exec(t.Context(), AppendQuery(nil, sql))
	if err != nil || len(want) > 0 && fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%.80s: %v, %v", sql, got, err)
	}
}

func isNumber(err error, n uint16) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && me.Number == n
}

// TestCommands runs every command against real servers, over plain TCP and over
// TLS.
func TestCommands(t *testing.T) {
	for _, kind := range []servers.Kind{servers.TiDB, servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			s := servers.ForTest(t, kind)
			c, err := open(t, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			testCommands(t, c)
			if kind != servers.MySQL {
				return
			}
			c, err = open(t, s, func(cfg *mysql.Config) { cfg.TLS = &tls.Config{InsecureSkipVerify: true} })
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if rows, err := c.Query(t.Context(), "SHOW STATUS LIKE 'Ssl_cipher'"); err != nil || rows[0][1] == "" {
				t.Errorf("TLS: %v, %v", rows, err)
			}
			testCommands(t, c)
		})
	}
}

func testCommands(t *testing.T, c *Conn) {
	must(t, c, "DROP DATABASE IF EXISTS w;CREATE DATABASE w;CREATE TABLE w.t (i BIGINT, u BIGINT UNSIGNED, d DOUBLE, s VARCHAR(100), b LONGBLOB, n INT)")
	must(t, c, "INSERT INTO w.t VALUES (1,1,1,'ä','x',NULL),(2,2,2,'','',2);UPDATE w.t SET i=3 WHERE i=2;DELETE FROM w.t", 2, 1, 2)
	if _, err := c.Exec(t.Context(), AppendQuery(nil, "INSERT INTO w.t(i) VALUES (5);INSERT INTO w.missing VALUES (1);INSERT INTO w.t(i) VALUES (6)")); !isNumber(err, 1146) {
		t.Errorf("a wrong statement: %v", err)
	}
	if _, err := c.Exec(t.Context(), AppendQuery(nil, "nonsense")); !isNumber(err, 1064) {
		t.Errorf("nonsense: %v", err)
	}
	rows, err := c.Query(t.Context(), "SELECT i, s, 'x' FROM w.t")
	if err != nil || fmt.Sprint(rows) != "[[5  x]]" {
		t.Errorf("after a failed packet: %q, %v", rows, err)
	}
	if _, err := c.Query(t.Context(), "SELECT * FROM w.missing"); !isNumber(err, 1146) {
		t.Errorf("a missing table: %v", err)
	}
	must(t, c, "DELETE FROM w.t")

	if _, _, err := c.Prepare(t.Context(), "INSERT INTO w.missing VALUES (?)"); !isNumber(err, 1146) {
		t.Errorf("prepare: %v", err)
	}
	id, params, err := c.Prepare(t.Context(), "INSERT INTO w.t VALUES (?,?,?,?,?,NULL),(?,?,?,?,?,7)")
	if err != nil || params != 10 {
		t.Fatalf("prepare: %d, %v", params, err)
	}
	types := []Type{Int, Uint, Double, Text, Bytes}
	long := bytes.Repeat([]byte("x"), 300)
	for n := range 3 {
		if n == 1 {
			types = nil
		}
		p := BeginExecute(nil, id, 10, types)
		for range 2 {
			p = AppendNumber(p, uint64(math.MaxUint64))
			p = AppendNumber(p, uint64(math.MaxUint64))
			p = AppendNumber(p, math.Float64bits(0.1))
			p = AppendText(p, []byte("é'\\"))
			p = AppendText(p, long)
		}
		if got, err := c.Exec(t.Context(), p); err != nil || fmt.Sprint(got) != "[2]" {
			t.Fatalf("execute: %v, %v", got, err)
		}
	}
	rows, err = c.Query(t.Context(), "SELECT i, u, d, s, LENGTH(b), n, COUNT(*) FROM w.t GROUP BY i, u, d, s, LENGTH(b), n ORDER BY n")
	if err != nil || fmt.Sprint(rows) != `[[-1 18446744073709551615 0.1 é'\ 300  3] [-1 18446744073709551615 0.1 é'\ 300 7 3]]` {
		t.Errorf("rows: %q, %v", rows, err)
	}
	if err := c.Forget(id); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), BeginExecute(nil, id, 10, nil)); !UnknownStatement(err) {
		t.Errorf("a forgotten statement: %v", err)
	}
	must(t, c, "DO 1", 0)
}

// TestLargePackets: commands and rows whose packets are split.
func TestLargePackets(t *testing.T) {
	s := servers.ForTest(t, servers.TiDB)
	setup, err := open(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	must(t, setup, "SET GLOBAL max_allowed_packet=67108864")
	_ = setup.Close()
	c, err := open(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, n := range []int{maxPayload, maxPayload + 1} {
		const head, tail = "SELECT REPEAT('y',250), LENGTH('", "')"
		text := head + strings.Repeat("x", n-1-len(head)-len(tail)) + tail
		rows, err := c.Query(t.Context(), text)
		if err != nil || rows[0][1] != fmt.Sprint(n-1-len(head)-len(tail)) || len(rows[0][0]) != 250 {
			t.Errorf("a command of %d bytes: %v", n, err)
		}
	}
	rows, err := c.Query(t.Context(), "SELECT REPEAT('abcdefgh', 4194304)")
	if err != nil || len(rows[0][0]) != 32<<20 || !strings.HasSuffix(rows[0][0], "efgh") {
		t.Errorf("a long row: %v", err)
	}
	must(t, c, "DO 1", 0)
	if cap(c.payload) > keepPayload {
		t.Errorf("%d bytes are kept", cap(c.payload))
	}
}

// TestEnds: what becomes of a command when its context or the connection ends.
func TestEnds(t *testing.T) {
	s := servers.ForTest(t, servers.TiDB)
	c, err := open(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.Query(ctx, "SELECT SLEEP(30)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a late answer: %v", err)
	}
	if _, err := c.Query(t.Context(), "SELECT 1"); !errors.Is(err, mysql.ErrInvalidConn) {
		t.Errorf("after it: %v", err)
	}
	killed, err := open(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer killed.Close()
	killer, err := open(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close()
	id, err := killed.Query(t.Context(), "SELECT CONNECTION_ID()")
	if err != nil {
		t.Fatal(err)
	}
	must(t, killer, "KILL "+id[0][0])
	if _, err = killed.Exec(t.Context(), AppendQuery(nil, "DO 1")); err == nil {
		_, err = killed.Exec(t.Context(), AppendQuery(nil, "DO 1"))
	}
	if !errors.Is(err, mysql.ErrInvalidConn) && !isNumber(err, 1317) {
		t.Errorf("a killed connection: %v", err)
	}
}

// TestConnect: who cannot connect is told why.
func TestConnect(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL)
	if _, err := open(t, s, func(c *mysql.Config) { c.Passwd = "wrong" }); !isNumber(err, 1045) {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := open(t, s, func(c *mysql.Config) { c.TLS = &tls.Config{} }); err == nil || errors.Is(err, mysql.ErrInvalidConn) {
		t.Errorf("a certificate that nobody signed: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := l.Addr().String()
	defer l.Close()
	var ne net.Error
	if _, err := open(t, s, func(c *mysql.Config) { c.Addr, c.Timeout = silent, 200*time.Millisecond }); !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("a silent server: %v", err)
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	if _, err := open(t, s, func(c *mysql.Config) { c.Addr = gone.Addr().String() }); !errors.As(err, &ne) {
		t.Errorf("no server: %v", err)
	}
	if _, err := NewConnector(&mysql.Config{}, nil); err == nil {
		t.Error("no address, no error")
	}
}

// TestFallback: a server without TLS is used without it only where that is
// allowed.
func TestFallback(t *testing.T) {
	s := servers.ForTest(t, servers.MariaDB)
	for _, allowed := range []bool{false, true} {
		c, err := open(t, s, func(c *mysql.Config) {
			c.TLS, c.AllowFallbackToPlaintext = &tls.Config{InsecureSkipVerify: true}, allowed
		})
		if allowed != (err == nil) {
			t.Errorf("allowed %v: %v", allowed, err)
		}
		if err == nil {
			must(t, c, "DO 1", 0)
			_ = c.Close()
		}
	}
}

// FuzzAnswer: no bytes of a server make a connection panic, or return rows that
// it did not send.
func FuzzAnswer(f *testing.F) {
	ok := []byte{7, 0, 0, 1, 0, 2, 0, 2, 0, 0, 0}
	f.Add(ok)
	f.Add(append([]byte{7, 0, 0, 1, 0, 2, 0, 10, 0, 0, 0}, 7, 0, 0, 2, 0, 0xfc, 1, 2, 0, 0, 0))
	f.Add([]byte{9, 0, 0, 1, 0xff, 0x28, 4, '#', '4', '2', '0', '0', '0'})
	f.Add([]byte{1, 0, 0, 1, 1, 1, 0, 0, 2, 3, 5, 0, 0, 3, 0xfe, 0, 0, 2, 0, 2, 0, 0, 4, 1, 'a', 5, 0, 0, 5, 0xfe, 0, 0, 2, 0})
	f.Add([]byte{12, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 2, 3, 5, 0, 0, 3, 0xfe, 0, 0, 2, 0})
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, run := range []func(*Conn) error{
			func(c *Conn) error { _, err := c.Exec(t.Context(), AppendQuery(nil, "x")); return err },
			func(c *Conn) error { _, _, err := c.Prepare(t.Context(), "x"); return err },
			func(c *Conn) error {
				rows, err := c.Query(t.Context(), "x")
				size := 0
				for _, r := range rows {
					for _, v := range r {
						size += len(v)
					}
				}
				if size > len(answer) {
					t.Errorf("%d bytes of rows out of %d", size, len(answer))
				}
				return err
			},
		} {
			client, server := net.Pipe()
			c := newConn(client, 0, 0)
			go func() {
				var h [HeaderBytes]byte
				_, _ = server.Read(h[:])
				_, _ = server.Read(make([]byte, 64))
				_, _ = server.Write(answer)
				_ = server.Close()
			}()
			_ = run(c)
			_ = client.Close()
		}
	})
}

// TestSeal: the packets of a long command, byte for byte.
func TestSeal(t *testing.T) {
	for _, n := range []int{0, 1, maxPayload - 1, maxPayload, maxPayload + 1, 3 * maxPayload} {
		payload := bytes.Repeat([]byte{7}, n)
		b := seal(append(make([]byte, HeaderBytes), payload...))
		var got []byte
		for seq := byte(0); ; seq++ {
			k := int(binary.LittleEndian.Uint32(b) & 0xffffff)
			if b[3] != seq {
				t.Fatalf("%d bytes: packet %d has the number %d", n, seq, b[3])
			}
			got, b = append(got, b[HeaderBytes:HeaderBytes+k]...), b[HeaderBytes+k:]
			if k < maxPayload {
				break
			}
		}
		if len(b) > 0 || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: %d come out, %d are left", n, len(got), len(b))
		}
	}
}

// TestServerThatTakesNothingIn: a command to a server that does not read ends.
func TestServerThatTakesNothingIn(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	c := newConn(client, 0, 10*time.Millisecond)
	if _, err := c.Exec(t.Context(), AppendQuery(nil, "x")); !errors.Is(err, mysql.ErrInvalidConn) {
		t.Error(err)
	}
}

// TestSlowServer: a server that takes a long command in slowly, but does, is not
// given up.
func TestSlowServer(t *testing.T) {
	client, server := net.Pipe()
	const wait = 200 * time.Millisecond
	c := newConn(client, 0, wait)
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(t.Context(), AppendQuery(nil, strings.Repeat("x", 8*writePiece)))
		done <- err
	}()
	buf, began := make([]byte, writePiece/2), time.Now()
	for left := HeaderBytes + 1 + 8*writePiece; left > 0; {
		n, err := server.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		left -= n
		time.Sleep(wait / 8) // the line is slow
	}
	if time.Since(began) < wait {
		t.Fatal("the line is not slow")
	}
	if _, err := server.Write([]byte{7, 0, 0, 1, okPacket, 0, 0, 2, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	_ = server.Close()
	_ = client.Close()
}

// TestPatience: an answer that does not come is missed, and the next connections wait longer, up to the most.
func TestPatience(t *testing.T) {
	p := NewPatience(70 * time.Millisecond)
	p.now.Store(int64(20 * time.Millisecond))
	for _, want := range []time.Duration{20, 40, 70, 70} {
		client, server := net.Pipe()
		go io.Copy(io.Discard, server)
		c := newConn(client, time.Duration(p.now.Load()), 0)
		c.missed = p.missed
		if c.wait != want*time.Millisecond {
			t.Errorf("the answer may take %v, want %v ms", c.wait, int(want))
		}
		began := time.Now()
		if _, err := c.Exec(t.Context(), AppendQuery(nil, "x")); !errors.Is(err, mysql.ErrInvalidConn) {
			t.Error(err)
		}
		if took := time.Since(began); took < c.wait {
			t.Errorf("it waited %v instead of %v", took, c.wait)
		}
		server.Close()
	}
	for range 3 { // connections of an earlier time
		p.missed(20 * time.Millisecond)
	}
	if now := time.Duration(p.now.Load()); now != p.most {
		t.Errorf("then %v", now)
	}
	c, err := NewConnector(&mysql.Config{Addr: "127.0.0.1:1", Net: "tcp", User: "u", ReadTimeout: time.Hour}, nil)
	if err != nil || time.Duration(c.patience.now.Load()) != leastPatience || c.patience.most != time.Hour {
		t.Errorf("a new connector: %v", err)
	}
}
