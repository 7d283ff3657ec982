package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// preparation is the making of a fresh data folder.
type preparation struct {
	ctx      context.Context
	kind     Kind
	launcher Launcher
	// dir is an empty folder; the data go to dir/data.
	dir string
	// args are those of the server's arguments that only count when the data
	// folder is made.
	args []string
	log  *slog.Logger
}

func (p *preparation) data() string { return filepath.Join(p.dir, "data") }

// initOnly are the server options that only count when the data folder is made.
var initOnly = []string{
	"lower-case-table-names", "innodb-page-size", "innodb-data-file-path",
	"innodb-undo-tablespaces",
}

// prepareData fills the server's data folder unless it has data. Making one
// takes seconds, so it is made once per program and set of arguments,
// kept in the cache, and copied.
func (s *Server) prepareData(ctx context.Context) error {
	if exists(s.data()) {
		return nil
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("make the server's folder: %w", err)
	}
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	var args []string
	for _, arg := range s.args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		name = strings.TrimPrefix(strings.ReplaceAll(name, "_", "-"), "loose-")
		for _, only := range initOnly {
			if name == only {
				args = append(args, arg)
			}
		}
	}
	key, err := templateKey(s.launcher, args)
	if err != nil {
		return err
	}
	template := filepath.Join(cache, "template-"+string(s.Kind)+"-"+key)
	err = once(ctx, template, s.log, func(temp string) error {
		s.log.Info("preparing a data folder", "kind", s.Kind)
		if err := os.MkdirAll(temp, 0o755); err != nil {
			return fmt.Errorf("make the template's folder: %w", err)
		}
		return products()[s.Kind].prepare(&preparation{
			ctx: ctx, kind: s.Kind, launcher: s.launcher, dir: temp, args: args, log: s.log,
		})
	})
	if err != nil {
		return fmt.Errorf("prepare the data folder: %w", err)
	}
	// Copied beside and renamed, so that a copy cut short is not taken for data.
	temp := s.data() + ".part"
	if err := errors.Join(os.RemoveAll(temp), copyTree(filepath.Join(template, "data"), temp)); err != nil {
		return fmt.Errorf("copy the data folder: %w", err)
	}
	if err := os.Rename(temp, s.data()); err != nil {
		return fmt.Errorf("put the data folder in place: %w", err)
	}
	return nil
}

// templateFormat changes when the lab prepares data folders differently.
const templateFormat = "2"

// templateKey tells programs and arguments apart that make different data.
func templateKey(l Launcher, args []string) (string, error) {
	info, err := os.Stat(l.Program())
	if err != nil {
		return "", fmt.Errorf("look at the server's program: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintln(sum, templateFormat, l.Program(), info.Size(), info.ModTime().UnixNano(), strings.Join(args, "\n"))
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// copyTree copies a folder of plain files.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case entry.Type().IsRegular():
			return copyFile(path, target)
		default:
			// Links and sockets: a server makes its own.
			return nil
		}
	})
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return copySparse(out, in, info.Size())
}

// copySparse copies a file and leaves holes for its zeros: servers make their
// logs full of them, hundreds of megabytes a data folder.
func copySparse(out, in *os.File, size int64) error {
	block, zeros := make([]byte, 1<<16), make([]byte, 1<<16)
	for at := int64(0); at < size; {
		n, err := io.ReadFull(in, block[:min(int64(len(block)), size-at)])
		if err != nil {
			return err
		}
		if !bytes.Equal(block[:n], zeros[:n]) {
			if _, err := out.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
	}
	return out.Truncate(size)
}
