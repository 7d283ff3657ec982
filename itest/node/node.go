package node

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/process"
	"sluice/itest/lab/servers"
)

// Options say how a node is started.
type Options struct {
	// Name is the node's name, such as n1.
	Name string
	// Store is the data source name of the store's TiDB.
	Store string
	// Dir keeps the node's data and log; it is created.
	Dir string
	// Join are gossip addresses of other nodes; those in the store are found
	// without.
	Join []string
	// AdminUser and AdminPassword are for the admin port; root and none when
	// empty.
	AdminUser, AdminPassword string
	// ClusterKey is the cluster's key; one that all nodes share when empty.
	ClusterKey string
	// Args are added to the command line.
	Args []string
	// Env is added to the environment.
	Env []string
}

// Node is a node's process and its lives after restarts, all on the same
// addresses and data. Its methods may be called from several goroutines.
type Node struct {
	Options
	// Admin, Gossip and HTTP are the addresses, host:port.
	Admin, Gossip, HTTP string

	bin string
	db  *sql.DB

	mu     sync.Mutex
	proc   *process.Process
	paused bool
}

// sharedKey is the cluster key of nodes that are given none: several nodes store
// passwords only with one.
const sharedKey = "the cluster key of nodes under test"

const (
	// readyLimit bounds the wait for a node that starts: two seconds on two
	// free cores, many times that beside a build.
	readyLimit = 90 * time.Second
	pollEvery  = 20 * time.Millisecond
	// portRaces is how often other ports are tried when a foreign process took
	// the free ones first.
	portRaces = 3
)

// ErrEnded is returned when a node ended instead of getting ready. The error
// has the end of its log.
var ErrEnded = errors.New("the node ended while starting")

// Start builds the program if need be, starts a node and returns when it is
// ready. ctx bounds the start alone: the node runs until Stop, Kill or Close.
func Start(ctx context.Context, o Options) (*Node, error) {
	bin, err := Build(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of node %s: %w", o.Name, err)
	}
	n := &Node{Options: o, bin: bin}
	for race := 1; ; race++ {
		for _, addr := range []*string{&n.Admin, &n.Gossip, &n.HTTP} {
			port, err := servers.FreePort()
			if err != nil {
				return nil, err
			}
			*addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		}
		err = n.launch(ctx)
		if err == nil || race == portRaces || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start node %s: %w", o.Name, err)
	}
	return n, nil
}

// args is the node's command line.
func (n *Node) args() []string {
	args := []string{"node", "--name", n.Name, "--store", n.Store, "--admin-addr", n.Admin, "--gossip-addr", n.Gossip,
		"--http-addr", n.HTTP, "--data-dir", filepath.Join(n.Dir, "data"), "--log-format", "json", "--cluster-key-file", n.keyFile()}
	if n.AdminUser != "" {
		args = append(args, "--admin-user", n.AdminUser)
	}
	if n.AdminPassword != "" {
		args = append(args, "--admin-password-file", n.passwordFile())
	}
	for _, j := range n.Join {
		args = append(args, "--join", j)
	}
	return append(args, n.Args...)
}

func (n *Node) keyFile() string { return filepath.Join(n.Dir, "cluster-key") }

func (n *Node) passwordFile() string { return filepath.Join(n.Dir, "admin-password") }

