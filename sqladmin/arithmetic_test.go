package sqladmin

import (
	"strings"
	"testing"
)

// TestArithmetic has the results of MySQL 9.7, but for differences of UNSIGNED
// numbers, which may be negative here.
func TestArithmetic(t *testing.T) {
	db := dial(t, open(t, newDouble()), "")
	for expr, want := range map[string]string{
		"1e308*10": "DOUBLE value is out of range in '(1e+308 * 10)'", "1e308+1e308": "DOUBLE", "-1e308-1e308": "DOUBLE", "1e308/1e-10": "DOUBLE",
		"9223372036854775807+1": "BIGINT value is out of range in '(9223372036854775807 + 1)'", "-9223372036854775808-1": "BIGINT",
		"9223372036854775807*2": "BIGINT", "9223372036854775807+0": "9223372036854775807", "-9223372036854775808 DIV -1": "BIGINT",
		"-9223372036854775808": "-9223372036854775808", "ABS(-9223372036854775808)": "BIGINT", "ABS(-5)": "5",
		"18446744073709551615+0": "18446744073709551615", "18446744073709551615+1": "BIGINT UNSIGNED", "18446744073709551615-1": "18446744073709551614",
		"18446744073709551615*1": "18446744073709551615", "9007199254740993+0": "9007199254740993", "9007199254740993*1": "9007199254740993",
		"CAST(9007199254740993 AS UNSIGNED)+2": "9007199254740995", "5 DIV 0": "NULL", "5 % 0": "NULL", "5/0": "NULL", "5.5 DIV 0": "NULL",
		"7 DIV 2": "3", "-7 DIV 2": "-3", "-7 % 3": "-1", "7 % -3": "1", "7.5 DIV 2": "3", "1e20 DIV 1": "BIGINT", "7/2": "3.5",
		"CAST(1e19 AS UNSIGNED)": "9223372036854775807", "CAST(18446744073709551615 AS SIGNED)": "-1", "CAST(-1 AS UNSIGNED)": "18446744073709551615",
		"CAST('18446744073709551615' AS UNSIGNED)": "18446744073709551615", "18446744073709551615 & 1": "1", "18446744073709551615 >> 63": "1",
		"18446744073709551615 | 0": "18446744073709551615", "1 << 63": "9223372036854775808", "1 << 64": "0", "1 >> 64": "0", "~0": "18446744073709551615",
		"ROUND(1e308, 2)": "1e+308", "ROUND(15, -1)": "20", "3 - 5": "-2", "2 * 3.5e0": "7", "'7' + '8'": "15", "'abc' + 1": "1", "NULL + 1": "NULL",
		"SUM(9223372036854775807) > 9e18": "1", "CAST(3 AS UNSIGNED) - 5": "-2",
	} {
		rows, err := db.QueryContext(t.Context(), "SELECT "+expr)
		got := ""
		if err == nil {
			got = firstRow(t, rows)
		}
		if code(err) == CodeOutOfRange && strings.Contains(err.Error(), want) && strings.Contains(err.Error(), "22003") {
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: got %s (%v), want %s", expr, got, err, want)
		}
	}
}
