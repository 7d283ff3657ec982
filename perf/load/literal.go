package load

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// appendLiteral appends a value as SQL text. Strings of the generators have
// no character that needs an escape but those of JSON documents.
func appendLiteral(b []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(b, "NULL"...)
	case int64:
		return strconv.AppendInt(b, x, 10)
	case float64:
		return strconv.AppendFloat(b, x, 'g', -1, 64)
	case []byte:
		b = append(b, "x'"...)
		b = hex.AppendEncode(b, x)
		return append(b, '\'')
	case string:
		b = append(b, '\'')
		for i := range len(x) {
			if x[i] == '\'' || x[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, x[i])
		}
		return append(b, '\'')
	}
	return append(b, fmt.Sprintf("'a %T has no literal'", v)...)
}

// appendRow appends a row's values in parentheses.
func appendRow(b []byte, row []any) []byte {
	for i, v := range row {
		if i == 0 {
			b = append(b, '(')
		} else {
			b = append(b, ',')
		}
		b = appendLiteral(b, v)
	}
	return append(b, ')')
}
