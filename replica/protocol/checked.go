package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// IsMalformed returns true if err says that a server's bytes were no answer of a MySQL server.
func IsMalformed(err error) bool {
	var (
		m  *Malformed
		me *mysql.MySQLError
	)
	return errors.As(err, &m) || errors.As(err, &me) && me.Number == CodeMalformed
}

// Sizes of what a checked connection keeps and takes.
const (
	keepBytes = 32 << 10
	growBytes = 1 << 20
	// mostResults bounds the results of one packet of statements: go-sql-driver reads on while the server says that
	// there are more. A connection that sends one statement at a time has one: this program executes no CALL.
	mostResults = 1000
	// RowBytes bounds one row. TiDB stores no row above 120 MiB; what a source needs for such a row in another
	// character set fits.
	RowBytes = 256 << 20
	// AnswerBytes bounds the answer to a statement whose rows are collected in memory: what is known of a source's
	// tables, or the chunks of a large table's copy.
	AnswerBytes = 512 << 20
)

// checked is a connection between a library and a server: it hands on the packets of answers that are well
// formed. Of a packet that is not, and of what follows it, the library sees nothing but an error packet.
//
// It is for one goroutine, as the library uses it, but for Close and deadlines.
type checked struct {
	*Conn
	most int64         // bytes of one answer; 0: any number
	wait time.Duration // the library's read timeout; 0: none

	// buf[r:v] was checked and not handed on, buf[v:s] was checked and is held back until what belongs to it was
	// checked too, buf[s:w] was not looked at.
	buf        []byte
	r, v, s, w int
	answer     Answer
	taken      int64 // bytes of the answer so far
	seq        byte  // of the next packet
	first      byte  // of the oldest packet that is held back

	// Of the command that is being written.
	header  [headerBytes]byte
	have    int  // bytes of header
	left    int  // bytes of the packet
	begins  bool // the next byte is the command's
	more    bool // the next packet continues this one
	greeted bool // the library has answered our greeting

	broken atomic.Pointer[error]
}

// newChecked shows the library a greeting.
func newChecked(c *Conn, most int64, wait time.Duration) *checked {
	results := 1
	if c.caps&capMultiStatements != 0 {
		results = mostResults
	}
	k := &checked{Conn: c, most: most, wait: wait, answer: Answer{most: results}}
	// A method without a password; the capabilities are those that the server agreed on.
	caps := c.caps&^capTLS | capLongPassword
	g := append([]byte{10}, "8.0.0-sluice\x00"...)
	g = binary.LittleEndian.AppendUint32(g, c.Connection)
	g = append(g, "12345678\x00"...)
	g = binary.LittleEndian.AppendUint16(g, uint16(caps))
	g = append(g, loginCollation, 2, 0)
	g = binary.LittleEndian.AppendUint16(g, uint16(caps>>16))
	g = append(append(g, saltBytes+1), make([]byte, 10)...)
	g = append(append(g, "123456789012\x00"...), native...)
	k.put(0, append(g, 0))
	return k
}

// put makes a packet of ours the next that the library reads, and drops what is buffered.
func (k *checked) put(seq byte, payload []byte) {
	n := len(payload)
	k.buf = append(append(k.buf[:0], byte(n), byte(n>>8), byte(n>>16), seq), payload...)
	k.r, k.v = 0, len(k.buf)
	k.s, k.w = k.v, k.v
}

// Read gives the library checked bytes.
func (k *checked) Read(b []byte) (int, error) {
	for k.r == k.v {
		if err := k.broken.Load(); err != nil {
			return 0, *err
		}
		if err := k.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, k.buf[k.r:k.v])
	k.r += n
	return n, nil
}

