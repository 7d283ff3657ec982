package cluster

import (
	"sync/atomic"
	"time"
)

// strangeEvery bounds how often a member that the store did not know makes this
// node look at the store: anybody may invent members where gossip has no key.
const strangeEvery = 500 * time.Millisecond

// strange is about members that gossip names and the node rows, as last read, do
// not.
type strange struct {
	met    atomic.Bool  // since the rows were read
	looked atomic.Int64 // when the store was last looked at for that reason, in UnixNano
}

// registered reports whether the node rows have the incarnation of a node at a
// gossip address. A node registers before it gossips, so that what is missing in
// rows of a second ago may be there now: they are read again soon, and nodes
// that gossip does not know yet are joined then.
func (c *Cluster) registered(node string, incarnation uint64, addr string) bool {
	rows, _ := c.view.get()
	for i := range rows {
		if rows[i].node == node && rows[i].incarnation == incarnation && rows[i].gossipAddr == addr {
			return true
		}
	}
	c.strange.met.Store(true)
	now, last := time.Now().UnixNano(), c.strange.looked.Load()
	if now-last >= int64(strangeEvery) && c.strange.looked.CompareAndSwap(last, now) {
		c.gossipChanged()
	}
	return false
}

// GossipCounts is what the gossip has counted since Open.
type GossipCounts struct {
	Errors   uint64 // lines about errors, also those that were not logged
	Rejected uint64 // messages of or about members that there are not, and streams beyond the bound
}

// GossipCounts returns the gossip's counters.
func (c *Cluster) GossipCounts() GossipCounts {
	g := c.gossip
	return GossipCounts{Errors: g.lines.errors.Load(), Rejected: g.rejected.Load() + g.transport.refused.Load()}
}
