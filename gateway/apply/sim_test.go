package apply

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/replica"
)

// simOwner is one node that runs the channel, or believes that it does.
type simOwner struct {
	world *simWorld
	seed  uint64
	made  int // connections
	dead  chan struct{}
	epoch uint64
}

func (o *simOwner) gone() bool {
	select {
	case <-o.dead:
		return true
	default:
		return false
	}
}

// run claims the channel and applies the history to its end.
func (o *simOwner) run(ctx context.Context) error {
	connector := &simConnector{o.world.db, o}
	db := sql.OpenDB(connector)
	defer db.Close()
	c, err := Claim(ctx, db, "ch", o.epoch, o.world.lanes)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	cfg := Config{Connector: &simLanes{*connector}, Lanes: o.world.lanes, Limits: Limits{BatchRows: 6, QueueRows: 30}, formRows: 2}
	a, err := Open(ctx, cfg, c, o.world)
	if err != nil {
		return err
	}
	err = o.feed(ctx, a, c)
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	return err
}

func (o *simOwner) feed(ctx context.Context, a *Applier, c *Claimed) error {
	if c.Base.IsZero() {
		start, err := replica.GTIDPosition(replica.ModeGTID, "")
		if err != nil {
			return err
		}
		if err := a.SetBase(ctx, start); err != nil {
			return err
		}
	}
	rng := rand.New(rand.NewPCG(o.seed, 99))
	for _, e := range o.world.log {
		if c.Base.Contains(e.id) {
			continue
		}
		time.Sleep(time.Duration(rng.Int64N(int64(3 * time.Millisecond))))
		if e.ddl != nil {
			if err := a.RunDDL(ctx, e.ddl); err != nil {
				return err
			}
		}
		for _, p := range e.parts {
			if err := a.Apply(ctx, p); err != nil {
				return err
			}
		}
	}
	return a.Drain(ctx)
}

// simRun is one simulated life of a channel: owners come, die, hang and take
// over while the network misbehaves; at the end one is left alone with a
// network in order and must finish.
func simRun(t *testing.T, seed uint64, m simMutant, txns int) (broken string, commits, executed int) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(seed, m, txns)
		var wg sync.WaitGroup
		epoch := uint64(0)
		start := func() (*simOwner, context.CancelFunc) {
			epoch++
			o := &simOwner{world: w, seed: seed*1000 + epoch, dead: make(chan struct{}), epoch: epoch}
			ctx, cancel := context.WithCancel(t.Context())
			wg.Go(func() {
				err := o.run(ctx)
				w.db.mu.Lock()
				defer w.db.mu.Unlock()
				if o.epoch >= w.db.epoch && err != nil && !o.gone() && ctx.Err() == nil {
					w.db.fail("the newest owner (epoch %d) stopped: %v", o.epoch, err)
				}
			})
			return o, cancel
		}
		var cancels []context.CancelFunc
		for range 1 + w.rng.IntN(4) {
			o, cancel := start()
			cancels = append(cancels, cancel)
			time.Sleep(time.Duration(w.rng.Int64N(int64(200 * time.Millisecond << w.rng.IntN(5)))))
			if w.rng.IntN(3) > 0 { // kill -9; otherwise it lives on beside its successor
				close(o.dead)
				cancel()
			}
		}
		w.calm.Store(w.rng.IntN(2) == 0)
		_, cancel := start()
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Minute):
			w.db.mu.Lock()
			w.db.fail("an owner hangs")
			w.db.mu.Unlock()
		}
		cancel()
		for _, c := range cancels {
			c()
		}
		<-done
		time.Sleep(time.Minute) // whatever is still on the wire
		w.db.mu.Lock()
		defer w.db.mu.Unlock()
		w.finished(m)
		broken, commits, executed = w.db.broken, w.db.commits, w.db.executed
	})
	return broken, commits, executed
}

// finished checks that the last owner left nothing undone.
func (w *simWorld) finished(simMutant) {
	w.check()
	c, err := w.state()
	if err != nil {
		w.db.fail("the lane rows cannot be read: %v", err)
		return
	}
	for _, e := range w.log {
		if !c.Base.Contains(e.id) && !c.Extra.Contains(e.id) {
			w.db.fail("transaction %s was never applied", e.id)
		}
	}
}

// TestSimulation runs many seeds. A failing one is reported with its seed, which
// nearly always fails again: only goroutines that wake at one instant may differ.
func TestSimulation(t *testing.T) {
	commits, executed := 0, 0
	for seed := uint64(1); seed <= 100; seed++ {
		broken, n, prepared := simRun(t, seed, simMutant{}, 14)
		commits += n
		if executed += prepared; broken != "" {
			t.Fatalf("seed %d: %s", seed, broken)
		}
	}
	t.Logf("%d commits, %d prepared statements executed", commits, executed)
	if executed == 0 {
		t.Error("no prepared statement was executed")
	}
}

// TestSimulationFindsMutants switches one deliberate mistake on at a time: a
// simulation that does not find it would prove nothing.
func TestSimulationFindsMutants(t *testing.T) {
	for _, m := range []simMutant{
		{name: "compare-and-set without seq", noSeq: true},
		{name: "compare-and-set without epoch", noEpoch: true},
		{name: "unknown commit settled by a plain SELECT", selectUnknown: true},
		{name: "base moved over uncommitted transactions", baseAhead: true},
		{name: "extra not stored", noExtra: true},
		{name: "partial not stored", noPartial: true},
		{name: "claim reads before it raises", claimReadsFirst: true},
		{name: "target retries by itself", autoRetry: true},
		{name: "DDL without tag and without kill", noTag: true, noKill: true},
		{name: "DDL without tag", noTag: true},
		{name: "DDL without kill", noKill: true},
		{name: "no dependencies", noDependencies: true},
		{name: "no wild keys", noWild: true},
	} {
		t.Run(m.name, func(t *testing.T) {
			for seed := uint64(1); seed <= 400; seed++ {
				if broken, _, _ := simRun(t, seed, m, 14); broken != "" {
					t.Logf("found at seed %d: %s", seed, broken)
					return
				}
			}
			t.Fatal("survived")
		})
	}
}
