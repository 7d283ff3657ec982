package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/gateway/catalog"
)

const someStore = "root:pa55word@tcp(127.0.0.1:4000)/"

func TestLoadOrder(t *testing.T) {
	file := write(t, "sluice.yaml", `
name: from-file
store: `+someStore+`
join: [127.0.0.1:1, 127.0.0.1:2]
http-addr: 127.0.0.1:99   # a comment
log-format: JSON
`)
	cfg, err := Load(file, map[string][]string{"name": {"from-flag"}})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Name != "from-flag" || cfg.HTTPAddr != "127.0.0.1:99" || cfg.AdminAddr != "127.0.0.1:4406" || cfg.LogFormat != "json" ||
		!slices.Equal(cfg.Join, []string{"127.0.0.1:1", "127.0.0.1:2"}) {
		t.Errorf("got name %s http %s admin %s format %s join %v", cfg.Name, cfg.HTTPAddr, cfg.AdminAddr, cfg.LogFormat, cfg.Join)
	}
	for _, text := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), cfg.LogValue().String()} {
		if strings.Contains(text, "pa55word") {
			t.Errorf("the configuration prints the password: %s", text)
		}
	}
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", cfg)
	if strings.Contains(b.String(), "pa55word") {
		t.Errorf("the configuration logs the password: %s", b.String())
	}
}

func TestLoadRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	empty := write(t, "empty", "\n")
	short := write(t, "short", "0123456789")
	cases := map[string]struct {
		file   string
		stated map[string][]string
		want   []string
	}{
		"no store":           {"", map[string][]string{}, []string{"--store", "missing", "Remedy"}},
		"bad store":          {"", map[string][]string{"store": {"root:pa55word@127.0.0.1"}}, []string{"--store", "cannot be read"}},
		"store without port": {"", map[string][]string{"store": {"root@tcp(127.0.0.1:)/"}}, []string{"--store", "no port"}},
		"store parameter":    {"", map[string][]string{"store": {someStore + "?sql_mode=x"}}, []string{"--store", "'sql_mode' is not known"}},
		"unknown key":        {"admin_adr: x", nil, []string{"line 1", "Unknown key 'admin_adr'", "did you mean 'admin-addr'?"}},
		"key twice":          {"name: a\nname: b", nil, []string{"'name'"}},
		"no mapping":         {"- a", nil, []string{"no mapping"}},
		"list for one":       {"name: [a, b]", nil, []string{"line 1", "'name'"}},
		"no value":           {"name:", nil, []string{"'name'"}},
		"no yaml":            {"a: [", nil, []string{"is no YAML"}},
		"name with space":    {"", map[string][]string{"name": {"a b"}}, []string{"--name"}},
		"admin port":         {"", map[string][]string{"admin-addr": {"localhost"}}, []string{"--admin-addr", "no host with a port"}},
		"join":               {"", map[string][]string{"join": {"x"}}, []string{"--join"}},
		"open admin":         {"", map[string][]string{"admin-addr": {"0.0.0.0:1"}}, []string{"--admin-addr", "needs TLS and a password"}},
		"open gossip":        {"", map[string][]string{"gossip-addr": {":1"}}, []string{"--gossip-addr", "not encrypted", "--cluster-key-file"}},
		"level":              {"", map[string][]string{"log-level": {"loud"}}, []string{"--log-level", "debug, info, warn, error"}},
		"cert without key":   {"", map[string][]string{"admin-tls-cert": {"x"}}, []string{"--admin-tls-cert"}},
		"password file":      {"", map[string][]string{"store-password-file": {missing}}, []string{"--store-password-file", "no such file"}},
		"empty password":     {"", map[string][]string{"store-password-file": {empty}}, []string{"is empty"}},
		"file that is none":  {"-", nil, []string{"--config"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			stated := map[string][]string{"name": {"n1"}, "store": {someStore}}
			if c.file != "" {
				delete(stated, "name")
			}
			for k, v := range c.stated {
				stated[k] = v
			}
			if name == "no store" {
				delete(stated, "store")
			}
			file := ""
			if c.file == "-" {
				file = missing
			} else if c.file != "" {
				file = write(t, "c.yaml", c.file)
			}
			_, err := Load(file, stated)
			wantError(t, err, c.want...)
			wantNone(t, err, "pa55word")
		})
	}
	t.Run("short cluster key", func(t *testing.T) {
		cfg, err := Load("", map[string][]string{"name": {"n1"}, "store": {someStore}, "cluster-key-file": {short}})
		if err != nil {
			t.Fatal(err)
		}
		store, err := cfg.storeConfig()
		if err != nil {
			t.Fatal(err)
		}
		_, err = cfg.keys(store)
		wantError(t, err, "fewer than 16", "openssl rand")
	})
}

