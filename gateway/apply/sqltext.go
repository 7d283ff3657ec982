package apply

// sqlText is memory for the texts of a batch's statements, used again for the
// next batch. The zero value is usable and allocates as needed.
type sqlText struct{ buf []byte }

// keepText is the most that is kept from batch to batch.
const keepText = 1 << 20

// begin returns an empty slice to append one statement to. Its end must be told
// before the next begins.
func (t *sqlText) begin() []byte { return t.buf[len(t.buf):] }

// end takes the finished statement back.
func (t *sqlText) end(sql []byte) {
	if len(t.buf)+len(sql) <= cap(t.buf) {
		t.buf = t.buf[:len(t.buf)+len(sql)]
		return
	}
	// It has outgrown the memory, and moved; the next ones follow it there.
	t.buf = sql
}

// reset forgets all statements.
func (t *sqlText) reset() {
	if cap(t.buf) > keepText {
		t.buf = nil
	}
	t.buf = t.buf[:0]
}
