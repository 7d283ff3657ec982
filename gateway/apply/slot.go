package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply/wire"
	"sluice/replica"
)

// slot is one lane row and the connection that commits under it. Whatever
// writes to the target for a channel does it through a slot: lanes, the copy,
// DDL records. It is for one goroutine.
type slot struct {
	connector   Connector
	foreignKeys bool
	log         *slog.Logger
	away        func(error) // see Config.Away; nil: nobody is told

	channel string
	lane    int
	epoch   uint64
	seq     uint64
	extra   *replica.TxnSet // applied by this lane, beyond the base
	partial *Partial        // control lane only

	sess  *session
	forms forms
	tries int // of the last commit
}

// texts has memory for packets.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// mismatchError says which statement affected another number of rows than it
// must. It unwraps to errMismatch.
type mismatchError struct {
	stmt *statement
	got  int64
}

func (e *mismatchError) Error() string {
	return fmt.Sprintf("%s: %d instead of %d", errMismatch, e.got, e.stmt.want)
}

func (e *mismatchError) Unwrap() error { return errMismatch }

// maxPacketBytes bounds what is sent in one packet; a larger statement goes
// alone.
const maxPacketBytes = 8 << 20

// unsettling is the attempt from which on an operator is told that a commit does
// not succeed: 2.5 s and more after the first.
const unsettling = 9

// unsettledError says why commits do not succeed, without what the target says: its
// text has keys in it.
func unsettledError(err error) *replica.Error {
	why := "the connection breaks each time"
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		why = fmt.Sprintf("error %d", me.Number)
	}
	return &replica.Error{Code: 61070, Class: "TARGET", Transient: true, Message: "commits to the target fail and are tried again: " + why,
		Remedy: "see whether the target is healthy; it goes on by itself"}
}

