package binlog

import "sluice/replica"

// Sizes of an arena's pieces: large enough that a small row costs no
// allocation of its own, small enough that a row which is kept for long keeps
// little else.
const (
	arenaValues = 512
	arenaRows   = 64
	arenaText   = 8 << 10
	// arenaSpan is about how many bytes of events one piece's rows refer to.
	arenaSpan = 64 << 10
)

// arena hands out memory for rows, cut from larger pieces. Nothing is taken
// back: a piece lives as long as something that was cut from it. It is for one
// goroutine.
type arena struct {
	values []replica.Value
	rows   []replica.RowChange
	buf    []byte // buf[len(buf):cap(buf)] is free
	images []byte // likewise
	span   int    // bytes of events that the rows of these pieces refer to
}

// refer tells that rows are to come that refer to n bytes of an event. A piece
// keeps alive whatever its rows refer to, so that it must not be used up over
// many large events.
func (a *arena) refer(n int) {
	if a.span > 0 && a.span+n > arenaSpan {
		a.values, a.rows, a.span = nil, nil, 0
	}
	a.span += n
}

// row returns n values that are NULL.
func (a *arena) row(n int) []replica.Value {
	if len(a.values) < n {
		a.values = make([]replica.Value, max(n, arenaValues))
	}
	row := a.values[:n:n]
	a.values = a.values[n:]
	return row
}

// changes returns room for n more changes behind list.
func (a *arena) changes(list []replica.RowChange, n int) []replica.RowChange {
	if cap(list)-len(list) >= n {
		return list
	}
	if len(list) > 0 || n > arenaRows/4 {
		grown := make([]replica.RowChange, len(list), max(len(list)+n, 2*len(list)))
		copy(grown, list)
		return grown
	}
	if len(a.rows) < n {
		a.rows = make([]replica.RowChange, arenaRows)
	}
	list = a.rows[:0:n]
	a.rows = a.rows[n:]
	return list
}

// copy returns the same bytes in memory that stays.
func (a *arena) copy(b []byte) []byte {
	n := len(a.images)
	if cap(a.images)-n < len(b) {
		a.images, n = make([]byte, 0, max(arenaSpan, len(b))), 0
	}
	a.images = append(a.images, b...)
	return a.images[n:len(a.images):len(a.images)]
}

// text returns an empty slice with room for n bytes. What is appended to it,
// at most that, must be given to keep before text is called again.
func (a *arena) text(n int) []byte {
	if cap(a.buf)-len(a.buf) < n {
		a.buf = make([]byte, 0, max(n, arenaText))
	}
	return a.buf[len(a.buf):]
}

// keep makes what was appended to text's slice the caller's.
func (a *arena) keep(b []byte) []byte {
	if len(b) <= cap(a.buf)-len(a.buf) {
		a.buf = a.buf[:len(a.buf)+len(b)]
	}
	return b[:len(b):len(b)]
}
