package sqladmin

import (
	"strconv"
	"strings"
)

// CreateTarget is CREATE TARGET.
type CreateTarget struct {
	Name        string
	IfNotExists bool
	Options     TargetOptions
}

// AlterTarget is ALTER TARGET.
type AlterTarget struct {
	Name     string
	IfExists bool
	Options  TargetOptions
}

// TargetOptions holds what was written; nil (for a list too) means not written.
type TargetOptions struct {
	Hosts          []string  `json:"hosts,omitempty"`
	User           *string   `json:"user,omitempty"`
	Password       *Password `json:"password,omitempty"`
	SSLMode        *string   `json:"ssl_mode,omitempty"` // one of SSLModes
	SSLCA          *string   `json:"ssl_ca,omitempty"`
	MaxConnections *uint64   `json:"max_connections,omitempty"`
}

// Verb implements Statement.
func (*CreateTarget) Verb() string { return "CREATE TARGET" }

// Verb implements Statement.
func (*AlterTarget) Verb() string { return "ALTER TARGET" }

// SQL returns a statement that makes the target again; a password literal
// prints as '<secret>'.
func (s *CreateTarget) SQL() string {
	o := &s.Options
	var l []string
	if o.Hosts != nil {
		l = append(l, "TARGET_HOSTS = "+quoteAll(o.Hosts, quote))
	}
	if o.User != nil {
		l = append(l, "TARGET_USER = "+quote(*o.User))
	}
	if o.Password != nil {
		l = append(l, "TARGET_PASSWORD = "+o.Password.String())
	}
	if o.SSLMode != nil {
		l = append(l, "TARGET_SSL_MODE = "+*o.SSLMode)
	}
	if o.SSLCA != nil {
		l = append(l, "TARGET_SSL_CA = "+quote(*o.SSLCA))
	}
	if o.MaxConnections != nil {
		l = append(l, "MAX_CONNECTIONS = "+strconv.FormatUint(*o.MaxConnections, 10))
	}
	return "CREATE TARGET " + quoteName(s.Name) + " " + strings.Join(l, ", ")
}

// targetOptions lists the options of a target.
var targetOptions = []objectOption[TargetOptions]{
	{name: "TARGET_HOSTS", read: func(p *parser, o *TargetOptions) { o.Hosts = p.hosts("TARGET_HOSTS") }},
	{name: "TARGET_USER", read: func(p *parser, o *TargetOptions) { o.User = ptr(p.userName("TARGET_USER")) }},
	{name: "TARGET_PASSWORD", read: func(p *parser, o *TargetOptions) { o.Password = p.password("TARGET_PASSWORD") }},
	{name: "TARGET_SSL_MODE", read: func(p *parser, o *TargetOptions) { o.SSLMode = ptr(p.enum("TARGET_SSL_MODE", SSLModes)) }},
	{name: "TARGET_SSL_CA", read: func(p *parser, o *TargetOptions) { o.SSLCA = ptr(p.pem("TARGET_SSL_CA")) }},
	{name: "MAX_CONNECTIONS", read: func(p *parser, o *TargetOptions) {
		o.MaxConnections = ptr(p.number("MAX_CONNECTIONS", 1, 100000))
	}},
}

func parseCreateTarget(p *parser) Statement {
	s := &CreateTarget{IfNotExists: p.words("IF NOT EXISTS")}
	s.Name = p.objectName("target")
	parseOptions(p, targetOptions, &s.Options)
	if len(s.Options.Hosts) == 0 {
		p.fail(Errorf(CodeBadOption, "Option TARGET_HOSTS is missing").WithRemedy("CREATE TARGET %s TARGET_HOSTS = ('host:port'), ..", quoteName(s.Name)))
	}
	return s
}

func parseAlterTarget(p *parser) Statement {
	s := &AlterTarget{IfExists: p.words("IF EXISTS")}
	s.Name = p.objectName("target")
	parseOptions(p, targetOptions, &s.Options)
	return s
}
