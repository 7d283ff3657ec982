package cluster

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

func TestClaimReleaseAndEpochs(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a, b := start(t, config(t, "a", db)), start(t, config(t, "b", db))
	channel(t, db, "abc/s")

	if e := a.claim(t, "abc/s"); e != 1 {
		t.Fatalf("first epoch %d", e)
	}
	a.must(t, "abc/s", 1, true)
	for _, n := range []*node{a, b} {
		if _, err := n.Claim(t.Context(), "abc/s"); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("claim of a running channel by %s: %v", n.Node(), err)
		}
	}
	if err := a.Release(t.Context(), "abc/s", 7); !errors.Is(err, ErrLost) {
		t.Errorf("release of another epoch: %v", err)
	}
	a.must(t, "abc/s", 1, true)
	if err := a.Release(t.Context(), "abc/s", 1); err != nil {
		t.Fatal(err)
	}
	a.must(t, "abc/s", 1, false)
	a.BackOff("abc/s", time.Hour)
	if e := b.claim(t, "abc/s"); e != 2 {
		t.Errorf("second epoch %d", e)
	}
	if list, err := a.Wanted(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("a wants %v, %v", list, err)
	}
	if _, err := b.Claim(t.Context(), "abc/none"); !errors.Is(err, ErrGone) {
		t.Errorf("claim of no channel: %v", err)
	}
	if _, err := db.Exec(`UPDATE sluice_meta.channels SET desired = 'STOPPED'`); err != nil {
		t.Fatal(err)
	}
	unwanted(t, b, ReasonStopped)
	if err := b.Release(t.Context(), "abc/s", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Claim(t.Context(), "abc/s"); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("claim of a stopped channel: %v", err)
	}
}

// A release that the store did not answer is repeated, though nothing of the node
// runs the channel any more: else it would stay with a node that is alive for ever.
func TestReleaseIsRepeated(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a := start(t, config(t, "a", db))
	channel(t, db, "abc/s")
	epoch := a.claim(t, "abc/s")
	if _, err := db.Exec(`UPDATE sluice_meta.channels SET desired = 'STOPPED'`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Release(ctx, "abc/s", epoch); err == nil || errors.Is(err, ErrLost) {
		t.Fatalf("release without a store: %v", err)
	}
	unwanted(t, a, ReasonStopped)
	if err := a.Release(t.Context(), "abc/s", epoch); err != nil {
		t.Fatal(err)
	}
	if list, err := a.Unwanted(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("after the release %v is unwanted, %v", list, err)
	}
	var owner string
	if err := db.QueryRow(`SELECT owner FROM sluice_meta.channels`).Scan(&owner); err != nil || owner != "" {
		t.Errorf("the owner is %q, %v", owner, err)
	}

	// One that is claimed again before is not released under its new epoch.
	if _, err := db.Exec(`UPDATE sluice_meta.channels SET desired = 'RUNNING'`); err != nil {
		t.Fatal(err)
	}
	epoch = a.claim(t, "abc/s")
	if err := a.Release(ctx, "abc/s", epoch); err == nil {
		t.Fatal("release without a store went well")
	}
	again := a.claim(t, "abc/s")
	if list, err := a.Unwanted(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("a channel that was claimed again: %v is unwanted, %v", list, err)
	}
	a.must(t, "abc/s", again, true)
}

// A claim of which it is not known whether the store made it is taken back: were
// the channel stopped meanwhile, nothing else would do that.
func TestClaimOfUnknownOutcomeIsTakenBack(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	var lose atomic.Bool
	a := start(t, config(t, "a", losesCommits(t, s.DSN(""), &lose)))
	channel(t, db, "abc/s")
	a.wants(t, "abc/s")
	lose.Store(true)
	if _, err := a.Claim(t.Context(), "abc/s"); !errors.Is(err, errLostAnswer) {
		t.Fatalf("claim: %v", err)
	}
	lose.Store(false)
	var owner string
	if err := db.QueryRow(`SELECT owner FROM sluice_meta.channels`).Scan(&owner); err != nil || owner != "a" {
		t.Fatalf("the owner is %q, %v", owner, err)
	}
	if _, err := db.Exec(`UPDATE sluice_meta.channels SET desired = 'STOPPED'`); err != nil {
		t.Fatal(err)
	}
	unwanted(t, a, ReasonStopped)
	if err := a.Release(t.Context(), "abc/s", 1); err != nil {
		t.Fatal(err)
	}
	if list, err := a.Unwanted(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("after the release %v is unwanted, %v", list, err)
	}
}

// errLostAnswer is what a COMMIT returns whose answer was lost.
var errLostAnswer = errors.New("the answer was lost")

// losesCommits is a pool on which, while lose is set, a COMMIT is done and fails.
func losesCommits(t *testing.T, dsn string, lose *atomic.Bool) *sql.DB {
	t.Helper()
	mc, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(mc)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(losing{connector, lose})
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type losing struct {
	driver.Connector
	lose *atomic.Bool
}

func (l losing) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := l.Connector.Connect(ctx)
	return losingConn{c, l.lose}, err
}

type losingConn struct {
	driver.Conn
	lose *atomic.Bool
}

func (c losingConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	r, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, q, args)
	if err == nil && q == "COMMIT" && c.lose.Load() {
		return nil, errLostAnswer
	}
	return r, err
}

