package gateway

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
	"sluice/itest/rogue"
)

// rogueCodes are the errors that a server which is none may lead to: each has a name and a remedy. A lost connection
// (2013) is none of them: it would name nothing.
var rogueCodes = []string{
	"61221", "61222", "61223", // replica/protocol: a malformed packet, clear text, a key
	"1251",           // an unknown method
	"61130",          // a damaged stream
	"61107", "61108", // a partial or unknown event
	"61224", // an event that is too large
	"61131", // rows that do not fit their definition
	"61051", // another history: the newest transaction that was applied is another one now
}

// rogueTest is a node with a channel that goes on, and with a channel for each worker whose source or target is rogue.
type rogueTest struct {
	*rogueNode
	t     *testing.T
	c     *client
	bad   string // the worker's migration
	proxy *rogue.Proxy
}

// rogueNode is what the workers share.
type rogueNode struct {
	src    *servers.Server
	node   *testNode
	of     string // the address of the server that is rogue
	target bool
	from   *sql.DB
	to     *sql.DB
	ids    atomic.Int64
}

// rogueWorkers is how many bad channels there are at a time.
const rogueWorkers = 4

func newRogueNode(t *testing.T, target bool) *rogueNode {
	src, store := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	r := &rogueNode{src: src, of: src.Addr(), target: target}
	if target {
		r.of = store.Addr()
	}
	var err error
	if r.from, err = src.Open(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.from.Close() })
	if r.to, err = store.Open(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.to.Close() })
	r.node = start(t, testConfig(t, store, "n1"))
	good := &rogueTest{rogueNode: r, t: t, c: r.node.admin(t), bad: "good"}
	good.begin(src.Port, "")
	return r
}

// worker makes a bad channel of its own.
func (r *rogueNode) worker(t *testing.T, n int) *rogueTest {
	t.Helper()
	proxy, err := rogue.New(r.of)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	w := &rogueTest{rogueNode: r, t: t, c: r.node.admin(t), bad: fmt.Sprintf("bad%d", n), proxy: proxy}
	if !r.target {
		w.begin(proxy.Port(), "")
		return w
	}
	w.c.ok(fmt.Sprintf("CREATE TARGET %s TARGET_HOSTS=('%s'), TARGET_USER='root'", w.bad, proxy.Addr()))
	w.begin(r.src.Port, " TO TARGET "+w.bad)
	return w
}

func (r *rogueTest) begin(port int, target string) {
	r.t.Helper()
	for _, q := range []string{"CREATE DATABASE " + r.bad, "CREATE TABLE " + r.bad + ".t (id INT PRIMARY KEY)", "INSERT INTO " + r.bad + ".t VALUES (0)"} {
		if _, err := r.from.Exec(q); err != nil {
			r.t.Fatalf("%s: %v", q, err)
		}
	}
	r.c.ok(fmt.Sprintf("CREATE SOURCE %s SOURCE_HOST='127.0.0.1', SOURCE_PORT=%d, SOURCE_USER='root', SOURCE_CONNECT_RETRY=1, SOURCE_HEARTBEAT_PERIOD=0.5", r.bad, port))
	r.c.ok(fmt.Sprintf("CREATE MIGRATION %s FROM SOURCE %s%s REPLICATE_DO_DB=(%s)", r.bad, r.bad, target, r.bad))
	r.c.ok("START MIGRATION " + r.bad)
	r.running()
}

func (r *rogueTest) status(m string) row { return r.c.one("SHOW MIGRATION STATUS FOR MIGRATION " + m) }

func (r *rogueTest) running() {
	r.t.Helper()
	until(r.t, r.bad+" replicates", 60*time.Second, func() bool {
		st := r.status(r.bad)
		if st["Status"] == "ERROR" {
			r.c.ok("START MIGRATION " + r.bad)
		}
		return st["Status"] == "RUNNING" && st["Phase"] == "REPLICATE"
	})
}

// follows waits until a new row of a migration's table is at the target.
func (r *rogueTest) follows(m string) {
	r.t.Helper()
	id := r.insert(m)
	until(r.t, "a new row of "+m+" is at the target", 30*time.Second, func() bool {
		var n int
		return r.to.QueryRow("SELECT COUNT(*) FROM "+m+".t WHERE id=?", id).Scan(&n) == nil && n == 1
	})
}

func (r *rogueTest) insert(m string) int64 {
	r.t.Helper()
	id := r.ids.Add(1)
	if _, err := r.from.Exec("INSERT INTO "+m+".t VALUES (?)", id); err != nil {
		r.t.Fatal(err)
	}
	return id
}

// meet has the bad channel meet a mutation, as it is or as it starts: the process lives, the good channel goes on, the
// bad one has an error with a name, and goes on when the mutation is over.
func (r *rogueTest) meet(m rogue.Mutation, starting bool) {
	r.t.Helper()
	began := time.Now()
	if starting {
		r.c.ok("STOP MIGRATION " + r.bad)
		until(r.t, r.bad+" stops", 20*time.Second, func() bool { return r.status(r.bad)["Status"] == "STOPPED" })
		r.c.ok("START MIGRATION " + r.bad)
		r.proxy.Arm(&m)
	} else {
		r.proxy.Set(&m)
		r.insert(r.bad)
	}
	code, last := "", row{}
	for end := time.Now().Add(30 * time.Second); code == "" && time.Now().Before(end); {
		last = r.status(r.bad)
		if c := last["Last_Errno"]; r.proxy.Hits() > 0 && slices.Contains(rogueCodes, c) && last["Status"] != "RUNNING" {
			code = c
		}
		time.Sleep(50 * time.Millisecond)
	}
	if code == "" || last["Remedy"] == "" {
		r.t.Errorf("%s: met %d times, no error with a name: %s %s, %s", m.Name, r.proxy.Hits(), last["Status"], last["Last_Errno"], last["Last_Error"])
	}
	r.follows("good")
	if st := r.status("good"); st["Status"] != "RUNNING" {
		r.t.Errorf("%s: the good migration is %s: %s", m.Name, st["Status"], st["Last_Error"])
	}
	r.proxy.Set(nil)
	r.running()
	r.t.Logf("%-60s %s after %.1f s", m.Name, code, time.Since(began).Seconds())
}