// fill checks packets until some can be handed on. An error packet of ours takes the place of a malformed one.
func (k *checked) fill() error {
	for k.r == k.v {
		if k.s == k.v {
			k.first = k.seq
		}
		n, err := k.next()
		if err == nil {
			k.s += n
			if k.answer.whole() {
				k.v = k.s
				err = k.ahead()
			}
		}
		var m *Malformed
		if errors.As(err, &m) {
			k.fail(m)
			return nil
		}
		if k.overdue(err) {
			k.silent()
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ahead checks the further packets that are here already, so that one read of the library takes them all. What it
// cannot take is left to the next fill, which finds it again.
func (k *checked) ahead() error {
	for k.answer.phase == row && k.w-k.s >= headerBytes && k.w-k.s >= headerBytes+k.length(k.s) && k.length(k.s) < fullPacket {
		before, seq, taken := k.answer, k.seq, k.taken
		n, err := k.next()
		if err != nil {
			k.answer, k.seq, k.taken = before, seq, taken
			return nil
		}
		k.s += n
		k.v = k.s
	}
	return nil
}

// length returns the length in the header at buf[at:].
func (k *checked) length(at int) int {
	return int(k.buf[at]) | int(k.buf[at+1])<<8 | int(k.buf[at+2])<<16
}

// next reads and checks the packet at buf[s:], with those that continue it, and returns their length.
func (k *checked) next() (int, error) {
	if k.answer.phase == idle {
		if err := k.need(1); err != nil { // blocks as the library wants it to
			return 0, err
		}
		return 0, malformed("bytes that nobody asked for")
	}
	total := 0
	for {
		if err := k.need(total + headerBytes); err != nil {
			return 0, err
		}
		n, seq := k.length(k.s+total), k.buf[k.s+total+3]
		if total+n > RowBytes {
			return 0, malformed("a row of more than %d bytes", RowBytes)
		}
		if err := k.need(total + headerBytes + n); err != nil {
			return 0, err
		}
		if seq != k.seq {
			// A server that ends a connection may not count.
			if n == 0 || total > 0 || k.buf[k.s+headerBytes] != errPacket {
				return 0, malformed("packet %d where %d was due", seq, k.seq)
			}
			k.buf[k.s+3] = k.seq
		}
		k.seq++
		total += headerBytes + n
		if k.taken += int64(headerBytes + n); k.most > 0 && k.taken > k.most {
			return 0, malformed("an answer of more than %d bytes", k.most)
		}
		if n < fullPacket {
			break
		}
	}
	payload := k.buf[k.s+headerBytes : k.s+total]
	if len(payload) >= fullPacket {
		payload = joined(k.buf[k.s : k.s+total])
	}
	if len(payload) == 0 {
		return 0, malformed("an empty packet")
	}
	if err := k.answer.Check(payload); err != nil || payload[0] != errPacket || !k.answer.ended() || !ownNumber(payload) {
		return total, err
	}
	return k.renumber(total), nil
}

// renumber replaces the error packet at buf[s:s+total], which is well formed, by one whose number is CodeForeign,
// and returns the length of that.
func (k *checked) renumber(total int) int {
	var e *mysql.MySQLError
	if !errors.As(ParseError(k.buf[k.s+headerBytes:k.s+total]), &e) {
		return total
	}
	p := errorPacket(e)
	p = append([]byte{byte(len(p)), byte(len(p) >> 8), byte(len(p) >> 16), k.buf[k.s+3]}, p...)
	k.buf = slices.Replace(k.buf, k.s, k.s+total, p...)
	k.w += len(p) - total
	return len(p)
}

// joined returns the payload of packets that continue each other.
func joined(packets []byte) []byte {
	b := make([]byte, 0, len(packets))
	for len(packets) > 0 {
		n := int(packets[0]) | int(packets[1])<<8 | int(packets[2])<<16
		b, packets = append(b, packets[headerBytes:headerBytes+n]...), packets[headerBytes+n:]
	}
	return b
}

// need makes n bytes available at buf[s:]. Memory is taken as the bytes arrive, so that a wrong length costs nothing.
func (k *checked) need(n int) error {
	for k.w-k.s < n {
		k.room(n)
		got, err := k.Conn.Read(k.buf[k.w:])
		k.w += got
		if err != nil && k.w-k.s < n {
			if err == io.EOF && k.w > k.s {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// room makes some room at the end of buf.
func (k *checked) room(n int) {
	if k.r > 0 {
		copy(k.buf, k.buf[k.r:k.w])
		k.v, k.s, k.w, k.r = k.v-k.r, k.s-k.r, k.w-k.r, 0
	}
	if len(k.buf) > keepBytes && k.w < keepBytes && k.s+n <= keepBytes {
		k.buf = append(make([]byte, 0, keepBytes), k.buf[:k.w]...)
	}
	switch size := len(k.buf); {
	case cap(k.buf) < keepBytes:
		k.buf = append(make([]byte, 0, keepBytes), k.buf...)
	case k.w == size && size == cap(k.buf):
		k.buf = append(make([]byte, 0, size+min(size, max(growBytes, n))), k.buf...)
	}
	k.buf = k.buf[:cap(k.buf)]
}

// fail puts an error packet in the place of what is held back, and breaks the connection.
func (k *checked) fail(m *Malformed) {
	k.breakWith(m, CodeMalformed, "the server sent "+m.Error())
}

// Write follows the library's commands on their way to the server.
func (k *checked) Write(b []byte) (int, error) {
	if err := k.broken.Load(); err != nil {
		return 0, *err
	}
	if !k.greeted {
		// The answer to our greeting goes no further.
		k.greeted = true
		ok := []byte{okPacket, 0, 0, 2, 0, 0, 0}
		k.put(2, ok)
		return len(b), nil
	}
	if err := k.follow(b); err != nil {
		return 0, err
	}
	return k.Conn.Write(b)
}

// follow reads the headers of what is written, and the command after each that begins one.
func (k *checked) follow(b []byte) error {
	for len(b) > 0 {
		switch {
		case k.left == 0 && k.have < headerBytes:
			k.header[k.have] = b[0]
			b = b[1:]
			if k.have++; k.have < headerBytes {
				continue
			}
			k.begins = !k.more
			k.left = int(k.header[0]) | int(k.header[1])<<8 | int(k.header[2])<<16
			k.more = k.left == fullPacket
			k.seq = k.header[3] + 1
			if k.left == 0 {
				k.have = 0
			}
		case k.begins:
			k.begins = false
			if k.v != k.r || k.answer.phase != idle {
				return fmt.Errorf("%w: a command before the end of an answer", mysql.ErrBusyBuffer)
			}
			if err := k.answer.Begin(b[0]); err != nil {
				return err
			}
			k.taken = 0
		default:
			n := min(len(b), k.left)
			b, k.left = b[n:], k.left-n
			if k.left == 0 {
				k.have = 0
			}
		}
	}
	return nil
}

// Close cuts the connection; what waits on it fails.
func (k *checked) Close() error { return k.Conn.Close() }

// SyscallConn lets go-sql-driver look whether the server has closed an idle connection.
func (k *checked) SyscallConn() (syscall.RawConn, error) {
	if err := k.broken.Load(); err != nil {
		return nil, *err
	}
	if k.w != k.r {
		return nil, errors.New("bytes that nobody asked for")
	}
	c, ok := k.raw.(syscall.Conn)
	if !ok {
		return nil, net.ErrClosed
	}
	return c.SyscallConn()
}
