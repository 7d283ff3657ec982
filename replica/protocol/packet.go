package protocol

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/go-sql-driver/mysql"
)

// First bytes of a server's packets.
const (
	okPacket    = 0x00
	morePacket  = 0x01
	nullValue   = 0xfb // in a row; as the first byte of an answer: LOCAL INFILE
	eofPacket   = 0xfe
	errPacket   = 0xff
	headerBytes = 4
	// fullPacket is the length of a packet that the next one continues.
	fullPacket = 1<<24 - 1
)

// Flags of a server's status.
const statusMoreResults = 0x0008

// Malformed is the error of bytes that are no answer of a MySQL server. The connection is of no use after it.
type Malformed struct{ What string }

// Error says what is wrong with the bytes, without quoting them.
func (m *Malformed) Error() string { return "a malformed packet: " + m.What }

// Unwrap makes a Malformed an error of a broken connection for those who know go-sql-driver's errors.
func (m *Malformed) Unwrap() error { return mysql.ErrMalformPkt }

func malformed(format string, args ...any) error {
	return &Malformed{What: fmt.Sprintf(format, args...)}
}

// lenenc reads a length-encoded integer and returns what follows it. NULL and what begins no integer are not ok.
func lenenc(p []byte) (n uint64, rest []byte, ok bool) {
	if len(p) == 0 {
		return 0, nil, false
	}
	width := 0
	switch p[0] {
	case nullValue, 0xff:
		return 0, nil, false
	case 0xfc:
		width = 2
	case 0xfd:
		width = 3
	case 0xfe:
		width = 8
	default:
		return uint64(p[0]), p[1:], true
	}
	if len(p) < 1+width {
		return 0, nil, false
	}
	for i := width; i > 0; i-- {
		n = n<<8 | uint64(p[i])
	}
	return n, p[1+width:], true
}

// skipString returns what follows a length-encoded string.
func skipString(p []byte) (rest []byte, ok bool) {
	n, rest, ok := lenenc(p)
	if !ok || n > uint64(len(rest)) {
		return nil, false
	}
	return rest[n:], true
}

// maxErrorText bounds the message of an error packet: MySQL's has at most 512 bytes, TiDB's may quote a statement.
const maxErrorText = 64 << 10

// ParseError reads an error packet; p begins with its 0xff. It returns a *mysql.MySQLError, or a *Malformed. The
// SQLSTATE is optional: a server that refuses a connection before its greeting sends none. A number that is one of
// Sluice's own becomes CodeForeign, and is in the message.
func ParseError(p []byte) error {
	if len(p) < 3 || p[0] != errPacket {
		return malformed("an error packet of %d bytes", len(p))
	}
	if len(p) > maxErrorText {
		return malformed("an error packet of %d bytes", len(p))
	}
	e := &mysql.MySQLError{Number: binary.LittleEndian.Uint16(p[1:])}
	p = p[3:]
	if len(p) > 0 && p[0] == '#' {
		if len(p) < 6 {
			return malformed("an error packet without the end of its SQLSTATE")
		}
		copy(e.SQLState[:], p[1:6])
		p = p[6:]
	}
	e.Message = string(p)
	if e.Number >= firstOwn && e.Number <= lastOwn {
		e.Number, e.Message = CodeForeign, renumbered(e.Number, e.Message)
	}
	return e
}

// okStatus checks an OK packet and returns its status flags.
func okStatus(p []byte) (status uint16, err error) {
	_, rest, ok := lenenc(p[1:]) // affected rows
	if ok {
		_, rest, ok = lenenc(rest) // the last insert id
	}
	if !ok || len(rest) < 4 {
		return 0, malformed("an OK packet of %d bytes", len(p))
	}
	return binary.LittleEndian.Uint16(rest), nil
}

// CheckOK returns nil for an OK packet, the server's error for an error packet, and a *Malformed otherwise: for
// commands that give no rows.
func CheckOK(p []byte) error {
	switch {
	case len(p) == 0:
		return malformed("an empty packet")
	case p[0] == okPacket:
		_, err := okStatus(p)
		return err
	case p[0] == errPacket:
		return ParseError(p)
	}
	return malformed("an answer that begins with 0x%02x to a command without rows", p[0])
}

// loginPacket bounds the packets of a login: the longest of a real server is a public key of some 800 bytes.
const loginPacket = 16 << 10

// readPacket reads one packet of a login, and not a byte more: TLS may begin after it.
func readPacket(r io.Reader, seq *byte) ([]byte, error) {
	var h [headerBytes]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
	}
	n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	switch {
	case n == 0:
		return nil, malformed("an empty packet during the login")
	case n > loginPacket:
		return nil, malformed("a packet of %d bytes during the login", n)
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		return nil, fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
	}
	// A server that refuses may not count.
	if h[3] != *seq && p[0] != errPacket {
		return nil, malformed("packet %d during the login where %d was due", h[3], *seq)
	}
	*seq = h[3] + 1
	return p, nil
}

func writePacket(w io.Writer, seq *byte, payload []byte) error {
	b := append(make([]byte, 0, headerBytes+len(payload)), byte(len(payload)), byte(len(payload)>>8), byte(len(payload)>>16), *seq)
	*seq++
	if _, err := w.Write(append(b, payload...)); err != nil {
		return fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
	}
	return nil
}
