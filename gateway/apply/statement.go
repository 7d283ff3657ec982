package apply

import "sluice/replica"

// Bounds of one statement. TiDB's cost per row falls steeply up to some 200
// rows a statement and hardly after; packets stay far below
// max_allowed_packet except for a single huge row.
const (
	maxStatementRows  = 256
	maxStatementBytes = 1 << 20
	// minUpsertRows: below it, single UPDATE statements are written.
	minUpsertRows = 4
)

// statement is one SQL text and the affected rows that it must report.
type statement struct {
	sql     []byte
	want    int64 // -1: any number is right
	binding *Binding
	op      replica.Op
}

// statements writes the plan as SQL. The client flag FOUND_ROWS must be off.
func (p *batchPlan) statements() []statement {
	var out []statement
	out = appendOrdered(out, p.ordered)
	for _, t := range p.tables {
		out = t.appendDeletes(out)
	}
	for _, t := range p.tables {
		out = t.appendUpdates(out)
	}
	for _, t := range p.tables {
		verb, want := "INSERT INTO ", int64(1)
		if t.upsert {
			verb, want = "REPLACE INTO ", -1
		}
		out = appendInserts(out, t.binding, verb, t.inserts, want)
	}
	return out
}

// appendOrdered writes changes of keyless tables in their order: inserts that
// follow each other as one statement, everything else row by row.
func appendOrdered(out []statement, changes []change) []statement {
	for i := 0; i < len(changes); {
		c := &changes[i]
		if c.op != replica.Insert {
			out = append(out, c.binding.exactStatements(c)...)
			i++
			continue
		}
		var rows [][]replica.Value
		for ; i < len(changes) && changes[i].op == replica.Insert && changes[i].binding == c.binding; i++ {
			rows = append(rows, changes[i].after)
		}
		out = appendInserts(out, c.binding, "INSERT INTO ", rows, 1)
	}
	return out
}

// exactStatements changes one row of a keyless table.
func (b *Binding) exactStatements(c *change) []statement {
	if c.op == replica.Update && !sameImage(b, c.before, c.after) && b.unseen(c.before, c.after) {
		del := change{binding: b, op: replica.Delete, before: c.before}
		return appendInserts([]statement{b.exactStatement(&del)}, b, "INSERT INTO ", [][]replica.Value{c.after}, 1)
	}
	return []statement{b.exactStatement(c)}
}

// exactStatement changes or deletes one row that equals the before image in
// every byte; of several such rows it does not matter which.
func (b *Binding) exactStatement(c *change) statement {
	var sql []byte
	want := int64(1)
	if c.op == replica.Delete {
		sql = append(append(sql, "DELETE FROM "...), b.quoted...)
	} else {
		sql = append(append(append(sql, "UPDATE "...), b.quoted...), " SET "...)
		sql = b.appendAssignments(sql, c.before, c.after)
		switch {
		case b.identical(c.before, c.after):
			want = 0
		case sameImage(b, c.before, c.after):
			want = -1 // targets differ
		}
	}
	sql = append(sql, " WHERE "...)
	for n, i := range b.columns {
		if n > 0 {
			sql = append(sql, " AND "...)
		}
		sql = appendMatch(sql, b.names[n], b.Source.Columns[i].Type, c.before[i])
	}
	sql = append(sql, " LIMIT 1"...)
	return statement{sql, want, b, c.op}
}

// appendAssignments writes the columns that differ; all of them when none does.
// Dates with a time are always written: the target would set one that is ON
// UPDATE CURRENT_TIMESTAMP by itself where the source did not change it.
func (b *Binding) appendAssignments(sql []byte, before, after []replica.Value) []byte {
	n := 0
	for pass := 0; pass < 2 && n == 0; pass++ {
		for k, i := range b.columns {
			if pass == 0 && before[i].Equal(after[i]) && !b.automatic(i) {
				continue
			}
			if n > 0 {
				sql = append(sql, ',')
			}
			sql = append(append(sql, b.names[k]...), '=')
			sql = appendLiteral(sql, after[i])
			n++
		}
	}
	return sql
}

// identical says whether two images are the same in every byte.
func (b *Binding) identical(x, y []replica.Value) bool {
	for _, i := range b.columns {
		if !x[i].Equal(y[i]) {
			return false
		}
	}
	return true
}

// automatic says whether the target may set the column by itself.
func (b *Binding) automatic(column int) bool {
	t := b.Source.Columns[column].Type
	return t == replica.TypeTimestamp || t == replica.TypeDateTime
}

