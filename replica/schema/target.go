package schema

import (
	"fmt"
	"strings"

	"sluice/internal/tidbsql"
	"sluice/replica"
	"sluice/ruleset"
)

// tidbParses returns true if TiDB's parser takes a statement.
func tidbParses(sql string) bool { return tidbsql.Accepts(sql) }

// TargetCreate translates a table version for TiDB: the statement that makes
// it under the target's name, and a note on everything that is not as at the
// source. A definition that TiDB cannot hold is a *replica.Error with CodeDDL.
func TargetCreate(t *replica.Table, targetSchema, targetTable string) (sql string, notes []string, err error) {
	d, err := parseDefinition(t.Create, Defaults{})
	if err != nil {
		return "", nil, ddlError(err, remedyStatement, "translate table %s", t)
	}
	x := newTranslator(d)
	sql, err = x.createTable(replica.QuoteTable(targetSchema, targetTable))
	if err != nil {
		return "", x.notes, ddlError(err, "leave the table out with REPLICATE_IGNORE_TABLE, or change it at the source", "translate table %s", t)
	}
	return sql, x.notes, nil
}

// TargetDDL translates one change for the target: the statements to execute in
// order, fully qualified and renamed by the rules, and notes on what was left
// out or done otherwise. There are no statements when nothing wanted changed.
// Statements that TiDB itself refuses are not foreseen: its error is the word.
func TargetDDL(c Change, rules *ruleset.Rules) (stmts []string, notes []string, err error) {
	switch c.Kind {
	case CreateDatabase, DropDatabase, AlterDatabase:
		stmts, notes = targetDatabase(c, rules)
		return stmts, notes, nil
	case Other:
		return nil, nil, nil
	}
	from := ruleset.TableName{Schema: c.Schema, Table: c.Table}
	wanted := rules.Wanted(c.Schema, c.Table)
	after := from
	if c.After != nil {
		after = ruleset.TableName{Schema: c.After.Schema, Table: c.After.Name}
	}
	if stays := rules.Wanted(after.Schema, after.Table); wanted != stays {
		if stays {
			return nil, nil, ddlError(nil, "RESET MIGRATION and start again, to copy "+after.String(),
				"table %s, which is not replicated, was renamed to %s, which is", from, after)
		}
		return nil, []string{fmt.Sprintf("%s was renamed to %s, which is not replicated: the target table stays as it is", from, after)}, nil
	}
	if !wanted {
		return nil, nil, nil
	}
	name := replica.QuoteTable(rules.Target(c.Schema, c.Table))
	switch c.Kind {
	case CreateTable:
		return targetCreated(c, rules, name)
	case DropTable:
		return []string{"DROP TABLE IF EXISTS " + name}, nil, nil
	case TruncateTable:
		return []string{"TRUNCATE TABLE " + name}, nil, nil
	case RenameTable:
		stmts, notes := targetRenamed(name, after, rules)
		return stmts, notes, nil
	}
	return targetAltered(c, rules, name)
}

func targetCreated(c Change, rules *ruleset.Rules, name string) (stmts, notes []string, err error) {
	if c.Before == c.After {
		return nil, []string{"the table exists already"}, nil
	}
	if c.replaced {
		stmts = append(stmts, "DROP TABLE IF EXISTS "+name)
	}
	s, t := rules.Target(c.Schema, c.Table)
	sql, notes, err := TargetCreate(c.After, s, t)
	if err != nil {
		return nil, notes, err
	}
	return append(stmts, sql), notes, nil
}

func targetRenamed(name string, after ruleset.TableName, rules *ruleset.Rules) (stmts, notes []string) {
	to := replica.QuoteTable(rules.Target(after.Schema, after.Table))
	if strings.EqualFold(name, to) {
		return nil, []string{"the target table keeps its name"}
	}
	return []string{"RENAME TABLE " + name + " TO " + to}, nil
}

func targetDatabase(c Change, rules *ruleset.Rules) (stmts, notes []string) {
	if !rules.WantedSchema(c.Schema) {
		return nil, nil
	}
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
		return stmts, notes
	}
	x := &translator{}
	charset, collation := x.text("schema "+target, c.Charset, c.Collation)
	verb := "ALTER DATABASE "
	if c.Kind == CreateDatabase {
		verb = "CREATE DATABASE IF NOT EXISTS "
	}
	stmts = append(stmts, verb+target+" DEFAULT CHARACTER SET "+charset+" COLLATE "+collation)
	return stmts, append(notes, x.notes...)
}
