package measure

import (
	"bufio"
	"context"
	"errors"
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
// nothing with them but count. It reads the files in large pieces.
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
		err := parseFile(p, f, func(e *replication.BinlogEvent) error {
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

// Keys counts the rows that binlog files change, each once: those of a table that
// have another value in the first column, its key. It returns an error for the
// compressed transactions, which it does not look into.
func Keys(ctx context.Context, files []string) (int, error) {
	type key struct {
		table string
		id    any
	}
	seen := map[key]bool{}
	p := replication.NewBinlogParser()
	for _, f := range files {
		err := parseFile(p, f, func(e *replication.BinlogEvent) error {
			switch x := e.Event.(type) {
			case *replication.TransactionPayloadEvent:
				return errors.New("a compressed transaction")
			case *replication.RowsEvent:
				table := string(x.Table.Schema) + "." + string(x.Table.Table)
				for _, row := range x.Rows {
					seen[key{table, row[0]}] = true
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return 0, fmt.Errorf("count a binlog's rows: %w", err)
		}
	}
	return len(seen), nil
}

// fileHeader is what a binlog file has in front of its events.
const fileHeader = 4

// readBytes is how much of a file is read at a time: the parser's own ParseFile
// makes several system calls an event, which small transactions pay dearly.
const readBytes = 1 << 20

// parseFile calls f with each event of a file.
func parseFile(p *replication.BinlogParser, name string, f func(*replication.BinlogEvent) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, readBytes)
	if _, err := in.Discard(fileHeader); err != nil {
		return err
	}
	return p.ParseReader(in, f)
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