// TestWeakClusterKeys gives files that are no keys, and keys as the
// documentation makes them.
func TestWeakClusterKeys(t *testing.T) {
	read := func(stated map[string][]string) error {
		t.Helper()
		all := map[string][]string{"name": {"n1"}, "store": {someStore}, "data-dir": {t.TempDir()}}
		for k, v := range stated {
			all[k] = v
		}
		cfg, err := Load("", all)
		if err != nil {
			return err
		}
		store, err := cfg.storeConfig()
		if err != nil {
			t.Fatal(err)
		}
		_, err = cfg.keys(store)
		return err
	}
	good := make([]byte, 32)
	rand.Read(good)
	strong := write(t, "strong", hex.EncodeToString(good)+"\n")
	for name, content := range map[string]string{
		"blanks": strings.Repeat(" ", 64), "one byte": strings.Repeat("k", 64), "zeros": strings.Repeat("\x00", 64), "lines": strings.Repeat(" \r\n\t", 16),
		"two bytes": strings.Repeat("01", 32),
	} {
		path := write(t, "weak", content)
		wantError(t, read(map[string][]string{"cluster-key-file": {path}}), "--cluster-key-file", path+" is no key: it has ", "openssl rand -hex 32",
			"--old-cluster-key-file "+path)
		if err := read(map[string][]string{"cluster-key-file": {strong}, "old-cluster-key-file": {path}}); err != nil {
			t.Errorf("%s: the remedy is refused: %v", name, err)
		}
	}
	if _, err := os.Stat("/proc/self/environ"); err == nil {
		for _, option := range []string{"cluster-key-file", "old-cluster-key-file"} {
			wantError(t, read(map[string][]string{option: {"/proc/self/environ"}}), "--"+option, "the kernel makes it", "Remedy: ")
		}
	}
	for range 100 {
		for _, size := range []int{32, 16} {
			rand.Read(good)
			if err := read(map[string][]string{"cluster-key-file": {write(t, "key", hex.EncodeToString(good[:size]))}}); err != nil {
				t.Errorf("a key of %d random bytes: %v", size, err)
			}
		}
	}
}

