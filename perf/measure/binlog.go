package measure

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
)

// Binlog is what go-mysql's parser found in binlog files, and how fast it was.
type Binlog struct {
	// Rows are the rows of row events, an update's two images being one.
	// Transactions are the GTID events. Bytes is the files' size.
	Rows, Transactions int
	Bytes              int64
	// Largest is the most rows of one transaction.
	Largest int
	// Took is how long the parser needed and AllocsPerRow what it allocated.
	Took         time.Duration
	AllocsPerRow float64
}

// Parse parses binlog files with go-mysql, one goroutine, every row, and does
// nothing with them but count.
func Parse(ctx context.Context, files []string) (Binlog, error) {
	var b Binlog
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return b, fmt.Errorf("look at a binlog: %w", err)
		}
		b.Bytes += info.Size()
	}
	p := replication.NewBinlogParser()
	p.SetVerifyChecksum(true)
	inTransaction := 0
	var count func(e *replication.BinlogEvent)
	count = func(e *replication.BinlogEvent) {
		switch x := e.Event.(type) {
		case *replication.GTIDEvent:
			b.Transactions++
			inTransaction = 0
		case *replication.TransactionPayloadEvent:
			for _, inner := range x.Events {
				count(inner)
			}
		case *replication.RowsEvent:
			n := len(x.Rows)
			switch e.Header.EventType {
			case replication.UPDATE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv2, replication.PARTIAL_UPDATE_ROWS_EVENT:
				n /= 2
			}
			b.Rows += n
			inTransaction += n
			b.Largest = max(b.Largest, inTransaction)
		}
	}
	before := mallocs()
	began := time.Now()
	for _, f := range files {
		err := p.ParseFile(f, 0, func(e *replication.BinlogEvent) error {
			count(e)
			return ctx.Err()
		})
		if err != nil {
			return b, fmt.Errorf("parse a binlog: %w", err)
		}
	}
	b.Took = time.Since(began)
	if b.Rows > 0 {
		b.AllocsPerRow = float64(mallocs()-before) / float64(b.Rows)
	}
	return b, nil
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
