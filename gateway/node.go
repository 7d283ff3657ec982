package gateway

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

// How long each step of an orderly end may take; together they stay below the
// 10 s that SIGTERM gives.
const (
	adminPatience   = time.Second     // for statements under way
	channelPatience = 7 * time.Second // for transactions under way and the writes after them
	leavePatience   = time.Second     // for records, the cluster and the HTTP server
)

// pruneEvery is how often old records are removed, recordsKept how old they get.
const (
	pruneEvery  = time.Hour
	recordsKept = 30 * 24 * time.Hour
)

// Node is one running node. Open, then Run, which also closes it.
type Node struct {
	cfg      Config
	log      *slog.Logger
	http     *httpServer
	db       *sql.DB
	starting *starting

	storePassword *storePassword
	services      *services
	supervisor    *supervisor
	resealer      *resealer
	controller    *controller
	admin         *sqladmin.Server
	stopping      atomic.Bool
	closers       []func(context.Context) error // in the order of opening
}

// Open listens, waits until the store is there, and joins the cluster: when it
// returns, the node answers statements. Until then logins fail with 61021. ctx
// ends the waiting. Its errors tell an
// operator what to do; nothing stays open after one.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Node{cfg: cfg, log: cfg.Log}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.close(context.WithoutCancel(ctx)))
	}
	n.log.Info("node ready", "name", cfg.Name, "admin", n.AdminAddr(), "gossip", n.GossipAddr(), "http", n.HTTPAddr(), "version", Version())
	n.http.setReady(true)
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	if err := os.MkdirAll(n.cfg.DataDir, 0o700); err != nil {
		return badConfig("data-dir", "name a folder that this process can make and write", "%v", err)
	}
	crash, err := watchCrashes(n.cfg.DataDir)
	if err != nil {
		return badConfig("data-dir", "name a folder that this process can read and write", "%v", err)
	}
	if crash != "" {
		n.log.Error("the process before this one crashed", "report", filepath.Join(n.cfg.DataDir, lastCrashFile), "error", crash)
	}
	store, err := n.cfg.storeConfig()
	if err != nil {
		return err
	}
	n.storePassword = newStorePassword(n.cfg.StorePasswordFile, store.Passwd)
	k, err := n.cfg.keys(store)
	if err != nil {
		return err
	}
	if k.cluster == nil {
		what, remedy := "passwords in the store are encrypted with a key that only this node has",
			"back the key up; give every node the same --cluster-key-file before a second one joins"
		if len(n.cfg.Join) > 0 {
			what = "no node of the cluster takes passwords as literals while nodes have no key in common (61240)"
			remedy = "give every node the same --cluster-key-file; or use FROM FILE and FROM ENV secrets only"
		}
		n.log.Warn("no cluster key: gossip is not encrypted, and "+what, "key", filepath.Join(n.cfg.DataDir, ownKeyFile), "remedy", remedy)
	}
	n.starting = startStarting(ctx, store.Addr, n.log)
	defer n.starting.end()
	if err := openHTTP(ctx, n); err != nil {
		return err
	}
	n.onClose(n.http.close)
	if err := n.openAdmin(ctx); err != nil {
		return err
	}
	if n.db, err = openPool(store, n.storePassword, storeConnections, storeIdle, n.storeIsPlain(store.Addr)); err != nil {
		return err
	}
	n.onClose(func(context.Context) error { return n.db.Close() })
	c, err := openStore(ctx, n.db, n.starting, catalog.Config{Node: n.cfg.Name, Keys: k.forSecrets(),
		AcceptUnreadable: n.cfg.UnreadableSecrets == "restate", SecretsDir: n.cfg.SecretsDir, Logger: n.log})
	if err != nil {
		return err
	}
	if err := n.starting.retry(ctx, "join the cluster", func() error { return n.join(ctx, c, k, crash != "") }); err != nil {
		return err
	}
	if err := countedCrash(n.cfg.DataDir); err != nil {
		n.log.Warn("the next start may count this crash again", "error", err.Error())
	}
	check := func() error { return c.CheckKeys(ctx) }
	if err := n.starting.retry(ctx, "compare the keys", check); err != nil { // again: this node is registered by now
		return err
	}
	heart, err := n.openPulse(ctx, store)
	if err != nil {
		return err
	}
	n.services = &services{cfg: &n.cfg, log: n.log, db: n.db, catalog: c, cluster: n.services.cluster, targets: newTargets(c, store, n.storePassword),
		records: newRecorder(n.log), pulse: heart}
	n.supervisor = newSupervisor(n.services)
	n.reportCrashes(ctx, crash)
	n.resealer = &resealer{node: n, catalog: c}
	n.resealer.look(ctx)
	var id uint32
	if err := n.starting.retry(ctx, "number the node", func() (err error) {
		id, err = n.nodeID(ctx, c)
		return err
	}); err != nil {
		return err
	}
	n.controller = newController(n.services)
	return n.admin.Serve(n.controller, id)
}

