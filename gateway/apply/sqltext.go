package apply

// sqlText is memory for the texts of a batch's statements, used again for the
// next batch. The zero value is usable and allocates as needed.
type sqlText struct {
	buf  []byte
	used int // bytes of this batch's statements
}

// leastText and keepText bound what is kept from batch to batch.
const (
	leastText = 16 << 10
	keepText  = 1 << 20
)

// begin returns an empty slice to append one statement to. Its end must be told
// before the next begins.
func (t *sqlText) begin() []byte {
	if cap(t.buf)-len(t.buf) < leastText/4 {
		t.buf = make([]byte, 0, leastText)
	}
	return t.buf[len(t.buf):]
}

// end takes the finished statement back.
func (t *sqlText) end(sql []byte) {
	t.used += len(sql)
	if len(t.buf)+len(sql) <= cap(t.buf) {
		t.buf = t.buf[:len(t.buf)+len(sql)]
		return
	}
	// It has outgrown the memory, and moved; the next ones follow it there.
	t.buf = sql
}

// reset forgets all statements, and has room for as many again.
func (t *sqlText) reset() {
	room := t.used + t.used/8 + leastText
	switch {
	case cap(t.buf) > keepText:
		t.buf = nil
	case cap(t.buf) < room && room <= keepText:
		t.buf = make([]byte, 0, room)
	}
	t.buf, t.used = t.buf[:0], 0
}
