package gateway

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica/protocol"
)

const (
	// pulseEvery is the pause between two pings: what it adds to the time in
	// which a silence is noticed.
	pulseEvery = 300 * time.Millisecond
	// pulseTimeout is how long a ping waits before another connection is tried:
	// long enough for a server that is only slow.
	pulseTimeout = 5 * time.Second
	// guardEvery is how often a statement under way looks at the pulse.
	guardEvery = 50 * time.Millisecond
)

// errSilent is the cause of a context that ended because a server did not
// answer.
var errSilent = errors.New("the server does not answer")

// pulse pings a server all the time, on a connection of its own, so that one
// that is frozen or cut off is told from one that is busy with a statement.
type pulse struct {
	db   *sql.DB
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	asked time.Time // of the first ping without an answer; zero when all have one
}

// startPulse pings until close. db belongs to the caller.
func startPulse(ctx context.Context, db *sql.DB) *pulse {
	ctx, stop := context.WithCancel(ctx)
	p := &pulse{db: db, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.run(ctx)
	}()
	return p
}

// close ends the pings and waits for that.
func (p *pulse) close() {
	p.stop()
	<-p.done
}

func (p *pulse) run(ctx context.Context) {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		p.begin()
		if answered(p.ping(ctx)) {
			p.end()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *pulse) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pulseTimeout)
	defer cancel()
	return p.db.PingContext(ctx)
}

// answered says whether a ping's outcome came from the server: a refusal is an
// answer too.
func answered(err error) bool {
	var (
		me    *mysql.MySQLError
		wrong *protocol.WrongServer
	)
	return err == nil || errors.As(err, &wrong) || errors.As(err, &me) && !unreachable(err)
}

func (p *pulse) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked.IsZero() {
		p.asked = time.Now()
	}
}

func (p *pulse) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = time.Time{}
}

// silence is how long the server has left a ping without an answer.
func (p *pulse) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked.IsZero() {
		return 0
	}
	return time.Since(p.asked)
}

// guard returns a context that ends with the cause errSilent when the server
// has been silent for patience, at once if it has already. release must be
// called.
func (p *pulse) guard(ctx context.Context, patience time.Duration) (guarded context.Context, release func()) {
	guarded, cancel := context.WithCancelCause(ctx)
	if p.silence() >= patience {
		cancel(errSilent)
		return guarded, func() {}
	}
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(guardEvery)
		defer tick.Stop()
		for {
			select {
			case <-guarded.Done():
				return
			case <-tick.C:
				if p.silence() >= patience {
					cancel(errSilent)
				}
			}
		}
	})
	return guarded, func() {
		cancel(nil)
		watch.Wait()
	}
}

// wentSilent says whether ctx ended because the server that it is guarded for does
// not answer.
func wentSilent(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errSilent) }
