package servers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// tidbToolchain is the Go that TiDB is built with. Built with Go 1.26 it
// panics at start.
const tidbToolchain = "go1.25.12"

// locateTiDB finds TiDB in the cache or on the PATH, and builds it otherwise.
// The cached file's name has a hash of the nested module's go.mod, so that
// another version is another file.
func locateTiDB(ctx context.Context, cache string, names []string, log *slog.Logger) (Launcher, error) {
	module, err := tidbModule()
	if err != nil {
		return Launcher{}, err
	}
	gomod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return Launcher{}, fmt.Errorf("read TiDB's module file: %w", err)
	}
	sum := sha256.Sum256(gomod)
	path := filepath.Join(cache, "tidb-server-"+hex.EncodeToString(sum[:])[:12])
	if !exists(path) {
		for _, name := range names {
			if found, err := exec.LookPath(name); err == nil {
				return Launcher{Argv: []string{found}, Origin: "PATH"}, nil
			}
		}
	}
	err = once(ctx, path, log, func(temp string) error {
		log.Info("building TiDB; this takes some minutes", "toolchain", tidbToolchain)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", temp, "github.com/pingcap/tidb/cmd/tidb-server")
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+tidbToolchain, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
		// The compilers that go started end with it when it is interrupted.
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		if _, err := output(cmd); err != nil {
			return fmt.Errorf("build TiDB (SLUICE_TIDB_SERVER names one that is here): %w", err)
		}
		return nil
	})
	if err != nil {
		return Launcher{}, err
	}
	return Launcher{Argv: []string{path}, Origin: "cache"}, nil
}

// tidbModule finds the nested module that names TiDB's version, from the
// working folder upwards: tests and go run are inside the clone.
func tidbModule() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the clone: %w", err)
	}
	for {
		module := filepath.Join(dir, "itest", "lab", "tidb")
		if exists(filepath.Join(module, "go.mod")) {
			return module, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find itest/lab/tidb: the working folder is not inside a clone of Sluice")
		}
		dir = parent
	}
}

// tidbConfig keeps every file of the server inside its folder, and has it
// take no Unix socket.
const tidbConfig = `socket = ""
tmp-storage-path = %q
[log]
slow-query-file = %q
`

func tidbArgs(s *Server) []string {
	return []string{
		"-store", "unistore",
		"-path", s.data(),
		"-config", filepath.Join(s.Dir, "tidb.toml"),
		"-host", s.Host,
		"-P", strconv.Itoa(s.Port),
		"-status-host", "127.0.0.1",
		"-status", strconv.Itoa(s.statusPort),
		"-log-file", s.LogFile(),
		"-L", "warn",
		"-temp-dir", filepath.Join(s.Dir, "tmp"),
	}
}

// writeTiDBConfig writes what has no command line flag.
func writeTiDBConfig(dir string) error {
	text := fmt.Sprintf(tidbConfig, filepath.Join(dir, "tmp-storage"), filepath.Join(dir, "slow.log"))
	if err := os.WriteFile(filepath.Join(dir, "tidb.toml"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write TiDB's configuration: %w", err)
	}
	return nil
}

// prepareTiDB starts TiDB on an empty folder, which makes its system tables,
// and stops it in order.
func prepareTiDB(p *preparation) error {
	if err := os.MkdirAll(p.data(), 0o755); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	s := &Server{Kind: p.kind, Host: "127.0.0.1", User: "root", Dir: p.dir, launcher: p.launcher, log: p.log}
	return errors.Join(s.firstStart(p.ctx), s.Stop())
}
