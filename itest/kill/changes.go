package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
)

// change is one random change inside a transaction.
type change func(context.Context, *sql.Tx, *rand.Rand) error

// changes is the one table of what writers do.
var changes = []change{
	insertKeyed, insertKeyed, updateKeyed, updateKeyed, deleteKeyed, moveKeyed,
	writePair, movePair,
	insertKeyless, insertKeyless, updateKeyless, deleteKeyless,
	swapSlots, leaveSlot, takeSlot,
	rewriteUnique,
	transfer, transfer, transfer,
	writeEmptied, writeAltered,
	changeBig,
}

// exec runs statements one after the other.
func exec(ctx context.Context, tx *sql.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func insertKeyed(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("INSERT INTO keyed (n, t, d, at, b) VALUES (%d, 'new Zoë %d', %d.125, '2026-0%d-11 11:11:11.5', x'00ff%04x'), (%d, NULL, NULL, NULL, NULL)",
		r.IntN(1000), r.Int32(), r.IntN(1_000_000), 1+r.IntN(9), r.IntN(1<<16), r.IntN(1000)))
}

func updateKeyed(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("UPDATE keyed SET n=n+1, d=COALESCE(d, 0)+0.001, t=CONCAT('up ', id) WHERE id=%d", 1+r.IntN(20_000)))
}

func deleteKeyed(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("DELETE FROM keyed WHERE id=%d", 1+r.IntN(20_000)))
}

// moveKeyed changes a primary key, to a free one and at times to a gap that an
// earlier one left.
func moveKeyed(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	from := 1 + r.IntN(2000)
	return exec(ctx, tx, fmt.Sprintf("UPDATE keyed SET id=%d WHERE id=%d", []int{from + 1_000_000_000, 1 + r.IntN(2000)}[r.IntN(2)], from))
}

func writePair(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("INSERT INTO pair VALUES ('n%d', %d, 1) ON DUPLICATE KEY UPDATE v=v+1", r.IntN(50), r.IntN(1200)))
}

func movePair(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("UPDATE pair SET name='n%d', part=part+%d WHERE name='n%d' AND part=%d", r.IntN(50), r.IntN(3), r.IntN(50), r.IntN(1200)))
}

func insertKeyless(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	n := r.IntN(20)
	return exec(ctx, tx, fmt.Sprintf("INSERT INTO keyless VALUES (%d, 'same'), (%d, 'same'), (NULL, NULL)", n, n))
}

func updateKeyless(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("UPDATE keyless SET t='%c', a=%d WHERE a=%d LIMIT 2", 'a'+r.IntN(5), r.IntN(20), r.IntN(20)))
}

func deleteKeyless(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("DELETE FROM keyless WHERE a=%d LIMIT 3", r.IntN(20)), "DELETE FROM keyless WHERE a IS NULL LIMIT 1")
}

// swapSlots has two rows change places under the unique key, in one
// transaction.
func swapSlots(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	a, b := r.IntN(slotCount), r.IntN(slotCount)
	if a == b {
		return nil
	}
	var pa, pb sql.NullInt64
	if err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT (SELECT place FROM slots WHERE id=%d), (SELECT place FROM slots WHERE id=%d)", a, b)).Scan(&pa, &pb); err != nil {
		return err
	}
	if !pa.Valid || !pb.Valid {
		return nil
	}
	return exec(ctx, tx,
		fmt.Sprintf("UPDATE slots SET place=NULL, v=v+1 WHERE id=%d", a),
		fmt.Sprintf("UPDATE slots SET place=%d WHERE id=%d", pa.Int64, b),
		fmt.Sprintf("UPDATE slots SET place=%d WHERE id=%d", pb.Int64, a))
}

// leaveSlot and takeSlot are a swap over several transactions: one row leaves
// its place, and another takes it later.
func leaveSlot(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("UPDATE slots SET place=NULL WHERE id=%d", r.IntN(slotCount)))
}

func takeSlot(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	place := r.IntN(slotCount)
	var taken int
	if err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM slots WHERE place=%d", place)).Scan(&taken); err != nil || taken > 0 {
		return err
	}
	return exec(ctx, tx, fmt.Sprintf("UPDATE slots SET place=%d, v=v+1 WHERE id=%d", place, r.IntN(slotCount)))
}

// rewriteUnique removes a row of the table with a unique key alone and gives
// its code to another.
func rewriteUnique(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	a, b := r.IntN(500), r.IntN(500)
	return exec(ctx, tx,
		fmt.Sprintf("DELETE FROM uniq WHERE code='c%d'", a),
		fmt.Sprintf("UPDATE uniq SET code='c%d', v=v+1 WHERE code='c%d'", a, b),
		fmt.Sprintf("INSERT IGNORE INTO uniq VALUES ('c%d', %d)", b, r.IntN(100)))
}

// transfer moves money between two accounts, mostly of the two tables.
func transfer(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	from, to := "account_a", "account_b"
	if r.IntN(2) == 0 {
		from, to = to, from
	}
	a, b, amount := r.IntN(accounts/2), r.IntN(accounts/2), 1+r.IntN(50)
	return exec(ctx, tx,
		fmt.Sprintf("UPDATE %s SET balance=balance-%d WHERE id=%d", from, amount, a),
		fmt.Sprintf("UPDATE %s SET balance=balance+%d WHERE id=%d", to, amount, b),
		fmt.Sprintf("INSERT INTO transfers VALUES (%d, %d, %d)", a, b, amount%3))
}

func writeEmptied(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("INSERT INTO emptied (v) VALUES (%d), (%d)", r.IntN(100), r.IntN(100)))
}

func writeAltered(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("INSERT INTO altered (v) VALUES (%d)", r.IntN(100)), fmt.Sprintf("UPDATE altered SET v=v+1 WHERE id=%d", 1+r.IntN(300)))
}

// changeBig touches rows of the huge transaction, when they are there.
func changeBig(ctx context.Context, tx *sql.Tx, r *rand.Rand) error {
	return exec(ctx, tx, fmt.Sprintf("UPDATE big SET t=CONCAT('c', id), n=n+1 WHERE id=%d", bigMoved+r.IntN(bigMovedRows)))
}
