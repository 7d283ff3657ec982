package apply

import (
	"context"
	"errors"
	"math"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/apply/wire"
	"sluice/replica"
)

// Rows that are written over and over into one table go as prepared statements
// whose plan the target keeps: TiDB then neither parses nor plans, which is a
// third of what a row costs it. (`go run ./perf forms` measures it.)
const (
	// maxFormParams bounds a form's memory in the target: about a KiB each.
	maxFormParams = 4096
	// leastFormRows: below it, a statement of its own costs more than it saves.
	leastFormRows = 16
	// formBytes is what the rows of a form usually take at most, so that a few
	// wider ones still fit a statement. Wide rows go in forms of a quarter of the
	// rows, and what does not fill one, or is wider, in forms of a quarter of that:
	// as text, TiDB spends some 40 ns on each of their bytes, which it reads
	// several times over. Below leastWideRows, or leastFormBytes where a row is
	// narrower than wideRow, a form is not worth its way to the target and its place
	// in the list.
	formBytes      = maxStatementBytes / 2
	leastWideRows  = 4
	leastFormBytes = 64 << 10
	wideRow        = 2 << 10
	// widthSample is how many rows tell how wide a table's are.
	widthSample = 16
	// maxForms is how many prepared statements a session has. Those for what is
	// left of wide rows are not to take the places of others: they get one only
	// while half of them are free.
	maxForms = 8
	// formAfter is how many statements of a form go as text before one is
	// prepared: preparing costs as much as two or three of them.
	formAfter = 2
	// formIdle is after how many batches without it a form makes room.
	formIdle = 32
)

// formKey identifies a form. Rows with other NULLs are of another form: TiDB
// keeps a plan for the types of its parameters, and NULL is one.
type formKey struct {
	binding *Binding
	op      replica.Op
	replace bool
	rows    int
	kinds   uint64 // a hash of the values' kinds
}

// form is a statement of a fixed number of rows, prepared or about to be.
type form struct {
	formKey
	kinds []replica.Kind
	types []wire.Type // of the parameters of one row
	plain bool        // its rows go as text
	count int         // statements so far
	used  int         // the batch that used it last

	sess  *session // that has it prepared; nil: none
	id    uint32
	bound bool // the session knows the parameters' types
}

// forms are a slot's. They are for one goroutine.
type forms struct {
	rows  int // of a form, where the parameters' bound allows as many
	batch int
	list  []*form
	off   bool // the target refused one
}

// next begins a batch.
func (f *forms) next() { f.batch++ }

// want returns the form that a statement of these rows should have; nil: text.
// rest says that it is for what is left behind larger ones.
func (f *forms) want(key formKey, row []replica.Value, rest bool) *form {
	at := -1
	for i, x := range f.list {
		if x.formKey == key {
			at = i
			break
		}
	}
	if at < 0 {
		if rest && len(f.list) >= maxForms/2 {
			return nil
		}
		if at = f.room(); at < 0 {
			return nil
		}
		x := &form{formKey: key}
		for _, i := range key.binding.columns {
			kind := formKind(&row[i])
			x.kinds = append(x.kinds, kind)
			if kind == kindEnumZero { // it is no parameter, and its table is read when the statement is planned
				x.plain = true
			}
			if kind != replica.KindNull {
				x.types = append(x.types, paramType(row[i].Kind))
			}
		}
		f.list[at] = x
	}
	x := f.list[at]
	x.count++
	x.used = f.batch
	if x.count <= formAfter || len(x.types) == 0 || x.plain {
		return nil
	}
	return x
}

// room returns a free place in the list, that of a form which is not used any
// more perhaps.
func (f *forms) room() int {
	if len(f.list) < maxForms {
		f.list = append(f.list, nil)
		return len(f.list) - 1
	}
	oldest := 0
	for i, x := range f.list {
		if x.used < f.list[oldest].used {
			oldest = i
		}
	}
	x := f.list[oldest]
	if f.batch-x.used < formIdle {
		return -1
	}
	if x.sess != nil {
		x.sess.forget = append(x.sess.forget, x.id)
	}
	return oldest
}

