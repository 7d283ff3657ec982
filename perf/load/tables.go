package load

import (
	"fmt"
	"strings"
)

// Sysbench is the table of sysbench's OLTP tests.
func Sysbench() Table {
	return Table{
		Name:    "sbtest",
		Columns: []string{"id", "k", "c", "pad"},
		Define: "id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '', " +
			"pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k_1 (k)",
		Row: func(g *Gen, id int64, dst []any) []any {
			return append(dst, id, int64(g.IntN(1_000_000)), g.Digits(10), g.Digits(5))
		},
	}
}

// Counters is a table of counters.
func Counters() Table {
	return Table{
		Name: "counters", Columns: []string{"id", "n", "name"},
		Define: "id INT NOT NULL, n BIGINT NOT NULL, name VARCHAR(40) NOT NULL, PRIMARY KEY (id)",
		Row: func(_ *Gen, id int64, dst []any) []any {
			return append(dst, id, int64(0), fmt.Sprintf("counter-%d", id))
		},
	}
}

// Uniques is a table with two unique keys beside the primary one. Row id's
// unique values are its own; NewUnique makes others.
func Uniques() Table {
	return Table{
		Name: "users", Columns: []string{"id", "email", "phone", "score", "note"},
		Define: "id BIGINT NOT NULL, email VARCHAR(60) NOT NULL, phone BIGINT NULL, score INT NOT NULL, " +
			"note VARCHAR(80) NOT NULL, PRIMARY KEY (id), UNIQUE KEY email (email), UNIQUE KEY phone (phone)",
		Row: func(g *Gen, id int64, dst []any) []any {
			email, phone := NewUnique(id, 0)
			return append(dst, id, email, phone, int64(g.IntN(1000)), g.Text(40))
		},
	}
}

// NewUnique returns the unique values of a row of Uniques after its n-th move:
// no other row and no other move has them.
func NewUnique(id int64, n int) (email string, phone int64) {
	return fmt.Sprintf("u%d.%d@example.org", id, n), id*1000 + int64(n)
}

// Wide is a table with rows of some 4 KB.
func Wide() Table {
	return Table{
		Name: "docs", Columns: []string{"id", "title", "body"},
		Define: "id BIGINT NOT NULL, title VARCHAR(100) NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id)",
		Row: func(g *Gen, id int64, dst []any) []any {
			return append(dst, id, g.Text(30), g.Text(4000))
		},
	}
}

// Hundred is a table with 100 columns: a key, 60 integers, 20 short texts, 10
// decimals, 9 datetimes.
func Hundred() Table {
	t := Table{Name: "hundred", Columns: []string{"id"}}
	define := []string{"id BIGINT NOT NULL"}
	add := func(n int, prefix, kind string) {
		for i := range n {
			name := fmt.Sprintf("%s%d", prefix, i)
			t.Columns = append(t.Columns, name)
			define = append(define, name+" "+kind)
		}
	}
	add(60, "i", "INT NOT NULL")
	add(20, "s", "VARCHAR(20) NULL")
	add(10, "d", "DECIMAL(12,2) NOT NULL")
	add(9, "t", "DATETIME NOT NULL")
	t.Define = strings.Join(append(define, "PRIMARY KEY (id)"), ", ")
	t.Row = func(g *Gen, id int64, dst []any) []any {
		dst = append(dst, id)
		for range 60 {
			dst = append(dst, int64(g.IntN(1<<20)))
		}
		for i := range 20 {
			if i%5 == 4 && g.IntN(2) == 0 {
				dst = append(dst, nil)
				continue
			}
			dst = append(dst, g.Text(12))
		}
		for range 10 {
			dst = append(dst, decimal(g))
		}
		for range 9 {
			dst = append(dst, datetime(g, 0))
		}
		return dst
	}
	return t
}

// Mixed is a table with JSON, DECIMAL and DATETIME(6) columns.
func Mixed() Table {
	return Table{
		Name:    "mixed",
		Columns: []string{"id", "price", "tax", "at", "seen", "doc", "ratio", "tag"},
		Define: "id BIGINT UNSIGNED NOT NULL, price DECIMAL(20,6) NOT NULL, tax DECIMAL(10,2) NULL, at DATETIME(6) NOT NULL, " +
			"seen TIMESTAMP(3) NULL, doc JSON NOT NULL, ratio DOUBLE NOT NULL, tag VARBINARY(16) NOT NULL, PRIMARY KEY (id)",
		Row: func(g *Gen, id int64, dst []any) []any {
			doc := fmt.Sprintf(`{"id": %d, "name": "%s", "tags": ["%s", "%s"], "score": %d.5, "deep": {"on": true, "none": null}}`,
				id, g.Text(12), g.Text(5), g.Text(8), g.IntN(1000))
			tag := make([]byte, 16)
			for i := range tag {
				tag[i] = byte(g.Uint64())
			}
			return append(dst, id, decimal(g)+"1234", decimal(g), datetime(g, 6), datetime(g, 3), doc,
				float64(g.IntN(1<<30))/1024, tag)
		},
	}
}

// Keyless is a table without any key, in which no two rows are alike.
func Keyless() Table {
	return Table{
		Name: "log", Columns: []string{"n", "level", "message"},
		Define: "n BIGINT NOT NULL, level VARCHAR(8) NOT NULL, message VARCHAR(120) NOT NULL",
		Row: func(g *Gen, id int64, dst []any) []any {
			return append(dst, id, []string{"info", "warn", "error"}[g.IntN(3)], g.Text(60))
		},
	}
}

func decimal(g *Gen) string { return fmt.Sprintf("%d.%02d", g.IntN(10_000_000), g.IntN(100)) }

// datetime returns a time from 1971 to 2030 with so many digits of a second.
func datetime(g *Gen, digits int) string {
	s := fmt.Sprintf("%d-%02d-%02d %02d:%02d:%02d", 1971+g.IntN(60), 1+g.IntN(12), 1+g.IntN(28), g.IntN(24), g.IntN(60), g.IntN(60))
	switch digits {
	case 3:
		return fmt.Sprintf("%s.%03d", s, g.IntN(1000))
	case 6:
		return fmt.Sprintf("%s.%06d", s, g.IntN(1_000_000))
	}
	return s
}