func (t *tablePlan) appendDeletes(out []statement) []statement {
	b := t.binding
	for start := 0; start < len(t.deletes); {
		sql := append(append([]byte("DELETE FROM "), b.quoted...), " WHERE "...)
		n := 0
		single := len(b.keyCols) == 1 && b.Source.Columns[b.key.Columns[0]].Type != replica.TypeFloat &&
			b.Source.Columns[b.key.Columns[0]].Type != replica.TypeEnum && b.Source.Columns[b.key.Columns[0]].Type != replica.TypeSet
		if single {
			sql = append(append(sql, b.keyCols[0]...), " IN ("...)
		}
		for ; start+n < len(t.deletes) && n < maxStatementRows && len(sql) < maxStatementBytes; n++ {
			row := t.deletes[start+n]
			if single {
				if n > 0 {
					sql = append(sql, ',')
				}
				sql = appendLiteral(sql, row[b.key.Columns[0]])
				continue
			}
			if n > 0 {
				sql = append(sql, " OR "...)
			}
			sql = append(b.appendKeyCondition(append(sql, '('), row), ')')
		}
		if single {
			sql = append(sql, ')')
		}
		want := int64(n)
		if t.upsert {
			want = -1
		}
		out = append(out, statement{sql, want, b, replica.Delete})
		start += n
	}
	return out
}

func (b *Binding) appendKeyCondition(sql []byte, row []replica.Value) []byte {
	for k, i := range b.key.Columns {
		if k > 0 {
			sql = append(sql, " AND "...)
		}
		sql = appendKeyMatch(sql, b.keyCols[k], row[i])
	}
	return sql
}

// appendUpdates writes updates that keep every unique value. Several rows go
// as one upsert where the row's key is the only unique key: its count of two
// per row then proves that every row was there and changed.
func (t *tablePlan) appendUpdates(out []statement) []statement {
	b := t.binding
	if b.upserts && len(t.updates) >= minUpsertRows {
		rows := make([][]replica.Value, len(t.updates))
		for i := range t.updates {
			rows[i] = t.updates[i].after
		}
		first := len(out)
		out = appendInserts(out, b, "INSERT INTO ", rows, 2)
		tail := b.upsertTail()
		for i := first; i < len(out); i++ {
			out[i].sql = append(out[i].sql, tail...)
			out[i].op = replica.Update
		}
		return out
	}
	for i := range t.updates {
		u := &t.updates[i]
		sql := append(append([]byte("UPDATE "), b.quoted...), " SET "...)
		sql = b.appendAssignments(sql, u.before, u.after)
		sql = b.appendKeyCondition(append(sql, " WHERE "...), u.before)
		out = append(out, statement{sql, 1, b, replica.Update})
	}
	return out
}

// upsertTail returns ON DUPLICATE KEY UPDATE of every column outside the key.
func (b *Binding) upsertTail() string {
	inKey := map[int]bool{}
	for _, i := range b.key.Columns {
		inKey[i] = true
	}
	tail := []byte(" ON DUPLICATE KEY UPDATE ")
	n := 0
	for k, i := range b.columns {
		if inKey[i] {
			continue
		}
		if n > 0 {
			tail = append(tail, ',')
		}
		tail = append(append(append(append(tail, b.names[k]...), "=VALUES("...), b.names[k]...), ')')
		n++
	}
	return string(tail)
}

// appendInserts writes rows as multi-row statements that affect each rows.
func appendInserts(out []statement, b *Binding, verb string, rows [][]replica.Value, each int64) []statement {
	for start := 0; start < len(rows); {
		sql := make([]byte, 0, 16<<10)
		sql = append(append(append(append(sql, verb...), b.quoted...), b.list...), " VALUES "...)
		n := 0
		for ; start+n < len(rows) && n < maxStatementRows && len(sql) < maxStatementBytes; n++ {
			if n > 0 {
				sql = append(sql, ',')
			}
			sql = b.appendRow(sql, rows[start+n])
		}
		want := each * int64(n)
		if each < 0 {
			want = -1
		}
		out = append(out, statement{sql, want, b, replica.Insert})
		start += n
	}
	return out
}

func (b *Binding) appendRow(sql []byte, row []replica.Value) []byte {
	sql = append(sql, '(')
	for k, i := range b.columns {
		if k > 0 {
			sql = append(sql, ',')
		}
		sql = appendLiteral(sql, row[i])
	}
	return append(sql, ')')
}
