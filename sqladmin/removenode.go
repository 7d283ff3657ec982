package sqladmin

// RemoveNode is REMOVE NODE n: it forgets a node that left or died.
type RemoveNode struct{ Node string }

// Verb implements Statement.
func (*RemoveNode) Verb() string { return "REMOVE NODE" }

func parseRemoveNode(p *parser) Statement { return &RemoveNode{Node: p.nameOrString("node")} }
