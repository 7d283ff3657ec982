package binlog

import (
	"bytes"
	"errors"
	"fmt"

	"sluice/replica"
)

func (r *Reader) tableMap(e *event) error {
	c := &cursor{b: e.body}
	id := c.uint(6)
	if old := r.tables[id]; old != nil && bytes.Equal(old.raw, e.body) {
		return nil
	}
	m, err := parseTableMap(e.body)
	if err != nil {
		return err
	}
	if r.mapped += len(e.body) + mapOverhead; r.mapped > mapBytes {
		return corrupt("a transaction maps more tables than a server has")
	}
	m.raw = bytes.Clone(e.body) // or it would keep what was read with it
	r.tables[id] = m
	return nil
}

// mapOverhead is about what a table map takes besides its bytes.
const mapOverhead = 512

// resolve finds the map's definition once.
func (r *Reader) resolve(m *TableMap) error {
	if m.known {
		return nil
	}
	t, err := r.resolver.Table(m)
	if err != nil {
		return err
	}
	if t != nil {
		if m.decoder, err = newRowDecoder(m, t, &r.mem); err != nil {
			return err
		}
	}
	m.table, m.known = t, true
	return nil
}

// rowsHeader is what precedes the images in a rows event.
type rowsHeader struct {
	m             *TableMap // nil: unwanted
	before, after []byte    // columns-present bitmaps
	images        []byte
	shared        bool // images are valid until the next event is read
}

func (r *Reader) rowsHeader(e *event, op replica.Op) (rowsHeader, error) {
	c := &cursor{b: e.body}
	id := c.uint(6)
	c.uint(2)
	switch e.typ {
	case evWriteRowsV2, evUpdateRowsV2, evDeleteRowsV2, evPartialUpdate, evMWriteRowsZ2, evMUpdateRowsZ2, evMDeleteRowsZ2:
		c.take(int(c.uint(2)) - 2)
	}
	if c.bad {
		return rowsHeader{}, corrupt("a rows event is cut off")
	}
	m := r.tables[id]
	if m == nil && id == 0xffffff {
		return rowsHeader{}, nil // a dummy event that only ends a statement
	}
	if m == nil {
		return rowsHeader{}, corrupt(fmt.Sprintf("rows of table id %d, which no table map named", id))
	}
	if r.txn == nil {
		return rowsHeader{}, corrupt("rows outside a transaction")
	}
	if r.past.skipping {
		return rowsHeader{}, nil
	}
	if err := r.resolve(m); err != nil {
		return rowsHeader{}, err
	}
	if m.table == nil {
		return rowsHeader{}, nil
	}
	n := int(c.lenenc())
	if n != len(m.types) || c.bad {
		return rowsHeader{}, corrupt("a rows event and its table map differ in width")
	}
	h := rowsHeader{m: m}
	h.before = c.take((n + 7) / 8)
	h.after = h.before
	if op == replica.Update {
		h.after = c.take((n + 7) / 8)
	}
	if c.bad {
		return rowsHeader{}, corrupt("a rows event is cut off")
	}
	h.images, h.shared = c.b, e.shared
	switch e.typ {
	case evMWriteRowsZ1, evMUpdateRowsZ1, evMDeleteRowsZ1, evMWriteRowsZ2, evMUpdateRowsZ2, evMDeleteRowsZ2:
		var err error
		if h.images, err = inflate(c.b); err != nil {
			return rowsHeader{}, corrupt("a compressed rows event does not decompress")
		}
		h.shared = false
	}
	return h, nil
}

// rows decodes one rows event into the transaction.
func (r *Reader) rows(e *event, op replica.Op) error {
	h, err := r.rowsHeader(e, op)
	if err != nil || h.m == nil {
		return err
	}
	t, d := r.txn, h.m.decoder
	var before, after []int
	if before, err = d.present(h.before); err != nil {
		return err
	}
	if after, err = d.present(h.after); err != nil {
		return err
	}
	images := 1
	if op == replica.Update {
		images = 2
	}
	r.mem.refer(len(h.images))
	if h.shared {
		h.images = r.mem.copy(h.images)
	}
	rowBytes := images*len(h.m.types)*40 + 64 // a Value takes 40 bytes and a RowChange 64
	first := len(t.Rows)
	for b := h.images; len(b) > 0; {
		c := replica.RowChange{Table: h.m.table, Op: op}
		size := len(b)
		if op != replica.Insert {
			if c.Before, b, err = d.image(b, before, nil); err != nil {
				return r.rowError(err)
			}
		}
		if op != replica.Delete {
			if c.After, b, err = d.image(b, after, c.Before); err != nil {
				return r.rowError(err)
			}
		}
		if len(t.Rows) == cap(t.Rows) {
			// The rest of the event has about as many rows as it has room for
			// ones like this.
			t.Rows = r.mem.changes(t.Rows, min(1+len(b)/max(size-len(b), 1), changesAtOnce))
		}
		t.Rows = append(t.Rows, c)
		r.rowsSeen++
		if (len(t.Rows)-first)*rowBytes+d.made > heldBytes {
			return tooLarge("a rows event", h.m.table.String())
		}
	}
	clear(d.raws) // they would keep the event
	// The images were copied, or alias the event.
	t.Bytes += len(h.images) + (len(t.Rows)-first)*rowBytes + d.made
	d.made = 0
	if r.full() {
		return r.part()
	}
	return nil
}

func (r *Reader) rowError(err error) error {
	if errors.Is(err, errShort) {
		return corrupt("a row image is cut off")
	}
	return err
}

// partialJSON refuses an update that carries only JSON differences.
func (r *Reader) partialJSON(e *event) error {
	h, err := r.rowsHeader(e, replica.Insert)
	if err != nil || h.m == nil {
		return err
	}
	return &replica.Error{Code: 61107, Class: "SOURCE",
		Message: fmt.Sprintf("the binlog has a partial JSON update of %s", h.m.table),
		Remedy:  "set binlog_row_value_options='' on the source, reconnect its writers, then RESET MIGRATION and start again"}
}
