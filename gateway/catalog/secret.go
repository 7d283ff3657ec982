package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"sluice/internal/smallfile"
)

// The places where a secret's value can be.
const (
	BackendStore = "STORE" // encrypted in the store
	BackendFile  = "FILE"  // in a file on each node, below its folder of secrets, read at each use
	BackendEnv   = "ENV"   // in an environment variable of each node, read at each use
)

// maxSecretBytes bounds a secret: room for a private key with its chain.
const maxSecretBytes = smallfile.MaxSecretBytes

// EnvPrefix begins the names of the variables that secrets may name: whoever may
// state secrets can send their values to a host of his choice, and a process has
// other variables.
const EnvPrefix = "SLUICE_SECRET_"

// SecretValue says where a secret's value is. It prints and logs without it.
type SecretValue struct {
	backend, path string
	value         Credential
}

// StoredSecret is a value that the catalog encrypts and keeps.
func StoredSecret(value string) SecretValue {
	return SecretValue{backend: BackendStore, value: Literal(value)}
}

// FileSecret is the content of a file, without a line end after it.
func FileSecret(path string) SecretValue { return SecretValue{backend: BackendFile, path: path} }

// EnvSecret is the value of an environment variable.
func EnvSecret(name string) SecretValue { return SecretValue{backend: BackendEnv, path: name} }

// String returns the backend and the path or variable.
func (v SecretValue) String() string { return strings.TrimSpace(v.backend + " " + v.path) }

// GoString is String, so that %#v shows no secret.
func (v SecretValue) GoString() string { return v.String() }

// LogValue is String for slog.
func (v SecretValue) LogValue() slog.Value { return slog.StringValue(v.String()) }

// secretSpec is what is stored of a secret.
type secretSpec struct {
	Backend string     `json:"backend"`
	Path    string     `json:"path,omitempty"`
	Value   Credential `json:"value,omitzero"`
}

func (s *secretSpec) check() error {
	switch {
	case s.Backend == BackendStore && len(s.Value.plain) > maxSecretBytes:
		return fail(CodeBadOption, "use FROM FILE", "a secret's value has at most %d bytes", maxSecretBytes)
	case s.Backend == BackendStore:
		return nil
	case s.Backend == BackendEnv && s.Path != "":
		return checkVariable(s.Path)
	case s.Backend == BackendFile && s.Path != "":
		return nil // checkPlace needs the node's folder
	}
	return fail(CodeBadOption, "use PASSWORD '..', FROM FILE '..' or FROM ENV '..'", "a secret needs a value, a file or a variable")
}

func checkVariable(name string) error {
	if rest, ok := strings.CutPrefix(name, EnvPrefix); !ok || rest == "" || strings.ContainsAny(name, "=\x00") {
		return fail(CodeBadOption, "name the variable "+EnvPrefix+".. , and set it for the process of every node",
			"a secret FROM ENV names a variable that begins with %s, and '%s' does not", EnvPrefix, name)
	}
	return nil
}

// checkPlace refuses a file that this node would never read.
func (c *Catalog) checkPlace(v SecretValue) error {
	if v.backend != BackendFile {
		return nil
	}
	if c.secretsDir == "" {
		return fail(CodeBadOption, "start every node with --secrets-dir FOLDER, put the file there, and name it relative to that folder",
			"this node has no folder of secrets: no file may be named with FROM FILE")
	}
	if _, err := smallfile.Local(c.secretsDir, v.path); err != nil {
		return fail(CodeBadOption, "put the file there, and name it relative to that folder",
			"a secret FROM FILE names a file below this node's --secrets-dir, %s, and '%s' is none", c.secretsDir, v.path)
	}
	return nil
}

func (s *secretSpec) credentials() map[string]*Credential {
	return map[string]*Credential{"value": &s.Value}
}

// SecretInfo is a secret without its value.
type SecretInfo struct {
	Name    string
	Backend string
	Path    string   // file or variable; "" in the store
	UsedBy  []string // e.g. "source orders"
	Meta             // UpdatedAt is the last rotation
}

// CreateSecret stores a new secret. It returns false when ifNotExists is set
// and the same secret exists.
func (c *Catalog) CreateSecret(ctx context.Context, name string, v SecretValue, ifNotExists bool, by string) (bool, error) {
	if err := c.checkPlace(v); err != nil {
		return false, err
	}
	return c.create(ctx, secretKind, name, &secretSpec{v.backend, v.path, v.value}, ifNotExists, by)
}

// AlterSecret gives a secret another value, whatever its version. It returns
// false when the value is the same.
func (c *Catalog) AlterSecret(ctx context.Context, name string, v SecretValue, by string) (bool, error) {
	if err := c.checkPlace(v); err != nil {
		return false, err
	}
	for {
		r, err := one(ctx, c.db, secretKind, name, "")
		if err != nil {
			return false, err
		}
		changed, err := c.update(ctx, secretKind, name, &secretSpec{v.backend, v.path, v.value}, r.meta.Version, by)
		if !HasCode(err, CodeConcurrentChange) {
			return changed, err
		}
	}
}

// DropSecret removes a secret that no source and no target uses.
func (c *Catalog) DropSecret(ctx context.Context, name string, ifExists bool) (bool, error) {
	return c.drop(ctx, secretKind, name, ifExists, secretUsers)
}

