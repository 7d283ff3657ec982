package binlog

import (
	"context"
	"fmt"
	"time"

	"sluice/replica"
)

// Resolver knows the tables of the channel at the reader's position. It is
// called from Next, in stream order.
type Resolver interface {
	// Table returns the definition of the table that m maps, or nil when its
	// rows are not wanted: they are then not decoded.
	Table(m *TableMap) (*replica.Table, error)
	// Statement is asked about a data-changing statement that was logged as
	// text. It returns an error when the statement may touch a wanted table.
	Statement(stmt replica.DDL) error
}

// Reader reads one source's binlog as transactions. It is for one goroutine.
type Reader struct {
	cfg      Config
	resolver Resolver
	mode     replica.Mode
	k        *conn
	checksum byte
	dialect  dialect // of the server that wrote the binlog

	at      replica.Coordinates // the end of the newest event
	tables  map[uint64]*TableMap
	mapped  int // bytes of tables
	payload *payload
	zstd    decoders
	ready   []*replica.Transaction  // to be returned, in order
	first   [4]*replica.Transaction // memory for ready
	mem     arena
	// The newest transaction's source, as bytes and as text.
	sourceRaw  [16]byte
	sourceText string

	// The transaction being read.
	txn      *replica.Transaction
	grouped  bool // BEGIN was seen: it ends with a commit
	xaGroup  bool // it is one of XA, and may turn out to be only prepared
	prepared bool // it is the first half of an XA transaction
	noEffect bool // its statement is repeated later, or was rolled back
	rowsSeen uint64
	parts    int // how many have been handed on

	past past
}

// Open connects to the source and asks for everything behind start. The
// connection ends when ctx does. Errors of the source are *mysql.MySQLError of
// go-sql-driver inside; errors of what the binlog holds, or of a source that does
// not have the history that Config.Past remembers, are *replica.Error.
func Open(ctx context.Context, cfg Config, start replica.Position, resolver Resolver) (*Reader, error) {
	cfg.complete()
	k, err := dial(ctx, &cfg, start)
	if err != nil {
		return nil, err
	}
	start = k.from
	r := &Reader{cfg: cfg, resolver: resolver, mode: start.Mode(), k: k, checksum: checksumUnknown, tables: map[uint64]*TableMap{},
		past: newPast(k.history, start)}
	if r.mode == replica.ModeFile {
		r.at = start.At()
	}
	return r, nil
}

// Close ends the dump connection.
func (r *Reader) Close() {
	r.k.close()
	if r.payload != nil {
		r.payload.close()
		r.payload = nil
	}
	r.zstd.close()
}

// ConnectionID returns the dump connection's id at the source.
func (r *Reader) ConnectionID() uint32 { return r.k.c.Connection }

// Next returns the next transaction, the next part of a large one, or a
// keepalive. It blocks until there is one; the source sends a heartbeat when it
// is idle, so that it returns at least every Config.Heartbeat while all is well.
func (r *Reader) Next() (*replica.Transaction, error) {
	for len(r.ready) == 0 {
		if err := r.step(); err != nil {
			return nil, err
		}
	}
	return r.pop(), nil
}

// Poll is Next for a caller that has something else to do: it returns nil
// instead of waiting for an event of the source to begin.
func (r *Reader) Poll() (*replica.Transaction, error) {
	for len(r.ready) == 0 {
		if r.payload == nil && !r.k.in.buffered() {
			return nil, nil
		}
		if err := r.step(); err != nil {
			return nil, err
		}
	}
	return r.pop(), nil
}

// Behind says whether the source had more to send than was read, when it was
// read from last: a hint, which may be old by then.
func (r *Reader) Behind() bool { return r.k.in.behind() }

// step reads one event of the stream, or of the compressed transaction that is
// being unrolled. At such a one's end it reads none, so that Poll looks again
// whether the next read would wait.
func (r *Reader) step() error {
	if r.payload == nil {
		e, err := r.nextEvent()
		if err != nil {
			return err
		}
		return r.take(&e)
	}
	return r.unroll()
}

// take handles an event; the end of a transaction that was applied before may
// find that it is another one.
func (r *Reader) take(e *event) error {
	r.past.sum = r.past.sum*sumPrime ^ uint64(e.sum)
	if err := r.handle(e); err != nil {
		return err
	}
	return r.past.wrong
}

// unroll handles the next event of the compressed transaction in hand.
func (r *Reader) unroll() error {
	e, ok, err := r.payload.next()
	if err != nil {
		return err
	}
	if ok {
		return r.take(&e)
	}
	r.payload.close()
	r.payload = nil
	return nil
}

func (r *Reader) pop() *replica.Transaction {
	t := r.ready[0]
	r.ready[0] = nil
	if r.ready = r.ready[1:]; len(r.ready) == 0 {
		r.ready = r.first[:0]
	}
	return t
}

