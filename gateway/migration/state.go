package migration

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
)

// A table's state in the target's table `tables`.
const (
	stateCopy   = "copy"   // its copy is not done: chunks say how far it is
	stateAgain  = "again"  // its copy begins again: what the target has of it is void
	stateDone   = "done"   // copied; upserts up to its high-water, then strict
	stateExact  = "exact"  // copied exactly at its start position; strict behind it
	stateFollow = "follow" // never copied: strict from the channel's start on
)

// tableState is one table of the channel as the target records it.
type tableState struct {
	schema, table  string // of the source
	state          string
	start          replica.Position // transactions within it are in the copy; zero: the channel's own start
	high           replica.Coordinates
	rowsEstimated  uint64
	bytesEstimated uint64
	note           string
	// definition is the one that was copied, where it is newer than the
	// channel's start: a DDL made the copy begin again.
	definition string
}

func (t *tableState) key() string { return t.schema + "\x00" + t.table }

func tableKey(schema, table string) string { return schema + "\x00" + table }

// definition is a row of schema_history.
type definition struct {
	apply.Definition
}

// channelState is everything that the target holds of a channel besides the
// lanes.
type channelState struct {
	tables  []*tableState
	history []definition
}

// loadState reads a channel's state. It is read after the claim, so that no
// older owner changes it any more.
func loadState(ctx context.Context, db *sql.DB, channel string) (*channelState, error) {
	st := &channelState{}
	rows, err := db.QueryContext(ctx, `SELECT schema_name, table_name, state, start_position, high_file, high_pos, rows_estimated, bytes_estimated, definition, note
		FROM `+apply.MetaSchema+`.tables WHERE channel=? ORDER BY schema_name, table_name`, channel)
	if err != nil {
		return nil, fmt.Errorf("read the channel's tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		t := &tableState{}
		var start string
		if err := rows.Scan(&t.schema, &t.table, &t.state, &start, &t.high.File, &t.high.Pos, &t.rowsEstimated, &t.bytesEstimated, &t.definition, &t.note); err != nil {
			return nil, fmt.Errorf("read the channel's tables: %w", err)
		}
		switch t.state {
		case stateCopy, stateAgain, stateDone, stateExact, stateFollow:
		default:
			return nil, &replica.Error{Code: 61081, Class: "CONFIG",
				Message: fmt.Sprintf("the table %s.%s has the state %q in the target, which this binary does not know", t.schema, t.table, t.state), Remedy: "upgrade this node"}
		}
		if t.start, err = replica.ParsePosition(start); err != nil {
			return nil, fmt.Errorf("read the channel's tables: %w", err)
		}
		st.tables = append(st.tables, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the channel's tables: %w", err)
	}
	st.history, err = loadHistory(ctx, db, channel)
	return st, err
}

func loadHistory(ctx context.Context, db *sql.DB, channel string) ([]definition, error) {
	rows, err := db.QueryContext(ctx, `SELECT schema_name, table_name, definition, target_schema, target_table
		FROM `+apply.MetaSchema+`.schema_history WHERE channel=? ORDER BY schema_name, table_name`, channel)
	if err != nil {
		return nil, fmt.Errorf("read the schema history: %w", err)
	}
	defer rows.Close()
	var out []definition
	for rows.Next() {
		var d definition
		if err := rows.Scan(&d.Schema, &d.Table, &d.Create, &d.TargetSchema, &d.TargetTable); err != nil {
			return nil, fmt.Errorf("read the schema history: %w", err)
		}
		out = append(out, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the schema history: %w", err)
	}
	return out, nil
}

// insert returns the statement that records a new table.
func (t *tableState) insert(channel string) apply.Statement {
	v := []string{apply.Literal(channel), apply.Literal(t.schema), apply.Literal(t.table), apply.Literal(t.state), apply.Literal(t.start.String()),
		apply.Literal(t.high.File), strconv.FormatUint(t.high.Pos, 10), strconv.FormatUint(t.rowsEstimated, 10),
		strconv.FormatUint(t.bytesEstimated, 10), apply.Literal(t.definition), apply.Literal(t.note)}
	return apply.Statement{SQL: "REPLACE INTO " + apply.MetaSchema + ".tables VALUES (" + strings.Join(v, ",") + ")", Want: -1}
}

// forgetChunks returns the statement that drops the table's chunk records.
func (t *tableState) forgetChunks(channel string) apply.Statement {
	return apply.Statement{SQL: "DELETE FROM " + apply.MetaSchema + ".chunks WHERE channel=" + apply.Literal(channel) +
		" AND schema_name=" + apply.Literal(t.schema) + " AND table_name=" + apply.Literal(t.table), Want: -1}
}

// doneChunk is a chunk record.
type doneChunk struct {
	no          int
	lo, hi      string
	rows, bytes uint64
}

func loadChunks(ctx context.Context, db *sql.DB, channel string, t *tableState) ([]doneChunk, error) {
	rows, err := db.QueryContext(ctx, `SELECT chunk, lo, hi, row_count, byte_count FROM `+apply.MetaSchema+`.chunks
		WHERE channel=? AND schema_name=? AND table_name=? ORDER BY chunk`, channel, t.schema, t.table)
	if err != nil {
		return nil, fmt.Errorf("read the chunks: %w", err)
	}
	defer rows.Close()
	var out []doneChunk
	for rows.Next() {
		var c doneChunk
		if err := rows.Scan(&c.no, &c.lo, &c.hi, &c.rows, &c.bytes); err != nil {
			return nil, fmt.Errorf("read the chunks: %w", err)
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the chunks: %w", err)
	}
	return out, nil
}
