package binlog

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const (
	randomTables  = 4
	randomColumns = 40
	randomRows    = 25
)

// randomAgree stores random values of random types, new ones in every run, and
// compares what the binlog brings with what the server says they are.
func randomAgree(t *testing.T, l *lab) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for n := range randomTables {
		cases := make([]typeCase, randomColumns)
		for i := range cases {
			column, value := randomType(r, l.mariadb())
			cases[i].column = column
			for range randomRows {
				if r.IntN(6) == 0 {
					cases[i].values = append(cases[i].values, "NULL")
				} else {
					cases[i].values = append(cases[i].values, value())
				}
			}
		}
		typesAgree(t, l, fmt.Sprintf("random%d", n), cases)
		if t.Failed() {
			for i, c := range cases {
				t.Logf("v%d %s: %.2000s", i, c.column, strings.Join(c.values, " "))
			}
		}
	}
}

// randomType returns a column's type and what makes literals for it.
func randomType(r *rand.Rand, mariadb bool) (column string, value func() string) {
	switch kinds := 13; r.IntN(kinds) {
	case 0, 1:
		return randomInteger(r)
	case 2:
		return randomDecimal(r)
	case 3:
		return "FLOAT", func() string {
			return randomReal(func() float64 { return float64(math.Float32frombits(r.Uint32())) }, 32)
		}
	case 4:
		return "DOUBLE", func() string { return randomReal(func() float64 { return math.Float64frombits(r.Uint64()) }, 64) }
	case 5:
		n := 1 + r.IntN(64)
		return fmt.Sprintf("BIT(%d)", n), func() string { return fmt.Sprint(r.Uint64() >> (64 - n)) }
	case 6:
		n := 1 + r.IntN(64)
		return "SET(" + setMembers(n) + ")", func() string { return fmt.Sprint(r.Uint64() & r.Uint64() >> (64 - n)) }
	case 7:
		n := 1 + r.IntN(400)
		return "ENUM(" + setMembers(n) + ")", func() string { return fmt.Sprint(1 + r.IntN(n)) }
	case 8, 9:
		return randomTime(r)
	case 10:
		return "JSON", func() string {
			text, err := json.Marshal(randomJSON(r, 4))
			if err != nil {
				panic(err) // of a value made of nothing but JSON's types
			}
			return hexText(string(text))
		}
	case 11:
		return randomBytes(r)
	default:
		return randomText(r, mariadb)
	}
}

func randomInteger(r *rand.Rand) (string, func() string) {
	i := r.IntN(5)
	name, bits := []string{"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"}[i], []int{8, 16, 24, 32, 64}[i]
	// Values of every length, near the powers of two and far from them.
	magnitude := func(bits int) uint64 { return r.Uint64() >> (64 - bits) >> r.IntN(bits) }
	if r.IntN(2) == 0 {
		return name + " UNSIGNED", func() string { return fmt.Sprint(magnitude(bits)) }
	}
	return name, func() string {
		n := int64(magnitude(bits - 1))
		if r.IntN(2) == 0 {
			n = -n - 1
		}
		return fmt.Sprint(n)
	}
}

func randomDecimal(r *rand.Rand) (string, func() string) {
	precision := 1 + r.IntN(65)
	scale := r.IntN(min(precision, 30) + 1)
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = '0' + byte(r.IntN(10))
		}
		return string(b)
	}
	return fmt.Sprintf("DECIMAL(%d,%d)", precision, scale), func() string {
		sign := []string{"", "-"}[r.IntN(2)]
		whole := digits(r.IntN(precision - scale + 1))
		return sign + "0" + whole + "." + digits(r.IntN(scale+1)) + "0"
	}
}

// randomReal returns a number that is none of those that no server stores, nor
// the negative zero, which MariaDB does not.
func randomReal(draw func() float64, bits int) string {
	for {
		f := draw()
		small := math.Abs(f) < 1e-300 || bits == 32 && math.Abs(f) < 1e-37 // servers differ in what they read
		if !math.IsNaN(f) && !math.IsInf(f, 0) && !small {
			return fmt.Sprintf("%.17e", f)
		}
	}
}

