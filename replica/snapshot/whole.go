package snapshot

import (
	"context"
	"database/sql"
	"fmt"

	"sluice/replica"
)

// Rows are all rows of a chunk, in key order.
type Rows struct {
	Rows   [][]replica.Value // each has one Value per column of the table; generated columns are NULL
	Bytes  int64             // of the values
	Memory int64             // what the rows take
	Widest int64             // what the widest row takes of it
}

// TooLargeError is returned by ReadWhole for a chunk whose rows take more
// memory than they may. Splitter.Cut divides it.
type TooLargeError struct {
	Rows   int   // how many rows of the chunk fit: at least one
	Memory int64 // what these and the next one take
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the chunk has more than %d rows and takes more than %d bytes", e.Rows, e.Memory)
}

// ReadWhole is Read for a caller that needs all rows of the chunk at once.
// Rows that take more than most bytes of memory are not read on: the error is
// a *TooLargeError, and the connection is closed for good. Only a single row
// may be larger.
func ReadWhole(ctx context.Context, conn *sql.Conn, c Chunk, most int64) (Rows, error) {
	var all Rows
	r := &reader{most: int(max(most, 1))}
	r.fn = func(batch [][]replica.Value) error {
		all = Rows{Rows: batch, Bytes: int64(r.size), Memory: int64(r.memory), Widest: int64(r.widest)}
		return nil
	}
	if err := r.chunk(ctx, conn, c); err != nil {
		return Rows{}, err
	}
	return all, nil
}

// SizeOf returns what rows are in bytes, as Read counts them, and what they
// take of memory.
func SizeOf(rows [][]replica.Value) (bytes, memory int64) {
	for _, row := range rows {
		memory += int64(rowBytes + len(row)*valueBytes)
		for i := range row {
			if n := int64(len(row[i].Bytes)); n > 0 {
				bytes += n
				memory += n
			} else {
				bytes += 8
			}
		}
	}
	return bytes, memory
}