// rowsOf returns how many rows a form of the binding has that is to take such
// rows, and how wide these are; 0: none is used.
func (f *forms) rowsOf(b *Binding, rows [][]replica.Value) (n, width int) {
	if f == nil || f.off || len(b.columns) == 0 {
		return 0, 0
	}
	n = min(f.rows, maxFormParams/len(b.columns))
	if n < min(leastFormRows, f.rows) {
		return 0, 0
	}
	width = widthOf(b, rows)
	for n*width > formBytes && n >= 4*leastWideRows {
		n /= 4
	}
	if n*width > maxStatementBytes {
		return 0, 0
	}
	return n, width
}

// widthOf returns how many bytes a row takes, by the look of some.
func widthOf(b *Binding, rows [][]replica.Value) int {
	bytes, n := 0, 0
	for i := 0; i < len(rows); i += 1 + len(rows)/widthSample {
		for _, c := range b.columns {
			bytes += 8 + len(rows[i][c].Bytes)
		}
		n++
	}
	if n == 0 {
		return 0
	}
	return bytes / n
}

// kindsOf hashes the kinds of a row's values.
func kindsOf(b *Binding, row []replica.Value) uint64 {
	h := uint64(0)
	for _, i := range b.columns {
		h = (h<<5 | h>>59) ^ uint64(formKind(&row[i]))
		h *= 0x9e3779b97f4a7c15
	}
	return h
}

// paramType is the type of the parameter that has a value of the kind. What a
// text statement writes in quotes, and a decimal, is read by the target from the
// same characters.
func paramType(k replica.Kind) wire.Type {
	switch k {
	case replica.KindInt:
		return wire.Int
	case replica.KindUint, replica.KindBit, replica.KindEnum, replica.KindSet:
		return wire.Uint
	case replica.KindFloat, replica.KindDouble:
		return wire.Double
	case replica.KindBytes:
		return wire.Bytes
	}
	return wire.Text
}

// appendParams appends a row's values; false when one is of another kind than
// the form's.
func (x *form) appendParams(p []byte, row []replica.Value) ([]byte, bool) {
	for n, i := range x.binding.columns {
		v := &row[i]
		kind := formKind(v)
		if kind != x.kinds[n] {
			return nil, false
		}
		switch kind {
		case replica.KindNull:
		case replica.KindInt, replica.KindUint, replica.KindBit, replica.KindEnum, replica.KindSet, replica.KindDouble, replica.KindFloat:
			p = wire.AppendNumber(p, v.Num)
		default:
			p = wire.AppendText(p, v.Bytes)
		}
	}
	return p, true
}

// params is how many parameters the statement has.
func (x *form) params() int { return x.rows * len(x.types) }

// text returns the statement with a question mark for each parameter.
func (x *form) text(verb, tail string) string {
	row := []byte("(")
	for n, k := range x.kinds {
		if n > 0 {
			row = append(row, ',')
		}
		if k == replica.KindNull {
			row = append(row, "NULL"...)
		} else {
			row = append(row, '?')
		}
	}
	row = append(row, ')')
	b := x.binding
	sql := make([]byte, 0, len(verb)+len(b.quoted)+len(b.list)+len(tail)+x.rows*(len(row)+1)+16)
	sql = append(append(append(append(sql, verb...), b.quoted...), b.list...), " VALUES "...)
	for n := range x.rows {
		if n > 0 {
			sql = append(sql, ',')
		}
		sql = append(sql, row...)
	}
	return string(append(sql, tail...))
}

// begin begins the packet that executes the form; the values follow.
func (x *form) begin(packet []byte) []byte {
	if x.bound {
		return wire.BeginExecute(packet, x.id, x.params(), nil)
	}
	return wire.BeginExecute(packet, x.id, x.params(), x.types)
}

