package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/identity"
	"sluice/replica/protocol"
)

// Codes of Sluice's own, in the range 61100 to 61199, which belongs to this
// package, and the client error codes of MySQL that it uses.
const (
	codeConfig     = 61100 // the source's options are wrong
	codeOther      = 61101 // an error that this package does not know
	codeServerID   = 61102 // two replicas with one identity
	codePurged     = 1236
	codeCannotConn = 2003
	codeNoHost     = 2005
	codeLost       = 2013
	codeTLS        = 2026
	codeCancelled  = 1317

	codeOtherHistory = identity.CodeHistory
)

// remedyOtherHistory is what to do about a source with another history.
const remedyOtherHistory = "check SOURCE_HOST and SOURCE_PORT; after a failover that lost transactions copy the tables again (RESET MIGRATION, drop or empty the target's tables, START MIGRATION)"

// Classify returns err as an error for operators: its class, whether trying
// again can help, and what to do. It knows the errors of the SQL driver, of
// the binlog reader, of TLS and of the network. It returns nil for nil, and
// what is already a *replica.Error as it is.
func Classify(err error) error {
	if err == nil {
		return nil
	}
	return classify(err)
}

func classify(err error) *replica.Error {
	var done *replica.Error
	if errors.As(err, &done) {
		return done
	}
	if e := protocol.Named(err, "source", "SOURCE"); e != nil {
		return e
	}
	var byDriver *mysql.MySQLError
	if errors.As(err, &byDriver) {
		return serverError(byDriver.Number, string(byDriver.SQLState[:]), byDriver.Message, err)
	}
	var byReader *gomysql.MyError
	if errors.As(err, &byReader) {
		return serverError(byReader.Code, byReader.State, byReader.Message, err)
	}
	if errors.Is(err, context.Canceled) {
		return &replica.Error{Code: codeCancelled, State: "70100", Class: "INTERNAL", Message: "interrupted", Transient: true, Err: err,
			Remedy: "none: it was asked for; repeat the statement if it was not meant"}
	}
	if e := tlsError(err); e != nil {
		return e
	}
	return networkError(err)
}

// tlsError returns nil when err is not about TLS or authentication methods.
func tlsError(err error) *replica.Error {
	e := &replica.Error{Code: codeTLS, State: "HY000", Class: "SOURCE", Err: err}
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &authority):
		e.Message = "the source's certificate comes from an unknown authority"
		e.Remedy = "set SOURCE_SSL_CA to the certificate of the authority that signed it"
	case errors.As(err, &host):
		e.Message = "the source's certificate does not name the source's host"
		e.Remedy = "set SOURCE_HOST to a name in the certificate, or SOURCE_SSL_MODE=VERIFY_CA"
	case errors.As(err, &invalid), errors.As(err, &verify):
		e.Message = "the source's certificate is not valid"
		e.Remedy = "renew the source's certificate"
	case errors.As(err, &record), errors.As(err, &alert):
		e.Message = "TLS with the source failed"
		e.Remedy = "check the source's tls_version and whether it demands a client certificate (SOURCE_SSL_CERT, SOURCE_SSL_KEY)"
	default:
		return nil
	}
	return e
}

// networkError classifies what did not come from the server.
func networkError(err error) *replica.Error {
	e := &replica.Error{Code: codeOther, State: "HY000", Class: "SOURCE", Message: "reading the source failed", Err: protocol.Plain(err),
		Remedy: "mend the cause that the message names, then START MIGRATION again; if it names none, report it with the node's log"}
	var (
		dns *net.DNSError
		op  *net.OpError
		nt  net.Error
	)
	network := func(code uint16, message, remedy string) {
		e.Code, e.State, e.Class, e.Transient = code, "08S01", "NETWORK", true
		e.Message, e.Remedy = message, remedy
	}
	switch {
	case errors.As(err, &dns):
		network(codeNoHost, "the source's host name cannot be resolved", "check SOURCE_HOST and this node's name server")
	case errors.Is(err, syscall.ECONNREFUSED):
		network(codeCannotConn, "the source refuses connections", "check that the server runs and listens on this address and port")
	case errors.As(err, &op) && op.Op == "dial":
		network(codeCannotConn, "the source cannot be reached", "check SOURCE_HOST, SOURCE_PORT and the network between this node and it")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &nt) && nt.Timeout():
		network(codeCannotConn, "the source did not answer in time", "check the network between this node and the source, and the source's load")
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, gomysql.ErrBadConn),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		network(codeLost, "the connection to the source was lost", "none if it comes back; else check the source's error log")
	case errors.Is(err, errNotBase):
		e.Code, e.Class = 1347, "CONFIG"
		e.Message, e.Remedy = "not a base table", "leave views and sequences out of the migration"
	}
	return e
}

