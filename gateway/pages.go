package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
)

const (
	// inlineTables is how many tables a channel's status row has in itself. With
	// more they are in pages of their own, so that the row, which is written and
	// read by every node all the time, stays small, and a change of one table
	// does not write ten thousand.
	inlineTables = 64
	// pageTables is about how many a page has.
	pageTables = 64
	// pagesAtOnce bounds the pages that a node writes in a second, of all its
	// channels: 10,000 busy tables are shown some seconds late.
	pagesAtOnce = 32
)

// storedStatus is a channel's status as it is in the store.
type storedStatus struct {
	migration.Status
	// Paged says that Tables is left out: the tables are in the channel's pages.
	Paged bool `json:"paged,omitempty"`
}

// pages splits what is said of a channel's tables into pages, and knows which of
// them are in the store as they are. A table's page follows from its name, so
// that it stays where it is when others come and go.
type pages struct {
	mu      sync.Mutex                // held while pages are written, too
	written [][]migration.TableStatus // as the store has them; nil: not known to be there
	next    int                       // the first to be looked at
}

// due returns the pages that are to be written, no more than limit unless all
// have to be, which whole says; 0 is no limit. mu is held.
func (p *pages) due(tables []migration.TableStatus, limit int) (list []catalog.TablePage, contents map[int][]migration.TableStatus, whole bool, err error) {
	if n := pagesFor(len(tables)); n > len(p.written) {
		p.written, p.next = make([][]migration.TableStatus, n), 0
	}
	whole = !slices.ContainsFunc(p.written, func(t []migration.TableStatus) bool { return t != nil })
	now := make([][]migration.TableStatus, len(p.written))
	for i := range now {
		now[i] = []migration.TableStatus{}
	}
	for _, t := range tables {
		i := pageOf(t.Schema, t.Table, len(now))
		now[i] = append(now[i], t)
	}
	contents = map[int][]migration.TableStatus{}
	from := p.next
	for k := range now {
		i := (from + k) % len(now)
		if !whole && p.written[i] != nil && slices.EqualFunc(now[i], p.written[i], sameTable) {
			continue
		}
		if !whole && limit > 0 && len(list) == limit {
			p.next = i
			break
		}
		b, err := json.Marshal(now[i])
		if err != nil {
			return nil, nil, false, fmt.Errorf("encode the channel's tables: %w", err)
		}
		list, contents[i] = append(list, catalog.TablePage{Page: i, Tables: b}), now[i]
	}
	return list, contents, whole, nil
}

// wrote says that the pages are in the store. mu is held.
func (p *pages) wrote(contents map[int][]migration.TableStatus) {
	for i, tables := range contents {
		if i < len(p.written) {
			p.written[i] = tables
		}
	}
}

// lost says that it is not known whether the pages are in the store. mu is held.
func (p *pages) lost(contents map[int][]migration.TableStatus) {
	for i := range contents {
		if i < len(p.written) {
			p.written[i] = nil
		}
	}
}

// pagesFor returns how many pages so many tables have: a power of two, so that
// the number seldom changes, which moves all tables.
func pagesFor(tables int) int {
	n := 1
	for n*pageTables < tables {
		n *= 2
	}
	return n
}

func pageOf(schema, table string, pages int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(schema))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(table))
	return int(h.Sum32() % uint32(pages))
}

func sameTable(a, b migration.TableStatus) bool {
	if (a.ETASeconds == nil) != (b.ETASeconds == nil) || a.ETASeconds != nil && *a.ETASeconds != *b.ETASeconds {
		return false
	}
	a.ETASeconds, b.ETASeconds = nil, nil
	return a == b
}

// stored returns the status as the store's row has it, and keeps the tables that
// are left out of it for writePages. An owner that does not know the channel's
// tables yet leaves those in the pages as they are.
func (r *run) stored(st migration.Status) storedStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st.Tables == nil {
		return storedStatus{Status: st, Paged: r.before.Paged || r.tables != nil}
	}
	if len(st.Tables) <= inlineTables {
		r.tables = nil
		return storedStatus{Status: st}
	}
	r.tables = st.Tables
	st.Tables = nil
	return storedStatus{Status: st, Paged: true}
}

func (r *run) hasPages() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tables != nil
}

// writePages stores the channel's pages that are not in the store as they are, no
// more than limit of them unless all have to be; 0 is no limit. It returns how many it
// wrote.
//
// Whatever dies, and whoever owns the channel by now: pages are only shown, and
// WriteTables keeps those of an older epoch from standing in a newer one's way.
func (r *run) writePages(ctx context.Context, limit int) (int, error) {
	r.pages.mu.Lock()
	defer r.pages.mu.Unlock()
	r.mu.Lock()
	tables := r.tables
	r.mu.Unlock()
	if tables == nil {
		return 0, nil
	}
	list, contents, whole, err := r.pages.due(tables, limit)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	if err := r.catalog.WriteTables(ctx, r.state.Channel, r.epoch, list, whole); err != nil {
		r.pages.lost(contents)
		return len(list), err
	}
	r.pages.wrote(contents)
	return len(list), nil
}

// lastTablesTimeout bounds the writing of a channel's tables at its end, when it
// is released already.
const lastTablesTimeout = 3 * time.Second

// lastTables writes what is known of the channel's tables at its end.
func (r *run) lastTables(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastTablesTimeout)
	defer cancel()
	if _, err := r.writePages(ctx, 0); err != nil {
		r.log.Info("write the channel's tables at its end", "error", err.Error())
	}
}

// tablesOf returns what is known of a channel's tables, from its status or from
// its pages.
func tablesOf(ch *channelView, pages map[string][]catalog.TablePage) []migration.TableStatus {
	if !ch.paged {
		return ch.st.Tables
	}
	var all []migration.TableStatus
	for _, p := range pages[ch.Channel] {
		var some []migration.TableStatus
		_ = json.Unmarshal(p.Tables, &some) // a newer node may write what this one does not know: shown as far as it goes
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b migration.TableStatus) int {
		return cmp.Or(strings.Compare(a.Schema, b.Schema), strings.Compare(a.Table, b.Table))
	})
	return all
}
