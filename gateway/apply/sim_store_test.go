package apply

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// simTable is a table of the simulated target.
type simTable struct {
	name    string
	cols    []string
	pk      []string // nil: a hidden row id
	uniques [][]string
	folds   map[string]bool // compared by simFold
	version int             // a change aborts open transactions
}

func (t *simTable) col(name string) int {
	i := slices.Index(t.cols, name)
	if i < 0 {
		panic("no column " + name + " in " + t.name)
	}
	return i
}

// entry returns the key-value key of an index's entry; "" when a part is NULL.
func (t *simTable) entry(prefix string, cols []string, row []simVal) string {
	var b strings.Builder
	b.WriteString(t.name + prefix)
	for _, c := range cols {
		v := row[t.col(c)]
		if v.null {
			return ""
		}
		if t.folds[c] {
			v.s = simFold(v.s)
		}
		b.WriteString("|" + v.s)
	}
	return b.String()
}

// simDB is a TiDB as far as this package can tell: snapshot isolation,
// optimistic transactions whose conflicts and duplicates show at COMMIT,
// pessimistic ones with locks, DDL jobs that outlive their clients. Every
// statement runs at one instant of virtual time.
type simDB struct {
	mu      sync.Mutex
	m       simMutant
	tables  map[string]*simTable
	kv      map[string][]simVal // rows and index entries
	version map[string]uint64   // of the last commit of a key
	locks   map[string]*simConn
	conns   map[uint64]*simConn
	jobs    []*simJob
	now     uint64 // timestamp of the last commit
	rowID   int
	connID  uint64
	// executed counts executions of prepared statements.
	executed int
	// seen counts statements by their form; nil: nobody counts.
	seen  map[string]int
	forms forms // of tests that write without a lane
	// epoch is the highest epoch that a lane row has.
	epoch   uint64
	commits int
	// check is called after every commit and every DDL's effect.
	check func()
	// broken is the first breach of an invariant.
	broken string
}

type simJob struct {
	id        int
	query     string
	state     string
	cancelled bool
}

func (db *simDB) fail(format string, args ...any) {
	if db.broken == "" {
		db.broken = fmt.Sprintf(format, args...)
	}
}

// simTxn is an open transaction.
type simTxn struct {
	pessimistic bool
	start       uint64
	snap        map[string][]simVal
	writes      map[string][]simVal // nil: deleted
	inserts     map[string]bool     // must not exist at COMMIT
	tables      map[*simTable]int
	epoch       uint64 // of its guard; 0: none
	replay      []string
}

func (db *simDB) begin(pessimistic bool) *simTxn {
	return &simTxn{pessimistic: pessimistic, start: db.now, snap: maps.Clone(db.kv), writes: map[string][]simVal{},
		inserts: map[string]bool{}, tables: map[*simTable]int{}}
}

func (x *simTxn) get(key string) []simVal {
	if v, ok := x.writes[key]; ok {
		return v
	}
	return x.snap[key]
}

