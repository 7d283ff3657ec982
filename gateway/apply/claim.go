package apply

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sluice/replica"
	"sluice/replica/protocol"
)

// Claimed is a channel's state in the target as its new owner found it.
type Claimed struct {
	Channel string
	Epoch   uint64
	// Base: everything up to here is applied. Zero when the channel is new.
	Base replica.Position
	// Extra holds the transactions beyond Base that are applied too.
	Extra *replica.TxnSet
	// Partial is the transaction that was applied in part; nil when there is
	// none.
	Partial *Partial

	lanes []laneRow // by lane number
}

// Partial is how far a transaction that is too large to hold has been applied.
type Partial struct {
	ID   replica.TxnID
	Rows uint64
}

type laneRow struct {
	seq   uint64
	extra *replica.TxnSet
}

// Claim raises the epoch in every lane row of the channel, makes the rows that
// are missing, and reads them. The caller must have raised the channel's epoch
// in the store to epoch before, so that no two owners have the same one.
//
// After it returns, no commit under an older epoch can succeed, and every such
// commit that did succeed is in what was read: the old owner's transaction and
// this one write the same lane rows, so one of them is first. If it came
// first, it is seen; otherwise its guard matches no row or its commit meets a
// write conflict. ErrFenced says that a newer owner was here already.
//
// seq moves on too: an owner that claims again under its own epoch, after its
// source or target was away, so fences what it sent itself before and whose
// outcome it does not know. It moves by two, since one more under the same
// epoch is how a lane recognises its own commit.
//
// Dying before the commit leaves the old state; dying after it leaves a raised
// epoch and nobody who writes, until the next claim raises it again.
func Claim(ctx context.Context, db *sql.DB, channel string, epoch uint64, lanes int) (*Claimed, error) {
	for attempt := 0; ; attempt++ {
		c, err := claimOnce(ctx, db, channel, epoch, lanes)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		if o := classify(err); o != outcomeRetry && o != outcomeLost {
			return nil, err
		}
		if attempt >= claimAttempts || protocol.IsBroken(err) && attempt >= malformedAttempts {
			return nil, passing(err)
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// passing names an error of the target that may be over at the next attempt of the channel.
func passing(err error) error {
	err = targetError(err, "the target did not let this node claim the channel")
	var e *replica.Error
	if errors.As(err, &e) && !e.Transient {
		c := *e
		c.Transient = true
		return &c
	}
	return err
}

// claimAttempts is how often a claim is tried again, which takes half a minute or so.
const claimAttempts = 20

// malformedAttempts is how often a claim is tried again whose answer was none of a server's, or did not come: that is
// seldom the network's doing, and an operator should see it.
const malformedAttempts = 2

func claimOnce(ctx context.Context, db *sql.DB, channel string, epoch uint64, lanes int) (*Claimed, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("claim the channel's lanes: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN /*T! PESSIMISTIC */"); err != nil {
		return nil, fmt.Errorf("claim the channel's lanes: %w", err)
	}
	c, err := claimIn(ctx, conn, channel, epoch, lanes)
	if err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return nil, fmt.Errorf("claim the channel's lanes: %w", err)
	}
	return c, nil
}

func claimIn(ctx context.Context, conn *sql.Conn, channel string, epoch uint64, lanes int) (*Claimed, error) {
	var values []string
	var args []any
	for i := 0; i <= lanes; i++ {
		values = append(values, "(?,?,0,0,'','')")
		args = append(args, channel, i)
	}
	if _, err := conn.ExecContext(ctx, "INSERT IGNORE INTO "+MetaSchema+".lanes VALUES "+strings.Join(values, ","), args...); err != nil {
		return nil, fmt.Errorf("make the channel's lanes: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "UPDATE "+MetaSchema+".lanes SET epoch=?, seq=seq+2 WHERE channel=? AND epoch<=?", epoch, channel, epoch); err != nil {
		return nil, fmt.Errorf("raise the channel's epoch: %w", err)
	}
	rows, err := conn.QueryContext(ctx, "SELECT lane, epoch, seq, base, extra FROM "+MetaSchema+".lanes WHERE channel=? ORDER BY lane FOR UPDATE", channel)
	if err != nil {
		return nil, fmt.Errorf("read the channel's lanes: %w", err)
	}
	defer rows.Close()
	c := &Claimed{Channel: channel, Epoch: epoch, Extra: replica.NewTxnSet()}
	for rows.Next() {
		var lane int
		var e, seq uint64
		var base, extra string
		if err := rows.Scan(&lane, &e, &seq, &base, &extra); err != nil {
			return nil, fmt.Errorf("read the channel's lanes: %w", err)
		}
		if e != epoch {
			return nil, ErrFenced
		}
		if err := c.addLane(lane, seq, base, extra); err != nil {
			return nil, fmt.Errorf("read lane %d: %w", lane, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the channel's lanes: %w", err)
	}
	c.settle()
	return c, nil
}

// Peek reads a channel's state without claiming it: an owner may be moving it on.
// Base is zero when there is none. Nothing can be written with the result.
func Peek(ctx context.Context, db *sql.DB, channel string) (*Claimed, error) {
	rows, err := db.QueryContext(ctx, "SELECT lane, seq, base, extra FROM "+MetaSchema+".lanes WHERE channel=? ORDER BY lane", channel)
	if err != nil {
		return nil, fmt.Errorf("read the channel's lanes: %w", err)
	}
	defer rows.Close()
	c := &Claimed{Channel: channel, Extra: replica.NewTxnSet()}
	for rows.Next() {
		var lane int
		var seq uint64
		var base, extra string
		if err := rows.Scan(&lane, &seq, &base, &extra); err != nil {
			return nil, fmt.Errorf("read the channel's lanes: %w", err)
		}
		if err := c.addLane(lane, seq, base, extra); err != nil {
			return nil, fmt.Errorf("read lane %d: %w", lane, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the channel's lanes: %w", err)
	}
	c.settle()
	return c, nil
}

// settle drops what the base covers from what is applied beyond it.
func (c *Claimed) settle() {
	c.Base.Prune(c.Extra)
	if c.Partial != nil && c.Base.Contains(c.Partial.ID) {
		c.Partial = nil
	}
}

// addLane takes one lane row into the channel's state: the newest base of all
// lanes holds, since each was true when it was written.
func (c *Claimed) addLane(lane int, seq uint64, base, extra string) error {
	b, err := replica.ParsePosition(base)
	if err != nil {
		return err
	}
	if c.Base.IsZero() || !c.Base.Covers(b) {
		c.Base = b
	}
	set, partial, err := parseExtra(extra)
	if err != nil {
		return err
	}
	c.Extra.AddSet(set)
	if partial != nil {
		c.Partial = partial
	}
	for len(c.lanes) <= lane {
		c.lanes = append(c.lanes, laneRow{extra: replica.NewTxnSet()})
	}
	c.lanes[lane] = laneRow{seq: seq, extra: set}
	return nil
}

// formatExtra is the text of the column extra: a transaction set, and for the
// control lane |source|sequence|rows of a transaction applied in part.
func formatExtra(set *replica.TxnSet, p *Partial) string {
	s := set.String()
	if p != nil {
		s += "|" + p.ID.Source + "|" + strconv.FormatUint(p.ID.Seq, 10) + "|" + strconv.FormatUint(p.Rows, 10)
	}
	return s
}

func parseExtra(text string) (*replica.TxnSet, *Partial, error) {
	parts := strings.Split(text, "|")
	set, err := replica.ParseTxnSet(parts[0])
	if err != nil || len(parts) == 1 {
		return set, nil, err
	}
	if len(parts) != 4 {
		return nil, nil, fmt.Errorf("parse applied transactions: %d parts", len(parts))
	}
	seq, err1 := strconv.ParseUint(parts[2], 10, 64)
	n, err2 := strconv.ParseUint(parts[3], 10, 64)
	if err1 != nil || err2 != nil {
		return nil, nil, fmt.Errorf("parse applied transactions: bad number")
	}
	return set, &Partial{ID: replica.TxnID{Source: parts[1], Seq: seq}, Rows: n}, nil
}