// openAdmin opens the admin port, which lets nobody in before Serve: a port in
// use is an error before the store is waited for, and clients learn why they
// have to wait.
func (n *Node) openAdmin(ctx context.Context) error {
	_, cfg, err := n.listenAdmin(ctx)
	if err != nil {
		return err
	}
	cfg.Starting = n.starting.problem
	if n.admin, err = sqladmin.Open(context.WithoutCancel(ctx), cfg); err != nil {
		return fmt.Errorf("open the admin port: %w", err)
	}
	n.onClose(n.closeAdmin)
	return nil
}

// storeIsPlain returns a function that logs once that connections to the store are not encrypted.
func (n *Node) storeIsPlain(addr string) func() {
	return sync.OnceFunc(func() {
		n.log.Warn("the store offers no TLS: what this node writes and reads there, passwords' hashes included, is not encrypted",
			"store", addr, "remedy", "give TiDB a certificate, and verify it: --store-ssl-ca")
	})
}

// openPulse watches the store until the node is closed.
func (n *Node) openPulse(ctx context.Context, store *mysql.Config) (*pulse, error) {
	db, err := openPool(store, n.storePassword, 1, 1, nil)
	if err != nil {
		return nil, err
	}
	p := startPulse(context.WithoutCancel(ctx), db)
	n.onClose(func(context.Context) error {
		p.close()
		return db.Close()
	})
	return p, nil
}

// listenAdmin binds the admin port and reads what it needs.
func (n *Node) listenAdmin(ctx context.Context) (net.Listener, sqladmin.Config, error) {
	cfg := sqladmin.Config{User: n.cfg.AdminUser, NodeName: n.cfg.Name, Logger: n.log, VersionComment: "Sluice " + Version()}
	if n.cfg.AdminPasswordFile != "" {
		var err error
		if cfg.Password, err = readSecretFile("admin-password-file", n.cfg.AdminPasswordFile); err != nil {
			return nil, cfg, err
		}
	}
	if n.cfg.AdminTLSCert != "" {
		pair, err := n.cfg.adminCertificate()
		if err != nil {
			return nil, cfg, err
		}
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", n.cfg.AdminAddr)
	if err != nil {
		return nil, cfg, badConfig("admin-addr", "choose a free address", "%v", err)
	}
	n.cfg.AdminAddr = l.Addr().String()
	cfg.Listener = l
	return l, cfg, nil
}

// join makes this node a member of the cluster. After an error it may be called again: cluster.Open has left and
// closed what it opened. Should an answer be lost after the registration was stored, then the next attempt finds a
// heartbeat that does not move, and takes the name over once it is stale.
func (n *Node) join(ctx context.Context, c *catalog.Catalog, k keys, crashed bool) error {
	cl, err := cluster.Open(ctx, cluster.Config{
		Node: n.cfg.Name, DB: n.db, BindAddr: n.cfg.GossipAddr, AdvertiseAddr: n.cfg.GossipAdvertiseAddr, Join: n.cfg.Join,
		Key: k.cluster, OldKey: k.oldShared(), FromKeyless: k.fromKeyless && k.cluster != nil,
		Crash: crashed, AdminAddr: n.AdminAddr(), HTTPAddr: n.HTTPAddr(), Version: Version(), Logger: n.log,
	})
	if err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	n.services = &services{catalog: c, cluster: cl}
	n.onClose(cl.Close)
	return nil
}

// nodeID returns the node's part of connection ids. Beyond MaxNodeID nodes that
// ever were, two may share one: then KILL may name a connection of either.
func (n *Node) nodeID(ctx context.Context, c *catalog.Catalog) (uint32, error) {
	id, err := c.NodeID(ctx, n.cfg.Name)
	return (id-1)%sqladmin.MaxNodeID + 1, err
}

func (n *Node) onClose(f func(context.Context) error) { n.closers = append(n.closers, f) }

// close closes what was opened, the last first.
func (n *Node) close(ctx context.Context) error {
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		ctx, cancel := context.WithTimeout(ctx, leavePatience)
		errs = append(errs, n.closers[i](ctx))
		cancel()
	}
	n.closers = nil
	return errors.Join(errs...)
}

