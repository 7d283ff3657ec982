package binlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sluice/replica"
)

var (
	errText  = errors.New("a text value has bytes that its character set does not define")
	errShort = errors.New("a row image is cut off")
)

// rowDecoder decodes the row images of one table map.
type rowDecoder struct {
	table   *replica.Table
	columns []columnDecoder
	made    int // bytes of values that do not alias their image, since it was reset
}

// columnDecoder is how one column's bytes become a Value.
type columnDecoder struct {
	typ      byte // without CHAR's disguises
	size     int  // length prefix, pack length or fixed length in bytes
	fsp      int  // fractional digits; DECIMAL scale
	prec     int  // DECIMAL precision
	unsigned bool
	skip     bool // generated: decoded over, not kept
	text     bool
	makes    bool // values are not parts of the image, and can be larger
	pad      int  // BINARY(n): n
	dec      textDecoder
}

// newRowDecoder returns a decoder for rows of m whose definition is t. It
// refuses what cannot be carried.
func newRowDecoder(m *TableMap, t *replica.Table) (*rowDecoder, error) {
	if err := m.match(t); err != nil {
		return nil, err
	}
	d := &rowDecoder{table: t, columns: make([]columnDecoder, len(t.Columns))}
	for i := range t.Columns {
		col := &t.Columns[i]
		cd := &d.columns[i]
		cd.typ, cd.size = m.realType(i)
		cd.unsigned, cd.skip = col.Unsigned, col.Generated
		cd.layout(m.meta[i], col)
		if col.IsText() {
			cd.text = true
			var err error
			if cd.dec, err = newTextDecoder(col); err != nil {
				return nil, err
			}
		}
		cd.makes = cd.dec.rune != nil || cd.typ == colJSON || cd.typ == colMBlobZ || cd.typ == colMVarcharZ
		if cd.typ == colGeometry && !cd.skip {
			return nil, unsupportedType(t, col)
		}
	}
	return d, nil
}

func unsupportedType(t *replica.Table, col *replica.Column) error {
	return &replica.Error{Code: 61133, Class: "DATA", Table: t.String(),
		Message: fmt.Sprintf("column %q of %s has the type %s, which TiDB does not have", col.Name, t, col.SQLType),
		Remedy:  "leave the table out with REPLICATE_IGNORE_TABLE, or change the column on the source"}
}

// layout fills the sizes that depend on the column's metadata.
func (cd *columnDecoder) layout(meta uint16, col *replica.Column) {
	switch cd.typ {
	case colTiny, colYear:
		cd.size = 1
	case colShort:
		cd.size = 2
	case colInt24, colDate, colNewDate, colTime:
		cd.size = 3
	case colLong, colFloat, colTimestamp:
		cd.size = 4
	case colLongLong, colDouble, colDateTime:
		cd.size = 8
	case colTimestamp2, colDateTime2, colTime2:
		cd.fsp = int(meta)
		cd.size = map[byte]int{colTimestamp2: 4, colDateTime2: 5, colTime2: 3}[cd.typ] + (cd.fsp+1)/2
	case colNewDecimal:
		cd.prec, cd.fsp = int(meta>>8), int(meta&0xff)
		cd.size = decimalSize(cd.prec, cd.fsp)
	case colBit:
		cd.size = int(meta >> 8)
		if meta&0xff > 0 {
			cd.size++
		}
	case colVarchar, colVarString, colString, colMVarcharZ:
		// The width of the length prefix follows the column's size in bytes.
		if cd.size > 255 {
			cd.size = 2
		} else {
			cd.size = 1
		}
		if col.Type == replica.TypeBinary {
			cd.pad = col.Length
		}
	}
}

// fixed says whether the value takes exactly size bytes.
func (cd *columnDecoder) fixed() bool {
	switch cd.typ {
	case colVarchar, colVarString, colString, colMVarcharZ, colMBlobZ,
		colBlob, colTinyBlob, colMediumBlob, colLongBlob, colJSON, colGeometry, colVector:
		return false
	}
	return true
}

// rows decodes one image from b and returns what follows it. present has one
// bit per column.
func (d *rowDecoder) image(b, present []byte) ([]replica.Value, []byte, error) {
	count := 0
	for i := range d.columns {
		if present[i/8]&(1<<(i%8)) != 0 {
			count++
		}
	}
	if count != len(d.columns) {
		return nil, nil, &replica.Error{Code: 61134, Class: "SOURCE", Table: d.table.String(),
			Message: fmt.Sprintf("a row image of %s has %d of %d columns", d.table, count, len(d.columns)),
			Remedy:  "set binlog_row_image=FULL on the source, reconnect its writers, then RESET MIGRATION and start again"}
	}
	nulls := (count + 7) / 8
	if len(b) < nulls {
		return nil, nil, errShort
	}
	bitmap := b[:nulls]
	b = b[nulls:]
	row := make([]replica.Value, len(d.columns))
	for i := range d.columns {
		if bitmap[i/8]&(1<<(i%8)) != 0 {
			continue
		}
		cd := &d.columns[i]
		raw, rest, err := cd.cut(b)
		if err != nil {
			return nil, nil, fmt.Errorf("decode %s column %q: %w", d.table, d.table.Columns[i].Name, err)
		}
		b = rest
		if cd.skip {
			continue
		}
		if row[i], err = cd.value(raw); err != nil {
			return nil, nil, d.valueError(i, err)
		}
		if cd.makes {
			d.made += len(row[i].Bytes)
		}
	}
	return row, b, nil
}

