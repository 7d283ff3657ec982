package apply

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// simVal is one value of the simulated target: the text of a literal.
type simVal struct {
	s    string
	null bool
}

func (v simVal) String() string {
	if v.null {
		return "NULL"
	}
	return v.s
}

// simToken is one token of a statement: i identifier, s string, n number, p
// punctuation.
type simToken struct {
	kind byte
	text string
}

// simLex reads a statement; comments are left out.
func simLex(sql string) []simToken {
	var out []simToken
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case c == ' ' || c == '\n':
			i++
		case strings.HasPrefix(sql[i:], "/*"):
			i += strings.Index(sql[i:], "*/") + 2
		case c == '`':
			end := i + 1 + strings.IndexByte(sql[i+1:], '`')
			out = append(out, simToken{'i', sql[i+1 : end]})
			i = end + 1
		case c == '\'':
			s, n := simString(sql[i:])
			out = append(out, simToken{'s', s})
			i += n
		case c == 'x' && strings.HasPrefix(sql[i:], "x'"):
			end := i + 2 + strings.IndexByte(sql[i+2:], '\'')
			b, err := hex.DecodeString(sql[i+2 : end])
			if err != nil {
				panic(err)
			}
			out = append(out, simToken{'s', string(b)})
			i = end + 1
		case c >= '0' && c <= '9' || c == '-':
			j := i + 1
			for j < len(sql) && (sql[j] >= '0' && sql[j] <= '9' || strings.IndexByte(".e", sql[j]) >= 0) {
				j++
			}
			out = append(out, simToken{'n', sql[i:j]})
			i = j
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '@':
			j := i + 1
			for j < len(sql) && (sql[j] >= 'a' && sql[j] <= 'z' || sql[j] >= 'A' && sql[j] <= 'Z' || sql[j] >= '0' && sql[j] <= '9' || strings.IndexByte("_@.", sql[j]) >= 0) {
				j++
			}
			out = append(out, simToken{'i', sql[i:j]})
			i = j
		case c == '<' && strings.HasPrefix(sql[i:], "<="):
			out = append(out, simToken{'p', "<="})
			i += 2
		default:
			out = append(out, simToken{'p', sql[i : i+1]})
			i++
		}
	}
	return out
}

// simString reads a quoted string and returns it with its length in the text.
func simString(sql string) (string, int) {
	var b strings.Builder
	for i := 1; i < len(sql); i++ {
		switch c := sql[i]; c {
		case '\\':
			i++
			if j := strings.IndexByte("0nrZ", sql[i]); j >= 0 {
				b.WriteByte("\x00\n\r\x1a"[j])
			} else {
				b.WriteByte(sql[i])
			}
		case '\'':
			return b.String(), i + 1
		default:
			b.WriteByte(c)
		}
	}
	panic("open string: " + sql)
}

// simSplit splits a packet into its statements.
func simSplit(packet string) []string {
	var out []string
	start := 0
	for i := 0; i < len(packet); i++ {
		switch packet[i] {
		case '\'':
			_, n := simString(packet[i:])
			i += n - 1
		case ';':
			out = append(out, packet[start:i])
			start = i + 1
		}
	}
	return append(out, packet[start:])
}

// simParser walks over a statement's tokens.
type simParser struct {
	t []simToken
	i int
}

func (p *simParser) peek() simToken {
	if p.i < len(p.t) {
		return p.t[p.i]
	}
	return simToken{}
}

func (p *simParser) next() simToken {
	t := p.peek()
	p.i++
	return t
}

// word takes the next token if it is the word.
func (p *simParser) word(w string) bool {
	if strings.EqualFold(p.peek().text, w) && p.peek().kind != 's' {
		p.i++
		return true
	}
	return false
}

func (p *simParser) must(w string) {
	if !p.word(w) {
		panic(fmt.Sprintf("want %q, have %v in %v", w, p.peek(), p.t))
	}
}

// table reads `schema`.`table` or schema.table.
func (p *simParser) table() string {
	name := p.next().text
	if p.word(".") {
		name += "." + p.next().text
	}
	return name
}

func (p *simParser) value() simVal {
	t := p.next()
	if t.kind == 'i' && strings.EqualFold(t.text, "NULL") {
		return simVal{null: true}
	}
	if t.kind != 's' && t.kind != 'n' {
		panic(fmt.Sprintf("want a literal, have %v in %v", t, p.t))
	}
	return simVal{s: t.text}
}

// tuples reads (..),(..) to the end of the list.
func (p *simParser) tuples() [][]simVal {
	var out [][]simVal
	for {
		p.must("(")
		var row []simVal
		for {
			row = append(row, p.value())
			if !p.word(",") {
				break
			}
		}
		p.must(")")
		out = append(out, row)
		if !p.word(",") {
			return out
		}
	}
}

