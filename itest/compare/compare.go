// Package compare says whether tables of a source and a target hold the same
// rows: for tests, the demo and the kill loop. It reads every row of both.
package compare

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Table names a table on both sides.
type Table struct {
	SourceSchema, SourceTable string
	TargetSchema, TargetTable string
}

// Result is one table's outcome.
type Result struct {
	Table
	SourceRows, TargetRows int
	// Differences counts the rows that only one side has; a changed row counts
	// on both sides.
	Differences int
	// Sample shows a few differing rows, column by column.
	Sample []string
	// Checksum is the source's: of all rows, whatever their order.
	Checksum string
}

type column struct {
	name, dataType, columnType string
}

func quote(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// Tables compares the tables one by one.
func Tables(ctx context.Context, source, target *sql.DB, tables []Table) ([]Result, error) {
	var out []Result
	for _, t := range tables {
		r, err := one(ctx, source, target, t)
		if err != nil {
			return out, fmt.Errorf("compare %s.%s: %w", t.SourceSchema, t.SourceTable, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// List returns the source's base tables in schemas, under the same names in
// the target.
func List(ctx context.Context, source *sql.DB, schemas ...string) ([]Table, error) {
	var out []Table
	for _, s := range schemas {
		rows, err := source.QueryContext(ctx, "SELECT TABLE_NAME FROM information_schema.tables WHERE TABLE_SCHEMA=? AND TABLE_TYPE='BASE TABLE' ORDER BY 1", s)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var n string
			if err := rows.Scan(&n); err != nil {
				rows.Close()
				return nil, err
			}
			out = append(out, Table{s, n, s, n})
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func columns(ctx context.Context, db *sql.DB, schema, table string) ([]column, error) {
	rows, err := db.QueryContext(ctx, "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE FROM information_schema.columns WHERE TABLE_SCHEMA=? AND TABLE_NAME=? ORDER BY ORDINAL_POSITION", schema, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.dataType, &c.columnType); err != nil {
			return nil, err
		}
		c.dataType, c.columnType = strings.ToLower(c.dataType), strings.ToLower(c.columnType)
		out = append(out, c)
	}
	return out, rows.Err()
}

// expression selects a column so that both servers print equal values alike.
func (c column) expression() string {
	q := quote(c.name)
	switch c.dataType {
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector":
		return "HEX(" + q + ")"
	case "bit":
		return q + "+0"
	case "enum": // its error value prints as a member '' does
		return "CONCAT(" + q + "+0,':'," + q + ")"
	case "float", "double":
		return q + "+0e0"
	}
	return q
}

// normal returns a value in the form that is compared.
func (c column) normal(b []byte) []byte {
	switch c.dataType {
	case "json":
		return normalJSON(b)
	case "float":
		f, err := strconv.ParseFloat(string(b), 64)
		if err == nil {
			return strconv.AppendFloat(nil, float64(float32(f)), 'g', -1, 32)
		}
	case "double":
		f, err := strconv.ParseFloat(string(b), 64)
		if err == nil {
			return strconv.AppendFloat(nil, f, 'g', -1, 64)
		}
	}
	return b
}

// normalJSON prints a document with sorted keys, and numbers that are the same
// number alike.
func normalJSON(b []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return b
	}
	out, err := json.Marshal(normalNumbers(v))
	if err != nil {
		return b
	}
	return out
}

func normalNumbers(v any) any {
	switch t := v.(type) {
	case map[string]any:
		for k := range t {
			t[k] = normalNumbers(t[k])
		}
	case []any:
		for i := range t {
			t[i] = normalNumbers(t[i])
		}
	case json.Number:
		if !strings.ContainsAny(string(t), ".eE") {
			return t
		}
		f, err := t.Float64()
		if err == nil && !math.IsInf(f, 0) {
			if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
				return json.Number(strconv.FormatInt(int64(f), 10))
			}
			return f
		}
	}
	return v
}

// side reads one side's rows and hands on each row's normal form.
func side(ctx context.Context, db *sql.DB, schema, table string, cols []column, fn func(row []byte)) (int, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SET SESSION time_zone='+00:00'"); err != nil {
		return 0, err
	}
	exprs := make([]string, len(cols))
	for i, c := range cols {
		exprs[i] = c.expression()
	}
	rows, err := conn.QueryContext(ctx, "SELECT "+strings.Join(exprs, ",")+" FROM "+quote(schema)+"."+quote(table))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	raw := make([]sql.RawBytes, len(cols))
	dest := make([]any, len(cols))
	for i := range raw {
		dest[i] = &raw[i]
	}
	n := 0
	var buf []byte
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return n, err
		}
		buf = buf[:0]
		for i, c := range cols {
			if raw[i] == nil {
				buf = append(buf, 0, 'N')
				continue
			}
			v := c.normal(raw[i])
			buf = append(buf, 0, 'V')
			buf = strconv.AppendInt(buf, int64(len(v)), 10)
			buf = append(append(buf, ':'), v...)
		}
		fn(buf)
		n++
	}
	return n, rows.Err()
}

type sum [32]byte

func one(ctx context.Context, source, target *sql.DB, t Table) (Result, error) {
	r := Result{Table: t}
	cols, err := columns(ctx, source, t.SourceSchema, t.SourceTable)
	if err != nil {
		return r, err
	}
	if len(cols) == 0 {
		return r, fmt.Errorf("no such table in the source")
	}
	count := map[sum]int{}
	total := uint64(0)
	r.SourceRows, err = side(ctx, source, t.SourceSchema, t.SourceTable, cols, func(row []byte) {
		h := sha256.Sum256(row)
		count[h]++
		total += binary.LittleEndian.Uint64(h[:])
	})
	if err != nil {
		return r, err
	}
	r.Checksum = fmt.Sprintf("%016x", total)
	r.TargetRows, err = side(ctx, target, t.TargetSchema, t.TargetTable, cols, func(row []byte) {
		h := sha256.Sum256(row)
		if count[h]--; count[h] == 0 {
			delete(count, h)
		} else if count[h] < 0 && len(r.Sample) < 5 {
			r.Sample = append(r.Sample, "target only: "+show(row))
		}
	})
	if err != nil {
		return r, err
	}
	for _, n := range count {
		if n < 0 {
			n = -n
		}
		r.Differences += n
	}
	if r.Differences > 0 {
		_, err = side(ctx, source, t.SourceSchema, t.SourceTable, cols, func(row []byte) {
			if h := sha256.Sum256(row); count[h] > 0 && len(r.Sample) < 10 {
				r.Sample = append(r.Sample, "source only: "+show(row))
			}
		})
		sort.Strings(r.Sample)
	}
	return r, err
}

func show(row []byte) string {
	s := strings.ReplaceAll(string(row), "\x00", " ")
	if len(s) > 600 {
		s = s[:600] + ".."
	}
	return s
}
