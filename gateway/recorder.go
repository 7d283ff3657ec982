package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// recordQueue bounds the records that wait for the store. When it is full a
// record is dropped, counted, and named in the log: records are for people, and
// a channel must not stand still for them.
const recordQueue = 1024

// recordTimeout bounds one write of a record.
const recordTimeout = 5 * time.Second

// recordPause is the pause before a write is tried again.
const recordPause = time.Second

// record is one write to the store that nobody waits for.
type record struct {
	what  string
	write func(context.Context) error
	again bool // it is tried until the store answers
}

// recorder writes errors and events into the store, in their order.
type recorder struct {
	log     *slog.Logger
	queue   chan record
	dropped atomic.Uint64
}

func newRecorder(log *slog.Logger) *recorder {
	return &recorder{log: log, queue: make(chan record, recordQueue)}
}

// add queues a write. It does not block.
func (r *recorder) add(what string, write func(context.Context) error) {
	r.put(record{what: what, write: write})
}

// keep is add for a write that is tried again until the store answers; it must
// do no harm when it happens twice.
func (r *recorder) keep(what string, write func(context.Context) error) {
	r.put(record{what: what, write: write, again: true})
}

func (r *recorder) put(rec record) {
	select {
	case r.queue <- rec:
	default:
		if r.dropped.Add(1) == 1 {
			r.log.Warn("the store is slow: records for people are dropped", "what", rec.what)
		}
	}
}

// run writes until ctx ends, and then what is queued, for as long as flush
// allows.
func (r *recorder) run(ctx, flush context.Context) {
	for {
		select {
		case <-ctx.Done():
			r.flush(flush)
			return
		case rec := <-r.queue:
			r.write(ctx, rec)
		}
	}
}

func (r *recorder) flush(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case rec := <-r.queue:
			r.write(ctx, rec)
		default:
			return
		}
	}
}

// write writes one record; ctx ends it.
func (r *recorder) write(ctx context.Context, rec record) {
	for {
		err := r.once(ctx, rec)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !rec.again || !unreachable(err) && !errors.Is(err, context.DeadlineExceeded) {
			r.log.Warn("a record could not be written to the store", "what", rec.what, "error", err.Error())
			return
		}
		t := time.NewTimer(recordPause)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

func (r *recorder) once(ctx context.Context, rec record) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return rec.write(ctx)
}
