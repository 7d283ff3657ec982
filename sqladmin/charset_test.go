package sqladmin

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// one returns the single value of a query, and the column.
func (r *raw) one(query string) (string, columnReply) {
	r.t.Helper()
	r.send(mysql.COM_QUERY, query)
	cols, rows, err := r.rows()
	if err != nil || len(rows) != 1 || len(cols) != 1 {
		r.t.Fatalf("%.100q: %d rows, %v", query, len(rows), err)
	}
	return string((&payload{b: rows[0]}).bytes()), cols[0]
}

func TestCharacterSets(t *testing.T) {
	d := newDouble()
	r, err := rawDial(t, open(t, d), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	set := func(names string) {
		t.Helper()
		if err := r.do(names).err; err != nil {
			t.Fatalf("%s: %v", names, err)
		}
	}
	for _, c := range []struct {
		names, query, want string
		id                 uint16
	}{
		{"SET NAMES latin1", "SELECT 'caf\xe9 \x80'", "caf\xe9 \x80", 8},
		{"SET NAMES latin1", "SELECT CHAR_LENGTH('caf\xe9')", "4", charsetBinary},
		{"SET NAMES latin1", "SELECT 'caf\xe9' AS `\xe9t\xe9`", "caf\xe9", 8},
		{"SET NAMES 'latin1' COLLATE 'latin1_bin'", "SELECT @@collation_connection", "latin1_bin", 8},
		{"SET NAMES utf8", "SELECT 'caf\u00e9'", "caf\u00e9", 33},
		{"SET NAMES utf8", "SELECT @@character_set_client", "utf8mb3", 33},
		{"SET NAMES utf8mb4", "SELECT 'caf\u00e9 \U0001f600'", "caf\u00e9 \U0001f600", charsetUTF8MB4},
		{"SET NAMES binary", "SELECT 'caf\u00e9'", "caf\u00e9", charsetUTF8MB4},
		{"SET NAMES ascii", "SELECT 'cafe'", "cafe", 11},
		{"SET NAMES DEFAULT", "SELECT @@character_set_results", "utf8mb4", charsetUTF8MB4},
		{"SET CHARACTER SET latin1", "SELECT 'caf\xe9'", "caf\xe9", 8},
		{"SET character_set_client = latin1, character_set_results = utf8mb4", "SELECT 'caf\xe9'", "caf\u00e9", charsetUTF8MB4},
		{"SET character_set_client = utf8mb4, character_set_results = latin1", "SELECT 'caf\u00e9'", "caf\xe9", 8},
		{"SET character_set_results = NULL", "SELECT 'caf\u00e9'", "caf\u00e9", charsetUTF8MB4},
	} {
		set(c.names)
		got, col := r.one(c.query)
		if got != c.want || col.charset != c.id {
			t.Errorf("%s; %q: %q in %d, want %q in %d", c.names, c.query, got, col.charset, c.want, c.id)
		}
		if strings.Contains(c.query, "`") && col.name != "\xe9t\xe9" {
			t.Errorf("the heading is %q", col.name)
		}
	}
	// Characters that latin1 lacks become question marks, with a warning.
	set("SET NAMES utf8mb4")
	set("SET @x = '\u20ac \u65e5\u672c'")
	set("SET NAMES latin1")
	if got, _ := r.one("SELECT @x"); got != "\x80 ??" {
		t.Errorf("got %q", got)
	}
	if got, _ := r.one("SELECT message FROM warnings"); !strings.Contains(got, "2 character(s)") {
		t.Errorf("the warning is %q", got)
	}
	// Parameters are in the client's character set too.
	st, err := r.prepare("SELECT ?, CHAR_LENGTH(?)")
	if err != nil {
		t.Fatal(err)
	}
	r.execute(st, true, nil, "\xe9", "\xe9")
	if _, rows, err := r.rows(); err != nil || string(rows[0][2:4]) != "\x01\xe9" || rows[0][4] != 1 {
		t.Errorf("parameters: % x, %v", rows, err)
	}
	// A statement reaches the Controller as UTF-8.
	set("CREATE SOURCE caf\xe9 SOURCE_HOST='h'")
	if stmt, text := d.last(t); stmt.(*CreateSource).Name != "caf\u00e9" || !strings.Contains(text, "caf\u00e9") {
		t.Errorf("%+v, %s", stmt, text)
	}
	// Messages are in the client's character set.
	if err := r.do("SHOW MIGRATION STATUS FOR MIGRATION caf\xe9").err; err == nil || !strings.Contains(err.Error(), "'caf\xe9'") {
		t.Errorf("got %v", err)
	}
	for names, code := range map[string]uint16{
		"SET NAMES gbk": 1115, "SET NAMES nosuch": 1115, "SET NAMES utf8mb4 COLLATE latin1_bin": 1253, "SET CHARACTER SET sjis": 1115,
		"SET character_set_client = utf16": 1115, "SET character_set_results = cp850": 1115, "SET character_set_client = NULL": 1231,
		"SET collation_connection = gbk_bin": 1273, "SET NAMES latin1 COLLATE utf8mb4_bin": 1253, "SET NAMES utf8mb4 COLLATE nosuch": 1253,
	} {
		if err := r.do(names).err; rawCode(err) != code {
			t.Errorf("%s: %v, want %d", names, err, code)
		}
	}
	if err := r.do("SET NAMES gbk").err; err == nil || !strings.Contains(err.Error(), "'gbk' is not supported") {
		t.Errorf("got %v", err)
	}
}

// TestInvalidText has bytes that are no text in the client's character set: the
// error says where, and repeats nothing.
func TestInvalidText(t *testing.T) {
	d := newDouble()
	r, err := rawDial(t, open(t, d), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	for names, texts := range map[string][]string{
		"SET NAMES utf8mb4": {"SELECT '\xe9'", "CREATE SECRET s PASSWORD 'geheim\xff'", "SELECT 1 /*\xc3*/", "SELECT '\xed\xa0\x80'", "SELECT '\xc0\x80'", "\xff", "SELECT '\xf8\x88\x80\x80\x80'"},
		"SET NAMES utf8":    {"SELECT '\U0001f600'", "SELECT '\xe9'"},
		"SET NAMES ascii":   {"SELECT '\u00e9'"},
		"SET NAMES binary":  {"SELECT '\xe9'"},
	} {
		if err := r.do(names).err; err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if err := r.do(text).err; rawCode(err) != CodeInvalidText || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%s; %q: %v", names, text, err)
			}
			if _, err := r.prepare(text); rawCode(err) != CodeInvalidText {
				t.Errorf("%s; prepare %q: %v", names, text, err)
			}
		}
	}
	if err := r.do("SET NAMES utf8mb4").err; err != nil {
		t.Fatal(err)
	}
	st, err := r.prepare("SELECT ?")
	if err != nil {
		t.Fatal(err)
	}
	r.execute(st, true, nil, "\xe9")
	if _, _, err := r.rows(); rawCode(err) != CodeInvalidText {
		t.Errorf("parameter: %v", err)
	}
	r.send(mysql.COM_INIT_DB, "caf\xe9")
	if err := r.reply().err; rawCode(err) != CodeInvalidText {
		t.Errorf("COM_INIT_DB: %v", err)
	}
}

