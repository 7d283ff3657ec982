package protocol

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

const secretWord = "c0rrect-h0rse"

// TestLoginAnswers: what a server says during a login, and what becomes of it. The password never goes out in clear
// text on a connection without TLS.
func TestLoginAnswers(t *testing.T) {
	malformed := func(err error) bool { return IsMalformed(err) }
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	number := func(n uint16) func(error) bool {
		return func(err error) bool {
			var me *mysql.MySQLError
			return errors.As(err, &me) && me.Number == n
		}
	}
	none := func(err error) bool { return err == nil }
	weak := keyText(t, 1024)
	good := keyText(t, 2048)
	greeted := packets(0, hello(allCaps, native))
	salt := "\x0041234567890123456789\x00"[1:]
	for _, c := range []struct {
		name   string
		server []byte
		want   func(error) bool
	}{
		{"an OK", append(greeted, packets(2, okay)...), none},
		{"nothing", nil, is(mysql.ErrInvalidConn)},
		{"a greeting of three bytes", packets(0, "\x0a58"), malformed},
		{"a greeting without the end of its version", packets(0, "\x0a"+strings.Repeat("8", 200)), malformed},
		{"a greeting cut after its first half", packets(0, hello(allCaps, native)[:24]), malformed},
		{"a greeting cut in its salt", packets(0, hello(allCaps, native)[:45]), malformed},
		{"the greeting of the X protocol", packets(0, "\x0b\x08\x05\x1a\x00"), malformed},
		{"a greeting of an old protocol", packets(0, hello(0, native)), malformed},
		{"an empty greeting", []byte{0, 0, 0, 0}, malformed},
		{"a greeting of 16 MiB", append([]byte{255, 255, 255, 0}, bytes.Repeat([]byte{10}, 1000)...), malformed},
		{"a refusal instead of a greeting", packets(0, "\xff\x10\x04Too many connections"), number(1040)},
		{"a refusal of one byte", packets(0, "\xff"), malformed},
		{"a login answer ff", append(greeted, packets(2, "\xff")...), malformed},
		{"a login answer ff with half a code", append(greeted, packets(2, "\xff\x15")...), malformed},
		{"a login answer with half an SQLSTATE", append(greeted, packets(2, "\xff\x15\x04#28")...), malformed},
		{"a refusal", append(greeted, packets(2, "\xff\x15\x04#28000no")...), number(1045)},
		{"an empty OK", append(greeted, packets(2, "\x00")...), malformed},
		{"an OK cut off", append(greeted, packets(2, "\x00\xfe\x00")...), malformed},
		{"an answer that is none", append(greeted, packets(2, "\x42\x42")...), malformed},
		{"an answer out of order", append(greeted, packets(7, okay)...), malformed},
		{"a change without a method", append(greeted, packets(2, "\xfenative")...), malformed},
		{"a change to the method of MySQL 4.0", append(greeted, packets(2, "\xfe")...), is(mysql.ErrOldPassword)},
		{"a change to an unknown method", append(greeted, packets(2, "\xfeparsec\x00"+salt)...), is(mysql.ErrUnknownPlugin)},
		{"a change to native with a short salt", append(greeted, packets(2, "\xfe"+native+"\x00123\x00")...), malformed},
		{"a change to ed25519 with a short salt", append(greeted, packets(2, "\xfe"+ed25519+"\x00"+salt)...), malformed},
		{"a second change", append(append(greeted, packets(2, "\xfe"+native+"\x00"+salt)...), packets(4, "\xfe"+native+"\x00"+salt)...), malformed},
		{"a change to clear text", append(greeted, packets(2, "\xfe"+clear+"\x00")...), is(ErrClearPassword)},
		{"clear text as the greeting's method", append(packets(0, hello(allCaps, clear)), packets(2, "\xfe"+clear+"\x00")...), is(ErrClearPassword)},
		{"more of a method that has no more", append(greeted, packets(2, "\x01\x04")...), malformed},
		{"the full exchange without a key", append(packets(0, hello(allCaps, cachingSHA2)), append(packets(2, "\x01\x04"), packets(4, okay)...)...), malformed},
		{"the full exchange with a key that is none", append(packets(0, hello(allCaps, cachingSHA2)), append(packets(2, "\x01\x04"), packets(4, "\x01nonsense")...)...), is(ErrKey)},
		{"the full exchange with a weak key", append(packets(0, hello(allCaps, cachingSHA2)), append(packets(2, "\x01\x04"), packets(4, "\x01"+weak)...)...), is(ErrKey)},
		{"the full exchange", append(packets(0, hello(allCaps, cachingSHA2)), append(packets(2, "\x01\x04"), append(packets(4, "\x01"+good), packets(6, okay)...)...)...), none},
		{"an unknown state of caching_sha2_password", append(packets(0, hello(allCaps, cachingSHA2)), packets(2, "\x01\x07")...), malformed},
		{"sha256_password without TLS", append(packets(0, hello(allCaps, sha256)), append(packets(2, "\x01"+good), packets(4, okay)...)...), none},
	} {
		s := &script{in: bytes.NewReader(c.server)}
		conn, err := loginTo(t, s, secretWord)
		if !c.want(err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if conn != nil && err != nil {
			t.Errorf("%s: a connection and an error", c.name)
		}
		if bytes.Contains(s.written.Bytes(), []byte(secretWord)) {
			t.Errorf("%s: the password went out", c.name)
		}
	}
}

func keyText(t *testing.T, bits int) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}))
}

