package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
	"sluice/replica/protocol"
	"sluice/replica/source"
)

// Connections of one node to one target besides those of the lanes.
const (
	targetConnections = 32
	targetIdle        = 4
)

// targets holds the connections to the targets that are in use: one pool per
// target and account, whatever number of channels write to it.
type targets struct {
	catalog       *catalog.Catalog
	store         *mysql.Config
	storePassword *storePassword

	mu   sync.Mutex
	open map[[sha256.Size]byte]*target
}

// target is a target in use.
type target struct {
	name      string
	connector apply.Connector // for lanes
	db        *sql.DB         // for reading and claiming
	checks    *sql.DB         // for checks: answers have migration.CheckAnswer
	addrs     []string
	patience  *apply.Patience // of the lanes, for answers
	plain     atomic.Bool     // PREFERRED, and a host offered no TLS
	tls       *tls.Config     // of its hosts; nil without TLS
	users     int
	key       [sha256.Size]byte // of everything that connections depend on
}

// String returns the name and addresses.
func (t *target) String() string { return "target " + t.name + " at " + strings.Join(t.addrs, ", ") }

func newTargets(c *catalog.Catalog, store *mysql.Config, password *storePassword) *targets {
	return &targets{catalog: c, store: store, storePassword: password, open: map[[sha256.Size]byte]*target{}}
}