// TestLoginCharacterSet logs in with the collation's number of each kind.
func TestLoginCharacterSet(t *testing.T) {
	s := open(t, newDouble())
	for id, want := range map[byte]string{8: "latin1", 33: "utf8mb3", 45: "utf8mb4", 255: "utf8mb4", 0: "utf8mb4", 224: "utf8mb4", 63: "binary", 11: "ascii", 47: "latin1"} {
		r, err := rawDial(t, s, rawOptions{password: testPassword, collation: id})
		if err != nil {
			t.Errorf("%d: %v", id, err)
			continue
		}
		if got, _ := r.one("SELECT @@character_set_client"); got != want {
			t.Errorf("%d: %s", id, got)
		}
		if id == 8 {
			if got, _ := r.one("SELECT '\xe9'"); got != "\xe9" {
				t.Errorf("latin1 at login: %q", got)
			}
			r.send(mysql.COM_CHANGE_USER, "root\x00\x00sluice\x00\x2d\x00"+cachingSHA2+"\x00")
			if err := r.finishLogin(rawOptions{password: testPassword}); err != nil {
				t.Fatal(err)
			}
			if got, _ := r.one("SELECT @@character_set_client"); got != "utf8mb4" {
				t.Errorf("after COM_CHANGE_USER: %s", got)
			}
		}
	}
	for id, name := range map[byte]string{28: "gbk", 4: "cp850", 51: "cp1251", 13: "sjis", 216: "216"} {
		_, err := rawDial(t, s, rawOptions{password: testPassword, collation: id})
		if rawCode(err) != CodeUnknownCharset || !strings.Contains(err.Error(), name) {
			t.Errorf("%d: %v", id, err)
		}
	}
}

