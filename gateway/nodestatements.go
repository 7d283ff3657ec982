package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/cluster"
	"sluice/sqladmin"
)

// moveChannel asks for a channel to run on another node.
func (c *controller) moveChannel(ctx context.Context, x *sqladmin.MoveChannel) (*sqladmin.Result, error) {
	ch, err := c.catalog.ChannelByName(ctx, x.Channel)
	if err != nil {
		return nil, err
	}
	if err := c.mustBeUp(x.Node, x.Verb()); err != nil {
		return nil, err
	}
	changed, err := c.cluster.Move(ctx, ch.Channel, x.Node)
	if errors.Is(err, cluster.ErrUnknownNode) {
		return nil, c.unknownNode(x.Node)
	}
	if err != nil {
		return nil, err
	}
	res := did(changed, fmt.Sprintf("channel '%s' goes to node %s", x.Channel, x.Node),
		sqladmin.Note(sqladmin.CodeAlready, fmt.Sprintf("channel '%s' is on node %s, or on its way there", x.Channel, x.Node)))
	for _, m := range c.cluster.Members() {
		if m.Node == x.Node && (m.State != cluster.Alive || m.Status != cluster.StatusUp) {
			res.Warnings = append(res.Warnings, sqladmin.Warning{Level: "Warning", Code: sqladmin.CodeNodeDown,
				Message: fmt.Sprintf("node %s is %s and %s: the channel stays until the node takes channels", x.Node, m.State, m.Status),
				Remedy:  "SHOW NODES; UNDRAIN NODE makes a drained node take channels"})
		}
	}
	return res, nil
}

func (c *controller) drainNode(ctx context.Context, x *sqladmin.DrainNode) (*sqladmin.Result, error) {
	act, info, already := c.cluster.Drain, "node %s takes no channels and hands its own over", "node %s is draining already"
	if x.Undo {
		act, info, already = c.cluster.Undrain, "node %s takes channels again", "node %s takes channels already"
	}
	if !x.Undo {
		if err := c.mustBeUp(x.Node, x.Verb()); err != nil {
			return nil, err
		}
	}
	changed, err := act(ctx, x.Node)
	if errors.Is(err, cluster.ErrUnknownNode) {
		return nil, c.unknownNode(x.Node)
	}
	if err != nil {
		return nil, err
	}
	c.cluster.Notify()
	res := did(changed, fmt.Sprintf(info, x.Node), sqladmin.Note(sqladmin.CodeAlready, fmt.Sprintf(already, x.Node)))
	if !x.Undo && !c.takers(x.Node) {
		res.Warnings = append(res.Warnings, sqladmin.Warning{Level: "Warning", Code: sqladmin.CodeNodeDown,
			Message: "no node takes channels now: all migrations wait", Remedy: "start another node, or UNDRAIN NODE " + backquote(x.Node)})
	}
	return res, nil
}

// takers returns true if a node besides the one takes channels.
func (c *controller) takers(but string) bool {
	return slices.ContainsFunc(c.cluster.Members(), func(m cluster.Member) bool {
		return m.Node != but && m.Status == cluster.StatusUp && !down(m.State)
	})
}

func (c *controller) unknownNode(name string) error {
	var names []string
	for _, m := range c.cluster.Members() {
		names = append(names, m.Node)
	}
	return sqladmin.Unknown("node", name, names).WithRemedy("SHOW NODES lists the nodes")
}

// removeNode forgets a node that left or died. One that is only cut off ends itself when
// it finds its row gone; until then it can commit nothing for channels that others have
// taken, as those are fenced.
func (c *controller) removeNode(ctx context.Context, x *sqladmin.RemoveNode) (*sqladmin.Result, error) {
	err := c.cluster.Remove(ctx, x.Node)
	switch {
	case errors.Is(err, cluster.ErrUnknownNode):
		return nil, c.unknownNode(x.Node)
	case errors.Is(err, cluster.ErrNodeLives):
		return nil, sqladmin.Errorf(sqladmin.CodeInUse, "node %s is alive", x.Node).
			WithRemedy("stop it first (SIGTERM); SHOW NODES says when it has left. A node that was killed can be removed after 10 s")
	case err != nil:
		return nil, err
	}
	c.cluster.Notify()
	return did(true, fmt.Sprintf("node %s is forgotten", x.Node), sqladmin.Warning{}), nil
}

// mustBeUp refuses a statement about a node that left or died: it would wait for ever.
func (c *controller) mustBeUp(node, verb string) error {
	for _, m := range c.cluster.Members() {
		if m.Node == node && down(m.State) {
			return sqladmin.Errorf(sqladmin.CodeNodeDown, "%s: node %s is not there (state %s)", verb, node, m.State).
				WithRemedy("start the node again, or forget it with REMOVE NODE %s; SHOW NODES lists the nodes", backquote(node))
		}
	}
	return nil
}

// down reports whether a node in that state runs nothing.
func down(s cluster.State) bool { return s == cluster.Dead || s == cluster.Left }
