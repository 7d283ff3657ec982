package apply

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sluice/gateway/apply/wire"
)

// simLanes makes the connections of one owner's lanes.
type simLanes struct{ simConnector }

func (c *simLanes) Connect(ctx context.Context) (Conn, error) {
	k, err := c.simConnector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &simLane{simConn: k.(*simConn), prepared: map[uint32]*simPrepared{}}, nil
}

// simLane is a simConn that takes a lane's commands.
type simLane struct {
	*simConn
	prepared map[uint32]*simPrepared
}

// simPrepared is a prepared statement: the texts around its question marks, and
// the types that it was executed with first.
type simPrepared struct {
	parts []string
	types []wire.Type
}

func (c *simLane) Exec(ctx context.Context, packet []byte) ([]int64, error) {
	sql := string(packet[wire.HeaderBytes+1:])
	if packet[wire.HeaderBytes] == 0x17 {
		sql = c.execution(packet[wire.HeaderBytes+1:])
		c.db.mu.Lock()
		c.db.executed++
		c.db.mu.Unlock()
	}
	a := c.request(ctx, sql)
	return a.counts, a.err
}

func (c *simLane) Query(ctx context.Context, sql string) ([][]string, error) {
	a := c.request(ctx, sql)
	return a.rows, a.err
}

func (c *simLane) Prepare(ctx context.Context, sql string) (uint32, int, error) {
	if a := c.request(ctx, "PREPARE"); a.err != nil {
		return 0, 0, a.err
	}
	p := &simPrepared{parts: strings.Split(sql, "?")}
	id := uint32(len(c.prepared) + 1)
	c.prepared[id] = p
	return id, len(p.parts) - 1, nil
}

func (c *simLane) Forget(id uint32) error {
	c.prepared[id] = &simPrepared{}
	return nil
}

// execution returns the text that an execution stands for.
func (c *simLane) execution(b []byte) string {
	p := c.prepared[binary.LittleEndian.Uint32(b)]
	params := len(p.parts) - 1
	b = b[4+1+4:]
	for _, nulls := range b[:(params+7)/8] {
		if nulls != 0 {
			panic("a parameter is NULL")
		}
	}
	b = b[(params+7)/8:]
	bound := b[0] == 1
	if b = b[1:]; bound {
		p.types = nil
		for range params {
			p.types = append(p.types, wire.Type(binary.LittleEndian.Uint16(b)))
			b = b[2:]
		}
	}
	sql := p.parts[0]
	for i, t := range p.types {
		var text string
		switch t {
		case wire.Int:
			text, b = strconv.FormatInt(int64(binary.LittleEndian.Uint64(b)), 10), b[8:]
		case wire.Uint:
			text, b = strconv.FormatUint(binary.LittleEndian.Uint64(b), 10), b[8:]
		case wire.Double:
			text, b = fmt.Sprint(math.Float64frombits(binary.LittleEndian.Uint64(b))), b[8:]
		default:
			n := int(b[0])
			if n > 250 {
				panic("a long text")
			}
			text, b = Literal(string(b[1:1+n])), b[1+n:]
		}
		sql += text + p.parts[i+1]
	}
	if len(b) > 0 || len(p.types) != params {
		panic("an execution has other parameters than its statement")
	}
	return sql
}