func (c losingConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, q, args)
}

func unwanted(t *testing.T, n *node, want Reason) {
	t.Helper()
	eventually(t, n.Node()+" has a channel "+string(want), func() error {
		list, err := n.Unwanted(t.Context())
		if err != nil || len(list) != 1 || list[0].Reason != want {
			return fmt.Errorf("%v, %v", list, err)
		}
		return nil
	})
}

// However many claim at once, one wins, and the epoch grows by one.
func TestConcurrentClaimsHaveOneWinner(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	nodes := []*node{start(t, config(t, "a", db)), start(t, config(t, "b", db)), start(t, config(t, "c", db))}
	channel(t, db, "abc/s")
	for round := uint64(1); round <= 20; round++ {
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			wins []*node
		)
		for _, n := range nodes {
			for range 2 {
				wg.Go(func() {
					epoch, err := n.Claim(t.Context(), "abc/s")
					if err != nil {
						if !errors.Is(err, ErrNotAllowed) {
							t.Errorf("claim: %v", err)
						}
						return
					}
					if epoch != round {
						t.Errorf("epoch %d in round %d", epoch, round)
					}
					mu.Lock()
					wins = append(wins, n)
					mu.Unlock()
				})
			}
		}
		wg.Wait()
		if len(wins) != 1 {
			t.Fatalf("round %d has %d winners", round, len(wins))
		}
		if err := wins[0].Release(t.Context(), "abc/s", round); err != nil {
			t.Fatal(err)
		}
	}
}

// The channels of a node that dies without a word move within seconds, but not
// before its heartbeat is stale.
func TestKilledNodesChannelsMove(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a, b := start(t, config(t, "a", db)), start(t, config(t, "b", db))
	a.sees(t, "b", Alive)
	b.sees(t, "a", Alive)
	channel(t, db, "abc/s")
	a.claim(t, "abc/s")
	eventually(t, "a has sent heartbeats", func() error {
		var beaten bool
		err := db.QueryRow(`SELECT heartbeat > started_at + INTERVAL 1 SECOND FROM sluice_meta.nodes WHERE node = 'a'`).Scan(&beaten)
		if err == nil && !beaten {
			err = errors.New("none yet")
		}
		return err
	})
	a.kill(t)
	b.sees(t, "a", Suspect)
	took := b.wants(t, "abc/s")
	var age float64
	if err := db.QueryRow(`SELECT ` + microsAge + ` FROM sluice_meta.nodes WHERE node = 'a'`).Scan(&age); err != nil {
		t.Fatal(err)
	}
	t.Logf("wanted %v after it was suspect, its heartbeat was %.1f s old", took, age/1e6)
	if age < float64(staleAfter.Microseconds()) || age > float64((8*time.Second).Microseconds()) {
		t.Errorf("claimed with a heartbeat of %.1f s", age/1e6)
	}
	if e, err := b.Claim(t.Context(), "abc/s"); err != nil || e != 2 {
		t.Errorf("claim: epoch %d, %v", e, err)
	}
	b.sees(t, "a", Dead)
	a.must(t, "abc/s", 1, false) // the dead node, if it woke
}

var microsAge = age("heartbeat")

func TestClosedNodesChannelsMoveAtOnce(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a, b := start(t, config(t, "a", db)), start(t, config(t, "b", db))
	b.sees(t, "a", Alive)
	channel(t, db, "abc/s")
	a.claim(t, "abc/s")
	a.end()
	b.sees(t, "a", Left)
	if e := b.claim(t, "abc/s"); e != 2 {
		t.Errorf("epoch %d", e)
	}
}