// scan returns the keys of a table's rows that meet cond, in order.
func (x *simTxn) scan(t *simTable, cond simCond) []string {
	var out []string
	for k := range x.snap {
		if strings.HasPrefix(k, t.name+"#|") && x.get(k) != nil && cond(t, x.get(k)) {
			out = append(out, k)
		}
	}
	for k, row := range x.writes {
		if _, ok := x.snap[k]; !ok && row != nil && strings.HasPrefix(k, t.name+"#|") && cond(t, row) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func (db *simDB) rowKey(t *simTable, row []simVal) string {
	if t.pk == nil {
		db.rowID++
		return fmt.Sprintf("%s#|%06d", t.name, db.rowID)
	}
	return t.entry("#", t.pk, row)
}

// put writes a new row and its index entries, unchecked until COMMIT except
// against the transaction's own rows.
func (db *simDB) put(x *simTxn, t *simTable, key string, row []simVal) error {
	add := func(k string, v []simVal) error {
		old, own := x.writes[k]
		if own && old != nil {
			return simError(1062, "Duplicate entry for key '"+t.name+"'")
		}
		if !own {
			x.inserts[k] = true
		}
		x.writes[k] = v
		return nil
	}
	if err := add(key, row); err != nil {
		return err
	}
	for i, u := range t.uniques {
		if e := t.entry("!"+strconv.Itoa(i), u, row); e != "" {
			if err := add(e, []simVal{{s: key}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (db *simDB) remove(x *simTxn, t *simTable, key string) {
	row := x.get(key)
	x.drop(key)
	for i, u := range t.uniques {
		if e := t.entry("!"+strconv.Itoa(i), u, row); e != "" {
			x.drop(e)
		}
	}
}

func (x *simTxn) drop(key string) {
	x.writes[key] = nil
	delete(x.inserts, key)
}

// insert runs INSERT, INSERT IGNORE, REPLACE and the upsert.
func (db *simDB) insert(x *simTxn, t *simTable, rows [][]simVal, verb string, upsert bool) (int64, error) {
	var n int64
	for _, row := range rows {
		if len(row) != len(t.cols) {
			return 0, simError(1136, "Column count doesn't match value count")
		}
		key := db.rowKey(t, row)
		old := x.get(key)
		switch {
		case old != nil && verb == "IGNORE":
			continue
		case upsert && old != nil:
			if slices.Equal(old, row) {
				continue
			}
			db.remove(x, t, key)
			n++
		case verb == "REPLACE":
			for _, k := range append(db.holders(x, t, row), key) {
				if x.get(k) != nil {
					db.remove(x, t, k)
					n++
				}
			}
		}
		if err := db.put(x, t, key, row); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// holders returns the rows that have a unique value of row.
func (db *simDB) holders(x *simTxn, t *simTable, row []simVal) []string {
	var out []string
	for i, u := range t.uniques {
		if e := t.entry("!"+strconv.Itoa(i), u, row); e != "" && x.get(e) != nil {
			out = append(out, x.get(e)[0].s)
		}
	}
	return out
}

func (db *simDB) update(x *simTxn, t *simTable, set map[string]simSet, cond simCond, limit int) (int64, error) {
	var n int64
	for i, k := range x.scan(t, cond) {
		if limit > 0 && i == limit {
			break
		}
		old := x.get(k)
		row := slices.Clone(old)
		for c, v := range set {
			row[t.col(c)] = v(t, old)
		}
		if slices.Equal(row, x.get(k)) {
			continue
		}
		n++
		key := k
		if t.pk != nil {
			key = t.entry("#", t.pk, row)
		}
		if len(t.uniques) == 0 && key == k {
			x.writes[k] = row
			continue
		}
		db.remove(x, t, k)
		if err := db.put(x, t, key, row); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// errSimBlocked says that a statement waits for a lock.
var errSimBlocked = errors.New("blocked")

// lock takes a pessimistic transaction's locks.
func (db *simDB) lock(c *simConn, keys []string) error {
	for _, k := range keys {
		if o := db.locks[k]; o != nil && o != c {
			return errSimBlocked
		}
	}
	for _, k := range keys {
		db.locks[k] = c
	}
	return nil
}

func (db *simDB) unlock(c *simConn) {
	for k, o := range db.locks {
		if o == c {
			delete(db.locks, k)
		}
	}
}

// commit ends a transaction: the first committer of a key wins.
func (db *simDB) commit(c *simConn, x *simTxn) error {
	for t, v := range x.tables {
		if t.version != v && len(x.writes) > 0 {
			return simError(8028, "Information schema is changed")
		}
	}
	for k := range x.writes {
		if o := db.locks[k]; o != nil && o != c {
			return errSimBlocked
		}
	}
	for k := range x.writes {
		if !x.pessimistic && db.version[k] > x.start {
			return db.conflict(c, x)
		}
	}
	for k := range x.inserts {
		if db.kv[k] != nil {
			return simError(1062, "Duplicate entry for key '"+k+"'")
		}
	}
	if len(x.writes) == 0 {
		return nil
	}
	if x.epoch != 0 && x.epoch < db.epoch {
		db.fail("a commit of epoch %d after a claim of epoch %d", x.epoch, db.epoch)
	}
	db.now++
	for k, v := range x.writes {
		db.version[k] = db.now
		if v == nil {
			delete(db.kv, k)
		} else {
			db.kv[k] = v
		}
		if strings.HasPrefix(k, "sluice_meta.lanes#") && v != nil {
			db.epoch = max(db.epoch, uint64(simInt(v[2])))
		}
	}
	db.commits++
	db.check()
	return nil
}

// conflict is the end of a transaction that lost; the mutant of a target with
// automatic retry runs it again instead.
func (db *simDB) conflict(c *simConn, x *simTxn) error {
	if !db.m.autoRetry || x.replay == nil {
		return simError(9007, "Write conflict")
	}
	y := db.begin(false)
	for _, sql := range x.replay {
		if _, _, err := db.statement(c, &y, sql); err != nil {
			return simError(9007, "Write conflict")
		}
	}
	y.replay = nil
	return db.commit(c, y)
}

// ddl runs a DDL job to its effect.
func (db *simDB) ddl(job *simJob) error {
	p := &simParser{t: simLex(job.query)}
	verb := strings.ToUpper(p.next().text)
	p.must("TABLE")
	t := db.tables[p.table()]
	if t == nil {
		return simError(1146, "no such table")
	}
	db.now++
	rows := func(f func(k string)) {
		for k := range maps.Clone(db.kv) {
			if strings.HasPrefix(k, t.name+"#|") || strings.HasPrefix(k, t.name+"!") {
				f(k)
				db.version[k] = db.now
			}
		}
	}
	switch verb {
	case "TRUNCATE":
		rows(func(k string) { delete(db.kv, k) })
	case "ALTER":
		p.must("ADD")
		p.must("COLUMN")
		name := p.next().text
		if slices.Contains(t.cols, name) {
			return simError(1060, "Duplicate column name")
		}
		t.cols = append(slices.Clone(t.cols), name)
		rows(func(k string) {
			if strings.HasPrefix(k, t.name+"#|") {
				db.kv[k] = append(slices.Clone(db.kv[k]), simVal{null: true})
			}
		})
	default:
		panic("DDL " + verb)
	}
	t.version++
	return nil
}

// runJob is the DDL owner: it works on a job whether or not its client lives.
func (db *simDB) runJob(c *simConn, query string, wait, work time.Duration) error {
	db.mu.Lock()
	job := &simJob{id: len(db.jobs) + 1, query: query, state: "queueing"}
	db.jobs = append(db.jobs, job)
	c.job = job
	db.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		time.Sleep(wait)
		db.mu.Lock()
		if job.cancelled {
			job.state = "cancelled"
			db.mu.Unlock()
			done <- simError(8214, "Cancelled DDL job")
			return
		}
		job.state = "running"
		db.mu.Unlock()
		time.Sleep(work)
		db.mu.Lock()
		defer db.mu.Unlock()
		if err := db.ddl(job); err != nil {
			job.state = "cancelled"
			done <- err
			return
		}
		job.state = "synced"
		db.check()
		done <- nil
	}()
	return <-done
}

func simError(code uint16, msg string) *mysql.MySQLError {
	return &mysql.MySQLError{Number: code, SQLState: [5]byte{'H', 'Y', '0', '0', '0'}, Message: msg}
}

// dump returns a table's rows, sorted.
func (db *simDB) dump(t *simTable) []string {
	var out []string
	for k, row := range db.kv {
		if strings.HasPrefix(k, t.name+"#|") {
			out = append(out, fmt.Sprint(row))
		}
	}
	slices.Sort(out)
	return out
}
