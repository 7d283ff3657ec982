package sqladmin

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// prepared is a prepared statement. At execution the parameters are put into
// the text as literals, so that every statement takes them.
type prepared struct {
	sql       string
	mode      lexMode
	params    []param
	types     []uint16       // of the last execution that sent them
	long      map[int][]byte // sent ahead of the execution
	longBytes int            // what long takes
	longError error          // why long data was dropped; reported at the execution
}

// param is one question mark.
type param struct {
	at    int  // byte offset
	limit bool // it belongs to LIMIT, where only a number can stand
}

// findParams lists the question marks among tokens.
func findParams(tokens []token) []param {
	var l []param
	for i := range tokens {
		if tokens[i].kind != tokParam {
			continue
		}
		before := word(tokens, max(i-1, 0))
		if i > 2 && tokens[i-1].is(",") {
			before = word(tokens, i-3)
		}
		l = append(l, param{at: tokens[i].pos, limit: before == "LIMIT" || before == "OFFSET"})
	}
	return l
}

// prepare is COM_STMT_PREPARE.
func (c *conn) prepare(sql string) error {
	ctx := c.session.begin(c.ctx, "Prepare")
	defer c.session.end()
	if len(c.stmts) >= maxPrepared {
		return c.sendError(&Error{Code: 1461, State: "42000", Message: fmt.Sprintf("Can't create more than %d prepared statements on a connection", maxPrepared)})
	}
	x := c.executor(ctx)
	defer x.drop()
	sql, err := c.session.charset("character_set_client").textWithin(sql, x.held)
	if err != nil {
		return c.sendFailure(ctx, err)
	}
	st := &prepared{sql: sql, mode: c.session.mode()}
	var cols []Column
	err = c.protect(func() error {
		tokens, err := lexWithin(sql, st.mode, x.held)
		if err == nil {
			st.params = findParams(tokens)
		}
		if len(st.params) > maxParams {
			return &Error{Code: 1390, State: "HY000", Message: "Prepared statement contains too many placeholders"}
		}
		if len(st.params) > 0 { // describe puts values in their places
			if err := x.held.add(len(sql) + literalBytes*len(st.params)); err != nil {
				return err
			}
		}
		if cols, err = c.describe(ctx, x, st); err != nil {
			return err
		}
		return c.stmtsHeld.add(st.bytes())
	})
	if err != nil {
		return c.sendFailure(ctx, err)
	}
	c.nextStmt++
	c.stmts[c.nextStmt] = st
	b := binary.LittleEndian.AppendUint32([]byte{0}, c.nextStmt)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(cols)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(st.params)))
	if err := c.wire.write(append(b, 0, 0, 0)); err != nil {
		return err
	}
	marks := make([]Column, len(st.params))
	for i := range marks {
		marks[i] = Column{Name: "?", Type: String}
	}
	for _, list := range [][]Column{marks, cols} {
		if err := c.writeColumns(list); err != nil {
			return err
		}
	}
	return c.wire.flush()
}

func (c *conn) writeColumns(cols []Column) error {
	for _, col := range cols {
		if err := c.wire.write(c.columnPacket("", "", col)); err != nil {
			return err
		}
	}
	if len(cols) > 0 && c.caps&mysql.CLIENT_DEPRECATE_EOF == 0 {
		return c.writeEOF(0)
	}
	return nil
}