// simSet is what a column is set to, by the row before.
type simSet func(t *simTable, row []simVal) simVal

// assignments reads what follows SET: literals, column+number, and CASE over the
// values of a column.
func (p *simParser) assignments() map[string]simSet {
	set := map[string]simSet{}
	for {
		col := p.next().text
		p.must("=")
		switch {
		case p.peek().text == col:
			p.i += 2 // col+
			n := p.value()
			set[col] = func(t *simTable, row []simVal) simVal {
				return simVal{s: strconv.FormatInt(simInt(row[t.col(col)])+simInt(n), 10)}
			}
		case p.word("CASE"):
			set[col] = p.cases()
		default:
			v := p.value()
			set[col] = func(*simTable, []simVal) simVal { return v }
		}
		if !p.word(",") {
			return set
		}
	}
}

// cases reads a CASE from its column on; a row that is in none of them is NULL.
func (p *simParser) cases() simSet {
	col, when := p.next().text, map[string]simVal{}
	for p.word("WHEN") {
		v := p.value().s
		p.must("THEN")
		if _, twice := when[v]; twice {
			panic("a case stands twice")
		}
		when[v] = p.value()
	}
	p.must("END")
	return func(t *simTable, row []simVal) simVal {
		if v, ok := when[row[t.col(col)].s]; ok {
			return v
		}
		return simVal{null: true}
	}
}

// simCond is a condition over one row.
type simCond func(t *simTable, row []simVal) bool

// cond reads a condition: ORs of ANDs of comparisons.
func (p *simParser) cond() simCond {
	left := p.all()
	for p.word("OR") {
		a, b := left, p.all()
		left = func(t *simTable, row []simVal) bool { return a(t, row) || b(t, row) }
	}
	return left
}

func (p *simParser) all() simCond {
	left := p.primitive()
	for p.word("AND") {
		a, b := left, p.primitive()
		left = func(t *simTable, row []simVal) bool { return a(t, row) && b(t, row) }
	}
	return left
}

// primitive reads one comparison. Whatever stands around the column (CAST,
// CONVERT) compares bytes.
func (p *simParser) primitive() simCond {
	if p.peek().text == "(" && p.i+2 < len(p.t) && p.t[p.i+2].text == "," {
		return p.tupleIn()
	}
	if p.word("(") {
		c := p.cond()
		p.must(")")
		return c
	}
	exact := false
	for p.word("CAST") || p.word("CONVERT") {
		p.must("(")
		exact = true
	}
	col := p.next().text
	for exact && p.peek().text != "=" || p.peek().text == "+" || p.peek().text == "0" {
		p.next()
	}
	same := func(t *simTable, v, w simVal) bool {
		if v.null || w.null {
			return false
		}
		if !exact && t.folds[col] {
			return simFold(v.s) == simFold(w.s)
		}
		return v.s == w.s
	}
	switch op := p.next().text; strings.ToUpper(op) {
	case "=":
		w := p.value()
		return func(t *simTable, row []simVal) bool { return same(t, row[t.col(col)], w) }
	case "<", "<=":
		w := p.value()
		return func(t *simTable, row []simVal) bool {
			a, b := simInt(row[t.col(col)]), simInt(w)
			return a < b || op == "<=" && a == b
		}
	case "IS":
		p.must("NULL")
		return func(t *simTable, row []simVal) bool { return row[t.col(col)].null }
	case "IN":
		list := p.tuples()[0]
		return func(t *simTable, row []simVal) bool {
			for _, w := range list {
				if same(t, row[t.col(col)], w) {
					return true
				}
			}
			return false
		}
	default:
		panic("comparison " + op)
	}
}

// tupleIn reads (column, ..) IN ((value, ..), ..).
func (p *simParser) tupleIn() simCond {
	var cols []string
	for p.must("("); ; p.must(",") {
		cols = append(cols, p.next().text)
		if p.word(")") {
			break
		}
	}
	p.must("IN")
	p.must("(")
	list := p.tuples()
	p.must(")")
	return func(t *simTable, row []simVal) bool {
		for _, tuple := range list {
			same := len(tuple) == len(cols)
			for i := 0; same && i < len(cols); i++ {
				v := row[t.col(cols[i])]
				same = !v.null && !tuple[i].null && v.s == tuple[i].s
			}
			if same {
				return true
			}
		}
		return false
	}
}

func simInt(v simVal) int64 {
	n, err := strconv.ParseInt(v.s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// simFold is the simulated target's collation.
func simFold(s string) string {
	return strings.ToLower(strings.TrimRight(strings.ReplaceAll(s, "é", "e"), " "))
}
