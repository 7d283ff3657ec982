package migration

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
)

// targetTable is a target table's columns by their names in lower case.
type targetTable map[string]targetColumn

// targetColumn is what the writing of rows depends on.
type targetColumn struct {
	binary    bool // its collation compares bytes, or it has none
	generated bool // TiDB computes it
}

// targetColumns reads a target table's columns; nil when there is no such
// table. It asks for the one table: information_schema would be searched through.
func targetColumns(ctx context.Context, db *sql.DB, schemaName, table string) (targetTable, error) {
	rows, err := db.QueryContext(ctx, "SHOW FULL COLUMNS FROM "+replica.QuoteTable(schemaName, table))
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the target's columns: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("read the target's columns: %w", err)
	}
	var name, collation, extra sql.NullString
	dest := make([]any, len(names))
	for i, n := range names {
		switch n {
		case "Field":
			dest[i] = &name
		case "Collation":
			dest[i] = &collation
		case "Extra":
			dest[i] = &extra
		default:
			dest[i] = &sql.RawBytes{}
		}
	}
	out := targetTable{}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, fmt.Errorf("read the target's columns: %w", err)
		}
		c := collation.String
		e := strings.ToUpper(extra.String)
		out[strings.ToLower(name.String)] = targetColumn{
			binary:    c == "" || c == "binary" || strings.HasSuffix(c, "_bin"),
			generated: strings.Contains(e, "VIRTUAL GENERATED") || strings.Contains(e, "STORED GENERATED"),
		}
	}
	return out, rows.Err()
}

// carrying returns the source table as its rows are written to this target
// table. The target's own definition decides which generated columns carry the
// source's value, not the rules that made it: a table that an older version, an
// operator or another value of generated_columns made keeps its columns.
func (have targetTable) carrying(t *replica.Table) *replica.Table {
	return t.Carrying(func(c *replica.Column) bool {
		h, ok := have[strings.ToLower(c.Name)]
		return ok && !h.generated
	})
}

// holds compares a target table's columns with the source's.
func holds(t *replica.Table, ts, tt string, have targetTable) error {
	var missing, computed []string
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Generated {
			continue
		}
		switch h, ok := have[strings.ToLower(c.Name)]; {
		case !ok:
			missing = append(missing, c.Name)
		case h.generated:
			computed = append(computed, c.Name)
		}
	}
	if missing != nil {
		return &replica.Error{Code: 61095, Class: "TARGET", Table: ts + "." + tt,
			Message: fmt.Sprintf("the target table %s.%s lacks the columns %s", ts, tt, strings.Join(missing, ", ")),
			Remedy:  "add the columns, or drop the table so that it is made anew"}
	}
	if computed != nil {
		return &replica.Error{Code: 61095, Class: "TARGET", Table: ts + "." + tt,
			Message: fmt.Sprintf("the target table %s.%s generates the columns %s, which the source does not", ts, tt, strings.Join(computed, ", ")),
			Remedy:  "drop each column in the target and add it there as a plain one that has the source's values, then START MIGRATION again; or drop the table so that it is recreated"}
	}
	return nil
}

// bindTo prepares rows of a source table for the target table that have describes.
func bindTo(t *replica.Table, ts, tt string, have targetTable) (*apply.Binding, error) {
	if err := holds(t, ts, tt, have); err != nil {
		return nil, err
	}
	return apply.Bind(have.carrying(t), ts, tt, func(col string) bool { return have[strings.ToLower(col)].binary })
}