// describe checks a statement and returns the columns of its result, nil when
// it has none or when they are known only once it runs. Parameters are read as
// 1 for that; a statement of the admin port's own with parameters is checked
// when it is executed.
func (c *conn) describe(ctx context.Context, x *executor, st *prepared) ([]Column, error) {
	text := st.sql
	if len(st.params) > 0 {
		values := make([]string, len(st.params))
		for i := range values {
			values[i] = "1"
		}
		text = st.bind(values)
	}
	p, err := parseWithin(text, st.mode, x.held)
	c.session.setSQL(p.redacted)
	if err != nil {
		own := asError(err, nil)
		if len(st.params) > 0 && own.Code != CodeEmptyQuery && own.Code != CodeLimit && own.Code != CodeMemory {
			tokens, lexErr := lexWithin(text, st.mode, x.held)
			f := matchForm(tokens)
			if lexErr == nil && f != nil && !f.sql {
				return nil, nil
			}
		}
		return nil, own
	}
	switch stmt := p.stmt.(type) {
	case *Select:
		return x.describe(ctx, stmt.node)
	case shaped:
		return stmt.columns(), nil
	}
	return nil, nil
}

// bind returns the text with the parameters' literals in it.
func (st *prepared) bind(values []string) string {
	var b strings.Builder
	b.Grow(st.boundBytes(values))
	from := 0
	for i, p := range st.params {
		b.WriteString(st.sql[from:p.at])
		if n, err := strconv.ParseUint(strings.Trim(values[i], "'"), 10, 64); p.limit && err == nil {
			b.WriteString(strconv.FormatUint(n, 10))
		} else {
			b.WriteString(values[i])
		}
		from = p.at + 1
	}
	b.WriteString(st.sql[from:])
	return b.String()
}

// executePrepared is COM_STMT_EXECUTE.
func (c *conn) executePrepared(data []byte) error {
	p := &payload{b: data}
	id := uint32(p.uint(4))
	st := c.stmts[id]
	if st == nil {
		return c.sendError(unknownStatement(id))
	}
	p.take(1 + 4) // cursor flags: no cursor is opened, rows follow at once; iterations: always 1
	held := c.server.memory.holding("the statement with its parameters", maxBoundBytes)
	defer held.drop()
	sql, err := st.bound(p, c.session.charset("character_set_client"), held)
	c.dropLong(st)
	if err != nil {
		return c.sendFailure(c.ctx, err)
	}
	return c.query(sql, true)
}

// maxBoundBytes bounds what an execution takes while its parameters are put
// into the text: the literals and the text with them.
const maxBoundBytes = 3 * maxPacketBytes

// bound returns the statement's text with the parameters of an execution in it.
// The text and all that is made on the way to it count as held before they are
// made; what has become garbage is given back.
func (st *prepared) bound(p *payload, cs *charset, held *holding) (string, error) {
	if st.longError != nil {
		return "", st.longError
	}
	values, err := st.values(p, cs, held)
	if err != nil {
		return "", err
	}
	n, before := st.boundBytes(values), int(held.used)
	if n > maxPacketBytes {
		return "", limitError("the statement with its parameters has more than %d bytes", maxPacketBytes)
	}
	if err := held.add(n); err != nil {
		return "", err
	}
	sql := st.bind(values)
	held.sub(before)
	return sql, nil
}

const (
	paramBytes   = 64  // of a parameter in a prepared statement, its type included
	literalBytes = 16  // of a literal without its text
	longBytes    = 100 // of a parameter that was sent ahead, without its bytes
)

// bytes is about how much memory the statement takes.
func (st *prepared) bytes() int { return len(st.sql) + 200 + paramBytes*len(st.params) }

// boundBytes is the length of the text with the parameters in it.
func (st *prepared) boundBytes(values []string) int {
	n := len(st.sql)
	for _, v := range values {
		n += len(v)
	}
	return n
}

// closePrepared forgets a prepared statement; an unknown one is nothing.
func (c *conn) closePrepared(id uint32) {
	st := c.stmts[id]
	if st == nil {
		return
	}
	c.dropLong(st)
	c.stmtsHeld.sub(st.bytes())
	if delete(c.stmts, id); len(c.stmts) == 0 {
		c.stmtsHeld.drop()
	}
}

// dropPrepared forgets all prepared statements.
func (c *conn) dropPrepared() {
	clear(c.stmts)
	c.stmtsHeld.drop()
}

