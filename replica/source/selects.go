package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/grants"
)

// Scope is a part of the source that a channel wants: a table, a schema (Table is ""),
// or schemas that no rule names (Schema is "").
type Scope struct{ Schema, Table string }

// selects is what the account may read, by its grants. A server lists only tables that
// the account has rights on, so that tables without them are not seen to be missing.
type selects struct {
	list    grants.List
	unknown string // why the grants could not be read
	account string // for a GRANT
	fold    bool   // names are compared without case
}

// errSkipGrants is what a server without accounts (skip-grant-tables) answers.
const errSkipGrants = 1290

// readSelects reads the grants of the session: those of the account, of its active roles
// and, on MariaDB, of PUBLIC.
func (c *checker) readSelects(ctx context.Context) error {
	c.may = selects{account: c.account(ctx), fold: c.facts.LowerCaseTableNames != 0}
	rows, err := c.src.db.QueryContext(ctx, "SHOW GRANTS")
	var e *mysql.MySQLError
	if errors.As(err, &e) && e.Number == errSkipGrants || isDenied(err) {
		c.may.unknown = err.Error()
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the grants of the source's account: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if g, ok := grants.Parse(line); ok {
			c.may.list = append(c.may.list, g)
		}
	}
	return rows.Err()
}

// schemas returns the patterns of the schemas that the account may read as a whole;
// revoked are those that are excluded again.
func (m *selects) schemas(revoked bool) (out []string) {
	for _, g := range m.list {
		if g.Revoked == revoked && g.Table == "*" && (g.Rights["SELECT"] || g.Rights["ALL PRIVILEGES"]) {
			out = append(out, g.Schema)
		}
	}
	return out
}

// everywhere reports whether the account may read all schemas, but for those that
// belong to the server.
func (m *selects) everywhere() bool {
	for _, s := range m.schemas(true) {
		if !strings.Contains(systemSchemas, "'"+strings.ToLower(s)+"'") {
			return false
		}
	}
	all := m.schemas(false)
	return slices.Contains(all, "*") || slices.Contains(all, "%")
}

// unseen finds what the channel wants and the account may not see as a whole.
func (v *Survey) unseen(need Need) []Finding {
	var out []Finding
	add := func(severity Severity, object, finding, on string) {
		out = append(out, Finding{ID: "source.right_select", Severity: severity, Object: object, Finding: finding,
			Remedy: "grant SELECT; the statement may be repeated after that", RemedySQL: "GRANT SELECT ON " + on + " TO " + v.may.account})
	}
	if v.may.unknown != "" && len(need.Reads) > 0 {
		add(Warning, v.name, "whether the account sees all tables cannot be told: "+v.may.unknown, "*.*")
		return out
	}
	missing := map[string]bool{}
	schema := func(name string) {
		if missing[name] || v.may.list.Has(name, "*", "SELECT", v.may.fold) {
			return
		}
		missing[name] = true
		add(Error, name, "the account does not have SELECT on the whole schema: tables that it has no right on are hidden from it, and would be left out",
			grants.Pattern(name)+".*")
	}
	for _, s := range need.Reads {
		switch {
		case s.Schema != "" && s.Table == "":
			schema(s.Schema)
		case s.Schema != "":
			if !v.may.list.Has(s.Schema, s.Table, "SELECT", v.may.fold) {
				add(Error, s.Schema+"."+s.Table, "the account does not have SELECT on the table: it would be left out, were it hidden from the account",
					replica.QuoteTable(s.Schema, s.Table))
			}
		case v.may.everywhere():
		case len(v.may.schemas(false)) == 0:
			add(Error, v.name, "the account does not have SELECT on any schema as a whole: schemas and tables that it has no right on are hidden from it", "*.*")
		default:
			for _, t := range v.tables {
				if need.Wanted == nil || need.Wanted(t.Schema, t.Name) {
					schema(t.Schema)
				}
			}
			add(Warning, v.name, "the rules name no schemas, and the account has SELECT on some schemas only: others are hidden from it, and are left out", "*.*")
		}
	}
	return out
}
