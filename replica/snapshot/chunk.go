package snapshot

import (
	"fmt"

	"sluice/replica"
)

// Chunk is a range of a table's rows in the order of its RowKey: those above
// Lo, up to and with Hi. A nil bound is open.
type Chunk struct {
	Table *replica.Table
	// No counts a table's chunks from 1 in the order in which they were made.
	// A chunk made after a resume has a higher number than any done one.
	No     int
	Lo, Hi Bound
}

// String names the chunk without its bounds, which are row values.
func (c Chunk) String() string { return fmt.Sprintf("%s chunk %d", c.Table, c.No) }
