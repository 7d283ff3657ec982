package apply

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// Definition is a source table's definition from a position on; an empty
// Create says that there is no such table any more.
// Table is "" for a schema, whose Create is "charset collation". Object is true
// for a view or sequence, whose Create is its kind: the target has none of these.
type Definition struct {
	Object                    bool
	Schema, Table             string
	Create                    string
	TargetSchema, TargetTable string
}

// HistoryStatements record a definition, and that the channel writes its target
// table. The statement for a table that another channel writes fails with error
// 1048, which SharedTable recognises: nothing of the commit is then done.
func HistoryStatements(channel, position string, d Definition) []Statement {
	values := "(" + Literal(channel) + "," + Literal(d.Schema) + "," + Literal(d.Table) + "," + Literal(position) + "," + Literal(d.Create) + "," +
		Literal(d.TargetSchema) + "," + Literal(d.TargetTable) + ")"
	out := []Statement{{SQL: "REPLACE INTO " + MetaSchema + ".schema_history VALUES " + values, Want: -1}}
	if d.Table == "" || d.Object {
		return out
	}
	return append(out, OwnTable(channel, d))
}

// OwnTable records that the channel writes the definition's target table, or,
// where Create is "", that it does so no more. See HistoryStatements.
func OwnTable(channel string, d Definition) Statement {
	ts, tt := Literal(strings.ToLower(d.TargetSchema)), Literal(strings.ToLower(d.TargetTable))
	if d.Create == "" {
		return Statement{SQL: "DELETE FROM " + MetaSchema + ".target_tables WHERE target_schema=" + ts +
			" AND target_table=" + tt + " AND channel=" + Literal(channel), Want: -1}
	}
	return Statement{SQL: "INSERT INTO " + MetaSchema + ".target_tables VALUES (" + ts + "," + tt + "," + Literal(channel) +
		") ON DUPLICATE KEY UPDATE channel=IF(channel=VALUES(channel),channel,NULL)", Want: -1}
}

// SharedTable returns the error for a commit of HistoryStatements that failed
// because another channel writes one of the tables; nil for other errors.
func SharedTable(err error) error {
	var me *mysql.MySQLError
	if !errors.As(err, &me) || me.Number != 1048 {
		return nil
	}
	return &replica.Error{Code: 61097, Class: "CONFIG", Message: "another channel writes one of the target's tables already",
		Remedy: "CHECK MIGRATION names the table; route one of the two elsewhere, or drop the other migration"}
}
