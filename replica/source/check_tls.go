package source

import "context"

// verifyRemedy is what protects a password and rows on their way.
const verifyRemedy = "set SOURCE_SSL_MODE=VERIFY_CA and SOURCE_SSL_CA"

// checkEncryption reports what protects the connections. A mode that falls back to plain text is a warning: somebody
// on the way can make a server look as if it offered no TLS.
func checkEncryption(_ context.Context, c *checker) error {
	switch {
	case c.src.Plain():
		c.add("encryption", Warning, "the connections are not encrypted: SOURCE_SSL_MODE is PREFERRED and the server offers no TLS",
			"give the server a certificate, then "+verifyRemedy, "")
	case !c.facts.Encrypted:
		c.add("encryption", Info, "the connections are not encrypted: SOURCE_SSL_MODE is DISABLED", verifyRemedy, "")
	case c.src.cfg.SSLMode == SSLVerifyCA || c.src.cfg.SSLMode == SSLVerifyIdentity:
		c.add("encryption", OK, "the connections are encrypted, and the server's certificate is verified", "", "")
	default:
		c.add("encryption", OK, "the connections are encrypted, but the server's certificate is not verified: "+
			"another server on the way would not be noticed", verifyRemedy, "")
	}
	return nil
}
