package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"sluice/internal/smallfile"
)

// TLSConfig returns the TLS settings that c asks for, for this package's
// connections and the binlog reader's alike. It returns nil for SSLDisabled.
// With SSLPreferred a caller may go on without TLS if the server has none; see
// Source.TLSConfig for a caller that cannot.
func (c Config) TLSConfig() (*tls.Config, error) {
	mode := SSLMode(strings.ToUpper(string(c.SSLMode)))
	if mode == SSLDisabled {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.Host}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	if c.SSLCert != "" || c.SSLKey != "" {
		cert, err := c.clientCertificate()
		if err != nil {
			return nil, err
		}
		t.Certificates = []tls.Certificate{cert}
	}
	switch mode {
	case "", SSLPreferred, SSLRequired:
		// As in MySQL's own client these two encrypt and do not authenticate.
		t.InsecureSkipVerify = true
	case SSLVerifyCA:
		// The standard check always includes the name, so it is switched off
		// and the chain alone is checked.
		t.InsecureSkipVerify = true
		t.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, roots) }
	case SSLVerifyIdentity:
		t.RootCAs = roots
	default:
		return nil, configError(fmt.Sprintf("unknown SSL mode %q", string(c.SSLMode)),
			"set SOURCE_SSL_MODE to DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY")
	}
	return t, nil
}

// roots returns the authorities of SSLCA, or nil for those of the system.
func (c Config) roots() (*x509.CertPool, error) {
	if c.SSLCA == "" {
		return nil, nil
	}
	pem, err := pemText(c.SSLCA)
	if err != nil {
		return nil, tlsFileError("SOURCE_SSL_CA", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, tlsFileError("SOURCE_SSL_CA", errors.New("no certificate in it"))
	}
	return pool, nil
}

func (c Config) clientCertificate() (tls.Certificate, error) {
	if c.SSLCert == "" || c.SSLKey == "" {
		return tls.Certificate{}, configError("a client certificate needs its key, and a key its certificate",
			"set both SOURCE_SSL_CERT and SOURCE_SSL_KEY, or neither")
	}
	cert, err := pemText(c.SSLCert)
	if err != nil {
		return tls.Certificate{}, tlsFileError("SOURCE_SSL_CERT", err)
	}
	key, err := pemText(c.SSLKey)
	if err != nil {
		return tls.Certificate{}, tlsFileError("SOURCE_SSL_KEY", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, tlsFileError("SOURCE_SSL_CERT and SOURCE_SSL_KEY", err)
	}
	return pair, nil
}

// verifyChain checks the server's certificate against roots without its name.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server sent no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

// pemText returns s if it is PEM text, else the content of the file s.
func pemText(s string) ([]byte, error) {
	if strings.Contains(s, "-----BEGIN ") {
		return []byte(s), nil
	}
	return smallfile.Read(s, smallfile.MaxPEMBytes)
}

func tlsFileError(option string, err error) error {
	e := configError("cannot use "+option, "give PEM text, or the name of a regular PEM file that every node can read")
	e.Err = err
	return e
}
