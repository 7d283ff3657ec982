package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Table is a table's shape and what its rows are.
type Table struct {
	// Name is the table's name, without a schema.
	Name string
	// Columns are the column names, in the order of Define and Row.
	Columns []string
	// Define is what stands between the parentheses of CREATE TABLE.
	Define string
	// Row appends the values of row id (from 1 on) to dst: int64, float64,
	// string, []byte or nil. It draws from g alone.
	Row func(g *Gen, id int64, dst []any) []any
}

// Create returns the statement that makes the table in a schema.
func (t *Table) Create(schema string) string {
	return fmt.Sprintf("CREATE TABLE `%s`.`%s` (%s)", schema, t.Name, t.Define)
}

// Values returns the values of row id for a seed, in a slice of its own.
func (t *Table) Values(seed uint64, id int64) []any {
	return t.Row(NewGen(seed, uint64(id)), id, make([]any, 0, len(t.Columns)))
}

// Copies returns n tables of one shape, named with numbers from 1 on.
func Copies(t Table, n int) []Table {
	tables := make([]Table, n)
	for i := range tables {
		tables[i] = t
		tables[i].Name = fmt.Sprintf("%s%d", t.Name, i+1)
	}
	return tables
}

// EndTable marks the end of a load: it holds one row until the load's last
// statement truncates it. A replica may apply neighbouring transactions in any
// order, but never a DDL before what came earlier, so an empty table says that
// everything is applied.
const EndTable = "perf_end"

// Make makes a schema with empty tables, in place of one that is there, and
// the end table with its row. Tables are made one after the other: some 50 ms
// each on TiDB.
func Make(ctx context.Context, db *sql.DB, schema string, tables []Table) error {
	stmts := []string{
		"DROP DATABASE IF EXISTS `" + schema + "`",
		"CREATE DATABASE `" + schema + "` DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_bin",
		fmt.Sprintf("CREATE TABLE `%s`.`%s` (id INT PRIMARY KEY)", schema, EndTable),
		fmt.Sprintf("INSERT INTO `%s`.`%s` VALUES (1)", schema, EndTable),
	}
	for i := range tables {
		stmts = append(stmts, tables[i].Create(schema))
	}
	for _, s := range stmts {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("make schema %s: %.60s: %w", schema, s, err)
		}
	}
	return nil
}

// Ended tells whether the end of a load has been applied to a schema.
func Ended(ctx context.Context, db *sql.DB, schema string) (bool, error) {
	var n int
	// By its key: what is measured shares the machine with this look.
	err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT id FROM `%s`.`%s` WHERE id=1", schema, EndTable)).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the load's end: %w", err)
	}
	return false, nil
}

func (t *Table) columnList() string { return "`" + strings.Join(t.Columns, "`,`") + "`" }
