package sqladmin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Commands that go-mysql has no constant for.
const (
	comProcessInfo     = 0x0a
	comSetOption       = 0x1b
	comStmtFetch       = 0x1c
	comResetConnection = 0x1f
)

// command answers one command packet. more is false when the connection is to
// end.
func (c *conn) command(b []byte) (more bool, err error) {
	if len(b) == 0 {
		return false, nil
	}
	c.server.questions.Add(1)
	data := b[1:]
	switch b[0] {
	case mysql.COM_QUIT:
		return false, nil
	case mysql.COM_QUERY:
		return true, c.textQuery(string(bytes.TrimRight(data, "\x00")))
	case mysql.COM_PING:
		return true, c.sendOK(&Result{})
	case mysql.COM_INIT_DB:
		return true, c.initDB(string(data))
	case mysql.COM_STATISTICS:
		return true, c.send([]byte(c.statistics()))
	case mysql.COM_FIELD_LIST:
		return true, c.fieldList(data)
	case comProcessInfo:
		return true, c.query("SHOW PROCESSLIST", false)
	case mysql.COM_PROCESS_KILL:
		return true, c.query(fmt.Sprintf("KILL %d", (&payload{b: data}).uint(4)), false)
	case mysql.COM_STMT_PREPARE:
		return true, c.prepare(string(bytes.TrimRight(data, "\x00"))) // trimmed first: the text is kept
	case mysql.COM_STMT_EXECUTE:
		return true, c.executePrepared(data)
	case mysql.COM_STMT_SEND_LONG_DATA:
		c.longData(data)
		return true, nil
	case mysql.COM_STMT_CLOSE:
		c.closePrepared(uint32((&payload{b: data}).uint(4)))
		return true, nil
	case mysql.COM_STMT_RESET:
		return true, c.resetPrepared(data)
	case comStmtFetch:
		return true, c.sendError(Errorf(1421, "The statement (%d) has no open cursor", (&payload{b: data}).uint(4)))
	case comSetOption:
		if (&payload{b: data}).uint(2) == 0 {
			return true, c.sendError(NotSupported("more than one statement in a query"))
		}
		return true, c.sendEOF(0)
	case comResetConnection:
		c.reset()
		return true, c.sendOK(&Result{})
	case mysql.COM_CHANGE_USER:
		return c.changeUser(data)
	}
	return true, c.sendError(Errorf(CodeUnknownCommand, "Unknown command"))
}

// reset is COM_RESET_CONNECTION: all but the account and the schema goes, and
// the node gets back what the session kept.
func (c *conn) reset() {
	c.session.reset()
	c.dropPrepared()
}

// executor returns what carries out one statement. The caller calls its drop.
func (c *conn) executor(ctx context.Context) *executor {
	m := &c.server.memory
	now := time.Now()
	if set, ok := c.session.variables["timestamp"]; ok && asFloat(set) > 0 {
		now = time.UnixMicro(int64(asFloat(set) * 1e6))
	}
	return &executor{server: c.server, controller: c.server.cfg.Controller, session: c.session,
		now: now.UTC().Truncate(time.Millisecond), stop: newStopper(ctx),
		held: m.holding("the statement", maxRowBytes), computed: m.holding("what the statement's functions return", maxComputedBytes),
		compiled: m.holding("the statement's regular expressions", maxRowBytes)}
}

// textQuery executes one statement that came as text, in the character set of
// the client.
func (c *conn) textQuery(b string) error {
	held := c.server.memory.holding("the statement's text", 3*maxPacketBytes)
	defer held.drop()
	sql, err := c.session.charset("character_set_client").textWithin(b, held)
	if err != nil {
		return c.sendFailure(c.ctx, err)
	}
	return c.query(sql, false)
}

