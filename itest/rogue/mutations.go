package rogue

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// with puts one packet in the place of another.
func with(payload string) func(*Stream, []byte) {
	return func(s *Stream, _ []byte) { s.Packet([]byte(payload)) }
}

// cut keeps the first n bytes of a packet.
func cut(n int) func(*Stream, []byte) {
	return func(s *Stream, p []byte) { s.Packet(p[:min(n, len(p))]) }
}

// shorter cuts n bytes off a packet.
func shorter(n int) func(*Stream, []byte) {
	return func(s *Stream, p []byte) { s.Packet(p[:max(0, len(p)-n)]) }
}

// longer appends to a packet.
func longer(more string) func(*Stream, []byte) {
	return func(s *Stream, p []byte) { s.Packet(append(bytes.Clone(p), more...)) }
}

// outOfOrder gives a packet another number.
func outOfOrder(s *Stream, p []byte) {
	s.seq += 7
	s.Packet(p)
}

// full is the payload of a packet that another one continues.
var full = bytes.Repeat([]byte{0xfe}, 1<<24-1)

// withoutEnd goes on and on after a packet's payload, as one that never ends.
func withoutEnd(s *Stream, p []byte) {
	s.Packet(append(bytes.Clone(p), full[:len(full)-len(p)]...))
	for s.err == nil {
		s.Packet(full)
	}
}

// again repeats a packet for ever.
func again(s *Stream, p []byte) { s.Endless(p) }