// use returns the target; the caller says done once it needs it no longer. It
// does not connect.
func (t *targets) use(ctx context.Context, def *catalog.Target) (tg *target, done func(), err error) {
	configs, key, err := t.configs(ctx, def)
	if err != nil {
		return nil, nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tg, ok := t.open[key]
	if !ok {
		password := t.storePassword
		if !def.IsDefault() {
			password = nil
		}
		if tg, err = openTarget(def.Name, configs, password); err != nil {
			return nil, nil, err
		}
		tg.key = key
		t.open[key] = tg
	}
	tg.users++
	return tg, sync.OnceFunc(func() { t.release(tg) }), nil
}

func (t *targets) release(tg *target) {
	t.mu.Lock()
	tg.users--
	last := tg.users == 0
	if last {
		delete(t.open, tg.key)
	}
	t.mu.Unlock()
	if last {
		_ = tg.checks.Close()
		_ = tg.db.Close() // nothing can be done about a connection that does not close
	}
}

// configs returns the driver's settings for each host of a target, and what
// tells two accounts on it apart.
func (t *targets) configs(ctx context.Context, def *catalog.Target) ([]*mysql.Config, [sha256.Size]byte, error) {
	if def.IsDefault() {
		return []*mysql.Config{t.store.Clone()}, sha256.Sum256([]byte(catalog.DefaultTarget)), nil
	}
	password, sslKey, err := t.catalog.TargetCredentials(ctx, def)
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	h := sha256.New()
	for _, s := range append([]string{def.Name, def.User, password, def.Mode, def.CA, def.Cert, sslKey}, def.Hosts...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	var configs []*mysql.Config
	for _, host := range def.Hosts {
		cfg, err := targetConfig(def, host, password, sslKey)
		if err != nil {
			return nil, [sha256.Size]byte{}, err
		}
		configs = append(configs, cfg)
	}
	return configs, [sha256.Size]byte(h.Sum(nil)), nil
}

func targetConfig(def *catalog.Target, host, password, sslKey string) (*mysql.Config, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = def.User, password, "tcp", host
	cfg.ReadTimeout, cfg.WriteTimeout = storeReadTimeout, storeWriteTimeout
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		return nil, fmt.Errorf("host of target %s: %w", def.Name, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("host of target %s: %w", def.Name, err)
	}
	tls, err := source.Config{Name: def.Name, Host: name, Port: n, SSLMode: source.SSLMode(def.Mode), SSLCA: def.CA,
		SSLCert: def.Cert, SSLKey: sslKey}.TLSConfig()
	if err != nil {
		return nil, targetTLSError(err)
	}
	cfg.TLS = tls
	cfg.AllowFallbackToPlaintext = strings.EqualFold(def.Mode, string(source.SSLPreferred))
	return cfg, prepare(cfg)
}

// targetTLSError gives an error about a source's options the target's names.
func targetTLSError(err error) error {
	var e *replica.Error
	if !errors.As(err, &e) {
		return err
	}
	c, names := *e, strings.NewReplacer("SOURCE_SSL", "TARGET_SSL")
	c.Message, c.Remedy = names.Replace(e.Message), names.Replace(e.Remedy)
	return &c
}

// openTarget prepares connections; it does no I/O. password is the store's for
// target DEFAULT, and nil for others, whose password is in configs.
func openTarget(name string, configs []*mysql.Config, password *storePassword) (*target, error) {
	t := &target{name: name, tls: configs[0].TLS, patience: apply.NewPatience(laneReadTimeout)}
	var reading, checking pooled
	var writing hosts[apply.Conn]
	for _, cfg := range configs {
		r, err := t.reader(cfg)
		if err != nil {
			return nil, err
		}
		reading.driver = r.Driver()
		t.addrs = append(t.addrs, cfg.Addr)
		w := cfg.Clone()
		// A lane sends a batch as one packet. An answer that was lost on the way
		// never comes: the lane connects again and finds out whether it committed.
		// A DDL, which may take hours, waits for ever. See t.patience.
		wc, err := t.writer(w)
		if err != nil {
			return nil, err
		}
		// A check makes nothing but temporary tables, and its client waits for it.
		k := cfg.Clone()
		k.ReadTimeout = migration.CheckAnswer
		kc, err := t.reader(k)
		if err != nil {
			return nil, err
		}
		checking.driver = kc.Driver()
		read, check, write := r.Connect, kc.Connect, wc
		if password != nil {
			connect := func(cfg *mysql.Config) (func(context.Context) (driver.Conn, error), error) {
				r, err := t.reader(cfg)
				if err != nil {
					return nil, err
				}
				return r.Connect, nil
			}
			read, check = ownAccount(login(password, cfg, connect)), ownAccount(login(password, k, connect))
			write = ownAccount(login(password, w, t.writer))
		}
		reading.connect, checking.connect, writing.connect = append(reading.connect, read), append(checking.connect, check), append(writing.connect, write)
	}
	t.connector, t.db, t.checks = &writing, pool(&reading, targetConnections, targetIdle), pool(&checking, targetConnections, targetIdle)
	return t, nil
}

// ownAccount makes a refusal of the node's own account an error that ends no channel: it is the node's configuration
// that is wrong, for all channels alike, and it is read again at each login.
func ownAccount[C any](connect connect[C]) connect[C] {
	return func(ctx context.Context) (C, error) {
		conn, err := connect(ctx)
		var me *mysql.MySQLError
		if !accessDenied(err) || !errors.As(err, &me) {
			return conn, err
		}
		return conn, &replica.Error{Code: me.Number, State: string(me.SQLState[:]), Class: "TARGET", Transient: true, Err: err,
			Message: "the target, which is the store, refuses this node's account",
			Remedy:  "correct the file of --store-password-file, which is read at each login, or the user in --store and start the node again"}
	}
}

// encryption returns what protects the connections.
func (t *target) encryption() migration.Encryption {
	e := migration.Encryption{Off: t.tls == nil, Fallen: t.plain.Load(), Verified: protocol.Verifies(t.tls),
		Mode: "TARGET_SSL_MODE", Remedy: "TARGET_SSL_MODE=VERIFY_CA and TARGET_SSL_CA"}
	if t.name == catalog.DefaultTarget {
		e.Mode, e.Remedy = "--store-ssl-mode", "--store-ssl-mode VERIFY_CA and --store-ssl-ca on every node"
	}
	return e
}

func (t *target) reader(cfg *mysql.Config) (driver.Connector, error) {
	r, err := protocol.NewConnector(cfg, protocol.Options{AnswerBytes: protocol.AnswerBytes, Plain: func() { t.plain.Store(true) }})
	if err != nil {
		return nil, fmt.Errorf("prepare connections to target %s: %w", t.name, err)
	}
	return r, nil
}

func (t *target) writer(cfg *mysql.Config) (func(context.Context) (apply.Conn, error), error) {
	w, err := apply.NewConnector(cfg, t.patience)
	if err != nil {
		return nil, fmt.Errorf("prepare connections to target %s: %w", t.name, err)
	}
	return w.Connect, nil
}

// hosts connects to several hosts of one target: each connection goes to the
// next host, and past those that do not answer.
type hosts[C any] struct {
	connect []func(context.Context) (C, error)
	next    atomic.Uint32
}

// Connect implements apply.Connector, and driver.Connector in part.
func (h *hosts[C]) Connect(ctx context.Context) (C, error) {
	first := int(h.next.Add(1))
	var none C
	var errs []error
	for i := range h.connect {
		conn, err := h.connect[(first+i)%len(h.connect)](ctx)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		errs = append(errs, err)
		if !unreachable(err) {
			break // refused: the next host would too
		}
	}
	if len(errs) == 1 {
		return none, errs[0]
	}
	return none, errors.Join(errs...)
}

// pooled is for a pool of connections to several hosts.
type pooled struct {
	hosts[driver.Conn]
	driver driver.Driver
}

// Driver implements driver.Connector.
func (p *pooled) Driver() driver.Driver { return p.driver }
