package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-sql-driver/mysql"

	"sluice/replica/protocol"
)

// First bytes of an answer's packets.
const (
	okPacket  = 0x00
	eofPacket = 0xfe
	errPacket = 0xff
	nullValue = 0xfb
)

// moreResults is the status flag SERVER_MORE_RESULTS_EXISTS.
const moreResults = 0x0008

// read reads one packet, joined from its parts, which is not empty. It is valid
// until the next read. A server's error is returned as one.
func (c *Conn) read() ([]byte, error) {
	if cap(c.payload) > keepPayload {
		c.payload = nil
	}
	c.payload = c.payload[:0]
	for {
		var h [HeaderBytes]byte
		if _, err := io.ReadFull(c.in, h[:]); err != nil {
			return nil, fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
		}
		due, first := c.seq, len(c.payload) == 0
		c.seq++
		n, at := int(h[0])|int(h[1])<<8|int(h[2])<<16, len(c.payload)
		if err := c.take(HeaderBytes + n); err != nil {
			return nil, err
		}
		if cap(c.payload) < at+n {
			c.payload = append(make([]byte, 0, at+n), c.payload...)
		}
		c.payload = c.payload[:at+n]
		if _, err := io.ReadFull(c.in, c.payload[at:]); err != nil {
			return nil, fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
		}
		// A server that ends a connection may not count.
		if h[3] != due && !(first && n > 0 && c.payload[0] == errPacket) {
			return nil, &protocol.Malformed{What: fmt.Sprintf("packet %d where %d was due", h[3], due)}
		}
		if n < maxPayload {
			break
		}
	}
	if len(c.payload) == 0 {
		return nil, &protocol.Malformed{What: "an empty packet"}
	}
	if err := c.answer.Check(c.payload); err != nil {
		return nil, err
	}
	if c.payload[0] == errPacket {
		return nil, protocol.ParseError(c.payload)
	}
	return c.payload, nil
}

// UnknownStatement says whether err is a server's answer that it has no prepared
// statement of that number (any more): a proxy may have moved the connection to
// another server. TiDB has the error's number in the text of another one.
func UnknownStatement(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && (me.Number == 1243 || me.Number == 1105 && strings.Contains(me.Message, "ERROR 1243 "))
}

// unexpected is the error of an answer of another kind than was asked for. The
// connection is of no use then: it has more to say.
func unexpected(p []byte) error {
	return &protocol.Malformed{What: fmt.Sprintf("an answer that begins with 0x%02x", p[0])}
}

// answerBytes bounds the answer to one command, which is kept in memory: a lane asks for single rows, and the rows
// that hold a key's values. A server that never ends an answer must not fill the memory.
const answerBytes = 64 << 20

// valueBytes is what a value takes in memory besides its bytes.
const valueBytes = 16

// mostColumns is above what a result has.
const mostColumns = 4096

// take counts the memory of the answer under way.
func (c *Conn) take(n int) error {
	if c.taken += n; c.taken > answerBytes {
		return &protocol.Malformed{What: fmt.Sprintf("an answer of more than %d bytes", answerBytes)}
	}
	return nil
}

// okFields reads an OK packet's affected rows and status.
func okFields(p []byte) (affected int64, status uint16, ok bool) {
	n, _, rest, ok := length(p[1:])
	if !ok {
		return 0, 0, false
	}
	if _, _, rest, ok = length(rest); !ok || len(rest) < 2 { // the last insert id
		return 0, 0, false
	}
	return int64(n), binary.LittleEndian.Uint16(rest), true
}

// length reads a length-encoded integer and returns what follows it.
func length(p []byte) (n uint64, null bool, rest []byte, ok bool) {
	if len(p) == 0 {
		return 0, false, nil, false
	}
	width := 0
	switch p[0] {
	case nullValue:
		return 0, true, p[1:], true
	case 0xfc:
		width = 2
	case 0xfd:
		width = 3
	case 0xfe:
		width = 8
	case 0xff:
		return 0, false, nil, false
	default:
		return uint64(p[0]), false, p[1:], true
	}
	if len(p) < 1+width {
		return 0, false, nil, false
	}
	for i := width; i > 0; i-- {
		n = n<<8 | uint64(p[i])
	}
	return n, false, p[1+width:], true
}

// skipFields reads n field definitions and the packet that ends them.
func (c *Conn) skipFields(n int) error {
	if n == 0 {
		return nil
	}
	for range n {
		if _, err := c.read(); err != nil {
			return err
		}
	}
	p, err := c.read()
	if err != nil {
		return err
	}
	if !isEOF(p) {
		return unexpected(p)
	}
	return nil
}

func isEOF(p []byte) bool { return p[0] == eofPacket && len(p) < 9 }

// resultSet reads the answer to a query.
func (c *Conn) resultSet() ([][]string, error) {
	p, err := c.read()
	if err != nil {
		return nil, err
	}
	if p[0] == okPacket {
		return nil, nil
	}
	columns, null, rest, ok := length(p)
	if !ok || null || len(rest) > 0 || columns > mostColumns {
		return nil, unexpected(p)
	}
	if err := c.skipFields(int(columns)); err != nil {
		return nil, err
	}
	var rows [][]string
	for {
		if p, err = c.read(); err != nil {
			return nil, err
		}
		if isEOF(p) {
			if len(p) >= 5 && binary.LittleEndian.Uint16(p[3:])&moreResults != 0 {
				return nil, unexpected(p)
			}
			return rows, nil
		}
		if err := c.take(valueBytes * int(columns)); err != nil {
			return nil, err
		}
		row := make([]string, columns)
		for i := range row {
			n, null, rest, ok := length(p)
			if !ok || !null && uint64(len(rest)) < n {
				return nil, &protocol.Malformed{What: "a row that is cut off"}
			}
			if null {
				n = 0
			}
			row[i], p = string(rest[:n]), rest[n:]
		}
		rows = append(rows, row)
	}
}
