package protocol

import (
	"errors"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// The codes of this package's errors.
const (
	// CodeMalformed is also the number of the error packet that a library reads in place of a malformed packet.
	CodeMalformed     = 61221
	CodeClearPassword = 61222
	CodeKey           = 61223

	codeMethod = 1251 // ER_NOT_SUPPORTED_AUTH_MODE
	codeTLS    = 2026 // CR_SSL_CONNECTION_ERROR
)

// Named returns an operator's error for an error of this package, or nil for any other. server is "source",
// "target" or "store"; options is the prefix of its options: SOURCE, TARGET, or "".
func Named(err error, server, options string) *replica.Error {
	verify := "set " + options + "_SSL_MODE=VERIFY_CA and " + options + "_SSL_CA"
	plain, class := "set "+options+"_SSL_MODE=PREFERRED or DISABLED", options
	if options == "" {
		verify, plain, class = "set --store-ssl-mode=VERIFY_CA and --store-ssl-ca", "set --store-ssl-mode=PREFERRED", "CONFIG"
	}
	e := &replica.Error{State: "08S01", Class: class, Err: err}
	switch {
	case IsMalformed(err):
		e.Code, e.Class, e.Transient = CodeMalformed, "NETWORK", true
		e.Message = "the " + server + " sent bytes that are no answer of a MySQL server"
		e.Remedy = "it is tried again; if it stays, check the " + server + "'s address, and what is between this node and it"
	case errors.Is(err, ErrClearPassword):
		e.Code, e.State = CodeClearPassword, "08004"
		e.Message = "the " + server + "'s account needs its password in clear text"
		e.Remedy = verify + ", or use an account with caching_sha2_password"
	case errors.Is(err, ErrKey):
		e.Code, e.State = CodeKey, "08004"
		e.Message = "the password cannot be encrypted for the " + server
		e.Remedy = verify + ", or give the " + server + " an RSA key of 2048 bits"
	case errors.Is(err, mysql.ErrUnknownPlugin), errors.Is(err, mysql.ErrOldPassword):
		e.Code, e.State = codeMethod, "08004"
		e.Message = "the " + server + "'s account uses an authentication method that is not supported"
		e.Remedy = "use an account with caching_sha2_password, ed25519 or mysql_native_password"
	case errors.Is(err, mysql.ErrNoTLS):
		e.Code, e.State = codeTLS, "HY000"
		e.Message = "the " + server + " cannot encrypt connections"
		e.Remedy = "give the " + server + " a certificate (ssl_cert, ssl_key), or " + plain
	default:
		return nil
	}
	return e
}
