package blackhole

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
)

// conn is one client connection and its connection to the TiDB behind.
type conn struct {
	s                *Server
	client, upstream net.Conn
	in               inbox
	out              []byte
	tables           map[string]*table

	prepared prepared

	lane    bool // inside a lane transaction
	pending []change
	chunks  []string
}

// change is what an open transaction does to a table.
type change struct {
	table            *table
	kind             kind
	rows, statements uint64
}

func (s *Server) serve(client net.Conn) {
	defer client.Close()
	var d net.Dialer
	upstream, err := d.DialContext(s.ctx, "tcp", s.upstream)
	if err != nil {
		_, _ = client.Write(appendError(nil, 0, 1105, "", "the TiDB behind cannot be reached: "+err.Error()))
		return
	}
	defer upstream.Close()
	stop := context.AfterFunc(s.ctx, func() {
		_ = client.Close()
		_ = upstream.Close()
	})
	defer stop()
	greeting, err := readPacket(upstream)
	if err == nil {
		err = plain(greeting)
	}
	if err != nil {
		_, _ = client.Write(appendError(nil, 0, 1105, "", "the TiDB behind gave no greeting: "+err.Error()))
		return
	}
	if _, err := client.Write(greeting); err != nil {
		return
	}
	c := &conn{s: s, client: client, upstream: upstream, in: inbox{r: client}, tables: map[string]*table{}}
	relayed := make(chan struct{})
	go func() {
		defer close(relayed)
		c.relay(client, upstream)
	}()
	c.run()
	_ = upstream.Close()
	<-relayed
}

// run handles commands until one side closes.
func (c *conn) run() {
	for {
		cmd, err := c.in.next()
		if err != nil {
			return
		}
		if err := c.handle(&cmd); err != nil {
			return
		}
	}
}

// handle forwards a command or answers it. Packets of the handshake and of
// LOAD DATA LOCAL have a sequence number above 0 and are forwarded.
func (c *conn) handle(cmd *command) error {
	if cmd.first != 0 || len(cmd.payload) == 0 {
		return cmd.forward(c.upstream)
	}
	query := cmd.payload[1:]
	switch verb := cmd.payload[0]; {
	case verb == comStmtClose:
		c.prepared.of(cmd.payload, true)
		return cmd.forward(c.upstream)
	case !c.lane && verb == comStmtPrepare:
		c.prepared.expect(query)
		return cmd.forward(c.upstream)
	case c.lane && verb == comStmtExecute:
		c.s.bytes.Add(uint64(len(cmd.payload) + headerBytes*cmd.packets))
		c.execute(cmd)
	case !c.lane && (verb != comQuery || !beginsLane(query)):
		return cmd.forward(c.upstream)
	case verb == comQuit || verb == comPing:
		return cmd.forward(c.upstream)
	case verb != comQuery:
		c.s.refused.Add(1)
		c.out = appendError(c.out[:0], cmd.last+1, 1064, "42000", fmt.Sprintf("command %d inside a lane transaction", verb))
	default:
		c.s.bytes.Add(uint64(len(cmd.payload) + headerBytes*cmd.packets))
		c.swallow(query, cmd.last+1)
	}
	_, err := c.client.Write(c.out)
	return err
}

// swallow makes the answer to a packet of a lane transaction in out.
func (c *conn) swallow(query []byte, seq byte) {
	c.out = c.out[:0]
	s := scanner{b: query}
	last := -1 // where the last OK packet begins
	for {
		st, err := s.statement()
		if err == io.EOF && last >= 0 {
			return
		}
		if err != nil || !c.apply(&st) {
			c.s.refused.Add(1)
			c.out = appendError(c.out, seq, 1064, "42000", refusal(query[min(st.start, len(query)):], err))
			return
		}
		status := uint16(statusAutocommit)
		if c.lane {
			status |= statusInTransaction
		}
		if !s.done() {
			status |= statusMoreResults
		}
		last = len(c.out)
		c.out = appendOK(c.out, seq, st.affected, status)
		seq++
	}
}

// execute makes the answer to a prepared statement of a lane transaction in out.
func (c *conn) execute(cmd *command) {
	st := c.prepared.of(cmd.payload, false)
	if st == nil || !c.apply(st) {
		c.s.refused.Add(1)
		c.out = appendError(c.out[:0], cmd.last+1, 1243, "HY000", "no row statement with this number was prepared")
		return
	}
	c.out = appendOK(c.out[:0], cmd.last+1, st.affected, statusAutocommit|statusInTransaction)
}

// refusal quotes the beginning of a statement.
func refusal(text []byte, err error) string {
	why := "it does not belong in a lane transaction"
	if err != nil {
		why = err.Error()
	}
	return fmt.Sprintf("%s: near '%s'", why, strings.ToValidUTF8(string(text[:min(len(text), 80)]), "?"))
}

// apply takes a statement into the connection's transaction; false when it
// cannot come where it does.
func (c *conn) apply(st *statement) bool {
	if (st.kind == kindBegin) == c.lane {
		return false
	}
	switch st.kind {
	case kindBegin:
		c.lane = true
	case kindCommit:
		c.commit()
	case kindRollback:
		c.s.rollbacks.Add(1)
		c.end()
	default:
		c.add(st)
	}
	return true
}

// add counts a row statement's rows for the commit. The guard counts for
// nothing.
func (c *conn) add(st *statement) {
	t := c.tables[string(st.table)]
	if t == nil {
		if isMeta(st.table, "lanes") {
			return
		}
		name := string(st.table)
		t = c.s.table(name)
		c.tables[name] = t
	}
	if t.meta && isMeta(st.table, "chunks") {
		c.chunks = append(c.chunks, string(st.text))
	}
	if n := len(c.pending); n > 0 && c.pending[n-1].table == t && c.pending[n-1].kind == st.kind {
		c.pending[n-1].rows += st.rows
		c.pending[n-1].statements++
		return
	}
	c.pending = append(c.pending, change{t, st.kind, st.rows, 1})
}

func (c *conn) commit() {
	for i := range c.pending {
		p := &c.pending[i]
		p.table.rows[p.kind].Add(p.rows)
		p.table.statements.Add(p.statements)
		if !p.table.meta {
			c.s.rows.Add(p.rows)
		}
	}
	if len(c.chunks) > 0 {
		c.s.mu.Lock()
		c.s.counters.chunks = append(c.s.counters.chunks, c.chunks...)
		c.s.mu.Unlock()
	}
	c.s.commits.Add(1)
	c.end()
}

func (c *conn) end() {
	c.lane, c.pending, c.chunks = false, c.pending[:0], nil
}
