package migration

import (
	"context"
	"time"

	"sluice/replica"
	"sluice/replica/source"
)

// monitorEvery is how often the source is asked where it is.
const monitorEvery = time.Second

// monitor asks the source for its end and its clock, and samples the rates.
func (x *run) monitor(ctx context.Context) {
	tick := time.NewTicker(monitorEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		x.look(ctx, n%10 == 0)
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
	if logs != nil {
		x.live.logs = logs
	}
	x.live.executed, x.live.sourceEnd, x.live.clockOffset = executed, end, offset
	if all {
		x.live.expires = expires
	}
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
	st.Connected = l.connected
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
func (x *run) fillLag(st *Status, base replica.Position, newest time.Time) {
	l := &x.live
	st.SecondsBehind, st.Missing, st.LagBytes = nil, 0, 0
	at := replica.Coordinates{File: st.ExecFile, Pos: st.ExecPos}
	st.LagBytes = bytesBetween(at, l.sourceEnd, l.logs)
	l.caughtUp = false
	switch base.Mode() {
	case replica.ModeFile:
		l.caughtUp = l.sourceEnd.File != "" && !base.At().Before(l.sourceEnd)
	case replica.ModeGTID, replica.ModeMariaDB:
		src, err := replica.GTIDPosition(base.Mode(), l.executed)
		if err == nil && l.executed != "" {
			l.caughtUp = base.Covers(src)
			if src.Set() != nil {
				st.Missing = src.Set().Subtract(base.Set()).Len()
			}
		}
	}
	if l.caughtUp {
		st.LagBytes = 0
	}
	if newest.IsZero() {
		newest = l.current
	}
	if !l.connected || !l.caughtUp && newest.IsZero() {
		return // not known
	}
	behind := int64(0)
	st.AppliedUntil = time.Now().Add(l.clockOffset).UTC()
	if !l.caughtUp {
		behind = max(0, int64(st.AppliedUntil.Sub(newest).Seconds()))
		st.AppliedUntil = newest.UTC()
	}
	st.SecondsBehind = &behind
}

// bytesBetween returns how much binlog lies between two places; logs has the
// sizes of the source's files.
func bytesBetween(from, to replica.Coordinates, logs []source.BinaryLog) uint64 {
	if from.File == "" || !from.Before(to) {
		return 0
	}
	if from.File == to.File {
		return to.Pos - from.Pos
	}
	n := to.Pos
	for _, f := range logs {
		at := replica.Coordinates{File: f.Name}
		switch {
		case f.Name == from.File && f.Bytes > from.Pos:
			n += f.Bytes - from.Pos
		case f.Name != to.File && (replica.Coordinates{File: from.File}).Before(at) && at.Before(replica.Coordinates{File: to.File}):
			n += f.Bytes
		}
	}
	return n
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
