package schema

import "sluice/replica"

// partitionAction translates an action on partitions.
func (x *alterTranslator) partitionAction(a *action) error {
	had := (&translator{d: x.before.d}).partition(x.before.d.partition) != ""
	if a.kind == partitionBy {
		switch p := x.after.partition(x.after.d.partition); {
		case p != "":
			x.alone(p)
		case had:
			x.alone("REMOVE PARTITIONING")
		}
		return nil
	}
	if !had {
		x.unpartitioned(a)
		return nil
	}
	switch a.kind {
	case removePartitioning:
		x.alone("REMOVE PARTITIONING")
	case dropPartition:
		var names []string
		for _, n := range a.names {
			if x.before.d.partition.find(n) >= 0 {
				names = append(names, n)
			}
		}
		if len(names) > 0 {
			x.alone("DROP PARTITION " + listSQL(names))
		}
	case addPartition:
		p := &partitioning{header: "ADD PARTITION"}
		for _, part := range a.part.parts {
			if !a.ifNotExists || x.before.d.partition.find(part.name) < 0 {
				p.parts = append(p.parts, partitionDef{part.name, partitionText(part.text)})
			}
		}
		if len(p.parts) > 0 {
			x.alone(p.sql())
		}
	case reorganizePartition:
		p := &partitioning{header: "REORGANIZE PARTITION " + listSQL(a.names) + " INTO"}
		for _, part := range a.part.parts {
			p.parts = append(p.parts, partitionDef{part.name, partitionText(part.text)})
		}
		x.alone(p.sql())
	case partitionOther:
		if a.name[1] == "" {
			x.alone(a.value)
			return nil
		}
		if !x.rules.Wanted(a.name[0], a.name[1]) {
			x.conditions = append(x.conditions, lostRows(x.c.Before.String(), "EXCHANGE PARTITION with a table that is not replicated"))
			return nil
		}
		to := replica.QuoteTable(x.rules.Target(a.name[0], a.name[1]))
		x.conditions = append(x.conditions, x.grown(x.rules.Target(x.c.Schema, x.c.Table)), x.grown(x.rules.Target(a.name[0], a.name[1])))
		x.alone("EXCHANGE PARTITION " + replica.Quote(a.old) + " WITH TABLE " + to)
	}
	return nil
}

// grown returns the condition that no column was added to a table of the target. TiDB exchanges rows as they lie, and the
// value of an added column's default is in its table's definition, not in the rows that were there.
func (x *alterTranslator) grown(schemaName, table string) Condition {
	name := "j.db_name=" + quoteString(schemaName) + " AND j.table_name=" + quoteString(table)
	return Condition{Values: true,
		Query: "SELECT 1 FROM information_schema.ddl_jobs j WHERE (" + name + " OR j.table_id=(SELECT t.tidb_table_id FROM information_schema.tables t WHERE t.table_schema=" +
			quoteString(schemaName) + " AND t.table_name=" + quoteString(table) + ")) AND j.job_type LIKE 'add column%' AND j.state IN ('synced', 'done') LIMIT 1",
		Failed: ddlError(nil, remedyLost, "table %s: TiDB exchanges rows without the values that added columns have by their defaults, and a column was added to %s.%s", x.c.Before, schemaName, table)}
}

// unpartitioned handles an action on the partitions of a table that has none
// at the target: some change rows, and the target does not know which.
func (x *alterTranslator) unpartitioned(a *action) {
	what := ""
	switch {
	case a.kind == partitionOther && a.value == "TRUNCATE PARTITION ALL":
		x.items = append(x.items, targetItem{sql: "TRUNCATE TABLE " + x.name, whole: true})
		return
	case a.kind == dropPartition:
		what = "DROP PARTITION"
	case a.kind == partitionOther && a.name[1] != "":
		what = "EXCHANGE PARTITION"
	case a.kind == partitionOther && len(a.names) > 0:
		what = "TRUNCATE PARTITION"
	default:
		x.note("the target table has no partitions: nothing to do")
		return
	}
	x.conditions = append(x.conditions, lostRows(x.c.Before.String(), what+" of a table that has no partitions in the target"))
}

func listSQL(names []string) string {
	s := ""
	for i, n := range names {
		if i > 0 {
			s += ","
		}
		s += replica.Quote(n)
	}
	return s
}
