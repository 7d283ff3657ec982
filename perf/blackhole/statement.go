package blackhole

import (
	"bytes"
	"errors"
	"io"
)

// kind is what a statement does.
type kind uint8

const (
	kindInsert kind = iota
	kindReplace
	kindUpsert
	kindUpdate
	kindDelete
	kinds // the row statements

	kindBegin
	kindCommit
	kindRollback
)

// statement is one of a lane transaction. Its slices are parts of the packet.
type statement struct {
	kind     kind
	start    int // in the packet
	text     []byte
	table    []byte
	where    []byte // UPDATE and DELETE: the condition and what follows it
	rows     uint64
	affected uint64 // what a target reports that has the source's rows
}

// Errors of a statement that is not understood.
var (
	errVerb      = errors.New("the statement is none that is known")
	errEnd       = errors.New("the statement goes on where it must end")
	errTable     = errors.New("no table's name follows")
	errValues    = errors.New("no VALUES with rows in parentheses follows")
	errText      = errors.New("a quoted text, a parenthesis or a comment has no end")
	errWhere     = errors.New("there is no WHERE: how many rows it hits is not known")
	errCondition = errors.New("the condition does not tell how many rows it hits")
)

// statement reads the next statement; io.EOF when there is none.
func (s *scanner) statement() (statement, error) {
	for s.next(';') {
	}
	st := statement{start: s.i}
	if s.i >= len(s.b) {
		return st, io.EOF
	}
	err := s.body(&st)
	st.text = s.b[st.start:s.i]
	return st, err
}

func (s *scanner) body(st *statement) error {
	switch {
	case s.word("INSERT"):
		st.kind = kindInsert
		s.word("IGNORE")
		return s.insert(st)
	case s.word("REPLACE"):
		st.kind = kindReplace
		return s.insert(st)
	case s.word("UPDATE"):
		st.kind = kindUpdate
		return s.update(st)
	case s.word("DELETE"):
		st.kind = kindDelete
		return s.delete(st)
	case s.word("BEGIN"), s.words("START", "TRANSACTION"):
		st.kind = kindBegin
		_ = s.word("OPTIMISTIC") || s.word("PESSIMISTIC")
	case s.word("COMMIT"):
		st.kind = kindCommit
	case s.word("ROLLBACK"):
		st.kind = kindRollback
	default:
		return errVerb
	}
	return s.end()
}

// end makes sure that the statement ends here.
func (s *scanner) end() error {
	if !s.space() {
		return errText
	}
	if s.i < len(s.b) && s.b[s.i] != ';' {
		return errEnd
	}
	return nil
}

// insert reads INTO table [(columns)] VALUES (row),.. [[AS name] ON DUPLICATE
// KEY UPDATE ..].
func (s *scanner) insert(st *statement) error {
	s.word("INTO")
	var ok bool
	if st.table, ok = s.name(); !ok {
		return errTable
	}
	if s.next('(') {
		if s.i, _ = group(s.b, s.i); s.i < 0 {
			s.i = len(s.b)
			return errText
		}
	}
	if !s.word("VALUES") && !s.word("VALUE") {
		return errValues
	}
	if err := s.rows(st); err != nil {
		return err
	}
	st.affected = st.rows
	if s.word("AS") {
		if _, ok := s.name(); !ok {
			return errEnd
		}
	}
	if st.kind == kindInsert && s.words("ON", "DUPLICATE", "KEY", "UPDATE") {
		st.kind, st.affected = kindUpsert, 2*st.rows
		return s.skip()
	}
	return s.end()
}

// rows counts the groups of VALUES.
func (s *scanner) rows(st *statement) error {
	b := s.b
	for {
		if s.i >= len(b) || b[s.i] != '(' {
			if s.space(); s.i >= len(b) || b[s.i] != '(' {
				return errValues
			}
		}
		next, _ := group(b, s.i+1)
		if next < 0 {
			return errText
		}
		st.rows++
		s.i = next
		if next < len(b) && b[next] == ',' {
			s.i++
			continue
		}
		if !s.next(',') {
			return nil
		}
	}
}

// skip goes to the end of the statement.
func (s *scanner) skip() error {
	for s.i < len(s.b) {
		switch classes[s.b[s.i]] {
		case semiByte:
			return nil
		case openByte:
			next, _ := group(s.b, s.i+1)
			if next < 0 {
				return errText
			}
			s.i = next
		case closeByte:
			return errText
		case plainByte, commaByte:
			s.i++
		default:
			next := pass(s.b, s.i)
			if next < 0 {
				return errText
			}
			s.i = next
		}
	}
	return nil
}

// update reads table SET .. WHERE condition [LIMIT n].
func (s *scanner) update(st *statement) error {
	var ok bool
	if st.table, ok = s.name(); !ok {
		return errTable
	}
	if !s.word("SET") {
		return errEnd
	}
	begin := s.i
	if err := s.toWhere(); err != nil {
		return err
	}
	set := s.b[begin : s.i-len("WHERE")]
	if err := s.condition(st); err != nil {
		return err
	}
	if bytes.HasSuffix(bytes.TrimRight(st.where, " "), []byte(" LIMIT 1")) && unchanged(set, st.where) {
		st.affected = 0
	}
	return nil
}

// delete reads FROM table WHERE condition [LIMIT n].
func (s *scanner) delete(st *statement) error {
	if !s.word("FROM") {
		return errEnd
	}
	var ok bool
	if st.table, ok = s.name(); !ok {
		return errTable
	}
	if !s.word("WHERE") {
		return errWhere
	}
	return s.condition(st)
}

// toWhere goes behind the keyword WHERE of the statement.
func (s *scanner) toWhere() error {
	for s.i < len(s.b) {
		c := s.b[s.i]
		switch {
		case wordBytes[c]:
			if isWord(s.run(), "WHERE") {
				return nil
			}
		case c == ';':
			return errWhere
		case c == '(':
			next, _ := group(s.b, s.i+1)
			if next < 0 {
				return errText
			}
			s.i = next
		default:
			next := pass(s.b, s.i)
			if next < 0 {
				return errText
			}
			s.i = next
		}
	}
	return errWhere
}
