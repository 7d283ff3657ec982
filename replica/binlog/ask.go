package binlog

import (
	"context"
	"fmt"

	"sluice/replica/protocol"
)

// Bounds of an answer that is kept in memory: a GTID set, or a list of binlog
// files, has at most a few MiB.
const (
	maxAskBytes   = 64 << 20
	maxAskColumns = 64
)

// ask is the connection as identity.Ask, before the dump begins. Closing the
// connection ends it.
func (k *conn) ask(_ context.Context, query string) ([][]string, error) {
	if err := k.send(append([]byte{0, 0, 0, 0, comQuery}, query...)); err != nil {
		return nil, err
	}
	head, err := k.answer()
	if err != nil {
		return nil, err
	}
	columns := int(head[0])
	if len(head) != 1 || columns == 0 || columns > maxAskColumns {
		return nil, corrupt("an answer to a query without a number of columns")
	}
	for range columns {
		if _, err := k.answer(); err != nil {
			return nil, err
		}
	}
	if p, err := k.answer(); err != nil {
		return nil, err
	} else if !endOfRows(p) {
		return nil, corrupt("columns' definitions without an end")
	}
	var rows [][]string
	for bytes := 0; ; {
		p, err := k.answer()
		if err != nil {
			return nil, err
		}
		if endOfRows(p) {
			return rows, nil
		}
		if bytes += len(p) + 16*columns; bytes > maxAskBytes {
			return nil, corrupt(fmt.Sprintf("an answer of more than %d bytes", maxAskBytes))
		}
		row, err := textRow(p, columns)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
}

// answer returns the next packet of an answer, which is not empty; an error
// packet is an error.
func (k *conn) answer() ([]byte, error) {
	b, n, err := k.in.one()
	switch {
	case err != nil:
		return nil, unexpectedEnd(err)
	case n == 0:
		return nil, corrupt("an empty packet in an answer")
	case n == fullPacket:
		return nil, corrupt("a packet of 16 MiB in an answer")
	case b[0] == 0xff:
		return nil, protocol.ParseError(b)
	}
	return b, nil
}

// endOfRows says whether p is an EOF packet.
func endOfRows(p []byte) bool { return p[0] == 0xfe && len(p) < 9 }

// textRow splits a row of the text protocol; NULL becomes "".
func textRow(p []byte, columns int) ([]string, error) {
	c := &cursor{b: p}
	row := make([]string, columns)
	for i := range row {
		if len(c.b) > 0 && c.b[0] == 0xfb {
			c.take(1)
			continue
		}
		row[i] = string(c.take(c.size()))
	}
	if c.bad || len(c.b) > 0 {
		return nil, corrupt("a row of an answer is cut off")
	}
	return row, nil
}
