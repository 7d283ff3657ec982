package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/source"
)

// StartPosition returns a position that every read which starts after the call
// is sure to include; it may include more. The stream starts here, and applies
// its rows as upserts up to the position after the last read. No lock is held
// when it returns.
//
//	MySQL with GTIDs     @@gtid_executed: a transaction enters it after it can be
//	                     seen. The coordinates are for people only.
//	MariaDB              the position that belongs to a consistent snapshot.
//	MySQL without GTIDs  the end of the binlog at an instant under FLUSH TABLES
//	                     WITH READ LOCK, which needs the right RELOAD; without it
//	                     at an instant under LOCK TABLES of the given tables, and
//	                     then the position is good for these tables only.
//
// It waits for prepared XA transactions: their rows are in the binlog already
// and can be seen only later.
func StartPosition(ctx context.Context, src *source.Source, tables ...*replica.Table) (gtids string, at replica.Coordinates, err error) {
	f := src.Facts()
	switch {
	case f.Flavor == source.FlavorMariaDB:
		gtids, at, err = startBySnapshot(ctx, src)
	case f.GTIDMode:
		if gtids, err = src.ExecutedGTIDs(ctx); err == nil {
			at, err = src.BinlogEnd(ctx)
		}
	default:
		at, err = startByLock(ctx, src, tables)
	}
	if err == nil {
		err = waitPrepared(ctx, src)
	}
	if err != nil {
		return "", replica.Coordinates{}, source.Classify(fmt.Errorf("take the start position: %w", err))
	}
	return gtids, at, nil
}

// startBySnapshot opens MariaDB's consistent snapshot only to learn its
// position.
func startBySnapshot(ctx context.Context, src *source.Source) (string, replica.Coordinates, error) {
	conn, err := src.DB().Conn(ctx)
	if err != nil {
		return "", replica.Coordinates{}, err
	}
	defer source.Discard(conn)
	if _, err := conn.ExecContext(ctx, startSnapshot); err != nil {
		return "", replica.Coordinates{}, err
	}
	return snapshotPosition(ctx, src, conn)
}

// startSnapshot makes the session's reads see the instant of the statement.
const startSnapshot = "START TRANSACTION WITH CONSISTENT SNAPSHOT"

// snapshotPosition returns the position of the consistent snapshot that is
// open on a connection to MariaDB.
func snapshotPosition(ctx context.Context, src *source.Source, conn *sql.Conn) (string, replica.Coordinates, error) {
	var at replica.Coordinates
	rows, err := conn.QueryContext(ctx, "SHOW SESSION STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')")
	if err != nil {
		return "", at, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return "", at, err
		}
		if name == "Binlog_snapshot_file" {
			at.File = value
		} else if at.Pos, err = strconv.ParseUint(value, 10, 64); err != nil {
			return "", at, fmt.Errorf("read the snapshot's position: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return "", at, err
	}
	if at.File == "" {
		return "", at, &replica.Error{Code: 1381, State: "HY000", Class: "SOURCE", Message: "the source writes no binlog",
			Remedy: "start the source with log_bin and binlog_format=ROW"}
	}
	gtids, err := src.GTIDsAt(ctx, conn, at)
	return gtids, at, err
}

// startByLock returns the end of the binlog while nothing can be committed.
func startByLock(ctx context.Context, src *source.Source, tables []*replica.Table) (replica.Coordinates, error) {
	conn, err := src.DB().Conn(ctx)
	if err != nil {
		return replica.Coordinates{}, err
	}
	defer source.Discard(conn) // which also gives the lock back
	err = lock(ctx, conn, "FLUSH TABLES WITH READ LOCK")
	if isDenied(err) && len(tables) > 0 {
		err = lockTables(ctx, conn, tables)
	}
	if isDenied(err) {
		return replica.Coordinates{}, &replica.Error{Code: codeNoRightToLock, State: "42000", Class: "SOURCE", Err: err,
			Message: "a source without GTIDs needs a lock for an instant to tell its position, and the account may not take it",
			Remedy:  "GRANT RELOAD ON *.* (or LOCK TABLES on the schemas) TO the source's account, or set gtid_mode=ON on the source"}
	}
	if err != nil {
		return replica.Coordinates{}, err
	}
	return src.BinlogEndOn(ctx, conn)
}

// waitPrepared returns when no XA transaction is prepared.
func waitPrepared(ctx context.Context, src *source.Source) error {
	return retry(ctx, func() error {
		n, err := prepared(ctx, src.DB())
		if err == nil && n > 0 {
			err = &replica.Error{Code: codePreparedXA, State: "HY000", Class: "SOURCE", Transient: true,
				Message: fmt.Sprintf("%d prepared XA transactions wait on the source for their COMMIT or ROLLBACK", n),
				Remedy:  "end them on the source (XA RECOVER lists them)"}
		}
		return err
	})
}

// prepared counts the prepared XA transactions.
func prepared(ctx context.Context, db *sql.DB) (int, error) {
	rows, err := db.QueryContext(ctx, "XA RECOVER")
	if isDenied(err) {
		// Without the right to list them it is enough that there never were any.
		used, err := source.UsesXA(ctx, db)
		if err == nil && used {
			err = &replica.Error{Code: 1227, State: "42000", Class: "SOURCE",
				Message: "the source has prepared XA transactions since its start, and the account may not list them",
				Remedy:  "GRANT XA_RECOVER_ADMIN ON *.* TO the source's account"}
		}
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// isDenied says whether err is a missing right; 1401 is what XA RECOVER
// returns then.
func isDenied(err error) bool {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Number {
	case 1044, 1045, 1142, 1227, 1401:
		return true
	}
	return false
}
