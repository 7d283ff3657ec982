package load

import (
	"context"
	"database/sql"
)

// fillRows is how many rows a statement of Fill has.
const fillRows = 500

// Fill inserts the rows 1..n into each table, over several connections.
func Fill(ctx context.Context, db *sql.DB, schema string, seed uint64, tables []Table, n int64) error {
	if n == 0 {
		return nil
	}
	return Run(ctx, db, schema, seed, Connections/2, nil, func(ctx context.Context, s *Session) error {
		from, to := s.Share(n)
		for i := range tables {
			for id := from; id < to; id += fillRows {
				if err := s.Insert(ctx, &tables[i], id, min(id+fillRows, to)); err != nil {
					return err
				}
				// Large packets are slower to answer and no quicker to apply.
				if err := s.Flush(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
