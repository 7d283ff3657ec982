package migration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/binlog"
	"sluice/replica/identity"
	"sluice/replica/source"
)

// compareLimit bounds how long a check reads the source's binlog.
const compareLimit = 15 * time.Second

// checkWait is how long a check waits for transactions that the source lacks: of
// a channel that stands, the source has had them for long.
const checkWait = time.Second

// checkHistory looks whether the source has the history that the channel has
// followed. A channel that has no position yet has none, unless it is to begin at
// GTIDs that an operator gave.
func (r *Runner) checkHistory(ctx context.Context, src *source.Source) ([]Finding, error) {
	const id = "source.history"
	claimed, past, copying, err := r.followed(ctx)
	if err != nil {
		return nil, err
	}
	done := doneIn(claimed, copying)
	done.Wait = checkWait
	if done.Position.IsZero() {
		if r.cfg.Start.Kind != StartGTID {
			return nil, nil
		}
		if done.Position, err = replica.GTIDPosition(modeOf(src), r.cfg.Start.GTIDs); err != nil {
			return nil, nil // begin names it
		}
	}
	bounded, cancel := context.WithTimeout(ctx, compareLimit)
	defer cancel()
	_, err = identity.Verify(bounded, src.Ask, past, done)
	if err == nil {
		err = r.compare(bounded, src, past, done)
	}
	if err == nil {
		return []Finding{{ID: id, Severity: "OK", Scope: "SOURCE", Object: r.cfg.Source.Name, Finding: "the source has the history that this channel has followed", Blocks: "-"}}, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	e := r.name(err)
	f := blocking(id, "SOURCE", r.cfg.Source.Name, e)
	switch e.Code {
	case identity.CodeHistory, identity.CodeLowerCase, identity.CodeMidCopy, codePurged:
	default: // rights and connections have checks of their own
		f.Severity, f.Blocks = "WARNING", "-"
		f.Finding = "whether the source has the history that this channel has followed is not known: " + f.Finding
	}
	return []Finding{f}, nil
}

// codePurged is the source's answer when it no longer has the binlog.
const codePurged = 1236

// followed reads what the target holds of a channel's past, without a claim.
func (r *Runner) followed(ctx context.Context) (*apply.Claimed, identity.Past, bool, error) {
	c, err := apply.Peek(ctx, r.cfg.Target, r.cfg.Channel)
	if absentIsNil(err) != nil {
		return nil, identity.Past{}, false, err
	}
	if err != nil || c.Base.IsZero() {
		return &apply.Claimed{Extra: replica.NewTxnSet()}, identity.Past{}, false, nil
	}
	past, err := loadPast(ctx, r.cfg.Target, r.cfg.Channel)
	if absentIsNil(err) != nil { // a target of an older version has no such table
		return nil, past, false, err
	}
	st, err := loadState(ctx, r.cfg.Target, r.cfg.Channel)
	if err != nil {
		return nil, past, false, err
	}
	return c, past, st.copying(), nil
}

// compare reads the beginning of the dump that a start would read.
func (r *Runner) compare(ctx context.Context, src *source.Source, past identity.Past, done identity.Done) error {
	cfg, err := dumpConfig(&r.cfg, src)
	if err != nil {
		return err
	}
	// A stream that runs must not be ended by a check.
	cfg.ServerID, cfg.UUID = replicaID(r.cfg.Channel+"\x00check"), replicaUUID(r.cfg.Channel+"\x00check")
	cfg.Past, cfg.Beyond, cfg.Copying = past, done.Beyond, done.Copying
	if err := binlog.Compare(ctx, cfg, done.Position); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return source.Classify(err)
	}
	return nil
}

// checkDiverged says that rows of the target were not what they must be.
func (r *Runner) checkDiverged(ctx context.Context) ([]Finding, error) {
	times, tables, err := apply.Divergences(ctx, r.cfg.Target, r.cfg.Channel)
	if absentIsNil(err) != nil || err != nil || times == 0 {
		return nil, absentIsNil(err)
	}
	return []Finding{{ID: "target.diverged", Severity: "WARNING", Scope: "TABLE", Object: strings.Join(tables, ", "), Blocks: "CUTOVER",
		Finding: fmt.Sprintf("rows of the target were not what they must be, or were changed by hand for a DDL, %d times since the copy: other rows may differ that nothing has looked at, and rows that only the target has stay there", times),
		Remedy:  "stop whoever else writes to the target's tables; then RESET MIGRATION, drop or empty them, and START MIGRATION: Ready_For_Cutover stays No until all is copied again"}}, nil
}

// checkMissing finds the tables that the channel writes and the target does not have. It is a warning: a DDL that drops or
// renames one may be under way.
func (r *Runner) checkMissing(ctx context.Context) ([]Finding, error) {
	missing, err := apply.MissingTables(ctx, r.cfg.Target, r.cfg.Channel)
	var out []Finding
	for _, table := range missing {
		out = append(out, Finding{ID: "target.missing", Severity: "WARNING", Scope: "TABLE", Object: table, Blocks: "CUTOVER",
			Finding: "the migration writes this table, and the target does not have it: somebody dropped it, with its rows",
			Remedy:  "STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, and START MIGRATION, which copies them again"})
	}
	return out, absentIsNil(err)
}
