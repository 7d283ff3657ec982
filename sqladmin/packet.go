package sqladmin

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFrame is the largest payload of one frame; a packet of that size or more
// continues in the next frame (MySQL protocol, "Sending more than 16MB").
const maxFrame = 1<<24 - 1

var (
	errTooLarge  = errors.New("packet is too large")
	errEndless   = errors.New("packet is too large to be skipped")
	errMalformed = &Error{Code: 1835, State: "HY000", Message: "Malformed communication packet"}
)

// wire frames packets on a transport. Reading and writing may happen in
// different goroutines.
type wire struct {
	pace func(on bool) // called when a packet has begun and when it is over
	r    *bufio.Reader
	w    *bufio.Writer
	seq  byte // of the next frame written
}

func newWire(transport io.ReadWriter) *wire {
	w := &wire{r: bufio.NewReaderSize(transport, 16<<10), w: bufio.NewWriterSize(transport, 16<<10), pace: func(bool) {}}
	if l, ok := transport.(*line); ok {
		w.pace = l.pace
	}
	return w
}

// readBytes is how much of a packet is read and counted at a time.
const readBytes = 64 << 10

// headBytes of a packet say which command it has, and of which prepared
// statement and parameter.
const headBytes = 7

// read returns the next packet and the sequence number of the answer. What the
// packet takes counts as held; it may be nil. A packet above limit bytes, or
// above what may be held, is skipped, and its error is errTooLarge or the
// holder's *Error: the next packet can be read, and payload is what the packet
// begins with, up to headBytes. Memory is taken only for bytes that have arrived.
func (w *wire) read(limit int, held *holding) (payload []byte, next byte, err error) {
	if _, err := w.r.Peek(1); err != nil {
		return nil, 0, fmt.Errorf("read packet: %w", err)
	}
	w.pace(true)
	defer w.pace(false)
	var buf bytes.Buffer
	var refused error
	var start []byte
	for skipped := 0; ; {
		var head [4]byte
		if _, err := io.ReadFull(w.r, head[:]); err != nil {
			return nil, 0, fmt.Errorf("read packet: %w", err)
		}
		n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		next = head[3] + 1
		if start == nil {
			peeked, err := w.r.Peek(min(n, headBytes))
			if err != nil {
				return nil, 0, fmt.Errorf("read packet: %w", err)
			}
			start = append(make([]byte, 0, headBytes), peeked...)
		}
		if refused == nil && buf.Len()+n > limit {
			refused = errTooLarge
		}
		for left := n; left > 0; {
			part := min(left, readBytes)
			left -= part
			if refused == nil {
				refused = held.add(3 * part) // the buffer grows by doubling, and the statement is a copy
			}
			if refused != nil {
				buf = bytes.Buffer{}
				if skipped += part; skipped > maxDrainBytes {
					return nil, next, errEndless
				}
				_, err = w.r.Discard(part)
			} else {
				_, err = io.CopyN(&buf, w.r, int64(part))
			}
			if err != nil {
				return nil, 0, fmt.Errorf("read packet: %w", err)
			}
		}
		if n < maxFrame && refused != nil {
			return start, next, refused
		}
		if n < maxFrame {
			return buf.Bytes(), next, nil
		}
	}
}

// arrives waits until the client has sent something, or has left.
func (w *wire) arrives() error {
	_, err := w.r.Peek(1)
	return err
}

// write buffers one packet.
func (w *wire) write(payload []byte) error {
	for {
		n := min(len(payload), maxFrame)
		head := [4]byte{byte(n), byte(n >> 8), byte(n >> 16), w.seq}
		w.seq++
		if _, err := w.w.Write(head[:]); err != nil {
			return fmt.Errorf("write packet: %w", err)
		}
		if _, err := w.w.Write(payload[:n]); err != nil {
			return fmt.Errorf("write packet: %w", err)
		}
		if payload = payload[n:]; n < maxFrame {
			return nil
		}
	}
}

// flush sends what is buffered.
func (w *wire) flush() error {
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// appendLength appends a length-encoded integer.
func appendLength(b []byte, n uint64) []byte {
	switch {
	case n < 251:
		return append(b, byte(n))
	case n < 1<<16:
		return append(b, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(b, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xfe), n)
}

// appendString appends a length-encoded string.
func appendString(b []byte, s string) []byte {
	return append(appendLength(b, uint64(len(s))), s...)
}

// payload takes a packet apart. After an error all reads return zero values
// and bad is set.
type payload struct {
	b   []byte
	bad bool
}

func (p *payload) take(n int) []byte {
	if n < 0 || n > len(p.b) {
		p.bad, p.b = true, nil
		return nil
	}
	out := p.b[:n]
	p.b = p.b[n:]
	return out
}

// uint reads n bytes, least significant first.
func (p *payload) uint(n int) uint64 {
	var v uint64
	for i, c := range p.take(n) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

// zero reads up to a NUL, or to the end.
func (p *payload) zero() string {
	i := bytes.IndexByte(p.b, 0)
	if i < 0 {
		return string(p.take(len(p.b)))
	}
	s := string(p.b[:i])
	p.b = p.b[i+1:]
	return s
}

// length reads a length-encoded integer.
func (p *payload) length() uint64 {
	switch first := p.uint(1); first {
	case 0xfc:
		return p.uint(2)
	case 0xfd:
		return p.uint(3)
	case 0xfe:
		return p.uint(8)
	case 0xfb, 0xff:
		p.bad = true
		return 0
	default:
		return first
	}
}

// bytes reads a length-encoded string.
func (p *payload) bytes() []byte {
	n := p.length()
	if n > uint64(len(p.b)) {
		p.bad, p.b = true, nil
		return nil
	}
	return p.take(int(n))
}
