package source

import (
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sluice/replica"
)

// Flavor is the family of the server: it decides the spelling of statements
// and the form of GTIDs.
type Flavor string

// The flavors.
const (
	FlavorAuto    Flavor = "AUTO" // found out at Open; the empty string means the same
	FlavorMySQL   Flavor = "MYSQL"
	FlavorMariaDB Flavor = "MARIADB"
)

// SSLMode says how a connection is encrypted, with MySQL's meanings.
type SSLMode string

// The SSL modes.
const (
	SSLDisabled       SSLMode = "DISABLED"        // never
	SSLPreferred      SSLMode = "PREFERRED"       // if the server can; the default
	SSLRequired       SSLMode = "REQUIRED"        // always; the certificate is not checked
	SSLVerifyCA       SSLMode = "VERIFY_CA"       // and the certificate comes from a known authority
	SSLVerifyIdentity SSLMode = "VERIFY_IDENTITY" // and names the host
)

// Config says how to reach a source server. Its printed forms hold no secret.
type Config struct {
	Name     string // the source's name, for messages
	Host     string
	Port     int // 0 means 3306
	User     string
	Password string

	SSLMode SSLMode // "" means SSLPreferred
	// SSLCA, SSLCert and SSLKey each hold PEM text or the name of a file of it.
	SSLCA, SSLCert, SSLKey string

	// ServerID and UUID are what the stream's connection presents itself as.
	// This package only compares ServerID with the server's own (see Check).
	ServerID uint32
	UUID     string

	Flavor         Flavor        // "" means FlavorAuto
	ConnectTimeout time.Duration // dial and handshake; 0 means 10 s
	// AnswerTimeout is how long the server may take for the next piece of an answer; 0 means 15 min.
	AnswerTimeout time.Duration
	Log           *slog.Logger // nil means slog.Default()
}

const (
	defaultPort           = 3306
	defaultConnectTimeout = 10 * time.Second
)

// Address returns host:port.
func (c Config) Address() string {
	return net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
}

// String returns the name and address: never the password or a key.
func (c Config) String() string {
	return fmt.Sprintf("source %s at %s", c.Name, c.Address())
}

// aboutSource finds ALTER SOURCE without a name.
var aboutSource = regexp.MustCompile("\\bALTER SOURCE\\b( \\.\\.)?( [`'])?")

// WithName returns a remedy whose ALTER SOURCE names this source. The packages
// that find an error do not know the name.
func (c Config) WithName(remedy string) string {
	if c.Name == "" {
		return remedy
	}
	return aboutSource.ReplaceAllStringFunc(remedy, func(match string) string {
		if last := match[len(match)-1]; last == '`' || last == '\'' {
			return match
		}
		return "ALTER SOURCE `" + strings.ReplaceAll(c.Name, "`", "``") + "`"
	})
}

// named is Classify for an error of this source.
func (c Config) named(err error) error {
	e := *classify(err)
	e.Remedy = c.WithName(e.Remedy)
	return &e
}

// GoString is String, so that %#v prints no secret either.
func (c Config) GoString() string { return c.String() }

// LogValue is what a log shows.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// withDefaults returns c with its defaults filled in, or a CONFIG error.
func (c Config) withDefaults() (Config, error) {
	if c.Port == 0 {
		c.Port = defaultPort
	}
	if c.SSLMode == "" {
		c.SSLMode = SSLPreferred
	}
	if c.Flavor == "" {
		c.Flavor = FlavorAuto
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.AnswerTimeout == 0 {
		c.AnswerTimeout = answerTimeout
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.SSLMode = SSLMode(strings.ToUpper(string(c.SSLMode)))
	c.Flavor = Flavor(strings.ToUpper(string(c.Flavor)))
	if c.Host == "" {
		return c, configError("the source has no host", "set SOURCE_HOST")
	}
	if c.Port < 1 || c.Port > 65535 {
		return c, configError(fmt.Sprintf("port %d is not between 1 and 65535", c.Port), "set SOURCE_PORT")
	}
	switch c.Flavor {
	case FlavorAuto, FlavorMySQL, FlavorMariaDB:
	default:
		return c, configError(fmt.Sprintf("unknown flavor %q", string(c.Flavor)), "set FLAVOR to AUTO, MYSQL or MARIADB")
	}
	return c, nil
}

func configError(message, remedy string) *replica.Error {
	return &replica.Error{Code: codeConfig, State: "HY000", Class: "CONFIG", Message: message, Remedy: remedy}
}
