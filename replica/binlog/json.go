package binlog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

// The binary JSON format: sql-common/json_binary.h.
const (
	jsonSmallObject = 0
	jsonLargeObject = 1
	jsonSmallArray  = 2
	jsonLargeArray  = 3
	jsonLiteral     = 4
	jsonInt16       = 5
	jsonUint16      = 6
	jsonInt32       = 7
	jsonUint32      = 8
	jsonInt64       = 9
	jsonUint64      = 10
	jsonDouble      = 11
	jsonString      = 12
	jsonOpaque      = 15

	// jsonMaxDepth is above the server's own limit of 100.
	jsonMaxDepth = 128
)

var errJSON = errors.New("a binary JSON value is damaged")

// decodeJSON appends a binary JSON document as text. Numbers keep their exact
// digits, members their stored order. An empty value is the JSON null that old
// servers stored for it.
func decodeJSON(out, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return append(out, "null"...), nil
	}
	w := jsonWriter{limit: len(out) + jsonMaxGrowth*len(b) + 64}
	return w.value(out, b[0], b[1:], 0)
}

// jsonMaxGrowth bounds how much longer a document's text may be than its binary
// form: a control character takes six bytes for one, a number less.
const jsonMaxGrowth = 8

// jsonWriter prints one document. Its limit ends a damaged one whose values
// refer to each other.
type jsonWriter struct{ limit int }

func (w *jsonWriter) value(out []byte, typ byte, b []byte, depth int) ([]byte, error) {
	if depth > jsonMaxDepth || len(out) > w.limit {
		return nil, errJSON
	}
	need := func(n int) bool { return len(b) >= n }
	switch typ {
	case jsonSmallObject, jsonLargeObject, jsonSmallArray, jsonLargeArray:
		return w.container(out, typ, b, depth)
	case jsonLiteral:
		if need(1) {
			return jsonLiteralText(out, b[0])
		}
	case jsonInt16:
		if need(2) {
			return strconv.AppendInt(out, int64(int16(binary.LittleEndian.Uint16(b))), 10), nil
		}
	case jsonUint16:
		if need(2) {
			return strconv.AppendUint(out, uint64(binary.LittleEndian.Uint16(b)), 10), nil
		}
	case jsonInt32:
		if need(4) {
			return strconv.AppendInt(out, int64(int32(binary.LittleEndian.Uint32(b))), 10), nil
		}
	case jsonUint32:
		if need(4) {
			return strconv.AppendUint(out, uint64(binary.LittleEndian.Uint32(b)), 10), nil
		}
	case jsonInt64:
		if need(8) {
			return strconv.AppendInt(out, int64(binary.LittleEndian.Uint64(b)), 10), nil
		}
	case jsonUint64:
		if need(8) {
			return strconv.AppendUint(out, binary.LittleEndian.Uint64(b), 10), nil
		}
	case jsonDouble:
		if need(8) {
			f := math.Float64frombits(binary.LittleEndian.Uint64(b))
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, errJSON
			}
			return appendJSONDouble(out, f), nil
		}
	case jsonString:
		s, err := jsonBytes(b)
		if err != nil {
			return nil, err
		}
		return appendJSONString(out, s), nil
	case jsonOpaque:
		return jsonOpaqueText(out, b)
	}
	return nil, errJSON
}

// appendJSONDouble keeps a whole double a double: 1.0, not 1.
func appendJSONDouble(out []byte, f float64) []byte {
	n := len(out)
	out = strconv.AppendFloat(out, f, 'g', -1, 64)
	for _, c := range out[n:] {
		if c == '.' || c == 'e' {
			return out
		}
	}
	return append(out, '.', '0')
}

func jsonLiteralText(out []byte, v byte) ([]byte, error) {
	switch v {
	case 0:
		return append(out, "null"...), nil
	case 1:
		return append(out, "true"...), nil
	case 2:
		return append(out, "false"...), nil
	}
	return nil, errJSON
}

