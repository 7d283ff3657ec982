package apply

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/replica"
)

// simChunks is how many chunks each table of a simulated copy has.
const simChunks = 5

// simChunkRows are the rows of one chunk; those of the keyless table are equal
// on purpose, so that only counting them tells a chunk that came twice.
func simChunkRows(table string, no int) [][]replica.Value {
	if table == "l0" {
		return [][]replica.Value{{simInt64(1), simInt64(1)}, {simInt64(1), simInt64(1)}}
	}
	return [][]replica.Value{{simInt64(no * 2), simInt64(no)}, {simInt64(no*2 + 1), simInt64(no)}}
}

// chunks returns the recorded chunks of a table.
func (w *simWorld) chunks(table string) map[int]bool {
	out := map[int]bool{}
	for k, row := range w.db.kv {
		if strings.HasPrefix(k, "sluice_meta.chunks#") && row[2].s == table {
			out[int(simInt(row[3]))] = true
		}
	}
	return out
}

// checkCopy holds the copied tables against the records: rows and record of a
// chunk are both there or both not.
func (w *simWorld) checkCopy() {
	for _, table := range []string{"m", "l0"} {
		want := &simContent{rows: map[string]map[string][]string{}}
		for no := range w.chunks(table) {
			for _, row := range simChunkRows(table, no) {
				want.apply(&replica.RowChange{Table: w.tables[table], Op: replica.Insert, After: row})
			}
		}
		if have, must := w.db.dump(w.db.tables["a."+table]), want.dump(table); !slices.Equal(have, must) {
			w.db.fail("table %s has %v and its chunks %v", table, have, must)
		}
	}
}

// copy claims the channel and writes the chunks that are not recorded.
func (o *simOwner) copy(ctx context.Context) error {
	connector := &simConnector{o.world.db, o}
	db := sql.OpenDB(connector)
	defer db.Close()
	c, err := Claim(ctx, db, "ch", o.epoch, o.world.lanes)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	cp := NewCopier(Config{Connector: &simLanes{*connector}, Lanes: o.world.lanes, formRows: 2}, c)
	defer cp.Close()
	o.world.db.mu.Lock()
	have := map[string]map[int]bool{"m": o.world.chunks("m"), "l0": o.world.chunks("l0")}
	o.world.db.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	for lane := 1; lane <= cp.Lanes(); lane++ {
		g.Go(func() error {
			for no := range simChunks {
				for _, table := range []string{"m", "l0"} {
					if no%cp.Lanes() != lane-1 || have[table][no] {
						continue
					}
					b := o.world.binding[o.world.tables[table]]
					if err := cp.WriteChunk(ctx, lane, b, simChunkRows(table, no), Chunk{Schema: "a", Table: table, No: no, Lo: "lo", Hi: "hi"}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func simCopyRun(t *testing.T, seed uint64, m simMutant) (broken string) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(seed, m, 1)
		w.db.check = w.checkCopy
		w.rng = rand.New(rand.NewPCG(seed, 2))
		var wg sync.WaitGroup
		start := func(epoch uint64) (*simOwner, context.CancelFunc) {
			o := &simOwner{world: w, seed: seed*1000 + epoch, dead: make(chan struct{}), epoch: epoch}
			ctx, cancel := context.WithCancel(t.Context())
			wg.Go(func() {
				err := o.copy(ctx)
				w.db.mu.Lock()
				defer w.db.mu.Unlock()
				if o.epoch >= w.db.epoch && err != nil && !o.gone() && ctx.Err() == nil {
					w.db.fail("the newest owner (epoch %d) stopped: %v", o.epoch, err)
				}
			})
			return o, cancel
		}
		last := uint64(2 + w.rng.IntN(3))
		for epoch := uint64(1); epoch < last; epoch++ {
			o, cancel := start(epoch)
			defer cancel()
			time.Sleep(time.Duration(w.rng.Int64N(int64(100 * time.Millisecond))))
			if w.rng.IntN(2) == 0 {
				close(o.dead)
				cancel()
			}
		}
		_, cancel := start(last)
		defer cancel()
		wg.Wait()
		time.Sleep(time.Minute)
		w.db.mu.Lock()
		defer w.db.mu.Unlock()
		w.checkCopy()
		if n := len(w.chunks("m")) + len(w.chunks("l0")); n != 2*simChunks {
			w.db.fail("%d of %d chunks are recorded", n, 2*simChunks)
		}
		broken = w.db.broken
	})
	return broken
}

// TestSimulatedCopy kills and replaces owners that copy chunks on several
// lanes: every chunk is there once and with its record.
func TestSimulatedCopy(t *testing.T) {
	for seed := uint64(1); seed <= 100; seed++ {
		if broken := simCopyRun(t, seed, simMutant{}); broken != "" {
			t.Fatalf("seed %d: %s", seed, broken)
		}
	}
}

// TestSimulatedCopyFindsMutants is TestSimulationFindsMutants for the copy.
func TestSimulatedCopyFindsMutants(t *testing.T) {
	for _, m := range []simMutant{
		{name: "compare-and-set without seq", noSeq: true},
		{name: "compare-and-set without epoch", noEpoch: true},
		{name: "unknown commit settled by a plain SELECT", selectUnknown: true},
		{name: "chunk without its record", chunkApart: true},
	} {
		t.Run(m.name, func(t *testing.T) {
			for seed := uint64(1); seed <= 600; seed++ {
				if broken := simCopyRun(t, seed, m); broken != "" {
					t.Logf("found at seed %d: %s", seed, broken)
					return
				}
			}
			t.Fatal("survived")
		})
	}
}
