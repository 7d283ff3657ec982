package gateway

import (
	"slices"
	"time"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
)

// readyLag is the Seconds_Behind_Source up to which a migration may be cut
// over: what is left is applied in about that time.
const readyLag = 5

// summary is a migration as a whole: what its channels are together.
type summary struct {
	phase, status        string
	phaseStarted         time.Time // when the least advanced channel came to its phase
	behind               *int64    // the greatest; nil when some channel does not know
	missing              *uint64   // the sum; nil when some channel does not know
	eta                  *int64    // the longest; nil when some channel that copies does not know
	progress             float64
	total                migration.Status // sums
	noTables             bool             // some channel has none
	again                bool             // some channel ran before, and is new
	refused              bool             // the last checks have an error that blocks START
	checkpoint, errorAt  time.Time
	lastDDL              string
	errno                int
	errorText, errRemedy string
	old                  bool // it is not of now
}

// summarize adds up a migration's channels.
func summarize(channels []*channelView) summary {
	s := summary{phase: migration.PhaseNew, status: migration.StatusStopped}
	if len(channels) == 0 {
		return s
	}
	worst, least := len(statusOrder), len(channels)
	var weight, done float64
	lagKnown, etaKnown, missing := true, true, new(uint64)
	for i, c := range channels {
		if n := slices.Index(statusOrder, c.status); n >= 0 && n < worst {
			worst = n
		}
		if least == len(channels) || phaseIndex(c.phase) < phaseIndex(channels[least].phase) {
			least = i
		}
		w := float64(max(1, c.st.BytesEstimated))
		weight += w
		done += w * channelProgress(c)
		if b := c.behind(); b == nil {
			lagKnown = false
		} else if s.behind == nil || *b > *s.behind {
			s.behind = b
		}
		if n := ofNow(c, c.st.Missing); n == nil {
			missing = nil
		} else if missing != nil {
			*missing += *n
		}
		if copying(c.phase) {
			if c.st.ETASeconds == nil || !c.running() {
				etaKnown = false
			} else if s.eta == nil || *c.st.ETASeconds > *s.eta {
				s.eta = c.st.ETASeconds
			}
		}
		s.add(c)
	}
	if worst < len(statusOrder) {
		s.status = statusOrder[worst]
	}
	s.phase, s.phaseStarted = channels[least].phase, channels[least].st.PhaseStartedAt
	s.progress, s.missing = done/weight, missing
	if !lagKnown {
		s.behind = nil
	}
	if !etaKnown {
		s.eta = nil
	}
	return s
}

// copiesRows reports whether a migration that begins copies rows, which have to find empty tables.
func copiesRows(spec *catalog.Spec) bool {
	return spec.Options["mode"] != "INCREMENTAL" && (spec.StartAt.Kind == "" || spec.StartAt.Kind == "SNAPSHOT")
}

func copying(phase string) bool {
	return phaseIndex(phase) <= phaseIndex(migration.PhaseCatchup)
}

// channelProgress is how much of a channel's copy is done, 0 to 100.
func channelProgress(c *channelView) float64 {
	if phaseIndex(c.phase) > phaseIndex(migration.PhaseCopy) {
		return 100
	}
	return min(100, c.st.ProgressPct)
}

func (s *summary) add(c *channelView) {
	t, st := &s.total, &c.st
	s.noTables = s.noTables || st.TablesTotal == 0
	s.again = s.again || c.phase == migration.PhaseNew && c.Epoch > 1 // a claim and a RESET count one each
	t.RowsCopied += st.RowsCopied
	t.RowsEstimated += st.RowsEstimated
	t.BytesCopied += st.BytesCopied
	t.BytesEstimated += st.BytesEstimated
	t.ChunksDone += st.ChunksDone
	t.ChunksTotal += st.ChunksTotal
	t.TablesTotal += st.TablesTotal
	t.TablesDone += st.TablesDone
	t.TablesFailed += st.TablesFailed
	t.Diverged += st.Diverged
	if c.running() {
		t.RowsPerSec += st.RowsPerSec
		t.BytesPerSec += st.BytesPerSec
		t.TrxPerSec += st.TrxPerSec
	}
	if st.CheckpointAt.After(s.checkpoint) {
		s.checkpoint = st.CheckpointAt
	}
	if st.LastDDL != "" {
		s.lastDDL = st.LastDDL
	}
	if st.IOErrno != 0 && !st.IOErrorAt.Before(s.errorAt) {
		s.errno, s.errorText, s.errorAt, s.errRemedy = st.IOErrno, st.IOError, st.IOErrorAt, st.Remedy
	}
	if st.SQLErrno != 0 && !st.SQLErrorAt.Before(s.errorAt) {
		s.errno, s.errorText, s.errorAt, s.errRemedy = st.SQLErrno, st.SQLError, st.SQLErrorAt, st.Remedy
	}
}

// ready says whether the migration could be cut over now: everything follows
// the source closely and nothing is wrong. Where rows of the target were not what
// they must be, more may differ that nothing has looked at: then it is not ready
// until all is copied again. A channel without a table may have rules that match
// nothing: a name that is misspelled.
func (s *summary) ready(errors int) bool {
	return s.total.Diverged == 0 && !s.noTables && s.status == migration.StatusRunning &&
		s.phase == migration.PhaseReplicate && s.behind != nil && *s.behind <= readyLag && errors == 0
}

// nextStep is a statement that an operator can say next.
func (s *summary) nextStep(m *catalog.Migration) string {
	name := backquote(m.Name)
	switch s.status {
	case migration.StatusError:
		return "SHOW MIGRATION ERRORS FOR MIGRATION " + name
	case migration.StatusRetrying:
		return "SHOW MIGRATION CHANNELS FOR MIGRATION " + name
	case statusWaiting:
		return "SHOW NODES"
	case migration.StatusStopped:
		if s.refused {
			return "CHECK MIGRATION " + name
		}
		if s.again && copiesRows(&m.Spec) { // else target.rows refuses the start
			return "START MIGRATION " + name + " /* the target's tables have to be empty or gone */"
		}
		return "START MIGRATION " + name
	case migration.StatusStopping:
		return "WAIT FOR MIGRATION " + name + " UNTIL STATUS = 'STOPPED'"
	case migration.StatusDone:
		if copying(s.phase) {
			return "START MIGRATION " + name // goes on from where UNTIL ended it
		}
		return "SHOW MIGRATION STATUS FOR MIGRATION " + name
	}
	if s.total.Diverged > 0 && !copying(s.phase) {
		return "CHECK MIGRATION " + name // says what RESET is for
	}
	if copying(s.phase) {
		return "WAIT FOR MIGRATION " + name + " UNTIL PHASE = 'REPLICATE'"
	}
	if s.noTables {
		return "SHOW CREATE MIGRATION " + name + " /* its rules match no table of a source */"
	}
	return "WAIT FOR MIGRATION " + name + " UNTIL CAUGHT_UP"
}
