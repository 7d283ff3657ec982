package protocol

import (
	"errors"

	"sluice/replica"
)

// The codes of this package's errors.
const (
	// CodeMalformed is also the number of the error packet that a library reads in place of a malformed packet.
	CodeMalformed     = 61221
	CodeClearPassword = 61222
	CodeKey           = 61223
)

// Named returns an operator's error for an error of this package, or nil for any other. server is "source",
// "target" or "store"; options is the prefix of its options: SOURCE, TARGET, or "".
func Named(err error, server, options string) *replica.Error {
	verify := "set " + options + "_SSL_MODE=VERIFY_CA and " + options + "_SSL_CA"
	class := options
	if options == "" {
		verify, class = "set tls=true in --store", "CONFIG"
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
	default:
		return nil
	}
	return e
}
