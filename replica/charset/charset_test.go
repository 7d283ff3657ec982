package charset

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestEncode: what is encoded decodes to the same text, in every set; what a set lacks, or has twice, is not encoded.
func TestEncode(t *testing.T) {
	encoded := 0
	for _, name := range Names() {
		d, ok := Of(name)
		if !ok {
			t.Fatalf("%s has no decoder", name)
		}
		for r := rune(0); r < 0x10000; r++ {
			if !utf8.ValidRune(r) {
				continue
			}
			raw, ok := Encode(name, string(r))
			if !ok {
				continue
			}
			encoded++
			if back, err := d.Decode([]byte(raw)); err != nil || string(back) != string(r) {
				t.Fatalf("%s: %U is %x, which is %q, %v", name, r, raw, back, err)
			}
		}
	}
	if encoded < 100_000 {
		t.Errorf("only %d characters were encoded", encoded)
	}
	for _, c := range []struct{ name, text, raw string }{
		{"latin1", "é€\u0081a", "\xe9\x80\x81a"}, {"ujis", "あ〜\\", "\xa4\xa2\xa1\xc1\\"}, {"koi8r", "Привет", "\xf0\xd2\xc9\xd7\xc5\xd4"},
		{"latin1", "日", ""}, {"utf8mb4", "é", ""}, {"swe7", "é", ""}, {"utf16", "é", ""}, {"nothing", "a", ""},
		{"cp932", "≒", ""}, // 81E0 and 8790
	} {
		if raw, ok := Encode(c.name, c.text); raw != c.raw || ok != (c.raw != "") {
			t.Errorf("%q in %s: %x, %v", c.text, c.name, raw, ok)
		}
	}
}

// TestText: bytes without a character are U+FFFD, and so is what several bytes make of ASCII.
func TestText(t *testing.T) {
	for _, c := range []struct {
		name, raw, text string
		whole           bool
	}{
		{"sjis", "a\x81\x60b", "a〜b", true}, {"sjis", "'\x81\x5f'", "'\uFFFD'", false}, {"sjis", "a\x81", "a\uFFFD", false},
		{"latin1", "caf\xe9", "café", true}, {"utf8mb4", "caf\xe9", "caf\uFFFD", false}, {"utf8mb4", "café", "café", true},
		{"ascii", "a", "a", true}, {"tis620", "\xdb", "\uFFFD", false}, {"gbk", "\xff'", "\uFFFD'", false},
	} {
		d, ok := Of(c.name)
		if !ok {
			t.Fatal(c.name)
		}
		if text, whole := d.Text(c.raw); text != c.text || whole != c.whole {
			t.Errorf("%x in %s: %q, %v", c.raw, c.name, text, whole)
		}
	}
	if _, ok := Of(strings.ToUpper("latin1")); ok {
		t.Error("names are in lower case")
	}
}
