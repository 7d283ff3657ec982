// Package smallfile reads small files that an option or a statement names:
// regular files only, bounded, and without blocking.
package smallfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The bounds of the files that a node reads.
const (
	MaxSecretBytes = 64 << 10 // a password or a key with its chain
	MaxPEMBytes    = 1 << 20  // a system's bundle of authorities has some 200 KiB
)

var (
	// ErrNotRegular is returned for a folder, a pipe, a socket or a device.
	ErrNotRegular = errors.New("it is no regular file")
	// ErrLink is returned by ReadBelow when a component of the path is a link.
	ErrLink = errors.New("it is a link, or below one")
	// ErrOutside is returned by ReadBelow for a path that is not below its folder.
	ErrOutside = errors.New("it is not below the folder")
	// ErrExposed is returned by ReadPrivate and ReadBelow for a file that others can
	// read or write.
	ErrExposed = errors.New("other users of this machine can read or change it")

	// ErrVirtual is returned for a file whose length is not what the file system
	// says: the kernel makes it when it is read, as all of /proc.
	ErrVirtual = errors.New("its content is not as long as the file system says: the kernel makes it, or it is being written")

	errChanged = errors.New("it was replaced while it was opened")
)

// Read returns the content of a regular file of at most limit bytes. Links are
// followed. A pipe without a writer, or a device, is ErrNotRegular at once.
func Read(path string, limit int) ([]byte, error) {
	b, _, err := read(path, limit)
	return b, err
}

// ReadPrivate is Read for a file with a key or a password: it returns ErrExposed
// unless only the file's owner can write it, and only the owner and the group can
// read it.
func ReadPrivate(path string, limit int) ([]byte, error) {
	b, info, err := read(path, limit)
	if err == nil && Exposed(info) {
		return nil, fmt.Errorf("%s has permissions %04o: %w", path, info.Mode().Perm(), ErrExposed)
	}
	return b, err
}

func read(path string, limit int) ([]byte, fs.FileInfo, error) {
	// To open some devices has an effect, so that the kind is looked at first, and
	// again once the file is open.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return content(f, info, limit)
}

// content reads an open file, which must be the one that was looked at.
func content(f *os.File, seen fs.FileInfo, limit int) ([]byte, fs.FileInfo, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case !os.SameFile(info, seen):
		return nil, nil, fmt.Errorf("%s: %w", f.Name(), errChanged)
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("%s: %w", f.Name(), ErrNotRegular)
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%s has more than %d bytes", f.Name(), limit)
	}
	if err != nil {
		return nil, nil, err
	}
	// The size of now: a file that was written just before has its whole content.
	if info, err = f.Stat(); err != nil {
		return nil, nil, err
	}
	if info.Size() != int64(len(b)) {
		return nil, nil, fmt.Errorf("%s: %w", f.Name(), ErrVirtual)
	}
	return b, info, nil
}

// Local returns the path below dir, an absolute folder, that path names: one
// relative to dir, or an absolute one below it. It returns ErrOutside for any
// other, and does no I/O.
func Local(dir, path string) (string, error) {
	local := path
	if filepath.IsAbs(path) {
		var err error
		if local, err = filepath.Rel(dir, path); err != nil {
			return "", ErrOutside
		}
	}
	local = filepath.Clean(local)
	if strings.ContainsRune(path, 0) || local == "." || !filepath.IsLocal(local) {
		return "", ErrOutside
	}
	return local, nil
}

// ReadBelow returns the content of a regular file of at most limit bytes below
// the absolute folder dir. path is as for Local. No component of it below dir
// may be a symbolic link, and the file may have one name only: whoever can write
// there must not make a node read another file. Its permissions are checked as by
// ReadPrivate.
func ReadBelow(dir, path string, limit int) ([]byte, error) {
	local, err := Local(dir, path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // root changes below
	parts := strings.Split(local, string(filepath.Separator))
	for _, name := range parts[:len(parts)-1] {
		sub, err := enter(root, name)
		if err != nil {
			return nil, err
		}
		_ = root.Close() // it was only read
		root = sub
	}
	return readIn(root, parts[len(parts)-1], limit)
}

// enter opens a folder that is no link. os.Root keeps links within itself; that
// the opened folder is the one that was looked at excludes them too.
func enter(root *os.Root, name string) (*os.Root, error) {
	seen, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if seen.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrLink)
	}
	if !seen.IsDir() {
		return nil, fmt.Errorf("%s is no folder", name)
	}
	sub, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	is, err := sub.Stat(".")
	if err == nil && !os.SameFile(seen, is) {
		err = fmt.Errorf("%s: %w", name, errChanged)
	}
	if err != nil {
		_ = sub.Close() // it was only read
		return nil, err
	}
	return sub, nil
}

func readIn(root *os.Root, name string, limit int) ([]byte, error) {
	seen, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	switch {
	case seen.Mode()&fs.ModeSymlink != 0, seen.Mode().IsRegular() && names(seen) > 1:
		return nil, fmt.Errorf("%s: %w", name, ErrLink)
	case !seen.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w", name, ErrNotRegular)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, info, err := content(f, seen, limit)
	if err == nil && Exposed(info) {
		return nil, fmt.Errorf("%s has permissions %04o: %w", name, info.Mode().Perm(), ErrExposed)
	}
	return b, err
}
