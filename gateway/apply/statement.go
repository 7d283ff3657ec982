package apply

import (
	"cmp"

	"sluice/replica"
)

// Bounds of one statement. TiDB's cost per row falls steeply up to some 200
// rows a statement and hardly after; packets stay far below
// max_allowed_packet except for a single huge row.
const (
	maxStatementRows  = 256
	maxStatementBytes = 1 << 20
	// minUpsertRows: below it, single UPDATE statements are written.
	minUpsertRows = 4
	// maxCaseRows: a row of an UPDATE .. CASE looks at half of the statement's.
	maxCaseRows = 50
)

// statement is one SQL text, or the parameters of a form, and the affected rows
// that it must report.
type statement struct {
	sql     []byte
	want    int64 // -1: any number is right
	binding *Binding
	op      replica.Op

	form       *form // nil: sql is text
	rows       [][]replica.Value
	verb, tail string
}

// statements writes the plan as SQL. The client flag FOUND_ROWS must be off.
// Full multi-row statements may be of f's forms; nil: all is text. They stand
// behind all others, which commutes: they insert rows, or update rows in place,
// after every DELETE. Those of keyless tables stand where they came.
func (p *batchPlan) statements(f *forms) []statement {
	w := writer{out: p.out[:0], text: &p.text, prepared: p.prepared[:0], several: cmp.Or(p.several, minUpsertRows)}
	if f != nil {
		f.next()
		w.forms = f
	}
	w.ordered(p.ordered)
	for _, t := range p.tables {
		w.deletes(t)
	}
	for _, t := range p.tables {
		w.updates(t)
	}
	for _, t := range p.tables {
		verb, want := "INSERT INTO ", int64(1)
		if t.upsert {
			verb, want = "REPLACE INTO ", -1
		}
		w.inserts(t.binding, verb, t.inserts, want)
	}
	p.out, p.prepared = append(w.out, w.prepared...), w.prepared
	return p.out
}

// writer collects statements.
type writer struct {
	out      []statement
	prepared []statement // of forms
	text     *sqlText
	forms    *forms // nil: all is text
	several  int    // from so many on updates go as one statement
}

func (w *writer) add(sql []byte, want int64, b *Binding, op replica.Op) {
	w.text.end(sql)
	w.out = append(w.out, statement{sql: sql, want: want, binding: b, op: op})
}

// appendInserts writes rows as multi-row statements that affect each rows.
func appendInserts(out []statement, f *forms, b *Binding, verb string, rows [][]replica.Value, each int64) []statement {
	w := writer{out: out, text: &sqlText{}}
	if f != nil {
		f.next()
		w.forms = f
	}
	w.inserts(b, verb, rows, each)
	return append(w.out, w.prepared...)
}

// ordered writes changes of keyless tables in their order: inserts that follow
// each other as one statement, everything else row by row.
func (w *writer) ordered(changes []change) {
	var rows [][]replica.Value
	for i := 0; i < len(changes); {
		c := &changes[i]
		if c.op != replica.Insert {
			w.exact(c)
			i++
			continue
		}
		rows = rows[:0]
		for ; i < len(changes) && changes[i].op == replica.Insert && changes[i].binding == c.binding; i++ {
			rows = append(rows, changes[i].after)
		}
		w.inserts(c.binding, "INSERT INTO ", rows, 1)
		if len(w.prepared) > 0 {
			w.out, w.prepared = append(w.out, w.prepared...), w.prepared[:0]
			rows = nil // the statements refer to it
		}
	}
}

// exact changes one row of a keyless table.
func (w *writer) exact(c *change) {
	b := c.binding
	if c.op == replica.Update && !sameImage(b, c.before, c.after) && b.unseen(c.before, c.after) {
		w.exactly(&change{binding: b, op: replica.Delete, before: c.before})
		w.inserts(b, "INSERT INTO ", [][]replica.Value{c.after}, 1)
		return
	}
	w.exactly(c)
}