// Greetings are mutations of a greeting.
func Greetings() []Mutation {
	at := func(name string, do func(*Stream, []byte)) Mutation {
		return Mutation{Name: name, At: Greeting, Do: do}
	}
	return []Mutation{
		at("a greeting of three bytes", cut(3)),
		at("an empty greeting", with("")),
		at("a greeting ff", with("\xff")),
		at("a greeting without the end of its version", with("\x0a"+strings.Repeat("9", 300))),
		at("a greeting cut in its salt", cut(30)),
		at("a greeting of an older protocol", with("\x095.0.0\x00")),
		at("a greeting of a web server", func(s *Stream, _ []byte) { s.Raw([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) }),
		at("a greeting without end", withoutEnd),
	}
}

// Logins are mutations of what a server answers during a login.
func Logins() []Mutation {
	at := func(name string, do func(*Stream, []byte)) Mutation { return Mutation{Name: name, At: Login, Do: do} }
	return []Mutation{
		at("a login answer ff", with("\xff")),
		at("a login answer with half a code", with("\xff\x15")),
		at("a login answer with half an SQLSTATE", with("\xff\x15\x04#28")),
		at("a login answer cut off", cut(2)),
		at("a login answer that is none", with("\x42\x42\x42")),
		at("an empty login answer", with("")),
		at("a change of the method without its name", with("\xfemysql_native_password")),
		at("a change of the method to clear text", with("\xfemysql_clear_password\x00")),
		at("a change of the method to an unknown one", with("\xfenothing_known\x0012345678901234567890\x00")),
		at("a login answer of a key that is none", with("\x01nonsense")),
		at("a login answer out of order", outOfOrder),
	}
}

// Answers are mutations of answers to a query that gives rows; text is in the query.
func Answers(text string) []Mutation {
	m := func(name string, at Point, do func(*Stream, []byte)) Mutation {
		return Mutation{Name: name + " (" + text + ")", At: at, Text: text, Do: do}
	}
	return []Mutation{
		m("an answer ff", Head, with("\xff")),
		m("an answer with half an SQLSTATE", Head, with("\xff\x15\x04#2")),
		m("an empty answer", Head, with("")),
		m("an empty OK", Head, with("\x00")),
		m("2^62 columns", Head, with("\xfe\x00\x00\x00\x00\x00\x00\x00\x40")),
		m("2^33 columns", Head, with("\xfe\x00\x00\x00\x00\x02\x00\x00\x00")),
		m("a request for a file", Head, with("\xfb/etc/passwd")),
		m("an answer out of order", Head, outOfOrder),
		m("an empty definition", Definition, with("")),
		m("a short definition", Definition, cut(9)),
		m("a definition without its last bytes", Definition, shorter(4)),
		m("a definition whose name is too long", Definition, with("\x03def\x00\x00\x00\xfc\xff\xff")),
		m("a definition that is a row", Definition, with("\x02hi")),
		m("a separator that is cut off", Separator, with("\xfe")),
		m("a row that is cut off", Row, shorter(1)),
		m("a row that is too long", Row, longer("\x01x")),
		m("a row with a value of 2^63 bytes", Row, with("\xfe\xff\xff\xff\xff\xff\xff\xff\xff")),
		m("a row of nothing", Row, with("")),
		m("an end that is cut off", End, with("\xfe\x00")),
		m("a row without end", Row, withoutEnd),
	}
}

// Endless is a mutation of a query's answer: its first row comes again and again.
func Endless(text string) Mutation {
	return Mutation{Name: "rows without end (" + text + ")", At: Row, Text: text, Do: again}
}

// Commands are mutations of answers to commands that give no rows; text is in the command.
func Commands(text string) []Mutation {
	m := func(name string, do func(*Stream, []byte)) Mutation {
		return Mutation{Name: name + " (" + text + ")", At: OK, Text: text, Do: do}
	}
	return []Mutation{
		m("an OK that is ff", with("\xff")),
		m("an OK that is cut off", cut(2)),
		m("an OK that is a row", with("\x02hi")),
		m("an empty OK packet", with("")),
		m("an OK out of order", outOfOrder),
		m("OKs without end", func(s *Stream, _ []byte) { s.Endless([]byte{0, 0, 0, 0x0a, 0, 0, 0}) }),
	}
}

// event changes an event and makes its length and checksum fit again.
func event(change func(e []byte) []byte) func(*Stream, []byte) {
	return func(s *Stream, p []byte) {
		e := change(bytes.Clone(p[1 : len(p)-4]))
		if len(e) >= 13 {
			binary.LittleEndian.PutUint32(e[9:], uint32(len(e)+4))
		}
		s.Packet(append([]byte{0}, binary.LittleEndian.AppendUint32(e, crc32.ChecksumIEEE(e))...))
	}
}

// Types of events.
const (
	queryEvent    = 2
	rotateEvent   = 4
	formatEvent   = 15
	tableMapEvent = 19
	writeRows     = 30
	gtidEvent     = 33
	headerBytes   = 19
)

// Events are mutations of a MySQL's binlog.
func Events() []Mutation {
	m := func(name string, typ byte, do func(*Stream, []byte)) Mutation {
		return Mutation{Name: name, At: Event, Type: typ, Do: do}
	}
	body := func(keep int) func([]byte) []byte {
		return func(e []byte) []byte { return e[:min(len(e), headerBytes+keep)] }
	}
	return []Mutation{
		m("ff in place of an event", 0, with("\xff")),
		m("half an error in place of an event", 0, with("\xff\xd4\x04#HY")),
		m("an empty packet in place of an event", 0, with("")),
		m("a packet of another kind in place of an event", 0, with("\x42\x42")),
		m("an event without a header", 0, with("\x00\x01\x02\x03")),
		m("an event out of order", writeRows, outOfOrder),
		m("an event that says 4 GiB", writeRows, func(s *Stream, p []byte) { binary.LittleEndian.PutUint32(p[10:], 1<<32-1); s.Packet(p) }),
		m("an event that says 3 bytes", writeRows, func(s *Stream, p []byte) { binary.LittleEndian.PutUint32(p[10:], 3); s.Packet(p) }),
		m("an event with another checksum", writeRows, func(s *Stream, p []byte) { p[len(p)-1] ^= 1; s.Packet(p) }),
		m("an event without end", writeRows, withoutEnd),
		m("a short format description", formatEvent, event(body(20))),
		m("a short rotate event", rotateEvent, func(s *Stream, p []byte) {
			e := append([]byte{0}, p[1:1+headerBytes+3]...)
			binary.LittleEndian.PutUint32(e[10:], headerBytes+3)
			s.Packet(e)
		}),
		m("a short GTID event", gtidEvent, event(body(5))),
		m("a short statement", queryEvent, event(body(6))),
		m("a short table map", tableMapEvent, event(body(12))),
		m("a table map of 2^40 columns", tableMapEvent, event(func(e []byte) []byte {
			return append(e[:headerBytes+8], "\x01d\x00\x01t\x00\xfe\x00\x00\x00\x00\x00\x01\x00\x00"...)
		})),
		m("rows of a table that nothing maps", writeRows, event(func(e []byte) []byte { e[headerBytes] ^= 0x55; return e })),
		m("rows that are cut off", writeRows, event(func(e []byte) []byte { return e[:len(e)-2] })),
		m("rows of another width", writeRows, event(func(e []byte) []byte { e[headerBytes+10] = 200; return e })),
		m("rows in a compressed transaction that is nonsense", writeRows, event(func(e []byte) []byte { e[4] = 40; return e })),
		m("an event of an unknown type", writeRows, event(func(e []byte) []byte { e[4] = 99; return e })),
		m("an event of MariaDB's", writeRows, event(func(e []byte) []byte { e[4] = 166; return e })),
		m("a commit without its transaction", gtidEvent, event(func(e []byte) []byte { e[4] = 16; return e[:headerBytes+8] })),
	}
}

// GreetsAs makes a server call itself by another version in its greeting: each of was becomes is, of the same length.
func GreetsAs(was, is string) Mutation {
	return Mutation{Name: "a greeting of " + is, At: Greeting, Do: func(s *Stream, p []byte) {
		s.Packet(bytes.ReplaceAll(p, []byte(was), []byte(is)))
	}}
}

// SaysInRows changes the rows that answer commands with text in them: each of was becomes is, of the same length.
func SaysInRows(text, was, is string) Mutation {
	return Mutation{Name: "rows with " + is, At: Row, Text: text, Do: func(s *Stream, p []byte) {
		s.Packet(bytes.ReplaceAll(p, []byte(was), []byte(is)))
	}}
}

// Refuses answers with an error packet of this number to commands with text in them.
func Refuses(number uint16, text string) Mutation {
	p := append(binary.LittleEndian.AppendUint16([]byte{0xff}, number), "#HY000a made-up error"...)
	return Mutation{Name: "a made-up error (" + text + ")", At: Head, Text: text, Do: with(string(p))}
}

// statusMore is SERVER_MORE_RESULTS_EXISTS.
const statusMore = 8

// more sets statusMore in an OK or EOF packet.
func more(s *Stream, p []byte) {
	p = bytes.Clone(p)
	switch {
	case len(p) == 5 && p[0] == 0xfe:
		p[3] |= statusMore
	case len(p) >= 7 && p[0] == 0 && p[1] < 0xfb && p[2] < 0xfb:
		p[3] |= statusMore
	}
	s.Packet(p)
}

// drop swallows a packet.
func drop(*Stream, []byte) {}

// half sends a packet's header and half of its payload, and nothing more of it.
func half(s *Stream, p []byte) {
	n := len(p)
	s.Raw(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), s.seq}, p[:n/2]...))
}

// Framed are mutations of the packets at a point that keep their content: with the promise of another result, left
// out, and cut off in the middle while the connection stays open.
func Framed(at Point, text string, typ byte) []Mutation {
	name := " (" + string(at) + " " + text + ")"
	all := []Mutation{
		{Name: "a dropped packet" + name, At: at, Text: text, Type: typ, Do: drop},
		{Name: "half a packet" + name, At: at, Text: text, Type: typ, Do: half},
	}
	if at == OK || at == End {
		all = append(all, Mutation{Name: "more results" + name, At: at, Text: text, Type: typ, Do: more})
	}
	return all
}