func TestRestartedNodeFreesItsChannels(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a := start(t, config(t, "a", db))
	channel(t, db, "abc/s")
	a.claim(t, "abc/s")
	addr := a.Addr()
	a.kill(t)
	cfg := config(t, "a", db)
	cfg.BindAddr = addr // the same address: nobody else can be alive there
	begin := time.Now()
	again := start(t, cfg)
	if again.Incarnation() != a.Incarnation()+1 {
		t.Errorf("incarnation %d after %d", again.Incarnation(), a.Incarnation())
	}
	if e := again.claim(t, "abc/s"); e != 2 {
		t.Errorf("epoch %d", e)
	}
	if d := time.Since(begin); d > staleAfter {
		t.Errorf("the restarted node waited %v", d)
	}
}

func TestNameOfALiveNodeIsRefused(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a := start(t, config(t, "a", db))
	if _, err := Open(t.Context(), config(t, "a", db)); !errors.Is(err, ErrNameTaken) {
		t.Fatalf("second node of the same name: %v", err)
	}
	// A hung process lets its heartbeat go stale; the new one replaces it.
	if _, err := db.Exec(`UPDATE sluice_meta.nodes SET incarnation = incarnation + 1`); err != nil {
		t.Fatal(err)
	}
	if err := <-a.done; !errors.Is(err, ErrReplaced) {
		t.Errorf("run of a replaced node: %v", err)
	}
	a.done <- nil
}

func TestAnotherClusterKeyIsRefused(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a := start(t, config(t, "a", db))
	other := []byte("another key that is long enough")
	for _, k := range [][]byte{other, nil} {
		cfg := config(t, "b", db)
		cfg.Key = k
		_, err := Open(t.Context(), cfg)
		if !errors.Is(err, ErrWrongKey) {
			t.Errorf("by the store: %v", err)
		}
		var named *Error
		if !errors.As(err, &named) || named.Code != 61082 || !strings.Contains(named.Message, "node a of this cluster, seen ") ||
			!strings.Contains(named.Remedy, "if node a is stopped, start this node again in ") {
			t.Errorf("it does not say which node, or what to do: %v", err)
		}
		// The same through gossip alone: the store knows nobody else.
		if _, err := db.Exec(`DELETE FROM sluice_meta.nodes`); err != nil {
			t.Fatal(err)
		}
		cfg.Join = []string{a.Addr()}
		if _, err = Open(t.Context(), cfg); !errors.Is(err, ErrWrongKey) {
			t.Errorf("by gossip: %v", err)
		}
		var e *Error
		if !errors.As(err, &e) || e.Remedy == "" {
			t.Errorf("no remedy in %v", err)
		}
		if n := a.gossip.size(); n != 1 {
			t.Errorf("gossip has %d members", n)
		}
		if _, err := db.Exec(`DELETE FROM sluice_meta.nodes`); err != nil {
			t.Fatal(err)
		}
		if err := <-a.done; !errors.Is(err, ErrReplaced) { // its row is gone
			t.Errorf("run: %v", err)
		}
		a.done <- nil
		a.end()
		a = start(t, config(t, "a", db))
	}
}

