package binlog

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"

	"sluice/replica"
)

// Bounds of what a source may make this process hold, whatever it sends.
const (
	// maxEvent is above the longest event that a server sends a replica: 1 GiB (replica_max_allowed_packet).
	maxEvent = 1<<30 + 1<<16
	// heldBytes bounds the memory of one event and of the rows in it. TiDB stores no row above 120 MiB; an update has
	// two images of it.
	heldBytes = 512 << 20
	// mapBytes bounds the table maps that are kept.
	mapBytes = 128 << 20
	// changesAtOnce bounds for how many rows of an event room is made before they are read.
	changesAtOnce = 16 << 10
)

// tooLarge is the error of an event that a server may send and this node does not take.
func tooLarge(what string, table string) error {
	return &replica.Error{Code: 61224, Class: "DATA", Table: table,
		Message: fmt.Sprintf("%s takes more than the %d MiB of memory that one event may take", what, heldBytes>>20),
		Remedy:  "leave the table out with REPLICATE_IGNORE_TABLE, then RESET MIGRATION and start again; TiDB stores no row above 120 MiB"}
}

// longEvent reads an event that begins with b and goes on in rest. Its header says how long it is: what is longer is
// damaged, and is not read on. A compressed transaction goes to the disk, rows of an unwanted table nowhere.
func (r *Reader) longEvent(b []byte, rest io.Reader) (event, error) {
	if len(b) < headerLen {
		return event{}, corrupt("an event is shorter than its header")
	}
	e := parseHeader(b)
	switch {
	case e.size > maxEvent:
		return event{}, corrupt(fmt.Sprintf("an event of type %d says %d bytes", e.typ, e.size))
	case e.typ == evPayload:
		return parseLong(r.cfg.SpoolDir, b, rest, r.checksum)
	}
	unwanted, err := r.unwanted(&e)
	if err != nil {
		return event{}, err
	}
	if e.size > heldBytes || unwanted && int64(e.size) >= int64(len(b))+sumBytes {
		if err := verified(io.Discard, b, rest, e.size, r.checksum); err != nil {
			return event{}, err
		}
		if !unwanted {
			return event{}, tooLarge("an event of the binlog", "")
		}
		e.typ, e.flags, e.body = evIgnorable, e.flags|flagIgnorable, nil
		return e, nil
	}
	if b, err = whole(b, rest, int(e.size)); err != nil {
		return event{}, err
	}
	return parseEvent(b, r.checksum)
}

// unwanted returns true if the event has rows of a table that nobody wants.
func (r *Reader) unwanted(e *event) (bool, error) {
	switch e.typ {
	case evWriteRowsV1, evUpdateRowsV1, evDeleteRowsV1, evWriteRowsV2, evUpdateRowsV2, evDeleteRowsV2, evPartialUpdate,
		evMWriteRowsZ1, evMUpdateRowsZ1, evMDeleteRowsZ1, evMWriteRowsZ2, evMUpdateRowsZ2, evMDeleteRowsZ2:
	default:
		return false, nil
	}
	m := r.tables[(&cursor{b: e.body}).uint(6)]
	if m == nil {
		return false, nil // an error of its own
	}
	if err := r.resolve(m); err != nil {
		return false, err
	}
	return m.table == nil, nil
}

// whole reads an event of size bytes that begins with b. Memory is taken as the bytes arrive.
func whole(b []byte, rest io.Reader, size int) ([]byte, error) {
	for len(b) < size {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(2*cap(b), size)), b...)
		}
		n, err := rest.Read(b[len(b):min(cap(b), size)])
		b = b[:len(b)+n]
		if err != nil && len(b) < size {
			return nil, unexpectedEnd(err)
		}
	}
	return b, atEnd(rest)
}

// atEnd returns nil if nothing follows an event.
func atEnd(rest io.Reader) error {
	var one [1]byte
	switch n, err := rest.Read(one[:]); {
	case n > 0:
		return corrupt("an event is longer than it says")
	case err != io.EOF:
		return err
	}
	return nil
}

// verified copies what follows the first bytes b of an event to w, without its checksum, which it verifies.
func verified(w io.Writer, b []byte, rest io.Reader, size uint32, checksum byte) error {
	left, sum := int64(size)-int64(len(b)), uint32(0)
	if checksum == checksumCRC32 {
		left -= sumBytes
		sum = crc32.ChecksumIEEE(b)
	}
	buf := make([]byte, spoolBuffer)
	for left > 0 {
		n, err := rest.Read(buf[:min(int64(len(buf)), left)])
		left -= int64(n)
		sum = crc32.Update(sum, crc32.IEEETable, buf[:n])
		if _, werr := w.Write(buf[:n]); werr != nil {
			return diskError(werr)
		}
		if err != nil && left > 0 {
			return unexpectedEnd(err)
		}
	}
	if checksum == checksumCRC32 {
		if _, err := io.ReadFull(rest, buf[:sumBytes]); err != nil {
			return unexpectedEnd(err)
		}
		if !bytes.Equal(buf[:sumBytes], []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}) {
			return corrupt("the CRC32 of a long event does not match")
		}
	}
	return atEnd(rest)
}
