package sqladmin

import (
	"context"
	"sync"
)

// The limits of clients, in bytes unless the name says otherwise. docs/limits.md
// states the limits that users can meet.
const (
	// maxPacketBytes bounds a packet of a client that has logged in. It is
	// @@max_allowed_packet. A migration that names 100,000 tables needs 8 MiB.
	maxPacketBytes = 32 << 20
	// maxDrainBytes is how much of a larger packet is read and dropped, so that
	// the client gets the error. Beyond it the connection ends.
	maxDrainBytes = 64 << 20
	// loginPacketBytes bounds a packet of a client that has not logged in.
	loginPacketBytes = 64 << 10
	// maxTokens bounds a statement's tokens: 32 MiB of them.
	maxTokens = 1 << 19
	// maxSQLBytes and maxSQLTokens bound what TiDB's parser gets: SELECT, DO and
	// SET. A token costs the parser about 1 KiB.
	maxSQLBytes  = 1 << 20
	maxSQLTokens = 20000
	// maxNesting bounds the depth of an expression. Each level costs the
	// evaluator about 1 KiB of stack.
	maxNesting = 1000
	// maxValueBytes bounds one value: a literal or a function's result.
	maxValueBytes = 1 << 20
	// maxComputedBytes bounds the results of all functions of one statement.
	maxComputedBytes = 16 << 20
	// maxRowBytes bounds the rows that one statement reads and returns.
	maxRowBytes = 128 << 20
	// maxSentRow bounds the texts of one row of a result on its way to the client.
	maxSentRow = maxPacketBytes
	// maxPatternBytes and maxPatternSteps bound a regular expression.
	maxPatternBytes = 4 << 10
	maxPatternSteps = 20000
	// maxPrepared and maxPreparedBytes bound a session's prepared statements,
	// with the parameters that were sent ahead of an execution.
	maxPrepared      = 1000
	maxPreparedBytes = 16 << 20
	maxParams        = 65535
	// maxVariableBytes bounds a session's variables.
	maxVariableBytes = 256 << 10
	// maxWarnings and maxWarningBytes bound what a session keeps for SHOW WARNINGS:
	// their number, as MySQL's max_error_count has it, and each of their texts.
	maxWarnings     = 1024
	maxWarningBytes = 16 << 10
	// maxKeptBytes bounds all that a session keeps between two statements, without
	// its prepared statements.
	maxKeptBytes = maxVariableBytes + 2*maxWarnings*maxWarningBytes
	// maxNodeBytes bounds the memory of all clients of a node together.
	maxNodeBytes = 256 << 20
	// freeBytes of each packet and statement are not counted, so that a short KILL
	// is always possible: 1,000 connections take 64 MB of them at most.
	freeBytes = 64 << 10
	// freeKeptBytes of what a session keeps are not counted: the variables that
	// drivers set when they connect, and a short prepared statement.
	freeKeptBytes = 8 << 10
	// stepBytes is how much of the node's memory is taken at a time, so that its
	// lock is taken rarely.
	stepBytes = 64 << 10
)

// memory counts the bytes that all clients of a node make it hold.
type memory struct {
	mu    sync.Mutex
	used  int64
	limit int64
}

func (m *memory) take(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+n > m.limit {
		return false
	}
	m.used += n
	return true
}

func (m *memory) give(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
}

// holding is the part of the node's memory that one packet, statement or
// session holds. It belongs to one goroutine at a time.
type holding struct {
	node  *memory
	what  string // for messages: what holds it
	limit int64
	free  int64 // the first bytes, which the node does not count
	used  int64
	taken int64 // of the node's memory; at least used-free
}

// holding returns the holding of a packet or a statement. Its first freeBytes
// are not counted.
func (m *memory) holding(what string, limit int64) *holding {
	return &holding{node: m, what: what, limit: limit, free: freeBytes}
}

// keeping returns a holding of which all but the first free bytes are counted.
// It is for what a session keeps while it is idle.
func (m *memory) keeping(what string, limit, free int64) *holding {
	return &holding{node: m, what: what, limit: limit, free: free}
}

// add takes n more bytes. The error is CodeLimit when the holder's own limit is
// reached, and CodeMemory when the node's is.
func (h *holding) add(n int) error {
	if h == nil {
		return nil
	}
	if h.used+int64(n) > h.limit {
		return limitError("%s holds more than %d bytes", h.what, h.limit)
	}
	if need := h.used + int64(n) - h.free - h.taken; need > 0 {
		need = max(need, min(stepBytes, h.limit))
		if !h.node.take(need) {
			return Errorf(CodeMemory, "the admin port's clients hold %d MiB of this node's memory, which is all they may", h.node.limit>>20).
				WithRemedy("repeat the statement later; SHOW PROCESSLIST and KILL end the statements that hold it")
		}
		h.taken += need
	}
	h.used += int64(n)
	return nil
}

// sub gives n bytes back. The node gets them in steps: other clients can have
// what this one does not hold any longer.
func (h *holding) sub(n int) {
	h.used = max(h.used-int64(n), 0)
	if over := h.taken - max(h.used-h.free, 0); over >= 2*stepBytes || h.used <= h.free {
		h.node.give(over)
		h.taken -= over
	}
}

// set makes h hold n bytes in all. On an error h is unchanged.
func (h *holding) set(n int) error {
	if h == nil {
		return nil
	}
	if more := n - int(h.used); more > 0 {
		return h.add(more)
	}
	h.sub(int(h.used) - n)
	return nil
}

// drop gives everything back.
func (h *holding) drop() {
	if h == nil {
		return
	}
	h.node.give(h.taken)
	h.used, h.taken = 0, 0
}

// limitError is CodeLimit: what exceeds which limit.
func limitError(format string, args ...any) *Error {
	return Errorf(CodeLimit, format, args...).WithRemedy("make the statement smaller; docs/limits.md lists the limits of the admin port")
}

// stepsPerLook is how many steps a statement takes between two looks at its
// context. A step costs less than a microsecond.
const stepsPerLook = 1024

// stopper ends loops whose statement has to end. It belongs to one goroutine.
type stopper struct {
	ended func() error
	steps int
}

func newStopper(ctx context.Context) *stopper { return &stopper{ended: ctx.Err} }

// step returns an error when the statement has to end. n is how much work is
// about to be done: characters that are compared, say.
func (s *stopper) step(n int) error {
	if s.steps += n; s.steps < stepsPerLook {
		return nil
	}
	s.steps = 0
	return s.ended()
}
