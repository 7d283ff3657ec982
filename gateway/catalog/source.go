package catalog

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SSL says how a connection is encrypted. CA and Cert are paths or PEM text.
type SSL struct {
	Mode string     `json:"ssl_mode,omitempty"` // DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY
	CA   string     `json:"ssl_ca,omitempty"`
	Cert string     `json:"ssl_cert,omitempty"`
	Key  Credential `json:"ssl_key,omitzero"` // a path or PEM text
}

func (s *SSL) check() error {
	if s.Mode == "" {
		s.Mode = "PREFERRED"
	}
	return oneOf("SSL_MODE", &s.Mode, "DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
}

// Source is one upstream server. Zero fields get their defaults when stored.
type Source struct {
	Name            string     `json:"-"`
	Host            string     `json:"host"`
	Port            uint16     `json:"port"` // default 3306
	User            string     `json:"user"` // default root
	Password        Credential `json:"password,omitzero"`
	SSL                        // fields ssl_mode, ssl_ca, ssl_cert, ssl_key
	ServerID        uint32     `json:"server_id,omitempty"`     // 0 means AUTO
	ReplicaHosts    []string   `json:"replica_hosts,omitempty"` // host:port to fail over to
	Flavor          string     `json:"flavor"`                  // AUTO (default), MYSQL or MARIADB
	ConnectRetry    Seconds    `json:"connect_retry"`           // default 10 s
	HeartbeatPeriod Seconds    `json:"heartbeat_period"`        // default 1 s
	Delay           Seconds    `json:"delay,omitempty"`
	Meta            `json:"-"`
}

// Seconds is a duration that is stored as a number of seconds.
type Seconds time.Duration

// MarshalJSON writes the number of seconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON reads a number of seconds.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("seconds: %w", err)
	}
	*s = Seconds(f * float64(time.Second))
	return nil
}

func (s *Source) check() error {
	if s.Host == "" {
		return fail(CodeBadOption, "state SOURCE_HOST = '..'", "a source needs a host")
	}
	if s.Port == 0 {
		s.Port = 3306
	}
	if s.User == "" {
		s.User = "root"
	}
	if s.Flavor == "" {
		s.Flavor = "AUTO"
	}
	if s.ConnectRetry == 0 {
		s.ConnectRetry = Seconds(10 * time.Second)
	}
	if s.HeartbeatPeriod == 0 {
		s.HeartbeatPeriod = Seconds(time.Second)
	}
	if s.ConnectRetry < 0 || s.HeartbeatPeriod < 0 || s.Delay < 0 {
		return fail(CodeBadOption, "state 0 or more seconds", "a source's times are not negative")
	}
	if err := oneOf("FLAVOR", &s.Flavor, "AUTO", "MYSQL", "MARIADB"); err != nil {
		return err
	}
	if err := checkHosts("REPLICA_HOSTS", s.ReplicaHosts); err != nil {
		return err
	}
	return s.SSL.check()
}

func (s *Source) credentials() map[string]*Credential {
	return map[string]*Credential{"password": &s.Password, "ssl_key": &s.SSL.Key}
}

// oneOf makes a word upper case and checks that it is allowed.
func oneOf(option string, v *string, allowed ...string) error {
	*v = strings.ToUpper(*v)
	if !slices.Contains(allowed, *v) {
		return fail(CodeBadOption, "use one of "+strings.Join(allowed, ", "), "option %s: '%s' is not known", option, *v)
	}
	return nil
}

func checkHosts(option string, hosts []string) error {
	for _, h := range hosts {
		host, port, err := net.SplitHostPort(h)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil || host == "" {
			return fail(CodeBadOption, "write 'host:port'", "option %s: '%s' is no host with a port", option, h)
		}
	}
	return nil
}

// CreateSource stores a new source. It returns false when ifNotExists is set
// and the same source exists; CodeExistsDifferent when another one does.
func (c *Catalog) CreateSource(ctx context.Context, s Source, ifNotExists bool, by string) (bool, error) {
	return c.create(ctx, sourceKind, s.Name, &s, ifNotExists, by)
}

// UpdateSource replaces the source that was read with s.Version. It returns
// false when nothing is different.
func (c *Catalog) UpdateSource(ctx context.Context, s Source, by string) (bool, error) {
	return c.update(ctx, sourceKind, s.Name, &s, s.Version, by)
}

// DropSource removes a source that no migration uses.
func (c *Catalog) DropSource(ctx context.Context, name string, ifExists bool) (bool, error) {
	return c.drop(ctx, sourceKind, name, ifExists, sourceUsers)
}

// Source reads a source.
func (c *Catalog) Source(ctx context.Context, name string) (*Source, error) {
	r, err := one(ctx, c.db, sourceKind, name, "")
	if err != nil {
		return nil, err
	}
	return sourceOf(r)
}

// Sources lists all sources by name.
func (c *Catalog) Sources(ctx context.Context) ([]*Source, error) {
	return all(ctx, c.db, sourceKind, sourceOf)
}

func sourceOf(r record) (*Source, error) {
	s := &Source{Name: r.name, Meta: r.meta}
	return s, decode(sourceKind, r, s)
}

// all lists the objects of a kind.
func all[T any](ctx context.Context, q querier, k *kind, of func(record) (T, error)) ([]T, error) {
	records, err := list(ctx, q, k)
	if err != nil {
		return nil, err
	}
	objects := make([]T, 0, len(records))
	for _, r := range records {
		o, err := of(r)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// SourceCredentials returns the source's password and private key, "" where it
// has none. The caller must not log them or put them into an error.
func (c *Catalog) SourceCredentials(ctx context.Context, s *Source) (password, sslKey string, err error) {
	if password, err = c.reveal(ctx, s.Password, purpose(sourceKind, s.Name, "password")); err != nil {
		return "", "", err
	}
	if sslKey, err = c.reveal(ctx, s.SSL.Key, purpose(sourceKind, s.Name, "ssl_key")); err != nil {
		return "", "", err
	}
	return password, sslKey, nil
}

func sourceUsers(ctx context.Context, q querier, name string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT DISTINCT migration FROM sluice_meta.channels WHERE source = ? ORDER BY migration`, name)
	if err != nil {
		return nil, fmt.Errorf("read migrations of source %s: %w", name, err)
	}
	defer rows.Close()
	var users []string
	for rows.Next() {
		var m string
		if err := rows.Scan(&m); err != nil {
			return nil, fmt.Errorf("read migrations of source %s: %w", name, err)
		}
		users = append(users, fmt.Sprintf("migration '%s'", m))
	}
	return users, rows.Err()
}
