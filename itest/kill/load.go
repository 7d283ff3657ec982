package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"
)

const (
	writerCount = 4
	// writeEvery is a writer's pace: some 160 transactions a second by four,
	// which two cores apply beside two servers and restarting nodes.
	writeEvery = 25 * time.Millisecond
	// ddlEvery is the pace of the one who alters tables.
	ddlEvery = 2500 * time.Millisecond
)

// load writes to the source: seeded writers, and one who alters tables.
type load struct {
	db      *sql.DB
	seed    uint64
	bigRows int

	transactions atomic.Int64
	bigStarted   atomic.Bool
	bigOnce      sync.Once
	bigWanted    chan struct{}
	bigDone      chan struct{}
	ddl          *ddlWriter
}

func newLoad(db *sql.DB, seed uint64, bigRows int) *load {
	return &load{
		db: db, seed: seed, bigRows: bigRows, bigWanted: make(chan struct{}), bigDone: make(chan struct{}),
		ddl: &ddlWriter{db: db, rand: rand.New(rand.NewPCG(seed, 100))},
	}
}

// run writes until ctx ends. What has begun is finished.
func (l *load) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for w := range writerCount {
		group.Go(func() error { return l.writer(ctx, w) })
	}
	group.Go(func() error { return l.alterer(ctx) })
	group.Go(func() error { return l.bigWriter(ctx) })
	return group.Wait()
}

func (l *load) writer(ctx context.Context, number int) error {
	r := rand.New(rand.NewPCG(l.seed, uint64(number)+1))
	for sleep(ctx, writeEvery) {
		err := l.transaction(context.WithoutCancel(ctx), r)
		if err != nil && !lostConflict(err) {
			return fmt.Errorf("writer %d: %w", number, err)
		}
	}
	return nil
}

// lostConflict says that another writer was in the way; the transaction was
// rolled back and another takes its place.
func lostConflict(err error) bool {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Number {
	case 1213, 1205, // deadlock, lock wait
		1020, // MariaDB: the record has changed since the snapshot
		1062, // a random key that is taken
		1412: // the table was altered since the snapshot
		return true
	}
	return false
}

// isDuplicate says that a key is taken, which trying again does not change.
func isDuplicate(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == 1062
}

// transaction runs 1 to 4 random changes as one transaction.
func (l *load) transaction(ctx context.Context, r *rand.Rand) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for range 1 + r.IntN(4) {
		if err := changes[r.IntN(len(changes))](ctx, tx, r); err != nil {
			return err
		}
	}
	if r.IntN(50) == 0 {
		return tx.Rollback()
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	l.transactions.Add(1)
	return nil
}

// big asks for the huge transaction.
func (l *load) big() {
	l.bigOnce.Do(func() {
		l.bigStarted.Store(true)
		close(l.bigWanted)
	})
}

// The huge transaction moves its first rows to other keys.
const (
	bigMoved     = 10_000_000
	bigMovedRows = 2000
)

// bigWriter writes more rows in one transaction than a node holds: it inserts
// all, changes some and removes others.
func (l *load) bigWriter(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-l.bigWanted:
	}
	ctx = context.WithoutCancel(ctx)
	defer close(l.bigDone)
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("the huge transaction: %w", err)
	}
	defer tx.Rollback()
	for _, s := range []string{
		fmt.Sprintf("INSERT INTO big SELECT i, i%%100, CONCAT('r', i) FROM %s x WHERE i < %d", numbers, l.bigRows),
		fmt.Sprintf("UPDATE big SET n=n+1000 WHERE id < %d", l.bigRows/100),
		fmt.Sprintf("UPDATE big SET id=id+%d WHERE id < %d", bigMoved, bigMovedRows),
		fmt.Sprintf("DELETE FROM big WHERE id >= %d AND id < %d", l.bigRows-l.bigRows/50, bigMoved),
		// Rows of a table without a key, in the middle of a transaction whose
		// parts are applied one by one: twice is as wrong as never.
		fmt.Sprintf("INSERT INTO keyless SELECT i%%7, 'big' FROM %s x WHERE i < %d", numbers, l.bigRows/1000),
	} {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("the huge transaction: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("the huge transaction: %w", err)
	}
	l.transactions.Add(1)
	return nil
}
