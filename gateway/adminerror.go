package gateway

import (
	"context"
	"errors"

	"github.com/go-sql-driver/mysql"

	"sluice/cluster"
	"sluice/gateway/apply"
	"sluice/gateway/catalog"
	"sluice/replica"
	"sluice/replica/protocol"
	"sluice/sqladmin"
)

// adminError makes the error that a client gets of what the node's parts
// return: this is the one place where their kinds meet.
func adminError(err error) error {
	var (
		se *sqladmin.Error
		ce *catalog.Error
		le *cluster.Error
		re *replica.Error
		me *mysql.MySQLError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &se):
		return se
	case errors.As(err, &ce):
		return &sqladmin.Error{Code: ce.Code, State: ce.State, Message: withCause(ce.Message, ce.Err), Remedy: ce.Remedy}
	case errors.As(err, &le):
		return &sqladmin.Error{Code: le.Code, State: le.State, Message: le.Message, Remedy: le.Remedy}
	case errors.As(err, &re):
		return &sqladmin.Error{Code: re.Code, State: re.State, Message: withCause(re.Message, re.Err), Remedy: re.Remedy}
	case errors.Is(err, cluster.ErrGone):
		return sqladmin.Errorf(sqladmin.CodeUnknownChannel, "the channel does not exist").WithRemedy("SHOW MIGRATION CHANNELS lists the channels")
	case errors.Is(err, apply.ErrFenced):
		return sqladmin.Errorf(sqladmin.CodeConcurrentChange, "the channel was started meanwhile").WithRemedy("STOP MIGRATION, then repeat the statement")
	case protocol.Named(err, "store", "") != nil:
		e := protocol.Named(err, "store", "")
		return &sqladmin.Error{Code: e.Code, State: e.State, Message: withCause(e.Message, e.Err), Remedy: e.Remedy}
	case errors.As(err, &me):
		return sqladmin.Errorf(sqladmin.CodeUnknown, "%s", err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err // the admin port says why
	case unreachable(err):
		return sqladmin.Errorf(sqladmin.CodeStoreUnreachable, "the store cannot be reached: %s", protocol.Plain(err).Error()).
			WithRemedy("repeat the statement when the store is there; whether a change was made is unknown if it broke off meanwhile")
	}
	return err
}

// ErrorCode returns the number of an error that ended a node, as in SHOW ERROR CODES; 0 for one without a number.
func ErrorCode(err error) uint16 {
	var e *sqladmin.Error
	if err == nil || !errors.As(adminError(err), &e) || e.Code < 61000 || e.Code > 61999 {
		return 0
	}
	return e.Code
}

// ofStore says whether err means that the store did not answer.
func ofStore(err error) bool { return unreachable(err) && bare(err) }

// bare says whether err is of the store: nothing that another server caused comes
// without a kind of its own.
func bare(err error) bool {
	var (
		se *sqladmin.Error
		ce *catalog.Error
		le *cluster.Error
		re *replica.Error
	)
	return !errors.As(err, &se) && !errors.As(err, &ce) && !errors.As(err, &le) && !errors.As(err, &re)
}

func withCause(message string, cause error) string {
	if cause == nil {
		return message
	}
	return message + ": " + cause.Error()
}
