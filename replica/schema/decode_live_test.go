package schema

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/itest/lab/servers"
)

// sequences returns the byte sequences outside ASCII that a character set may have, as SQL: rows of one column x.
func sequences(cs string) []string {
	digits := "(SELECT 0 AS d"
	for i := 1; i < 16; i++ {
		digits += fmt.Sprintf(" UNION ALL SELECT %d", i)
	}
	digits += ")"
	bytes := func(as string, from int) string {
		return fmt.Sprintf("(SELECT h.d*16+l.d AS n FROM %s h, %s l WHERE h.d*16+l.d>=%d) %s", digits, digits, from, as)
	}
	out := []string{"SELECT CHAR(a.n) AS x FROM " + bytes("a", 0x80)}
	if singleByte[cs] {
		return out
	}
	out = append(out, "SELECT CHAR(a.n, b.n) AS x FROM "+bytes("a", 0x80)+", "+bytes("b", 0x40))
	if cs == "ujis" || cs == "eucjpms" {
		out = append(out, "SELECT CHAR(143, a.n, b.n) AS x FROM "+bytes("a", 0xa1)+", "+bytes("b", 0xa1))
	}
	if cs == "gb18030" {
		out = append(out, "SELECT UNHEX('8135F437') AS x")
	}
	return out
}

var singleByte = words("latin1,latin2,latin5,latin7,cp1250,cp1251,cp1256,cp1257,cp850,cp852,cp866,koi8r,koi8u,greek,hebrew,macroman,tis620")

// TestDecodersAreTheServers decodes every sequence of one and two bytes, three where there are, of every character set, and
// compares with both servers. What is decoded has to be what they have; what is not is refused by name.
func TestDecodersAreTheServers(t *testing.T) {
	generate := os.Getenv("SLUICE_GENERATE") != ""
	wrong := map[string]map[rune]map[string]bool{}
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		s := servers.ForTest(t, kind)
		db, err := s.Open("")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for cs := range clientCharsets {
			known := 0
			if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME=?", cs).Scan(&known); err != nil {
				t.Fatal(err)
			}
			if known == 0 {
				continue
			}
			compared := 0
			for _, from := range sequences(cs) {
				rows, err := db.Query("SELECT HEX(x), HEX(CONVERT(CONVERT(x USING " + cs + ") USING utf8mb4)) FROM (" + from + ") s")
				if err != nil {
					t.Fatalf("%s: %s: %v", kind, cs, err)
				}
				for rows.Next() {
					var seq string
					var text sql.NullString
					if err := rows.Scan(&seq, &text); err != nil {
						t.Fatal(err)
					}
					raw, _ := hex.DecodeString(seq)
					got, whole := decodeCharset(cs, string(raw))
					if generate { // without the table
						got, err = clientCharsets[cs].NewDecoder().String(string(raw))
						whole = err == nil && !strings.Contains(got, undecoded)
					}
					if !whole || utf8.RuneCountInString(got) != 1 {
						continue // not one character, or refused
					}
					want, _ := hex.DecodeString(text.String)
					compared++
					r, _ := utf8.DecodeRuneInString(got)
					if generate {
						if wrong[cs] == nil {
							wrong[cs] = map[rune]map[string]bool{}
						}
						if wrong[cs][r] == nil {
							wrong[cs][r] = map[string]bool{}
						}
						wrong[cs][r][string(want)] = true
					} else if got != string(want) {
						t.Errorf("%s: %s %s is %+q at the server, and %+q here", kind, cs, seq, want, got)
					}
				}
				if err := rows.Err(); err != nil {
					t.Fatal(err)
				}
				rows.Close()
			}
			if compared < 50 {
				t.Errorf("%s: only %d characters of %s were compared", kind, compared, cs)
			}
		}
	}
	if generate {
		if err := os.WriteFile("decode_fixes.txt", []byte(generated(wrong)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// generated returns the lines of decode_fixes.txt.
func generated(all map[string]map[rune]map[string]bool) string {
	var b strings.Builder
	var sets []string
	for cs := range all {
		sets = append(sets, cs)
	}
	sort.Strings(sets)
	for _, cs := range sets {
		var list, from, to, none []rune
		for r := range all[cs] {
			list = append(list, r)
		}
		sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
		for _, r := range list {
			wants := all[cs][r]
			if len(wants) == 1 && wants[string(r)] {
				continue
			}
			w := utf8.RuneError
			for text := range wants {
				if len(wants) == 1 && utf8.RuneCountInString(text) == 1 && text != "?" {
					w, _ = utf8.DecodeRuneInString(text)
				}
			}
			switch n := len(none); {
			case w != utf8.RuneError && w >= 0x80: // sjis has a backslash of two bytes, which escapes nothing
				from, to = append(from, r), append(to, w)
			case n > 0 && none[n-1] == r-1:
				none[n-1] = r
			default:
				none = append(none, r, r)
			}
		}
		if len(from)+len(none) > 0 {
			fmt.Fprintf(&b, "%s %q %q %q\n", cs, string(from), string(to), string(none))
		}
	}
	return b.String()
}
