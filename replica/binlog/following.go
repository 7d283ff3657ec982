package binlog

import (
	"errors"
	"fmt"
	"io"
	"os"

	"sluice/replica"
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

// spool is the rest of an event that is too large to be held in memory: a file
// without a name, which is gone with the process.
type spool struct {
	f   *os.File
	err error // the first that reading it gave
}

// errSpool is inside the errors of a disk that does not take a spool.
var errSpool = errors.New("spool a compressed transaction")

// newSpool reads the rest of an event whose first bytes are b into a file in the
// folder (empty: the system's for temporary files), without its checksum, which
// it verifies: nothing of an event is looked at before all of it is known to be
// what the source wrote.
func newSpool(folder string, b []byte, rest io.Reader, size uint32, checksum byte) (*spool, error) {
	f, err := os.CreateTemp(folder, "sluice-transaction-*")
	if err != nil {
		return nil, diskError(err)
	}
	s := &spool{f: f}
	if err := errors.Join(diskError(os.Remove(f.Name())), s.fill(b, rest, size, checksum)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// diskError names an error of the disk; nil stays nil.
func diskError(err error) error {
	if err == nil {
		return nil
	}
	return &replica.Error{Code: 61137, Class: "INTERNAL", Transient: true, Err: fmt.Errorf("%w: %w", errSpool, err),
		Message: "a compressed transaction that is larger than 16 MiB cannot be put on this node's disk",
		Remedy:  "make room in the node's --data-dir: up to 1 GiB for each channel"}
}

// sumBytes is the length of a checksum.
const sumBytes = 4

// spoolBuffer is how much is read, and written, at a time.
const spoolBuffer = 256 << 10

// fill copies the rest into the file.
func (s *spool) fill(b []byte, rest io.Reader, size uint32, checksum byte) error {
	if err := verified(s.f, b, rest, size, checksum); err != nil {
		return err
	}
	_, err := s.f.Seek(0, io.SeekStart)
	return diskError(err)
}

func (s *spool) Read(b []byte) (int, error) {
	n, err := s.f.Read(b)
	if err != nil && err != io.EOF {
		err = diskError(err)
		s.err = err
	}
	return n, err
}

// close gives the disk's room back.
func (s *spool) close() {
	if s != nil {
		_ = s.f.Close()
	}
}