func TestShortKeyAndBadConfig(t *testing.T) {
	db := connect(t, "root@tcp(127.0.0.1:1)/")
	for name, change := range map[string]func(*Config){
		"short key":  func(c *Config) { c.Key = []byte("short") },
		"no name":    func(c *Config) { c.Node = "" },
		"slash":      func(c *Config) { c.Node = "a/b" },
		"no db":      func(c *Config) { c.DB = nil },
		"no address": func(c *Config) { c.BindAddr = "" },
	} {
		cfg := config(t, "a", db)
		change(&cfg)
		if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNotifyReachesEveryNode(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a, b, c := start(t, config(t, "a", db)), start(t, config(t, "b", db)), start(t, config(t, "c", db))
	for _, n := range []*node{b, c} {
		n.sees(t, "a", Alive)
	}
	a.Notify()
	a.Notify()
	for _, n := range []*node{b, c} {
		eventually(t, n.Node()+" heard it", func() error {
			n.gossip.mu.Lock()
			defer n.gossip.mu.Unlock()
			if got := n.gossip.heard[memberName("a", a.Incarnation())]; got != 2 {
				return fmt.Errorf("heard notification %d", got)
			}
			return nil
		})
	}
}

func TestDrainHandsOver(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a, b := start(t, config(t, "a", db)), start(t, config(t, "b", db))
	a.sees(t, "b", Alive)
	channel(t, db, "abc/s")
	a.claim(t, "abc/s")
	if changed, err := b.Drain(t.Context(), "a"); err != nil || !changed {
		t.Fatalf("drain: %v, %v", changed, err)
	}
	if changed, err := b.Drain(t.Context(), "a"); err != nil || changed {
		t.Errorf("drain again: %v, %v", changed, err)
	}
	if _, err := b.Drain(t.Context(), "x"); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("drain of no node: %v", err)
	}
	unwanted(t, a, ReasonDraining)
	if err := a.Release(t.Context(), "abc/s", 1); err != nil {
		t.Fatal(err)
	}
	b.claim(t, "abc/s")
	eventually(t, "a is drained", func() error {
		for _, m := range b.Members() {
			if m.Node == "a" && m.Status == StatusDrained {
				return nil
			}
		}
		return fmt.Errorf("%+v", b.Members())
	})
	if err := b.Release(t.Context(), "abc/s", 2); err != nil {
		t.Fatal(err)
	}
	if list, err := a.Wanted(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("a drained node wants %v, %v", list, err)
	}
	if changed, err := b.Undrain(t.Context(), "a"); err != nil || !changed {
		t.Fatalf("undrain: %v, %v", changed, err)
	}
	b.BackOff("abc/s", time.Hour)
	a.wants(t, "abc/s")
}

func TestMoveGoesToTheNamedNode(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a, b := start(t, config(t, "a", db)), start(t, config(t, "b", db))
	a.sees(t, "b", Alive)
	b.sees(t, "a", Alive)
	for i := range 4 { // whatever their ranking says
		ch := fmt.Sprintf("abc/s%d", i)
		channel(t, db, ch)
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		epoch := from.claim(t, ch)
		if changed, err := from.Move(t.Context(), ch, from.Node()); err != nil || changed {
			t.Errorf("move to the owner: %v, %v", changed, err)
		}
		if changed, err := from.Move(t.Context(), ch, to.Node()); err != nil || !changed {
			t.Fatalf("move: %v, %v", changed, err)
		}
		unwanted(t, from, ReasonMoved)
		if err := from.Release(t.Context(), ch, epoch); err != nil {
			t.Fatal(err)
		}
		if list, err := from.Wanted(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("the old owner wants %v, %v", list, err)
		}
		epoch = to.claim(t, ch)
		if st, err := to.Channel(t.Context(), ch); err != nil || st.Pinned != "" || st.Owner != to.Node() {
			t.Errorf("after the move: %+v, %v", st, err)
		}
		if _, err := db.Exec(`UPDATE sluice_meta.channels SET desired = 'STOPPED'`); err != nil {
			t.Fatal(err)
		}
		if err := to.Release(t.Context(), ch, epoch); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Move(t.Context(), "abc/s0", "x"); !errors.Is(err, ErrUnknownNode) {
		t.Errorf("move to no node: %v", err)
	}
	if _, err := a.Move(t.Context(), "abc/x", "b"); !errors.Is(err, ErrGone) {
		t.Errorf("move of no channel: %v", err)
	}
}

func TestHaltAndLost(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a := start(t, config(t, "a", db))
	channel(t, db, "abc/s")
	a.wants(t, "abc/s")
	halt := func(epoch uint64) (status string) {
		t.Helper()
		if err := a.Halt(t.Context(), "abc/s", epoch); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(`SELECT status FROM sluice_meta.channels WHERE channel = 'abc/s'`).Scan(&status); err != nil {
			t.Fatal(err)
		}
		return status
	}
	if status := halt(7); status == "ERROR" {
		t.Error("an owner of another epoch halts the channel")
	}
	if status := halt(0); status != "ERROR" {
		t.Errorf("a halted channel has the status %s", status)
	}
	if list, err := a.Wanted(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("wants a halted channel: %v, %v", list, err)
	}
	if _, err := db.Exec(`UPDATE sluice_meta.channels SET not_before = NULL`); err != nil {
		t.Fatal(err)
	}
	a.claim(t, "abc/s")
	if _, err := db.Exec(`UPDATE sluice_meta.channels SET epoch = epoch + 1, owner = 'z'`); err != nil {
		t.Fatal(err)
	}
	unwanted(t, a, ReasonLost)
	if err := a.Release(t.Context(), "abc/s", 1); !errors.Is(err, ErrLost) {
		t.Errorf("release of a lost channel: %v", err)
	}
	if list, err := a.Unwanted(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("still unwanted: %v, %v", list, err)
	}
}

// A node that is cut from the store says so to its peers and loses its channels;
// back again it sees that, and waits before it claims.
func TestCutFromTheStore(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	wire := newCable(t, s.Addr())
	c, err := mysql.ParseDSN(s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	c.Addr = wire.ln.Addr().String()
	a, b := start(t, config(t, "a", connect(t, c.FormatDSN()))), start(t, config(t, "b", db))
	b.sees(t, "a", Alive)
	channel(t, db, "abc/s")
	a.claim(t, "abc/s")
	wire.set(true)
	eventually(t, "b hears that a is cut", func() error {
		for _, m := range b.Members() {
			if m.Node == "a" && !m.StoreOK {
				return nil
			}
		}
		return errors.New("it does not")
	})
	b.claim(t, "abc/s")
	wire.set(false)
	eventually(t, "a is back", func() error {
		if !a.StoreOK() {
			return errors.New("no")
		}
		return nil
	})
	unwanted(t, a, ReasonLost)
	a.place.mu.Lock()
	foreign, free := time.Until(a.place.foreign), time.Until(a.place.free)
	a.place.mu.Unlock()
	if foreign <= 0 || foreign > ownerGrace+resumeSpread || free > resumeSpread {
		t.Errorf("after the outage it waits %v and %v", foreign, free)
	}
	b.sees(t, "a", Alive)
}

// A node that could not be reached when another started is found later, through
// the store.
func TestRejoinThroughTheStore(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a := start(t, config(t, "a", db))
	if _, err := db.Exec(`UPDATE sluice_meta.nodes SET gossip_addr = '127.0.0.1:1'`); err != nil {
		t.Fatal(err)
	}
	b := start(t, config(t, "b", db))
	b.sees(t, "a", Suspect)
	if _, err := db.Exec(`UPDATE sluice_meta.nodes SET gossip_addr = ? WHERE node = 'a'`, a.Addr()); err != nil {
		t.Fatal(err)
	}
	b.sees(t, "a", Alive)
	a.sees(t, "b", Alive)
}

func TestStatsReachTheOthers(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	a, b := start(t, config(t, "a", db)), start(t, config(t, "b", db))
	want := Stats{Lanes: 8, RowsPerSec: 12.5, QueueBytes: 1 << 20, LastError: "x"}
	a.SetStats(want)
	eventually(t, "b sees a's load", func() error {
		for _, m := range b.Members() {
			if m.Node == "a" && m.Stats == want && m.AdminAddr == "a:3306" && m.Version == "test" && !m.StartedAt.IsZero() {
				return nil
			}
		}
		return fmt.Errorf("%+v", b.Members())
	})
}

// Many channels spread over the nodes, none is claimed twice, and all run.
func TestManyChannelsSpread(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	nodes := []*node{start(t, config(t, "a", db)), start(t, config(t, "b", db)), start(t, config(t, "c", db))}
	for _, n := range nodes {
		for _, m := range nodes {
			n.sees(t, m.Node(), Alive)
		}
	}
	const channels = 60
	for i := range channels {
		channel(t, db, fmt.Sprintf("%012d/s", i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			for ctx.Err() == nil {
				list, err := n.Wanted(ctx)
				if err != nil && ctx.Err() == nil {
					t.Errorf("wanted: %v", err)
				}
				for _, ch := range list {
					if _, err := n.Claim(ctx, ch.Channel); err != nil && !errors.Is(err, ErrNotAllowed) && ctx.Err() == nil {
						t.Errorf("claim: %v", err)
					}
				}
				select {
				case <-ctx.Done():
				case <-n.Changed():
				}
			}
		})
	}
	eventually(t, "all channels run", func() error {
		var n, most int
		err := db.QueryRow(`SELECT SUM(n), MAX(n) FROM (SELECT COUNT(*) n FROM sluice_meta.channels WHERE owner <> '' GROUP BY owner) x`).Scan(&n, &most)
		if err != nil {
			return err
		}
		if n != channels {
			return fmt.Errorf("%d run", n)
		}
		if most > channels*2/3 {
			t.Errorf("one node has %d of %d channels", most, channels)
		}
		return nil
	})
	cancel()
	wg.Wait()
	total := 0
	for _, n := range nodes {
		total += n.place.count()
	}
	if total != channels {
		t.Errorf("the nodes hold %d channels together, want %d", total, channels)
	}
	var twice int
	if err := db.QueryRow(`SELECT COUNT(*) FROM sluice_meta.channels WHERE epoch <> 1`).Scan(&twice); err != nil || twice > 0 {
		t.Errorf("%d channels were claimed twice, %v", twice, err)
	}
}
