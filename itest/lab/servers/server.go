package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/process"
)

// Options say how a server is started. The zero value is a server with a
// temporary data folder on a free loopback port.
type Options struct {
	// Dir keeps the data and the log. An empty one is made in the system's
	// temporary folder and removed by Close. One that a former server of the
	// same kind left is started with its data.
	Dir string
	// Host is the address to listen on and to connect to; 127.0.0.1 when empty.
	Host string
	// Port is the port to listen on; 0 takes a free one.
	Port int
	// Args are added to the server's command line, after the lab's own.
	Args []string
	// Log hears of downloads, builds, starts and stops; nil is silent.
	Log *slog.Logger
}

// Server is a started server. Its methods may be called from several
// goroutines; the exported fields do not change.
type Server struct {
	// Kind is the product that runs.
	Kind Kind
	// Host and Port are where it listens.
	Host string
	Port int
	// User has all privileges and, as Password is empty, no password.
	User, Password string
	// Dir keeps the data and the log.
	Dir string
	// Version is what SELECT VERSION() said at the first start.
	Version string

	launcher   Launcher
	args       []string
	log        *slog.Logger
	removeDir  bool
	statusPort int

	mu   sync.Mutex
	proc *process.Process
}

const (
	// startLimit bounds the wait for the first answer. A start takes 2-5 s on
	// two free cores and many times that beside a build.
	startLimit = 3 * time.Minute
	// stopLimit bounds an orderly stop. TiDB waits 15 s for its clients.
	stopLimit = time.Minute
	// pollEvery is how often a starting server is tried.
	pollEvery = 50 * time.Millisecond
	// portRaces is how many times another port is tried when a foreign process
	// took the free one before the server did.
	portRaces = 3
)

// Start starts a server and returns when it has answered a query. It gets the
// program as Locate does. ctx bounds the start alone: the server runs until
// Stop, Kill or Close, or until this process ends.
func Start(ctx context.Context, kind Kind, o Options) (*Server, error) {
	log := orSilent(o.Log)
	launcher, err := Locate(ctx, kind, log)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Kind: kind, Host: o.Host, Port: o.Port, User: "root", Dir: o.Dir,
		launcher: launcher, args: slices.Clone(o.Args), log: log,
	}
	if s.Host == "" {
		s.Host = "127.0.0.1"
	}
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "sluice-"+string(kind)+"-"); err != nil {
			return nil, fmt.Errorf("make the data folder of %s: %w", kind, err)
		}
		s.removeDir = true
	}
	if s.Dir, err = filepath.Abs(s.Dir); err != nil {
		return nil, fmt.Errorf("find the data folder of %s: %w", kind, err)
	}
	if err := s.firstStart(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", kind, err), s.Close())
	}
	return s, nil
}

// firstStart prepares the data folder, picks the port and starts.
func (s *Server) firstStart(ctx context.Context) error {
	if err := s.prepareData(ctx); err != nil {
		return err
	}
	pick := s.Port == 0
	for race := 1; ; race++ {
		if pick {
			port, err := freePort(s.Host)
			if err != nil {
				return err
			}
			s.Port = port
		}
		err := s.launch(ctx, nil)
		if err == nil {
			break
		}
		if !pick || race == portRaces || !errors.Is(err, errEnded) || !portTaken(s.Host, s.Port) {
			return err
		}
	}
	db, err := s.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&s.Version); err != nil {
		return fmt.Errorf("ask the version: %w", err)
	}
	return nil
}

// portTaken tells whether something listens on the port.
func portTaken(host string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return true
	}
	l.Close()
	return false
}

// errEnded is returned when the server ended instead of answering.
var errEnded = errors.New("the server ended while starting")

