package sqladmin

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// rogueLogin is what a client sends instead of a login. The server has greeted.
type rogueLogin struct {
	name string
	data []byte
}

// frame puts a packet's header before a payload.
func frame(seq byte, payload []byte) []byte {
	n := len(payload)
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, payload...)
}

// handshakeResponse is a well-formed login with a wrong password.
func handshakeResponse(user, plugin string, response []byte, more ...byte) []byte {
	caps := uint32(capabilities) &^ (mysql.CLIENT_SSL | mysql.CLIENT_CONNECT_WITH_DB | mysql.CLIENT_CONNECT_ATTRS)
	b := binary.LittleEndian.AppendUint32(nil, caps)
	b = append(binary.LittleEndian.AppendUint32(b, 1<<24), charsetUTF8MB4)
	b = append(b, make([]byte, 23)...)
	b = append(append(b, user...), 0)
	b = appendString(b, string(response))
	return append(append(append(b, plugin...), 0), more...)
}

func rogueLogins() []rogueLogin {
	good := handshakeResponse("root", nativePassword, bytes.Repeat([]byte{7}, 20))
	list := []rogueLogin{
		{"nothing", nil},
		{"one byte", []byte{1}},
		{"empty packet", frame(1, nil)},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
		{"SSH", []byte("SSH-2.0-OpenSSH_9.6\r\n")},
		{"TLS without a request", []byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}},
		{"a huge packet", append([]byte{0xff, 0xff, 0xff, 1}, bytes.Repeat([]byte{0xff}, 70_000)...)},
		{"a packet without an end", bytes.Repeat([]byte{0xff, 0xff, 0xff, 1}, 40_000)},
		{"packets without content", bytes.Repeat([]byte{0, 0, 0, 1}, 10_000)},
		{"old protocol", frame(1, []byte{0x05, 0x00, 0, 0, 0, 'r', 'o', 'o', 't', 0})},
		{"SSL request, then garbage", append(frame(1, append([]byte{0x00, 0xaa, 0x08, 0, 0, 0, 0, 1, 45}, make([]byte, 23)...)), bytes.Repeat([]byte{0x5a}, 500)...)},
		{"SSL request, then nothing", frame(1, append([]byte{0x00, 0xaa, 0x08, 0, 0, 0, 0, 1, 45}, make([]byte, 23)...))},
		{"a long name", frame(1, handshakeResponse(strings.Repeat("r", 60_000), nativePassword, nil))},
		{"a name of no text", frame(1, handshakeResponse("\xff\xfe", nativePassword, nil))},
		{"a long plugin", frame(1, handshakeResponse("root", strings.Repeat("p", 60_000), nil))},
		{"an answer of 2^64 bytes", frame(1, append(good[:37], 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))},
		{"an answer that is too long", frame(1, handshakeResponse("root", nativePassword, bytes.Repeat([]byte{1}, 5000)))},
		{"an answer of one byte", frame(1, handshakeResponse("root", nativePassword, []byte{1}))},
		{"a short answer to sha2", frame(1, handshakeResponse("root", cachingSHA2, []byte{1, 2, 3}))},
		{"garbage for RSA", append(frame(1, handshakeResponse("root", cachingSHA2, bytes.Repeat([]byte{1}, 32))), frame(3, bytes.Repeat([]byte{9}, 256))...)},
		{"the key, then garbage", append(append(frame(1, handshakeResponse("root", cachingSHA2, bytes.Repeat([]byte{1}, 32))), frame(3, []byte{2})...), frame(5, []byte{1})...)},
		{"an unknown plugin, then garbage", append(frame(1, handshakeResponse("root", "nosuch", []byte{1})), frame(3, bytes.Repeat([]byte{3}, 60_000))...)},
		{"another sequence", frame(200, good)},
		{"more after the login", frame(1, append(good, bytes.Repeat([]byte{0xff}, 1000)...))},
	}
	for n := 0; n < len(good); n += 5 { // cut off, and with a byte that is another
		list = append(list, rogueLogin{fmt.Sprintf("%d bytes", n), frame(1, good[:n])})
		bent := bytes.Clone(good)
		bent[n] ^= 0xff
		list = append(list, rogueLogin{fmt.Sprintf("byte %d", n), frame(1, bent)})
	}
	return list
}

// TestRogueClientBeforeLogin sends each of them, and then a client comes that
// logs in.
func TestRogueClientBeforeLogin(t *testing.T) {
	s := open(t, newDouble())
	for _, c := range rogueLogins() {
		nc := dialFrom(t, s, "127.0.0.66")
		nc.Write(c.data) //nolint:errcheck // the server may have hung up
		half, ok := nc.(*net.TCPConn)
		if !ok {
			t.Fatal("no TCP connection")
		}
		half.CloseWrite()
		answer, err := io.ReadAll(io.LimitReader(nc, 1<<20))
		if len(answer) > 64<<10 {
			t.Errorf("%s: an answer of %d bytes, %v", c.name, len(answer), err)
		}
		nc.Close()
		s.logins.mu.Lock()
		clear(s.logins.failed) // else the test waits for its turn
		s.logins.mu.Unlock()
	}
	honest(t, s, testPassword)
}

