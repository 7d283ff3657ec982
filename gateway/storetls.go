package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/source"
)

// storeTLS sets how connections to the store are encrypted, if an option says
// so: with the same modes and files as a source's.
func (c *Config) storeTLS(cfg *mysql.Config) error {
	if c.StoreSSLMode == "" && c.StoreSSLCA == "" && c.StoreSSLCert == "" && c.StoreSSLKey == "" {
		return nil
	}
	if cfg.TLSConfig != "" && cfg.TLSConfig != "false" {
		return badConfig("store", "remove tls= from --store, or the options --store-ssl-..",
			"its parameter tls= and --store-ssl-.. say different things")
	}
	host, _, err := net.SplitHostPort(cfg.Addr)
	if cfg.Net != "tcp" || err != nil {
		return badConfig("store", "remove the options --store-ssl-..", "they are for tcp addresses")
	}
	mode := source.SSLMode(strings.ToUpper(c.StoreSSLMode))
	if mode == "" {
		mode = source.SSLVerifyCA
	}
	key := ""
	if c.StoreSSLKey != "" {
		if key, err = readSecretFile("store-ssl-key", c.StoreSSLKey); err != nil {
			return err
		}
	}
	cfg.TLS, err = source.Config{Name: "store", Host: host, SSLMode: mode, SSLCA: c.StoreSSLCA, SSLCert: c.StoreSSLCert,
		SSLKey: key}.TLSConfig()
	var e *replica.Error
	if errors.As(err, &e) {
		names := strings.NewReplacer("SOURCE_SSL_MODE", "--store-ssl-mode", "SOURCE_SSL_CA", "--store-ssl-ca",
			"SOURCE_SSL_CERT", "--store-ssl-cert", "SOURCE_SSL_KEY", "--store-ssl-key")
		what := e.Message
		if e.Err != nil {
			what += ": " + e.Err.Error()
		}
		return badConfig("store-ssl-mode", names.Replace(e.Remedy), "%s", names.Replace(what))
	}
	cfg.AllowFallbackToPlaintext = mode == source.SSLPreferred
	return err
}

// untrusted reports whether a server's certificate did not verify.
func untrusted(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}