// nextEvent returns the next event of the stream.
func (r *Reader) nextEvent() (event, error) {
	b, shared, rest, err := r.k.read()
	if err != nil {
		return event{}, err
	}
	var e event
	if rest == nil {
		e, err = parseEvent(b, r.checksum)
	} else {
		e, err = r.longEvent(b, rest)
	}
	if err != nil {
		return event{}, err
	}
	e.shared = shared
	r.track(&e)
	return e, nil
}

// track follows the position. Event positions have 32 bits and wrap in files
// above 4 GiB; MariaDB 11.4+ leaves them 0 inside a group.
func (r *Reader) track(e *event) {
	if e.typ == evRotate || e.typ == evFormat && e.logPos == 0 || e.flags&flagArtificial != 0 {
		return
	}
	if e.typ == evHeartbeat || e.typ == evHeartbeatV2 {
		r.heartbeat(e)
		return
	}
	if e.logPos == 0 {
		r.at.Pos += uint64(e.size)
		return
	}
	r.at.Pos = widen(r.at.Pos, e.logPos)
}

func widen(last uint64, pos uint32) uint64 {
	n := last&^0xffffffff | uint64(pos)
	switch {
	case n+1<<31 < last:
		n += 1 << 32
	case n > last+1<<31 && n >= 1<<32:
		n -= 1 << 32
	}
	return n
}

// heartbeat reads where the source is; it matters when the source skips
// transactions that this replica has.
func (r *Reader) heartbeat(e *event) {
	if e.typ == evHeartbeat {
		if file := string(e.body); file != "" && e.logPos > 4 {
			r.setAt(replica.Coordinates{File: file, Pos: widen(r.at.Pos, e.logPos)})
		}
		return
	}
	// Version 2: type-length-value; 1 is the file, 2 the position, 0 the end.
	c := &cursor{b: e.body}
	var at replica.Coordinates
	for len(c.b) > 0 && !c.bad {
		typ := c.uint(1)
		if typ == 0 {
			break
		}
		f := &cursor{b: c.take(c.size())}
		switch typ {
		case 1:
			at.File = string(f.b)
		case 2:
			at.Pos = f.lenenc()
		}
	}
	if !c.bad && at.File != "" && at.Pos > 4 {
		r.setAt(at)
	}
}

// setAt only moves forward: a heartbeat may be older than the newest event.
func (r *Reader) setAt(at replica.Coordinates) {
	if r.at.Before(at) {
		r.at = at
	}
}

func (r *Reader) handle(e *event) error {
	switch e.typ {
	case evFormat:
		r.dropTables()
		r.checksum = checksumOf(e)
		r.dialect = dialectOf(e)
		if err := r.atFile(e); err != nil {
			return err
		}
		return r.abandon()
	case evRotate:
		if len(e.body) < 8 {
			return corrupt("a rotate event is cut off")
		}
		c := &cursor{b: e.body}
		pos := c.uint(8)
		r.at = replica.Coordinates{File: string(c.b), Pos: pos}
		r.dropTables()
	case evHeartbeat, evHeartbeatV2:
		if r.txn == nil {
			r.ready = append(r.ready, &replica.Transaction{Keepalive: true, Start: r.at, End: r.at})
		}
	case evGTID, evAnonymousGTID, evGTIDTagged:
		return r.beginMySQL(e)
	case evMGTID:
		return r.beginMariaDB(e)
	case evQuery, evMQueryZ:
		return r.query(e)
	case evXID:
		return r.commit(e)
	case evXAPrepare:
		if len(e.body) > 0 && e.body[0] == 1 { // XA COMMIT .. ONE PHASE
			return r.commit(e)
		}
		r.prepared = true
		return r.commit(e)
	case evPayload:
		return r.openPayload(e)
	case evTableMap:
		return r.tableMap(e)
	case evWriteRowsV1, evWriteRowsV2, evMWriteRowsZ1, evMWriteRowsZ2:
		return r.rows(e, replica.Insert)
	case evUpdateRowsV1, evUpdateRowsV2, evMUpdateRowsZ1, evMUpdateRowsZ2:
		return r.rows(e, replica.Update)
	case evDeleteRowsV1, evDeleteRowsV2, evMDeleteRowsZ1, evMDeleteRowsZ2:
		return r.rows(e, replica.Delete)
	default:
		return r.other(e)
	}
	return nil
}

func checksumOf(e *event) byte {
	// parseEvent has cut the checksum off when there is one.
	if n := len(e.body); uint32(n)+headerLen == e.size {
		return 0
	}
	return checksumCRC32
}

