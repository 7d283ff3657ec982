package protocol

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a server whose bytes are known before: what is written to it is kept.
type script struct {
	in      *bytes.Reader
	written bytes.Buffer
}

func (s *script) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error)      { return s.written.Write(b) }
func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// packets gives each payload its header; the first has number seq.
func packets(seq byte, payloads ...string) []byte {
	var b []byte
	for i, p := range payloads {
		n := len(p)
		b = append(append(b, byte(n), byte(n>>8), byte(n>>16), seq+byte(i)), p...)
	}
	return b
}

const allCaps = capProtocol41 | capSecureConnection | capPluginAuth | capMultiResults | capMultiStatements | capTransactions | capLongFlag | capAttributes | capLenencAuth

// hello is the greeting of a server with a method.
func hello(caps uint32, method string) string {
	b := append([]byte{10}, "8.0.0\x00\x01\x00\x00\x00ABCDEFGH\x00"...)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps))
	b = append(b, 45, 2, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps>>16))
	b = append(append(b, 21), make([]byte, 10)...)
	return string(b) + "IJKLMNOPQRST\x00" + method + "\x00"
}

const okay = "\x00\x00\x00\x02\x00\x00\x00"

// columnDef is a column's definition.
func columnDef(name string, typ byte) string {
	return "\x03def\x00\x00\x00" + string([]byte{byte(len(name))}) + name + "\x00\x0c\x2d\x00\x0b\x00\x00\x00" + string([]byte{typ}) + "\x00\x00\x00\x00\x00"
}

const endOfRows = "\xfe\x00\x00\x02\x00"

func loginTo(t testing.TB, s *script, password string) (*Conn, error) {
	t.Helper()
	return Dial(t.Context(), Config{Addr: "script", User: "u", Password: password,
		Dial: func(context.Context, string, string) (net.Conn, error) { return s, nil }})
}

// driverOver opens go-sql-driver over a server that answers the next commands with these bytes.
func driverOver(t testing.TB, answers []byte, most int64) *sql.DB {
	t.Helper()
	return connectedTo(t, answers, most, true)
}

// connectedTo is driverOver with the choice whether packets may have several statements.
func connectedTo(t testing.TB, answers []byte, most int64, several bool) *sql.DB {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.MaxAllowedPacket = 1 << 20
	cfg.MultiStatements = several
	cfg.Logger = quiet{}
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		s := &script{in: bytes.NewReader(append(packets(0, hello(allCaps, native)), append(packets(2, okay), answers...)...))}
		return s, nil
	}
	c, err := NewConnector(cfg, Options{AnswerBytes: most})
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type quiet struct{}

func (quiet) Print(...any) {}

// collect runs a query and reads all that it gives.
func collect(ctx context.Context, db *sql.DB, query string, args ...any) ([][]string, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]string
	for more := true; more; more = rows.NextResultSet() {
		names, err := rows.Columns()
		if err != nil {
			return all, err
		}
		for rows.Next() {
			row, into := make([]sql.NullString, len(names)), make([]any, len(names))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				return all, err
			}
			var texts []string
			for _, v := range row {
				texts = append(texts, v.String)
			}
			all = append(all, texts)
		}
		if err := rows.Err(); err != nil {
			return all, err
		}
	}
	return all, rows.Err()
}

// endless repeats its bytes for ever, with packet numbers that go on.
type endless struct {
	script
	head    []byte
	payload string
	seq     byte
	left    []byte
	total   int64
}

func (e *endless) Read(b []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(b, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if len(e.left) == 0 {
		e.left = packets(e.seq, e.payload)
		e.seq++
	}
	n := copy(b, e.left)
	e.left = e.left[n:]
	e.total += int64(n)
	if e.total > 4<<30 {
		return 0, io.ErrNoProgress
	}
	return n, nil
}
