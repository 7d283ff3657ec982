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
	// slabSize is what events are read into, many at a time. The values of
	// their rows point into it, so that a slab lives as long as one of them.
	slabSize = 32 << 10
	// ownSize is from where on a packet gets memory of its own.
	ownSize = slabSize / 4
	// fullPacket says that another packet continues this one.
	fullPacket = 1<<24 - 1
	packetHead = 4
)

// packets reads a connection's packets: 3 bytes length, 1 byte sequence number,
// the payload. It reads as much as there is and hands out parts of it, so that
// a small event costs neither a system call nor a copy.
type packets struct {
	nc      net.Conn
	timeout time.Duration // longest wait for bytes
	slab    []byte
	r, w    int // slab[r:w] is read from the connection and not handed out
	seq     byte
}

// next returns the next packet's payload, which is the caller's. It blocks
// until the packet is complete or nothing has come for the time-out.
func (p *packets) next() ([]byte, error) {
	b, n, err := p.one()
	if err != nil || n < fullPacket {
		return b, err
	}
	whole := append([]byte(nil), b...)
	for n == fullPacket {
		if b, n, err = p.one(); err != nil {
			return nil, err
		}
		whole = append(whole, b...)
	}
	return whole, nil
}

// one returns one packet's payload and its length.
func (p *packets) one() ([]byte, int, error) {
	if err := p.have(packetHead); err != nil {
		return nil, 0, err
	}
	head := binary.LittleEndian.Uint32(p.slab[p.r:])
	n := int(head & fullPacket)
	if seq := byte(head >> 24); seq != p.seq {
		return nil, 0, corrupt(fmt.Sprintf("packet %d where %d was due", seq, p.seq))
	}
	p.seq++
	if n > ownSize {
		p.r += packetHead
		b, err := p.own(n)
		return b, n, err
	}
	if err := p.have(packetHead + n); err != nil {
		return nil, 0, err
	}
	from := p.r + packetHead
	p.r = from + n
	return p.slab[from:p.r:p.r], n, nil
}

// buffered says whether the next packet is here, so that next does not block.
func (p *packets) buffered() bool {
	if p.w-p.r < packetHead {
		return false
	}
	return p.w-p.r >= packetHead+int(binary.LittleEndian.Uint32(p.slab[p.r:])&fullPacket)
}

// have makes sure that n bytes, at most ownSize and a header, are buffered in
// one piece.
func (p *packets) have(n int) error {
	if p.w-p.r >= n {
		return nil
	}
	if len(p.slab)-p.r < n {
		fresh := make([]byte, slabSize)
		p.w = copy(fresh, p.slab[p.r:p.w])
		p.slab, p.r = fresh, 0
	}
	for p.w-p.r < n {
		got, err := p.read(p.slab[p.w:])
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
	b = append(b, p.slab[p.r:p.r+k]...)
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
	if err := p.nc.SetReadDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, err
	}
	return p.nc.Read(b)
}
