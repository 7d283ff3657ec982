package protocol

import (
	"context"
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
	CodeWrongServer   = 61227
	// CodeSilent is also the number of the error packet that a library reads in place of an answer that did not come.
	CodeSilent = 61228

	codeMethod  = 1251 // ER_NOT_SUPPORTED_AUTH_MODE
	codeTLS     = 2026 // CR_SSL_CONNECTION_ERROR
	codeTimeout = 2003 // CR_CONN_HOST_ERROR
	codeLost    = 2013 // CR_SERVER_LOST
)

// Named returns an operator's error for an error of this package, or nil for any other. server is "source",
// "target" or "store"; options is the prefix of its options: SOURCE, TARGET, or "".
func Named(err error, server, options string) *replica.Error {
	verify := "set " + options + "_SSL_MODE=VERIFY_CA and " + options + "_SSL_CA"
	plain, class := "set "+options+"_SSL_MODE=PREFERRED or DISABLED", options
	if options == "" {
		verify, plain, class = "set --store-ssl-mode=VERIFY_CA and --store-ssl-ca", "set --store-ssl-mode=PREFERRED", "CONFIG"
	}
	address := map[string]string{"SOURCE": "SOURCE_HOST and SOURCE_PORT", "TARGET": "TARGET_HOSTS", "": "host and port of --store"}[options]
	e := &replica.Error{State: "08S01", Class: class, Server: server, Err: Plain(err)}
	var (
		wrong *WrongServer
		mute  *NoGreeting
	)
	switch {
	case errors.As(err, &wrong):
		e.Code, e.Class, e.State = CodeWrongServer, "CONFIG", "HY000"
		e.Message = "the " + server + " is " + wrong.What + ", not " + wanted(server)
		e.Remedy = "check " + address
	case errors.As(err, &mute) && !interrupted(err):
		e.Code, e.Class, e.Transient = codeLost, "NETWORK", true
		e.Message = "the " + server + " accepted a connection and sent no greeting, which every MySQL server does"
		e.Remedy = "check " + address + ": the port may be another program's; if it is the " + server + "'s, see its error log, and what is between this node and it"
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errTimeout) {
			e.Code = codeTimeout
		}
	case IsForeign(err):
		e.Code, e.State = CodeForeign, "HY000"
		e.Message = "the " + server + " reported an error whose number is one of Sluice's own, which no MySQL, MariaDB or TiDB has"
		e.Remedy = "check " + address + ", and what is between this node and the " + server
	case IsMalformed(err):
		e.Code, e.Class, e.Transient = CodeMalformed, "NETWORK", true
		e.Message = "the " + server + " sent bytes that are no answer of a MySQL server"
		e.Remedy = "it is tried again; if it stays, check " + address + ": the port may be another program's; then check what is between this node and it"
	case IsSilent(err):
		e.Code, e.Class, e.Transient = CodeSilent, "NETWORK", true
		e.Message = "the " + server + " did not answer in time"
		e.Remedy = "it is tried again; if it stays, see the " + server + "'s load and locks (SHOW PROCESSLIST), and what is between this node and it"
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

// wanted says what a server has to be.
func wanted(server string) string {
	if server == "source" {
		return "MySQL or MariaDB"
	}
	return "the TiDB that it has to be"
}
