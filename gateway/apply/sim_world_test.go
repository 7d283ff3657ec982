package apply

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"sluice/replica"
)

// simMutant switches deliberate mistakes on. Each is made where the statement
// meets the target, so that the code under test stays as it is.
type simMutant struct {
	name            string
	noSeq           bool // the guard does not compare seq
	noEpoch         bool // the guard does not compare epoch, and a claim leaves seq alone
	selectUnknown   bool // an unknown commit is settled by a plain SELECT
	baseAhead       bool // base is moved over transactions that are not committed
	noExtra         bool // transactions beyond base are not stored
	noPartial       bool // how far a large transaction is is not stored
	claimReadsFirst bool // a claim reads positions before it raises the epoch
	autoRetry       bool // the target runs conflicting transactions again by itself
	noTag           bool // a DDL's tag is not found
	noKill          bool // an older owner's DDL connection is left alone
	noDependencies  bool // transactions that share a key are not ordered
	noWild          bool // text that only the target holds equal is not ordered
	chunkApart      bool // a chunk's record is forgotten
}

var (
	simGuard = regexp.MustCompile(` AND lane=(\d+) AND epoch=(\d+) AND seq=(\d+)$`)
	simState = regexp.MustCompile(`SET base='([^']*)',extra='([^']*)',`)
)

// rewrite makes the mutant's statement of sql.
func (m *simMutant) rewrite(c *simConn, sql string) string {
	if strings.HasPrefix(sql, "UPDATE sluice_meta.lanes SET epoch=") && m.noEpoch {
		return strings.Replace(sql, ", seq=seq+2", "", 1)
	}
	if m.selectUnknown && sql == "SELECT @@SESSION.tidb_opt_fix_control" { // the last question of a set-up
		c.seen = map[string]string{}
		for k, row := range c.db.kv {
			if strings.HasPrefix(k, "sluice_meta.lanes#") {
				c.seen[row[1].s] = row[3].s
			}
		}
	}
	if m.chunkApart && strings.HasPrefix(sql, "INSERT INTO sluice_meta.chunks") && c.srv.IntN(4) == 0 {
		return "NOTHING"
	}
	g := simGuard.FindStringSubmatch(sql)
	if g == nil || !strings.HasPrefix(sql, "UPDATE") {
		return sql
	}
	seq := " AND seq=" + g[3]
	switch {
	case m.noSeq:
		sql = strings.TrimSuffix(sql, seq)
	case m.noEpoch:
		sql = strings.Replace(sql, " AND epoch="+g[2], " /*epoch="+g[2]+"*/", 1)
	case m.selectUnknown && c.seen[g[1]] == g[3]:
		sql = strings.TrimSuffix(sql, seq)
	}
	return simState.ReplaceAllStringFunc(sql, func(s string) string {
		f := simState.FindStringSubmatch(s)
		return "SET base='" + m.base(f[1], f[2]) + "',extra='" + m.extra(f[2]) + "',"
	})
}

func (m *simMutant) extra(text string) string {
	set, partial, _ := strings.Cut(text, "|")
	if m.noExtra {
		set = ""
	}
	if partial == "" || m.noPartial {
		return set
	}
	return set + "|" + partial
}

func (m *simMutant) base(base, extra string) string {
	if !m.baseAhead {
		return base
	}
	p, err := replica.ParsePosition(base)
	if err != nil {
		panic(err)
	}
	set, _, err := parseExtra(extra)
	if err != nil {
		panic(err)
	}
	for n := uint64(1000); n > 0; n-- {
		if set.Contains(replica.TxnID{Source: simUUID, Seq: n}) {
			p.Set().AddRun(simUUID, replica.Interval{Lo: 1, Hi: n})
			break
		}
	}
	return p.String()
}

const simUUID = "00000000-0000-0000-0000-00000000000a"

// simWorld is a source's history and the target that it is applied to.
type simWorld struct {
	db      *simDB
	log     []*simEvent
	rng     *rand.Rand
	calm    atomic.Bool // the network loses nothing
	tables  map[string]*replica.Table
	binding map[*replica.Table]*Binding
	lanes   int
	src     map[string]map[string][]replica.Value
}

// simEvent is one source transaction.
type simEvent struct {
	id    replica.TxnID
	parts []*replica.Transaction
	ddl   *DDLPlan
}

