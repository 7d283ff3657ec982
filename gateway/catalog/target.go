package catalog

import (
	"context"
	"fmt"
	"strings"
)

// DefaultTarget is the name of the target that always exists: the store's TiDB.
const DefaultTarget = "DEFAULT"

// Target is a TiDB cluster that migrations write to. Zero fields get their
// defaults when stored.
type Target struct {
	Name           string     `json:"-"`
	Hosts          []string   `json:"hosts"` // host:port
	User           string     `json:"user"`  // default root
	Password       Credential `json:"password,omitzero"`
	SSL                       // fields ssl_mode, ssl_ca, ssl_cert, ssl_key
	MaxConnections int        `json:"max_connections,omitempty"` // 0 adapts
	Meta           `json:"-"`
}

// IsDefault says whether t is the store's TiDB: its connection is the node's
// own, and all its fields but the name are empty.
func (t *Target) IsDefault() bool { return isDefault(t.Name) }

func isDefault(name string) bool { return strings.EqualFold(name, DefaultTarget) }

func (t *Target) check() error {
	if len(t.Hosts) == 0 {
		return fail(CodeBadOption, "state TARGET_HOSTS = ('host:port')", "a target needs a host")
	}
	if t.User == "" {
		t.User = "root"
	}
	if t.MaxConnections < 0 {
		return fail(CodeBadOption, "state 0 (adapts) or more", "MAX_CONNECTIONS is not negative")
	}
	if err := checkHosts("TARGET_HOSTS", t.Hosts); err != nil {
		return err
	}
	return t.SSL.check()
}

func (t *Target) credentials() map[string]*Credential {
	return map[string]*Credential{"password": &t.Password, "ssl_key": &t.SSL.Key}
}

// CreateTarget stores a new target; see CreateSource.
func (c *Catalog) CreateTarget(ctx context.Context, t Target, ifNotExists bool, by string) (bool, error) {
	if t.IsDefault() {
		return false, exists(targetKind, DefaultTarget)
	}
	return c.create(ctx, targetKind, t.Name, &t, ifNotExists, by)
}

// UpdateTarget replaces the target that was read with t.Version.
func (c *Catalog) UpdateTarget(ctx context.Context, t Target, by string) (bool, error) {
	if t.IsDefault() {
		return false, defaultIsFixed()
	}
	return c.update(ctx, targetKind, t.Name, &t, t.Version, by)
}

// DropTarget removes a target that no migration uses.
func (c *Catalog) DropTarget(ctx context.Context, name string, ifExists bool) (bool, error) {
	if isDefault(name) {
		return false, defaultIsFixed()
	}
	return c.drop(ctx, targetKind, name, ifExists, targetUsers)
}

func defaultIsFixed() *Error {
	return fail(CodeInUse, "create another target for another TiDB", "target '%s' is the store's TiDB: it cannot be changed or dropped", DefaultTarget)
}

// Target reads a target; "" is DEFAULT.
func (c *Catalog) Target(ctx context.Context, name string) (*Target, error) {
	if name == "" || isDefault(name) {
		return &Target{Name: DefaultTarget}, nil
	}
	r, err := one(ctx, c.db, targetKind, name, "")
	if err != nil {
		return nil, err
	}
	return targetOf(r)
}

// Targets lists all targets: DEFAULT, then the others by name.
func (c *Catalog) Targets(ctx context.Context) ([]*Target, error) {
	others, err := all(ctx, c.db, targetKind, targetOf)
	return append([]*Target{{Name: DefaultTarget}}, others...), err
}

func targetOf(r record) (*Target, error) {
	t := &Target{Name: r.name, Meta: r.meta}
	return t, decode(targetKind, r, t)
}

// TargetCredentials returns the target's password and private key; see
// SourceCredentials.
func (c *Catalog) TargetCredentials(ctx context.Context, t *Target) (password, sslKey string, err error) {
	if password, err = c.reveal(ctx, t.Password, purpose(targetKind, t.Name, "password")); err != nil {
		return "", "", err
	}
	if sslKey, err = c.reveal(ctx, t.SSL.Key, purpose(targetKind, t.Name, "ssl_key")); err != nil {
		return "", "", err
	}
	return password, sslKey, nil
}

func targetUsers(ctx context.Context, q querier, name string) ([]string, error) {
	migrations, err := all(ctx, q, migrationKind, migrationOf)
	if err != nil {
		return nil, err
	}
	var users []string
	for _, m := range migrations {
		if m.Spec.Target == name {
			users = append(users, fmt.Sprintf("migration '%s'", m.Name))
		}
	}
	return users, nil
}
