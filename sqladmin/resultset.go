package sqladmin

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

const (
	charsetUTF8MB4 = 45 // utf8mb4_general_ci, known to MySQL and MariaDB clients alike
	charsetBinary  = 63
)

// status returns the server status flags.
func (c *conn) status() uint16 {
	if v, ok := c.session.variables["autocommit"]; ok && !isTrue(v) {
		return 0
	}
	return mysql.SERVER_STATUS_AUTOCOMMIT
}

// okPacket is an OK packet; head is 0x00, or 0xfe at the end of rows. The info
// text is length-encoded, as MySQL's own server and clients have it.
func (c *conn) okPacket(head byte, r *Result) []byte {
	b := appendLength([]byte{head}, r.Affected)
	b = appendLength(b, r.OperationID)
	b = binary.LittleEndian.AppendUint16(b, c.status())
	b = binary.LittleEndian.AppendUint16(b, uint16(min(len(r.Warnings), math.MaxUint16)))
	if r.Info != "" {
		b = appendString(b, c.encode(cut(r.Info, 500)))
	}
	return b
}

func (c *conn) sendOK(r *Result) error { return c.send(c.okPacket(0x00, r)) }

// sendEOF ends columns or rows.
func (c *conn) sendEOF(warnings int) error {
	if err := c.writeEOF(warnings); err != nil {
		return err
	}
	return c.wire.flush()
}

func (c *conn) writeEOF(warnings int) error {
	if c.caps&mysql.CLIENT_DEPRECATE_EOF != 0 {
		return c.wire.write(c.okPacket(0xfe, &Result{Warnings: make([]Warning, warnings)}))
	}
	b := binary.LittleEndian.AppendUint16([]byte{0xfe}, uint16(min(warnings, math.MaxUint16)))
	return c.wire.write(binary.LittleEndian.AppendUint16(b, c.status()))
}

// sendError sends an ERR packet.
func (c *conn) sendError(e *Error) error {
	e = forClient(e)
	b := []byte{0xff, byte(e.Code), byte(e.Code >> 8), '#'}
	b = append(b, e.SQLState()...)
	return c.send(append(b, c.encode(cut(e.Error(), 4000))...))
}

// encode returns a text in the character set of results. What that lacks
// becomes '?', and is counted.
func (c *conn) encode(s string) string {
	if isASCII(s) {
		return s
	}
	b, lost := c.session.charset("character_set_results").encode(s)
	c.lost += lost
	return b
}

// columnPacket is a column definition.
func (c *conn) columnPacket(schema, table string, col Column) []byte {
	b := appendString(nil, "def")
	for _, s := range []string{schema, table, table, col.Name, col.Name} {
		b = appendString(b, c.encode(s))
	}
	w := wireTypes[col.Type]
	if cs := c.session.charset("character_set_results"); w.charset == charsetUTF8MB4 && cs.name != "binary" {
		w.charset = cs.id
		if w.length != math.MaxUint32 {
			w.length = w.length / defaultCharset.bytes * cs.bytes
		}
	}
	b = append(b, 0x0c)
	b = binary.LittleEndian.AppendUint16(b, w.charset)
	b = binary.LittleEndian.AppendUint32(b, w.length)
	b = append(b, w.code)
	b = binary.LittleEndian.AppendUint16(b, w.flags)
	return append(b, w.decimals, 0, 0)
}

// wireTypes says how each Type is announced.
var wireTypes = map[Type]struct {
	code     byte
	charset  uint16
	length   uint32
	flags    uint16
	decimals byte
}{
	String:   {mysql.MYSQL_TYPE_VAR_STRING, charsetUTF8MB4, 255 * 4, 0, 31},
	Text:     {mysql.MYSQL_TYPE_BLOB, charsetUTF8MB4, math.MaxUint32, mysql.BLOB_FLAG, 31},
	Int:      {mysql.MYSQL_TYPE_LONGLONG, charsetBinary, 20, mysql.BINARY_FLAG | mysql.NUM_FLAG, 0},
	Uint:     {mysql.MYSQL_TYPE_LONGLONG, charsetBinary, 20, mysql.BINARY_FLAG | mysql.NUM_FLAG | mysql.UNSIGNED_FLAG, 0},
	Double:   {mysql.MYSQL_TYPE_DOUBLE, charsetBinary, 22, mysql.BINARY_FLAG | mysql.NUM_FLAG, 31},
	DateTime: {mysql.MYSQL_TYPE_DATETIME, charsetBinary, 23, mysql.BINARY_FLAG, 3},
	Null:     {mysql.MYSQL_TYPE_NULL, charsetBinary, 0, mysql.BINARY_FLAG, 0},
}

