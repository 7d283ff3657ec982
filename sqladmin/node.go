package sqladmin

// MoveChannel is MOVE CHANNEL 'c' TO NODE n.
type MoveChannel struct {
	Channel string
	Node    string
}

// DrainNode is DRAIN NODE n and UNDRAIN NODE n.
type DrainNode struct {
	Node string
	Undo bool // UNDRAIN
}

// Verb implements Statement.
func (*MoveChannel) Verb() string { return "MOVE CHANNEL" }

// Verb implements Statement.
func (d *DrainNode) Verb() string {
	if d.Undo {
		return "UNDRAIN NODE"
	}
	return "DRAIN NODE"
}

func parseMoveChannel(p *parser) Statement {
	m := &MoveChannel{Channel: p.channelName()}
	p.expectWords("TO NODE")
	m.Node = p.nameOrString("node")
	return m
}

func parseDrain(undo bool) func(*parser) Statement {
	return func(p *parser) Statement { return &DrainNode{Node: p.nameOrString("node"), Undo: undo} }
}
