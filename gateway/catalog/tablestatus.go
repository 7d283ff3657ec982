package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
)

// TablePage is a part of what a channel's owner says of its tables, of which
// there may be too many for one row of the store.
type TablePage struct {
	Page   int
	Tables json.RawMessage
}

// pageBatch bounds the pages of one statement: some hundred KB.
const pageBatch = 16

// WriteTables stores pages of a channel's tables for its owner at an epoch; a
// page of an older epoch is not stored. whole says that these are all pages:
// others that the channel has are removed, in the same transaction.
//
// Dying before or within it leaves what was there; a newer owner's pages are
// never replaced, and never removed.
func (c *Catalog) WriteTables(ctx context.Context, channel string, epoch uint64, pages []TablePage, whole bool) error {
	if !whole {
		return writePages(ctx, c.db, channel, epoch, pages)
	}
	return c.inTx(ctx, func(tx *sql.Conn) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sluice_meta.channel_tables WHERE channel = ? AND epoch <= ?`, channel, epoch); err != nil {
			return fmt.Errorf("write a channel's tables: %w", err)
		}
		return writePages(ctx, tx, channel, epoch, pages)
	})
}

func writePages(ctx context.Context, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, channel string, epoch uint64, pages []TablePage) error {
	for len(pages) > 0 {
		batch := pages[:min(pageBatch, len(pages))]
		pages = pages[len(batch):]
		args := make([]any, 0, 4*len(batch))
		for _, p := range batch {
			args = append(args, channel, p.Page, epoch, string(p.Tables))
		}
		// Assignments run in order: epoch is compared before it changes.
		_, err := db.ExecContext(ctx, `INSERT INTO sluice_meta.channel_tables (channel, page, epoch, tables) VALUES `+
			strings.TrimPrefix(strings.Repeat(", (?, ?, ?, ?)", len(batch)), ", ")+`
  ON DUPLICATE KEY UPDATE tables = IF(VALUES(epoch) >= epoch, VALUES(tables), tables), epoch = GREATEST(epoch, VALUES(epoch))`, args...)
		if err != nil {
			return fmt.Errorf("write a channel's tables: %w", err)
		}
	}
	return nil
}

// Tables reads the pages of all channels' tables, those of the newest owner, by
// channel key and in the pages' order. Channels with few tables have none.
func (c *Catalog) Tables(ctx context.Context) (map[string][]TablePage, error) {
	rows, err := c.db.QueryContext(ctx, `SELECT CAST(channel AS CHAR), page, epoch, tables FROM sluice_meta.channel_tables ORDER BY channel, page`)
	if err != nil {
		return nil, fmt.Errorf("read the channels' tables: %w", err)
	}
	defer rows.Close()
	m, newest := map[string][]TablePage{}, map[string]uint64{}
	for rows.Next() {
		var (
			channel string
			epoch   uint64
			p       TablePage
		)
		if err := rows.Scan(&channel, &p.Page, &epoch, (*[]byte)(&p.Tables)); err != nil {
			return nil, fmt.Errorf("read the channels' tables: %w", err)
		}
		switch {
		case epoch < newest[channel]:
			continue // an owner's that was fenced while it wrote
		case epoch > newest[channel]:
			m[channel] = nil
		}
		newest[channel] = epoch
		m[channel] = append(m[channel], p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the channels' tables: %w", err)
	}
	return m, nil
}