func (e *simEvent) rows() []replica.RowChange {
	var out []replica.RowChange
	for _, p := range e.parts {
		out = append(out, p.Rows...)
	}
	return out
}

func simInt64(n int) replica.Value { return replica.Value{Kind: replica.KindInt, Num: uint64(n)} }
func simText(s string) replica.Value {
	return replica.Value{Kind: replica.KindString, Bytes: []byte(s)}
}

func simColumns(names ...string) []replica.Column {
	var cols []replica.Column
	for _, n := range names {
		c := replica.Column{Name: n, Type: replica.TypeInt, SQLType: "int"}
		if n == "k" {
			c = replica.Column{Name: n, Type: replica.TypeVarchar, SQLType: "varchar(20)", Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
		}
		cols = append(cols, c)
	}
	return cols
}

func newSimWorld(seed uint64, m simMutant, txns int) *simWorld {
	w := &simWorld{rng: rand.New(rand.NewPCG(seed, 1)), lanes: 3, tables: map[string]*replica.Table{}, binding: map[*replica.Table]*Binding{},
		src: map[string]map[string][]replica.Value{}}
	w.db = &simDB{m: m, tables: map[string]*simTable{}, kv: map[string][]simVal{}, version: map[string]uint64{},
		locks: map[string]*simConn{}, conns: map[uint64]*simConn{}}
	w.db.check = w.check
	pk := &replica.Index{Name: "PRIMARY", Columns: []int{0}}
	w.table(&replica.Table{Name: "m", Columns: simColumns("id", "n"), Primary: pk})
	w.table(&replica.Table{Name: "t", Columns: simColumns("id", "u", "v"), Primary: pk, Unique: []replica.Index{{Name: "u", Columns: []int{1}, Nullable: true}}})
	w.table(&replica.Table{Name: "s", Columns: simColumns("k", "v"), Primary: pk})
	w.table(&replica.Table{Name: "l0", Columns: simColumns("txn", "n")})
	w.table(&replica.Table{Name: "l1", Columns: simColumns("txn", "n")})
	w.table(&replica.Table{Name: "d", Columns: simColumns("id", "v"), Primary: pk})
	for name, cols := range map[string]string{"lanes": "channel,lane,epoch,seq,base,extra", "ddl_log": "channel,txn,idx,tag,state,source_table,source_sql,target_sql,fingerprint,connection,job_id,started_at,finished_at,note",
		"chunks": "channel,schema_name,table_name,chunk,lo,hi,row_count,byte_count"} {
		t := &simTable{name: "sluice_meta." + name, cols: strings.Split(cols, ","), folds: map[string]bool{}}
		t.pk = t.cols[:map[string]int{"lanes": 2, "ddl_log": 3, "chunks": 4}[name]]
		w.db.tables[t.name] = t
	}
	w.generate(txns)
	return w
}

// table makes a source table, its target and its binding.
func (w *simWorld) table(t *replica.Table) {
	t.Schema = "a"
	if w.db.tables["a."+t.Name] == nil {
		st := &simTable{name: "a." + t.Name, folds: map[string]bool{}}
		for i, c := range t.Columns {
			st.cols = append(st.cols, c.Name)
			if t.Primary != nil && i == 0 {
				st.pk = []string{c.Name}
			}
			st.folds[c.Name] = c.Name == "k"
		}
		for _, u := range t.Unique {
			st.uniques = append(st.uniques, []string{t.Columns[u.Columns[0]].Name})
		}
		w.db.tables[st.name] = st
		w.src[t.Name] = map[string][]replica.Value{}
	}
	b, err := Bind(t, "a", t.Name, func(string) bool { return w.db.m.noWild })
	if err != nil {
		panic(err)
	}
	if w.db.m.noDependencies {
		b.indexes = nil
	}
	w.tables[t.Name], w.binding[t] = t, b
}

// Route implements Router.
func (w *simWorld) Route(_ context.Context, t *replica.Table, _ *replica.Transaction) (*Binding, bool, error) {
	return w.binding[t], false, nil
}

// generate makes the source's history. Every transaction leaves its number in
// table m; a source server has run it, so that it is consistent.
func (w *simWorld) generate(txns int) {
	large, ddl := w.rng.IntN(txns), w.rng.IntN(txns)
	for i := 1; i <= txns; i++ {
		e := &simEvent{id: replica.TxnID{Source: simUUID, Seq: uint64(i)}}
		w.log = append(w.log, e)
		switch {
		case i == ddl || i == ddl+3 && w.rng.IntN(2) == 0:
			e.ddl = w.sourceDDL(e.id)
			continue
		}
		rows := w.do(nil, "m", []replica.Value{simInt64(i), simInt64(w.rng.IntN(3))})
		n := 1 + w.rng.IntN(3)
		if i == large {
			n = 14
		}
		for range n {
			rows = w.change(rows, i)
		}
		if i == large {
			cut := 1 + w.rng.IntN(len(rows)-1)
			e.parts = []*replica.Transaction{{ID: e.id, Rows: rows[:cut], More: true}, {ID: e.id, Rows: rows[cut:], FirstRow: uint64(cut)}}
		} else {
			e.parts = []*replica.Transaction{{ID: e.id, Rows: rows}}
		}
	}
}

// do makes the row's image in the source what it says; an absent row's image
// has only the key.
func (w *simWorld) do(rows []replica.RowChange, table string, image []replica.Value) []replica.RowChange {
	t := w.tables[table]
	c := replica.RowChange{Table: t, Op: replica.Insert, After: image}
	if t.Primary != nil {
		key := simDump(image[0])
		c.Before = w.src[table][key]
		switch {
		case len(image) == 1 && c.Before == nil:
			return rows
		case len(image) == 1:
			c.Op, c.After = replica.Delete, nil
			delete(w.src[table], key)
		case c.Before != nil:
			c.Op = replica.Update
			w.src[table][key] = image
		default:
			w.src[table][key] = image
		}
	}
	return append(rows, c)
}

// change appends random changes of one statement.
func (w *simWorld) change(rows []replica.RowChange, txn int) []replica.RowChange {
	switch w.rng.IntN(6) {
	case 0: // keyless
		l := "l" + strconv.Itoa(w.rng.IntN(2))
		n := 1 + w.rng.IntN(2)
		for range n {
			rows = w.do(rows, l, []replica.Value{simInt64(txn), simInt64(7)})
		}
		return rows
	case 1, 2: // one row, its unique value free or NULL
		id, v := w.rng.IntN(5), w.rng.IntN(1000)
		if w.rng.IntN(4) == 0 {
			return w.do(rows, "t", []replica.Value{simInt64(id)})
		}
		u := replica.Value{}
		if n := w.rng.IntN(6); w.holder(n) < 0 {
			u = simInt64(n)
		}
		return w.do(rows, "t", []replica.Value{simInt64(id), u, simInt64(v)})
	case 3: // two rows swap their unique values
		x, y := w.src["t"]["0"], w.src["t"]["1"]
		if x == nil || y == nil {
			return rows
		}
		rows = w.do(rows, "t", []replica.Value{x[0], {}, x[2]})
		rows = w.do(rows, "t", []replica.Value{y[0], x[1], y[2]})
		return w.do(rows, "t", []replica.Value{x[0], y[1], x[2]})
	case 4: // texts that the target's collation holds equal
		k := []string{"e", "é", "E", "f"}[w.rng.IntN(4)]
		before := len(rows)
		for _, o := range []string{"e", "é", "E", "f"} {
			if o != k && simFold(o) == simFold(k) {
				rows = w.do(rows, "s", []replica.Value{simText(o)})
			}
		}
		if len(rows) > before && w.rng.IntN(2) == 0 {
			return rows // another transaction takes the place that is free now
		}
		return w.do(rows, "s", []replica.Value{simText(k), simInt64(w.rng.IntN(1000))})
	}
	image := []replica.Value{simInt64(w.rng.IntN(4)), simInt64(w.rng.IntN(1000))}
	if len(w.tables["d"].Columns) == 3 {
		image = append(image, simInt64(w.rng.IntN(10)))
	}
	return w.do(rows, "d", image)
}

func (w *simWorld) holder(u int) int {
	for id, row := range w.src["t"] {
		if !row[1].IsNull() && row[1].Num == uint64(u) {
			n, _ := strconv.Atoi(id)
			return n
		}
	}
	return -1
}

// sourceDDL empties table d, or adds a column to it.
func (w *simWorld) sourceDDL(id replica.TxnID) *DDLPlan {
	sql := "TRUNCATE TABLE a.d"
	if w.rng.IntN(2) == 0 && len(w.tables["d"].Columns) == 2 {
		sql = "ALTER TABLE a.d ADD COLUMN w int"
		t := *w.tables["d"]
		t.Columns = simColumns("id", "v", "w")
		w.table(&t)
		for k, row := range w.src["d"] {
			w.src["d"][k] = append(slices.Clone(row), replica.Value{})
		}
	} else {
		clear(w.src["d"])
	}
	return &DDLPlan{Txn: &replica.Transaction{ID: id, DDL: &replica.DDL{Text: sql}}, SourceTable: "a.d",
		Steps: []Step{{SQL: sql, Tables: [][2]string{{"a", "d"}}}}}
}

func simDump(v replica.Value) string {
	if v.IsNull() {
		return "NULL"
	}
	if v.Kind == replica.KindString {
		return string(v.Bytes)
	}
	return strconv.FormatUint(v.Num, 10)
}

// simContent is what a target must hold: per table, rows as text by key.
type simContent struct {
	rows map[string]map[string][]string
	n    int
}

func (c *simContent) apply(r *replica.RowChange) {
	t := c.rows[r.Table.Name]
	if t == nil {
		t = map[string][]string{}
		c.rows[r.Table.Name] = t
	}
	text := func(image []replica.Value) []string {
		var out []string
		for _, v := range image {
			out = append(out, simDump(v))
		}
		return out
	}
	if r.Table.Primary == nil {
		c.n++
		t[strconv.Itoa(c.n)] = text(r.After)
		return
	}
	if r.Before != nil {
		delete(t, simDump(r.Before[0]))
	}
	if r.After != nil {
		t[simDump(r.After[0])] = text(r.After)
	}
}

func (c *simContent) ddl(p *DDLPlan) {
	if strings.HasPrefix(p.Steps[0].SQL, "TRUNCATE") {
		clear(c.rows["d"])
		return
	}
	for k, row := range c.rows["d"] {
		c.rows["d"][k] = append(slices.Clone(row), "NULL")
	}
}

func (c *simContent) dump(table string) []string {
	var out []string
	for _, row := range c.rows[table] {
		out = append(out, fmt.Sprint(row))
	}
	slices.Sort(out)
	return out
}

// state reads the channel's position from the lane rows, as a claim does.
func (w *simWorld) state() (*Claimed, error) {
	c := &Claimed{Extra: replica.NewTxnSet()}
	for k, row := range w.db.kv {
		if strings.HasPrefix(k, "sluice_meta.lanes#") {
			if err := c.addLane(int(simInt(row[1])), uint64(simInt(row[3])), row[4].s, row[5].s); err != nil {
				return nil, err
			}
		}
	}
	c.Base.Prune(c.Extra)
	if c.Partial != nil && c.Base.Contains(c.Partial.ID) {
		c.Partial = nil
	}
	return c, nil
}

// check holds the target against the history: its content must be exactly that
// of the transactions that its lane rows list, the rows done of the one that
// is applied in part included. Table d may be one DDL ahead.
func (w *simWorld) check() {
	c, err := w.state()
	if err != nil {
		w.db.fail("the lane rows cannot be read: %v", err)
		return
	}
	want := &simContent{rows: map[string]map[string][]string{}}
	var next *DDLPlan
	for _, e := range w.log {
		switch {
		case c.Base.Contains(e.id) || c.Extra.Contains(e.id):
			if e.ddl != nil {
				want.ddl(e.ddl)
			}
			for i := range e.rows() {
				want.apply(&e.rows()[i])
			}
		case c.Partial != nil && c.Partial.ID == e.id:
			for i := range e.rows()[:c.Partial.Rows] {
				want.apply(&e.rows()[i])
			}
		case e.ddl != nil && next == nil:
			next = e.ddl
		}
	}
	for _, name := range []string{"m", "t", "s", "l0", "l1", "d"} {
		have, must := w.db.dump(w.db.tables["a."+name]), want.dump(name)
		if slices.Equal(have, must) {
			continue
		}
		if name == "d" && next != nil {
			if want.ddl(next); slices.Equal(have, want.dump(name)) {
				continue
			}
		}
		w.db.fail("at commit %d table %s has %v instead of %v (base %s, extra %s, partial %v)", w.db.commits, name, have, must, c.Base, c.Extra, c.Partial)
		return
	}
}
