package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/internal/smallfile"
	"sluice/sqladmin"
)

// Config says how a node runs. Its printed forms hold no secret. Load makes one
// from what an operator states; Options describes each field.
type Config struct {
	Name string // unique in the cluster; survives restarts

	Store             string // user[:password]@tcp(host:port)/ of the store's TiDB
	StorePasswordFile string // replaces the password in Store
	StoreSSLMode      string // as SOURCE_SSL_MODE; "" means VERIFY_CA with a certificate, else what Store says
	StoreSSLCA        string // PEM files
	StoreSSLCert      string
	StoreSSLKey       string

	AdminAddr         string
	AdminUser         string
	AdminPasswordFile string
	AdminTLSCert      string
	AdminTLSKey       string

	GossipAddr          string
	GossipAdvertiseAddr string
	Join                []string
	ClusterKeyFile      string
	OldClusterKeyFile   string // while the key is changed: the one before, or "none"
	UnreadableSecrets   string // refuse or restate

	HTTPAddr   string
	DataDir    string
	SecretsDir string // of secrets FROM FILE; "" means that there are none

	LogLevel  string // debug, info, warn or error
	LogFormat string // text or json

	Log *slog.Logger // nil discards
}

// String names the node and hides the rest.
func (c Config) String() string { return "node " + c.Name }

// GoString is String, so that %#v shows no secret.
func (c Config) GoString() string { return c.String() }

// LogValue is String for slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// badConfig is an error about one option.
func badConfig(option, remedy, format string, args ...any) error {
	return sqladmin.Errorf(sqladmin.CodeBadOption, "option --%s: %s", option, fmt.Sprintf(format, args...)).WithRemedy("%s", remedy)
}

// check refuses what cannot be before anything is opened.
func (c *Config) check() error {
	if c.Name == "" || len(c.Name) > 64 || strings.ContainsAny(c.Name, "/ \t\n") {
		return badConfig("name", "give a name such as n1", "'%s' does not have 1 to 64 characters without spaces and slashes", c.Name)
	}
	for _, a := range []struct{ option, addr string }{
		{"admin-addr", c.AdminAddr}, {"gossip-addr", c.GossipAddr}, {"http-addr", c.HTTPAddr},
		{"gossip-advertise-addr", c.GossipAdvertiseAddr},
	} {
		if a.option == "gossip-advertise-addr" && a.addr == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(a.addr); err != nil {
			return badConfig(a.option, "write host:port; port 0 takes a free one", "'%s' is no host with a port", a.addr)
		}
	}
	for _, a := range c.Join {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return badConfig("join", "write another node's gossip address as host:port", "'%s' is no host with a port", a)
		}
	}
	if c.ClusterKeyFile == "" && !loopback(c.GossipAddr) {
		return badConfig("gossip-addr", "give every node the same --cluster-key-file, or use 127.0.0.1",
			"%s is not loopback, and without a cluster key gossip is not encrypted", c.GossipAddr)
	}
	if (c.AdminTLSCert == "") != (c.AdminTLSKey == "") {
		return badConfig("admin-tls-cert", "give both --admin-tls-cert and --admin-tls-key, or neither", "a certificate needs its key, and a key its certificate")
	}
	if !loopback(c.AdminAddr) && (c.AdminTLSCert == "" || c.AdminPasswordFile == "") {
		return badConfig("admin-addr", "give --admin-tls-cert, --admin-tls-key and --admin-password-file, or use 127.0.0.1",
			"%s is not loopback, which needs TLS and a password", c.AdminAddr)
	}
	if c.AdminUser == "" {
		return badConfig("admin-user", "give a name such as root", "it is empty")
	}
	_, err := c.storeConfig()
	return err
}