// exactly changes or deletes one row that equals the before image in every
// byte; of several such rows it does not matter which.
func (w *writer) exactly(c *change) {
	b, sql := c.binding, w.text.begin()
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
	w.add(append(sql, " LIMIT 1"...), want, b, c.op)
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
			sql = appendLiteral(sql, &after[i])
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

func (w *writer) deletes(t *tablePlan) {
	b := t.binding
	for start := 0; start < len(t.deletes); {
		sql := append(append(append(w.text.begin(), "DELETE FROM "...), b.quoted...), " WHERE "...)
		n := 0
		if b.listed {
			sql = append(append(sql, b.keyList...), " IN ("...)
		}
		for ; start+n < len(t.deletes) && n < maxStatementRows && len(sql) < maxStatementBytes; n++ {
			row := t.deletes[start+n]
			if b.listed {
				if n > 0 {
					sql = append(sql, ',')
				}
				sql = b.appendKey(sql, row)
				continue
			}
			if n > 0 {
				sql = append(sql, " OR "...)
			}
			sql = append(b.appendKeyCondition(append(sql, '('), row), ')')
		}
		if b.listed {
			sql = append(sql, ')')
		}
		want := int64(n)
		if t.upsert {
			want = -1
		}
		w.add(sql, want, b, replica.Delete)
		start += n
	}
}

// appendKey appends the key's value: one literal, or several in parentheses.
func (b *Binding) appendKey(sql []byte, row []replica.Value) []byte {
	if len(b.key.Columns) == 1 {
		return appendLiteral(sql, &row[b.key.Columns[0]])
	}
	sql = append(sql, '(')
	for k, i := range b.key.Columns {
		if k > 0 {
			sql = append(sql, ',')
		}
		sql = appendLiteral(sql, &row[i])
	}
	return append(sql, ')')
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

// updates writes updates that keep every unique value. Several rows go as one
// upsert where the row's key is the only unique key: its count of two per row
// then proves that every row was there and changed. With other unique keys an
// upsert might hit another row; there UPDATE .. CASE changes several.
func (w *writer) updates(t *tablePlan) {
	b := t.binding
	list := t.updates
	if n := b.splitEnumZero(list); b.upserts && n >= w.several {
		rows := make([][]replica.Value, n)
		for i := range rows {
			rows[i] = list[i].after
		}
		w.multi(b, replica.Update, "INSERT INTO ", b.upsertTail, rows, 2)
		list = list[n:]
	}
	for len(list) > 0 {
		n, size := 0, 0
		for n < len(list) && n < maxCaseRows && size < maxStatementBytes {
			for i := range list[n].after {
				size += len(list[n].after[i].Bytes)
			}
			n++
		}
		if n < w.several || !w.cases(b, list[:n]) {
			for i := range list[:n] {
				u := &list[i]
				sql := append(append(append(w.text.begin(), "UPDATE "...), b.quoted...), " SET "...)
				sql = b.appendAssignments(sql, u.before, u.after)
				w.add(b.appendKeyCondition(append(sql, " WHERE "...), u.before), 1, b, replica.Update)
			}
		}
		list = list[n:]
	}
}

// cases writes several updates as one statement; false when that may not be.
func (w *writer) cases(b *Binding, list []rowUpdate) bool {
	if !b.cases {
		return false
	}
	var columns []int // into b.columns
	for k, i := range b.columns {
		changed := b.automatic(i)
		for u := 0; u < len(list) && !changed; u++ {
			changed = !list[u].before[i].Equal(list[u].after[i])
		}
		if !changed {
			continue
		}
		if !inCase(b.Source.Columns[i].Type) {
			return false
		}
		columns = append(columns, k)
	}
	sql := append(append(append(w.text.begin(), "UPDATE "...), b.quoted...), " SET "...)
	for n, k := range columns {
		if n > 0 {
			sql = append(sql, ',')
		}
		sql = append(append(append(append(sql, b.names[k]...), "=CASE "...), b.keyList...), ' ')
		for u := range list {
			sql = b.appendKey(append(sql, "WHEN "...), list[u].before)
			sql = appendLiteral(append(sql, " THEN "...), &list[u].after[b.columns[k]])
			sql = append(sql, ' ')
		}
		sql = append(sql, "END"...)
	}
	sql = append(append(append(sql, " WHERE "...), b.keyList...), " IN ("...)
	for u := range list {
		if u > 0 {
			sql = append(sql, ',')
		}
		sql = b.appendKey(sql, list[u].before)
	}
	w.add(append(sql, ')'), int64(len(list)), b, replica.Update)
	return true
}

// inCase says whether a column's literals keep their value when CASE brings
// them to one type: all digits of a column's DECIMALs have its scale, and what
// is written as text stays text. JSON, bytes and numbers that stand for bits or
// members do not.
func inCase(t replica.ColumnType) bool {
	switch t {
	case replica.TypeTinyInt, replica.TypeSmallInt, replica.TypeMediumInt, replica.TypeInt, replica.TypeBigInt, replica.TypeYear,
		replica.TypeDouble, replica.TypeFloat, replica.TypeDecimal, replica.TypeDate, replica.TypeTime, replica.TypeDateTime, replica.TypeTimestamp,
		replica.TypeChar, replica.TypeVarchar, replica.TypeText:
		return true
	}
	return false
}

// inserts writes rows as multi-row statements that affect each rows.
func (w *writer) inserts(b *Binding, verb string, rows [][]replica.Value, each int64) {
	w.multi(b, replica.Insert, verb, "", rows, each)
}

func (w *writer) multi(b *Binding, op replica.Op, verb, tail string, rows [][]replica.Value, each int64) {
	if w.forms != nil {
		rows = w.multiForms(b, op, verb, tail, rows, each)
	}
	for len(rows) > 0 {
		sql, n := b.appendMulti(w.text.begin(), verb, tail, rows[:min(len(rows), maxStatementRows)], maxStatementBytes)
		want := each * int64(n)
		if each < 0 {
			want = -1
		}
		w.add(sql, want, b, op)
		rows = rows[n:]
	}
}

// appendMulti appends a statement of rows, of which it leaves out those behind
// the given number of bytes; it returns how many are in.
func (b *Binding) appendMulti(sql []byte, verb, tail string, rows [][]replica.Value, bytes int) ([]byte, int) {
	sql = append(append(append(append(sql, verb...), b.quoted...), b.list...), " VALUES "...)
	n := 0
	for ; n < len(rows) && len(sql) < bytes; n++ {
		if n > 0 {
			sql = append(sql, ',')
		}
		sql = b.appendRow(sql, rows[n])
	}
	return append(sql, tail...), n
}

// upsertOf returns ON DUPLICATE KEY UPDATE of every column outside the key.
func upsertOf(b *Binding) string {
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

func (b *Binding) appendRow(sql []byte, row []replica.Value) []byte {
	sql = append(sql, '(')
	for k, i := range b.columns {
		if k > 0 {
			sql = append(sql, ',')
		}
		sql = appendLiteral(sql, &row[i])
	}
	return append(sql, ')')
}