// honest is a client that has done nothing: it must not notice the others.
func honest(t *testing.T, s *Server, password string) {
	t.Helper()
	began := time.Now()
	r, err := rawDial(t, s, rawOptions{password: password})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.do("SHOW MIGRATIONS"); got.err != nil || got.rows != 3 {
		t.Fatalf("an honest client gets %v", got)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("an honest client waits %v", d)
	}
	r.net.Close()
	running(t, s, r.id, false)
	for end := time.Now().Add(10 * time.Second); usedBytes(s) != 0; {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are counted when all have left", usedBytes(s))
		}
	}
}

// rogueCommands are packets of a client that has logged in.
func rogueCommands() [][]byte {
	var list [][]byte
	for command := range 256 {
		for _, data := range []string{"", "\x00", "\xff\xff\xff\xff", strings.Repeat("\x00", 9), strings.Repeat("\xff", 40), "SELECT 1\x00\x00", strings.Repeat("\xfe", 300)} {
			if byte(command) != mysql.COM_QUIT {
				list = append(list, append([]byte{byte(command)}, data...))
			}
		}
	}
	for kind := range 256 { // one parameter of each type, with nothing, garbage and too much
		for _, value := range []string{"", "\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", strings.Repeat("\x0b", 12), "\xfb"} {
			b := []byte{mysql.COM_STMT_EXECUTE, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, byte(kind), 0}
			list = append(list, append(b, value...))
		}
	}
	for _, user := range []string{"", "root", "root\x00", "root\x00\xff", "root\x00\x14aaaa", "root\x00\x00sluice", "root\x00\x00\x00\xff\xff" + strings.Repeat("x", 5000)} {
		list = append(list, append([]byte{mysql.COM_CHANGE_USER}, user...))
	}
	return list
}

// TestRogueClientAfterLogin sends each command. The server answers, or ends the
// connection: then the next one logs in again.
func TestRogueClientAfterLogin(t *testing.T) {
	s := open(t, newDouble())
	var r *raw
	for _, b := range rogueCommands() {
		if r == nil {
			var err error
			if r, err = rawDial(t, s, rawOptions{password: testPassword}); err != nil {
				t.Fatal(err)
			}
			if st, err := r.prepare("SELECT ?"); err != nil || st.id != 1 {
				t.Fatalf("statement %d, %v", st.id, err)
			}
		}
		r.w.seq = 0
		// A ping follows: its OK is the end of whatever the answer is.
		if r.w.write(b) != nil || r.w.flush() != nil {
			r = nil
			continue
		}
		if b[0] == mysql.COM_CHANGE_USER { // it answers with a question
			r.net.Close()
			r = nil
			continue
		}
		r.w.seq = 0
		if r.w.write([]byte{mysql.COM_PING}) != nil || r.w.flush() != nil || !r.drain() {
			r.net.Close()
			r = nil
		}
	}
	if r != nil {
		r.net.Close()
		running(t, s, r.id, false)
	}
	honest(t, s, testPassword)
}

// drain reads up to the answer of a ping, and returns whether it came.
func (r *raw) drain() bool {
	r.net.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		b, next, err := r.w.read(1<<24, nil)
		if err != nil {
			return false
		}
		// The ping's OK has sequence number 1 and 7 bytes; so has another OK, which
		// the ping's then follows.
		if next == 2 && len(b) == 7 && b[0] == 0 && r.w.r.Buffered() == 0 {
			return true
		}
	}
}

// TestRogueSessions changes bytes of a whole session, sent at once.
func TestRogueSessions(t *testing.T) {
	s := open(t, newDouble(), func(c *Config) { c.Password = "" })
	session := frame(1, handshakeResponse("root", nativePassword, nil))
	for _, b := range []string{"\x03SELECT 1", "\x03SHOW MIGRATIONS WHERE migration LIKE 's%'", "\x16SELECT ?, ?", "\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\xfd\x00\x08\x00\x03abc\x01\x00\x00\x00\x00\x00\x00\x00",
		"\x18\x01\x00\x00\x00\x00\x00xyz", "\x1a\x01\x00\x00\x00", "\x19\x01\x00\x00\x00", "\x02sluice", "\x04nodes\x00", "\x1f", "\x09", "\x0e", "\x03SET NAMES latin1", "\x03CREATE SECRET s PASSWORD 'x'", "\x01"} {
		session = append(session, frame(0, []byte(b))...)
	}
	rng := rand.New(rand.NewPCG(11, 2))
	for i := range 400 {
		data := bytes.Clone(session)
		for range 1 + rng.IntN(4) {
			switch at := rng.IntN(len(data)); rng.IntN(4) {
			case 0:
				data[at] = byte(rng.IntN(256))
			case 1:
				data = append(data[:at], data[min(at+1+rng.IntN(8), len(data)):]...)
			case 2:
				data = append(data[:at], append(bytes.Repeat([]byte{byte(rng.IntN(256))}, 1+rng.IntN(9)), data[at:]...)...)
			case 3:
				data[at] ^= 1 << rng.IntN(8)
			}
		}
		nc := dialFrom(t, s, "127.0.0.67")
		nc.SetDeadline(time.Now().Add(10 * time.Second))
		nc.Write(data) //nolint:errcheck // the server may have hung up
		if half, ok := nc.(*net.TCPConn); ok && i%2 == 0 {
			half.CloseWrite()
			io.Copy(io.Discard, nc) //nolint:errcheck // it ends when the server hangs up
		}
		nc.Close()
		s.logins.mu.Lock()
		clear(s.logins.failed)
		s.logins.mu.Unlock()
	}
	honest(t, s, "")
}
