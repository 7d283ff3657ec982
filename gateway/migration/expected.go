package migration

// What a copy still has to do is not known before it is done. The server's own estimates
// say how many rows a table has, off by half or more, and how many bytes its pages take,
// which are others than those of its rows. So they are replaced by what is seen:
//
//	the part of the key's range that is handed out   says how many rows all of it has
//	the bytes of the rows that are copied            say how many the others have
//
// Where neither is known yet, the server's estimate stands.

// spread is how far a table's copy is by its key.
type spread struct {
	part   float64 // of the key's range that is handed out, 0 to 1; 1: all of the table
	known  bool
	inHand int // chunks that are handed out and not committed
}

// leastPart is below which the part that is handed out says too little.
const leastPart = 0.02

// spread takes how much of a table is handed out.
func (p *progress) spread(key string, s spread) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tables[key]; t != nil {
		t.copied = s
	}
}

// rowsExpected is how many rows the table will have had copied at the end.
func (t *TableStatus) rowsExpected() uint64 {
	s := &t.copied
	if !s.known || s.part < leastPart || t.ChunksDone == 0 {
		return max(t.RowsEstimated, t.RowsCopied)
	}
	inHand := float64(s.inHand) * float64(t.RowsCopied) / float64(t.ChunksDone)
	return max(uint64((float64(t.RowsCopied)+inHand)/s.part), t.RowsCopied)
}

// bytesExpected is how many bytes the table will have had copied at the end. density is
// how many bytes of rows the other tables had for each byte of the server's estimate.
func (t *TableStatus) bytesExpected(density float64) uint64 {
	if t.RowsCopied == 0 {
		return max(uint64(float64(t.BytesEstimated)*density), t.BytesCopied)
	}
	return max(uint64(float64(t.BytesCopied)*float64(t.rowsExpected())/float64(t.RowsCopied)), t.BytesCopied)
}

// density compares the bytes of the tables that are being copied, or are copied, with
// the server's estimates; 1 before there are any. p.mu is held.
func (p *progress) density() float64 {
	var seen, estimated float64
	for _, t := range p.tables {
		if t.Phase != PhaseCopy || t.RowsCopied == 0 || t.BytesEstimated == 0 {
			continue
		}
		rows := max(t.RowsEstimated, 1)
		seen += float64(t.BytesCopied)
		estimated += float64(t.BytesEstimated) * min(1, float64(t.RowsCopied)/float64(rows))
	}
	if estimated == 0 {
		return 1
	}
	return min(max(seen/estimated, 0.1), 10)
}
