package binlog

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// Sizes of what is read from a dump connection.
const (
	readSize = 256 << 10
	// ownSize is from where on a packet gets memory of its own.
	ownSize = 16 << 10
	// fullPacket says that another packet continues this one.
	fullPacket = 1<<24 - 1
	packetHead = 4
	// A read that takes longer than waited had to wait for the source; one that
	// finds so many bytes without is behind it.
	waited      = 100 * time.Microsecond
	behindBytes = 64 << 10
)

// packets reads a connection's packets: 3 bytes length, 1 byte sequence number,
// the payload. It reads as much as there is and hands out parts of it, so that
// a small event costs neither a system call nor memory.
type packets struct {
	nc      net.Conn
	timeout time.Duration // longest wait for bytes
	buf     []byte
	r, w    int // buf[r:w] is read from the connection and not handed out
	seq     byte
	waiting int // bytes that were there without waiting, since a read waited last
}

// next returns the next packet's payload. A shared one is valid until the next
// call; any other is the caller's. It blocks until the packet is complete or
// nothing has come for the time-out. Of an event that is too long for one packet
// it returns the first; rest reads what follows, which must be done before the
// next call.
func (p *packets) next() (b []byte, shared bool, rest io.Reader, err error) {
	b, n, err := p.one()
	if err != nil || n < fullPacket {
		return b, n <= ownSize, nil, err
	}
	return b, false, &following{p: p}, nil
}

// one returns one packet's payload and its length.
func (p *packets) one() ([]byte, int, error) {
	n, err := p.head()
	if err != nil {
		return nil, 0, err
	}
	if n > ownSize {
		b, err := p.own(n)
		return b, n, err
	}
	if err := p.have(n); err != nil {
		return nil, 0, unexpectedEnd(err)
	}
	from := p.r
	p.r += n
	return p.buf[from:p.r:p.r], n, nil
}

// head reads a packet's header and returns the length of its payload.
func (p *packets) head() (int, error) {
	if err := p.have(packetHead); err != nil {
		return 0, err
	}
	head := binary.LittleEndian.Uint32(p.buf[p.r:])
	if seq := byte(head >> 24); seq != p.seq {
		return 0, corrupt(fmt.Sprintf("packet %d where %d was due", seq, p.seq))
	}
	p.seq++
	p.r += packetHead
	return int(head & fullPacket), nil
}

// some reads up to len(b) bytes of a payload.
func (p *packets) some(b []byte) (int, error) {
	if p.r < p.w {
		n := copy(b, p.buf[p.r:p.w])
		p.r += n
		return n, nil
	}
	return p.read(b)
}

// buffered says whether the next packet is here, so that next does not block.
func (p *packets) buffered() bool {
	if p.w-p.r < packetHead {
		return false
	}
	return p.w-p.r >= packetHead+int(binary.LittleEndian.Uint32(p.buf[p.r:])&fullPacket)
}

// have makes sure that n bytes, at most ownSize and a header, are buffered in
// one piece.
func (p *packets) have(n int) error {
	if p.w-p.r >= n {
		return nil
	}
	if p.buf == nil {
		p.buf = make([]byte, readSize)
	}
	if len(p.buf)-p.r < n {
		p.w = copy(p.buf, p.buf[p.r:p.w])
		p.r = 0
	}
	for p.w-p.r < n {
		got, err := p.read(p.buf[p.w:])
		p.w += got
		if err != nil && p.w-p.r < n {
			if err == io.EOF && p.w > p.r {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// own reads a large payload into memory of its own. Memory is taken as the
// bytes arrive, so that a damaged length costs nothing.
func (p *packets) own(n int) ([]byte, error) {
	b := make([]byte, 0, min(n, 1<<20))
	k := min(n, p.w-p.r)
	b = append(b, p.buf[p.r:p.r+k]...)
	p.r += k
	for len(b) < n {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(2*cap(b), n)), b...)
		}
		got, err := p.read(b[len(b):cap(b)])
		b = b[:len(b)+got]
		if err != nil && len(b) < n {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return b, nil
}

func (p *packets) read(b []byte) (int, error) {
	began := time.Now()
	if err := p.nc.SetReadDeadline(began.Add(p.timeout)); err != nil {
		return 0, err
	}
	n, err := p.nc.Read(b)
	if time.Since(began) > waited {
		p.waiting = 0
	}
	p.waiting += n
	return n, err
}

// behind says whether the source is ahead: it had sent much more than was read.
func (p *packets) behind() bool { return p.waiting >= behindBytes }