func (jw *jsonWriter) container(out []byte, typ byte, b []byte, depth int) ([]byte, error) {
	w := 2
	if typ == jsonLargeObject || typ == jsonLargeArray {
		w = 4
	}
	object := typ == jsonSmallObject || typ == jsonLargeObject
	num := func(at int) (int, bool) {
		if at < 0 || at+w > len(b) {
			return 0, false
		}
		if w == 2 {
			return int(binary.LittleEndian.Uint16(b[at:])), true
		}
		return int(binary.LittleEndian.Uint32(b[at:])), true
	}
	count, ok := num(0)
	size, ok2 := num(w)
	if !ok || !ok2 || size > len(b) {
		return nil, errJSON
	}
	b = b[:size]
	keys, values := 2*w, 2*w
	open, end := byte('['), byte(']')
	if object {
		values += count * (w + 2)
		open, end = '{', '}'
	}
	if values+count*(w+1) > size {
		return nil, errJSON
	}
	out = append(out, open)
	for i := 0; i < count; i++ {
		if i > 0 {
			out = append(out, ',')
		}
		if object {
			at, _ := num(keys + i*(w+2))
			n := int(binary.LittleEndian.Uint16(b[keys+i*(w+2)+w:]))
			if at+n > len(b) {
				return nil, errJSON
			}
			out = append(appendJSONString(out, b[at:at+n]), ':')
		}
		entry := values + i*(w+1)
		t := b[entry]
		v := b[entry+1 : entry+1+w]
		if !(t == jsonLiteral || t == jsonInt16 || t == jsonUint16 || w == 4 && (t == jsonInt32 || t == jsonUint32)) {
			at, _ := num(entry + 1)
			if at > len(b) {
				return nil, errJSON
			}
			v = b[at:]
		}
		var err error
		if out, err = jw.value(out, t, v, depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, end), nil
}

// jsonBytes reads a length in base 128, low part first, and that many bytes.
func jsonBytes(b []byte) ([]byte, error) {
	n := uint64(0)
	for i := 0; i < 5 && i < len(b); i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			if uint64(len(b)-i-1) < n {
				return nil, errJSON
			}
			return b[i+1 : i+1+int(n)], nil
		}
	}
	return nil, errJSON
}

// jsonOpaqueText prints a value of an SQL type inside JSON as the server's own
// JSON printer does (sql-common/json_dom.cc wrapper_to_string).
func jsonOpaqueText(out, b []byte) ([]byte, error) {
	if len(b) < 2 {
		return nil, errJSON
	}
	typ := b[0]
	v, err := jsonBytes(b[1:])
	if err != nil {
		return nil, err
	}
	switch typ {
	case colNewDecimal:
		if len(v) < 2 || !soundDecimal(int(v[0]), int(v[1])) || len(v)-2 < decimalSize(int(v[0]), int(v[1])) {
			return nil, errJSON
		}
		return appendDecimal(out, v[2:], int(v[0]), int(v[1])), nil
	case colDate, colDateTime, colTimestamp, colTime:
		if len(v) < 8 {
			return nil, errJSON
		}
		out = append(out, '"')
		out = appendJSONTemporal(out, typ, int64(binary.LittleEndian.Uint64(v)))
		return append(out, '"'), nil
	}
	out = append(out, `"base64:type`...)
	out = strconv.AppendUint(out, uint64(typ), 10)
	out = append(out, ':')
	// As the server does, with a line's end behind every 76 characters but the
	// last ones.
	const line = 57 // bytes
	for len(v) > line {
		out = append(base64.StdEncoding.AppendEncode(out, v[:line]), '\\', 'n')
		v = v[line:]
	}
	out = base64.StdEncoding.AppendEncode(out, v)
	return append(out, '"'), nil
}

// appendJSONTemporal prints the packed longlong form (my_time.cc
// TIME_from_longlong_*_packed): 24 bits of microseconds below the whole.
func appendJSONTemporal(out []byte, typ byte, p int64) []byte {
	if p < 0 {
		out, p = append(out, '-'), -p
	}
	whole, micros := uint64(p)>>24, uint64(p)&(1<<24-1)
	if typ == colTime {
		out = appendHours(out, whole>>12&1023, whole>>6&63, whole&63)
		return appendFraction(out, micros, 6)
	}
	ymd, hms := whole>>17, whole&(1<<17-1)
	out = appendDate(out, (ymd>>5)/13, (ymd>>5)%13, ymd&31)
	if typ == colDate {
		return out
	}
	out = appendClock(append(out, ' '), hms>>12, hms>>6&63, hms&63)
	return appendFraction(out, micros, 6)
}

const hexDigits = "0123456789abcdef"

func appendJSONString(out, s []byte) []byte {
	out = append(out, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= 0x20:
			out = append(out, c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(out, '"')
}
