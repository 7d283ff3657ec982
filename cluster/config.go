package cluster

import (
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"time"
)

// How fast a node's end is noticed. A claim is safe with any values; these set
// how long a dead node's channels stand still, and how rarely a slow node loses
// its channels although it lives.
const (
	// heartbeatEvery is how often a node writes its row. staleAfter must allow
	// for a missed one.
	heartbeatEvery = time.Second
	// staleAfter is the heartbeat age at which a node that gossip calls dead
	// loses its channels: two missed heartbeats and some delay.
	staleAfter = 2500 * time.Millisecond
	// deadAfter is the heartbeat age at which a node loses its channels
	// whatever gossip says.
	deadAfter = 10 * time.Second
	// rankStep is how much longer each next node in a channel's ranking waits.
	rankStep = 500 * time.Millisecond
	// pinnedGrace is how long the others leave a moved channel to the node it
	// is moved to: longer than one poll of the store.
	pinnedGrace = 3 * time.Second
	// ownerGrace is how long a node that starts, or finds the store again,
	// leaves other nodes' channels alone, so that they can heartbeat first.
	ownerGrace = 2500 * time.Millisecond
	// resumeSpread is the random part of the wait after a store outage.
	resumeSpread = 3 * time.Second
	// storeTimeout bounds each statement of the heartbeat.
	storeTimeout = 2 * time.Second
	// nodesPerSecond bounds how many node rows a node reads per second.
	nodesPerSecond = 100

	probeInterval  = 300 * time.Millisecond
	probeTimeout   = 200 * time.Millisecond
	gossipInterval = 100 * time.Millisecond
	suspicionMult  = 3
	// gossipTCPTimeout bounds a join to one address that does not answer.
	gossipTCPTimeout = 3 * time.Second
	// rejoinEvery is how often a node looks for live nodes of the store that
	// its gossip does not know: this heals a split.
	rejoinEvery = 5 * time.Second
	// leaveTimeout bounds how long Close waits for its farewell to be sent.
	leaveTimeout = time.Second
)

// minKeyBytes is the shortest cluster key accepted: shorter ones can be guessed.
const minKeyBytes = 16

// Config says how a node takes part in its cluster.
type Config struct {
	Node string  // unique name, 1 to 64 characters; survives restarts
	DB   *sql.DB // the store; stays open after Close

	BindAddr      string   // gossip listens here, "host:port"; port 0 takes a free one
	AdvertiseAddr string   // "host:port" that others reach; "" means BindAddr
	Join          []string // gossip addresses of other nodes; those in the store are found without
	Key           []byte   // the cluster key, at least 16 bytes; nil means gossip without encryption
	OldKey        []byte   // the cluster key before, while it is changed; nil otherwise
	FromKeyless   bool     // other nodes may have no key yet

	AdminAddr string // shown to operators
	HTTPAddr  string // likewise
	Version   string // likewise
	Weight    int    // share of the channels relative to other nodes; 0 means the number of CPUs

	// Crash says that the process before this one crashed: a panic or a fatal error of the runtime, and not a kill. It
	// counts against the channels that it may be due to.
	Crash bool

	Logger *slog.Logger // nil discards
}

func (c *Config) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
	}
	if c.Node == "" || len(c.Node) > 64 || strings.ContainsAny(c.Node, "/ \t\n") {
		return bad("Node must have 1 to 64 characters without spaces and slashes")
	}
	if c.DB == nil {
		return bad("DB is missing")
	}
	for _, key := range [][]byte{c.Key, c.OldKey} {
		if key != nil && len(key) < minKeyBytes {
			return bad("a cluster key must have at least %d bytes", minKeyBytes)
		}
	}
	if c.Key == nil && (c.OldKey != nil || c.FromKeyless) {
		return bad("a key before needs a present one")
	}
	if _, _, err := net.SplitHostPort(c.BindAddr); err != nil {
		return bad("BindAddr: %v", err)
	}
	if c.AdvertiseAddr != "" {
		if _, _, err := net.SplitHostPort(c.AdvertiseAddr); err != nil {
			return bad("AdvertiseAddr: %v", err)
		}
	}
	if c.Weight < 0 {
		return bad("Weight must not be negative")
	}
	if c.Weight == 0 {
		c.Weight = runtime.NumCPU()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
