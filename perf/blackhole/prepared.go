package blackhole

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
)

// prepared are a connection's row statements that the TiDB behind has prepared,
// by the number that it gave them. The relay learns the numbers, the reader of
// commands uses them.
type prepared struct {
	mu   sync.Mutex
	byID map[uint32]*statement
	// next is the statement whose answer comes next, head what has come of it.
	next *statement
	head []byte
}

// expect is called before a PREPARE is forwarded.
func (p *prepared) expect(text []byte) {
	s := scanner{b: bytes.Clone(text)}
	st, err := s.statement()
	if err != nil || st.kind >= kinds || !s.done() {
		return // none that a lane may execute; the TiDB answers it
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next, p.head = &st, nil
}

// learn looks at what the TiDB behind answers: a packet that begins with 0 and
// the statement's number.
func (p *prepared) learn(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		return
	}
	const need = headerBytes + 5
	p.head = append(p.head, b[:min(len(b), need-len(p.head))]...)
	if len(p.head) < need {
		return
	}
	if p.head[headerBytes] == 0 {
		if p.byID == nil {
			p.byID = map[uint32]*statement{}
		}
		p.byID[binary.LittleEndian.Uint32(p.head[headerBytes+1:])] = p.next
	}
	p.next = nil
}

// of returns the statement that a COM_STMT_EXECUTE or COM_STMT_CLOSE names.
func (p *prepared) of(payload []byte, forget bool) *statement {
	if len(payload) < 5 {
		return nil
	}
	id := binary.LittleEndian.Uint32(payload[1:])
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.byID[id]
	if forget {
		delete(p.byID, id)
	}
	return st
}

// relay hands everything that the TiDB says to the client as it comes. What is
// answered here cannot mix with it: a client sends its next command after it
// has read the answer to the last.
func (c *conn) relay(client, upstream net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := upstream.Read(buf)
		c.prepared.learn(buf[:n])
		if n > 0 {
			if _, werr := client.Write(buf[:n]); werr != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = client.Close()
}
