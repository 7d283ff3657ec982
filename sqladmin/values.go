package sqladmin

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// dateTimeLayout is how a DATETIME(3) prints.
const dateTimeLayout = "2006-01-02 15:04:05.000"

// normal returns a value as one of nil, int64, uint64, float64, string and
// time.Time, which is all that the evaluator and the encoder know.
func normal(v any) any {
	switch v := v.(type) {
	case nil, int64, uint64, float64, string:
		return v
	case bool:
		return int64(btoi(v))
	case int:
		return int64(v)
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint:
		return uint64(v)
	case uint8:
		return uint64(v)
	case uint16:
		return uint64(v)
	case uint32:
		return uint64(v)
	case float32:
		return float64(v)
	case []byte:
		return string(v)
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.UTC()
	case time.Duration:
		return v.Seconds()
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprint(v)
}

// asString prints a value as MySQL would.
func asString(v any) string {
	switch v := normal(v).(type) {
	case nil:
		return ""
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return formatFloat(v)
	case time.Time:
		return v.Format(dateTimeLayout)
	case string:
		return v
	}
	return ""
}

func formatFloat(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "0"
	}
	if a := math.Abs(f); a != 0 && (a >= 1e15 || a < 1e-15) {
		return strings.Replace(strconv.FormatFloat(f, 'g', -1, 64), "e+", "e", 1) // 1e308, as MySQL has it
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// asFloat reads a number; of a text, its leading digits, as MySQL does.
func asFloat(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return v
	case time.Time:
		f, _ := strconv.ParseFloat(v.Format("20060102150405"), 64)
		return f
	case string:
		return leadingNumber(v)
	}
	return 0
}

// leadingNumber reads the longest number that a text begins with, in one scan.
// A number beyond a double's range is the double nearest to it, as in MySQL.
func leadingNumber(s string) float64 {
	s = strings.TrimLeft(s, " \t\r\n")
	f, err := strconv.ParseFloat(s[:numberLength(s)], 64)
	if errors.Is(err, strconv.ErrRange) && math.IsInf(f, 0) {
		return math.Copysign(math.MaxFloat64, f)
	}
	return f
}

// numberLength returns how many bytes of s are its leading number: a sign,
// digits with at most one point, and an exponent that has digits.
func numberLength(s string) int {
	end := signLength(s)
	whole := digits(s[end:])
	end += whole
	if end < len(s) && s[end] == '.' {
		fraction := digits(s[end+1:])
		if whole+fraction == 0 {
			return 0
		}
		end += 1 + fraction
	} else if whole == 0 {
		return 0
	}
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		exponent := end + 1 + signLength(s[end+1:])
		if n := digits(s[exponent:]); n > 0 {
			return exponent + n
		}
	}
	return end
}

func signLength(s string) int { return btoi(s != "" && (s[0] == '+' || s[0] == '-')) }

// digits returns how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// asInt reads an integer, rounded.
func asInt(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		return int64(min(v, math.MaxInt64))
	case string: // a double would lose digits
		text := strings.TrimLeft(v, " \t\r\n")
		if n, err := strconv.ParseInt(text[:numberLength(text)], 10, 64); err == nil {
			return n
		}
	}
	f := math.Round(asFloat(v))
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, uint64, float64:
		return true
	}
	return false
}

// isTrue says whether a value that is not NULL counts as true.
func isTrue(v any) bool { return v != nil && asFloat(v) != 0 }

// asTime reads a DATETIME or a text that looks like one.
func asTime(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07:00",
			"2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
			if t, err := time.Parse(layout, strings.TrimSpace(v)); err == nil {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

// compareNull is compare with NULL before everything else, as ORDER BY sorts.
func compareNull(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return compare(a, b)
}

// fold removes the difference of case.
func fold(s string) string { return strings.ToLower(s) }

// likeOne matches one character and returns how much of the pattern it took.
func likeOne(c rune, p []rune, escape rune) int {
	switch {
	case len(p) == 0:
		return 0
	case p[0] == escape && len(p) > 1:
		if p[1] == c {
			return 2
		}
		return 0
	case p[0] == '_' || p[0] == c:
		return 1
	}
	return 0
}

// fit gives every value the type of its column; a column whose values do not
// fit its type becomes a wider one.
func fit(cols []Column, rows [][]any) []Column {
	out := append([]Column(nil), cols...)
	for _, row := range rows {
		for i := range out {
			if i < len(row) && row[i] != nil {
				out[i].Type = widen(out[i].Type, row[i])
			}
		}
	}
	return out
}

// widen returns the type for a column of type t that holds v.
func widen(t Type, v any) Type {
	switch v := v.(type) {
	case int64:
		if t == Uint && v < 0 || t == Null {
			return Int
		}
		if t == DateTime {
			return String
		}
	case uint64:
		if t == Int && v > math.MaxInt64 || t == Null {
			return Uint
		}
		if t == DateTime {
			return String
		}
	case float64:
		if t == Int || t == Uint || t == Null {
			return Double
		}
		if t == DateTime {
			return String
		}
	case time.Time:
		if t == Null {
			return DateTime
		}
		if t == Int || t == Uint || t == Double {
			return String
		}
	case string:
		if t == DateTime {
			if _, ok := asTime(v); ok {
				return t
			}
		}
		if t != Text && (len(v) > 255 || t != String) {
			if t == String || len(v) > 255 {
				return Text
			}
			return String
		}
	}
	return t
}
