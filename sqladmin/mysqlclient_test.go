package sqladmin

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRealClients runs the command line clients that itest/lab has fetched, or
// that are installed; without any it is skipped: TestClients has what they
// send.
func TestRealClients(t *testing.T) {
	clients := realClients()
	if len(clients) == 0 {
		t.Skip("no mysql or mariadb client on this machine")
	}
	d := newDouble()
	d.result = &Result{Affected: 1, Info: "1 migration starts"}
	s := open(t, d)
	_, port, _ := net.SplitHostPort(s.Addr().String())
	for _, path := range clients {
		modes := []string{"--loose-commands --ssl-mode=REQUIRED", "--loose-commands --ssl-mode=DISABLED --get-server-public-key"}
		if strings.Contains(path, "maria") {
			modes = []string{"--ssl", "--skip-ssl"}
		}
		for _, mode := range modes {
			t.Run(path+" "+mode, func(t *testing.T) {
				if !clientRuns(t, path) {
					t.Skip("the client lacks a library here")
				}
				out := runClient(t, path, port, mode, "status\nUSE sluice\nSHOW TABLES;\nSHOW MIGRATIONS\\G\nSTART MIGRATION shop;\nselect * from nosuch;\nshow warnings;\nSELECT COUNT(*) FROM migrations;\n")
				for _, want := range []string{"Uptime:", "Sluice admin port", "Migration: shop", "1 migration starts", "ERROR 1146 (42S02)", "doesn't exist", "COUNT(*)"} {
					if !strings.Contains(out, want) {
						t.Errorf("no %q in:\n%s", want, out)
					}
				}
				if strings.Contains(out, "out of sync") {
					t.Errorf("the client lost track:\n%s", out)
				}
			})
		}
	}
}

func realClients() []string {
	var l []string
	if cache, err := os.UserCacheDir(); err == nil {
		for _, name := range []string{"mysql", "mariadb"} {
			found, _ := filepath.Glob(filepath.Join(cache, "sluice-lab", "*", "usr", "bin", name))
			l = append(l, found...)
		}
	}
	for _, name := range []string{"mysql", "mariadb"} {
		if path, err := exec.LookPath(name); err == nil {
			l = append(l, path)
		}
	}
	return l
}

// command returns how a client is run: with the loader, the libraries and the
// plugins unpacked beside it, if there are any.
func command(ctx context.Context, path string, args ...string) *exec.Cmd {
	root := strings.TrimSuffix(path, "/usr/bin/"+filepath.Base(path))
	lib := filepath.Join(root, "usr", "lib", "x86_64-linux-gnu")
	if root == "" || root == path {
		return exec.CommandContext(ctx, path, args...)
	}
	if plugins := filepath.Join(lib, "libmariadb3", "plugin"); len(args) > 1 && exists(plugins) {
		args = append(args, "--plugin-dir="+plugins)
	}
	if loader := filepath.Join(lib, "ld-linux-x86-64.so.2"); exists(loader) {
		return exec.CommandContext(ctx, loader, append([]string{"--library-path", lib, path}, args...)...)
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Env = append(os.Environ(), "LD_LIBRARY_PATH="+lib)
	return c
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func clientRuns(t *testing.T, path string) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return command(ctx, path, "--version").Run() == nil
}

func runClient(t *testing.T, path, port, mode, input string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	args := []string{"--no-defaults", "-h127.0.0.1", "-P" + port, "-uroot", "-p" + testPassword, "--force", "-vvv"}
	args = append(args, strings.Fields(mode)...)
	c := command(ctx, path, args...)
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	t.Logf("%v", err) // --force: the exit code says that one statement failed, as it has to
	return string(out)
}
