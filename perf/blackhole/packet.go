package blackhole

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

const (
	headerBytes = 4
	// splitBytes is the length of a packet that the next one continues.
	splitBytes = 1<<24 - 1
	// inboxBytes is what a connection's buffer has at least: some packets of a
	// lane.
	inboxBytes = 256 << 10
	// keepBytes: a larger buffer is given back after its command.
	keepBytes = 32 << 20
)

// Server status flags of an OK packet.
const (
	statusInTransaction = 0x0001
	statusAutocommit    = 0x0002
	statusMoreResults   = 0x0008
)

const (
	comQuit  = 0x01
	comQuery = 0x03
	comPing  = 0x0e

	comStmtPrepare = 0x16
	comStmtExecute = 0x17
	comStmtClose   = 0x19
)

// command is one client message: its packets joined. It is valid until the
// next read.
type command struct {
	payload []byte
	raw     []byte // with the header; nil when there were several packets
	first   byte   // sequence number of the first packet: 0 for a command
	last    byte   // and of the last
	packets int
}

// inbox reads commands out of a connection with reads as large as its buffer.
type inbox struct {
	r          io.Reader
	buf        []byte
	start, end int
}

// fill makes n bytes available from start on.
func (in *inbox) fill(n int) error {
	if in.end-in.start >= n {
		return nil
	}
	if in.start+n > len(in.buf) {
		to := in.buf
		if n > len(to) {
			to = make([]byte, max(n+n/4, inboxBytes))
		}
		in.end = copy(to, in.buf[in.start:in.end])
		in.start, in.buf = 0, to
	}
	for in.end-in.start < n {
		got, err := in.r.Read(in.buf[in.end:])
		in.end += got
		if err != nil && in.end-in.start < n {
			if err == io.EOF && in.end > in.start {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// next reads one command whole.
func (in *inbox) next() (command, error) {
	if in.start == in.end {
		in.start, in.end = 0, 0
		if len(in.buf) > keepBytes {
			in.buf = nil
		}
	}
	if err := in.fill(headerBytes); err != nil {
		return command{}, err
	}
	n := length(in.buf[in.start:])
	c := command{first: in.buf[in.start+3], last: in.buf[in.start+3], packets: 1}
	if err := in.fill(headerBytes + n); err != nil {
		return command{}, err
	}
	if n < splitBytes {
		c.raw = in.buf[in.start : in.start+headerBytes+n]
		c.payload = c.raw[headerBytes:]
		in.start += headerBytes + n
		return c, nil
	}
	total := headerBytes + n
	for n == splitBytes {
		if err := in.fill(total + headerBytes); err != nil {
			return command{}, err
		}
		at := in.start + total
		n, c.last = length(in.buf[at:]), in.buf[at+3]
		if err := in.fill(total + headerBytes + n); err != nil {
			return command{}, err
		}
		// The continuation moves over its header.
		at = in.start + total
		in.end = at + copy(in.buf[at:], in.buf[at+headerBytes:in.end])
		total += n
		c.packets++
	}
	c.payload = in.buf[in.start+headerBytes : in.start+total]
	in.start += total
	return c, nil
}

func length(header []byte) int { return int(header[0]) | int(header[1])<<8 | int(header[2])<<16 }

// forward writes the command as it came.
func (c *command) forward(w net.Conn) error {
	if c.raw != nil {
		_, err := w.Write(c.raw)
		return err
	}
	var bufs net.Buffers
	rest, seq := c.payload, c.first
	for n := splitBytes; n == splitBytes; seq++ {
		n = min(len(rest), splitBytes)
		bufs = append(bufs, []byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, rest[:n])
		rest = rest[n:]
	}
	_, err := bufs.WriteTo(w)
	return err
}

// readPacket reads one packet, its header included, and no byte more.
func readPacket(r io.Reader) ([]byte, error) {
	b := make([]byte, headerBytes)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	b = append(b, make([]byte, length(b))...)
	_, err := io.ReadFull(r, b[headerBytes:])
	return b, err
}

func appendOK(b []byte, seq byte, affected uint64, status uint16) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, seq, 0x00)
	b = append(appendLength(b, affected), 0)
	b = binary.LittleEndian.AppendUint16(b, status)
	b = append(b, 0, 0)
	b[at] = byte(len(b) - at - headerBytes)
	return b
}

// appendError appends an error packet. Before the handshake there is no
// SQLSTATE in it: state is "".
func appendError(b []byte, seq byte, code uint16, state, message string) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, seq, 0xff)
	b = binary.LittleEndian.AppendUint16(b, code)
	if state != "" {
		b = append(append(b, '#'), state...)
	}
	b = append(b, message...)
	n := len(b) - at - headerBytes
	b[at], b[at+1] = byte(n), byte(n>>8)
	return b
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

// Capabilities that would hide the packets from us.
const hidden = 0x20 /* COMPRESS */ | 0x800 /* SSL */ | 1<<26 /* ZSTD_COMPRESSION_ALGORITHM */

// plain clears the capabilities in a server's greeting with which clients
// would encrypt or compress. An error packet stays as it is.
func plain(greeting []byte) error {
	p := greeting[headerBytes:]
	if len(p) > 0 && p[0] == 0xff {
		return nil
	}
	at := 1
	for at < len(p) && p[at] != 0 { // server version
		at++
	}
	at += 1 + 4 + 8 + 1 // its end, thread id, first part of the challenge, filler
	if len(p) < at+7 || p[0] != 10 {
		return fmt.Errorf("read the greeting: protocol 10 is expected in %d bytes", len(p))
	}
	low, high := p[at:at+2], p[at+5:at+7] // between them: character set, status
	flags := uint32(binary.LittleEndian.Uint16(low)) | uint32(binary.LittleEndian.Uint16(high))<<16
	flags &^= hidden
	binary.LittleEndian.PutUint16(low, uint16(flags))
	binary.LittleEndian.PutUint16(high, uint16(flags>>16))
	return nil
}
