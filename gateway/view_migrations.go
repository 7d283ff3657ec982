package gateway

import (
	"context"
	"slices"
	"strings"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/sqladmin"
)

// troubles are a migration's open errors: those that wait for an operator, and
// those that are tried again, to which come the warnings of its newest check.
type troubles struct {
	errors, warnings int
	refused          bool // the last checks have an error that blocks START
	newest           catalog.MigrationError
}

// troubles counts the open errors by migration ID.
func (c *controller) troubles(ctx context.Context) (map[string]*troubles, error) {
	open, err := c.openErrors(ctx)
	if err != nil {
		return nil, err
	}
	last, err := c.lastChecks(ctx)
	if err != nil {
		return nil, err
	}
	m := map[string]*troubles{}
	of := func(id string) *troubles {
		if m[id] == nil {
			m[id] = &troubles{}
		}
		return m[id]
	}
	for _, e := range open { // newest first
		t := of(e.MigrationID)
		if e.Transient {
			t.warnings++
		} else {
			t.errors++
		}
		if t.newest.At.IsZero() {
			t.newest = e
		}
	}
	for id := range last {
		findings, err := lastFindings(last, id)
		if err != nil {
			return nil, err
		}
		for _, f := range findings {
			switch {
			case f.Severity == "WARNING":
				of(id).warnings++
			case f.Severity == severityError && f.Blocks == "START":
				of(id).refused = true
			}
		}
	}
	return m, nil
}

// viewMigrations is SHOW MIGRATIONS.
func viewMigrations(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	return c.migrationRows(ctx, false)
}

// viewMigrationStatus is SHOW MIGRATION STATUS: the same, and more of it.
func viewMigrationStatus(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	return c.migrationRows(ctx, true)
}

func (c *controller) migrationRows(ctx context.Context, long bool) ([][]any, []sqladmin.Warning, error) {
	snap, err := c.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	trouble, err := c.troubles(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, m := range snap.migrations {
		t := trouble[m.ID]
		if t == nil {
			t = &troubles{}
		}
		channels := snap.channels[m.ID]
		sum := summarize(channels)
		sum.refused = t.refused
		// As of a silent owner, or of a store that does not answer, nothing is known now.
		sum.old = c.staleWarning() != nil || slices.ContainsFunc(channels, func(ch *channelView) bool { return ch.silent })
		row := migrationRow(m, &sum, t)
		if long {
			row = append(row, statusRow(m, channels, &sum, t)...)
		}
		rows = append(rows, row)
	}
	return rows, snap.warnings, nil
}

func migrationRow(m *catalog.Migration, s *summary, t *troubles) []any {
	ready := any("No")
	if s.ready(t.errors) {
		if ready = "Yes"; s.old {
			ready = nil
		}
	}
	return []any{m.Name, m.Spec.Target, joined(m.Spec.Sources), s.phase, s.status, m.Desired, s.progress, nullable(s.eta),
		nullable(s.behind), s.total.TablesTotal, s.total.TablesDone, s.total.TablesFailed, t.errors, t.warnings, ready, s.nextStep(m),
		m.CreatedBy, when(m.CreatedAt), when(m.UpdatedAt)}
}

// sourceSet is what the sources have executed, NULL unless that of all is known.
func sourceSet(channels []*channelView, sets func(func(*migration.Status) string) string) any {
	for _, ch := range channels {
		if ofNow(ch, &ch.st.SourceExecuted) == nil {
			return nil
		}
	}
	return sets(func(st *migration.Status) string { return st.SourceExecuted })
}

// statusRow is what SHOW MIGRATION STATUS adds. GTID sets of several sources
// are shown as one, for MySQL's are of different servers.
func statusRow(m *catalog.Migration, channels []*channelView, s *summary, t *troubles) []any {
	sets := func(of func(*migration.Status) string) string {
		var l []string
		for _, ch := range channels {
			if set := of(&ch.st); set != "" {
				l = append(l, set)
			}
		}
		return strings.Join(l, ",")
	}
	errno, text, at, remedy := s.errno, s.errorText, s.errorAt, s.errRemedy
	if errno == 0 && !t.newest.At.IsZero() {
		errno, text, at, remedy = int(t.newest.Errno), t.newest.Message, t.newest.At, t.newest.Remedy
	}
	return []any{when(s.phaseStarted), s.total.RowsCopied, s.total.RowsEstimated, s.total.BytesCopied, s.total.BytesEstimated,
		s.total.ChunksDone, s.total.ChunksTotal, s.total.RowsPerSec, s.total.BytesPerSec, s.total.TrxPerSec,
		sets(func(st *migration.Status) string { return st.Retrieved }), sets(func(st *migration.Status) string { return st.Executed }),
		sourceSet(channels, sets), nullable(s.missing), when(s.checkpoint), s.lastDDL,
		errno, named(inOrder(text), m.Name), when(at), named(inOrder(remedy), m.Name), shownOptions(m.Spec.Options)}
}
