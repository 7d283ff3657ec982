package apply

import (
	"fmt"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// textHash is the scheduler's view of a text under a collation that is not
// binary; every wild text has the same one.
func textHash(s string) uint64 {
	h, ok := hashValue(replica.Value{Kind: replica.KindString, Bytes: []byte(s)}, true, 0)
	if !ok {
		return 0
	}
	return h
}

// TestCollationsOfServers asks real servers for the sort key of every printable
// ASCII character, every pair of letters and some more, under every collation of
// utf8mb4 that they have: texts that a server holds equal must have the same
// hash, or be wild.
func TestCollationsOfServers(t *testing.T) {
	var texts []string
	for a := byte(0x20); a <= 0x7e; a++ {
		texts = append(texts, string(a))
		texts = append(texts, string([]byte{a, ' '}), string([]byte{' ', a}), string([]byte{'a', a}))
	}
	for a := byte('a'); a <= 'z'; a++ {
		for b := byte('a'); b <= 'z'; b++ {
			texts = append(texts, string([]byte{a, b}))
		}
	}
	texts = append(texts, "dzs", "dz", "ccs", "cs", "ssz", "sz", "lly", "nny", "tty", "zzs", "aa", "Aa", "a a", "strasse", "Strasse", "coop", "co-op", "ch", "cch", "c h", "ij", "IJ")
	for _, kind := range []servers.Kind{servers.TiDB, servers.MySQL, servers.MariaDB} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			s := servers.ForTest(t, kind)
			db, err := s.Open("")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			rows, err := db.Query("SELECT COLLATION_NAME FROM information_schema.collations WHERE CHARACTER_SET_NAME='utf8mb4' OR COLLATION_NAME LIKE 'uca1400%'")
			if err != nil {
				t.Fatal(err)
			}
			var collations []string
			for rows.Next() {
				var c string
				if err := rows.Scan(&c); err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(c, "_bin") {
					collations = append(collations, c)
				}
			}
			if rows.Err() != nil || len(collations) == 0 {
				t.Fatal("no collations", rows.Err())
			}
			for _, c := range collations {
				var parts []string
				for _, s := range texts {
					parts = append(parts, "SELECT "+Literal(s))
				}
				rows, err := db.Query("SELECT s, HEX(WEIGHT_STRING(CONVERT(s USING utf8mb4) COLLATE " + c + ")) FROM (" + strings.Join(parts[:1], "") + " AS s UNION ALL " + strings.Join(parts[1:], " UNION ALL ") + ") x")
				if err != nil {
					t.Fatalf("%s: %v", c, err)
				}
				first := map[string]string{}
				bad := 0
				for rows.Next() {
					var s, w string
					if err := rows.Scan(&s, &w); err != nil {
						t.Fatal(err)
					}
					if o, ok := first[w]; !ok {
						first[w] = s
					} else if a, b := textHash(o), textHash(s); a != b && a != 0 && b != 0 {
						if bad++; bad <= 8 {
							t.Errorf("%s holds %q and %q equal, and they have different hashes", c, o, s)
						}
					}
				}
				if err := rows.Err(); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d collations", len(collations))
		})
	}
}