// query executes one statement and sends its result. binary asks for rows of
// the prepared protocol.
func (c *conn) query(sql string, binary bool) error {
	command := "Query"
	if binary {
		command = "Execute"
	}
	ctx := c.session.begin(c.ctx, command)
	defer c.session.end()
	x := c.executor(ctx)
	defer x.drop()
	var res *Result
	err := c.protect(func() error {
		p, err := parseWithin(sql, c.session.mode(), x.held)
		c.session.setSQL(p.redacted)
		if err == nil {
			res, err = x.execute(ctx, p.stmt)
		}
		return err
	})
	x.forgetPatterns()
	if err != nil {
		res = nil
	}
	c.session.remember(res)
	if err != nil {
		return c.sendFailure(ctx, err)
	}
	if !x.keepWarnings {
		c.session.setWarnings(res.Warnings)
	}
	if res.Columns != nil {
		return c.sendRows(ctx, res, binary)
	}
	return c.sendOK(res)
}

// sendFailure sends the error of a statement, and keeps it for SHOW ERRORS. A
// statement that its context ended has the error that ended it.
func (c *conn) sendFailure(ctx context.Context, err error) error {
	var own *Error
	if cause := context.Cause(ctx); ctx.Err() != nil && !errors.As(err, &own) {
		own = asError(context.Canceled, cause)
	} else {
		own = asError(err, cause)
	}
	own = forClient(own)
	c.session.setWarnings(append([]Warning{{Level: "Error", Code: own.Code, Message: own.Message, Remedy: own.Remedy}}, own.Others...))
	return c.sendError(own)
}

// protect calls f, which parses or executes a statement. A panic, in a library
// say, costs the statement and not the node.
func (c *conn) protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.server.cfg.Logger.Error("admin statement panicked", "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
			err = Errorf(CodeUnknown, "Internal error: the statement panicked").WithRemedy("the log of node %s has the place: report it", c.server.cfg.NodeName)
		}
	}()
	return f()
}

func (c *conn) initDB(schema string) error {
	schema, err := c.session.charset("character_set_client").text(schema)
	if err == nil {
		err = c.executor(c.ctx).use(schema)
	}
	if err != nil {
		return c.sendError(asError(err, nil))
	}
	return c.sendOK(&Result{})
}

// statistics is the answer to COM_STATISTICS, in MySQL's form.
func (c *conn) statistics() string {
	s := c.server
	s.mu.Lock()
	threads := len(s.conns)
	s.mu.Unlock()
	up, n := time.Since(s.started).Seconds(), s.questions.Load()
	return fmt.Sprintf("Uptime: %d  Threads: %d  Questions: %d  Slow queries: 0  Opens: 0  Flush tables: 0  Open tables: 0  Queries per second avg: %.3f",
		int64(up), threads, n, float64(n)/max(up, 1))
}

// fieldList is COM_FIELD_LIST: the columns of a table.
func (c *conn) fieldList(data []byte) error {
	p := &payload{b: data}
	t, err := c.executor(c.ctx).findTable("", p.zero())
	if err != nil {
		return c.sendError(asError(err, nil))
	}
	like, stop := string(p.b), newStopper(c.ctx)
	for _, col := range t.columns {
		if like != "" {
			if fits, err := stop.like(col.Name, like, '\\'); err != nil || !fits {
				continue
			}
		}
		if err := c.wire.write(append(c.columnPacket(t.schema, t.name, col), 0xfb)); err != nil {
			return err
		}
	}
	return c.sendEOF(0)
}

// changeUser is COM_CHANGE_USER: a new login on the same connection. A login
// that fails ends the connection, as in MySQL.
func (c *conn) changeUser(data []byte) (more bool, err error) {
	p := &payload{b: data}
	user := p.zero()
	p.take(int(p.uint(1))) // made for a salt that is spent
	c.loginTo = p.zero()
	plugin, collation := "", uint16(0)
	if len(p.b) > 2 {
		collation = uint16(p.uint(2))
		plugin = p.zero()
	}
	if p.bad {
		return false, c.sendError(errMalformed)
	}
	if user, err = c.loginText(collation, user); err != nil {
		return false, c.sendError(asError(err, nil))
	}
	if plugin != nativePassword {
		plugin = cachingSHA2
	}
	response, err := c.switchPlugin(plugin)
	if err == nil {
		err = c.authenticate(user, plugin, response)
	}
	if err == nil {
		err = c.welcome(user)
	}
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			return false, c.sendError(own)
		}
		return false, err
	}
	c.dropPrepared()
	return true, c.sendOK(&Result{})
}