// launch starts a process and waits for its line "node ready".
func (n *Node) launch(ctx context.Context) error {
	if err := os.WriteFile(n.keyFile(), []byte(cmp.Or(n.ClusterKey, sharedKey)+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the cluster key: %w", err)
	}
	if n.AdminPassword != "" {
		if err := os.WriteFile(n.passwordFile(), []byte(n.AdminPassword+"\n"), 0o600); err != nil {
			return fmt.Errorf("write the admin port's password: %w", err)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil && !n.proc.Ended() {
		return fmt.Errorf("node %s runs already", n.Name)
	}
	cmd := exec.Command(n.bin, n.args()...)
	cmd.Dir = n.Dir
	cmd.Env = append(os.Environ(), n.Env...)
	logged := fileSize(n.LogFile())
	proc, err := process.Start(cmd, n.LogFile(), syscall.SIGKILL)
	if err != nil {
		return err
	}
	if err := n.waitReady(ctx, proc, logged); err != nil {
		err = errors.Join(err, proc.Signal(syscall.SIGKILL))
		<-proc.Done()
		return err
	}
	n.proc, n.paused = proc, false
	if n.db == nil {
		n.db, err = n.Open("")
	}
	return err
}

func (n *Node) waitReady(ctx context.Context, proc *process.Process, logged int64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyLimit, fmt.Errorf("not ready in %v", readyLimit))
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(n.LogFile())
		if err != nil {
			return fmt.Errorf("read the node's log: %w", err)
		}
		text = text[min(logged, int64(len(text))):]
		if admin, ok := findReady(text); ok {
			if admin != n.Admin {
				return fmt.Errorf("the node says that its admin port is %q, and was told %s", admin, n.Admin)
			}
			return nil
		}
		select {
		case <-proc.Done():
			return fmt.Errorf("%w (%v): %s", ErrEnded, proc.Err(), n.LogTail(12))
		case <-ctx.Done():
			return fmt.Errorf("wait for the line 'node ready': %w: %s", context.Cause(ctx), n.LogTail(12))
		case <-tick.C:
		}
	}
}

// findReady looks for the line "node ready" and returns the admin address that
// it names.
func findReady(text []byte) (admin string, ok bool) {
	for line := range bytes.Lines(text) {
		var r struct{ Msg, Admin string }
		if bytes.Contains(line, []byte("node ready")) && json.Unmarshal(line, &r) == nil && r.Msg == "node ready" {
			return r.Admin, true
		}
	}
	return "", false
}

// Open makes a connection pool for the admin port and one of its schemas,
// which may be empty. The caller closes it.
func (n *Node) Open(schema string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = n.AdminUser, n.AdminPassword, "tcp", n.Admin, schema
	if c.User == "" {
		c.User = "root"
	}
	c.Timeout = 5 * time.Second
	c.Logger = &mysql.NopLogger{} // the errors say it
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("make a connector for the admin port: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// Restart starts an ended node again on its addresses and data.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.launch(ctx); err != nil {
		return fmt.Errorf("restart node %s: %w", n.Name, err)
	}
	return nil
}

// Kill ends the node with SIGKILL and waits until it is gone.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL) }

// Abort ends the node with SIGABRT, which Go's runtime takes as it takes a fatal
// error of its own, and waits until it is gone.
func (n *Node) Abort() error { return n.end(syscall.SIGABRT) }

func (n *Node) end(s syscall.Signal) error {
	p := n.current()
	if p == nil {
		return nil
	}
	if err := p.Signal(s); err != nil {
		return fmt.Errorf("end node %s: %w", n.Name, err)
	}
	<-p.Done()
	return nil
}

// ErrLate is returned by Stop when the node did not end in time and was
// killed.
var ErrLate = errors.New("the node did not end in time and was killed")

// Stop asks the node to end with SIGTERM and waits, at most for the limit. The
// error is ErrLate, or that of a node that ended with another code than 0.
func (n *Node) Stop(limit time.Duration) error {
	p := n.current()
	if p == nil {
		return nil
	}
	if err := errors.Join(n.Continue(), p.Signal(syscall.SIGTERM)); err != nil {
		return fmt.Errorf("stop node %s: %w", n.Name, err)
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.Done():
		if p.Err() != nil {
			return fmt.Errorf("stop node %s: %w", n.Name, p.Err())
		}
		return nil
	case <-late.C:
		return errors.Join(fmt.Errorf("stop node %s: %w: %v", n.Name, ErrLate, limit), n.Kill())
	}
}

// Pause freezes the node with SIGSTOP.
func (n *Node) Pause() error { return n.freeze(syscall.SIGSTOP, true) }

// Continue wakes a frozen node.
func (n *Node) Continue() error { return n.freeze(syscall.SIGCONT, false) }

func (n *Node) freeze(s syscall.Signal, paused bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return nil
	}
	n.paused = paused
	return n.proc.Signal(s)
}

// Close ends the node by force and closes the pool. Closing twice does nothing.
func (n *Node) Close() error {
	err := n.Kill()
	if n.db != nil {
		_ = n.db.Close() // connections to a life that was killed say so
	}
	return err
}

func (n *Node) current() *process.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil || n.proc.Ended() {
		return nil
	}
	return n.proc
}

// Running says whether the node's process is there and not frozen.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc != nil && !n.proc.Ended() && !n.paused
}

// LogFile is where the node's log is: of all its lives.
func (n *Node) LogFile() string { return filepath.Join(n.Dir, "node.log") }

// LogTail is the end of the node's log.
func (n *Node) LogTail(lines int) string {
	text, err := os.ReadFile(n.LogFile())
	if err != nil {
		return err.Error()
	}
	l := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(l[max(0, len(l)-lines):], "\n")
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
