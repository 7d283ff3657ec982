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

// WriteTables stores pages of a channel's tables for its owner at an epoch; when
// the channel has another epoch by now, or is gone, nothing. whole says that these are
// all pages: others that the channel has are removed, in the same transaction.
//
// Dying before or within it leaves what was there, or some of the pages; a newer
// owner's pages are never replaced, and never removed.
func (c *Catalog) WriteTables(ctx context.Context, channel string, epoch uint64, pages []TablePage, whole bool) error {
	var err error
	if whole {
		err = c.inTx(ctx, func(tx *sql.Conn) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM sluice_meta.channel_tables WHERE channel = ? AND epoch <= ?
  AND EXISTS (SELECT 1 FROM sluice_meta.channels c WHERE c.channel = ? AND c.epoch = ?)`, channel, epoch, channel, epoch)
			if err != nil {
				return err
			}
			return writePages(ctx, tx, channel, epoch, pages)
		})
	} else {
		err = retry(ctx, func() error { return writePages(ctx, c.db, channel, epoch, pages) })
	}
	if err != nil {
		return fmt.Errorf("write a channel's tables: %w", err)
	}
	return nil
}

func writePages(ctx context.Context, db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, channel string, epoch uint64, pages []TablePage) error {
	for len(pages) > 0 {
		batch := pages[:min(pageBatch, len(pages))]
		pages = pages[len(batch):]
		args := make([]any, 0, 2+2*len(batch))
		for _, p := range batch {
			args = append(args, p.Page, string(p.Tables))
		}
		// Assignments run in order: epoch is compared before it changes.
		_, err := db.ExecContext(ctx, `INSERT INTO sluice_meta.channel_tables (channel, page, epoch, tables)
  SELECT c.channel, p.page, c.epoch, p.tables FROM sluice_meta.channels c JOIN (SELECT ? AS page, ? AS tables`+
			strings.Repeat(" UNION ALL SELECT ?, ?", len(batch)-1)+`) p WHERE c.channel = ? AND c.epoch = ?
  ON DUPLICATE KEY UPDATE tables = IF(VALUES(epoch) >= channel_tables.epoch, VALUES(tables), channel_tables.tables),
  epoch = GREATEST(channel_tables.epoch, VALUES(epoch))`, append(args, channel, epoch)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// Tables reads the pages of all channels' tables, those of the newest owner, by
// channel key and in the pages' order. Channels with few tables have none; what an
// older release left of a dropped channel is not read.
func (c *Catalog) Tables(ctx context.Context) (map[string][]TablePage, error) {
	rows, err := c.db.QueryContext(ctx, `SELECT CAST(t.channel AS CHAR), t.page, t.epoch, t.tables
  FROM sluice_meta.channel_tables t JOIN sluice_meta.channels c ON c.channel = t.channel ORDER BY t.channel, t.page`)
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