// serverError classifies an error packet.
func serverError(code uint16, state, message string, err error) *replica.Error {
	if state == "" || state == "\x00\x00\x00\x00\x00" {
		state = "HY000"
	}
	e := &replica.Error{Code: code, State: state, Class: "SOURCE", Err: err}
	if code == codePurged {
		return dumpError(e, message)
	}
	known, ok := serverErrors[code]
	if !ok && ofProxy(code) {
		e.Class, e.Message, e.Transient = "NETWORK", "a proxy before the source reported that it does not reach a server", true
		e.Remedy = "none if it goes away: it is tried again; else see the proxy's log and its servers"
		return e
	}
	if !ok {
		e.Message = "the source reported an error"
		e.Remedy = "look the source's error up and mend its cause, then START MIGRATION again"
		return e
	}
	e.Message, e.Remedy, e.Transient = known.message, known.remedy, known.transient
	if e.Remedy == "" {
		e.Remedy = "none if it goes away: it is tried again; else see the source's error log"
	}
	if known.class != "" {
		e.Class = known.class
	}
	return e
}

// ofProxy returns true for numbers that no server sends: ProxySQL has 9001 and the
// like for a group without a server, and passes on those of the client library.
func ofProxy(code uint16) bool { return code >= 9001 && code <= 9099 || code >= 2000 && code <= 2999 }

// dumpError splits 1236, which the server sends for everything that ends a
// stream, by its text.
func dumpError(e *replica.Error, message string) *replica.Error {
	m := strings.ToLower(message)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(m, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("same server_uuid", "same server_id", "same server id"):
		e.Code = codeServerID
		e.Message = "another replica of this source uses the same server id or UUID"
		e.Remedy = "set SERVER_ID=AUTO, or a SERVER_ID that no other replica of the source has"
	case has("even though a subsequent sequence number does exist", "position > file size"):
		e.Code, e.Message, e.Remedy = codeOtherHistory, "the source's binlog has no such place as this channel's position: the source is another server, or its binlog was reset", remedyOtherHistory
	case has("purged", "could not find first log", "could not find gtid state", "binlog truncated", "missing from the master", "is missing the gtid", "file is missing"):
		e.Message = "the source no longer has the binlog from the position of this channel on"
		e.Remedy = "copy the tables again (RESET MIGRATION, empty the target's tables, START MIGRATION), or make the source keep binlogs longer (binlog_expire_logs_seconds) before starting again"
	case has("not in the master's binlog", "errant", "more gtids than", "diverge"):
		e.Code, e.Message, e.Remedy = codeOtherHistory, "this channel has transactions that the source does not have: the source is another server, or lost data", remedyOtherHistory
	case has("max_allowed_packet", "log event entry exceeded"):
		e.Message = "an event of the source's binlog is larger than max_allowed_packet, or the position is inside an event"
		e.Remedy = "raise max_allowed_packet on the source to 1 GiB; if it stays, the position is not the start of an event"
	case has("misconfigured", "server_id was not set", "binary log is not open"):
		e.Message = "the source is not set up to be replicated from"
		e.Remedy = "set a server_id other than 0 and log_bin on the source"
	default:
		e.Message = "the source ended the stream"
		e.Transient = true
		e.Remedy = "see the source's own message"
	}
	return e
}
