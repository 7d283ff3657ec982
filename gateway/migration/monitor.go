package migration

import (
	"context"
	"errors"
	"time"

	"sluice/replica"
	"sluice/replica/source"
)

// monitorEvery is how often the source is asked where it is.
const monitorEvery = time.Second

// seenFor is how long an answer of the source counts as what is so now.
const seenFor = 10 * time.Second

// monitor asks the source for its end and its clock, and samples the rates.
func (x *run) monitor(ctx context.Context) {
	tick := time.NewTicker(monitorEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		x.look(ctx, n%10 == 0)
		x.follows()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (x *run) look(ctx context.Context, all bool) {
	x.mu.Lock()
	a := x.applier
	x.mu.Unlock()
	var rows, bytes, txns uint64
	if a != nil {
		s := a.Stats()
		rows, bytes, txns = s.Rows, s.Bytes, s.Transactions
	}
	x.progress.observe(rows, bytes, txns)
	qctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	asked := time.Now()
	executed, err := x.src.ExecutedGTIDs(qctx)
	if err != nil {
		return
	}
	end, err := x.src.BinlogEnd(qctx)
	if err != nil {
		return
	}
	before := time.Now()
	now, err := x.src.Now(qctx)
	if err != nil {
		return
	}
	offset := now.Sub(before.Add(time.Since(before) / 2))
	var expires *int64
	if all {
		if d, err := x.src.BinlogExpiresIn(qctx); err == nil && d > 0 {
			s := int64(d.Seconds())
			expires = &s
		}
	}
	var logs []source.BinaryLog
	if all {
		logs, _ = x.src.BinaryLogs(qctx) // without the right for it, the lag in bytes is that of the newest file
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shrank(executed, end) && x.live.reconnect != nil {
		x.live.connected = false
		x.live.reconnect(errHistoryShrank)
	}
	if logs != nil {
		x.live.logs = logs
	}
	x.live.executed, x.live.sourceEnd, x.live.clockOffset, x.live.seen = executed, end, offset, time.Now()
	x.live.asked = asked.Add(offset)
	if all {
		x.live.expires = expires
	}
}

// errHistoryShrank ends a dump connection whose source has less history than a
// moment ago.
var errHistoryShrank = errors.New("the source's executed transactions became fewer")

// wentBack makes the error of a connection that is made again for that reason: the
// next one compares the source's history with the channel's.
func wentBack(cause error) error {
	return &replica.Error{Code: 61051, Class: "SOURCE", Transient: true, Message: "the source was reset, or is another server by now", Err: cause,
		Remedy: "none: its history is compared with the channel's at the next connection"}
}

// shrank returns true if the source has lost transactions, or binlog, since the
// last look: RESET BINARY LOGS leaves the dump connection open and silent.
func (x *run) shrank(executed string, end replica.Coordinates) bool {
	before := x.live.executed
	mode := x.mode()
	if mode == replica.ModeFile {
		return end.File != "" && end.Before(x.live.sourceEnd)
	}
	if before == "" || before == executed || executed == "" {
		return before != "" && executed == ""
	}
	was, err1 := replica.GTIDPosition(mode, before)
	now, err2 := replica.GTIDPosition(mode, executed)
	return err1 == nil && err2 == nil && !now.Covers(was)
}

// fill writes the channel's live state into st.
func (x *run) fill(st *Status) {
	f := x.src.Facts()
	sc := x.src.Config()
	st.SourceHost, st.SourcePort, st.SourceID, st.SourceUUID, st.SourceVersion, st.Flavor = sc.Host, sc.Port, f.ServerID, f.ServerUUID, f.Version, string(f.Flavor)
	st.ReplicaID = sc.ServerID
	x.progress.fill(st)
	x.mu.Lock()
	defer x.mu.Unlock()
	l := &x.live
	st.Connected, st.SourceSeen, st.Diverged = l.connected, time.Since(l.seen) < seenFor, l.diverged
	st.SourceFile, st.SourcePos, st.SourceExecuted = l.sourceEnd.File, l.sourceEnd.Pos, l.executed
	st.LogFile, st.ReadPos = l.read.File, l.read.Pos
	st.BinlogExpiresIn, st.LastDDL = l.expires, l.lastDDL
	st.Lanes = x.cfg.Lanes
	base, newest := x.base, time.Time{}
	if x.applier != nil {
		base, newest = x.applier.Position()
		s := x.applier.Stats()
		st.Inserts, st.Updates, st.Deletes, st.Transactions, st.QueueBytes = s.Inserts, s.Updates, s.Deletes, s.Transactions, uint64(s.QueueBytes)
		st.Commits, st.CheckpointAt = s.Commits, s.Checkpoint
		if x.applier.CaughtUp() {
			st.ExecFile, st.ExecPos = x.applying.File, x.applying.Pos
		}
	}
	st.Executed = base.Text()
	st.Retrieved = st.Executed
	if !l.retrieved.IsZero() {
		st.Retrieved = l.retrieved.Text()
	}
	if base.Mode() == replica.ModeFile {
		st.Executed, st.Retrieved = "", ""
		st.ExecFile, st.ExecPos = base.At().File, base.At().Pos
	}
	x.fillLag(st, base, newest)
	x.fillStates(st)
}

// fillLag computes what is missing and how far behind it is, by the source's
// clock. An idle source is 0 behind when all that it executed is applied.
//
// st.AppliedUntil is the channel's so far. It only grows: by a look at the source that
// found everything applied, and by the commit time of the newest applied transaction.
// The latter alone is not enough, since a transaction that follows a quiet hour would
// make the channel an hour behind until it is applied.
func (x *run) fillLag(st *Status, base replica.Position, newest time.Time) {
	l := &x.live
	st.SecondsBehind, st.Missing, st.LagBytes = nil, nil, nil
	l.caughtUp = false
	switch base.Mode() {
	case replica.ModeFile:
		l.caughtUp = l.sourceEnd.File != "" && !base.At().Before(l.sourceEnd)
	case replica.ModeGTID, replica.ModeMariaDB:
		src, err := replica.GTIDPosition(base.Mode(), l.executed)
		if err == nil && l.executed != "" {
			l.caughtUp = base.Covers(src)
			if src.Set() != nil {
				n := src.Set().Subtract(base.Set()).Len()
				st.Missing = &n
			}
		}
	}
	zero := uint64(0)
	switch n, ok := bytesBetween(replica.Coordinates{File: st.ExecFile, Pos: st.ExecPos}, l.sourceEnd, l.logs); {
	case l.caughtUp:
		st.Missing, st.LagBytes = &zero, &zero
	case ok:
		st.LagBytes = &n
	}
	if !st.SourceSeen {
		st.Missing, st.LagBytes = nil, nil
	}
	if !l.connected {
		return // not known
	}
	now := time.Now().Add(l.clockOffset)
	st.AppliedUntil = x.appliedUntil(st.AppliedUntil, newest, now)
	if st.AppliedUntil.IsZero() {
		return // not known
	}
	behind := int64(0)
	if !l.caughtUp {
		behind = max(0, int64(now.Sub(st.AppliedUntil).Seconds()))
	}
	st.SecondsBehind = &behind
}

// appliedUntil returns the new AppliedUntil. It is not after now: a session of the source
// may date its transactions into the future, and the source's clock may be set back.
func (x *run) appliedUntil(before, newest, now time.Time) time.Time {
	if newest.IsZero() {
		newest = x.live.current
	}
	if x.live.caughtUp {
		newest = x.live.asked
	}
	if newest.After(before) {
		before = newest
	}
	if before.After(now) {
		before = now
	}
	return before.UTC()
}

// bytesBetween returns how much binlog lies between two places; logs has the
// sizes of the source's files. It is not known when a place is not, when from is
// after to (on another server, say), or without the size of a file in between.
func bytesBetween(from, to replica.Coordinates, logs []source.BinaryLog) (n uint64, ok bool) {
	if from.File == "" || to.File == "" || to.Before(from) {
		return 0, false
	}
	if from.File == to.File {
		return to.Pos - from.Pos, true
	}
	n = to.Pos
	for _, f := range logs {
		at := replica.Coordinates{File: f.Name}
		switch {
		case f.Name == from.File && f.Bytes >= from.Pos:
			n, ok = n+f.Bytes-from.Pos, true
		case f.Name != to.File && (replica.Coordinates{File: from.File}).Before(at) && at.Before(replica.Coordinates{File: to.File}):
			n += f.Bytes
		}
	}
	return n, ok
}

// fillStates says in MySQL's words what the two halves do.
func (x *run) fillStates(st *Status) {
	switch {
	case x.applier == nil && x.holding != "":
		st.ReceiverState, st.ApplierState = "Waiting for the source: "+x.holding, "Copying rows to the target"
	case x.applier == nil:
		st.ReceiverState, st.ApplierState = "Copying rows from the source", "Copying rows to the target"
	case x.live.connected:
		st.ReceiverState = "Waiting for source to send event"
		st.ApplierState = "Applying transactions"
		if x.live.caughtUp {
			st.ApplierState = "Replica has read all relay log; waiting for more updates"
		}
	default:
		st.ReceiverState, st.ApplierState = "Reconnecting after a failed source event read", "Waiting for the next event"
	}
	if st.Status == StatusStopping {
		st.ApplierState = "Stopping"
	}
}
