package blackhole

import "bytes"

// metaSchema is where the gateway keeps the lanes' state: apply.MetaSchema.
const metaSchema = "sluice_meta"

// beginsLane says whether a packet begins the transaction of a lane above 0:
// BEGIN;UPDATE sluice_meta.lanes SET .. WHERE .. lane=n .. and perhaps more.
func beginsLane(query []byte) bool {
	if len(query) == 0 || query[0]|0x20 != 'b' && query[0]|0x20 != 's' {
		return false
	}
	s := scanner{b: query}
	if st, err := s.statement(); err != nil || st.kind != kindBegin {
		return false
	}
	st, err := s.statement()
	return err == nil && st.kind == kindUpdate && isMeta(st.table, "lanes") && aboveZero(st.where)
}

// aboveZero says whether a guard's condition has lane=n with n above 0.
func aboveZero(where []byte) bool {
	s := scanner{b: where}
	for s.i < len(where) {
		c := where[s.i]
		if c == '`' {
			s.i++ // the name inside reads like one without quotes
			continue
		}
		if !wordBytes[c] {
			if s.i = pass(where, s.i); s.i < 0 {
				return false
			}
			continue
		}
		if !isWord(s.run(), "LANE") {
			continue
		}
		if s.i < len(where) && where[s.i] == '`' {
			s.i++
		}
		if !s.next('=') {
			continue
		}
		s.space()
		n := s.run()
		return len(n) > 0 && len(bytes.Trim(n, "0")) > 0
	}
	return false
}

// inMeta says whether a name as written is in sluice_meta.
func inMeta(name []byte) bool {
	schema, _, found := bytes.Cut(name, []byte("."))
	return found && unquoted(schema, metaSchema)
}

// isMeta says whether a name as written is that table of sluice_meta.
func isMeta(name []byte, table string) bool {
	schema, rest, found := bytes.Cut(name, []byte("."))
	return found && unquoted(rest, table) && unquoted(schema, metaSchema)
}

func unquoted(name []byte, want string) bool {
	if len(name) == len(want)+2 && name[0] == '`' {
		name = name[1 : len(name)-1]
	}
	return string(name) == want
}
