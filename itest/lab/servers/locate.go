package servers

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Launcher is how a program is started.
type Launcher struct {
	// Argv is the program and the arguments that come before its own.
	Argv []string
	// Root is the private root the program came from; empty when it belongs to
	// the machine.
	Root string
	// Env is added to the environment.
	Env []string
	// Origin says where the program was found: the variable's name, cache or PATH.
	Origin string
}

// Command makes a command that ends with ctx. The caller starts it.
func (l Launcher) Command(ctx context.Context, args ...string) *exec.Cmd {
	argv := append(append([]string(nil), l.Argv...), args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if len(l.Env) > 0 {
		cmd.Env = append(os.Environ(), l.Env...)
	}
	return cmd
}

// Program is the program's own file, which Argv[0] is not when it runs
// through a loader.
func (l Launcher) Program() string { return l.Argv[len(l.Argv)-1] }

// Locate finds the server of a kind, and fetches or builds it into the cache
// when the machine has none. The first call on a machine downloads for a
// minute, and for TiDB compiles for some 10 minutes on two cores; ctx ends
// either. A nil log is silent.
func Locate(ctx context.Context, kind Kind, log *slog.Logger) (Launcher, error) {
	p, ok := products()[kind]
	if !ok {
		return Launcher{}, fmt.Errorf("locate a server: kind %q is not known", kind)
	}
	log = orSilent(log)
	if path := os.Getenv(p.env); path != "" {
		return named(p.env, path)
	}
	cache, err := CacheDir()
	if err != nil {
		return Launcher{}, err
	}
	if p.root.name == "" {
		return locateTiDB(ctx, cache, p.programs, log)
	}
	if dir := p.root.dir(cache); exists(dir) {
		return p.root.launcher(dir, p.server)
	}
	// A server on the PATH serves for the general kinds, not for the one that
	// stands for a version.
	if kind != MariaDB11 {
		if l, ok := onPath(ctx, p.programs, p.isMariaDB); ok {
			return l, nil
		}
	}
	dir, err := p.root.fetch(ctx, cache, log)
	if err != nil {
		return Launcher{}, fmt.Errorf("fetch %s (%s names one that is here): %w", kind, p.env, err)
	}
	return p.root.launcher(dir, p.server)
}

// LocateClient finds the command line client of a kind: mysql for MySQL,
// mariadb for MariaDB and also for TiDB, whose root logs in by
// mysql_native_password, which the client of MySQL 9 does not have any more.
func LocateClient(ctx context.Context, kind Kind, log *slog.Logger) (Launcher, error) {
	if kind == TiDB {
		kind = MariaDB
	}
	p, ok := products()[kind]
	if !ok {
		return Launcher{}, fmt.Errorf("locate a client: kind %q is not known", kind)
	}
	cache, err := CacheDir()
	if err != nil {
		return Launcher{}, err
	}
	dir := p.root.dir(cache)
	if !exists(dir) {
		if l, ok := onPath(ctx, p.clients, p.isMariaDB); ok {
			return l, nil
		}
		if dir, err = p.root.fetch(ctx, cache, orSilent(log)); err != nil {
			return Launcher{}, fmt.Errorf("fetch the client of %s: %w", kind, err)
		}
	}
	l, err := p.root.launcher(dir, p.client)
	if err == nil && p.isMariaDB {
		l.Env = append(l.Env, authPlugins(dir))
	}
	return l, err
}

// authPlugins is the variable by which MariaDB's client library finds MySQL's
// caching_sha2_password in a private root: there it is a plugin.
func authPlugins(root string) string {
	return "MARIADB_PLUGIN_DIR=" + filepath.Join(root, "usr/lib", loaders[runtime.GOARCH].triple, "libmariadb3/plugin")
}

// sysbenchRoot has the load generator with its Lua scripts.
var sysbenchRoot = debianRoot{name: "sysbench", suite: "bookworm", packages: []string{"sysbench"}}

// LocateSysbench finds the load generator sysbench. Its scripts (oltp_insert
// and so on) are named by Script.
func LocateSysbench(ctx context.Context, log *slog.Logger) (Launcher, error) {
	cache, err := CacheDir()
	if err != nil {
		return Launcher{}, err
	}
	if !exists(sysbenchRoot.dir(cache)) {
		if path, err := exec.LookPath("sysbench"); err == nil {
			return Launcher{Argv: []string{path}, Origin: "PATH"}, nil
		}
	}
	dir, err := sysbenchRoot.fetch(ctx, cache, orSilent(log))
	if err != nil {
		return Launcher{}, fmt.Errorf("fetch sysbench: %w", err)
	}
	l, err := sysbenchRoot.launcher(dir, "usr/bin/sysbench")
	if err != nil {
		return Launcher{}, err
	}
	l.Env = []string{
		"LUA_PATH=" + filepath.Join(dir, "usr/share/sysbench/?.lua") + ";;",
		authPlugins(dir),
	}
	return l, nil
}

// Script is the argument that makes sysbench run one of its own scripts, such
// as oltp_insert.
func (l Launcher) Script(name string) string {
	if l.Root == "" {
		return name
	}
	return filepath.Join(l.Root, "usr/share/sysbench", name+".lua")
}

// named is a program that an environment variable names.
func named(env, path string) (Launcher, error) {
	path, err := exec.LookPath(path)
	if err != nil {
		return Launcher{}, fmt.Errorf("use %s: %w", env, err)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return Launcher{}, fmt.Errorf("use %s: %w", env, err)
	}
	return Launcher{Argv: []string{path}, Origin: env}, nil
}

// onPath finds the first program that is of the wanted product. Debian keeps
// servers in /usr/sbin, which is not on every user's PATH.
func onPath(ctx context.Context, names []string, wantMariaDB bool) (Launcher, bool) {
	for _, name := range names {
		for _, path := range []string{name, filepath.Join("/usr/sbin", name)} {
			path, err := exec.LookPath(path)
			if err != nil {
				continue
			}
			version, err := output(exec.CommandContext(ctx, path, "--version"))
			if err != nil || strings.Contains(version, "MariaDB") != wantMariaDB {
				continue
			}
			return Launcher{Argv: []string{path}, Origin: "PATH"}, true
		}
	}
	return Launcher{}, false
}

func orSilent(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
