package gateway

import (
	"os"
	"slices"
	"strings"
)

// Option is one setting of a node: the flag --name, the environment variable
// Env and the key of the configuration file.
type Option struct {
	Name    string
	Usage   string
	Default string
	Repeat  bool     // may be stated several times; a list in the file
	Words   []string // the allowed values; nil for any
	set     func(*Config, []string)
}

// Env returns the option's environment variable.
func (o *Option) Env() string {
	return "SLUICE_" + strings.ToUpper(strings.ReplaceAll(o.Name, "-", "_"))
}

func text(field func(*Config) *string) func(*Config, []string) {
	return func(c *Config, v []string) { *field(c) = v[len(v)-1] }
}

// Options lists the settings of a node. A newcomer adds a row here and a field
// to Config.
func Options() []Option {
	host, _ := os.Hostname() // "" is refused by check
	return []Option{
		{Name: "name", Usage: "the node's `name`, unique in the cluster", Default: host, set: text(func(c *Config) *string { return &c.Name })},
		{Name: "store", Usage: "the TiDB that holds the definitions: `user:password@tcp(host:port)/`", set: text(func(c *Config) *string { return &c.Store })},
		{Name: "store-password-file", Usage: "`file` with the store's password, so that it is in no command line", set: text(func(c *Config) *string { return &c.StorePasswordFile })},
		{Name: "store-ssl-mode", Usage: "DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY, as SOURCE_SSL_MODE", set: text(func(c *Config) *string { return &c.StoreSSLMode })},
		{Name: "store-ssl-ca", Usage: "PEM `file` with the authorities of the store's certificate", set: text(func(c *Config) *string { return &c.StoreSSLCA })},
		{Name: "store-ssl-cert", Usage: "PEM `file` with this node's certificate for the store", set: text(func(c *Config) *string { return &c.StoreSSLCert })},
		{Name: "store-ssl-key", Usage: "PEM `file` with its key", set: text(func(c *Config) *string { return &c.StoreSSLKey })},
		{Name: "admin-addr", Usage: "`host:port` of the admin port, for MySQL clients", Default: "127.0.0.1:4406", set: text(func(c *Config) *string { return &c.AdminAddr })},
		{Name: "admin-user", Usage: "the admin port's `user`", Default: "root", set: text(func(c *Config) *string { return &c.AdminUser })},
		{Name: "admin-password-file", Usage: "`file` with the admin port's password; none means an empty one", set: text(func(c *Config) *string { return &c.AdminPasswordFile })},
		{Name: "admin-tls-cert", Usage: "PEM `file` with the admin port's certificate", set: text(func(c *Config) *string { return &c.AdminTLSCert })},
		{Name: "admin-tls-key", Usage: "PEM `file` with its key", set: text(func(c *Config) *string { return &c.AdminTLSKey })},
		{Name: "gossip-addr", Usage: "`host:port` on which the nodes find each other", Default: "127.0.0.1:7946", set: text(func(c *Config) *string { return &c.GossipAddr })},
		{Name: "gossip-advertise-addr", Usage: "`host:port` at which other nodes reach it, when that is another one", set: text(func(c *Config) *string { return &c.GossipAdvertiseAddr })},
		{Name: "join", Usage: "`host:port` of another node's gossip; those in the store are found without", Repeat: true, set: func(c *Config, v []string) { c.Join = v }},
		{Name: "cluster-key-file", Usage: "`file` with the cluster's key, 16 bytes or more, the same on every node", set: text(func(c *Config) *string { return &c.ClusterKeyFile })},
		{Name: "old-cluster-key-file", Usage: "`file` with the cluster's key before, or the word none, while the key is changed node by node", set: text(func(c *Config) *string { return &c.OldClusterKeyFile })},
		{Name: "unreadable-secrets", Usage: "refuse, or restate: start although passwords in the store cannot be decrypted, and state them again with ALTER", Default: "refuse", Words: []string{"refuse", "restate"}, set: text(func(c *Config) *string { return &c.UnreadableSecrets })},
		{Name: "http-addr", Usage: "`host:port` of /healthz, /readyz and /metrics", Default: "127.0.0.1:8406", set: text(func(c *Config) *string { return &c.HTTPAddr })},
		{Name: "data-dir", Usage: "`folder` for what the node keeps on disk", Default: "sluice-data", set: text(func(c *Config) *string { return &c.DataDir })},
		{Name: "secrets-dir", Usage: "`folder` of the files that CREATE SECRET .. FROM FILE may name; none means that there are none", set: text(func(c *Config) *string { return &c.SecretsDir })},
		{Name: "log-level", Usage: "debug, info, warn or error", Default: "info", Words: []string{"debug", "info", "warn", "error"}, set: text(func(c *Config) *string { return &c.LogLevel })},
		{Name: "log-format", Usage: "text or json", Default: "text", Words: []string{"text", "json"}, set: text(func(c *Config) *string { return &c.LogFormat })},
	}
}

// Load makes a Config of the defaults, the configuration file (a path, or ""),
// and what was stated by flag or environment, by option name; the latter wins.
func Load(file string, stated map[string][]string) (Config, error) {
	var c Config
	options := Options()
	inFile := map[string][]string{}
	if file != "" {
		var err error
		if inFile, err = readConfigFile(file, options); err != nil {
			return c, err
		}
	}
	for _, o := range options {
		v := []string{o.Default}
		if o.Repeat {
			v = nil
		}
		if f, ok := inFile[o.Name]; ok {
			v = f
		}
		if s, ok := stated[o.Name]; ok {
			v = s
		}
		if o.Words != nil {
			word := strings.ToLower(v[len(v)-1])
			if !slices.Contains(o.Words, word) {
				return c, badConfig(o.Name, "use one of "+strings.Join(o.Words, ", "), "'%s' is not known", word)
			}
			v = []string{word}
		}
		if len(v) > 0 {
			o.set(&c, v)
		}
	}
	if err := c.checkSecretsDir(file); err != nil {
		return c, err
	}
	return c, c.check()
}
