package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// CacheDir is the folder that keeps fetched and built servers: $SLUICE_LAB,
// else sluice-lab in the user's cache folder. It is created when absent.
func CacheDir() (string, error) {
	dir := os.Getenv("SLUICE_LAB")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the user's cache folder (SLUICE_LAB names another): %w", err)
		}
		dir = filepath.Join(user, "sluice-lab")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the lab's cache: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the lab's cache: %w", err)
	}
	return dir, nil
}

// lockPoll is how often a process looks whether another has finished the same
// fetch; fetches take seconds to minutes.
const lockPoll = 200 * time.Millisecond

// once makes path with build unless it exists. Of several processes that want
// the same path one builds and the others wait. build must write into the
// path that it is given, which is renamed to path when build succeeds and
// removed when it fails.
func once(ctx context.Context, path string, log *slog.Logger, build func(temp string) error) error {
	if exists(path) {
		return nil
	}
	unlock, err := lock(ctx, path+".lock", log)
	if err != nil {
		return err
	}
	defer unlock()
	if exists(path) {
		return nil
	}
	temp := path + ".part"
	if err := os.RemoveAll(temp); err != nil {
		return fmt.Errorf("clear an unfinished fetch: %w", err)
	}
	if err := build(temp); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("put %s in place: %w", filepath.Base(path), err)
	}
	return nil
}

// lock takes an exclusive lock on the file, which the kernel frees when the
// process ends.
func lock(ctx context.Context, path string, log *slog.Logger) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lab's lock: %w", err)
	}
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for told := false; ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", filepath.Base(path), err)
		}
		if !told {
			log.Info("waiting for another process to fetch the same", "lock", filepath.Base(path))
			told = true
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for %s: %w", filepath.Base(path), context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
