package cluster

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// gossipState is what gossip says of one incarnation of a node.
type gossipState uint8

const (
	gossipUnknown gossipState = iota // never heard of
	gossipAlive
	gossipCut  // alive, but says that it does not reach the store
	gossipDead // dead, or left
)

// meta is what each node tells all others; at most memberlist.MetaMaxSize bytes.
type meta struct {
	Node        string `json:"n"`
	Incarnation uint64 `json:"i"`
	StoreOK     bool   `json:"s"`
}

// peer is one incarnation of a node as gossip knows it.
type peer struct {
	state gossipState
	at    time.Time // of the last change
}

type peerKey struct {
	node        string
	incarnation uint64
}

// knownFunc reports whether the store has a node's incarnation at a gossip
// address. It does not block.
type knownFunc func(node string, incarnation uint64, addr string) bool

// gossip is this node's membership in the gossip. Each incarnation of a node is
// a member of its own, named node/incarnation: a restarted node is new to its
// peers, never mistaken for the dead one, whatever its address.
type gossip struct {
	self    meta // StoreOK unused: see storeOK
	storeOK atomic.Bool
	wake    func() // called without blocking whenever something changed
	log     *slog.Logger

	transport *transport
	lines     *gossipLog
	known     knownFunc
	rejected  atomic.Uint64 // messages about, or of, members that there are not

	keys    [][]byte // the present one first; none without encryption
	keyring *memberlist.Keyring

	list   *memberlist.Memberlist
	queue  memberlist.TransmitLimitedQueue
	notify atomic.Uint64 // number of the last notification sent

	mu    sync.Mutex
	peers map[peerKey]peer
	heard map[string]uint64 // last notification number by member name
}

func resolve(ctx context.Context, addr string) (host string, port int, err error) {
	h, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("gossip address %q: %w", addr, err)
	}
	if port, err = strconv.Atoi(p); err != nil {
		return "", 0, fmt.Errorf("gossip address %q: port: %w", addr, err)
	}
	if h == "" {
		return "0.0.0.0", port, nil
	}
	if net.ParseIP(h) != nil {
		return h, port, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", h)
	if err != nil {
		return "", 0, fmt.Errorf("gossip address %q: %w", addr, err)
	}
	return ips[0].Unmap().String(), port, nil
}

// gossipAddr returns the address that others will reach t at.
func gossipAddr(ctx context.Context, cfg *Config, t *transport) (string, error) {
	host, port := "", t.GetAutoBindPort()
	if cfg.AdvertiseAddr != "" {
		var err error
		if host, port, err = resolve(ctx, cfg.AdvertiseAddr); err != nil {
			return "", err
		}
	}
	ip, port, err := t.FinalAdvertiseAddr(host, port)
	if err != nil {
		return "", fmt.Errorf("gossip address: %w", err)
	}
	return net.JoinHostPort(ip.String(), strconv.Itoa(port)), nil
}

