package catalog

import (
	"context"
	"database/sql"
	"strconv"
)

// openErrorsLimit bounds how many open errors are read at once; errors that
// repeat are one, so that a cluster has few.
const openErrorsLimit = 10_000

// OpenErrors lists the errors of all migrations that are not resolved, newest
// first.
func (c *Catalog) OpenErrors(ctx context.Context) ([]MigrationError, error) {
	return read(ctx, c.db, "open errors", func(r *sql.Rows) (e MigrationError, err error) {
		err = r.Scan(stamp{&e.At}, &e.MigrationID, &e.Channel, &e.Table, &e.Errno, &e.Class, &e.Transient, &e.Message, &e.Remedy)
		return e, err
	}, `SELECT `+micros("at")+`, migration_id, channel, table_name, errno, class, transient, message, remedy FROM sluice_meta.errors
  WHERE open_key IS NOT NULL ORDER BY at DESC, id DESC LIMIT `+strconv.Itoa(openErrorsLimit))
}
