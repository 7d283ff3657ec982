package migration

import (
	"context"
	"fmt"
	"strings"

	"sluice/replica/source"
)

// whichServer tells two servers of MySQL's or MariaDB's apart, wherever they are
// reached.
const whichServer = "SELECT CONCAT_WS(':', @@hostname, @@port, @@datadir)"

// checkKind finds a target that is no TiDB, and one that is the source itself: hosts
// and ports that were mixed up.
func (r *Runner) checkKind(ctx context.Context, src *source.Source) ([]Finding, error) {
	var version string
	if err := r.cfg.Target.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, fmt.Errorf("ask the target for its version: %w", err)
	}
	if strings.Contains(version, "TiDB") {
		return nil, nil
	}
	out := []Finding{{ID: "target.version", Severity: "WARNING", Scope: "TARGET", Object: r.cfg.Migration, Blocks: "-",
		Finding: "the target is no TiDB: " + version, Remedy: "other servers are for tests: see whether the target's host and port are those of TiDB"}}
	var here, there string
	if err := r.cfg.Target.QueryRowContext(ctx, whichServer).Scan(&there); err != nil {
		return out, nil // a server that is not of the source's kind
	}
	if err := src.DB().QueryRowContext(ctx, whichServer).Scan(&here); err != nil {
		return nil, source.Classify(err)
	}
	if here == there {
		out = append(out, Finding{ID: "target.is_source", Severity: "ERROR", Scope: "TARGET", Object: r.cfg.Migration, Blocks: "START",
			Finding: "the target is the source itself: Sluice would follow its own writes", Remedy: "see which host and port the source and the target name"})
	}
	return out, nil
}
