package migration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/protocol"
	"sluice/replica/source"
)

// whichServer tells two servers of MySQL's or MariaDB's apart, wherever they are
// reached.
const whichServer = "SELECT CONCAT_WS(':', @@hostname, @@port, @@datadir)"

// checkKind refuses a target that is no TiDB, and one that is the source itself, as
// happens when hosts or ports are mixed up.
func (r *Runner) checkKind(ctx context.Context, src *source.Source) ([]Finding, error) {
	_, wrong, err := TargetKind(ctx, r.cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("ask the target for its version: %w", err)
	}
	if wrong == nil {
		return nil, nil
	}
	out := []Finding{blocking("target.version", "TARGET", r.cfg.Migration, wrong)}
	var here, there string
	if err := r.cfg.Target.QueryRowContext(ctx, whichServer).Scan(&there); err != nil {
		return out, nil // a server that is not of the source's kind
	}
	if err := src.DB().QueryRowContext(ctx, whichServer).Scan(&here); err != nil {
		return nil, source.Classify(err)
	}
	if here == there {
		out = append([]Finding{{ID: "target.is_source", Severity: "ERROR", Scope: "TARGET", Object: r.cfg.Migration, Blocks: "START",
			Finding: "the target is the source itself: Sluice would follow its own writes", Remedy: "see which host and port the source and the target name"}}, out...)
	}
	return out, nil
}

// TargetKind asks a target what it is. wrong is not nil for a server that is no
// TiDB: Sluice writes into TiDB only, and no other server's behaviour was tested.
func TargetKind(ctx context.Context, db *sql.DB) (version string, wrong *replica.Error, err error) {
	var comment string
	if err := db.QueryRowContext(ctx, protocol.KindQuery).Scan(&version, &comment); err != nil {
		return "", nil, err
	}
	other := protocol.NotTiDB(version, comment)
	if other == nil {
		return version, nil, nil
	}
	var me *mysql.MySQLError
	switch err := db.QueryRowContext(ctx, protocol.TiDBQuery).Scan(&comment); {
	case err == nil:
		return version, nil, nil
	case !errors.As(err, &me):
		return "", nil, err
	}
	return version, protocol.Named(other, "target", "TARGET"), nil
}
