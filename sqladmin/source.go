package sqladmin

import (
	"strconv"
	"strings"
)

// CreateSource is CREATE SOURCE.
type CreateSource struct {
	Name        string
	IfNotExists bool
	Options     SourceOptions
}

// AlterSource is ALTER SOURCE, and CHANGE REPLICATION SOURCE TO of a channel.
type AlterSource struct {
	Name     string
	IfExists bool
	Options  SourceOptions
}

// SourceOptions holds what was written; nil (for a list too) means not written.
type SourceOptions struct {
	Host            *string   `json:"host,omitempty"`
	Port            *uint64   `json:"port,omitempty"`
	User            *string   `json:"user,omitempty"`
	Password        *Password `json:"password,omitempty"`
	SSLMode         *string   `json:"ssl_mode,omitempty"` // one of SSLModes
	SSLCA           *string   `json:"ssl_ca,omitempty"`   // a path, or PEM text
	SSLCert         *string   `json:"ssl_cert,omitempty"`
	SSLKey          *Password `json:"ssl_key,omitempty"`   // a SECRET, or a literal path or PEM text
	ServerID        *uint64   `json:"server_id,omitempty"` // 0 = AUTO
	ReplicaHosts    []string  `json:"replica_hosts,omitempty"`
	Flavor          *string   `json:"flavor,omitempty"`           // AUTO, MYSQL or MARIADB
	ConnectRetry    *uint64   `json:"connect_retry,omitempty"`    // seconds
	HeartbeatPeriod *float64  `json:"heartbeat_period,omitempty"` // seconds
	Delay           *uint64   `json:"delay,omitempty"`            // seconds
}

// SSLModes lists the values of SOURCE_SSL_MODE and TARGET_SSL_MODE.
var SSLModes = []string{"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"}

var flavors = []string{"AUTO", "MYSQL", "MARIADB"}

// Verb implements Statement.
func (*CreateSource) Verb() string { return "CREATE SOURCE" }

// Verb implements Statement.
func (*AlterSource) Verb() string { return "ALTER SOURCE" }

// SQL returns a statement that makes the source again; a password literal
// prints as '<secret>'.
func (s *CreateSource) SQL() string {
	return "CREATE SOURCE " + quoteName(s.Name) + " " + strings.Join(s.Options.list(), ", ")
}

func (o *SourceOptions) list() []string {
	var l []string
	str := func(name string, v *string) {
		if v != nil {
			l = append(l, name+" = "+quote(*v))
		}
	}
	num := func(name string, v *uint64) {
		if v != nil {
			l = append(l, name+" = "+strconv.FormatUint(*v, 10))
		}
	}
	word := func(name string, v *string) {
		if v != nil {
			l = append(l, name+" = "+*v)
		}
	}
	str("SOURCE_HOST", o.Host)
	num("SOURCE_PORT", o.Port)
	str("SOURCE_USER", o.User)
	if o.Password != nil {
		l = append(l, "SOURCE_PASSWORD = "+o.Password.String())
	}
	word("SOURCE_SSL_MODE", o.SSLMode)
	str("SOURCE_SSL_CA", o.SSLCA)
	str("SOURCE_SSL_CERT", o.SSLCert)
	if o.SSLKey != nil {
		l = append(l, "SOURCE_SSL_KEY = "+o.SSLKey.String())
	}
	if o.ServerID != nil && *o.ServerID == 0 {
		l = append(l, "SERVER_ID = AUTO")
	} else {
		num("SERVER_ID", o.ServerID)
	}
	if o.ReplicaHosts != nil {
		l = append(l, "REPLICA_HOSTS = "+quoteAll(o.ReplicaHosts, quote))
	}
	word("FLAVOR", o.Flavor)
	num("SOURCE_CONNECT_RETRY", o.ConnectRetry)
	if o.HeartbeatPeriod != nil {
		l = append(l, "SOURCE_HEARTBEAT_PERIOD = "+strconv.FormatFloat(*o.HeartbeatPeriod, 'f', -1, 64))
	}
	num("SOURCE_DELAY", o.Delay)
	return l
}