func unknownStatement(id uint32) *Error {
	return Errorf(CodeUnknownStatement, "Unknown prepared statement handler (%d) given to EXECUTE", id)
}

func (c *conn) dropLong(st *prepared) {
	c.stmtsHeld.sub(st.longBytes)
	st.long, st.longBytes, st.longError = nil, 0, nil
}

// longData is COM_STMT_SEND_LONG_DATA, which has no answer: an error is
// reported at the execution. Beyond the limits nothing is kept: neither beyond
// those of the session and the node, nor beyond that of a value.
func (c *conn) longData(data []byte) {
	p := &payload{b: data}
	st := c.stmts[uint32(p.uint(4))]
	index := int(p.uint(2))
	if st == nil || p.bad || index >= len(st.params) {
		return
	}
	if st.longError != nil {
		return
	}
	before, sentBefore := st.long[index]
	need := 2 * len(p.b) // a slice that grows has up to twice the room
	if !sentBefore {
		need = longBytes + len(p.b)
	}
	err := checkParam(index, len(before)+len(p.b))
	if err == nil {
		err = c.stmtsHeld.add(need)
	}
	if err != nil {
		c.dropLong(st)
		st.longError = err
		return
	}
	if st.long == nil {
		st.long = map[int][]byte{}
	}
	st.longBytes += need
	st.long[index] = append(before, p.b...)
}

// refuseLongData is longData for a packet that was skipped.
func (c *conn) refuseLongData(head []byte, err error) {
	if st := c.stmts[uint32((&payload{b: head}).uint(4))]; st != nil && st.longError == nil {
		c.dropLong(st)
		st.longError = err
	}
}

// checkParam refuses a parameter that is larger than a value may be. index
// counts from 0.
func checkParam(index, size int) error {
	if size > maxValueBytes {
		return limitError("parameter %d of the prepared statement has more than %d bytes", index+1, maxValueBytes)
	}
	return nil
}

// resetPrepared is COM_STMT_RESET: long data is forgotten.
func (c *conn) resetPrepared(data []byte) error {
	id := uint32((&payload{b: data}).uint(4))
	st := c.stmts[id]
	if st == nil {
		return c.sendError(unknownStatement(id))
	}
	c.dropLong(st)
	return c.sendOK(&Result{})
}

