package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
	"sluice/perf/blackhole"
	"sluice/perf/load"
	"sluice/perf/scenario"
)

// rig is the servers of one invocation: a source and a TiDB, both its own; each
// scenario has a fresh TiDB. Not for several goroutines.
type rig struct {
	log            logger
	dir            string
	keep           bool
	source, target *servers.Server
	hole           *blackhole.Server
	// from and to take several statements in one packet; plain does not, as
	// a client's usual connections.
	from, to, plain *sql.DB
	statusAddr      string
	nodes, targets  int  // how many were started
	used            bool // something was measured in this target
	warm            bool
	scale           scenario.Scale
}

// logger prints progress.
type logger func(format string, args ...any)

// sourceArgs make loading quick. What they give up a benchmark does not need:
// the binlog's content is the same.
var sourceArgs = []string{
	"--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--innodb-doublewrite=OFF",
	"--innodb-buffer-pool-size=512M", "--innodb-redo-log-capacity=1G", "--innodb-adaptive-hash-index=OFF",
	"--max-allowed-packet=64M", "--max-binlog-size=1G", "--binlog-cache-size=4M", "--max-connections=600",
}

// maxPacket is what the servers take, in bytes.
const maxPacket = 64 << 20

// targetSettings keep TiDB's background work out of the figures, the
// yardstick's and the gateway's alike.
var targetSettings = []string{
	"SET GLOBAL tidb_enable_auto_analyze=OFF",
	"SET GLOBAL tidb_gc_enable=OFF",
	"SET GLOBAL tidb_server_memory_limit='8GB'",
}

// openRig builds the program and starts the servers. The caller closes it.
func openRig(ctx context.Context, log logger, keep bool) (*rig, error) {
	if _, err := node.Build(ctx); err != nil {
		return nil, err
	}
	r := &rig{log: log, keep: keep}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rig) open(ctx context.Context) error {
	var err error
	if r.dir, err = os.MkdirTemp("", "sluice-perf-"); err != nil {
		return fmt.Errorf("make a folder for the servers: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		r.source, err = servers.Start(groupCtx, servers.MySQL, servers.Options{Dir: filepath.Join(r.dir, "mysql"), Args: sourceArgs})
		return err
	})
	group.Go(func() error { return r.openTarget(groupCtx) })
	if err := group.Wait(); err != nil {
		return err
	}
	if r.from, err = openPool(r.source, true); err != nil {
		return err
	}
	return r.openHole(ctx)
}

// openTarget starts an empty TiDB.
func (r *rig) openTarget(ctx context.Context) error {
	status, err := servers.FreePort()
	if err != nil {
		return err
	}
	r.statusAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(status))
	r.targets++
	r.target, err = servers.Start(ctx, servers.TiDB, servers.Options{Dir: filepath.Join(r.dir, fmt.Sprintf("tidb%d", r.targets)),
		Args: []string{"-status", strconv.Itoa(status)}})
	if err != nil {
		return err
	}
	if r.to, err = openPool(r.target, true); err != nil {
		return err
	}
	if r.plain, err = openPool(r.target, false); err != nil {
		return err
	}
	for _, s := range targetSettings {
		if _, err := r.to.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("set up the target: %s: %w", s, err)
		}
	}
	return nil
}

// openHole starts the black hole in front of the TiDB; it lives until ctx ends.
func (r *rig) openHole(ctx context.Context) (err error) {
	r.hole, err = blackhole.Start(ctx, blackhole.Options{Upstream: r.target.Addr()})
	return err
}

// closeTarget ends the TiDB and what is connected to it. Nobody needs an orderly
// end, and TiDB's takes long.
func (r *rig) closeTarget() (err error) {
	if r.hole != nil {
		err = errors.Join(err, r.hole.Close())
	}
	for _, db := range []*sql.DB{r.to, r.plain} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if r.target != nil {
		err = errors.Join(err, r.target.Kill())
	}
	r.hole, r.to, r.plain, r.target = nil, nil, nil, nil
	return err
}

// freshTarget takes another, empty TiDB when the present one was used: dropped
// rows stay in its store, and rows beside them cost more. Nobody looks at the
// figures of scale small.
func (r *rig) freshTarget(ctx context.Context) error {
	if !r.used || r.scale == scenario.Small {
		return nil
	}
	return r.renewTarget(ctx)
}

// renewTarget ends the TiDB and starts an empty one.
func (r *rig) renewTarget(ctx context.Context) error {
	r.used = true // should it fail, the next one has to try again
	old := ""
	if r.target != nil && !r.keep {
		old = r.target.Dir
	}
	err := r.closeTarget()
	if err == nil && old != "" {
		err = os.RemoveAll(old)
	}
	if err != nil {
		return fmt.Errorf("end the used target: %w", err)
	}
	if err := r.openTarget(ctx); err != nil {
		return err
	}
	if err := r.openHole(ctx); err != nil {
		return err
	}
	r.used, r.warm = false, false
	return nil
}

// openPool makes a pool whose connections stay; many lets a packet have several
// statements.
func openPool(s *servers.Server, many bool) (*sql.DB, error) {
	c, err := mysql.ParseDSN(s.DSN(""))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.Kind, err)
	}
	c.MultiStatements, c.MaxAllowedPacket = many, maxPacket
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.Kind, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(2 * load.Connections)
	return db, nil
}

// close ends all that was started; the servers' folder stays with --keep.
func (r *rig) close() error {
	err := r.closeTarget()
	if r.from != nil {
		err = errors.Join(err, r.from.Close())
	}
	if r.source != nil {
		err = errors.Join(err, r.source.Kill())
	}
	if r.dir == "" {
		return err
	}
	if r.keep {
		r.log("kept: %s", r.dir)
		return err
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}

// sourceName is the source's name in the nodes' catalog.
const sourceName = "perf_source"

// startNode starts a fresh process with an empty store: the peak of its memory
// is that of the run. The caller closes it.
func (r *rig) startNode(ctx context.Context, target scenario.Target) (*node.Node, error) {
	r.nodes++
	store, err := mysql.ParseDSN(r.target.DSN(""))
	if err != nil {
		return nil, fmt.Errorf("name the store: %w", err)
	}
	if target == scenario.Blackhole {
		store.Addr = r.hole.Addr()
	}
	if _, err := r.to.ExecContext(ctx, "DROP DATABASE IF EXISTS sluice_meta"); err != nil {
		return nil, fmt.Errorf("empty the store: %w", err)
	}
	n, err := node.Start(ctx, node.Options{Name: "perf", Store: store.FormatDSN(),
		Dir: filepath.Join(r.dir, fmt.Sprintf("node%d", r.nodes))})
	if err != nil {
		return nil, err
	}
	err = n.Exec(ctx, fmt.Sprintf("CREATE SOURCE %s SOURCE_HOST='%s', SOURCE_PORT=%d, SOURCE_USER='%s', SOURCE_SSL_MODE=DISABLED",
		sourceName, r.source.Host, r.source.Port, r.source.User))
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// stopLimit bounds a node's orderly end.
const stopLimit = 30 * time.Second

// binlogs returns the names of the source's binlog files.
func (r *rig) binlogs(ctx context.Context) ([]string, error) {
	rows, err := node.Query(ctx, r.from, "SHOW BINARY LOGS")
	if err != nil {
		return nil, fmt.Errorf("list the source's binlogs: %w", err)
	}
	var names []string
	for _, row := range rows {
		names = append(names, row["Log_name"])
	}
	return names, nil
}