// loopback says whether an address to listen on is reached from this machine
// only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// The store's connections.
const (
	storeDialTimeout = 5 * time.Second
	// storeReadTimeout is above what a DDL of the store takes on a slow TiDB.
	storeReadTimeout = 2 * time.Minute
	// laneReadTimeout is above what the commit of a batch takes on a slow target. The first answer that is missed costs less:
	// see wire.Connector.
	laneReadTimeout   = 5 * time.Minute
	storeWriteTimeout = 30 * time.Second
	maxPacketBytes    = 64 << 20
)

// storeConfig returns the driver's settings for the store. Its errors do not
// quote the DSN: it may hold the password.
func (c *Config) storeConfig() (*mysql.Config, error) {
	const remedy = "write user:password@tcp(host:port)/ ; the password can come from --store-password-file"
	if c.Store == "" {
		return nil, badConfig("store", remedy, "it is missing")
	}
	cfg, err := mysql.ParseDSN(c.Store)
	if err != nil {
		return nil, badConfig("store", remedy, "it cannot be read")
	}
	if cfg.Net != "tcp" && cfg.Net != "unix" {
		return nil, badConfig("store", remedy, "only tcp and unix addresses are known")
	}
	if host, port, err := net.SplitHostPort(cfg.Addr); cfg.Net == "tcp" && (err != nil || host == "" || port == "") {
		return nil, badConfig("store", remedy, "its address has no host, or no port")
	}
	if c.StorePasswordFile != "" {
		password, err := readSecretFile("store-password-file", c.StorePasswordFile)
		if err != nil {
			return nil, err
		}
		cfg.Passwd = password
	}
	for name := range cfg.Params {
		return nil, badConfig("store", remedy, "the parameter '%s' is not known", name)
	}
	if err := c.storeTLS(cfg); err != nil {
		return nil, err
	}
	cfg.DBName = ""
	cfg.ReadTimeout, cfg.WriteTimeout = storeReadTimeout, storeWriteTimeout
	return cfg, prepare(cfg)
}

// prepare sets what every connection of a node needs, to the store and to
// targets alike: exact text, plain values, and affected rows that count changed
// rows.
func prepare(cfg *mysql.Config) error {
	if cfg.Timeout == 0 {
		cfg.Timeout = storeDialTimeout
	}
	cfg.ParseTime, cfg.MultiStatements, cfg.ClientFoundRows = false, false, false
	cfg.InterpolateParams = true
	cfg.MaxAllowedPacket = maxPacketBytes
	cfg.DialFunc = dialer(cfg.Timeout)
	cfg.Logger = silent{} // what it would print is in the errors too
	if err := cfg.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return fmt.Errorf("prepare connections: %w", err)
	}
	return nil
}

// silent is a driver's logger that says nothing.
type silent struct{}

// Print implements mysql.Logger.
func (silent) Print(...any) {}

// readSecretFile returns a file's content without the line end after it.
func readSecretFile(option, path string) (string, error) {
	b, err := smallfile.ReadPrivate(path, smallfile.MaxSecretBytes)
	if errors.Is(err, smallfile.ErrExposed) {
		return "", badConfig(option, "chmod 600 "+path+" , and change the secret in it if somebody may have read it", "%v", err)
	}
	if err != nil {
		return "", badConfig(option, "name a regular file that this process can read", "%v", err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" {
		return "", badConfig(option, "write the value into the file", "%s is empty", path)
	}
	return s, nil
}

// adminCertificate reads the admin port's certificate and its key.
func (c *Config) adminCertificate() (tls.Certificate, error) {
	cert, err := smallfile.Read(c.AdminTLSCert, smallfile.MaxPEMBytes)
	if err != nil {
		return tls.Certificate{}, badConfig("admin-tls-cert", "name the PEM file of a certificate", "%v", err)
	}
	key, err := readSecretFile("admin-tls-key", c.AdminTLSKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, []byte(key))
	if err != nil {
		return tls.Certificate{}, badConfig("admin-tls-cert", "name the PEM files of a certificate and its key", "%v", err)
	}
	return pair, nil
}
