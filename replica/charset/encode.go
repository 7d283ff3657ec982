package charset

import (
	"sync"
	"unicode/utf8"
)

// encoders has the reverse tables of the character sets of one to three bytes, made at their first use.
var encoders sync.Map // name to func() map[rune]string

// Encode returns text in a character set of one or more bytes, by the name that Of takes. ok is false for a set that Encode
// does not know (UTF-8, the Unicode sets, swe7), and for text with a character that the set does not have, or has by several
// codes: which one was meant is then not known. Codes of four bytes are not looked for.
func Encode(name, text string) (raw string, ok bool) {
	if name == "swe7" || singleByte[name] == "" && multiByte[name] == nil {
		return "", false
	}
	made, _ := encoders.LoadOrStore(name, sync.OnceValue(func() map[rune]string { return reverse(name) }))
	codes := made.(func() map[rune]string)()
	out := make([]byte, 0, len(text))
	for _, r := range text {
		code, has := string(r), r < utf8.RuneSelf
		if !has {
			code = codes[r]
		}
		if code == "" {
			return "", false
		}
		out = append(out, code...)
	}
	return string(out), true
}

// reverse returns the code of each character outside ASCII that has just one.
func reverse(name string) map[rune]string {
	d, _ := Of(name)
	codes, several := map[rune]string{}, map[rune]bool{}
	add := func(code ...byte) {
		r, n := d.next(code)
		if n != len(code) || r < utf8.RuneSelf {
			return
		}
		if codes[r] != "" {
			several[r] = true
		}
		codes[r] = string(code)
	}
	for a := 0x80; a < 0x100; a++ {
		add(byte(a))
		for b := 0x40; b < 0x100 && multiByte[name] != nil; b++ {
			add(byte(a), byte(b))
			if a >= 0xa1 && b >= 0xa1 {
				add(0x8f, byte(a), byte(b))
			}
		}
	}
	for r := range several {
		delete(codes, r)
	}
	return codes
}