// prepare makes sure that the session has every form of the statements. When
// the target refuses one, all become text, in this and in later batches. It runs
// in front of the guard, so that what it meets says nothing of the rows: a table
// that is gone may be the newer owner's doing. The text meets it again, behind
// the guard.
func (s *slot) prepare(ctx context.Context, stmts []statement) error {
	if err := s.forget(); err != nil {
		return err
	}
	for i := range stmts {
		x := stmts[i].form
		if x == nil || x.sess == s.sess {
			continue
		}
		if !s.sess.keepsPlans {
			s.forms.off = true
		}
		if s.forms.off {
			stmts[i].asText()
			continue
		}
		id, params, err := s.sess.conn.Prepare(ctx, x.text(stmts[i].verb, stmts[i].tail))
		var refused *mysql.MySQLError
		switch {
		case errors.As(err, &refused) && refused.Number == noSuchTable:
			stmts[i].asText()
			continue
		case errors.As(err, &refused) && classify(err) == outcomeFatal:
			s.log.Info("the target prepares no statements; rows are sent as text", "lane", s.lane, "code", refused.Number)
			s.forms.off = true
			stmts[i].asText()
			continue
		case err != nil:
			return err
		case params != x.params():
			return mysql.ErrMalformPkt
		}
		x.sess, x.id, x.bound = s.sess, id, false
	}
	return nil
}

// noSuchTable is ER_NO_SUCH_TABLE.
const noSuchTable = 1146

// asText gives up the form.
func (st *statement) asText() {
	st.form = nil
	st.sql, _ = st.binding.appendMulti(make([]byte, 0, 2*len(st.sql)+1024), st.verb, st.tail, st.rows, math.MaxInt)
}

// multiForms writes rows as forms, and returns those that are left for text.
// Which rows stand together does not matter: no two have a unique value in
// common.
func (w *writer) multiForms(b *Binding, op replica.Op, verb, tail string, rows [][]replica.Value, each int64) [][]replica.Value {
	n, width := w.forms.rowsOf(b, rows)
	for rest := false; n > 0; rest = true {
		rows = w.formsOf(n, rest, b, op, verb, tail, rows, each)
		if n /= 4; n < leastWideRows || n*width < leastFormBytes && width < wideRow {
			break
		}
	}
	return rows
}

// formsOf is multiForms with forms of so many rows.
func (w *writer) formsOf(full int, rest bool, b *Binding, op replica.Op, verb, tail string, rows [][]replica.Value, each int64) [][]replica.Value {
	if len(rows) < full {
		return rows
	}
	key := formKey{binding: b, op: op, replace: each < 0, rows: full}
	var left [][]replica.Value
	for grouped := false; len(rows) >= full; {
		key.kinds = kindsOf(b, rows[0])
		done, mixed := w.form(key, rest, verb, tail, rows[:full], each)
		if mixed && !grouped {
			rows, grouped = byKinds(b, rows), true
			continue
		}
		n := full
		if grouped && !done { // up to the next group
			for n = 1; n < full && kindsOf(b, rows[n]) == key.kinds; n++ {
			}
		}
		if !done {
			left = append(left, rows[:n]...)
		}
		rows = rows[n:]
	}
	if left == nil {
		return rows
	}
	return append(left, rows...)
}

// byKinds returns the rows with those of the same kinds behind each other.
func byKinds(b *Binding, rows [][]replica.Value) [][]replica.Value {
	const most = 16 // groups; the rest stays together
	var groups [most + 1][][]replica.Value
	var hashes [most]uint64
	n := 0
	for _, r := range rows {
		h, g := kindsOf(b, r), 0
		for g < n && hashes[g] != h {
			g++
		}
		if g == n && n < most {
			hashes[n] = h
			n++
		}
		groups[g] = append(groups[g], r)
	}
	out := make([][]replica.Value, 0, len(rows))
	for _, g := range groups {
		out = append(out, g...)
	}
	return out
}

// form writes one statement of a form; not done: the rows must be text; mixed:
// because they are of different kinds.
func (w *writer) form(key formKey, rest bool, verb, tail string, rows [][]replica.Value, each int64) (done, mixed bool) {
	x := w.forms.want(key, rows[0], rest)
	if x == nil {
		return false, false
	}
	p, ok := w.text.begin(), true
	for _, r := range rows {
		if p, ok = x.appendParams(p, r); !ok {
			return false, true
		}
		if len(p) > maxStatementBytes {
			return false, false
		}
	}
	want := each * int64(len(rows))
	if each < 0 {
		want = -1
	}
	w.text.end(p)
	w.prepared = append(w.prepared, statement{sql: p, want: want, binding: key.binding, op: key.op, form: x, rows: rows, verb: verb, tail: tail})
	return true, false
}