// TestAnswers: what go-sql-driver makes of answers that are whole, and that it never sees one that is not.
func TestAnswers(t *testing.T) {
	one, two := columnDef("a", 0xfd), columnDef("b", 0x08)
	date := columnDef("d", typeDateTime)
	long := strings.Repeat("x", 300)
	wide := "\xfe\x00\x00\x00\x01\x00\x00\x00\x00" + strings.Repeat("y", 1<<24)
	head := func(defs ...string) []string {
		return append(append([]string{string([]byte{byte(len(defs))})}, defs...), endOfRows)
	}
	with := func(a []string, b ...string) []string { return append(append([]string(nil), a...), b...) }
	prepare := with([]string{"\x00\x01\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", columnDef("?", 0xfd), endOfRows, one, endOfRows})
	for _, c := range []struct {
		name     string
		payloads []string
		want     string // the rows; "!": a named error
	}{
		{"a row", with(head(one, two), "\x02hi\x0212", endOfRows), "[[hi 12]]"},
		{"NULL", with(head(one, two), "\xfb\xfb", endOfRows), "[[ ]]"},
		{"a long value", with(head(one), "\xfc\x2c\x01"+long, endOfRows), "[[" + long + "]]"},
		{"no rows", with(head(one), endOfRows), "[]"},
		{"an OK", []string{okay}, "[]"},
		{"two results", with(append(head(one), "\x01a", "\xfe\x00\x00\x0a\x00"), with(head(two), "\x017", endOfRows)...), "[[a] [7]]"},
		{"an error after a row", with(head(one), "\x02hi", "\xff\x15\x04#28000no"), "!"},

		{"a count of 2^62", []string{"\xfe\x00\x00\x00\x00\x00\x00\x00\x40"}, "!"},
		{"a count of 2^33", []string{"\xfe\x00\x00\x00\x00\x02\x00\x00\x00"}, "!"},
		{"a count that is cut off", []string{"\xfe\x00\x00"}, "!"},
		{"a count and more", []string{"\x01\x01", one, endOfRows, endOfRows}, "!"},
		{"a request for a file", []string{"\xfb/etc/passwd"}, "!"},
		{"ff", []string{"\xff"}, "!"},
		{"an error without its message", []string{"\xff\x15\x04"}, "!"},
		{"an error with half an SQLSTATE", []string{"\xff\x15\x04#2"}, "!"},
		{"an empty packet", []string{""}, "!"},
		{"an empty OK", []string{"\x00"}, "!"},
		{"an OK without its status", []string{"\x00\x01\x01\x02"}, "!"},
		{"a short definition", with([]string{"\x01", one[:12]}, endOfRows, endOfRows), "!"},
		{"a definition without its last bytes", with([]string{"\x01", one[:len(one)-3]}, endOfRows, endOfRows), "!"},
		{"a definition whose name is too long", with([]string{"\x01", "\x03def\x00\x00\x00\xfc\xff\xff"}, endOfRows, endOfRows), "!"},
		{"an empty definition", with([]string{"\x01", ""}, endOfRows, endOfRows), "!"},
		{"an error among definitions", []string{"\x02", one, "\xff\x15\x04#28000no"}, "!"},
		{"no separator", with([]string{"\x01", one}, "\x02hi", endOfRows), "!"},
		{"a separator that is cut off", []string{"\x01", one, "\xfe", endOfRows}, "!"},
		{"a row that is cut off", with(head(one), "\x05hi", endOfRows), "!"},
		{"a row with half a length", with(head(one), "\xfc\x01", endOfRows), "!"},
		{"a row with too few values", with(head(one, two), "\x02hi", endOfRows), "!"},
		{"a row with too many values", with(head(one), "\x02hi\x02ho", endOfRows), "!"},
		{"a row whose length is 2^63", with(head(one), "\xfe\xff\xff\xff\xff\xff\xff\xff\xff", endOfRows), "!"},
		{"an EOF packet that is cut off", with(head(one), "\xfe\x00"), "!"},
		{"a later row that is cut off", with(head(one), "\x02hi", "\x02ho", "\x05hi", endOfRows), "!"},
	} {
		got, err := collect(t.Context(), driverOver(t, packets(1, c.payloads...), 0), "SELECT 1")
		check(t, c.name, c.want, got, err)
	}
	for _, c := range []struct {
		name    string
		answers []byte
		want    string
	}{
		{"a prepared row", append(packets(1, prepare...), packets(1, with(head(one), "\x00\x00\x02hi", endOfRows)...)...), "[[hi]]"},
		{"a prepared NULL", append(packets(1, prepare...), packets(1, with(head(one), "\x00\x04", endOfRows)...)...), "[[]]"},
		{"a prepared date", append(packets(1, prepare...), packets(1, with(head(date), "\x00\x00\x07\xe8\x07\x02\x03\x04\x05\x06", endOfRows)...)...), "[[2024-02-03 04:05:06]]"},
		{"a preparation of five bytes", packets(1, "\x00\x01\x00\x00\x00"), "!"},
		{"a preparation of ff", packets(1, "\xff"), "!"},
		{"a parameter that is cut off", packets(1, prepare[0], "\x03def", endOfRows, one, endOfRows), "!"},
		{"a prepared row that is cut off", append(packets(1, prepare...), packets(1, with(head(two), "\x00\x00\x02", endOfRows)...)...), "!"},
		{"a prepared row without its NULLs", append(packets(1, prepare...), packets(1, with(head(one), "\x00", endOfRows)...)...), "!"},
		{"a prepared month of 200", append(packets(1, prepare...), packets(1, with(head(date), "\x00\x00\x04\xe8\x07\xc8\x03", endOfRows)...)...), "!"},
		{"a prepared year of 65535", append(packets(1, prepare...), packets(1, with(head(date), "\x00\x00\x04\xff\xff\x01\x03", endOfRows)...)...), "!"},
		{"a prepared date of five bytes", append(packets(1, prepare...), packets(1, with(head(date), "\x00\x00\x05\xe8\x07\x01\x03\x00", endOfRows)...)...), "!"},
	} {
		got, err := collect(t.Context(), driverOver(t, c.answers, 0), "SELECT ?", 1)
		check(t, c.name, c.want, got, err)
	}
	// A row of 16 MiB goes in two packets.
	b := packets(1, head(one)...)
	b = append(append(b, 255, 255, 255, 4), wide[:fullPacket]...)
	b = append(b, packets(5, wide[fullPacket:], endOfRows)...)
	if got, err := collect(t.Context(), driverOver(t, b, 0), "SELECT 1"); err != nil || len(got) != 1 || len(got[0][0]) != 1<<24 {
		t.Errorf("a row of 16 MiB: %d rows, %v", len(got), err)
	}
	if _, err := collect(t.Context(), driverOver(t, b, 1<<20), "SELECT 1"); !IsMalformed(err) {
		t.Errorf("an answer above its bound: %v", err)
	}
}

func check(t *testing.T, name, want string, got [][]string, err error) {
	t.Helper()
	if want == "!" {
		var me *mysql.MySQLError
		if !errors.As(err, &me) {
			t.Errorf("%s: rows %q and the error %v, which names nothing", name, got, err)
		}
		return
	}
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%s: %q, %v", name, got, err)
	}
}

// TestEndlessRow: a row that never ends is an error, and what it takes of memory is bounded.
func TestEndlessRow(t *testing.T) {
	if testing.Short() {
		t.Skip("256 MiB go by")
	}
	head := append(packets(0, hello(allCaps, native)), packets(2, okay)...)
	head = append(head, packets(1, "\x01", columnDef("a", 0xfd), endOfRows)...)
	e := &endless{head: head, payload: strings.Repeat("\xfe", fullPacket), seq: 4}
	cfg := mysql.NewConfig()
	cfg.MaxAllowedPacket, cfg.Logger = 1<<20, quiet{}
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return e, nil }
	c, err := NewConnector(cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	if _, err := collect(t.Context(), db, "SELECT 1"); !IsMalformed(err) {
		t.Errorf("an endless row: %v", err)
	}
	if e.total > RowBytes+2<<24 {
		t.Errorf("%d bytes were read", e.total)
	}
}