func randomTime(r *rand.Rand) (string, func() string) {
	fsp := r.IntN(7)
	fraction := func() string {
		if fsp == 0 {
			return ""
		}
		return fmt.Sprintf(".%06d", r.IntN(1_000_000))[:fsp+1]
	}
	day := func(from, years int) time.Time {
		return time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(int64(years)*365*24*3600)) * time.Second)
	}
	switch r.IntN(5) {
	case 0:
		return "DATE", func() string { return "'" + day(1000, 200).Format(time.DateOnly) + "'" }
	case 1:
		return fmt.Sprintf("TIME(%d)", fsp), func() string {
			sign := []string{"", "-"}[r.IntN(2)]
			return fmt.Sprintf("'%s%d:%02d:%02d%s'", sign, r.IntN(838), r.IntN(60), r.IntN(60), fraction())
		}
	case 2:
		return fmt.Sprintf("DATETIME(%d)", fsp), func() string { return "'" + day(1900, 200).Format(time.DateTime) + fraction() + "'" }
	case 3:
		return fmt.Sprintf("TIMESTAMP(%d) NULL", fsp), func() string { return "'" + day(1971, 60).Format(time.DateTime) + fraction() + "'" }
	default:
		return "YEAR", func() string { return fmt.Sprint(1901 + r.IntN(255)) }
	}
}

func randomBytes(r *rand.Rand) (string, func() string) {
	longest := []int{1, 10, 255, 256, 300}[r.IntN(5)]
	column := []string{"VARBINARY", "BINARY", "BLOB", "LONGBLOB"}[r.IntN(4)]
	if column == "BINARY" {
		longest = min(longest, 255)
	}
	if column != "LONGBLOB" {
		column += fmt.Sprintf("(%d)", longest)
	}
	return column, func() string {
		b := make([]byte, r.IntN(longest+1))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return fmt.Sprintf("x'%x'", b)
	}
}

// alphabets are what texts of a character set are made of.
var alphabets = map[string]string{
	"utf8mb4": "abc XYZ'\"\\\x00\n é日本😀\u2028", "utf8mb3": "ab 'é日本", "latin1": "ab \\é€ÿ", "utf16": "a 'é日😀", "gbk": "a 日本語汉字", "cp1251": "a 'Привет", "sjis": "a日本語ｱ",
	"ascii": "abc '\\%_",
}

func randomText(r *rand.Rand, mariadb bool) (string, func() string) {
	charset := []string{"utf8mb4", "utf8mb4", "utf8mb3", "latin1", "utf16", "gbk", "cp1251", "sjis", "ascii"}[r.IntN(9)]
	longest := []int{1, 20, 63, 64, 90}[r.IntN(5)]
	column := fmt.Sprintf("%s(%d)", []string{"VARCHAR", "VARCHAR", "CHAR", "TEXT"}[r.IntN(4)], longest)
	if mariadb && r.IntN(3) == 0 {
		column = fmt.Sprintf("VARCHAR(%d) COMPRESSED", longest)
	}
	column += " CHARACTER SET " + charset
	alphabet := []rune(alphabets[charset])
	return column, func() string {
		text := make([]rune, r.IntN(longest+1))
		for i := range text {
			text[i] = alphabet[r.IntN(len(alphabet))]
		}
		return hexText(string(text))
	}
}

func hexText(s string) string { return fmt.Sprintf("_utf8mb4 x'%x'", s) }

// randomJSON returns a value for json.Marshal, nested to a depth.
func randomJSON(r *rand.Rand, depth int) any {
	kinds := 9
	if depth == 0 {
		kinds = 7
	}
	alphabet := []rune(alphabets["utf8mb4"])
	text := func() string {
		s := make([]rune, r.IntN(1+r.IntN(300)))
		for i := range s {
			s[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(s)
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2, 3:
		return r.Int64() >> r.IntN(64)
	case 4:
		return r.Uint64()
	case 5:
		return (r.Float64() - 0.5) * math.Pow(10, float64(r.IntN(200)-100))
	case 6:
		return text()
	case 7:
		list := make([]any, r.IntN(12))
		for i := range list {
			list[i] = randomJSON(r, depth-1)
		}
		return list
	default:
		object := map[string]any{}
		for range r.IntN(12) {
			object[text()] = randomJSON(r, depth-1)
		}
		return object
	}
}
