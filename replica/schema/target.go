package schema

import (
	"strings"

	"sluice/internal/tidbsql"
	"sluice/replica"
	"sluice/ruleset"
)

// tidbParses returns true if TiDB's parser takes a statement.
func tidbParses(sql string) bool { return tidbsql.Accepts(sql) }

// Create translates a table version for TiDB: the statement that makes
// it under the target's name, and a note on everything that is not as at the
// source. A definition that TiDB cannot hold is a *replica.Error with CodeDDL.
func (o Target) Create(t *replica.Table, targetSchema, targetTable string) (sql string, notes []string, err error) {
	d, err := parseDefinition(t.Create, Defaults{})
	if err != nil {
		return "", nil, ddlError(err, remedyStatement, "translate table %s", t)
	}
	x := o.translator(d)
	sql, err = x.createTable(replica.QuoteTable(targetSchema, targetTable))
	if err != nil {
		return "", x.notes, ddlError(err, "leave the table out with REPLICATE_IGNORE_TABLE, or change it at the source", "translate table %s", t)
	}
	return sql, x.notes, nil
}

// DDL translates one change for the target. The statements are fully
// qualified and renamed by the rules. Statements that TiDB itself refuses are not
// foreseen. An error is a *replica.Error with CodeDDL: the change cannot be made
// in the target by a statement of Sluice's.
func (o Target) DDL(c Change, rules *ruleset.Rules) (Translation, error) {
	switch c.Kind {
	case CreateDatabase, DropDatabase, AlterDatabase:
		return targetDatabase(c, rules), nil
	case Other:
		return Translation{}, nil
	}
	from := ruleset.TableName{Schema: c.Schema, Table: c.Table}
	wanted := rules.Wanted(c.Schema, c.Table)
	after := from
	if c.After != nil {
		after = ruleset.TableName{Schema: c.After.Schema, Table: c.After.Name}
	}
	if stays := rules.Wanted(after.Schema, after.Table); wanted != stays {
		if stays {
			return Translation{Conditions: []Condition{never(ddlError(nil, "STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, "+
				"and START MIGRATION, which copies them again, with "+after.String(),
				"table %s, which is not replicated, was renamed to %s, which is: its rows are not in the target", from, after))}}, nil
		}
		return o.left(from, after, rules), nil
	}
	if !wanted {
		return Translation{}, nil
	}
	if c.lost != "" {
		return Translation{Conditions: []Condition{lostRows(from.String(), c.lost)}}, nil
	}
	name := replica.QuoteTable(rules.Target(c.Schema, c.Table))
	switch c.Kind {
	case CreateTable:
		return o.created(c, rules, name)
	case DropTable:
		return Translation{Statements: []string{"DROP TABLE IF EXISTS " + name}}, nil
	case TruncateTable:
		return Translation{Statements: []string{"TRUNCATE TABLE " + name}}, nil
	case RenameTable:
		return targetRenamed(name, after, rules), nil
	}
	return o.altered(c, rules, name)
}

func (o Target) created(c Change, rules *ruleset.Rules, name string) (Translation, error) {
	var t Translation
	if c.Before == c.After {
		t.Notes = []string{"the table exists already"}
		return t, nil
	}
	if c.replaced {
		t.Statements = append(t.Statements, "DROP TABLE IF EXISTS "+name)
	}
	schemaName, table := rules.Target(c.Schema, c.Table)
	sql, notes, err := o.Create(c.After, schemaName, table)
	t.Notes = notes
	if err != nil {
		return t, err
	}
	d, err := parseDefinition(c.After.Create, Defaults{})
	if err != nil {
		return t, ddlError(err, remedyStatement, "translate table %s", c.After)
	}
	t.Conditions = append(d.lostByCreate(c.After), cascading(c.session, c.After, d.foreign)...)
	t.Statements = append(t.Statements, sql)
	t.Session, err = c.targetSession(false)
	return t, err
}

func targetRenamed(name string, after ruleset.TableName, rules *ruleset.Rules) Translation {
	to := replica.QuoteTable(rules.Target(after.Schema, after.Table))
	if strings.EqualFold(name, to) {
		return Translation{Notes: []string{"the target table keeps its name"}}
	}
	return Translation{Statements: []string{"RENAME TABLE " + name + " TO " + to}}
}

func targetDatabase(c Change, rules *ruleset.Rules) Translation {
	if !rules.WantedSchema(c.Schema) {
		return Translation{}
	}
	var stmts, notes []string
	target := replica.Quote(rules.TargetSchema(c.Schema))
	if c.Kind == DropDatabase || len(c.Dropped) > 0 {
		if rules.Whole(c.Schema) {
			stmts = append(stmts, "DROP DATABASE IF EXISTS "+target)
		} else {
			for _, t := range c.Dropped {
				if rules.Wanted(t.Schema, t.Name) {
					stmts = append(stmts, "DROP TABLE IF EXISTS "+replica.QuoteTable(rules.Target(t.Schema, t.Name)))
				}
			}
			notes = append(notes, "schema "+target+" stays: it may hold other tables")
		}
	}
	if c.Kind == DropDatabase {
		return Translation{Statements: stmts, Notes: notes}
	}
	x := &translator{}
	charset, collation := x.text("schema "+target, c.Charset, c.Collation)
	verb := "ALTER DATABASE "
	if c.Kind == CreateDatabase {
		verb = "CREATE DATABASE IF NOT EXISTS "
	}
	stmts = append(stmts, verb+target+" DEFAULT CHARACTER SET "+charset+" COLLATE "+collation)
	return Translation{Statements: stmts, Notes: append(notes, x.notes...)}
}
