package snapshot

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sluice/replica"
)

// Bound is a place in the order of a key: one value per key column, or nil for
// an open bound. Text and binary keys hold the bytes of the column's own
// character set (KindBytes), so that they come back to the server unchanged. It
// has no String method because it holds row values; use MarshalText to store
// it.
type Bound []replica.Value

// The tags of MarshalText's items.
const (
	tagInt     = "i"
	tagUint    = "u"
	tagDouble  = "d"
	tagDecimal = "n"
	tagTime    = "t"
	tagBytes   = "x"
)

// MarshalText returns the bound as text for the chunks table: items separated
// by commas, each a tag, a colon and the value. The text of a nil bound is
// empty. ParseBound returns the same bound again, exactly.
func (b Bound) MarshalText() ([]byte, error) {
	var out []byte
	for i, v := range b {
		if i > 0 {
			out = append(out, ',')
		}
		switch v.Kind {
		case replica.KindInt:
			out = strconv.AppendInt(append(out, tagInt+":"...), int64(v.Num), 10)
		case replica.KindUint:
			out = strconv.AppendUint(append(out, tagUint+":"...), v.Num, 10)
		case replica.KindDouble:
			out = strconv.AppendFloat(append(out, tagDouble+":"...), math.Float64frombits(v.Num), 'g', -1, 64)
		case replica.KindDecimal:
			out = append(append(out, tagDecimal+":"...), v.Bytes...)
		case replica.KindTime:
			out = append(append(out, tagTime+":"...), v.Bytes...)
		case replica.KindBytes:
			out = hex.AppendEncode(append(out, tagBytes+":"...), v.Bytes)
		default:
			return nil, fmt.Errorf("marshal bound: item %d has kind %d, which no key has", i, v.Kind)
		}
	}
	return out, nil
}

// UnmarshalText is the reverse of MarshalText.
func (b *Bound) UnmarshalText(text []byte) error {
	parsed, err := ParseBound(string(text))
	if err != nil {
		return err
	}
	*b = parsed
	return nil
}

// errBound is what ParseBound returns for every text that MarshalText does not
// write. It does not hold the text, which would be a row value.
var errBound = errors.New("the text of a chunk's bound is damaged")

// ParseBound returns the bound that MarshalText wrote.
func ParseBound(text string) (Bound, error) {
	if text == "" {
		return nil, nil
	}
	var b Bound
	for item := range strings.SplitSeq(text, ",") {
		tag, value, found := strings.Cut(item, ":")
		if !found {
			return nil, errBound
		}
		v, err := parseItem(tag, value)
		if err != nil {
			return nil, err
		}
		b = append(b, v)
	}
	return b, nil
}

func parseItem(tag, value string) (replica.Value, error) {
	switch tag {
	case tagInt:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return replica.Value{Kind: replica.KindInt, Num: uint64(n)}, nil
		}
	case tagUint:
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			return replica.Value{Kind: replica.KindUint, Num: n}, nil
		}
	case tagDouble:
		if f, err := strconv.ParseFloat(value, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return replica.Value{Kind: replica.KindDouble, Num: math.Float64bits(f)}, nil
		}
	case tagDecimal:
		if onlyOf(value, "0123456789.-") {
			return replica.Value{Kind: replica.KindDecimal, Bytes: []byte(value)}, nil
		}
	case tagTime:
		if onlyOf(value, "0123456789.-: ") {
			return replica.Value{Kind: replica.KindTime, Bytes: []byte(value)}, nil
		}
	case tagBytes:
		if raw, err := hex.DecodeString(value); err == nil {
			return replica.Value{Kind: replica.KindBytes, Bytes: raw}, nil
		}
	}
	return replica.Value{}, errBound
}

// onlyOf says whether s is not empty and has only the given characters. What
// passes is safe inside an SQL literal.
func onlyOf(s, characters string) bool {
	return s != "" && strings.Trim(s, characters) == ""
}

// equal says whether two bounds are the same place.
func (b Bound) equal(c Bound) bool {
	if len(b) != len(c) || (b == nil) != (c == nil) {
		return false
	}
	for i := range b {
		if !b[i].Equal(c[i]) {
			return false
		}
	}
	return true
}
