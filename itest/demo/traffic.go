package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	writers = 4
	// writeEvery is one writer's pace: 200 transactions a second by four, which
	// leaves two cores room for three databases and two nodes.
	writeEvery = 20 * time.Millisecond
)

// traffic is what customers of the shop do: transactions over several tables,
// as long as its context lasts.
type traffic struct {
	db           *sql.DB
	transactions atomic.Int64
	placed       placed
}

// placed knows when the newest orders were committed at the source.
type placed struct {
	mu    sync.Mutex
	newly []order // in the order of their commits
}

type order struct {
	id int64
	at time.Time
}

func (p *placed) add(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newly = append(p.newly, order{id, time.Now()})
}

// lag is how long ago the oldest order was committed that the target does not
// show yet, 0 when it shows all. Those up to id are there.
func (p *placed) lag(id int64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, o := range p.newly {
		if o.id > id {
			p.newly = p.newly[i:]
			return time.Since(o.at)
		}
	}
	p.newly = nil
	return 0
}

// run writes until ctx ends.
func (t *traffic) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for w := range writers {
		group.Go(func() error {
			r := rand.New(rand.NewPCG(uint64(w), 7))
			tick := time.NewTicker(writeEvery)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				// A transaction that has begun is finished: the last ones too.
				if err := t.one(context.WithoutCancel(ctx), r); err != nil && !isRetry(err) {
					return fmt.Errorf("write to the source: %w", err)
				}
			}
		})
	}
	return group.Wait()
}

// one runs one transaction.
func (t *traffic) one(ctx context.Context, r *rand.Rand) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	exec := func(query string, args ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, query, args...)
		}
	}
	var id int64
	switch n := r.IntN(10); {
	case n < 6:
		id, err = t.order(ctx, tx, r)
	case n < 8:
		exec("UPDATE orders SET status='shipped', total=total+1 WHERE id=?", 1+r.IntN(orders))
		exec("INSERT INTO visits VALUES ('2026-02-01 00:00:00', ?, '/orders')", 1+r.IntN(20))
	case n < 9:
		gone := 1 + r.IntN(orders)
		exec("DELETE FROM order_items WHERE order_id=?", gone)
		exec("DELETE FROM orders WHERE id=?", gone)
		exec("DELETE FROM visits WHERE customer_id=? LIMIT 2", 1+r.IntN(50))
	default:
		// Two coupons change hands: a swap under the unique key.
		exec("UPDATE coupons SET code='-' WHERE code=?", fmt.Sprintf("C%06d", 1+r.IntN(coupons)))
		exec("UPDATE coupons SET code=CONCAT('N', ?), percent=percent+1 WHERE code='-'", r.Int32())
		exec("UPDATE customers SET email=CONCAT('new-', id, '-', ?, '@example.com') WHERE id=?", r.Int32(), 1+r.IntN(customers))
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return err
	}
	if id != 0 {
		t.placed.add(id)
	}
	t.transactions.Add(1)
	return nil
}

// order places an order of up to four items.
func (t *traffic) order(ctx context.Context, tx *sql.Tx, r *rand.Rand) (int64, error) {
	who := 1 + r.IntN(customers)
	res, err := tx.ExecContext(ctx, "INSERT INTO orders (customer_id, status) VALUES (?, 'new')", who)
	if err != nil {
		return 0, err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return 0, err
	}
	for line := range 1 + r.IntN(4) {
		product, quantity := 1+r.IntN(products), 1+r.IntN(3)
		for _, q := range []struct {
			text string
			args []any
		}{
			{"INSERT INTO order_items SELECT ?, ?, id, ?, price FROM products WHERE id=?", []any{id, line, quantity, product}},
			{"UPDATE products SET stock=stock-? WHERE id=?", []any{quantity, product}},
			{"UPDATE orders SET total=total+? WHERE id=?", []any{quantity * 10, id}},
		} {
			if _, err := tx.ExecContext(ctx, q.text, q.args...); err != nil {
				return 0, err
			}
		}
	}
	return id, nil
}
