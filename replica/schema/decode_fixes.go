package schema

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

// decodeFixesText has a line for each character set whose decoder differs from the servers' tables: its name, the characters
// that the decoder gives, those that the servers have for them, and the ranges of characters, as first and last ones, that it
// gives and that the servers do not have, or MySQL and MariaDB not the same. TestDecodersAreTheServers makes it with
// SLUICE_GENERATE=1, from MySQL 9.7 and MariaDB 10.11, and compares all of it without.
//
//go:embed decode_fixes.txt
var decodeFixesText string

// decodeFix is one line of it.
type decodeFix struct {
	right map[rune]rune
	none  []rune
}

var decodeFixes = sync.OnceValue(func() map[string]*decodeFix {
	all := map[string]*decodeFix{}
	for line := range strings.Lines(decodeFixesText) {
		var cs, given, right, none string
		if _, err := fmt.Sscanf(line, "%s %q %q %q", &cs, &given, &right, &none); err != nil {
			panic(fmt.Sprintf("decode_fixes.txt: %v", err)) // a test reads it
		}
		f := &decodeFix{right: map[rune]rune{}, none: []rune(none)}
		to := []rune(right)
		for i, r := range []rune(given) {
			f.right[r] = to[i]
		}
		all[cs] = f
	}
	return all
})

func (f *decodeFix) apply(text string) string {
	return strings.Map(func(r rune) rune {
		if n, ok := f.right[r]; ok {
			return n
		}
		for i := 0; r >= 0x80 && i < len(f.none); i += 2 {
			if r >= f.none[i] && r <= f.none[i+1] {
				return []rune(undecoded)[0]
			}
		}
		return r
	}, text)
}
