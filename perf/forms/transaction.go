package forms

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
)

// appendGuard writes the update of the lane's row, as gateway/apply/slot.go does.
func (l *lane) appendGuard(b []byte) []byte {
	b = append(b, "UPDATE lanes SET base='3e11fa47-71ca-11e1-9e33-c80aa9429562:1-"...)
	b = strconv.AppendInt(b, l.seq, 10)
	b = append(b, "',extra='',seq=seq+1 WHERE channel='forms' AND lane="...)
	b = strconv.AppendInt(b, int64(l.number), 10)
	return strconv.AppendInt(append(b, " AND epoch=1 AND seq="...), l.seq, 10)
}

const begin = "BEGIN /*T! OPTIMISTIC */"

// transaction writes one block in the form's packets.
func (l *lane) transaction(ctx context.Context, b block) error {
	switch {
	case l.form.packets == autocommit:
		if err := l.alone(ctx, b); err != nil {
			return err
		}
		l.committed(b)
		return nil
	case l.form.packets == separate, l.form.stmt.prepared != nil:
		return l.inSteps(ctx, b)
	case l.form.packets == chained:
		return l.chain(ctx, b)
	}
	l.packet = l.appendGuard(append(l.packet[:0], begin+";"...))
	l.packet = l.appendRows(l.packet, b)
	all := l.form.packets == committed
	if all {
		l.packet = append(l.packet, ";COMMIT"...)
	}
	counts, err := l.exec(ctx, l.packet)
	if err != nil {
		return err
	}
	if err := l.check(counts, 1, b); err != nil {
		return err
	}
	if !all {
		if _, err := l.exec(ctx, []byte("COMMIT")); err != nil {
			return fmt.Errorf("COMMIT: %w", err)
		}
	}
	l.seq++
	l.committed(b)
	return nil
}

// chain sends the COMMIT of the transaction before, whose counts were right,
// in front of this one.
func (l *lane) chain(ctx context.Context, b block) error {
	l.packet = l.packet[:0]
	first := 1
	if l.pending.to > 0 {
		l.packet = append(l.packet, "COMMIT;"...)
		first = 2
	}
	l.packet = l.appendGuard(append(l.packet, begin+";"...))
	counts, err := l.exec(ctx, l.appendRows(l.packet, b))
	if err != nil {
		return err
	}
	if l.pending.to > 0 {
		l.committed(l.pending)
	}
	if err := l.check(counts, first, b); err != nil {
		return err
	}
	l.seq++
	l.pending = b
	return nil
}

// appendRows writes a block's statements, a semicolon before each.
func (l *lane) appendRows(p []byte, b block) []byte {
	for from := b.from; from < b.to; from += int64(l.form.perStmt) {
		p = l.form.stmt.text(append(p, ';'), l.rows, from, min(from+int64(l.form.perStmt), b.to), b.version)
		l.done.statements++
	}
	return p
}

// check compares the guard's count, at index guard, and those of the rows'
// statements behind it.
func (l *lane) check(counts []int64, guard int, b block) error {
	per := int64(l.form.perStmt)
	if want := guard + 1 + int((b.to-b.from+per-1)/per); len(counts) < want {
		return fmt.Errorf("%d statements were answered and not %d", len(counts), want)
	}
	if counts[guard] != 1 {
		return fmt.Errorf("the guard affected %d rows", counts[guard])
	}
	for i, from := guard+1, b.from; from < b.to; i, from = i+1, from+per {
		if err := l.checkOne(counts[i], min(per, b.to-from)); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) checkOne(got, rows int64) error {
	if want := rows * l.form.stmt.each; got != want {
		return fmt.Errorf("a statement affected %d rows and not %d", got, want)
	}
	return nil
}

// inSteps writes a transaction whose row statements are a packet each.
// Prepared statements cannot share one; their BEGIN and guard do.
func (l *lane) inSteps(ctx context.Context, b block) error {
	l.packet = l.appendGuard(append(l.packet[:0], begin+";"...))
	guard := l.packet
	if l.form.packets == separate {
		if _, err := l.exec(ctx, []byte(begin)); err != nil {
			return err
		}
		guard = guard[len(begin)+1:]
	}
	counts, err := l.exec(ctx, guard)
	if err != nil {
		return err
	}
	if counts[len(counts)-1] != 1 {
		return fmt.Errorf("the guard affected %d rows", counts[len(counts)-1])
	}
	if err := l.alone(ctx, b); err != nil {
		return err
	}
	if _, err := l.exec(ctx, []byte("COMMIT")); err != nil {
		return fmt.Errorf("COMMIT: %w", err)
	}
	l.seq++
	l.committed(b)
	return nil
}

// alone sends each of a block's statements in a packet of its own.
func (l *lane) alone(ctx context.Context, b block) error {
	per := int64(l.form.perStmt)
	for from := b.from; from < b.to; from += per {
		to := min(from+per, b.to)
		got, err := l.one(ctx, from, to, b.version)
		if err != nil {
			return err
		}
		if err := l.checkOne(got, to-from); err != nil {
			return err
		}
		l.done.statements++
	}
	return nil
}

func (l *lane) one(ctx context.Context, from, to int64, version int) (int64, error) {
	if l.prepared == nil {
		l.packet = l.form.stmt.text(l.packet[:0], l.rows, from, to, version)
		counts, err := l.exec(ctx, l.packet)
		if err != nil {
			return 0, err
		}
		return counts[0], nil
	}
	l.args = l.form.stmt.args(l.args[:0], l.rows, from, to, version)
	r, err := l.prepared.(driver.StmtExecContext).ExecContext(ctx, l.args)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
