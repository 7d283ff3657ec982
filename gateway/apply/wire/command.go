package wire

import "encoding/binary"

// Commands of the protocol ("Command Phase").
const (
	comQuit        = 0x01
	comQuery       = 0x03
	comStmtPrepare = 0x16
	comStmtExecute = 0x17
	comStmtClose   = 0x19
)

// HeaderBytes come before every packet: three of its length, one of its number.
const HeaderBytes = 4

// maxPayload is the longest payload of a packet; the next one continues it.
const maxPayload = 1<<24 - 1

// BeginQuery appends a packet's header and the command of SQL text; the text
// follows.
func BeginQuery(b []byte) []byte { return append(b, 0, 0, 0, 0, comQuery) }

// AppendQuery appends a whole packet of SQL text.
func AppendQuery(b []byte, sql string) []byte { return append(BeginQuery(b), sql...) }

// Type is a parameter's type in the protocol, with its flag for unsigned.
type Type uint16

// The types of parameters. Texts, decimals and dates with a time are all Text:
// a server reads them as it reads a literal in quotes.
const (
	Int    Type = 0x08 // eight bytes
	Uint   Type = 0x08 | 0x80<<8
	Double Type = 0x05
	Text   Type = 0xfd
	Bytes  Type = 0xfc
)

// BeginExecute appends a packet's header and the execution of a prepared
// statement whose parameters are all there; their values follow in order. types
// is nil when the statement has been executed on this connection before, with
// the same ones.
func BeginExecute(b []byte, id uint32, params int, types []Type) []byte {
	b = append(b, 0, 0, 0, 0, comStmtExecute)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = append(b, 0, 1, 0, 0, 0) // no cursor; one iteration
	for n := (params + 7) / 8; n > 0; n-- {
		b = append(b, 0) // no NULL
	}
	if types == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	for n := 0; n < params; n += len(types) {
		for _, t := range types {
			b = binary.LittleEndian.AppendUint16(b, uint16(t))
		}
	}
	return b
}

// AppendNumber appends the value of an Int, Uint or Double, whose bits n has.
func AppendNumber(b []byte, n uint64) []byte { return binary.LittleEndian.AppendUint64(b, n) }

// AppendText appends the value of a Text or Bytes.
func AppendText(b, s []byte) []byte { return append(appendLength(b, len(s)), s...) }

// appendLength appends a length-encoded integer.
func appendLength(b []byte, n int) []byte {
	switch {
	case n < 251:
		return append(b, byte(n))
	case n < 1<<16:
		return append(b, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(b, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xfe), uint64(n))
}

// seal writes the length into a packet that began at 0. A payload that needs
// several packets gets its further headers, in other memory.
func seal(b []byte) []byte {
	n := len(b) - HeaderBytes
	if n < maxPayload {
		b[0], b[1], b[2], b[3] = byte(n), byte(n>>8), byte(n>>16), 0
		return b
	}
	out := make([]byte, 0, len(b)+HeaderBytes*(n/maxPayload))
	for seq, rest, more := byte(0), b[HeaderBytes:], true; more; seq++ {
		k := min(len(rest), maxPayload)
		out = append(append(out, byte(k), byte(k>>8), byte(k>>16), seq), rest[:k]...)
		rest, more = rest[k:], k == maxPayload
	}
	return out
}
