package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ObjectInfo is a view or sequence.
type ObjectInfo struct {
	Schema, Name string
	Type         string // as information_schema.tables writes it: VIEW, SEQUENCE
}

// Objects lists the views and sequences that wanted accepts.
func (s *Source) Objects(ctx context.Context, wanted func(schema, name string) bool) ([]ObjectInfo, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES
		WHERE TABLE_TYPE IN ('VIEW', 'SEQUENCE') AND LOWER(TABLE_SCHEMA) NOT IN (`+systemSchemas+`)`)
	if err != nil {
		return nil, Classify(fmt.Errorf("list views and sequences: %w", err))
	}
	defer rows.Close()
	var out []ObjectInfo
	for rows.Next() {
		var o ObjectInfo
		if err := rows.Scan(&o.Schema, &o.Name, &o.Type); err != nil {
			return nil, Classify(fmt.Errorf("list views and sequences: %w", err))
		}
		if wanted(o.Schema, o.Name) {
			out = append(out, o)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, Classify(fmt.Errorf("list views and sequences: %w", err))
	}
	return out, nil
}

// Kind returns the type of what has the name, as information_schema.tables
// writes it: BASE TABLE, SYSTEM VERSIONED, VIEW, SEQUENCE. It is "" if nothing has the name.
func (s *Source) Kind(ctx context.Context, schema, name string) (string, error) {
	var kind string
	err := s.db.QueryRowContext(ctx, "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA=? AND TABLE_NAME=?", schema, name).Scan(&kind)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", Classify(fmt.Errorf("look for %s.%s: %w", schema, name, err))
	}
	return kind, nil
}