func (d *rowDecoder) valueError(i int, err error) error {
	return &replica.Error{Code: 61132, Class: "DATA", Err: err, Table: d.table.String(),
		Message: fmt.Sprintf("a value of column %q of %s cannot be carried", d.table.Columns[i].Name, d.table),
		Remedy:  "repair the row on the source, or leave the table out with REPLICATE_IGNORE_TABLE"}
}

// cut splits the column's bytes off b.
func (cd *columnDecoder) cut(b []byte) (raw, rest []byte, err error) {
	n := cd.size
	if !cd.fixed() {
		if len(b) < cd.size {
			return nil, nil, errShort
		}
		n = 0
		for i := cd.size - 1; i >= 0; i-- {
			n = n<<8 | int(b[i])
		}
		b = b[cd.size:]
	}
	if n < 0 || len(b) < n {
		return nil, nil, errShort
	}
	return b[:n:n], b[n:], nil
}

// value turns a column's bytes into a Value. Text and bytes alias raw.
func (cd *columnDecoder) value(raw []byte) (replica.Value, error) {
	switch cd.typ {
	case colTiny, colShort, colInt24, colLong, colLongLong:
		return cd.integer(raw), nil
	case colFloat:
		f := math.Float32frombits(binary.LittleEndian.Uint32(raw))
		return replica.Value{Kind: replica.KindFloat, Num: math.Float64bits(float64(f))}, nil
	case colDouble:
		return replica.Value{Kind: replica.KindDouble, Num: binary.LittleEndian.Uint64(raw)}, nil
	case colNewDecimal:
		return replica.Value{Kind: replica.KindDecimal, Bytes: decodeDecimal(raw, cd.prec, cd.fsp)}, nil
	case colYear:
		y := uint64(raw[0])
		if y > 0 {
			y += 1900
		}
		return replica.Value{Kind: replica.KindUint, Num: y}, nil
	case colDate, colNewDate, colTime, colDateTime, colTimestamp, colTimestamp2, colDateTime2, colTime2:
		return replica.Value{Kind: replica.KindTime, Bytes: cd.temporal(raw)}, nil
	case colBit:
		var v uint64
		for _, x := range raw {
			v = v<<8 | uint64(x)
		}
		return replica.Value{Kind: replica.KindBit, Num: v}, nil
	case colEnum, colSet:
		kind := replica.KindEnum
		if cd.typ == colSet {
			kind = replica.KindSet
		}
		var v uint64
		for i := len(raw) - 1; i >= 0; i-- {
			v = v<<8 | uint64(raw[i])
		}
		return replica.Value{Kind: kind, Num: v}, nil
	case colJSON:
		text, err := decodeJSON(nil, raw)
		return replica.Value{Kind: replica.KindJSON, Bytes: text}, err
	case colVector:
		return replica.Value{Kind: replica.KindBytes, Bytes: raw}, nil
	case colMBlobZ, colMVarcharZ:
		plain, err := inflateColumn(raw)
		if err != nil {
			return replica.Value{}, err
		}
		return cd.stringValue(plain)
	}
	return cd.stringValue(raw)
}

func (cd *columnDecoder) integer(raw []byte) replica.Value {
	var v uint64
	for i := len(raw) - 1; i >= 0; i-- {
		v = v<<8 | uint64(raw[i])
	}
	if cd.unsigned {
		return replica.Value{Kind: replica.KindUint, Num: v}
	}
	shift := uint(64 - 8*len(raw))
	return replica.Value{Kind: replica.KindInt, Num: uint64(int64(v<<shift) >> shift)}
}

func (cd *columnDecoder) temporal(raw []byte) []byte {
	switch cd.typ {
	case colDate, colNewDate:
		return decodeDate(raw)
	case colTime:
		return decodeOldTime(raw)
	case colDateTime:
		return decodeOldDateTime(raw)
	case colTimestamp:
		return timestampText(binary.LittleEndian.Uint32(raw), 0, 0)
	case colTimestamp2:
		return decodeTimestamp2(raw, cd.fsp)
	case colDateTime2:
		return decodeDateTime2(raw, cd.fsp)
	}
	return decodeTime2(raw, cd.fsp)
}

func (cd *columnDecoder) stringValue(raw []byte) (replica.Value, error) {
	if cd.text {
		text, err := cd.dec.decode(raw)
		return replica.Value{Kind: replica.KindString, Bytes: text}, err
	}
	if cd.pad > len(raw) {
		// BINARY(n) is logged without its trailing zero bytes.
		raw = append(make([]byte, 0, cd.pad), raw...)[:cd.pad]
	}
	return replica.Value{Kind: replica.KindBytes, Bytes: raw}, nil
}