// sourceOptions lists the options of a source: a name, and how its value is
// read. A newcomer adds a row here, a field above and a column in tables.go.
var sourceOptions = []objectOption[SourceOptions]{
	{name: "SOURCE_HOST", read: func(p *parser, o *SourceOptions) { o.Host = ptr(p.host("SOURCE_HOST")) }},
	{name: "SOURCE_PORT", read: func(p *parser, o *SourceOptions) { o.Port = ptr(p.number("SOURCE_PORT", 1, 65535)) }},
	{name: "SOURCE_USER", read: func(p *parser, o *SourceOptions) { o.User = ptr(p.userName("SOURCE_USER")) }},
	{name: "SOURCE_PASSWORD", read: func(p *parser, o *SourceOptions) { o.Password = p.password("SOURCE_PASSWORD") }},
	{name: "SOURCE_SSL_MODE", read: func(p *parser, o *SourceOptions) { o.SSLMode = ptr(p.enum("SOURCE_SSL_MODE", SSLModes)) }},
	{name: "SOURCE_SSL_CA", read: func(p *parser, o *SourceOptions) { o.SSLCA = ptr(p.pem("SOURCE_SSL_CA")) }},
	{name: "SOURCE_SSL_CERT", read: func(p *parser, o *SourceOptions) { o.SSLCert = ptr(p.pem("SOURCE_SSL_CERT")) }},
	{name: "SOURCE_SSL_KEY", read: func(p *parser, o *SourceOptions) { o.SSLKey = p.password("SOURCE_SSL_KEY") }},
	{name: "SERVER_ID", read: func(p *parser, o *SourceOptions) { o.ServerID = ptr(p.serverID()) }},
	{name: "REPLICA_HOSTS", later: true, read: func(p *parser, o *SourceOptions) { o.ReplicaHosts = p.hosts("REPLICA_HOSTS") }},
	{name: "FLAVOR", read: func(p *parser, o *SourceOptions) { o.Flavor = ptr(p.enum("FLAVOR", flavors)) }},
	{name: "SOURCE_CONNECT_RETRY", read: func(p *parser, o *SourceOptions) {
		o.ConnectRetry = ptr(p.number("SOURCE_CONNECT_RETRY", 0, 1<<31-1))
	}},
	{name: "SOURCE_HEARTBEAT_PERIOD", read: func(p *parser, o *SourceOptions) {
		o.HeartbeatPeriod = ptr(p.decimal("SOURCE_HEARTBEAT_PERIOD", 4294967))
	}},
	{name: "SOURCE_DELAY", later: true, read: func(p *parser, o *SourceOptions) {
		o.Delay = ptr(p.number("SOURCE_DELAY", 0, 1<<31-1))
	}},
}

func parseCreateSource(p *parser) Statement {
	s := &CreateSource{IfNotExists: p.words("IF NOT EXISTS")}
	s.Name = p.objectName("source")
	parseOptions(p, sourceOptions, &s.Options)
	if s.Options.Host == nil {
		p.fail(Errorf(CodeBadOption, "Option SOURCE_HOST is missing").WithRemedy("CREATE SOURCE %s SOURCE_HOST = 'host', ..", quoteName(s.Name)))
	}
	return s
}

func parseAlterSource(p *parser) Statement {
	s := &AlterSource{IfExists: p.words("IF EXISTS")}
	s.Name = p.objectName("source")
	parseOptions(p, sourceOptions, &s.Options)
	return s
}

// serverID reads AUTO (0) or a number.
func (p *parser) serverID() uint64 {
	if p.words("AUTO") {
		return 0
	}
	return p.number("SERVER_ID", 1, 1<<32-1)
}

func ptr[T any](v T) *T { return &v }
