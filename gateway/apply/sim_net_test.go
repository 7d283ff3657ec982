package apply

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// simConn is a connection to the simulated target: the client's end, the
// network between and the server's end.
type simConn struct {
	db  *simDB
	id  uint64
	rng *rand.Rand // of the client's end
	srv *rand.Rand // of the server's end
	who *simOwner

	broken bool // the client's end

	txn    *simTxn // the server's end
	vars   map[string]string
	killed bool
	job    *simJob
	seen   map[string]string // mutant selectUnknown: the lanes' seq when the session was opened
}

// simConnector makes connections for one owner.
type simConnector struct {
	db  *simDB
	who *simOwner
}

func (c *simConnector) Driver() driver.Driver { return nil }

func (c *simConnector) Connect(context.Context) (driver.Conn, error) {
	if c.who.gone() {
		return nil, driver.ErrBadConn
	}
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	c.db.connID++
	c.who.made++
	s := &simConn{db: c.db, id: c.db.connID, who: c.who, vars: map[string]string{},
		rng: rand.New(rand.NewPCG(c.who.seed, uint64(c.who.made))), srv: rand.New(rand.NewPCG(c.who.seed, uint64(c.who.made)<<32))}
	c.db.conns[s.id] = s
	return s, nil
}

func (c *simConn) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("no prepared statements")
}
func (c *simConn) Begin() (driver.Tx, error) { return nil, errors.New("no driver transactions") }

func (c *simConn) Close() error {
	c.abandon(0)
	return nil
}

// abandon is the client's end going away; the server notices later.
func (c *simConn) abandon(after time.Duration) {
	if c.broken {
		return
	}
	c.broken = true
	d := after + time.Duration(c.rng.Int64N(int64(time.Second)))
	go func() {
		time.Sleep(d)
		c.db.mu.Lock()
		defer c.db.mu.Unlock()
		c.closeServer()
	}()
}

func (c *simConn) closeServer() {
	c.txn = nil
	c.db.unlock(c)
	delete(c.db.conns, c.id)
}

type simResult []int64

func (r simResult) LastInsertId() (int64, error) { return 0, nil }
func (r simResult) RowsAffected() (int64, error) { return r[len(r)-1], nil }
func (r simResult) AllRowsAffected() []int64     { return r }
func (r simResult) AllLastInsertIds() []int64    { return nil }

var _ mysql.Result = simResult{}

type simRows struct{ rows [][]string }

func (r *simRows) Columns() []string {
	if len(r.rows) == 0 {
		return make([]string, 5)
	}
	return make([]string, len(r.rows[0]))
}
func (r *simRows) Close() error { return nil }
func (r *simRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	for i, s := range r.rows[0] {
		dest[i] = []byte(s)
	}
	r.rows = r.rows[1:]
	return nil
}

func (c *simConn) ExecContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Result, error) {
	// The caller uses its memory again; what is on its way must not change.
	a := c.request(ctx, simInterpolate(strings.Clone(sql), args))
	if a.err != nil {
		return nil, a.err
	}
	return a.counts, nil
}

func (c *simConn) QueryContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Rows, error) {
	a := c.request(ctx, simInterpolate(sql, args))
	if a.err != nil {
		return nil, a.err
	}
	return &simRows{a.rows}, nil
}

func simInterpolate(sql string, args []driver.NamedValue) string {
	for _, a := range args {
		lit := fmt.Sprint(a.Value)
		if s, ok := a.Value.(string); ok {
			lit = Literal(s)
		}
		sql = strings.Replace(sql, "?", lit, 1)
	}
	return sql
}

type simAnswer struct {
	counts simResult
	rows   [][]string
	err    error
}

// request sends one packet. The network may lose it, lose its answer, hold it
// while the client waits, or hold it and tell the client that the connection
// broke: then it still arrives, later.
func (c *simConn) request(ctx context.Context, sql string) simAnswer {
	if c.broken || c.who.gone() {
		c.abandon(0)
		return simAnswer{err: mysql.ErrInvalidConn}
	}
	go1 := 20*time.Microsecond + time.Duration(c.rng.Int64N(int64(2*time.Millisecond)))
	back := 20*time.Microsecond + time.Duration(c.rng.Int64N(int64(2*time.Millisecond)))
	fate, cut := c.rng.Float64(), time.Duration(-1)
	if c.who.world.calm.Load() {
		fate = 1
	} else if sql == "COMMIT" || strings.Contains(sql, "/*sluice:") {
		fate /= 4
	}
	lost := false
	switch {
	case fate < 0.004:
		lost, cut = true, go1
	case fate < 0.010: // the answer is lost
		cut = go1 + back
		back = time.Hour
	case fate < 0.020: // told broken, arrives later
		cut = go1
		go1 += time.Duration(c.rng.Int64N(int64(3 * time.Second)))
	case fate < 0.032: // held, and the client waits
		go1 += time.Duration(c.rng.Int64N(int64(4 * time.Second)))
	}
	return c.exchange(ctx, sql, lost, go1, back, cut)
}

