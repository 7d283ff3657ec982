package migration

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// progress counts what the copy and the stream did, per table. Its methods may
// be called from any goroutine.
type progress struct {
	mu     sync.Mutex
	tables map[string]*TableStatus
	order  []*TableStatus // sorted by name; nil: to be made anew
	loaded bool           // the channel's tables are all there
	rates  rates
}

// rates turns totals into rates per second over the last seconds.
type rates struct {
	samples []sample
}

type sample struct {
	at                time.Time
	rows, bytes, txns uint64
	copied            uint64 // bytes
}

// rateWindow is how far back a rate looks.
const rateWindow = 5 * time.Second

// etaWindow is how far back an ETA looks.
const etaWindow = 5 * time.Minute

func newProgress() *progress { return &progress{tables: map[string]*TableStatus{}} }

func (p *progress) table(key string) *TableStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.get(key)
}

func (p *progress) get(key string) *TableStatus {
	t := p.tables[key]
	if t == nil {
		t = &TableStatus{}
		p.tables[key], p.order = t, nil
	}
	return t
}

// put replaces what is known of a table, except what was counted.
func (p *progress) put(key string, t TableStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.tables[key]; old != nil {
		t.RowsCopied, t.BytesCopied, t.ChunksDone, t.ChunksTotal = old.RowsCopied, old.BytesCopied, old.ChunksDone, old.ChunksTotal
		t.copied = old.copied
		t.Inserts, t.Updates, t.Deletes = old.Inserts, old.Updates, old.Deletes
	}
	p.tables[key], p.order = &t, nil
}

func (p *progress) drop(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.tables, key)
	p.order = nil
}

func (p *progress) start(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.get(key)
	t.Phase, t.Status = PhaseCopy, StatusRunning
}

func (p *progress) restart(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.get(key)
	t.RowsCopied, t.BytesCopied, t.ChunksDone, t.copied = 0, 0, 0, spread{}
}

func (p *progress) chunk(key string, rows, bytes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.get(key)
	t.RowsCopied += rows
	t.BytesCopied += bytes
	t.ChunksDone++
	p.estimate(t)
}

// estimate keeps the chunks' total above what is done and near what the
// remaining bytes will take.
func (p *progress) estimate(t *TableStatus) {
	t.ChunksTotal = t.ChunksDone + 1
	if left := t.rowsLeft(); left > 0 && t.RowsCopied > 0 {
		t.ChunksTotal = t.ChunksDone + uint64(float64(left)*float64(t.ChunksDone)/float64(t.RowsCopied)) + 1
	}
}

func (t *TableStatus) rowsLeft() uint64 { return t.rowsExpected() - t.RowsCopied }

func (p *progress) copied(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.get(key)
	t.Phase, t.ChunksTotal, t.ProgressPct = PhaseCatchup, t.ChunksDone, 100
	zero := int64(0)
	t.ETASeconds = &zero
}

func (p *progress) strict(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tables[key]; t != nil { // else dropped or renamed since
		t.Phase = PhaseReplicate
	}
}

func (p *progress) count(key string, ins, upd, del uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tables[key]
	if t == nil {
		return // dropped since
	}
	t.Inserts += ins
	t.Updates += upd
	t.Deletes += del
}

// observe takes a sample for the rates.
func (p *progress) observe(rows, bytes, txns uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	var copiedRows, copied uint64
	for _, t := range p.tables {
		copiedRows += t.RowsCopied
		copied += t.BytesCopied
	}
	r := &p.rates
	r.samples = append(r.samples, sample{now, rows + copiedRows, bytes + copied, txns, copied})
	for len(r.samples) > 2 && now.Sub(r.samples[0].at) > etaWindow {
		r.samples = r.samples[1:]
	}
}

// since returns the oldest sample of the last d and the newest one.
func (r *rates) since(d time.Duration) (first, last sample, ok bool) {
	if len(r.samples) < 2 {
		return first, last, false
	}
	last = r.samples[len(r.samples)-1]
	i := sort.Search(len(r.samples), func(i int) bool { return last.at.Sub(r.samples[i].at) <= d })
	if i == len(r.samples)-1 {
		i--
	}
	return r.samples[i], last, true
}