// startGossip makes the node a member, of a cluster of its own until join.
func startGossip(ctx context.Context, cfg *Config, t *transport, log *gossipLog, known knownFunc, incarnation uint64,
	wake func()) (*gossip, error) {
	g := &gossip{
		self: meta{Node: cfg.Node, Incarnation: incarnation}, wake: wake, log: cfg.Logger,
		transport: t, lines: log, known: known,
		peers: map[peerKey]peer{}, heard: map[string]uint64{},
	}
	g.storeOK.Store(true)
	host, _, err := resolve(ctx, cfg.BindAddr)
	if err != nil {
		return nil, err
	}
	mc := memberlist.DefaultLANConfig()
	mc.Name = memberName(cfg.Node, incarnation)
	mc.Transport = t
	mc.BindAddr, mc.BindPort, mc.AdvertisePort = host, t.GetAutoBindPort(), t.GetAutoBindPort()
	if cfg.AdvertiseAddr != "" {
		if mc.AdvertiseAddr, mc.AdvertisePort, err = resolve(ctx, cfg.AdvertiseAddr); err != nil {
			return nil, err
		}
	}
	mc.ProbeInterval, mc.ProbeTimeout, mc.GossipInterval = probeInterval, probeTimeout, gossipInterval
	mc.SuspicionMult, mc.SuspicionMaxTimeoutMult = suspicionMult, 3
	mc.TCPTimeout = gossipTCPTimeout
	mc.Delegate, mc.Events = g, g
	mc.Logger = log.adapter()
	if g.keys, err = cfg.gossipKeys(); err != nil {
		return nil, err
	}
	if len(g.keys) == 0 {
		mc.Alive = g // with a key, only members can send
	} else if mc.Keyring, err = memberlist.NewKeyring(g.keys, g.keys[len(g.keys)-1]); err != nil {
		return nil, fmt.Errorf("gossip keys: %w", err)
	} else {
		g.keyring = mc.Keyring
	}
	g.queue.RetransmitMult = mc.RetransmitMult
	g.queue.NumNodes = g.size
	if g.list, err = memberlist.Create(mc); err != nil {
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	return g, nil
}

// join contacts the addresses until one answered. That a peer has another
// cluster key is ErrWrongKey; that nobody answers is the last error.
func (g *gossip) join(addrs []string) error {
	var last error
	for _, a := range addrs {
		_, err := g.list.Join([]string{a})
		switch {
		case err == nil:
			return nil
		case wrongKey(err):
			return fmt.Errorf("join %s: %w", a, ErrWrongKey)
		}
		last = fmt.Errorf("join %s: %w", a, err)
	}
	return last
}

// wrongKey recognises memberlist's errors of a join between members whose keys
// differ (memberlist net.go and security.go; it has no sentinels for them).
func wrongKey(err error) bool {
	s := strings.ToLower(err.Error())
	for _, sign := range []string{
		"no installed keys could decrypt",                            // both have a key
		"encryption is configured but remote state is not encrypted", // only one has
		"remote state is encrypted and encryption is not configured",
	} {
		if strings.Contains(s, sign) {
			return true
		}
	}
	return false
}

// addr returns the address at which others reach this member.
func (g *gossip) addr() string { return g.list.LocalNode().Address() }

// state returns what gossip says of one incarnation of a node.
func (g *gossip) state(node string, incarnation uint64) peer {
	if node == g.self.Node && incarnation == g.self.Incarnation {
		if g.storeOK.Load() {
			return peer{state: gossipAlive}
		}
		return peer{state: gossipCut}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peers[peerKey{node, incarnation}]
}

// size is the number of live members, with this one.
func (g *gossip) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 1
	for _, p := range g.peers {
		if p.state == gossipAlive || p.state == gossipCut {
			n++
		}
	}
	return n
}

// setStoreOK tells the others whether this node reaches the store. It blocks
// until the news is on its way, for a fraction of a second at most.
func (g *gossip) setStoreOK(ok bool) {
	if g.storeOK.Swap(ok) == ok {
		return
	}
	if err := g.list.UpdateNode(2 * gossipInterval); err != nil {
		// It goes out all the same: with the next gossip, or by push/pull.
		g.log.Debug("gossip store state", "err", err)
	}
}

// sendWith makes the present key, or the one before, the key that messages are
// sent with. Both are understood. It returns whether that was another one.
func (g *gossip) sendWith(present bool) (changed bool, err error) {
	key := g.keys[len(g.keys)-1]
	if present {
		key = g.keys[0]
	}
	if bytes.Equal(g.keyring.GetPrimaryKey(), key) {
		return false, nil
	}
	if err := g.keyring.UseKey(key); err != nil {
		return false, fmt.Errorf("use gossip key: %w", err)
	}
	return true, nil
}

// announce tells all members to look at the store now.
func (g *gossip) announce() {
	g.queue.QueueBroadcast(note(g.list.LocalNode().Name, g.notify.Add(1)))
}

// stop leaves the cluster, telling the others, and closes all sockets.
func (g *gossip) stop() error {
	if err := g.list.Leave(leaveTimeout); err != nil {
		g.log.Debug("leave gossip", "err", err)
	}
	if err := g.list.Shutdown(); err != nil {
		return fmt.Errorf("stop gossip: %w", err)
	}
	return nil
}

func memberName(node string, incarnation uint64) string {
	return node + "/" + strconv.FormatUint(incarnation, 10)
}

// NotifyJoin is memberlist's callback for a new or returned member. It and the
// next ones run under memberlist's lock and must not block.
func (g *gossip) NotifyJoin(n *memberlist.Node) { g.saw(n) }

// NotifyUpdate is memberlist's callback for a member's changed meta.
func (g *gossip) NotifyUpdate(n *memberlist.Node) { g.saw(n) }

// NotifyLeave is memberlist's callback for a member that died or left.
func (g *gossip) NotifyLeave(n *memberlist.Node) { g.set(n, gossipDead) }

func (g *gossip) saw(n *memberlist.Node) {
	var m meta
	if err := json.Unmarshal(n.Meta, &m); err != nil {
		g.log.Warn("gossip member with unreadable meta", "member", n.Name, "err", err)
		return
	}
	if m.StoreOK {
		g.set(n, gossipAlive)
	} else {
		g.set(n, gossipCut)
	}
}

// memberKey reads a member's name; ok is false for one that memberName does not
// make.
func memberKey(name string) (k peerKey, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 1 {
		return k, false
	}
	inc, err := strconv.ParseUint(name[i+1:], 10, 64)
	k = peerKey{name[:i], inc}
	return k, err == nil && memberName(k.node, k.incarnation) == name
}

func (g *gossip) isSelf(k peerKey) bool {
	return k.node == g.self.Node && k.incarnation == g.self.Incarnation
}

var errInvented = errors.New("the store knows no such member")

// NotifyAlive is memberlist's callback for a message that a member lives: an
// error makes memberlist ignore it. It is used where gossip has no key, so that
// anybody on this machine can send such messages: without it each invented
// member would take memory for ever, and hold up the leaving of this one.
func (g *gossip) NotifyAlive(n *memberlist.Node) error {
	k, ok := memberKey(n.Name)
	if ok && g.isSelf(k) {
		return nil
	}
	var m meta
	ok = ok && json.Unmarshal(n.Meta, &m) == nil && m.Node == k.node && m.Incarnation == k.incarnation
	if ok && g.known(k.node, k.incarnation, n.Address()) {
		return nil
	}
	g.rejected.Add(1)
	return errInvented
}

func (g *gossip) set(n *memberlist.Node, s gossipState) {
	k, ok := memberKey(n.Name)
	if !ok || g.isSelf(k) {
		return
	}
	g.mu.Lock()
	g.peers[k] = peer{state: s, at: time.Now()}
	if s == gossipDead {
		delete(g.heard, n.Name)
	}
	if s != gossipDead {
		for old := range g.peers { // a newer incarnation ends the older ones
			if old.node == k.node && old.incarnation < k.incarnation {
				delete(g.peers, old)
				delete(g.heard, memberName(old.node, old.incarnation))
			}
		}
	}
	g.mu.Unlock()
	g.wake()
}

// NodeMeta is memberlist's callback for this member's own meta.
func (g *gossip) NodeMeta(int) []byte {
	m := g.self
	m.StoreOK = g.storeOK.Load()
	b, err := json.Marshal(m)
	if err != nil { // a struct of string, number and bool always marshals
		return nil
	}
	return b
}

// NotifyMsg is memberlist's callback for a notification: number, then the
// sender's name. A new one is passed on and wakes this node.
func (g *gossip) NotifyMsg(b []byte) {
	if len(b) <= 8 {
		return
	}
	seq, name := binary.BigEndian.Uint64(b), string(b[8:])
	k, ok := memberKey(name)
	if ok && g.isSelf(k) {
		return
	}
	g.mu.Lock()
	// Only members are remembered: anybody may invent names where gossip has no
	// key. The notification of a member that is not known yet is lost; the store
	// is looked at within a second anyway.
	p := g.peers[k]
	ok = ok && (p.state == gossipAlive || p.state == gossipCut)
	fresh := ok && seq > g.heard[name]
	if fresh {
		g.heard[name] = seq
	}
	g.mu.Unlock()
	if !ok {
		g.rejected.Add(1)
	}
	if fresh {
		g.queue.QueueBroadcast(note(name, seq))
		g.wake()
	}
}

// GetBroadcasts is memberlist's callback for what to send with the next gossip.
func (g *gossip) GetBroadcasts(overhead, limit int) [][]byte {
	return g.queue.GetBroadcasts(overhead, limit)
}

// LocalState is memberlist's callback for push/pull; there is no state to send.
func (g *gossip) LocalState(bool) []byte { return nil }

// MergeRemoteState is memberlist's callback for push/pull.
func (g *gossip) MergeRemoteState([]byte, bool) {}

// notification is a queued "look at the store now". A newer one of the same
// sender replaces an older one, so the queue holds at most one per member.
type notification struct {
	name string
	msg  []byte
}

func note(name string, seq uint64) *notification {
	return &notification{name, append(binary.BigEndian.AppendUint64(nil, seq), name...)}
}

// Name makes notifications of one sender replace each other in the queue.
func (n *notification) Name() string { return n.name }

// Invalidates says whether n replaces other.
func (n *notification) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*notification)
	return ok && o.name == n.name
}

// Message is what is sent.
func (n *notification) Message() []byte { return n.msg }

// Finished is called when it was sent often enough, or replaced.
func (n *notification) Finished() {}
