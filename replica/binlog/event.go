package binlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"sluice/replica"
)

// Event types: libs/mysql/binlog/event/binlog_event.h; MariaDB's from 160 on:
// sql/log_event.h.
const (
	evQuery          = 2
	evStop           = 3
	evRotate         = 4
	evIntvar         = 5
	evLoad           = 6
	evSlave          = 7
	evCreateFile     = 8
	evAppendBlock    = 9
	evExecLoad       = 10
	evDeleteFile     = 11
	evNewLoad        = 12
	evRand           = 13
	evUserVar        = 14
	evFormat         = 15
	evXID            = 16
	evBeginLoad      = 17
	evExecuteLoad    = 18
	evTableMap       = 19
	evWriteRowsV0    = 20
	evDeleteRowsV0   = 22
	evWriteRowsV1    = 23
	evUpdateRowsV1   = 24
	evDeleteRowsV1   = 25
	evIncident       = 26
	evHeartbeat      = 27
	evIgnorable      = 28
	evRowsQuery      = 29
	evWriteRowsV2    = 30
	evUpdateRowsV2   = 31
	evDeleteRowsV2   = 32
	evGTID           = 33
	evAnonymousGTID  = 34
	evPreviousGTIDs  = 35
	evTransactionCtx = 36
	evViewChange     = 37
	evXAPrepare      = 38
	evPartialUpdate  = 39
	evPayload        = 40
	evHeartbeatV2    = 41
	evGTIDTagged     = 42
	evMAnnotate      = 160
	evMCheckpoint    = 161
	evMGTID          = 162
	evMGTIDList      = 163
	evMStartEncrypt  = 164
	evMQueryZ        = 165
	evMWriteRowsZ1   = 166
	evMUpdateRowsZ1  = 167
	evMDeleteRowsZ1  = 168
	evMWriteRowsZ2   = 169
	evMUpdateRowsZ2  = 170
	evMDeleteRowsZ2  = 171
	evMPartialRow    = 172
	headerLen        = 19
	flagIgnorable    = 0x80
	flagArtificial   = 0x20
	checksumCRC32    = 1
	// checksumUnknown holds until the first format description.
	checksumUnknown = 254
)

var errEndOfStream = fmt.Errorf("the source ended the binlog stream: %w", io.EOF)

// event is one event: its header's fields and its body without checksum.
type event struct {
	time     uint32
	typ      byte
	serverID uint32
	size     uint32
	logPos   uint32
	flags    uint16
	body     []byte
	sum      uint32 // its checksum; 0 without one
	shared   bool   // body is valid until the next event is read
	rest     *spool // what follows body; nil: nothing
}

// parseEvent splits an event. checksum is the algorithm that the format
// description announced; it is verified here.
func parseEvent(b []byte, checksum byte) (event, error) {
	if len(b) < headerLen {
		return event{}, corrupt("an event is shorter than its header")
	}
	e := parseHeader(b)
	if int64(e.size) != int64(len(b)) {
		return event{}, corrupt(fmt.Sprintf("an event of type %d says %d bytes and has %d", e.typ, e.size, len(b)))
	}
	if e.typ == evFormat {
		// Its own last bytes say which algorithm holds from here on.
		if len(e.body) < 2+50+4+1+5 {
			return event{}, corrupt("the format description is too short")
		}
		if e.body[len(e.body)-5] == checksumCRC32 {
			checksum = checksumCRC32
		} else {
			checksum = 0
		}
	}
	if checksum == checksumUnknown {
		// A stream begins with a rotate event that the server makes before it
		// has sent the format description: whether a checksum is there shows
		// from the bytes alone.
		if e.typ != evRotate && e.typ != evHeartbeat && e.typ != evHeartbeatV2 {
			return event{}, corrupt(fmt.Sprintf("an event of type %d comes before the format description", e.typ))
		}
		checksum = 0
		if n := len(b) - 4; n >= headerLen && crc(b[:n], e.typ) == binary.LittleEndian.Uint32(b[n:]) {
			checksum = checksumCRC32
		}
	}
	if checksum == checksumCRC32 {
		n := len(b) - 4
		if n < headerLen {
			return event{}, corrupt("an event has no room for its checksum")
		}
		// The server computes the checksum before it sets the flag "binlog in
		// use" of a format description; that flag is masked out.
		want := binary.LittleEndian.Uint32(b[n:])
		if got := crc(b[:n], e.typ); got != want {
			return event{}, corrupt(fmt.Sprintf("the CRC32 of an event of type %d does not match", e.typ))
		}
		e.body, e.sum = b[headerLen:n], want
	}
	return e, nil
}

// parseHeader reads the header that b begins with. The body is all that follows.
func parseHeader(b []byte) event {
	return event{
		time:     binary.LittleEndian.Uint32(b),
		typ:      b[4],
		serverID: binary.LittleEndian.Uint32(b[5:]),
		size:     binary.LittleEndian.Uint32(b[9:]),
		logPos:   binary.LittleEndian.Uint32(b[13:]),
		flags:    binary.LittleEndian.Uint16(b[17:]),
		body:     b[headerLen:],
	}
}

// parseLong is parseEvent for an event that begins with b and goes on in rest,
// which is put into a file in the folder.
func parseLong(folder string, b []byte, rest io.Reader, checksum byte) (event, error) {
	if len(b) < headerLen {
		return event{}, corrupt("an event is shorter than its header")
	}
	e := parseHeader(b)
	if int64(e.size) < int64(len(b))+sumBytes {
		// Its checksum is cut by the packets' bounds.
		more, err := io.ReadAll(io.LimitReader(rest, sumBytes+1))
		if err != nil {
			return event{}, err
		}
		return parseEvent(append(b, more...), checksum)
	}
	var err error
	e.rest, err = newSpool(folder, b, rest, e.size, checksum)
	return e, err
}

func crc(b []byte, typ byte) uint32 {
	if typ == evFormat && b[17]&1 != 0 {
		c := append([]byte(nil), b...)
		c[17] &^= 1
		return crc32.ChecksumIEEE(c)
	}
	return crc32.ChecksumIEEE(b)
}

func corrupt(what string) error {
	return &replica.Error{Code: 61130, Class: "NETWORK", Transient: true,
		Message: "the binlog stream is damaged: " + what,
		Remedy:  "it is read again; if it stays, check the source's disk and network, and binlog_checksum there"}
}

// cursor reads little-endian fields and remembers whether it ran out.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad = true
		c.b = nil
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) uint(n int) uint64 {
	v := c.take(n)
	var u uint64
	for i := len(v) - 1; i >= 0; i-- {
		u = u<<8 | uint64(v[i])
	}
	return u
}

// lenenc reads MySQL's length-encoded integer.
func (c *cursor) lenenc() uint64 {
	switch first := c.uint(1); {
	case first < 0xfb:
		return first
	case first == 0xfc:
		return c.uint(2)
	case first == 0xfd:
		return c.uint(3)
	case first == 0xfe:
		return c.uint(8)
	}
	c.bad = true
	return 0
}

// size reads a length-encoded integer that counts bytes still to come.
func (c *cursor) size() int {
	n := c.lenenc()
	if n > uint64(len(c.b)) {
		c.bad = true
		return 0
	}
	return int(n)
}
