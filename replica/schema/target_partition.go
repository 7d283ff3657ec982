package schema

import (
	"errors"

	"sluice/replica"
)

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
		return x.unpartitioned(a)
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
			return errors.New("EXCHANGE PARTITION with a table that is not replicated moves rows out of sight")
		}
		x.alone("EXCHANGE PARTITION " + replica.Quote(a.old) + " WITH TABLE " + replica.QuoteTable(x.rules.Target(a.name[0], a.name[1])))
	}
	return nil
}

// unpartitioned handles an action on the partitions of a table that has none
// at the target: some would change rows.
func (x *alterTranslator) unpartitioned(a *action) error {
	switch {
	case a.kind == dropPartition:
		return errors.New("DROP PARTITION removes rows, and the target table has no partitions")
	case a.kind == partitionOther && (a.name[1] != "" || len(a.names) > 0 || a.value == "TRUNCATE PARTITION ALL"):
		return errors.New("the statement changes the rows of partitions, and the target table has none")
	}
	x.note("the target table has no partitions: nothing to do")
	return nil
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
