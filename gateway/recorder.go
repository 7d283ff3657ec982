package gateway

import (
	"context"
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

// record is one write to the store that nobody waits for.
type record struct {
	what  string
	write func(context.Context) error
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
	select {
	case r.queue <- record{what, write}:
	default:
		if r.dropped.Add(1) == 1 {
			r.log.Warn("the store is slow: records for people are dropped", "what", what)
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

func (r *recorder) write(ctx context.Context, rec record) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := rec.write(ctx); err != nil && ctx.Err() == nil {
		r.log.Warn("a record could not be written to the store", "what", rec.what, "error", err.Error())
	}
}
