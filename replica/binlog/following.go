package binlog

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// following reads the packets that continue one which was full.
type following struct {
	p    *packets
	left int  // of the packet in hand
	last bool // no packet follows it
}

func (f *following) Read(b []byte) (int, error) {
	for f.left == 0 {
		if f.last {
			return 0, io.EOF
		}
		n, err := f.p.head()
		if err != nil {
			return 0, unexpectedEnd(err)
		}
		f.left, f.last = n, n < fullPacket
	}
	n, err := f.p.some(b[:min(len(b), f.left)])
	f.left -= n
	return n, unexpectedEnd(err)
}

func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// tail is what follows the beginning of an event that is too large to be held.
// It hands out the event's bytes but for its checksum, which it verifies at the
// end: whoever reads it has used the bytes by then.
type tail struct {
	in   io.Reader
	left int64  // bytes in front of the checksum
	sum  uint32 // of what was read; of no use without a checksum
	crc  bool   // there is a checksum
	end  bool   // all of it was read and is right
	err  error  // the first
}

// sumBytes is the length of a checksum.
const sumBytes = 4

// newTail returns the rest of an event whose first bytes are b.
func newTail(b []byte, in io.Reader, size uint32, checksum byte) *tail {
	t := &tail{in: in, left: int64(size) - int64(len(b)), crc: checksum == checksumCRC32}
	if t.crc {
		t.left -= sumBytes
		t.sum = crc32.ChecksumIEEE(b)
	}
	return t
}

func (t *tail) Read(b []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	if t.left == 0 {
		if !t.end {
			t.err = t.finish()
		}
		if t.err != nil {
			return 0, t.err
		}
		return 0, io.EOF
	}
	n, err := t.in.Read(b[:min(int64(len(b)), t.left)])
	t.left -= int64(n)
	if t.crc {
		t.sum = crc32.Update(t.sum, crc32.IEEETable, b[:n])
	}
	if err == io.EOF && t.left == 0 {
		err = nil
	}
	t.err = unexpectedEnd(err)
	return n, t.err
}

// finish reads the checksum and looks that nothing follows it.
func (t *tail) finish() error {
	var b [sumBytes]byte
	if t.crc {
		if _, err := io.ReadFull(t.in, b[:]); err != nil {
			return unexpectedEnd(err)
		}
		if binary.LittleEndian.Uint32(b[:]) != t.sum {
			return corrupt("the CRC32 of a compressed transaction does not match")
		}
	}
	if n, err := t.in.Read(b[:1]); n > 0 {
		return corrupt("an event is longer than it says")
	} else if err != io.EOF {
		return err
	}
	t.end = true
	return nil
}

// close reads what is left; an error is the first of all.
func (t *tail) close() error {
	_, err := io.Copy(io.Discard, t)
	return err
}
