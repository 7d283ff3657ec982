package binlog

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/replica"
	"sluice/replica/charset"
)

// codes lists every one- and two-byte code, the three-byte ones of EUC, and
// some of four bytes.
func codes() [][]byte {
	var out [][]byte
	for a := 1; a < 256; a++ {
		out = append(out, []byte{byte(a)})
	}
	for a := 0; a < 256; a++ {
		for b := 0; b < 256; b++ {
			out = append(out, []byte{byte(a), byte(b)})
		}
	}
	for a := 0xa1; a <= 0xfe; a++ {
		for b := 0xa1; b <= 0xfe; b++ {
			out = append(out, []byte{0x8f, byte(a), byte(b)})
		}
	}
	for r := 0; r < 0x110000; r += 37 { // UTF-32
		out = append(out, []byte{0, byte(r >> 16), byte(r >> 8), byte(r)})
	}
	gb := func(from uint32, n, step int) { // GB18030's codes of four bytes
		for k := 0; k < n; k += step {
			c := []byte{0, 0, 0, 0}
			for i, v := 3, k; i >= 0; i-- {
				base, width := []int{0x81, 0x30, 0x81, 0x30}[i], []int{126, 10, 126, 10}[i]
				c[i] = byte(base + v%width)
				v /= width
			}
			c[0] += byte(from - 0x81)
			out = append(out, c)
		}
	}
	gb(0x81, 4*12600, 11)
	gb(0x90, 84*12600, 257)
	return out
}

// charsetsAgree compares the decoder of every character set with the server's
// own conversion, code by code: a text that the snapshot reads and one that
// the binlog brings must be the same.
func charsetsAgree(t *testing.T, l *lab) {
	l.exec(t, "SET sql_log_bin=0", "CREATE TABLE codes (b VARBINARY(4) PRIMARY KEY)", "SET sql_mode=''")
	var rows []string
	all := codes()
	for i, c := range all {
		rows = append(rows, fmt.Sprintf("(x'%x')", c))
		if len(rows) == 10_000 || i == len(all)-1 {
			l.exec(t, "INSERT INTO codes VALUES "+strings.Join(rows, ","))
			rows = nil
		}
	}
	for _, name := range charset.Names() {
		t.Run(name, func(t *testing.T) { charsetAgrees(t, l, name) })
	}
	l.exec(t, "DROP TABLE codes", "SET sql_log_bin=1")
}

func charsetAgrees(t *testing.T, l *lab, name string) {
	if l.text(t, "SELECT COUNT(*) FROM information_schema.character_sets WHERE character_set_name='"+name+"'") == "0" {
		t.Skipf("%s has no %s", l.Kind, name)
	}
	d, err := textDecoder(&replica.Column{Name: "c", Charset: name})
	if err != nil {
		t.Fatal(err)
	}
	// A code counts when it is what the server writes back for its character,
	// or a character at all: others cannot be read by anybody.
	rows, err := l.conn.QueryContext(t.Context(), "SELECT b, CONVERT(b USING "+name+"), CHAR_LENGTH(CONVERT(b USING "+name+")) FROM codes"+
		" WHERE BINARY CONVERT(b USING "+name+") = b AND CHAR_LENGTH(CONVERT(b USING "+name+")) = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	checked, bad := 0, 0
	for rows.Next() {
		var code, text []byte
		var n int
		if err := rows.Scan(&code, &text, &n); err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode(code)
		checked++
		switch {
		case !utf8.Valid(text) || len(text) == 0: // half a character
			if err == nil {
				t.Errorf("%x: not a character, decoded as %q", code, got)
			}
		case unknown(name, code, text):
			if err == nil {
				bad++
				t.Errorf("%x: the server knows no such character, decoded as %q", code, got)
			}
		case err != nil:
			bad++
			t.Errorf("%x: %v, the server says %q %U", code, err, text, []rune(string(text)))
		case string(got) != string(text):
			bad++
			t.Errorf("%x: %q %U, the server says %q %U", code, got, []rune(string(got)), text, []rune(string(text)))
		}
		if !utf8.Valid(got) {
			t.Errorf("%x: not UTF-8", code)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d characters, %d differ", name, checked, bad)
	if checked < 90 {
		t.Errorf("only %d characters", checked)
	}
}

// unknown says whether the server has no character for the code: it then says
// "?" or U+FFFD, but not of a question mark, and only Unicode has U+FFFD.
func unknown(name string, code, text []byte) bool {
	switch string(text) {
	case "?":
		return !bytes.ContainsRune(code, '?')
	case "\uFFFD":
		return !strings.HasPrefix(name, "u") || name == "ujis"
	}
	return false
}
