package apply

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply/wire"
	"sluice/replica"
	"sluice/replica/protocol"
)

// ErrFenced is returned when another owner has claimed the channel: nothing of
// the failed transaction was committed, and nothing more can be.
var ErrFenced = errors.New("the channel has a newer owner")

// errClosed is returned to whoever still waits when the applier is closed.
var errClosed = errors.New("the applier is closed")

// errMismatch is returned when a statement did not affect the rows it must.
var errMismatch = errors.New("a statement affected another number of rows than it must")

// outcome is what an error of the target means for a lane's transaction.
type outcome uint8

const (
	outcomeFatal    outcome = iota // somebody must act
	outcomeRetry                   // not committed; the same transaction can run again
	outcomeLost                    // the connection broke: committed or not is unknown
	outcomeConflict                // a duplicate key or a count that differs: divergence
	outcomeFenced
)

// retryable lists TiDB's and MySQL's errors after which a transaction was
// rolled back and may simply run again.
var retryable = map[uint16]bool{
	1205: true, // lock wait timeout
	1213: true, // deadlock
	8002: true, // write conflict in a SELECT FOR UPDATE
	8005: true, // write conflict
	8022: true, // commit failed, retryable
	8028: true, // the schema changed meanwhile
	9007: true, // write conflict
	9001: true, // PD server timeout
	9002: true, // TiKV server timeout
	9003: true, // TiKV server is busy
	9004: true, // resolve lock timeout
	9005: true, // region is unavailable
	9010: true, // TiKV max timestamp is not synced
	1105: false,
}

// unknownAfter lists errors after which the outcome of a COMMIT is unknown or
// the server is about to close the connection.
var unknownAfter = map[uint16]bool{
	8501: true,                                                 // ErrResultUndetermined
	1053: true,                                                 // server shutdown in progress
	1317: true,                                                 // query execution was interrupted
	3024: true,                                                 // maximum execution time exceeded
	1152: true, 1158: true, 1159: true, 1160: true, 1161: true, // connection errors
}

// classify says what err means. Everything that is not a server's answer is a
// lost connection.
func classify(err error) outcome {
	var me *mysql.MySQLError
	switch {
	case errors.Is(err, ErrFenced):
		return outcomeFenced
	case errors.Is(err, errMismatch):
		return outcomeConflict
	case wire.UnknownStatement(err):
		return outcomeLost // it is another connection now
	case protocol.IsBroken(err):
		return outcomeLost // what it did is not known
	case errors.As(err, &me):
		if me.Number == 1062 {
			return outcomeConflict
		}
		if retryable[me.Number] {
			return outcomeRetry
		}
		if unknownAfter[me.Number] {
			return outcomeLost
		}
		return outcomeFatal
	case isConnection(err):
		return outcomeLost
	}
	return outcomeFatal
}

// isConnection says whether err is a broken or refused connection.
func isConnection(err error) bool {
	var ne net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, mysql.ErrMalformPkt) || errors.Is(err, mysql.ErrPktSync) || errors.As(err, &ne)
}

// targetError names a target's refusal for operators. The server's message may
// quote a row's value, so that only its number is kept for data errors.
func targetError(err error, what string) error {
	var re *replica.Error
	if errors.As(err, &re) {
		return err
	}
	if e := protocol.Named(err, "target", "TARGET"); e != nil {
		return e
	}
	var me *mysql.MySQLError
	if !errors.As(err, &me) {
		return &replica.Error{Code: 61070, Class: "TARGET", Message: what, Err: protocol.Plain(Once(what, err)), Transient: isConnection(err),
			Remedy: "see whether the target is reachable and healthy"}
	}
	e := &replica.Error{Code: me.Number, State: string(me.SQLState[:]), Class: "TARGET", Message: what}
	switch me.Number {
	case 1044, 1045, 1142, 1143, 1227, 8121:
		e.Err, e.Remedy = err, "give the target's user the rights on the schemas of the migration and on sluice_meta"
	case 1146, 1049, 1054:
		e.Err, e.Remedy = err, "the target's table was changed by somebody else: restore it with its rows (Ready_For_Cutover is No from then on), or RESET MIGRATION and start again"
	case 8025:
		e.Class, e.Message = "DATA", what+": the target refuses a row ("+dataReason[me.Number]+")"
		e.Remedy = "in the target, SET GLOBAL tidb_txn_entry_size_limit to more than the row's size, at most 125829120 (before TiDB 7.6 performance.txn-entry-size-limit " +
			"in its configuration; above 8 MB TiKV needs a larger raftstore.raft-entry-max-size, too), then START MIGRATION again"
	case 3903, 3904, 3907:
		e.Class, e.Message = "DATA", what+": the target refuses a row ("+dataReason[me.Number]+")"
		e.Remedy = remedyExpressionIndex
	case 1264, 1265, 1292, 1366, 1406, 1048, 3140, 1690, 1062, 1136, 8004, 1153, 1217, 1451, 1452, 3819:
		e.Class = "DATA"
		e.Message = what + ": the target refuses a row (" + dataReason[me.Number] + ")"
		e.Remedy = "compare the target's column definitions with the source's; widen the target's column or repair the row on the source"
		if me.Number == 1292 || me.Number == 1690 || me.Number == 3140 {
			e.Remedy += ". If they agree, the expression of an index fails for the row: " + remedyExpressionIndex
		}
	default:
		e.Err, e.Remedy = err, "look the target's error up, mend its cause, then START MIGRATION again"
	}
	return e
}

// remedyExpressionIndex is for an index over an expression that TiDB computes in strict mode,
// while a session of the source without strict mode clips its value.
const remedyExpressionIndex = "SHOW CREATE TABLE in the target shows the indexes over expressions; drop the one over a CAST of the row's value there, " +
	"which changes no row, then START MIGRATION again"

// Once returns the cause of err where err's first words are what, and so would be said twice after it; err otherwise.
func Once(what string, err error) error {
	inner := errors.Unwrap(err)
	if inner != nil && err.Error() == what+": "+inner.Error() {
		return inner
	}
	return err
}

// dataReason says what a data error means without the value that MySQL's own
// text would quote.
var dataReason = map[uint16]string{
	1264: "a number is out of the column's range", 1265: "a value would be cut", 1292: "a value is not valid for its column",
	1366: "a text is not valid in the column's character set", 1406: "a value is too long", 1048: "a column cannot be NULL",
	3140: "a JSON text is not valid", 1690: "a number is out of range", 1062: "a unique key has the value already",
	1136: "the number of columns differs", 8025: "the row is above TiDB's entry size limit", 8004: "the transaction is too large",
	3903: "the expression of an index fails for it", 3904: "the expression of an index fails for it", 3907: "the expression of an index fails for it",
	1153: "the row is above max_allowed_packet", 1217: "a foreign key", 1451: "a foreign key", 1452: "a foreign key", 3819: "a check constraint",
}