// rogues runs mutations over all workers.
func rogues(t *testing.T, target bool, running, starting []rogue.Mutation) {
	n := newRogueNode(t, target)
	t.Run("workers", func(t *testing.T) {
		for i := range rogueWorkers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				w := n.worker(t, i)
				for k := i; k < len(running); k += rogueWorkers {
					w.meet(running[k], false)
				}
				for k := i; k < len(starting); k += rogueWorkers {
					w.meet(starting[k], true)
				}
				w.follows(w.bad)
				w.equal()
			})
		}
	})
	if k := n.node.logs.count("panic"); k > 0 {
		t.Errorf("%d panics were recovered", k)
	}
}

// TestRogueSource: whatever a source says, the node lives.
func TestRogueSource(t *testing.T) {
	const facts = "SHOW GLOBAL VARIABLES WHERE"
	rogues(t, false, slices.Concat(rogue.Greetings(), rogue.Logins(), rogue.Commands("master_heartbeat_period"), rogue.Events()),
		append(slices.Concat(rogue.Answers(facts), rogue.Commands("SET NAMES")), rogue.Endless(facts)))
}

// TestRogueTarget: whatever a target says, the node lives.
func TestRogueTarget(t *testing.T) {
	const session, claim = "SELECT VERSION(), CONNECTION_ID()", "FROM sluice_meta.lanes WHERE channel"
	claims := rogue.Answers(claim)[:rogueWorkers] // after a claim that failed the channel is left alone for a while
	rogues(t, true, append(slices.Concat(rogue.Greetings(), rogue.Logins(), rogue.Answers(session), rogue.Commands("SET SESSION")), rogue.Endless(session)), claims)
}

// equal compares source and target: no mutation lost or doubled a row.
func (r *rogueTest) equal() {
	r.t.Helper()
	q := "SELECT COUNT(*), COALESCE(SUM(id), 0) FROM " + r.bad + ".t"
	var a, b [2]int64
	if err := errors.Join(r.from.QueryRow(q).Scan(&a[0], &a[1]), r.to.QueryRow(q).Scan(&b[0], &b[1])); err != nil {
		r.t.Fatal(err)
	}
	if a != b {
		r.t.Errorf("%s: %v at the source and %v at the target", r.bad, a, b)
	}
}

// TestRogueServersInStatements: statements that ask a rogue source or target are refused by name.
func TestRogueServersInStatements(t *testing.T) {
	for _, target := range []bool{false, true} {
		r := newRogueNode(t, target).worker(t, 0)
		what, text := "CHECK SOURCE bad0", "SHOW GLOBAL VARIABLES WHERE"
		if target {
			what, text = "CHECK TARGET bad0", "SELECT VERSION()"
		}
		for _, m := range slices.Concat(rogue.Greetings(), rogue.Logins(), rogue.Answers(text)) {
			r.proxy.Set(&m)
			_, err := r.c.query(what)
			var me *mysql.MySQLError
			if !errors.As(err, &me) || !slices.Contains(rogueCodes, fmt.Sprint(me.Number)) || strings.Contains(me.Message, "panic") {
				t.Errorf("%s: %s: %v", what, m.Name, err)
			}
			if r.proxy.Hits() == 0 {
				t.Errorf("%s: %s was not met", what, m.Name)
			}
		}
		r.proxy.Set(nil)
		r.follows("good")
	}
}

// TestRogueStore: whatever the store says, the node lives, and goes on when the store is one again.
func TestRogueStore(t *testing.T) {
	src, store := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	proxy, err := rogue.New(store.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	r := &rogueTest{rogueNode: &rogueNode{src: src}, t: t, bad: "good", proxy: proxy}
	if r.from, err = src.Open(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.from.Close() })
	if r.to, err = store.Open(""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.to.Close() })
	r.node = start(t, statedConfig(t, map[string][]string{"name": {"n1"}, "store": {"root@tcp(" + proxy.Addr() + ")/"}, "data-dir": {t.TempDir()}}))
	r.c = r.node.admin(t)
	r.begin(src.Port, "")
	nodes, beat := rogue.Answers("sluice_meta.nodes"), rogue.Commands("UPDATE sluice_meta.nodes")
	for _, m := range slices.Concat(rogue.Greetings()[:3], rogue.Logins()[:3], nodes[4:6], nodes[9:16], beat[:3], []rogue.Mutation{rogue.Endless("sluice_meta.nodes")}) {
		proxy.Set(&m)
		until(t, m.Name+" is met", 20*time.Second, func() bool { return proxy.Hits() > 0 })
		proxy.Set(nil)
		r.follows("good")
	}
	select {
	case <-r.node.done:
		t.Errorf("the node ended: %v", r.node.err)
	default:
	}
	if n := r.node.logs.count("panic"); n > 0 {
		t.Errorf("%d panics were recovered", n)
	}
}