// other handles the events that carry no rows, and refuses the rest.
func (r *Reader) other(e *event) error {
	switch e.typ {
	case evStop, evPreviousGTIDs, evTransactionCtx, evViewChange, evRowsQuery, evIgnorable,
		evMAnnotate, evMCheckpoint, evMGTIDList, evMStartEncrypt, evIntvar, evRand, evUserVar, evSlave:
		return nil
	case evPartialUpdate:
		return r.partialJSON(e)
	case evMPartialRow:
		return &replica.Error{Code: 61107, Class: "SOURCE",
			Message: "the binlog splits a row over several events, which is not supported yet",
			Remedy:  "raise binlog_row_event_fragment_threshold on the source above the largest row, then RESET MIGRATION and start again"}
	case evIncident:
		return &replica.Error{Code: 61109, Class: "SOURCE",
			Message: "the source logged an incident: its binlog may lack changes",
			Remedy:  "find the cause in the source's error log, then RESET MIGRATION and start again"}
	case evLoad, evCreateFile, evAppendBlock, evExecLoad, evDeleteFile, evNewLoad, evBeginLoad, evExecuteLoad:
		return r.resolver.Statement(replica.DDL{Text: "LOAD DATA"})
	}
	if e.flags&flagIgnorable != 0 {
		return nil
	}
	return &replica.Error{Code: 61108, Class: "SOURCE",
		Message: fmt.Sprintf("the binlog has an event of the unknown type %d at %s", e.typ, r.at),
		Remedy:  "the source is newer than this version of Sluice: upgrade Sluice"}
}

// start opens a transaction. first is identity.Mark.Micros.
func (r *Reader) start(id replica.TxnID, e *event, commit time.Time, first int64) error {
	if r.txn != nil {
		return corrupt("a transaction begins inside another one")
	}
	begin := r.at
	if uint64(e.size) <= begin.Pos {
		begin.Pos -= uint64(e.size)
	}
	r.txn = &replica.Transaction{ID: id, Start: begin, CommitTime: commit}
	r.grouped, r.xaGroup, r.prepared, r.noEffect = false, false, false, false
	r.rowsSeen, r.parts = 0, 0
	if r.mapped > mapBytes/2 {
		r.dropTables() // each transaction maps the tables of its rows
	}
	return r.began(e, id, begin, first)
}

// abandon drops a transaction that the source's binlog does not end: the
// source crashed while it wrote it, and has rolled it back.
func (r *Reader) abandon() error {
	if r.txn == nil {
		return nil
	}
	if r.parts > 0 {
		return &replica.Error{Code: 61115, Class: "SOURCE",
			Message: fmt.Sprintf("transaction %s has no end in the source's binlog, and parts of it were applied", r.txn.ID),
			Remedy:  "RESET MIGRATION and start again"}
	}
	r.txn = nil
	return nil
}

// finish hands the transaction on. Without GTIDs only its end names it, which
// earlier parts did not know: rows go by the parts' name, so that what was
// recorded for it holds for all of them, and an empty last part tells the end.
func (r *Reader) finish() {
	if r.mode == replica.ModeFile && r.parts > 0 && len(r.txn.Rows) > 0 {
		r.handOn()
	}
	t := r.txn
	t.End = r.at
	if r.mode == replica.ModeFile {
		t.ID = replica.TxnID{Source: r.at.File, Seq: r.at.Pos}
	}
	r.txn, r.grouped = nil, false
	if r.ended(t) {
		return
	}
	r.ready = append(r.ready, t)
}

// part hands on what has been read of a large transaction.
func (r *Reader) part() error {
	if r.xaGroup {
		return &replica.Error{Code: 61106, Class: "SOURCE",
			Message: fmt.Sprintf("transaction %s is one of XA and larger than max_transaction_rows: it cannot be handed on before it is known to commit", r.txn.ID),
			Remedy:  "raise max_transaction_rows, or use smaller XA transactions on the tables of this migration, then RESET MIGRATION and start again"}
	}
	r.handOn()
	return nil
}

func (r *Reader) handOn() {
	t := *r.txn
	t.More = true
	t.End = r.at
	if r.mode == replica.ModeFile {
		// One behind the end of the transaction before, and below its own end.
		t.ID = replica.TxnID{Source: t.Start.File, Seq: t.Start.Pos + 1}
	}
	r.ready = append(r.ready, &t)
	r.parts++
	r.txn.Rows, r.txn.DDL, r.txn.Bytes = nil, nil, 0
	r.txn.FirstRow = r.rowsSeen
}

// commit ends the transaction at an XID, a COMMIT or an XA PREPARE.
func (r *Reader) commit(e *event) error {
	if r.txn == nil {
		return corrupt("a commit without a transaction")
	}
	if r.prepared && r.rowsSeen > 0 {
		return &replica.Error{Code: 61106, Class: "SOURCE",
			Message: fmt.Sprintf("transaction %s is the first half of an XA transaction, which is not supported yet", r.txn.ID),
			Remedy:  "use one-phase transactions on the tables of this migration, then RESET MIGRATION and start again"}
	}
	if r.txn.CommitTime.IsZero() {
		r.txn.CommitTime = time.Unix(int64(e.time), 0)
	}
	r.finish()
	return nil
}

// full says that what there is of the transaction is handed on as a part.
func (r *Reader) full() bool {
	return len(r.txn.Rows) >= r.cfg.MaxRows || r.txn.Bytes >= r.cfg.MaxBytes
}

// dropTables forgets table maps: a DDL may have changed what they stand for.
func (r *Reader) dropTables() { r.tables, r.mapped = map[uint64]*TableMap{}, 0 }
