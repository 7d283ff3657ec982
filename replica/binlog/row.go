package binlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sluice/replica"
	"sluice/replica/charset"
)

var (
	errShort = errors.New("a row image is cut off")
)

// rowDecoder decodes the row images of one table map.
type rowDecoder struct {
	table   *replica.Table
	columns []columnDecoder
	mem     *arena
	made    int // bytes of values that do not alias their image, since it was reset
	// raws are the before image's bytes of the columns whose values cost
	// something to make. They are valid until the after image is decoded.
	raws [][]byte
	// generated lists the generated columns, which an image may lack.
	generated []int
}

// columnDecoder is how one column's bytes become a Value.
type columnDecoder struct {
	typ      byte // without CHAR's disguises
	size     int  // pack length, fixed length or width of the length prefix in bytes
	fsp      int  // fractional digits; DECIMAL scale
	prec     int  // DECIMAL precision
	unsigned bool
	length   int  // width of the length prefix; 0: the value takes exactly size bytes
	optional bool // generated: the target may compute it, and MariaDB leaves it out of some images
	skip     bool // generated, of a type that is not decoded
	text     bool
	costly   bool // values are not parts of the image
	pad      int  // BINARY(n): n
	dec      charset.Decoder
}

// newRowDecoder returns a decoder for rows of m whose definition is t. It
// refuses what cannot be carried.
func newRowDecoder(m *TableMap, t *replica.Table, mem *arena) (*rowDecoder, error) {
	if err := m.match(t); err != nil {
		return nil, err
	}
	d := &rowDecoder{table: t, columns: make([]columnDecoder, len(t.Columns)), mem: mem, raws: make([][]byte, len(t.Columns))}
	for i := range t.Columns {
		col := &t.Columns[i]
		cd := &d.columns[i]
		cd.typ, cd.size = m.realType(i)
		cd.unsigned, cd.optional = col.Unsigned, col.Generated
		if cd.optional {
			d.generated = append(d.generated, i)
			cd.skip = cd.typ == colGeometry
		}
		cd.layout(m.meta[i], col)
		if !cd.fixed() {
			cd.length = cd.size
		}
		if col.IsText() {
			cd.text = true
			var err error
			if cd.dec, err = textDecoder(col); err != nil && !cd.optional {
				return nil, err
			}
			cd.skip = err != nil
		}
		cd.costly = !cd.dec.IsUTF8() || cd.pad > 0 || cd.printed()
	}
	return d, nil
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

// printed says whether values are text that the binlog does not have.
func (cd *columnDecoder) printed() bool {
	switch cd.typ {
	case colJSON, colMBlobZ, colMVarcharZ, colNewDecimal, colDate, colNewDate, colTime, colDateTime, colTimestamp, colTimestamp2, colDateTime2, colTime2:
		return true
	}
	return false
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

// present returns the columns that images have, in order, by a bitmap with one
// bit per column; nil: all. It refuses images that lack columns other than
// generated ones, which MariaDB leaves out from 11.8.9 on.
func (d *rowDecoder) present(bitmap []byte) ([]int, error) {
	count, missing := 0, false
	for i := range d.columns {
		if bitmap[i/8]&(1<<(i%8)) != 0 {
			count++
		} else if !d.columns[i].optional {
			missing = true
		}
	}
	if count == len(d.columns) {
		return nil, nil
	}
	if missing || count == 0 {
		return nil, &replica.Error{Code: 61134, Class: "SOURCE", Table: d.table.String(),
			Message: fmt.Sprintf("a row image of %s has %d of %d columns", d.table, count, len(d.columns)),
			Remedy:  "set binlog_row_image=FULL on the source, reconnect its writers, then RESET MIGRATION and start again"}
	}
	list := make([]int, 0, count)
	for i := range d.columns {
		if bitmap[i/8]&(1<<(i%8)) != 0 {
			list = append(list, i)
		}
	}
	return list, nil
}

// image decodes one image from b, which has the columns of list (nil: all), and
// returns what follows it. before is the image that was decoded last when b has
// what an update made of it: what has the same bytes is the same value.
func (d *rowDecoder) image(b []byte, list []int, before []replica.Value) ([]replica.Value, []byte, error) {
	n := len(d.columns)
	if list != nil {
		n = len(list)
	}
	nulls := (n + 7) / 8
	if len(b) < nulls {
		return nil, nil, errShort
	}
	bitmap := b[:nulls]
	b = b[nulls:]
	row := d.mem.row(len(d.columns))
	if list != nil {
		for _, i := range d.generated {
			row[i].Kind = replica.KindAbsent
		}
	}
	for k := range n {
		i := k
		if list != nil {
			i = list[k]
		}
		if bitmap[k/8]&(1<<(k%8)) != 0 {
			row[i].Kind = replica.KindNull
			continue
		}
		cd := &d.columns[i]
		n := cd.size
		if cd.length > 0 {
			if len(b) < cd.length {
				return nil, nil, d.short(i)
			}
			n = int(littleEndian(b[:cd.length]))
			b = b[cd.length:]
		}
		if len(b) < n {
			return nil, nil, d.short(i)
		}
		raw := b[:n:n]
		b = b[n:]
		if cd.skip {
			row[i].Kind = replica.KindAbsent
			continue
		}
		if cd.costly {
			if before == nil {
				d.raws[i] = raw
			} else if k := before[i].Kind; k != replica.KindNull && k != replica.KindAbsent && bytes.Equal(raw, d.raws[i]) {
				row[i] = before[i]
				continue
			}
		}
		if err := cd.value(&row[i], raw, d.mem); err != nil {
			if !cd.optional {
				return nil, nil, d.valueError(i, err)
			}
			row[i] = replica.Value{Kind: replica.KindAbsent} // an error only where it is to be written
			continue
		}
		if cd.costly {
			d.made += len(row[i].Bytes)
		}
	}
	return row, b, nil
}

func (d *rowDecoder) short(i int) error {
	return fmt.Errorf("decode %s column %q: %w", d.table, d.table.Columns[i].Name, errShort)
}

// littleEndian reads an unsigned integer of 1 to 8 bytes.
func littleEndian(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	}
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

func (d *rowDecoder) valueError(i int, err error) error {
	return &replica.Error{Code: 61132, Class: "DATA", Err: err, Table: d.table.String(),
		Message: fmt.Sprintf("a value of column %q of %s cannot be carried", d.table.Columns[i].Name, d.table),
		Remedy:  "repair the row on the source, or leave the table out with REPLICATE_IGNORE_TABLE"}
}

// value turns a column's bytes into v. Text and bytes alias raw.
func (cd *columnDecoder) value(v *replica.Value, raw []byte, mem *arena) error {
	switch cd.typ {
	case colTiny, colShort, colInt24, colLong, colLongLong:
		v.Kind, v.Num = replica.KindUint, littleEndian(raw)
		if !cd.unsigned {
			shift := uint(64 - 8*len(raw))
			v.Kind, v.Num = replica.KindInt, uint64(int64(v.Num<<shift)>>shift)
		}
	case colFloat:
		f := math.Float32frombits(binary.LittleEndian.Uint32(raw))
		v.Kind, v.Num = replica.KindFloat, math.Float64bits(float64(f))
	case colDouble:
		v.Kind, v.Num = replica.KindDouble, binary.LittleEndian.Uint64(raw)
	case colNewDecimal:
		v.Kind, v.Bytes = replica.KindDecimal, mem.keep(appendDecimal(mem.text(cd.prec+3), raw, cd.prec, cd.fsp))
	case colYear:
		v.Kind, v.Num = replica.KindUint, uint64(raw[0])
		if v.Num > 0 {
			v.Num += 1900
		}
	case colDate, colNewDate, colTime, colDateTime, colTimestamp, colTimestamp2, colDateTime2, colTime2:
		v.Kind, v.Bytes = replica.KindTime, mem.keep(cd.appendTemporal(mem.text(temporalSize), raw))
	case colBit:
		v.Kind = replica.KindBit
		for _, x := range raw {
			v.Num = v.Num<<8 | uint64(x)
		}
	case colEnum:
		v.Kind, v.Num = replica.KindEnum, littleEndian(raw)
	case colSet:
		v.Kind, v.Num = replica.KindSet, littleEndian(raw)
	case colJSON:
		// The room is a guess: longer text gets memory of its own.
		text, err := decodeJSON(mem.text(min(2*len(raw)+8, len(raw)+4<<10)), raw)
		v.Kind, v.Bytes = replica.KindJSON, mem.keep(text)
		return err
	case colVector:
		v.Kind, v.Bytes = replica.KindBytes, raw
	case colMBlobZ, colMVarcharZ:
		plain, err := inflateColumn(raw)
		if err != nil {
			return err
		}
		return cd.stringValue(v, plain)
	default:
		return cd.stringValue(v, raw)
	}
	return nil
}

// temporalSize is above the longest temporal text.
const temporalSize = 32

func (cd *columnDecoder) appendTemporal(out, raw []byte) []byte {
	switch cd.typ {
	case colDate, colNewDate:
		return appendDate3(out, raw)
	case colTime:
		return appendOldTime(out, raw)
	case colDateTime:
		return appendOldDateTime(out, raw)
	case colTimestamp:
		return appendTimestamp(out, binary.LittleEndian.Uint32(raw), 0, 0)
	case colTimestamp2:
		return appendTimestamp2(out, raw, cd.fsp)
	case colDateTime2:
		return appendDateTime2(out, raw, cd.fsp)
	}
	return appendTime2(out, raw, cd.fsp)
}

func (cd *columnDecoder) stringValue(v *replica.Value, raw []byte) (err error) {
	if cd.text {
		v.Kind = replica.KindString
		v.Bytes, err = cd.dec.Decode(raw)
		return err
	}
	if cd.pad > len(raw) {
		// BINARY(n) is logged without its trailing zero bytes.
		raw = append(make([]byte, 0, cd.pad), raw...)[:cd.pad]
	}
	v.Kind, v.Bytes = replica.KindBytes, raw
	return nil
}
