package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// ddlWriter alters tables at the source: one DDL at a time.
type ddlWriter struct {
	db   *sql.DB
	rand *rand.Rand

	// streaming says that the copy is over. A table that is renamed or dropped
	// while it is copied stops the migration with error 61096, as it should.
	streaming atomic.Bool

	mu      sync.Mutex
	columns []int // of table altered, by number
	next    int
	moving  int // the number in the name of the table that is renamed
	made    []int
	indexed bool
}

// alterer alters tables until ctx ends.
func (l *load) alterer(ctx context.Context) error {
	for sleep(ctx, ddlEvery) {
		if err := l.ddl.one(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("alter the source: %w", err)
		}
	}
	return nil
}

// index adds or drops an index of the largest table, which takes a while at
// the target.
func (l *load) index(ctx context.Context) error {
	l.ddl.mu.Lock()
	defer l.ddl.mu.Unlock()
	s := "ALTER TABLE keyed ADD INDEX extra (t, n)"
	if l.ddl.indexed {
		s = "ALTER TABLE keyed DROP INDEX extra"
	}
	l.ddl.indexed = !l.ddl.indexed
	return l.ddl.exec(context.WithoutCancel(ctx), s)
}

// one runs one random DDL, with rows before and after it where that shows
// more.
func (w *ddlWriter) one(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	n := w.next
	kind := w.rand.IntN(7)
	if (kind == 3 || kind == 5) && !w.streaming.Load() {
		kind = 0
	}
	switch kind {
	case 0:
		w.columns = append(w.columns, n)
		return w.exec(ctx, fmt.Sprintf("ALTER TABLE altered ADD COLUMN c%d VARCHAR(20) NOT NULL DEFAULT 'd%d', ADD INDEX i%d (c%d, v)", n, n, n, n),
			fmt.Sprintf("INSERT INTO altered (v, c%d) VALUES (%d, 'x')", n, n))
	case 1:
		if len(w.columns) == 0 {
			return nil
		}
		c := w.columns[0]
		w.columns = w.columns[1:]
		return w.exec(ctx, fmt.Sprintf("ALTER TABLE altered DROP INDEX i%d, DROP COLUMN c%d", c, c))
	case 2:
		return w.exec(ctx, "INSERT INTO emptied (v) VALUES (1)", "TRUNCATE TABLE emptied", "INSERT INTO emptied (v) VALUES (2), (3)")
	case 3:
		from := w.moving
		w.moving = n
		return w.exec(ctx, fmt.Sprintf("INSERT INTO moving_%d (v) VALUES (%d)", from, n),
			fmt.Sprintf("RENAME TABLE moving_%d TO moving_%d", from, n), fmt.Sprintf("INSERT INTO moving_%d (v) VALUES (-%d)", n, n))
	case 4:
		w.made = append(w.made, n)
		return w.exec(ctx, fmt.Sprintf("CREATE TABLE made_%d (id INT NOT NULL PRIMARY KEY, v VARCHAR(10)) DEFAULT CHARSET=utf8mb4", n),
			fmt.Sprintf("INSERT INTO made_%d VALUES (1, 'a'), (2, NULL)", n))
	case 5:
		if len(w.made) < 3 {
			return nil
		}
		m := w.made[0]
		w.made = w.made[1:]
		return w.exec(ctx, fmt.Sprintf("DELETE FROM made_%d WHERE id=1", m), fmt.Sprintf("DROP TABLE made_%d", m))
	default:
		return w.exec(ctx, fmt.Sprintf("ALTER TABLE keyed ADD COLUMN k%d INT, ADD COLUMN g%d INT AS (n + 1) STORED", n, n), fmt.Sprintf("UPDATE keyed SET k%d=id WHERE id < 50", n),
			fmt.Sprintf("ALTER TABLE keyed DROP COLUMN g%d, DROP COLUMN k%d", n, n))
	}
}

// exec runs statements of which each is a transaction.
func (w *ddlWriter) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		for {
			_, err := w.db.ExecContext(ctx, s)
			if err == nil {
				break
			}
			if !lostConflict(err) || isDuplicate(err) || ctx.Err() != nil {
				return fmt.Errorf("%.60s: %w", s, err)
			}
		}
	}
	return nil
}
