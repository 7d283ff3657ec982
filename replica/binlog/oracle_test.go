package binlog

import (
	"fmt"
	"math"

	"sluice/replica"
)

// number returns any of go-mysql's integers.
func number(v any) (uint64, bool) {
	switch n := v.(type) {
	case int8:
		return uint64(n), true
	case int16:
		return uint64(n), true
	case int32:
		return uint64(n), true
	case int64:
		return uint64(n), true
	case int:
		return uint64(n), true
	case uint8:
		return uint64(n), true
	case uint16:
		return uint64(n), true
	case uint32:
		return uint64(n), true
	case uint64:
		return n, true
	}
	return 0, false
}

func textOf(v any) []byte {
	switch s := v.(type) {
	case string:
		return []byte(s)
	case []byte:
		return s
	}
	return fmt.Append(nil, v)
}

func floatOf(v replica.Value) float64 { return math.Float64frombits(v.Num) }
