package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// binEnv names a program to test instead of the clone's own.
const binEnv = "SLUICE_BIN"

// Build makes bin/sluice of the clone around the working folder and returns
// its path: once for a process, and one process at a time. SLUICE_BIN names
// another program, which is then not built.
func Build(ctx context.Context) (string, error) {
	if path := os.Getenv(binEnv); path != "" {
		return filepath.Abs(path)
	}
	built.Lock()
	defer built.Unlock()
	if built.path != "" {
		return built.path, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "sluice")
	if err := build(ctx, root, path); err != nil {
		return "", err
	}
	built.path = path
	return path, nil
}

var built struct {
	sync.Mutex
	path string
}

func build(ctx context.Context, root, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of the program: %w", err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("open the lock of the build: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("wait for another build: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build sluice: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Root is the clone's folder: the one at or above the working folder that has
// Sluice's go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the clone: %w", err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module sluice\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the clone: the working folder is not inside a clone of Sluice")
		}
		dir = parent
	}
}
