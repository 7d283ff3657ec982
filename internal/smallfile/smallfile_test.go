//go:build unix

package smallfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes a folder with every kind of thing that a path may name, and a file
// outside of it.
func tree(t *testing.T) (dir, outside string) {
	t.Helper()
	top := t.TempDir()
	dir, outside = filepath.Join(top, "secrets"), filepath.Join(top, "shadow")
	must(t, os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o700))
	for name, content := range map[string]string{
		outside: "outside", filepath.Join(dir, "pw"): "inside", filepath.Join(dir, "sub", "deep", "pw"): "deep",
		filepath.Join(dir, "empty"): "", filepath.Join(dir, "full"): strings.Repeat("x", 100), filepath.Join(dir, "large"): strings.Repeat("x", 101),
		filepath.Join(dir, "..pw"): "dots",
	} {
		must(t, os.WriteFile(name, []byte(content), 0o600))
	}
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "to-passwd")))
	must(t, os.Symlink("../shadow", filepath.Join(dir, "to-shadow")))
	must(t, os.Symlink("pw", filepath.Join(dir, "to-inside")))
	must(t, os.Symlink("..", filepath.Join(dir, "sub", "up")))
	must(t, os.Symlink("deep", filepath.Join(dir, "sub", "to-deep")))
	must(t, os.Link(outside, filepath.Join(dir, "hard")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	must(t, os.Symlink("fifo", filepath.Join(dir, "to-fifo")))
	must(t, os.Symlink("/dev/zero", filepath.Join(dir, "to-zero")))
	return dir, outside
}

// soon fails the test when f blocks.
func soon(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("it blocks")
	}
}

func TestReadBelow(t *testing.T) {
	dir, outside := tree(t)
	for path, want := range map[string]string{
		"pw": "inside", "./pw": "inside", "sub/deep/pw": "deep", "sub/../pw": "inside", "empty": "", "..pw": "dots",
		"full": strings.Repeat("x", 100), filepath.Join(dir, "pw"): "inside", dir + "/sub/deep/pw": "deep", dir + "//pw": "inside",
	} {
		if b, err := ReadBelow(dir, path, 100); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	for path, want := range map[string]error{
		"/etc/shadow": ErrOutside, "/etc/passwd": ErrOutside, outside: ErrOutside, "../shadow": ErrOutside, "sub/../../shadow": ErrOutside,
		dir: ErrOutside, "": ErrOutside, ".": ErrOutside, "/": ErrOutside, "pw\x00": ErrOutside, dir + "x/pw": ErrOutside,
		dir + "/../shadow": ErrOutside,
		"to-passwd":        ErrLink, "to-shadow": ErrLink, "to-inside": ErrLink, "sub/up/pw": ErrLink, "sub/to-deep/pw": ErrLink, "hard": ErrLink,
		"to-fifo": ErrLink, "to-zero": ErrLink,
		"fifo": ErrNotRegular, "sub": ErrNotRegular, "none": fs.ErrNotExist, "sub/none/pw": fs.ErrNotExist,
	} {
		soon(t, func() {
			if b, err := ReadBelow(dir, path, 100); !errors.Is(err, want) || b != nil {
				t.Errorf("%q: %q, %v, want %v", path, b, err, want)
			}
		})
	}
	for _, path := range []string{"large", "pw/x"} {
		if b, err := ReadBelow(dir, path, 100); err == nil {
			t.Errorf("%s: %q", path, b)
		}
	}
	deep := filepath.Join(dir, "sub", "deep", "pw")
	for _, mode := range []os.FileMode{0o644, 0o604, 0o602, 0o660, 0o620, 0o666} {
		must(t, os.Chmod(deep, mode))
		if b, err := ReadBelow(dir, "sub/deep/pw", 100); !errors.Is(err, ErrExposed) || b != nil {
			t.Errorf("mode %04o: %q, %v", mode, b, err)
		}
	}
	soon(t, func() {
		if _, err := ReadBelow(filepath.Join(dir, "fifo"), "pw", 100); err == nil {
			t.Error("a pipe is taken for a folder")
		}
	})
}

// TestSwapped replaces the file by a link all the time while it is read: what
// comes out is the file, or an error, never the other file.
func TestSwapped(t *testing.T) {
	dir, _ := tree(t)
	stop, done := make(chan struct{}), make(chan struct{})
	link, file, name := filepath.Join(dir, "l"), filepath.Join(dir, "f"), filepath.Join(dir, "swapped")
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Symlink("pw", link)
			_ = os.Rename(link, name)
			_ = os.WriteFile(file, []byte("swapped"), 0o600)
			_ = os.Rename(file, name)
		}
	}()
	read := 0
	for range 3000 {
		b, err := ReadBelow(dir, "swapped", 100)
		if err == nil && string(b) != "swapped" {
			t.Fatalf("a link was followed: %q", b)
		}
		if err == nil {
			read++
		}
	}
	close(stop)
	<-done
	t.Logf("%d of 3000 reads met the file", read)
}

func TestRead(t *testing.T) {
	dir, _ := tree(t)
	if b, err := Read(filepath.Join(dir, "to-inside"), 100); err != nil || string(b) != "inside" {
		t.Errorf("a link of the operator's: %q, %v", b, err)
	}
	for _, name := range []string{"fifo", "to-fifo", "sub", "to-zero"} {
		soon(t, func() {
			if _, err := Read(filepath.Join(dir, name), 100); !errors.Is(err, ErrNotRegular) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	if _, err := Read(filepath.Join(dir, "large"), 100); err == nil || !strings.Contains(err.Error(), "more than 100 bytes") {
		t.Errorf("a file of 101 bytes: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none"), 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestReadPrivate(t *testing.T) {
	dir, _ := tree(t)
	path := filepath.Join(dir, "pw")
	for mode, ok := range map[os.FileMode]bool{
		0o400: true, 0o600: true, 0o440: true, 0o640: true, 0o700: true,
		0o644: false, 0o444: false, 0o604: false, 0o602: false, 0o660: false, 0o620: false, 0o601: false, 0o777: false,
	} {
		must(t, os.Chmod(path, mode))
		_, err := ReadPrivate(path, 100)
		if ok && err != nil || !ok && !errors.Is(err, ErrExposed) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

// TestReadVirtual names files that the kernel makes. The file system calls them
// regular, and says that they are empty or have a page.
func TestReadVirtual(t *testing.T) {
	for _, path := range []string{"/proc/self/environ", "/proc/self/cmdline", "/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"} {
		if b, err := os.ReadFile(path); err != nil || len(b) == 0 {
			continue // not on this system
		}
		if b, err := Read(path, MaxSecretBytes); !errors.Is(err, ErrVirtual) || b != nil {
			t.Errorf("%s: %d bytes, %v", path, len(b), err)
		}
		dir, name := filepath.Split(path)
		if b, err := ReadBelow(filepath.Clean(dir), name, MaxSecretBytes); err == nil || b != nil {
			t.Errorf("%s, below its folder: %d bytes, %v", path, len(b), err)
		}
	}
}
