package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSecretsOfTheNode states secrets that name what a node must not give away,
// and finds such secrets in a store that an earlier release has written.
func TestSecretsOfTheNode(t *testing.T) {
	c, db := open(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTHER_VARIABLE", "hush")
	t.Setenv("SLUICE_SECRET_LONG", strings.Repeat("x", maxSecretBytes+1))
	state := func(v SecretValue) error { _, err := c.CreateSecret(t.Context(), "x", v, false, by); return err }

	refused(t, state(FileSecret("pw")), CodeBadOption) // no folder of secrets
	c.secretsDir = t.TempDir()
	for _, path := range []string{"/etc/shadow", outside, "../outside", "a/../../outside", "/proc/self/environ", c.secretsDir, "."} {
		err := state(FileSecret(path))
		refused(t, err, CodeBadOption)
		if !strings.Contains(err.Error(), "--secrets-dir") {
			t.Error(err)
		}
	}
	for _, name := range []string{"OTHER_VARIABLE", "PATH", "SLUICE_STORE", "SLUICE_SECRET_", "sluice_secret_x", "SLUICE_SECRET", " SLUICE_SECRET_X"} {
		err := state(EnvSecret(name))
		refused(t, err, CodeBadOption)
		if !strings.Contains(err.Error(), EnvPrefix) {
			t.Error(err)
		}
	}

	if err := os.Symlink(outside, filepath.Join(c.secretsDir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(c.secretsDir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.secretsDir, "large"), make([]byte, maxSecretBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"empty": "", "break": "\r\n", "nul": "hush\x00"} {
		if err := os.WriteFile(filepath.Join(c.secretsDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SLUICE_SECRET_EMPTY", "")
	for name, spec := range map[string]string{
		"empty": `{"backend":"FILE","path":"empty"}`, "break": `{"backend":"FILE","path":"break"}`, "nul": `{"backend":"FILE","path":"nul"}`,
		"nothing": `{"backend":"ENV","path":"SLUICE_SECRET_EMPTY"}`,
		"shadow":  `{"backend":"FILE","path":"/etc/shadow"}`, "out": `{"backend":"FILE","path":"` + outside + `"}`,
		"variable": `{"backend":"ENV","path":"OTHER_VARIABLE"}`,
		"link":     `{"backend":"FILE","path":"link"}`, "pipe": `{"backend":"FILE","path":"pipe"}`, "large": `{"backend":"FILE","path":"large"}`,
		"long": `{"backend":"ENV","path":"SLUICE_SECRET_LONG"}`, "unset": `{"backend":"ENV","path":"SLUICE_SECRET_UNSET"}`,
	} {
		must(t, db, `INSERT INTO sluice_meta.secrets VALUES (?, ?, 1, 'a', 'a', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))`, name, spec)
		v, err := c.Secret(t.Context(), name)
		refused(t, err, CodeSecretUnreadable)
		if v != "" || strings.Contains(err.Error(), "hush") {
			t.Errorf("secret %s: %q, %v", name, v, err)
		}
	}
	changed, err := c.AlterSecret(t.Context(), "out", FileSecret("pw"), by) // the remedy
	done(t, changed, err)
	if err := os.WriteFile(filepath.Join(c.secretsDir, "pw"), []byte("inside\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Secret(t.Context(), "out"); err != nil || v != "inside" {
		t.Errorf("after the remedy: %q, %v", v, err)
	}
}

// TestExposedSecret reads a file with each of several permissions. The remedy of
// the refusal is carried out.
func TestExposedSecret(t *testing.T) {
	c, _ := open(t)
	c.secretsDir = t.TempDir()
	file := filepath.Join(c.secretsDir, "pw")
	for text, want := range map[string]string{"hush\n": "hush", "hush\r\n": "hush", "hush\n\n": "hush\n", " hush ": " hush "} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for i, path := range []string{"pw", file} {
			name := []string{"relative", "absolute"}[i]
			if _, err := c.CreateSecret(t.Context(), name, FileSecret(path), true, by); err != nil {
				t.Fatal(err)
			}
			for _, mode := range []os.FileMode{0o666, 0o644, 0o604, 0o602, 0o660, 0o620, 0o777} {
				if err := os.Chmod(file, mode); err != nil {
					t.Fatal(err)
				}
				v, err := c.Secret(t.Context(), name)
				refused(t, err, CodeSecretUnreadable)
				if v != "" || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "'"+name+"'") ||
					!strings.Contains(err.Error(), "chmod 640 "+file+" ") || !strings.Contains(err.Error(), fmt.Sprintf("%04o", mode)) {
					t.Errorf("mode %04o: %q, %v", mode, v, err)
				}
			}
			for _, mode := range []os.FileMode{0o640, 0o440, 0o600, 0o400} {
				if err := os.Chmod(file, mode); err != nil {
					t.Fatal(err)
				}
				if v, err := c.Secret(t.Context(), name); err != nil || v != want {
					t.Errorf("mode %04o: %q, %v, want %q", mode, v, err, want)
				}
			}
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