// exchange is one packet's way: it arrives after there, its answer takes back;
// the client is told that the connection broke after cut, if that is not
// negative.
func (c *simConn) exchange(ctx context.Context, sql string, lost bool, there, back, cut time.Duration) simAnswer {
	answer := make(chan simAnswer, 1)
	if !lost {
		go func() {
			time.Sleep(there)
			a := c.serve(sql)
			if back < time.Hour {
				time.Sleep(back)
				answer <- a
			}
		}()
	}
	var broke <-chan time.Time
	if cut >= 0 {
		t := time.NewTimer(cut)
		defer t.Stop()
		broke = t.C
	}
	err := error(mysql.ErrInvalidConn)
	select {
	case a := <-answer:
		return a
	case <-broke:
	case <-c.who.dead:
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.abandon(there)
	return simAnswer{err: err}
}

// serve runs a packet in the server.
func (c *simConn) serve(packet string) simAnswer {
	var a simAnswer
	for _, sql := range simSplit(packet) {
		n, rows, err := c.serveOne(sql)
		for err == errSimBlocked {
			time.Sleep(time.Millisecond + time.Duration(c.id))
			n, rows, err = c.serveOne(sql)
		}
		if err != nil {
			return simAnswer{err: err}
		}
		a.counts = append(a.counts, n)
		a.rows = rows
	}
	return a
}

func (c *simConn) serveOne(sql string) (int64, [][]string, error) {
	c.db.mu.Lock()
	if c.db.conns[c.id] == nil || c.killed {
		c.db.mu.Unlock()
		return 0, nil, mysql.ErrInvalidConn
	}
	word, _, _ := strings.Cut(sql, " ")
	if word == "ALTER" || word == "TRUNCATE" {
		wait := time.Duration(c.srv.Int64N(int64(time.Second)))
		work := time.Duration(c.srv.Int64N(int64(time.Second)))
		c.db.mu.Unlock()
		return 0, nil, c.db.runJob(c, sql, wait, work)
	}
	defer c.db.mu.Unlock()
	return c.db.statement(c, &c.txn, c.db.m.rewrite(c, sql))
}

// statement runs one statement that is no DDL.
func (db *simDB) statement(c *simConn, txn **simTxn, sql string) (int64, [][]string, error) {
	p := &simParser{t: simLex(sql)}
	switch strings.ToUpper(p.next().text) {
	case "BEGIN":
		*txn = db.begin(strings.Contains(sql, "PESSIMISTIC"))
		return 0, nil, nil
	case "COMMIT":
		x := *txn
		if x == nil {
			return 0, nil, nil
		}
		err := db.commit(c, x)
		if err == errSimBlocked {
			return 0, nil, err
		}
		*txn = nil
		db.unlock(c)
		return 0, nil, err
	case "ROLLBACK":
		*txn = nil
		db.unlock(c)
		return 0, nil, nil
	case "PREPARE":
		return 0, nil, nil
	case "NOTHING": // a mutant's
		return 1, nil, nil
	case "SET":
		for _, set := range strings.Split(strings.TrimPrefix(sql, "SET "), "SESSION ") {
			name, value, _ := strings.Cut(strings.TrimSuffix(set, ","), "=")
			c.vars[name] = strings.Trim(value, "'")
		}
		return 0, nil, nil
	case "KILL":
		id, _ := strconv.ParseUint(p.next().text, 10, 64)
		if v := db.conns[id]; v != nil {
			v.killed = true
			for _, j := range db.jobs {
				if j == v.job && j.state == "queueing" {
					j.cancelled = true
				}
			}
			v.closeServer()
		}
		return 0, nil, nil
	case "SELECT", "SHOW", "ADMIN":
		rows, err := db.query(c, *txn, sql)
		return 0, rows, err
	}
	x := *txn
	if x == nil {
		panic("write outside a transaction: " + sql)
	}
	return db.write(c, x, sql)
}

var simTag = regexp.MustCompile(`'%(\w+)%'`)

func (db *simDB) query(c *simConn, x *simTxn, sql string) ([][]string, error) {
	switch {
	case strings.HasPrefix(sql, "SELECT VERSION()"):
		return [][]string{{"8.0.11-TiDB-sim", strconv.FormatUint(c.id, 10), "TiDB Server"}}, nil
	case strings.HasPrefix(sql, "SELECT @@SESSION."):
		var row []string
		for _, name := range strings.Split(strings.TrimPrefix(sql, "SELECT "), ",") {
			row = append(row, c.vars[strings.TrimPrefix(name, "@@SESSION.")])
		}
		return [][]string{row}, nil
	case strings.Contains(sql, "processlist"):
		id, _ := strconv.ParseUint(sql[strings.LastIndexByte(strings.ToLower(sql), '=')+1:], 10, 64)
		if db.conns[id] == nil || db.m.noKill {
			return nil, nil
		}
		return [][]string{{"1"}}, nil
	case strings.HasPrefix(sql, "ADMIN SHOW DDL JOB QUERIES"):
		var out [][]string
		for _, j := range db.jobs {
			out = append(out, []string{strconv.Itoa(j.id), j.query})
		}
		return out, nil
	case strings.Contains(sql, "ddl_jobs"):
		tag := simTag.FindStringSubmatch(sql)[1]
		for _, j := range db.jobs {
			if strings.Contains(j.query, tag) && !db.m.noTag {
				return [][]string{{j.state, strconv.Itoa(j.id)}}, nil
			}
		}
		return nil, nil
	}
	p := &simParser{t: simLex(sql)}
	if p.word("SHOW") {
		p.must("CREATE")
		p.must("TABLE")
		t := db.tables[p.table()]
		return [][]string{{t.name, fmt.Sprint(t.cols)}}, nil
	}
	p.must("SELECT")
	var cols []string
	for !p.word("FROM") {
		if t := p.next(); t.text != "," {
			cols = append(cols, t.text)
		}
	}
	t := db.tables[p.table()]
	p.must("WHERE")
	cond := p.cond()
	locking := strings.HasSuffix(sql, "FOR UPDATE")
	if x == nil || locking && !db.m.claimReadsFirst {
		y := db.begin(true)
		if x != nil {
			y.writes = x.writes
		}
		x = y
	}
	var out [][]string
	keys := x.scan(t, cond)
	if locking {
		if err := db.lock(c, keys); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		var r []string
		for _, name := range cols {
			r = append(r, x.get(k)[t.col(name)].s)
		}
		if locking && db.m.claimReadsFirst {
			db.staleClaim(x, k, r)
		}
		out = append(out, r)
	}
	return out, nil
}

// staleClaim is the mutant that reads a lane's position before it raises the
// epoch: base and extra are as they were when the claim began.
func (db *simDB) staleClaim(x *simTxn, key string, r []string) {
	if old := x.snap[key]; old != nil {
		r[3], r[4] = old[4].s, old[5].s
	}
}

// write runs INSERT, REPLACE, UPDATE and DELETE.
func (db *simDB) write(c *simConn, x *simTxn, sql string) (int64, [][]string, error) {
	view := x
	if x.pessimistic {
		view = &simTxn{pessimistic: true, snap: db.kv, writes: x.writes, inserts: x.inserts, tables: x.tables}
	} else {
		x.replay = append(x.replay, sql)
	}
	p := &simParser{t: simLex(sql)}
	verb := strings.ToUpper(p.next().text)
	if p.word("IGNORE") {
		verb = "IGNORE"
	}
	_ = p.word("INTO") || p.word("FROM")
	name := p.table()
	t := db.tables[name]
	if t == nil {
		return 0, nil, simError(1146, "no table "+name)
	}
	if _, ok := x.tables[t]; !ok {
		x.tables[t] = t.version
	} else if x.tables[t] != t.version {
		return 0, nil, simError(8028, "Information schema is changed")
	}
	var n int64
	var err error
	switch verb {
	case "INSERT", "IGNORE", "REPLACE":
		if p.word("(") {
			for p.next().text != ")" {
			}
		}
		p.must("VALUES")
		rows := p.tuples()
		if x.pessimistic {
			var keys []string
			for _, r := range rows {
				keys = append(keys, db.rowKey(t, r))
			}
			if err := db.lock(c, keys); err != nil {
				return 0, nil, err
			}
		}
		n, err = db.insert(view, t, rows, verb, p.word("ON"))
	case "UPDATE":
		p.must("SET")
		set := p.assignments()
		p.must("WHERE")
		cond := p.cond()
		if x.pessimistic {
			if err := db.lock(c, view.scan(t, cond)); err != nil {
				return 0, nil, err
			}
		}
		n, err = db.update(view, t, set, cond, p.limit())
		if t.name == "sluice_meta.lanes" && !x.pessimistic {
			x.epoch = simGuardEpoch(sql)
		}
	case "DELETE":
		p.must("WHERE")
		cond := p.cond()
		limit := p.limit()
		for _, k := range view.scan(t, cond) {
			if limit > 0 && n == int64(limit) {
				break
			}
			db.remove(view, t, k)
			n++
		}
	default:
		panic(sql)
	}
	return n, nil, err
}

func (p *simParser) limit() int {
	if !p.word("LIMIT") {
		return 0
	}
	n, _ := strconv.Atoi(p.next().text)
	return n
}

var simEpoch = regexp.MustCompile(`/\*epoch=(\d+)\*/| AND epoch=(\d+)`)

// simGuardEpoch returns the epoch under which a guard was written.
func simGuardEpoch(sql string) uint64 {
	m := simEpoch.FindStringSubmatch(sql)
	n, _ := strconv.ParseUint(m[1]+m[2], 10, 64)
	return n
}

// IsValid keeps a broken connection out of database/sql's pool.
func (c *simConn) IsValid() bool { return !c.broken }
