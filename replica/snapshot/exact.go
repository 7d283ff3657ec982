package snapshot

import (
	"context"
	"database/sql"
	"fmt"

	"sluice/replica"
	"sluice/replica/source"
)

// Exact is an open consistent read of tables: it sees precisely what the
// tables held at its position. Keyless tables are copied with it, since their
// rows cannot be applied twice: transactions of these tables within the
// position are in the read, and all others are not. It has one connection, so
// its methods are called one at a time, and it cannot be resumed: after an
// interruption the tables are read again from a new one.
type Exact struct {
	GTIDs string              // "" without GTIDs
	At    replica.Coordinates // the same in binlog coordinates
	conn  *sql.Conn
}

// OpenExact opens a consistent read of the tables. On MySQL it holds LOCK
// TABLES .. READ on them for an instant, and needs the right to; a lock that
// is not granted within seconds is given up and tried again a few times, then
// the error is transient. MariaDB needs no lock, unless XA transactions are in
// use. It works for any table, but only InnoDB's have consistent reads. The
// caller closes the Exact soon: the source keeps old row versions for it.
func OpenExact(ctx context.Context, src *source.Source, tables []*replica.Table) (*Exact, error) {
	for _, t := range tables {
		if _, err := newProjection(t); err != nil {
			return nil, err
		}
	}
	e, err := openExact(ctx, src, tables)
	if err != nil {
		return nil, source.Classify(fmt.Errorf("open a consistent read: %w", err))
	}
	return e, nil
}

func openExact(ctx context.Context, src *source.Source, tables []*replica.Table) (*Exact, error) {
	mariadb := src.Facts().Flavor == source.FlavorMariaDB
	locked := true
	if mariadb {
		// A prepared XA transaction is in the binlog and not in the snapshot;
		// a lock waits for those that changed the tables.
		var err error
		if locked, err = source.UsesXA(ctx, src.DB()); err != nil {
			return nil, err
		}
	}
	conn, err := src.DB().Conn(ctx)
	if err != nil {
		return nil, err
	}
	e := &Exact{conn: conn}
	open := e.openAt
	if mariadb {
		open = e.openSnapshot
	}
	if locked {
		err = underLock(ctx, src, tables, open)
	} else {
		err = open(ctx, src, nil)
	}
	if err != nil {
		source.Discard(conn)
		return nil, err
	}
	return e, nil
}

// underLock runs step while the tables are locked; locker holds the lock.
func underLock(ctx context.Context, src *source.Source, tables []*replica.Table,
	step func(ctx context.Context, src *source.Source, locker *sql.Conn) error) error {
	locker, err := src.DB().Conn(ctx)
	if err != nil {
		return err
	}
	defer source.Discard(locker) // which gives the locks back even when step fails
	err = lockTables(ctx, locker, tables)
	if isDenied(err) {
		return &replica.Error{Code: codeNoRightToLock, State: "42000", Class: "SOURCE", Err: err,
			Message: "tables without a key need a lock for an instant to be copied exactly, and the account may not take it",
			Remedy:  "GRANT SELECT, LOCK TABLES on the schema TO the source's account, or give the tables a primary key"}
	}
	if err != nil {
		return err
	}
	if err := step(ctx, src, locker); err != nil {
		return err
	}
	_, err = locker.ExecContext(ctx, "UNLOCK TABLES")
	return err
}

// openAt takes the position on the connection that holds the lock, then opens
// the snapshot. Whatever commits in between changes other tables.
func (e *Exact) openAt(ctx context.Context, src *source.Source, locker *sql.Conn) (err error) {
	if e.GTIDs, err = src.ExecutedGTIDs(ctx); err != nil {
		return err
	}
	if e.At, err = src.BinlogEndOn(ctx, locker); err != nil {
		return err
	}
	_, err = e.conn.ExecContext(ctx, startSnapshot)
	return err
}

// openSnapshot opens the snapshot, and MariaDB tells its position.
func (e *Exact) openSnapshot(ctx context.Context, src *source.Source, _ *sql.Conn) error {
	if _, err := e.conn.ExecContext(ctx, startSnapshot); err != nil {
		return err
	}
	var err error
	e.GTIDs, e.At, err = snapshotPosition(ctx, src, e.conn)
	return err
}

// Read reads all rows of one of the tables, in no particular order, and hands
// them on in batches as the function Read does. After a DDL on the table the
// error is MySQL's 1412, class DDL: open a new Exact.
func (e *Exact) Read(ctx context.Context, t *replica.Table, fn Batch) (rows, bytes int64, err error) {
	p, err := newProjection(t)
	if err != nil {
		return 0, 0, err
	}
	r := &reader{projection: p, fn: fn}
	err = r.run(ctx, e.conn, "SELECT "+p.list+" FROM "+replica.QuoteTable(t.Schema, t.Name))
	return r.rows, r.bytes, r.wrap(err, t.String())
}

// Close ends the read.
func (e *Exact) Close() { source.Discard(e.conn) }
