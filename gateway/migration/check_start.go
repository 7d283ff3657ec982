package migration

import (
	"context"
	"fmt"

	"sluice/replica"
	"sluice/replica/source"
)

// checkStartAt looks whether a channel can begin where START AT says: at a GTID set of
// the source's product, or in a binlog file that the source has. Whether it still has
// the transactions after a GTID set is checkHistory's matter.
func (r *Runner) checkStartAt(ctx context.Context, src *source.Source) ([]Finding, error) {
	const id = "source.start_at"
	refuse := func(message, remedy string) ([]Finding, error) {
		return []Finding{blocking(id, "SOURCE", r.cfg.Source.Name, &replica.Error{Message: message, Remedy: remedy})}, nil
	}
	switch r.cfg.Start.Kind {
	case StartGTID:
		if modeOf(src) == replica.ModeFile {
			return refuse("START AT SOURCE_AUTO_POSITION needs GTIDs, and gtid_mode of the source is not ON",
				"turn GTIDs on, or use START AT SOURCE_LOG_FILE='..', SOURCE_LOG_POS=..")
		}
		if _, err := replica.GTIDPosition(modeOf(src), r.cfg.Start.GTIDs); err != nil {
			return refuse(fmt.Sprintf("START AT has no GTID set of a %s source: %v", src.Facts().Flavor, err),
				"write it as the source prints it: 'uuid:1-5' (MySQL, @@gtid_executed) or '0-1-5' (MariaDB, @@gtid_binlog_pos)")
		}
	case StartFile:
		logs, err := src.BinaryLogs(ctx)
		if err != nil {
			return nil, nil // the right for it has a check of its own
		}
		for _, l := range logs {
			if l.Name != r.cfg.Start.At.File {
				continue
			}
			if r.cfg.Start.At.Pos > l.Bytes {
				return refuse(fmt.Sprintf("START AT position %d is beyond the end of %s, which has %d bytes", r.cfg.Start.At.Pos, l.Name, l.Bytes),
					"use a position that SHOW BINARY LOGS and SHOW BINLOG EVENTS of the source have")
			}
			return nil, nil
		}
		return refuse(fmt.Sprintf("the source has no binlog file '%s': it has %s to %s", r.cfg.Start.At.File, logs[0].Name, logs[len(logs)-1].Name),
			"use a file that SHOW BINARY LOGS of the source lists; if it was purged, copy the tables with START AT SNAPSHOT")
	}
	return nil, nil
}
