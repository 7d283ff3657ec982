package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

func migrationOf(r record) (*Migration, error) {
	m := &Migration{Name: r.name, Meta: r.meta}
	return m, decode(migrationKind, r, &m.Spec)
}

// readRest reads what other definitions do not have.
func (m *Migration) readRest(ctx context.Context, q querier) error {
	err := q.QueryRowContext(ctx, `SELECT id, desired FROM sluice_meta.migrations WHERE name = ?`, m.Name).Scan(&m.ID, &m.Desired)
	if errors.Is(err, sql.ErrNoRows) { // dropped or renamed since it was read
		return unknown(migrationKind, m.Name, nil)
	}
	if err != nil {
		return fmt.Errorf("read migration %s: %w", m.Name, err)
	}
	return nil
}

// Migration reads a migration by its name.
func (c *Catalog) Migration(ctx context.Context, name string) (*Migration, error) {
	r, err := one(ctx, c.db, migrationKind, name, "")
	if err != nil {
		return nil, err
	}
	m, err := migrationOf(r)
	if err != nil {
		return nil, err
	}
	return m, m.readRest(ctx, c.db)
}

// MigrationByID reads a migration by its ID: CodeUnknown once it was dropped.
func (c *Catalog) MigrationByID(ctx context.Context, id string) (*Migration, error) {
	var name string
	err := c.db.QueryRowContext(ctx, `SELECT name FROM sluice_meta.migrations WHERE id = ?`, id).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknown(migrationKind, id, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("read migration: %w", err)
	}
	m, err := c.Migration(ctx, name)
	if err == nil && m.ID != id { // dropped, and another one made under its name
		return nil, unknown(migrationKind, name, nil)
	}
	return m, err
}

// Migrations lists all migrations by name.
func (c *Catalog) Migrations(ctx context.Context) ([]*Migration, error) {
	migrations, err := all(ctx, c.db, migrationKind, migrationOf)
	if err != nil {
		return nil, err
	}
	rows, err := c.db.QueryContext(ctx, `SELECT name, id, desired FROM sluice_meta.migrations`)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	defer rows.Close()
	type rest struct{ id, desired string }
	byName := map[string]rest{}
	for rows.Next() {
		var (
			name string
			r    rest
		)
		if err := rows.Scan(&name, &r.id, &r.desired); err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		byName[name] = r
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	for _, m := range migrations {
		m.ID, m.Desired = byName[m.Name].id, byName[m.Name].desired
	}
	return slices.DeleteFunc(migrations, func(m *Migration) bool { return m.ID == "" }), nil
}
