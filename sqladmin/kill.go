package sqladmin

import "context"

// Kill is KILL [CONNECTION | QUERY] id. The Controller gets it only for an id
// that is not this server's: another node's, or none (CodeUnknownThread).
type Kill struct {
	ID    uint32
	Query bool // only the running statement
}

// Verb implements Statement.
func (*Kill) Verb() string { return "KILL" }

func parseKill(p *parser) Statement {
	k := &Kill{}
	if p.words("QUERY") {
		k.Query = true
	} else {
		p.words("CONNECTION")
	}
	k.ID = uint32(p.number("connection id", 0, 1<<32-1))
	return k
}

func (k *Kill) run(ctx context.Context, x *executor) (*Result, error) {
	if x.server.Kill(k.ID, k.Query) {
		return &Result{}, nil
	}
	return x.controller.Execute(ctx, k, x.session.view())
}