// sendRows sends a result set, as text or in the binary form of prepared
// statements.
func (c *conn) sendRows(ctx context.Context, r *Result, asBinary bool) error {
	c.lost = 0
	if err := c.wire.write(appendLength(nil, uint64(len(r.Columns)))); err != nil {
		return err
	}
	for _, col := range r.Columns {
		if err := c.wire.write(c.columnPacket("", "", col)); err != nil {
			return err
		}
	}
	if c.caps&mysql.CLIENT_DEPRECATE_EOF == 0 {
		if err := c.writeEOF(len(r.Warnings)); err != nil {
			return err
		}
	}
	if err := c.wire.flush(); err != nil {
		return err
	}
	var b []byte
	held := c.server.memory.holding("a row of the result", maxSentRow)
	defer held.drop()
	for i, row := range r.Rows {
		if n := rowText(row) + maxNumberText*len(row); int64(n) > held.used { // a column may be there a thousand times
			if err := held.set(n); err != nil {
				return c.sendFailure(ctx, err)
			}
			b = make([]byte, 0, n)
		}
		if i%64 == 0 && ctx.Err() != nil { // an ERR packet may stand in the place of a row
			return c.sendFailure(ctx, ctx.Err())
		}
		if asBinary {
			b = c.binaryRow(b[:0], r.Columns, row)
		} else {
			b = c.textRow(b[:0], r.Columns, row)
		}
		if err := c.wire.write(b); err != nil {
			return err
		}
	}
	return c.sendEOF(len(r.Warnings) + c.warnLost())
}

// maxNumberText is the length of the text of a number or time at most, and of
// the length before a text.
const maxNumberText = 32

// rowText returns the bytes of the texts of a row.
func rowText(row []any) int {
	n := 0
	for _, v := range row {
		if s, ok := v.(string); ok {
			n += len(s)
		}
	}
	return n
}

// warnLost adds a warning when the client's character set lacks characters of
// the result, and returns the number of warnings added.
func (c *conn) warnLost() int {
	if c.lost == 0 {
		return 0
	}
	cs := c.session.charset("character_set_results")
	c.session.setWarnings(append(c.session.warnings, Warning{Level: "Warning", Code: CodeCannotConvert,
		Message: fmt.Sprintf("%d character(s) of the result do not exist in %s and are shown as '?'", c.lost, cs.name), Remedy: "SET NAMES utf8mb4"}))
	return 1
}

func (c *conn) textRow(b []byte, cols []Column, row []any) []byte {
	for i := range cols {
		if row[i] == nil {
			b = append(b, 0xfb)
			continue
		}
		b = appendString(b, c.encode(textValue(cols[i].Type, row[i])))
	}
	return b
}

func textValue(t Type, v any) string {
	switch t {
	case DateTime:
		if tm, ok := asTime(v); ok {
			return tm.Format(dateTimeLayout)
		}
	case Int:
		if !isUint(v) {
			return asString(asInt(v))
		}
	}
	return asString(v)
}

// binaryRow encodes a row of the binary protocol: a NULL bitmap with an offset
// of two bits, then the values that are not NULL.
func (c *conn) binaryRow(b []byte, cols []Column, row []any) []byte {
	b = append(b, 0)
	bitmap := len(b)
	b = append(b, make([]byte, (len(cols)+7+2)/8)...)
	for i := range cols {
		v := row[i]
		if v == nil {
			b[bitmap+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		switch cols[i].Type {
		case Int:
			b = binary.LittleEndian.AppendUint64(b, uint64(asInt(v)))
		case Uint:
			u, ok := v.(uint64)
			if !ok {
				u = uint64(max(asInt(v), 0))
			}
			b = binary.LittleEndian.AppendUint64(b, u)
		case Double:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(asFloat(v)))
		case DateTime:
			t, _ := asTime(v)
			b = appendDateTime(b, t)
		default:
			b = appendString(b, c.encode(asString(v)))
		}
	}
	return b
}

func appendDateTime(b []byte, t time.Time) []byte {
	t = t.UTC().Truncate(time.Millisecond)
	b = append(b, 11)
	b = binary.LittleEndian.AppendUint16(b, uint16(t.Year()))
	b = append(b, byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()))
	return binary.LittleEndian.AppendUint32(b, uint32(t.Nanosecond()/1000))
}
