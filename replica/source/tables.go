package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"sluice/replica"
)

// TableInfo is one base table of the server.
type TableInfo struct {
	Schema, Name   string
	RowsEstimated  uint64
	BytesEstimated uint64
	// Create is the statement that SHOW CREATE TABLE prints, with generated
	// invisible primary keys and invisible columns.
	Create string
	// DefaultCharset and DefaultCollation are those of the table's schema.
	DefaultCharset, DefaultCollation string
}

// object names the table in findings.
func (t TableInfo) object() string { return t.Schema + "." + t.Name }

// createReaders is how many SHOW CREATE TABLE run at once: enough to hide the
// network's latency, too few to be felt.
const createReaders = 4

// systemSchemas are never replicated: they describe the server itself.
const systemSchemas = "'mysql','information_schema','performance_schema','sys'"

// Tables returns the base tables that wanted accepts (nil accepts all), in the
// order of schema and name. System schemas, views and sequences are left out.
// A table that is dropped meanwhile is left out too.
func (s *Source) Tables(ctx context.Context, wanted func(schema, table string) bool) ([]TableInfo, error) {
	tables, err := s.listTables(ctx, wanted)
	if err != nil {
		return nil, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(createReaders)
	for i := range tables {
		g.Go(func() (err error) {
			defer replica.Recover(&err)
			create, err := s.ShowCreate(gctx, tables[i].Schema, tables[i].Name)
			if isNoTable(err) {
				return nil // its Create stays empty
			}
			tables[i].Create = create
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	kept := tables[:0]
	for _, t := range tables {
		if t.Create != "" {
			kept = append(kept, t)
		}
	}
	return kept, nil
}

// mostTables bounds what is kept of a source's answer: a list without end must not fill the memory.
const mostTables = 500_000

// listTables is Tables without the definitions.
func (s *Source) listTables(ctx context.Context, wanted func(schema, table string) bool) ([]TableInfo, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT t.TABLE_SCHEMA, t.TABLE_NAME, COALESCE(t.TABLE_ROWS, 0),
		COALESCE(t.DATA_LENGTH, 0), s.DEFAULT_CHARACTER_SET_NAME, s.DEFAULT_COLLATION_NAME
		FROM information_schema.TABLES t JOIN information_schema.SCHEMATA s ON s.SCHEMA_NAME = t.TABLE_SCHEMA
		WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND LOWER(t.TABLE_SCHEMA) NOT IN (`+systemSchemas+`)
		ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME`)
	if err != nil {
		return nil, Classify(fmt.Errorf("list tables: %w", err))
	}
	defer rows.Close()
	var tables []TableInfo
	for rows.Next() {
		var t TableInfo
		if err := rows.Scan(&t.Schema, &t.Name, &t.RowsEstimated, &t.BytesEstimated,
			&t.DefaultCharset, &t.DefaultCollation); err != nil {
			return nil, Classify(fmt.Errorf("list tables: %w", err))
		}
		if wanted == nil || wanted(t.Schema, t.Name) {
			tables = append(tables, t)
		}
		if len(tables) > mostTables {
			return nil, &replica.Error{Code: 61225, Class: "SOURCE", Message: fmt.Sprintf("the source lists more than %d tables of this migration", mostTables),
				Remedy: "replicate fewer tables in one migration: REPLICATE_DO_DB, REPLICATE_DO_TABLE"}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, Classify(fmt.Errorf("list tables: %w", err))
	}
	return tables, nil
}

// ShowCreate returns the statement that makes the table. It needs the right
// SELECT on it.
func (s *Source) ShowCreate(ctx context.Context, schema, table string) (string, error) {
	var err error
	for range deadlockTries {
		var create string
		if create, err = s.showCreate(ctx, schema, table); err == nil {
			return create, nil
		}
		var me *mysql.MySQLError
		if !errors.As(err, &me) || me.Number != 1213 {
			break
		}
	}
	return "", Classify(fmt.Errorf("read the definition of %s.%s: %w", schema, table, err))
}

// deadlockTries is how often a definition is read that MySQL does not give because of a deadlock of its metadata locks, as
// with a DROP DATABASE beside it.
const deadlockTries = 5

func (s *Source) showCreate(ctx context.Context, schema, table string) (string, error) {
	rows, err := s.db.QueryContext(ctx, "SHOW CREATE TABLE "+replica.QuoteTable(schema, table))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	if len(columns) != 2 || !rows.Next() {
		if err := rows.Err(); err != nil {
			return "", err
		}
		return "", errNotBase // a view has four columns
	}
	var name, create string
	if err := rows.Scan(&name, &create); err != nil {
		return "", err
	}
	return create, rows.Close() // reads the end of the answer, where an error can be
}

// errNotBase is the cause when a definition is asked of what is no base table.
var errNotBase = errors.New("not a base table")

// SchemaInfo is a schema of the source.
type SchemaInfo struct {
	Name                             string
	DefaultCharset, DefaultCollation string
}

// Schemas returns the source's schemas without the system's, ordered by name.
func (s *Source) Schemas(ctx context.Context) ([]SchemaInfo, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME
		FROM information_schema.SCHEMATA WHERE LOWER(SCHEMA_NAME) NOT IN (`+systemSchemas+`) ORDER BY SCHEMA_NAME`)
	if err != nil {
		return nil, Classify(fmt.Errorf("list schemas: %w", err))
	}
	defer rows.Close()
	var schemas []SchemaInfo
	for rows.Next() {
		var x SchemaInfo
		if err := rows.Scan(&x.Name, &x.DefaultCharset, &x.DefaultCollation); err != nil {
			return nil, Classify(fmt.Errorf("list schemas: %w", err))
		}
		schemas = append(schemas, x)
	}
	if err := rows.Err(); err != nil {
		return nil, Classify(fmt.Errorf("list schemas: %w", err))
	}
	return schemas, nil
}

// isNoTable says whether err is MySQL's "table doesn't exist" or "unknown
// database".
func isNoTable(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == 1146 || e.Number == 1049)
}
