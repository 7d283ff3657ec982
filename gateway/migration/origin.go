package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/binlog"
	"sluice/replica/identity"
	"sluice/replica/source"
)

// recordEvery is how often what is known of the source is stored while it
// changes. After a crash the mark is older by as much, and the source sends as
// much again.
const recordEvery = 5 * time.Second

// origin is what a run knows of the source's past. Its run's mutex guards it.
type origin struct {
	past     identity.Past // Mark: the newest that is handed on
	marks    []identity.Mark
	recorded string // the Past that is stored
	at       time.Time
	server   *identity.Server // that past is of; nil: of an earlier run
	settled  bool             // high-water marks are forgotten: see settle
}

// mostMarks bounds the marks that wait for their transaction to be applied.
const mostMarks = 256

// add notes a transaction that was handed on.
func (h *origin) add(m identity.Mark) {
	if m.IsZero() || m.ID == h.past.Mark.ID {
		return
	}
	h.past.Mark, h.past.Floor = m, m.End
	if len(h.marks) >= mostMarks { // the target is slow: every second one will do
		left := h.marks[:0]
		for i := 1; i < len(h.marks); i += 2 {
			left = append(left, h.marks[i])
		}
		h.marks = left
	}
	h.marks = append(h.marks, m)
}

// applied returns the newest mark within a position, the one that was stored
// before where none is newer. Older ones are forgotten.
func (h *origin) applied(pos replica.Position) (m identity.Mark) {
	for i := len(h.marks) - 1; i >= 0; i-- {
		if pos.Contains(h.marks[i].ID) {
			h.marks = append(h.marks[:0], h.marks[i:]...)
			return h.marks[0]
		}
	}
	return m
}

// loadPast reads what is stored of the source beside a channel's position.
func loadPast(ctx context.Context, db *sql.DB, channel string) (identity.Past, error) {
	var text string
	err := db.QueryRowContext(ctx, "SELECT past FROM "+apply.MetaSchema+".source_past WHERE channel=?", channel).Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return identity.Past{}, fmt.Errorf("read what is known of the source: %w", err)
	}
	return identity.ParsePast(text)
}

func recordPast(channel string, p identity.Past) apply.Statement {
	return apply.Statement{SQL: "REPLACE INTO " + apply.MetaSchema + ".source_past VALUES (" + apply.Literal(channel) + "," + apply.Literal(p.String()) + ")", Want: -1}
}

// serverPast is what a channel knows of a server that it has just begun with.
func serverPast(s *identity.Server) identity.Past {
	lower := s.LowerCase
	return identity.Past{Product: s.Product, ServerID: s.ID, ServerUUID: s.UUID, LowerCase: &lower}
}

// beginPast returns the statement that records the server of a new channel.
func (x *run) beginPast(ctx context.Context, at replica.Coordinates) (apply.Statement, error) {
	s, err := identity.Read(ctx, x.src.Ask)
	if err != nil {
		return apply.Statement{}, source.Classify(err)
	}
	p := serverPast(s)
	p.At, p.Floor = at, at
	return recordPast(x.cfg.Channel, p), nil
}

// doneIn is what the channel has of the source's transactions as of its claim.
func doneIn(c *apply.Claimed, copying bool) identity.Done {
	d := identity.Done{Position: c.Base, Beyond: c.Extra.Clone(), Copying: copying, Wait: identity.CatchUp}
	if c.Partial != nil {
		d.Beyond.Add(c.Partial.ID)
	}
	return d
}

// copying says whether rows of the copy may be ahead of the position: a table
// is not copied yet, or the stream has not reached its high-water mark.
func (st *channelState) copying() bool {
	for _, t := range st.tables {
		if t.state == stateCopy || t.state == stateAgain || t.high.File != "" {
			return true
		}
	}
	return false
}

// verify checks, before anything is read or written, that the source has the
// channel's history. The connection of the stream is checked again by itself.
func (x *run) verify(ctx context.Context, st *channelState) error {
	past, err := loadPast(ctx, x.cfg.Target, x.cfg.Channel)
	if err != nil {
		return x.targetError(err, "read what is known of the source")
	}
	x.mu.Lock()
	x.origin = origin{past: past, recorded: past.String()}
	x.mu.Unlock()
	if _, err := identity.Verify(ctx, x.src.Ask, past, doneIn(x.claimed, st.copying())); err != nil {
		return source.Classify(err)
	}
	return nil
}

// remembers adds to a dump's settings what the stream is compared with.
func (x *run) remembers(cfg *binlog.Config) {
	x.mu.Lock()
	defer x.mu.Unlock()
	cfg.Past = x.origin.past
	cfg.Copying = x.live.highest.File != "" && !x.live.strict
	cfg.Beyond = doneIn(x.claimed, false).Beyond
}

// follows notes the server of the dump connection, once the stream has shown that
// it has the channel's history: a wrong one must not take the place of the right one.
func (h *origin) follows(s *identity.Server) {
	if s == h.server {
		return
	}
	p := serverPast(s)
	if old := &h.past; p.ServerID == old.ServerID && p.ServerUUID == old.ServerUUID {
		p.File, p.At, p.Floor = old.File, old.At, old.Floor
	}
	p.Mark = h.past.Mark
	h.past, h.server = p, s
}

// beside is apply.Config.Beside: the source's past, and that the high-water
// marks are done with.
//
// What if the process dies: the statements are part of the fenced commit of the
// position, so that they are of it or of an older one, never of a newer.
func (x *run) beside(pos replica.Position, last bool) []apply.Statement {
	x.mu.Lock()
	defer x.mu.Unlock()
	var stmts []apply.Statement
	if x.live.strict && x.live.highest.File != "" && !x.origin.settled {
		x.origin.settled = true
		stmts = append(stmts, settle(x.cfg.Channel))
	}
	h := &x.origin
	if !last && stmts == nil && time.Since(h.at) < recordEvery {
		return nil
	}
	p := h.past
	if p.ServerID == 0 {
		return stmts
	}
	if p.Mark = h.applied(pos); p.Mark.IsZero() {
		stored, err := identity.ParsePast(h.recorded)
		if err != nil {
			return stmts
		}
		p.Mark, p.Floor = stored.Mark, stored.Floor
		if p.ServerID != stored.ServerID || p.ServerUUID != stored.ServerUUID {
			p.Floor = replica.Coordinates{} // a place on another server
		}
	} else {
		p.Floor = p.Mark.End
	}
	if text := p.String(); text != h.recorded {
		h.recorded, h.at = text, time.Now()
		stmts = append(stmts, recordPast(x.cfg.Channel, p))
	}
	return stmts
}

// settle forgets the high-water marks of a channel whose stream has passed all
// of them. They are places in the binlog of the server that was copied from,
// and mean nothing on another one after a failover.
//
// What if the process dies before it: the marks stay, and are passed again. After
// it: what is applied is in the position and the lanes, and is not applied again,
// so that no row below a mark is met without it.
func settle(channel string) apply.Statement {
	return apply.Statement{SQL: "UPDATE " + apply.MetaSchema + ".tables SET high_file='', high_pos=0 WHERE channel=" + apply.Literal(channel), Want: -1}
}
