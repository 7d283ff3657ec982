package binlog

import (
	"fmt"

	"sluice/replica"
	"sluice/replica/identity"
)

// maxMark bounds a mark in bytes of binlog: it is read again at each connection.
const maxMark = 1 << 20

// sumPrime mixes checksums so that their order counts (FNV-1a).
const sumPrime = 1099511628211

// codeOrder says that a MariaDB domain's numbers do not grow.
const codeOrder = 61302

// past is what a Reader knows of the stream before the newest event, so that
// it notices a source with another history.
type past struct {
	history *identity.Stream // nil: nothing is compared
	// skipping says that the transaction being read was applied before.
	skipping bool
	// wrong is what the end of such a transaction found out.
	wrong error

	file   identity.FileStamp
	mark   identity.Mark // the newest transaction that can be one
	micros int64         // of the transaction being read: see identity.Mark
	sum    uint64        // of its events' checksums
	last   map[uint32]replica.TxnID
	domain uint32 // of the transaction being read
}

// newPast returns what is known where a dump begins.
func newPast(history *identity.Stream, from replica.Position) past {
	p := past{history: history, last: map[uint32]replica.TxnID{}}
	for _, id := range from.GTIDs() {
		var d, s uint32
		if _, err := fmt.Sscanf(id.Source, "%d-%d", &d, &s); err == nil {
			p.last[d] = id
		}
	}
	return p
}

// Origin returns what the Reader has learnt of the source, for the next one.
// mark is the newest transaction that it has finished to read, which may not
// have been returned yet; at is how far it has read.
func (r *Reader) Origin() (s *identity.Server, file identity.FileStamp, mark identity.Mark) {
	return r.past.history.Server(), r.past.file, r.past.mark
}

// Passed says, after a first transaction or keepalive was returned, that the source
// has been compared with Config.Past to the end.
func (r *Reader) Passed() bool { return r.past.history.Passed() }

// atFile notes the binlog file that a format description begins, or in which
// the dump begins.
func (r *Reader) atFile(e *event) error {
	if r.at.File == "" {
		return nil
	}
	r.past.file = identity.FileStamp{Name: r.at.File, Written: e.time, ServerID: e.serverID}
	if r.past.history == nil {
		return nil
	}
	return r.past.history.File(r.past.file)
}

// inOrder refuses a transaction of a MariaDB domain whose number is not above
// the one before it, which a source with gtid_strict_mode=0 can log. A position
// holds one GTID of a domain: it cannot say whether such a transaction is done,
// so that it would be applied again after a restart, or the source would look
// for its GTID at an older place. Nothing of it is applied, and the position
// stays before it, so that each new start meets it again.
func (r *Reader) inOrder(domain uint32, id replica.TxnID) error {
	r.past.domain = domain
	last, ok := r.past.last[domain]
	if ok && id.Seq <= last.Seq {
		return outOfOrder(fmt.Sprintf("the source logged transaction %s after %s", id, last))
	}
	return nil
}

// remedyOrder needs one more transaction: a position is found by the last one.
const remedyOrder = "SET GLOBAL gtid_strict_mode=1 on the source (and another gtid_domain_id for each server that writes at the same time), " +
	"commit one more transaction of the domain there, then RESET MIGRATION, drop or empty the target's tables, and START MIGRATION again"

func outOfOrder(what string) error {
	return &replica.Error{Code: codeOrder, Class: "SOURCE", Remedy: remedyOrder,
		Message: what + ": the numbers of a domain have to grow, or its transactions cannot be told apart after a restart"}
}

// began says how a transaction that begins is to be read.
func (r *Reader) began(e *event, id replica.TxnID, begin replica.Coordinates, micros int64) error {
	r.past.micros, r.past.sum = micros, uint64(e.sum)
	r.past.skipping = r.past.history != nil && r.past.history.Known(id, begin)
	if r.past.history != nil && !r.past.skipping && r.past.history.Below(begin) {
		return outOfOrder(fmt.Sprintf("the source has two transactions of one GTID, and sends again what follows the older one (%s at %s)", id, begin))
	}
	return nil
}

// ended notes a transaction that was read to its end. It returns true for one
// that was applied before, which is not handed on.
func (r *Reader) ended(t *replica.Transaction) (known bool) {
	m := identity.Mark{ID: t.ID, Start: t.Start, End: t.End, Micros: r.past.micros, Sum: r.past.sum}
	if r.mode == replica.ModeMariaDB && t.ID.Source != "" {
		m.Before = r.past.last[r.past.domain]
		if r.past.last == nil {
			r.past.last = map[uint32]replica.TxnID{}
		}
		r.past.last[r.past.domain] = t.ID
	}
	if t.ID.Source != "" && t.Start.File == t.End.File && t.End.Pos-t.Start.Pos <= maxMark {
		r.past.mark = m
	}
	if !r.past.skipping {
		return false
	}
	r.past.skipping = false
	r.past.wrong = r.past.history.Met(m)
	return true
}
