package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// lane is one of the applier's parallel writers.
type lane struct {
	slot  slot
	a     *Applier
	spans []span // of the batch in hand

	number int // among the scheduler's lanes

	// Guarded by the scheduler's mutex.
	wake   *sync.Cond
	queue  []*unit
	rows   int // queued
	busy   bool
	linger linger
	free   time.Time // since when it has nothing to do; zero: it has, or rests
	rest   bool      // it has been so for long
	keep   bool      // resting, it keeps its connection: the next transaction is for it
}

// run commits batches until the scheduler closes or fails.
func (l *lane) run(ctx context.Context) error {
	defer l.slot.drop()
	for {
		batch, rest := l.a.sched.take(l)
		if rest {
			l.slot.rest(l.keep)
			continue
		}
		if batch == nil {
			return nil
		}
		began := time.Now()
		rows, err := l.write(ctx, batch)
		if err != nil {
			l.a.sched.fail(err)
			return err
		}
		took := time.Since(began)
		l.a.count(batch, l.spans, rows, took)
		if l.slot.tries > 1 {
			took = 0 // a target that was away, or other writers
		}
		l.a.sched.complete(batch, took)
		clear(l.spans) // an idle lane keeps no rows
	}
}

// plans are those of all channels' lanes: a lane without work holds none.
var plans = sync.Pool{New: func() any { return &batchPlan{} }}

// write commits one batch.
func (l *lane) write(ctx context.Context, batch []*unit) (rows int, err error) {
	clear(l.spans)
	l.spans = l.spans[:0]
	for _, u := range batch {
		l.spans = append(l.spans, u.spans...)
		rows += u.rows
	}
	base, extra := l.a.sched.checkpoint(l.slot.extra, batch)
	plan := plans.Get().(*batchPlan)
	defer func() {
		plan.reset()
		plans.Put(plan)
	}()
	plan.fold(l.spans)
	stmts, ids := l.slot.write(plan, &l.slot.forms, l.a.ids)
	err = l.slot.commit(ctx, base, extra, nil, stmts)
	if err != nil && classify(err) == outcomeConflict {
		err = l.a.conflict(ctx, &l.slot, base, extra, nil, l.spans, batch[0].id, err)
	}
	if err != nil {
		err = rowError(err, batch[0].id)
		if e := altered(err, bindingsOf(l.spans)); e != nil {
			err = l.a.stopDiverged(ctx, &l.slot, e)
		}
		return 0, err
	}
	l.a.ids.note(ids)
	return rows, nil
}

// altered returns the error if it says that somebody dropped or altered a target's table; nil for others. Rows went with it,
// and making it again does not bring them back.
func altered(err error, bindings []*Binding) *replica.Error {
	var e *replica.Error
	if !errors.As(err, &e) || e.Transient || e.Code != 1146 && e.Code != 1049 && e.Code != 1054 {
		return nil
	}
	named := *e
	for _, b := range bindings {
		if table := b.Schema + "." + b.Name; len(bindings) == 1 || strings.Contains(err.Error(), "'"+table+"'") {
			named.Table = table
		}
	}
	return &named
}

// rowError names the transaction at which the target refused the rows.
func rowError(err error, id replica.TxnID) error {
	if errors.Is(err, ErrFenced) || errors.Is(err, context.Canceled) {
		return err
	}
	return targetError(err, fmt.Sprintf("write the batch that begins with transaction %s", id))
}

// conflict handles a batch whose rows were not what they must be: the target
// differs from the source. Nothing of the batch is committed. With
// on_conflict=REPLACE the rows are made as the source has them, and the
// conflict is reported; otherwise the channel stops.
func (a *Applier) conflict(ctx context.Context, s *slot, base string, extra *replica.TxnSet, partial *Partial, spans []span, id replica.TxnID, cause error) error {
	e := conflictError(cause, id, bindingsOf(spans))
	if a.cfg.OnConflict != ConflictReplace {
		return a.stopDiverged(ctx, s, e)
	}
	for i := range spans {
		if spans[i].binding.key == nil {
			return a.stopDiverged(ctx, s, e) // without a key there is nothing to replace by
		}
		spans[i].upsert = true
	}
	stmts, ids := s.write(fold(spans), nil, a.ids)
	if err := s.commit(ctx, base, extra, partial, append(stmts, s.diverged(e.Table))); err != nil {
		return err
	}
	a.ids.note(ids)
	a.stats.conflicts.Add(1)
	if a.cfg.Report != nil {
		a.cfg.Report(e)
	}
	return nil
}

// conflictOf says what differed.
func conflictOf(cause error) string {
	var mm *mismatchError
	var me *mysql.MySQLError
	switch {
	case errors.As(cause, &mm):
		verb := map[replica.Op]string{replica.Insert: "an INSERT", replica.Update: "an UPDATE", replica.Delete: "a DELETE"}[mm.stmt.op]
		return fmt.Sprintf("%s affected %d rows instead of %d", verb, mm.got, mm.stmt.want)
	case errors.As(cause, &me):
		if _, key, ok := strings.Cut(me.Message, "for key '"); ok {
			return "the key " + strings.TrimSuffix(key, "'") + " has a value already"
		}
	}
	return "a unique key has a value already"
}