// Secrets lists all secrets.
func (c *Catalog) Secrets(ctx context.Context) ([]SecretInfo, error) {
	all, err := list(ctx, c.db, secretKind)
	if err != nil {
		return nil, err
	}
	uses, err := secretUses(ctx, c.db)
	if err != nil {
		return nil, err
	}
	infos := make([]SecretInfo, 0, len(all))
	for _, r := range all {
		var s secretSpec
		if err := decode(secretKind, r, &s); err != nil {
			return nil, err
		}
		infos = append(infos, SecretInfo{r.name, s.Backend, s.Path, uses[r.name], r.meta})
	}
	return infos, nil
}

// Secret returns a secret's value: the only way out for it. The caller must not
// log it or put it into an error. A value that this node cannot get is
// CodeSecretUnreadable.
func (c *Catalog) Secret(ctx context.Context, name string) (string, error) {
	r, err := one(ctx, c.db, secretKind, name, "")
	if err != nil {
		return "", err
	}
	var s secretSpec
	if err := decode(secretKind, r, &s); err != nil {
		return "", err
	}
	switch s.Backend {
	case BackendFile:
		return c.readFile(name, s.Path)
	case BackendEnv:
		return readVariable(name, s.Path)
	}
	return c.reveal(ctx, s.Value, purpose(secretKind, name, "value"))
}

// readFile and readVariable check the place again: the store may be older than
// the rules, and the node's folder another one than that of the node that made
// the secret.
func (c *Catalog) readFile(name, path string) (string, error) {
	if err := c.checkPlace(FileSecret(path)); err != nil {
		return "", secretUnreadable(err,
			"ALTER SECRET `"+name+"` FROM FILE names another file; every node needs --secrets-dir and the file in it",
			"secret '%s' (file %s) is not read on this node", name, path)
	}
	b, err := smallfile.ReadBelow(c.secretsDir, path, maxSecretBytes)
	if errors.Is(err, smallfile.ErrExposed) {
		return "", secretUnreadable(err, "chmod 640 "+c.fileOf(path)+" on every node, and change the secret in it if somebody may have read it",
			"secret '%s' (file %s) is not read on this node", name, path)
	}
	if err != nil {
		return "", secretUnreadable(plainCause(err), "put a regular file, no link, of at most 64 KiB at the same place below "+
			"--secrets-dir of every node, readable for the process",
			"secret '%s' cannot be read on this node: its file is %s, below --secrets-dir (%s)", name, c.fileOf(path), c.secretsDir)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	switch {
	case value == "":
		return "", fail(CodeSecretUnreadable, "write the password into the file, with one line break after it or none", "secret '%s' (file %s) is empty on this node", name, path)
	case strings.Contains(value, "\x00"):
		return "", fail(CodeSecretUnreadable, "write the password into the file as text", "secret '%s' (file %s) has a NUL byte, which no password has", name, path)
	}
	return value, nil
}

// plainCause returns an error of the file system without the name of the call that failed, which only programmers know.
func plainCause(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// fileOf returns the whole path of a file below the node's folder of secrets.
func (c *Catalog) fileOf(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.secretsDir, path)
}

func readVariable(name, variable string) (string, error) {
	if err := checkVariable(variable); err != nil {
		return "", secretUnreadable(err, "ALTER SECRET `"+name+"` FROM ENV names another variable",
			"secret '%s' (environment variable %s) is not read", name, variable)
	}
	v, ok := os.LookupEnv(variable)
	if !ok {
		return "", fail(CodeSecretUnreadable, "set the variable for the process of every node",
			"secret '%s' (environment variable %s) is not set on this node", name, variable)
	}
	if v == "" {
		return "", fail(CodeSecretUnreadable, "set the variable for the process of every node",
			"secret '%s' (environment variable %s) is empty on this node", name, variable)
	}
	if len(v) > maxSecretBytes {
		return "", fail(CodeSecretUnreadable, "use FROM FILE and a shorter value",
			"secret '%s' (environment variable %s) has more than %d bytes", name, variable, maxSecretBytes)
	}
	return v, nil
}

func secretUnreadable(cause error, remedy, format string, args ...any) *Error {
	var e *Error
	if errors.As(cause, &e) {
		cause = errors.New(e.Message) // one remedy is enough
	}
	return &Error{Code: CodeSecretUnreadable, State: "42000", Err: cause, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

func secretUsers(ctx context.Context, q querier, name string) ([]string, error) {
	uses, err := secretUses(ctx, q)
	return uses[name], err
}

// secretUses lists by secret what uses it.
func secretUses(ctx context.Context, q querier) (map[string][]string, error) {
	uses := map[string][]string{}
	for _, k := range []*kind{sourceKind, targetKind} {
		all, err := list(ctx, q, k)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			d := map[*kind]definition{sourceKind: &Source{}, targetKind: &Target{}}[k]
			if err := decode(k, r, d); err != nil {
				return nil, err
			}
			seen := map[string]bool{"": true}
			for _, cr := range d.credentials() {
				if !seen[cr.Secret] {
					seen[cr.Secret] = true
					uses[cr.Secret] = append(uses[cr.Secret], fmt.Sprintf("%s '%s'", k.noun, r.name))
				}
			}
		}
	}
	return uses, nil
}