// TestExposedFiles gives files with passwords and keys permissions that let
// others read or change them: every one is refused, with a remedy that works.
func TestExposedFiles(t *testing.T) {
	files := map[string]string{
		"store-password-file": write(t, "pw", "pa55word"), "cluster-key-file": write(t, "key", "0123456789abcdef"),
		"admin-password-file": write(t, "admin", "pa55word"),
	}
	yaml := write(t, "sluice.yaml", "store: "+someStore)
	use := func(option string) error {
		stated := map[string][]string{"name": {"n1"}, "store": {someStore}, "data-dir": {t.TempDir()}, "admin-addr": {"127.0.0.1:0"},
			"http-addr": {"127.0.0.1:0"}}
		file := ""
		if option == "config" {
			delete(stated, "store")
			file = yaml
		} else {
			stated[option] = []string{files[option]}
		}
		cfg, err := Load(file, stated)
		if err != nil {
			return err
		}
		store, err := cfg.storeConfig()
		if err != nil {
			return err
		}
		if _, err := cfg.keys(store); err != nil {
			return err
		}
		l, _, err := (&Node{cfg: cfg, log: cfg.Log}).listenAdmin(t.Context())
		if err != nil {
			return err
		}
		return l.Close()
	}
	files["config"] = yaml
	for option, path := range files {
		for _, mode := range []os.FileMode{0o644, 0o604, 0o660, 0o602} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			err := use(option)
			wantError(t, err, "--"+option, "other users of this machine", "chmod 600 "+path)
			wantNone(t, err, "pa55word")
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := use(option); err != nil {
			t.Errorf("after the remedy: %v", err)
		}
	}
	if err := os.Chmod(yaml, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(yaml, map[string][]string{"name": {"n1"}, "store": {"root@tcp(127.0.0.1:4000)/"}}); err == nil {
		t.Error("the password in the file is not used, and still there to read")
	}
	if err := os.WriteFile(yaml, []byte("store: root@tcp(127.0.0.1:4000)/"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(yaml, map[string][]string{"name": {"n1"}}); err != nil {
		t.Errorf("a file without a password that others can read: %v", err)
	}
}

// TestSecretsDirHoldsNoOwnSecrets puts the node's own files below the folder
// that statements may name.
func TestSecretsDirHoldsNoOwnSecrets(t *testing.T) {
	top := t.TempDir()
	dir, link, outside := filepath.Join(top, "secrets"), filepath.Join(top, "link"), filepath.Join(top, "outside")
	for _, d := range []string{filepath.Join(dir, "sub"), outside} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "sub", "own")
	if err := os.WriteFile(own, []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	load := func(secrets, option, path string) error {
		stated := map[string][]string{"name": {"n1"}, "store": {someStore}, "secrets-dir": {secrets}, "data-dir": {outside}}
		if option != "" {
			stated[option] = []string{path}
		}
		_, err := Load("", stated)
		return err
	}
	for _, option := range []string{"cluster-key-file", "old-cluster-key-file", "store-password-file", "admin-password-file", "admin-tls-key", "store-ssl-key"} {
		for secrets, path := range map[string]string{dir: own, link: own, filepath.Join(dir, "sub"): filepath.Join(link, "sub", "own"), top: own} {
			wantError(t, load(secrets, option, path), "--secrets-dir", "--"+option, "Remedy: use a folder")
		}
	}
	wantError(t, load(dir, "data-dir", filepath.Join(dir, "sub")), "--secrets-dir", "--data-dir")
	wantError(t, load(outside, "data-dir", outside), "--secrets-dir", "--data-dir")
	if err := load(dir, "", ""); err != nil {
		t.Error(err)
	}
	if err := load(filepath.Join(dir, "su"), "cluster-key-file", own); err != nil { // a name that begins alike
		t.Error(err)
	}
	if err := load(dir, "old-cluster-key-file", "none"); err != nil {
		t.Error(err)
	}
	yaml := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(yaml, []byte("name: n1\nstore: "+someStore+"\nsecrets-dir: "+dir), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(yaml, nil)
	wantError(t, err, "--secrets-dir", "--config")
}

// TestOptionsAreComplete checks that every option reaches a field of its own
// and has an environment variable.
func TestOptionsAreComplete(t *testing.T) {
	seen := map[string]string{}
	for _, o := range Options() {
		var c Config
		o.set(&c, []string{"value"})
		type plain Config
		fields := fmt.Sprintf("%#v", plain(c))
		if strings.Count(fields, `"value"`) != 1 {
			t.Errorf("option %s sets %d fields", o.Name, strings.Count(fields, `"value"`))
		}
		if other, ok := seen[fields]; ok {
			t.Errorf("options %s and %s set the same field", other, o.Name)
		}
		seen[fields] = o.Name
		if !strings.HasPrefix(o.Env(), "SLUICE_") || strings.ContainsAny(o.Env(), "-") {
			t.Errorf("environment variable %s", o.Env())
		}
	}
}

func TestKeys(t *testing.T) {
	cfg := Config{Store: someStore, DataDir: t.TempDir()}
	store, err := cfg.storeConfig()
	if err != nil {
		t.Fatal(err)
	}
	read := func() keys {
		t.Helper()
		k, err := cfg.keys(store)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	path := filepath.Join(cfg.DataDir, ownKeyFile)
	made := read()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 65 {
		t.Fatalf("the key in the data folder: %v, %v", info, err)
	}
	if again := read(); made.cluster != nil || len(made.own) != 64 || string(again.own) != string(made.own) {
		t.Errorf("a key of %d bytes, and at the next start of %d", len(made.own), len(again.own))
	}
	if entries, err := os.ReadDir(cfg.DataDir); err != nil || len(entries) != 1 {
		t.Errorf("the data folder holds %v, %v", entries, err)
	}
	uses := func(k keys) (u []catalog.KeyUse) {
		for _, key := range k.forSecrets() {
			u = append(u, key.Use)
		}
		return u
	}
	if u := uses(made); !slices.Equal(u, []catalog.KeyUse{catalog.KeyOwn, catalog.KeyReads}) {
		t.Errorf("without a cluster key: %v", u)
	}

	first, second := write(t, "first", "0123456789abcdef\n"), write(t, "second", "fedcba9876543210")
	cfg.ClusterKeyFile = first
	if k := read(); string(k.cluster) != "0123456789abcdef" || string(k.own) != string(made.own) ||
		!slices.Equal(uses(k), []catalog.KeyUse{catalog.KeyShared, catalog.KeyReads, catalog.KeyReads}) {
		t.Errorf("with a cluster key: %v", uses(k))
	}
	cfg.ClusterKeyFile, cfg.OldClusterKeyFile = second, first
	if k := read(); string(k.old) != "0123456789abcdef" || string(k.oldShared()) != string(k.old) || k.fromKeyless ||
		!slices.Equal(uses(k), []catalog.KeyUse{catalog.KeyShared, catalog.KeyShared, catalog.KeyReads, catalog.KeyReads}) {
		t.Errorf("with another cluster key: %v", uses(k))
	}
	cfg.OldClusterKeyFile = second
	if k := read(); k.old != nil {
		t.Error("a key is its own successor")
	}
	cfg.OldClusterKeyFile = "none"
	if k := read(); k.old != nil || !k.fromKeyless {
		t.Error("none is not understood")
	}
	cfg.ClusterKeyFile, cfg.OldClusterKeyFile = "", first // back to no key
	if k := read(); k.oldShared() != nil || !slices.Equal(uses(k), []catalog.KeyUse{catalog.KeyOwn, catalog.KeyReads, catalog.KeyReads}) {
		t.Errorf("back to no key: %v", uses(k))
	}
	cfg.OldClusterKeyFile, cfg.DataDir = "", t.TempDir()
	cfg.ClusterKeyFile = first
	if k := read(); k.own != nil {
		t.Error("a key that nobody needs was made")
	}
}

// TestOwnKeyFile meets a key file that cannot be used, and a race for it.
func TestOwnKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ownKeyFile)
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ownKey(dir, true)
	wantError(t, err, "--data-dir", path, "is no key", "Remedy: bring the file back")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = ownKey(dir, true)
	wantError(t, err, "--data-dir", "other users", "Remedy: chmod 600 "+path)
	_, err = ownKey(filepath.Join(dir, "none"), true)
	wantError(t, err, "--data-dir", "Remedy: name a folder that this process can write")

	dir = t.TempDir()
	made := make(chan string, 20)
	for range cap(made) {
		go func() {
			key, err := ownKey(dir, true)
			if err != nil {
				t.Error(err)
			}
			made <- string(key)
		}()
	}
	first := <-made
	for range cap(made) - 1 {
		if key := <-made; key != first {
			t.Error("two processes have two keys")
		}
	}
}

func TestHideStorePassword(t *testing.T) {
	cases := []struct {
		args []string
		want []string
	}{
		{[]string{"sluice", "node", "--store", "u:secret@tcp(h:1)/", "--name", "a"}, []string{"sluice", "node", "--store", "u:xxxxxx@tcp(h:1)/", "--name", "a"}},
		{[]string{"sluice", "node", "--store=u:s:c/@t@tcp(h:1)/"}, []string{"sluice", "node", "--store=u:xxxxxx@tcp(h:1)/"}},
		{[]string{"sluice", "node", "-store", "u@tcp(h:1)/"}, []string{"sluice", "node", "-store", "u@tcp(h:1)/"}},
		{[]string{"sluice", "node", "--store"}, []string{"sluice", "node", "--store"}},
		{[]string{"sluice", "node", "--store", "u:broken"}, []string{"sluice", "node", "--store", "u:broken"}},
		{[]string{"sluice", "node", "--storex", "u:secret@tcp(h:1)/"}, []string{"sluice", "node", "--storex", "u:secret@tcp(h:1)/"}},
	}
	if strings.Contains(os.Args[0], "--store") {
		t.Fatal("unexpected")
	}
	for _, c := range cases {
		args := make([]string, len(c.args))
		for i, a := range c.args {
			args[i] = string([]byte(a)) // memory of its own, as os.Args has: mask writes into it
		}
		copied := HideStorePassword(args)
		if !slices.Equal(copied, c.args) {
			t.Errorf("the copy changed: %v", copied)
		}
		if !slices.Equal(args, c.want) {
			t.Errorf("got %v, want %v", args, c.want)
		}
	}
}