// pause waits before attempt+1: 10 ms, doubled up to 2 s.
func pause(ctx context.Context, attempt int) error {
	d := 10 * time.Millisecond << min(attempt, 8)
	t := time.NewTimer(min(d, 2*time.Second))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// ready makes sure that there is a connection; it tries until ctx ends while
// the target cannot be reached.
func (s *slot) ready(ctx context.Context) error {
	for attempt := 0; s.sess == nil; attempt++ {
		sess, err := openSession(ctx, s.connector, s.foreignKeys)
		if err == nil {
			s.sess = sess
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if o := classify(err); o != outcomeLost && o != outcomeRetry {
			return targetError(err, "open a session in the target")
		}
		if attempt == 3 {
			s.log.Warn("the target cannot be reached, waiting", "lane", s.lane, "error", err)
			if s.away != nil {
				s.away(targetError(err, "the target cannot be reached"))
				defer s.away(nil)
			}
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
	return nil
}

func (s *slot) drop() {
	if s.sess != nil {
		s.sess.close()
		s.sess = nil
	}
}

// rest gives back what the slot has in the target: its prepared statements, and
// unless keep its connection.
func (s *slot) rest(keep bool) {
	if s.sess == nil {
		return
	}
	for _, x := range s.forms.list {
		if x.sess == s.sess {
			s.sess.forget = append(s.sess.forget, x.id)
		}
	}
	s.forms.list = nil
	if !keep || s.forget() != nil {
		s.drop()
	}
}

// forget tells the target which prepared statements are not used any more.
func (s *slot) forget() error {
	for _, id := range s.sess.forget {
		if err := s.sess.conn.Forget(id); err != nil {
			return err
		}
	}
	s.sess.forget = nil
	return nil
}

// commit writes stmts, the new base and the new extra in one transaction.
//
// What if the process dies: before COMMIT reaches the server nothing is
// changed; after it everything is, and the next claim reads it from the lane
// row. If another node took over meanwhile, the guard matches no row, or the
// COMMIT meets a write conflict on the lane row and the second try's guard
// matches none: ErrFenced. If the connection breaks at the COMMIT, its outcome
// is unknown: the same transaction runs again, and its guard shows whether the
// first one was done (seq has moved on under our own epoch) or cannot be done
// any more (both write the lane row, so only one of them can commit).
func (s *slot) commit(ctx context.Context, base string, extra *replica.TxnSet, partial *Partial, stmts []statement) error {
	guard := s.guard(base, formatExtra(extra, partial))
	unknown, alone := false, false
	for attempt := 0; ; attempt++ {
		s.tries = attempt + 1
		if s.sess == nil && attempt == 0 {
			s.tries++ // connecting takes its time too
		}
		if err := s.ready(ctx); err != nil {
			return err
		}
		sent, err := s.try(ctx, guard, stmts, unknown, alone)
		if err == nil {
			s.seq++
			s.extra, s.partial = extra, partial
			return nil
		}
		if ctx.Err() != nil {
			s.drop()
			return context.Cause(ctx)
		}
		switch classify(err) {
		case outcomeRetry:
		case outcomeLost:
			unknown = unknown || sent
			s.drop()
		case outcomeFenced:
			return err
		default:
			if alone {
				return err
			}
		}
		if attempt == unsettling {
			// Sessions can be had, and still nothing is committed.
			e := unsettledError(err)
			s.log.Warn(e.Message, "lane", s.lane)
			if s.away != nil {
				s.away(e)
				defer s.away(nil)
			}
		}
		// A row statement behind a guard that matched nothing may fail for that
		// reason alone: only behind a guard that was seen to match its error,
		// or its count, counts.
		alone = true
		if attempt > 0 {
			if err := pause(ctx, attempt-1); err != nil {
				return err
			}
		}
	}
}

func (s *slot) guard(base, extra string) []byte {
	b := []byte("BEGIN /*T! OPTIMISTIC */;UPDATE " + MetaSchema + ".lanes SET base=")
	b = appendQuoted(b, []byte(base))
	b = append(b, ",extra="...)
	b = appendQuoted(b, []byte(extra))
	b = append(b, ",seq=seq+1 WHERE channel="...)
	b = appendQuoted(b, []byte(s.channel))
	b = append(b, " AND lane="+strconv.Itoa(s.lane)+" AND epoch="...)
	b = strconv.AppendUint(b, s.epoch, 10)
	b = append(b, " AND seq="...)
	return strconv.AppendUint(b, s.seq, 10)
}

// try runs the transaction once. sent says that COMMIT was sent, so that a
// lost connection leaves the outcome unknown. alone sends the guard before
// everything else, and nothing else when it does not match.
func (s *slot) try(ctx context.Context, guard []byte, stmts []statement, unknown, alone bool) (sent bool, err error) {
	if err := s.prepare(ctx, stmts); err != nil {
		return false, err
	}
	memory := texts.Get().(*[]byte)
	packet := append(wire.BeginQuery((*memory)[:0]), guard...)
	defer func() {
		if *memory = packet; cap(packet) <= keepText {
			texts.Put(memory)
		}
	}()
	counts := make([]int64, 0, len(stmts)+2)
	send := func() error {
		n, err := s.sess.conn.Exec(ctx, packet)
		counts = append(counts, n...)
		packet = packet[:0]
		return err
	}
	if alone {
		if err := send(); err != nil {
			return false, s.abort(ctx, err)
		}
		if len(counts) == 2 && counts[1] != 1 {
			return false, s.lostGuard(ctx, unknown)
		}
	}
	for i := range stmts {
		st := &stmts[i]
		if len(packet) > 0 && (st.form != nil || len(packet)+len(st.sql) > maxPacketBytes) {
			if err := send(); err != nil {
				return false, s.abort(ctx, err)
			}
		}
		if st.form != nil {
			packet = append(st.form.begin(packet), st.sql...)
			if err := send(); err != nil {
				return false, s.abort(ctx, err)
			}
			st.form.bound = true
			continue
		}
		if len(packet) > 0 {
			packet = append(packet, ';')
		} else {
			packet = wire.BeginQuery(packet)
		}
		packet = append(packet, st.sql...)
	}
	if len(packet) > 0 {
		if err := send(); err != nil {
			return false, s.abort(ctx, err)
		}
	}
	if len(counts) != len(stmts)+2 {
		return false, s.abort(ctx, fmt.Errorf("the target answered %d of %d statements", len(counts), len(stmts)+2))
	}
	if counts[1] != 1 {
		return false, s.lostGuard(ctx, unknown)
	}
	for i := range stmts {
		if want := stmts[i].want; want >= 0 && counts[i+2] != want {
			return false, s.abort(ctx, &mismatchError{&stmts[i], counts[i+2]})
		}
	}
	if _, err := s.sess.exec(ctx, []byte("COMMIT")); err != nil {
		return true, err
	}
	return true, nil
}

// abort rolls back and returns cause; a session that cannot is dropped.
func (s *slot) abort(ctx context.Context, cause error) error {
	if classify(cause) == outcomeLost {
		return cause
	}
	if _, err := s.sess.exec(ctx, []byte("ROLLBACK")); err != nil {
		s.drop()
	}
	return cause
}

// lostGuard is called when the guard matched no row. The row is read in the
// same transaction: if a commit of unknown outcome came before and the row
// shows our epoch and the sequence number behind it, that commit was done.
func (s *slot) lostGuard(ctx context.Context, unknown bool) error {
	row, err := s.sess.queryRow(ctx, "SELECT epoch, seq FROM "+MetaSchema+".lanes WHERE channel="+
		string(appendQuoted(nil, []byte(s.channel)))+" AND lane="+strconv.Itoa(s.lane))
	if err != nil && err != io.EOF {
		return s.abort(ctx, err)
	}
	if err := s.abort(ctx, ErrFenced); err != ErrFenced {
		return err
	}
	if unknown && row != nil && row[0] == strconv.FormatUint(s.epoch, 10) && row[1] == strconv.FormatUint(s.seq+1, 10) {
		return nil
	}
	return ErrFenced
}
