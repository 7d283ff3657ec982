package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sluice/replica"
)

// ExecutedGTIDs returns the transactions that the server has executed. On
// MySQL it is @@gtid_executed: a transaction enters it only after it can be
// seen, so a read that starts after the call sees all of them, and may see
// more. On MariaDB it is @@gtid_binlog_pos, which a transaction enters before
// it can be seen: good for "how far", no good as a start position (see
// package snapshot). It is "" without GTIDs.
func (s *Source) ExecutedGTIDs(ctx context.Context) (string, error) {
	if !s.facts.GTIDMode {
		return "", nil
	}
	name := "@@GLOBAL.gtid_executed"
	if s.facts.Flavor == FlavorMariaDB {
		name = "@@GLOBAL.gtid_binlog_pos"
	}
	return s.gtids(ctx, s.db, "SELECT "+name)
}

// PurgedGTIDs returns the transactions that are no longer in the server's
// binlog files: a stream can only start from a position that includes them.
func (s *Source) PurgedGTIDs(ctx context.Context) (string, error) {
	if !s.facts.GTIDMode {
		return "", nil
	}
	if s.facts.Flavor == FlavorMySQL {
		return s.gtids(ctx, s.db, "SELECT @@GLOBAL.gtid_purged")
	}
	logs, err := s.BinaryLogs(ctx)
	if err != nil {
		return "", err
	}
	return s.GTIDsAt(ctx, s.db, replica.Coordinates{File: logs[0].Name, Pos: 4})
}

// GTIDsAt returns MariaDB's GTID position at the given binlog coordinates. db
// is s.DB() or one of its connections.
func (s *Source) GTIDsAt(ctx context.Context, db queryer, at replica.Coordinates) (string, error) {
	return s.gtids(ctx, db, fmt.Sprintf("SELECT BINLOG_GTID_POS('%s', %d)", strings.ReplaceAll(at.File, "'", "''"), at.Pos))
}

// gtids runs a statement that returns one GTID set and removes its line breaks.
func (s *Source) gtids(ctx context.Context, db queryer, query string) (string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return "", Classify(fmt.Errorf("read GTID set: %w", err))
	}
	defer rows.Close()
	var set sql.NullString
	if rows.Next() {
		err = rows.Scan(&set)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return "", Classify(fmt.Errorf("read GTID set: %w", err))
	}
	return strings.NewReplacer("\n", "", "\r", "", " ", "").Replace(set.String), nil
}

// BinlogEnd returns where the next transaction will be written. Whatever a
// read has seen ends at or before the BinlogEnd that is asked for after it,
// because the binlog is written before a change can be seen: it is a table's
// high-water mark. It needs the right REPLICATION CLIENT.
func (s *Source) BinlogEnd(ctx context.Context) (replica.Coordinates, error) {
	row, err := s.binlogStatus(ctx, s.db)
	if err != nil {
		return replica.Coordinates{}, err
	}
	return coordinates(row)
}

// BinlogEndOn is BinlogEnd on a connection of the caller's, say one that holds
// a lock.
func (s *Source) BinlogEndOn(ctx context.Context, c *sql.Conn) (replica.Coordinates, error) {
	row, err := s.binlogStatus(ctx, c)
	if err != nil {
		return replica.Coordinates{}, err
	}
	return coordinates(row)
}

func coordinates(row map[string]string) (replica.Coordinates, error) {
	pos, err := strconv.ParseUint(row["position"], 10, 64)
	if err != nil || row["file"] == "" {
		return replica.Coordinates{}, noBinlogError()
	}
	return replica.Coordinates{File: row["file"], Pos: pos}, nil
}

func (s *Source) binlogStatus(ctx context.Context, db queryer) (map[string]string, error) {
	query := "SHOW MASTER STATUS"
	if s.facts.Flavor == FlavorMySQL && s.facts.AtLeast(8, 2, 0) {
		query = "SHOW BINARY LOG STATUS"
	}
	row, err := firstRow(ctx, db, query)
	if err != nil {
		return nil, Classify(fmt.Errorf("read binlog status: %w", err))
	}
	return row, nil
}

func noBinlogError() *replica.Error {
	return &replica.Error{Code: 1381, State: "HY000", Class: "SOURCE", Message: "the source writes no binlog",
		Remedy: "start the source with log_bin, binlog_format=ROW and binlog_row_image=FULL"}
}

// BinaryLog is one of the server's binlog files.
type BinaryLog struct {
	Name  string
	Bytes uint64
}

// BinaryLogs returns the server's binlog files, oldest first; there is at
// least one. It needs the right REPLICATION CLIENT.
func (s *Source) BinaryLogs(ctx context.Context) ([]BinaryLog, error) {
	files, err := pairsInOrder(ctx, s.db, "SHOW BINARY LOGS")
	if err != nil {
		return nil, Classify(fmt.Errorf("list binlog files: %w", err))
	}
	if len(files) == 0 {
		return nil, noBinlogError()
	}
	logs := make([]BinaryLog, len(files))
	for i, f := range files {
		size, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("size of binlog file %s: %w", f[0], err)
		}
		logs[i] = BinaryLog{Name: f[0], Bytes: size}
	}
	return logs, nil
}

// pairsInOrder returns the first two columns of every row.
func pairsInOrder(ctx context.Context, db queryer, query string) ([][2]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][2]string
	values := make([]sql.RawBytes, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, [2]string{string(values[0]), string(values[1])})
	}
	return out, rows.Err()
}

// BinlogExpiresIn returns how long after it was written a binlog file is kept,
// as the server is set now; 0 means for ever.
func (s *Source) BinlogExpiresIn(ctx context.Context) (time.Duration, error) {
	f, err := readFacts(ctx, s.db, FlavorAuto)
	if err != nil {
		return 0, Classify(fmt.Errorf("read binlog expiry: %w", err))
	}
	return f.Retention, nil
}

// Now returns the source's clock, in UTC.
func (s *Source) Now(ctx context.Context) (time.Time, error) {
	var now string
	if err := s.db.QueryRowContext(ctx, "SELECT SYSDATE(6)").Scan(&now); err != nil {
		return time.Time{}, Classify(fmt.Errorf("read the source's clock: %w", err))
	}
	t, err := time.Parse("2006-01-02 15:04:05.999999", now)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the source's clock: %w", err)
	}
	return t, nil
}
