package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// debianRoot is a folder with some Debian packages of one suite and all that
// they depend on, libc included, unpacked but not installed: its programs run
// beside another libc through the root's own loader.
type debianRoot struct {
	name, suite string
	packages    []string
}

// dir is the root's folder in the cache.
func (r debianRoot) dir(cache string) string {
	return filepath.Join(cache, "debian-"+r.suite+"-"+r.name)
}

// fetch downloads and unpacks the root unless the cache has it.
func (r debianRoot) fetch(ctx context.Context, cache string, log *slog.Logger) (string, error) {
	dir := r.dir(cache)
	err := once(ctx, dir, log, func(temp string) error {
		for _, tool := range []string{"apt-get", "dpkg"} {
			if _, err := exec.LookPath(tool); err != nil {
				return fmt.Errorf("%s packages are fetched with Debian's %s, which is not here: %w", r.name, tool, err)
			}
		}
		sites, err := debianSites(ctx)
		if err != nil {
			return err
		}
		var tried error
		for _, site := range sites {
			log.Info("fetching packages", "packages", r.packages, "suite", r.suite)
			err := r.build(ctx, site, temp)
			if err == nil || ctx.Err() != nil {
				return err
			}
			tried = errors.Join(tried, err)
		}
		return fmt.Errorf("fetch %s of suite %s: %w", strings.Join(r.packages, " "), r.suite, tried)
	})
	return dir, err
}

// debianSites lists the package sites that this machine's apt knows, the
// first one first. It needs no package lists.
func debianSites(ctx context.Context) ([]string, error) {
	out, err := output(exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(SITE)"))
	if err != nil {
		return nil, fmt.Errorf("ask apt for its sites: %w", err)
	}
	var sites []string
	for _, site := range strings.Fields(out) {
		if !slices.Contains(sites, site) {
			sites = append(sites, site)
		}
	}
	if len(sites) == 0 {
		return nil, errors.New("apt has no package site configured")
	}
	return sites, nil
}

// keyring is where Debian keeps the keys that sign its suites.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// build downloads the packages of one site with an apt that has a state of
// its own, and unpacks them into root.
func (r debianRoot) build(ctx context.Context, site, root string) error {
	apt := root + ".apt"
	defer os.RemoveAll(apt)
	for _, dir := range []string{"lists/partial", "archives/partial", "etc"} {
		if err := os.MkdirAll(filepath.Join(apt, dir), 0o755); err != nil {
			return fmt.Errorf("make apt's folders: %w", err)
		}
	}
	trust := ""
	if exists(keyring) {
		trust = "[signed-by=" + keyring + "] "
	}
	source := "deb " + trust + site + " " + r.suite + " main\n"
	sourcelist := filepath.Join(apt, "etc", "sources.list")
	status := filepath.Join(apt, "status")
	err := errors.Join(os.WriteFile(sourcelist, []byte(source), 0o644), os.WriteFile(status, nil, 0o644))
	if err != nil {
		return fmt.Errorf("write apt's configuration: %w", err)
	}
	options := []string{
		"-q", "-y",
		"-o", "Dir::Etc::sourcelist=" + sourcelist,
		"-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::Etc::preferences=/dev/null",
		"-o", "Dir::Etc::preferencesparts=/dev/null",
		"-o", "Dir::State=" + apt,
		"-o", "Dir::State::Lists=" + filepath.Join(apt, "lists"),
		"-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache=" + apt,
		"-o", "Dir::Cache::archives=" + filepath.Join(apt, "archives"),
		"-o", "APT::Sandbox::User=root",
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::Retries=3",
	}
	get := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "apt-get", append(slices.Clone(options), args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		_, err := output(cmd)
		return err
	}
	if err := get("-o", "APT::Update::Error-Mode=any", "update"); err != nil {
		return fmt.Errorf("read the package lists: %w", err)
	}
	if err := get(append([]string{"install", "--download-only", "--no-install-recommends"}, r.packages...)...); err != nil {
		return fmt.Errorf("download the packages: %w", err)
	}
	return unpack(ctx, filepath.Join(apt, "archives"), root)
}

func unpack(ctx context.Context, archives, root string) error {
	debs, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil || len(debs) == 0 {
		return fmt.Errorf("find the downloaded packages: %w", errors.Join(err, os.ErrNotExist))
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("make the private root: %w", err)
	}
	for _, deb := range debs {
		if _, err := output(exec.CommandContext(ctx, "dpkg", "-x", deb, root)); err != nil {
			return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
		}
	}
	return nil
}

// loaders are the file names of glibc's program loader by architecture, and
// the folder of its libraries.
var loaders = map[string]struct{ triple, loader string }{
	"amd64": {"x86_64-linux-gnu", "ld-linux-x86-64.so.2"},
	"arm64": {"aarch64-linux-gnu", "ld-linux-aarch64.so.1"},
}

// launcher runs a program of the root with the root's libraries.
func (r debianRoot) launcher(root, program string) (Launcher, error) {
	arch, ok := loaders[runtime.GOARCH]
	if !ok {
		return Launcher{}, fmt.Errorf("run a private root: architecture %s is not known", runtime.GOARCH)
	}
	path := filepath.Join(root, program)
	if !exists(path) {
		return Launcher{}, fmt.Errorf("the packages of suite %s have no %s: %w", r.suite, program, os.ErrNotExist)
	}
	var libraries []string
	var loader string
	// Suites before Debian 13 have libc in /lib.
	for _, lib := range []string{"usr/lib", "lib"} {
		dir := filepath.Join(root, lib, arch.triple)
		if !exists(dir) {
			continue
		}
		libraries = append(libraries, dir)
		if at := filepath.Join(dir, arch.loader); exists(at) {
			loader = at
		}
	}
	if loader == "" {
		return Launcher{}, fmt.Errorf("the private root has no %s: %w", arch.loader, os.ErrNotExist)
	}
	return Launcher{
		Argv:   []string{loader, "--library-path", strings.Join(libraries, ":"), path},
		Root:   root,
		Origin: "cache",
	}, nil
}

// childLimit is how long a cancelled command's children may outlive it.
const childLimit = 10 * time.Second

// output runs a command and puts the end of what it said into the error.
func output(cmd *exec.Cmd) (string, error) {
	var said, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &errs
	// A cancelled command's children may keep the pipes open.
	cmd.WaitDelay = childLimit
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, lastLines(errs.String(), 12))
	}
	return said.String(), nil
}

// lastLines is the end of a text, as much as helps in an error.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