// TestCollationsOfTwoBytes has the numbers that COM_CHANGE_USER can hold.
func TestCollationsOfTwoBytes(t *testing.T) {
	for id, want := range map[uint16]string{309: "utf8mb4", 323: "utf8mb4", 2304: "utf8mb4", 2048: "utf8mb3", 256 + 8: "utf8mb4"} {
		if cs, err := charsetOfLogin(id); err != nil || cs.name != want {
			t.Errorf("%d: %v", id, err)
		}
	}
	for _, id := range []uint16{324, 1000, 28, 65535} {
		if _, err := charsetOfLogin(id); err == nil {
			t.Errorf("%d is taken", id)
		}
	}
}

// TestLatin1 compares the table with what MySQL defines at its corners.
func TestLatin1(t *testing.T) {
	for b, want := range map[string]string{"\x80": "\u20ac", "\x81": "\u0081", "\x8d": "\u008d", "\x9f": "\u0178", "\xa0": "\u00a0", "\xff": "\u00ff", "\x9c": "\u0153", "a": "a"} {
		got, bad := decodeLatin1(b)
		if back, lost := encodeTo(latin1Byte)(got); got != want || bad >= 0 || back != b || lost != 0 {
			t.Errorf("% x: %q, back % x", b, got, back)
		}
	}
	if len(latin1High) != 32 {
		t.Errorf("%d characters", len(latin1High))
	}
}

// TestClientCodes sends an error of each number of a client: the packet has
// another number, and the message the original one.
func TestClientCodes(t *testing.T) {
	d := newDouble()
	s := open(t, d)
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	for code := range 65536 {
		if code%997 != 0 && (code < 1990 || code > 3010) && (code < 4990 || code > 6010) && code != 65535 {
			continue
		}
		d.mu.Lock()
		d.err = &Error{Code: uint16(code), Message: "the source refuses connections", Remedy: "check SOURCE_HOST"}
		d.mu.Unlock()
		got := r.do("START MIGRATION shop").err
		var e *mysql.MyError
		if !errors.As(got, &e) {
			t.Fatalf("%d: %v", code, got)
		}
		mine := code != 0 && code != 65535 && (code < 2000 || code > 2999) && (code < 5000 || code > 5999)
		if mine != (int(e.Code) == code) || !mine && (!strings.Contains(e.Message, "(error "+itoa(code)+"). Remedy: check SOURCE_HOST") || e.Code >= 2000 && e.Code < 3000) {
			t.Errorf("%d: %v", code, got)
		}
	}
	for code, want := range map[uint16]uint16{2003: CodeUnreachable, 2005: CodeUnreachable, 2013: CodeConnectionLost, 2006: CodeConnectionLost, 2026: CodeTLSFailed, 2059: CodeForeignError, 5012: CodeForeignError} {
		if got := forClient(&Error{Code: code}).Code; got != want {
			t.Errorf("%d becomes %d", code, got)
		}
	}
}

func itoa(n int) string { return asString(int64(n)) }

// TestClientCodesInClients runs the command line clients: each shows the reason.
func TestClientCodesInClients(t *testing.T) {
	d := newDouble()
	d.err = &Error{Code: 2003, Message: "the source refuses connections", Remedy: "check SOURCE_HOST"}
	s := open(t, d)
	_, port, _ := net.SplitHostPort(s.Addr().String())
	ran := 0
	for _, path := range realClients() {
		if !clientRuns(t, path) {
			continue
		}
		ran++
		mode := "--ssl-mode=REQUIRED"
		if strings.Contains(path, "maria") {
			mode = "--ssl"
		}
		if out := runClient(t, path, port, mode, "START MIGRATION shop;\nSELECT 4711;\n"); !strings.Contains(out, "refuses connections (error 2003)") || !strings.Contains(out, "4711") || strings.Contains(out, "alformed") {
			t.Errorf("%s:\n%s", path, out)
		}
	}
	if ran == 0 {
		t.Skip("no mysql or mariadb client on this machine")
	}
}