// values decodes the parameters into literals. Without the new-params flag the
// types are those of the execution before.
// Texts are in the client's character set. The literals count as held.
func (st *prepared) values(p *payload, cs *charset, held *holding) ([]string, error) {
	n := len(st.params)
	if n == 0 {
		return nil, nil
	}
	null := p.take((n + 7) / 8)
	if p.uint(1) == 1 {
		st.types = make([]uint16, n)
		for i := range st.types {
			st.types[i] = uint16(p.uint(2))
		}
	}
	if p.bad || len(st.types) != n {
		return nil, errMalformed
	}
	if err := held.add(literalBytes * n); err != nil {
		return nil, err
	}
	out := make([]string, n)
	for i := range out {
		long, isLong := st.long[i]
		switch {
		case isLong:
			literal, err := st.textLiteral(i, long, cs, held)
			if err != nil {
				return nil, err
			}
			out[i] = literal
		case null[i/8]&(1<<(i%8)) != 0:
			out[i] = "NULL"
		default:
			text, quoted, ok := paramValue(p, byte(st.types[i]), st.types[i]&0x8000 != 0)
			if !ok || p.bad {
				return nil, errMalformed
			}
			out[i] = string(text)
			if quoted {
				var err error
				if out[i], err = st.textLiteral(i, text, cs, held); err != nil {
					return nil, err
				}
			} else if err := held.add(len(text)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// textLiteral returns a text of the client's as a literal, which counts as held.
// So do the texts on the way to it, until it is made.
func (st *prepared) textLiteral(index int, b []byte, cs *charset, held *holding) (string, error) {
	if err := checkParam(index, len(b)); err != nil {
		return "", err
	}
	before := int(held.used)
	if err := held.add(len(b)); err != nil {
		return "", err
	}
	text, err := cs.textWithin(string(b), held)
	if err != nil {
		return "", err
	}
	if err := checkParam(index, len(text)); err != nil {
		return "", err
	}
	size := st.quotedBytes(text)
	onTheWay := int(held.used) - before
	if err := held.add(size); err != nil {
		return "", err
	}
	literal := st.quote(text)
	held.sub(onTheWay)
	return literal, nil
}

// quotedBytes returns the length of a text's literal, or a little more.
func (st *prepared) quotedBytes(s string) int {
	return len(s) + 2 + strings.Count(s, "'") + strings.Count(s, `\`) + strings.Count(s, "\x00")
}

// quote returns a literal under the statement's sql_mode.
func (st *prepared) quote(s string) string {
	if st.mode.noBackslashEscapes {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return quote(s)
}

// paramValue decodes one parameter (MySQL protocol, "Binary Protocol Value").
// quoted is true for a text, which has to be quoted.
func paramValue(p *payload, kind byte, unsigned bool) (text []byte, quoted, ok bool) {
	whole := func(size int) []byte {
		v := p.uint(size)
		if unsigned {
			return strconv.AppendUint(nil, v, 10)
		}
		shift := 64 - 8*size
		return strconv.AppendInt(nil, int64(v<<shift)>>shift, 10)
	}
	switch kind {
	case mysql.MYSQL_TYPE_NULL:
		return []byte("NULL"), false, true
	case mysql.MYSQL_TYPE_TINY:
		return whole(1), false, true
	case mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_YEAR:
		return whole(2), false, true
	case mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_INT24:
		return whole(4), false, true
	case mysql.MYSQL_TYPE_LONGLONG:
		return whole(8), false, true
	case mysql.MYSQL_TYPE_FLOAT:
		return []byte(formatFloat(float64(math.Float32frombits(uint32(p.uint(4)))))), false, true
	case mysql.MYSQL_TYPE_DOUBLE:
		return []byte(formatFloat(math.Float64frombits(p.uint(8)))), false, true
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP:
		return []byte(dateTimeParam(p, kind == mysql.MYSQL_TYPE_DATE)), true, true
	case mysql.MYSQL_TYPE_TIME:
		return []byte(timeParam(p)), true, true
	case mysql.MYSQL_TYPE_DECIMAL, mysql.MYSQL_TYPE_NEWDECIMAL, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BIT, mysql.MYSQL_TYPE_JSON,
		mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET, mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB,
		mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_GEOMETRY:
		return p.bytes(), true, true
	}
	return nil, false, false
}

func dateTimeParam(p *payload, dateOnly bool) string {
	v := &payload{b: p.take(int(p.uint(1)))}
	part := func(n int) uint64 {
		if len(v.b) == 0 {
			return 0
		}
		return v.uint(n)
	}
	text := fmt.Sprintf("%04d-%02d-%02d", part(2), part(1), part(1))
	if dateOnly && len(v.b) == 0 {
		return text
	}
	text += fmt.Sprintf(" %02d:%02d:%02d", part(1), part(1), part(1))
	if micros := part(4); micros > 0 {
		text += fmt.Sprintf(".%06d", micros)
	}
	p.bad = p.bad || v.bad
	return text
}

func timeParam(p *payload) string {
	v := &payload{b: p.take(int(p.uint(1)))}
	if len(v.b) == 0 {
		return "00:00:00"
	}
	sign := ""
	if v.uint(1) == 1 {
		sign = "-"
	}
	days := v.uint(4)
	hours, minutes, seconds := v.uint(1), v.uint(1), v.uint(1)
	text := fmt.Sprintf("%s%02d:%02d:%02d", sign, days*24+hours, minutes, seconds)
	if len(v.b) > 0 {
		text += fmt.Sprintf(".%06d", v.uint(4))
	}
	p.bad = p.bad || v.bad
	return text
}
