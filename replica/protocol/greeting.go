package protocol

import (
	"bytes"
	"encoding/binary"
)

// Capability flags.
const (
	capLongPassword     = 1 << 0
	capFoundRows        = 1 << 1
	capLongFlag         = 1 << 2
	capWithDatabase     = 1 << 3
	capProtocol41       = 1 << 9
	capTLS              = 1 << 11
	capTransactions     = 1 << 13
	capSecureConnection = 1 << 15
	capMultiStatements  = 1 << 16
	capMultiResults     = 1 << 17
	capPluginAuth       = 1 << 19
	capAttributes       = 1 << 20
	capLenencAuth       = 1 << 21
)

// saltBytes is the length of the random bytes that the password's plugins hash, but for client_ed25519's 32.
const saltBytes = 20

// greeting is what a server says first.
type greeting struct {
	version    string
	connection uint32
	caps       uint32
	salt       []byte
	plugin     string // "" when the server names none
}

// parseGreeting reads a server's first packet.
func parseGreeting(p []byte) (*greeting, error) {
	switch {
	case p[0] == errPacket:
		return nil, ParseError(p)
	case p[0] != 10:
		return nil, malformed("a greeting of protocol version %d, not 10: the port may not be a MySQL server's", p[0])
	}
	end := bytes.IndexByte(p, 0)
	if end < 0 || end > 256 {
		return nil, malformed("a greeting without the end of its version")
	}
	g := &greeting{version: string(p[1:end])}
	p = p[end+1:]
	// Connection id, 8 bytes of salt, a zero, and the lower half of the capabilities.
	if len(p) < 4+8+1+2 {
		return nil, malformed("a greeting that is cut off")
	}
	g.connection = binary.LittleEndian.Uint32(p)
	g.salt = append(g.salt, p[4:12]...)
	g.caps = uint32(binary.LittleEndian.Uint16(p[13:]))
	p = p[15:]
	// Character set, status, the upper half, the length of the salt, and 10 reserved bytes.
	if len(p) < 1+2+2+1+10 {
		return nil, malformed("a greeting that is cut off after its first half")
	}
	g.caps |= uint32(binary.LittleEndian.Uint16(p[3:])) << 16
	n := max(int(p[5])-8, 13)
	p = p[16:]
	if g.caps&capProtocol41 == 0 || g.caps&capSecureConnection == 0 {
		return nil, malformed("a greeting of a server that does not know the protocol of MySQL 4.1")
	}
	// The last byte of the salt is a zero; some proxies leave it out at the end of the packet.
	if len(p) < saltBytes-8 {
		return nil, malformed("a greeting with a salt that is too short")
	}
	n = min(n, len(p))
	g.salt = append(g.salt, p[:n]...)
	g.salt = unterminated(g.salt)
	if p = p[n:]; g.caps&capPluginAuth != 0 {
		if end := bytes.IndexByte(p, 0); end >= 0 {
			p = p[:end]
		}
		if len(p) > 64 {
			return nil, malformed("a greeting with a method's name of %d bytes", len(p))
		}
		g.plugin = string(p)
	}
	return g, nil
}

// unterminated cuts the zero off that follows a salt of 20 or 32 bytes.
func unterminated(salt []byte) []byte {
	if n := len(salt); (n == saltBytes+1 || n == 32+1) && salt[n-1] == 0 {
		return salt[:n-1]
	}
	return salt
}