// launch starts the program with extra arguments and waits for an answer. The
// program is ended when it does not come.
func (s *Server) launch(ctx context.Context, extra []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil && !s.proc.Ended() {
		return fmt.Errorf("%s on port %d runs already", s.Kind, s.Port)
	}
	if s.Kind == TiDB {
		port, err := freePort("127.0.0.1")
		if err != nil {
			return err
		}
		s.statusPort = port
		if err := writeTiDBConfig(s.Dir); err != nil {
			return err
		}
	}
	args := slices.Concat(s.launcher.Argv, products()[s.Kind].run(s), s.args, extra)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.Dir
	if len(s.launcher.Env) > 0 {
		cmd.Env = append(os.Environ(), s.launcher.Env...)
	}
	began, logged := time.Now(), fileSize(s.LogFile())
	proc, err := process.Start(cmd, s.LogFile(), syscall.SIGTERM) // TiDB's store can be lost when TiDB is killed
	if err != nil {
		return err
	}
	if err := s.waitReady(ctx, proc, logged); err != nil {
		return errors.Join(err, proc.Kill())
	}
	s.proc = proc
	s.log.Info("server started", "kind", s.Kind, "addr", s.Addr(), "pid", proc.PID(),
		"origin", s.launcher.Origin, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// waitReady tries a query until the server answers it. An error shows what the
// server logged after the first logged bytes.
func (s *Server) waitReady(ctx context.Context, proc *process.Process, logged int64) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("no answer in %v", startLimit))
	defer cancel()
	db, err := s.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		var one int
		err := db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
		if err == nil {
			return nil
		}
		select {
		case <-proc.Done():
			return fmt.Errorf("%w (%v): %s", errEnded, proc.Err(), s.logSince(logged))
		case <-ctx.Done():
			return fmt.Errorf("wait for the first answer: %w: last: %w: %s", context.Cause(ctx), err, s.logSince(logged))
		case <-tick.C:
		}
	}
}

// Stop ends the server in order and waits until it is gone. Its data stay and
// Restart starts it again. Stopping a stopped server does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	began := time.Now()
	if err := s.proc.Stop(stopLimit); err != nil {
		return fmt.Errorf("stop %s: %w", s.Kind, err)
	}
	s.proc = nil
	s.log.Info("server stopped", "kind", s.Kind, "addr", s.Addr(), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// Kill ends the server with SIGKILL and waits until it is gone. MySQL and
// MariaDB recover what they committed; TiDB can lose its data.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	if err := s.proc.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", s.Kind, err)
	}
	s.proc = nil
	return nil
}

// Restart stops the server if it runs and starts it on the same port and data
// with extra arguments, which hold for this start alone.
func (s *Server) Restart(ctx context.Context, args ...string) error {
	if err := s.Stop(); err != nil {
		return err
	}
	if err := s.launch(ctx, args); err != nil {
		return fmt.Errorf("restart %s: %w", s.Kind, err)
	}
	return nil
}

// Close stops the server, and removes its folder if Start made that.
func (s *Server) Close() error {
	err := s.Stop()
	if s.removeDir {
		err = errors.Join(err, os.RemoveAll(s.Dir))
	}
	return err
}

// PID is the server's process number, 0 when it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || s.proc.Ended() {
		return 0
	}
	return s.proc.PID()
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// DSN is the data source name of a database, which may be empty, in
// go-sql-driver's form.
func (s *Server) DSN(db string) string { return s.config(db).FormatDSN() }

func (s *Server) config(db string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = s.User, s.Password, "tcp", s.Addr(), db
	// Failing connections are usual here, and the errors say so.
	c.Logger = &mysql.NopLogger{}
	return c
}

// Open makes a connection pool for a database, which may be empty. It does
// not connect. The caller closes it.
func (s *Server) Open(db string) (*sql.DB, error) {
	c, err := mysql.NewConnector(s.config(db))
	if err != nil {
		return nil, fmt.Errorf("make a connector for %s: %w", s.Kind, err)
	}
	return sql.OpenDB(c), nil
}

// LogFile is where the server writes its own log.
func (s *Server) LogFile() string { return filepath.Join(s.Dir, "server.log") }

// LogTail is the end of the server's own log.
func (s *Server) LogTail(lines int) string {
	text, err := os.ReadFile(s.LogFile())
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text), lines)
}

// logSince is the beginning and the end of what the server logged after the
// first bytes: a server that refuses an option may say so first, and then
// list all options.
func (s *Server) logSince(offset int64) string {
	text, err := os.ReadFile(s.LogFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text[min(offset, int64(len(text))):])), "\n")
	const first, last = 3, 12
	if len(lines) > first+last {
		lines = slices.Concat(lines[:first], []string{".."}, lines[len(lines)-last:])
	}
	return strings.Join(lines, "\n")
}

// fileSize is 0 for a file that does not exist.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// data is the server's data folder.
func (s *Server) data() string { return filepath.Join(s.Dir, "data") }
