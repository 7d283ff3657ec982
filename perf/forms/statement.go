package forms

import (
	"database/sql/driver"
	"strconv"
	"strings"
)

// change is what a form does to rows.
type change int

const (
	inserting change = iota
	updating         // the rows exist; c changes
	deleting
)

// statement is a form of SQL that changes the rows from..to-1.
type statement struct {
	change change
	// each is the affected rows that one row counts.
	each int64
	// two says that it is for the table with a key of two columns.
	two bool
	// text writes the statement.
	text func(b []byte, s *rowSource, from, to int64, version int) []byte
	// prepared writes it with placeholders for so many rows, and args their
	// values. Both are nil for a form that is sent as text.
	prepared func(rows int) string
	args     func(a []driver.NamedValue, s *rowSource, from, to int64, version int) []driver.NamedValue
}

func (s *statement) table() string {
	if s.two {
		return "t2"
	}
	return "t"
}

// multi is a multi-row statement of whole rows.
func multi(c change, verb, tail string, each int64) statement {
	return statement{change: c, each: each, text: func(b []byte, s *rowSource, from, to int64, version int) []byte {
		b = append(append(b, verb...), " t (id,k,c,pad) VALUES "...)
		for id := from; id < to; id++ {
			if id > from {
				b = append(b, ',')
			}
			b = s.appendRow(b, false, id, version)
		}
		return append(b, tail...)
	}}
}

func insertText() statement { return multi(inserting, "INSERT INTO", "", 1) }

func insertPrepared() statement {
	return statement{change: inserting, each: 1,
		prepared: func(rows int) string {
			return "INSERT INTO t (id,k,c,pad) VALUES " + strings.Repeat("(?,?,?,?),", rows-1) + "(?,?,?,?)"
		},
		args: func(a []driver.NamedValue, s *rowSource, from, to int64, version int) []driver.NamedValue {
			for id := from; id < to; id++ {
				a = appendArgs(a, id, valueK(id), s.textC(id, version), s.textPad(id))
			}
			return a
		},
	}
}

func appendArgs(a []driver.NamedValue, values ...driver.Value) []driver.NamedValue {
	for _, v := range values {
		a = append(a, driver.NamedValue{Ordinal: len(a) + 1, Value: v})
	}
	return a
}

// upsertAll names all columns and assigns all but the key: what the gateway writes.
func upsertAll() statement {
	return multi(updating, "INSERT INTO", " ON DUPLICATE KEY UPDATE k=VALUES(k),c=VALUES(c),pad=VALUES(pad)", 2)
}

// upsertAssigned names all columns and assigns the changed one.
func upsertAssigned() statement {
	return multi(updating, "INSERT INTO", " ON DUPLICATE KEY UPDATE c=VALUES(c)", 2)
}

func replace() statement { return multi(updating, "REPLACE INTO", "", 2) }

// upsertChanged names the key and the changed column alone.
func upsertChanged() statement {
	return statement{change: updating, each: 2, text: func(b []byte, s *rowSource, from, to int64, version int) []byte {
		b = append(b, "INSERT INTO t (id,c) VALUES "...)
		for id := from; id < to; id++ {
			if id > from {
				b = append(b, ',')
			}
			b = appendKey(append(b, '('), false, id)
			b = append(appendText(append(b, ','), s.textC(id, version)), ')')
		}
		return append(b, " ON DUPLICATE KEY UPDATE c=VALUES(c)"...)
	}}
}

// updateSingle is for one row a statement.
func updateSingle() statement {
	return statement{change: updating, each: 1,
		text: func(b []byte, s *rowSource, from, _ int64, version int) []byte {
			b = appendText(append(b, "UPDATE t SET c="...), s.textC(from, version))
			return strconv.AppendInt(append(b, " WHERE id="...), from, 10)
		}}
}

func updatePrepared() statement {
	return statement{change: updating, each: 1,
		prepared: func(int) string { return "UPDATE t SET c=? WHERE id=?" },
		args: func(a []driver.NamedValue, s *rowSource, from, _ int64, version int) []driver.NamedValue {
			return appendArgs(a, s.textC(from, version), from)
		}}
}

func updateCase() statement {
	return statement{change: updating, each: 1, text: func(b []byte, s *rowSource, from, to int64, version int) []byte {
		b = append(b, "UPDATE t SET c=CASE id"...)
		for id := from; id < to; id++ {
			b = strconv.AppendInt(append(b, " WHEN "...), id, 10)
			b = appendText(append(b, " THEN "...), s.textC(id, version))
		}
		return append(appendList(append(b, " END WHERE id IN ("...), from, to), ')')
	}}
}

func appendList(b []byte, from, to int64) []byte {
	for id := from; id < to; id++ {
		if id > from {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return b
}

func deleteIn() statement {
	return statement{change: deleting, each: 1, text: func(b []byte, _ *rowSource, from, to int64, _ int) []byte {
		return append(appendList(append(b, "DELETE FROM t WHERE id IN ("...), from, to), ')')
	}}
}

func deleteSingle() statement {
	return statement{change: deleting, each: 1, text: func(b []byte, _ *rowSource, from, _ int64, _ int) []byte {
		return strconv.AppendInt(append(b, "DELETE FROM t WHERE id="...), from, 10)
	}}
}

// deleteOr is a condition for each key of two columns, as the gateway writes.
func deleteOr() statement {
	return statement{change: deleting, each: 1, two: true, text: func(b []byte, _ *rowSource, from, to int64, _ int) []byte {
		b = append(b, "DELETE FROM t2 WHERE "...)
		for id := from; id < to; id++ {
			if id > from {
				b = append(b, " OR "...)
			}
			b = strconv.AppendInt(append(b, "(a="...), id/keyWidth, 10)
			b = append(strconv.AppendInt(append(b, " AND b="...), id%keyWidth, 10), ')')
		}
		return b
	}}
}

func deleteTuples() statement {
	return statement{change: deleting, each: 1, two: true, text: func(b []byte, _ *rowSource, from, to int64, _ int) []byte {
		b = append(b, "DELETE FROM t2 WHERE (a,b) IN ("...)
		for id := from; id < to; id++ {
			if id > from {
				b = append(b, ',')
			}
			b = append(appendKey(append(b, '('), true, id), ')')
		}
		return append(b, ')')
	}}
}

// fillText inserts whole rows into either table.
func fillText(b []byte, s *rowSource, two bool, from, to int64) []byte {
	if two {
		b = append(b, "INSERT INTO t2 (a,b,k,c,pad) VALUES "...)
	} else {
		b = append(b, "INSERT INTO t (id,k,c,pad) VALUES "...)
	}
	for id := from; id < to; id++ {
		if id > from {
			b = append(b, ',')
		}
		b = s.appendRow(b, two, id, 0)
	}
	return b
}