func (n *Node) closeAdmin(ctx context.Context) error {
	if err := n.admin.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("close the admin port: %w", err)
	}
	return nil // statements that went on were told that the server shuts down
}

// AdminAddr returns the address of the admin port.
func (n *Node) AdminAddr() string { return n.admin.Addr().String() }

// GossipAddr returns the address at which other nodes reach this one's gossip.
func (n *Node) GossipAddr() string { return n.services.cluster.Addr() }

// HTTPAddr returns the address of the HTTP pages.
func (n *Node) HTTPAddr() string { return n.http.addr() }

// Run runs the node until ctx ends and closes it in order: the admin port first,
// then the channels, each at a transaction boundary, then the cluster. It takes
// less than 10 s for that, and returns nil when all of it was in order. It
// returns early when another process took over the node's name.
func (n *Node) Run(ctx context.Context) error {
	base := context.WithoutCancel(ctx)
	life, end := context.WithCancel(ctx) // ends when the node has to stop
	defer end()
	live, kill := context.WithCancel(base) // ends when channels have to stop at once
	defer kill()
	member, leave := context.WithCancel(base) // ends when no channel is held any more
	defer leave()

	clusterErr := make(chan error, 1)
	go func() {
		err := n.services.cluster.Run(member)
		if err != nil {
			kill()
		}
		end()
		clusterErr <- err
	}()
	recorded := make(chan struct{})
	flush, stopFlush := context.WithCancel(base)
	defer stopFlush()
	go func() { defer close(recorded); n.services.records.run(member, flush) }()
	pruned := make(chan struct{})
	go func() { defer close(pruned); n.prune(life) }()
	resealed := make(chan struct{})
	go func() { defer close(resealed); n.resealer.run(life) }()
	known := make(chan struct{})
	go func() { defer close(known); n.controller.know(life) }()
	supervised := make(chan struct{})
	go func() { defer close(supervised); n.supervisor.run(life, live) }()

	<-life.Done()
	n.log.Info("the node stops", "name", n.cfg.Name)
	n.stopping.Store(true)
	n.http.setReady(false)
	err := n.stop(base, supervised, kill)
	leave()
	time.AfterFunc(leavePatience, stopFlush)
	<-recorded
	<-pruned
	<-resealed
	<-known
	err = errors.Join(<-clusterErr, err, n.close(base))
	if err == nil {
		n.log.Info("the node stopped", "name", n.cfg.Name)
	}
	return err
}

// errForced is returned when channels did not reach a transaction boundary in
// time and were cut off. That is safe: the next owner sees what was committed.
var errForced = errors.New("channels did not stop in time and were cut off")

// stop ends the admin port and the channels, beside each other.
func (n *Node) stop(base context.Context, supervised <-chan struct{}, kill func()) error {
	ctx, cancel := context.WithTimeout(base, adminPatience)
	defer cancel()
	adminErr := make(chan error, 1)
	go func() { adminErr <- n.closeAdmin(ctx) }()
	t := time.NewTimer(channelPatience)
	defer t.Stop()
	var err error
	select {
	case <-supervised:
	case <-t.C:
		err = errForced
		kill()
		<-supervised
	}
	return errors.Join(err, <-adminErr)
}

// prune removes old records now and then until ctx ends.
func (n *Node) prune(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			removed, err := n.services.catalog.Prune(ctx, recordsKept)
			if err != nil && ctx.Err() == nil {
				n.log.Warn("remove old records", "error", err.Error())
			} else if removed > 0 {
				n.log.Debug("old records removed", "rows", removed)
			}
		}
	}
}