// complete says that the channel's tables are all there. What was known of them
// before, from an earlier attempt, is shown until then.
func (p *progress) complete() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loaded = true
}

// fill writes the tables, the totals, the progress and the rates.
func (p *progress) fill(st *Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.loaded {
		p.fillRates(st)
		return
	}
	st.RowsCopied, st.RowsEstimated, st.BytesCopied, st.BytesEstimated = 0, 0, 0, 0
	st.ChunksDone, st.ChunksTotal, st.TablesTotal, st.TablesDone = 0, 0, 0, 0
	if p.order == nil {
		p.order = slices.SortedFunc(maps.Values(p.tables), func(a, b *TableStatus) int {
			return cmp.Or(strings.Compare(a.Schema, b.Schema), strings.Compare(a.Table, b.Table))
		})
	}
	st.Tables = make([]TableStatus, 0, len(p.order))
	density, tables := p.density(), 0.0
	for _, t := range p.order {
		done := t.Phase == PhaseCatchup || t.Phase == PhaseReplicate
		if done {
			t.RowsEstimated, t.BytesEstimated = max(t.RowsCopied, 0), t.BytesCopied
			t.ProgressPct = 100
		}
		shown := *t
		if !done {
			shown.RowsEstimated, shown.BytesEstimated = t.rowsExpected(), t.bytesExpected(density)
			if shown.RowsEstimated > 0 {
				shown.ProgressPct = min(99, 100*float64(t.RowsCopied)/float64(shown.RowsEstimated))
			}
		}
		st.RowsCopied += t.RowsCopied
		st.BytesCopied += t.BytesCopied
		st.RowsEstimated += shown.RowsEstimated
		st.BytesEstimated += shown.BytesEstimated
		st.ChunksDone += t.ChunksDone
		st.ChunksTotal += t.ChunksTotal
		st.TablesTotal++
		if done {
			st.TablesDone++
		}
		tables += shown.ProgressPct / 100
		st.Tables = append(st.Tables, shown)
	}
	st.ProgressPct = blend(st, tables)
	p.fillRates(st)
}

// blend is SQL.md's progress: bytes 0.6, rows 0.3, tables 0.1, each where there
// is a total, so that one huge table moves and 100,000 empty ones do. tables is how many
// are copied, one that is half copied being half a one.
func blend(st *Status, tables float64) float64 {
	if st.TablesTotal > 0 && st.TablesDone == st.TablesTotal {
		return 100
	}
	var sum, weight float64
	add := func(done, total, w float64) {
		if total > 0 {
			sum += w * min(done, total) / total
			weight += w
		}
	}
	add(float64(st.BytesCopied), float64(st.BytesEstimated), 0.6)
	add(float64(st.RowsCopied), float64(st.RowsEstimated), 0.3)
	add(tables, float64(st.TablesTotal), 0.1)
	if weight == 0 {
		return 0
	}
	return min(99.9, 100*sum/weight)
}

func (p *progress) fillRates(st *Status) {
	st.RowsPerSec, st.BytesPerSec, st.TrxPerSec, st.ETASeconds = 0, 0, 0, nil
	if a, b, ok := p.rates.since(rateWindow); ok {
		if s := b.at.Sub(a.at).Seconds(); s > 0 {
			st.RowsPerSec = float64(b.rows-min(a.rows, b.rows)) / s
			st.BytesPerSec = float64(b.bytes-min(a.bytes, b.bytes)) / s
			st.TrxPerSec = float64(b.txns-min(a.txns, b.txns)) / s
		}
	}
	if st.Phase != PhaseCopy {
		return
	}
	if a, b, ok := p.rates.since(etaWindow); ok && b.copied > a.copied && st.BytesEstimated >= st.BytesCopied {
		eta := int64(float64(st.BytesEstimated-st.BytesCopied) / (float64(b.copied-a.copied) / b.at.Sub(a.at).Seconds()))
		st.ETASeconds = &eta
	}
}
