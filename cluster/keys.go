package cluster

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The cluster key changes while nodes run. A node that is started with the new
// key and the one before understands both, and says so in its row (key_check).
// Everybody goes on sending with the key before until every live node knows the
// new one: settleKeys looks at the rows each second. Nodes without any key
// understand no encryption: while a cluster goes from no key to one, its nodes
// with and without hear of each other through the store alone.

// fingerprintChars is how much of a key's check value a node's row has when the
// node knows two keys: both fit into the column.
const fingerprintChars = 31

// keyless stands for gossip without a key.
const keyless = "none"

// Fingerprint returns a value that differs between two cluster keys, and tells
// nothing about them. It is the same on every node.
func Fingerprint(key []byte) (string, error) {
	check, err := keyCheck(key)
	return fingerprint(check), err
}

func fingerprint(check string) string {
	if check == "" {
		return keyless
	}
	return check[:min(len(check), fingerprintChars)]
}

// keyCheck is the check value as a node's row has it that knows one key, "" for
// no key.
func keyCheck(key []byte) (string, error) {
	b, err := derive(key, "sluice cluster key check", 16)
	return hex.EncodeToString(b), err
}

func derive(key []byte, purpose string, bytes int) ([]byte, error) {
	if key == nil {
		return nil, nil
	}
	b, err := hkdf.Key(sha256.New, key, nil, purpose, bytes)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return b, nil
}

// knownKeys is what this node's row says of the keys that it knows.
func (c *Config) knownKeys() (string, error) {
	check, err := keyCheck(c.Key)
	if err != nil || c.OldKey == nil && !c.FromKeyless {
		return check, err
	}
	old, err := keyCheck(c.OldKey)
	return fingerprint(check) + "," + fingerprint(old), err
}

// keySet lists the fingerprints of the keys that a row's key_check says are
// known.
func keySet(check string) []string {
	var set []string
	for one := range strings.SplitSeq(check, ",") {
		set = append(set, fingerprint(one))
	}
	return set
}

// understands reports whether two nodes have a key, or having none, in common.
func understands(a, b string) bool {
	set := keySet(b)
	return slices.ContainsFunc(keySet(a), func(key string) bool { return slices.Contains(set, key) })
}

// gossipKeys derives the keys that open gossip, the present one first; none
// without a cluster key.
func (c *Config) gossipKeys() ([][]byte, error) {
	var keys [][]byte
	for _, key := range [][]byte{c.Key, c.OldKey} {
		k, err := derive(key, "sluice gossip encryption", 32)
		if err != nil {
			return nil, err
		}
		if k != nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// settleKeys sends with the present key when every live node knows it, and with
// the one before otherwise.
func (c *Cluster) settleKeys() {
	if c.cfg.OldKey == nil || c.gossip == nil {
		return
	}
	present, err := Fingerprint(c.cfg.Key)
	if err != nil { // Open has derived the same
		return
	}
	rows, since := c.view.get()
	var unaware []string
	for _, r := range rows {
		if r.node != c.cfg.Node && !r.left && r.age+since <= deadAfter && !slices.Contains(keySet(r.keyCheck), present) {
			unaware = append(unaware, r.node)
		}
	}
	changed, err := c.gossip.sendWith(len(unaware) == 0)
	switch {
	case err != nil:
		c.log.Error("change the key that gossip is sent with", "err", err)
	case changed && len(unaware) == 0:
		c.log.Info("every live node knows the new cluster key: gossip is sent with it")
	case changed:
		c.log.Info("gossip is sent with the cluster key before: some nodes do not know the new one", "nodes", unaware)
	}
}

// Peer is what the node rows say of another node.
type Peer struct {
	Node string
	Keys []string // fingerprints of the keys that it knows
	Live bool     // it did not leave, and its heartbeat is recent
	Seen time.Duration
}

// Knows reports whether the node knows the key with a fingerprint.
func (p Peer) Knows(fingerprint string) bool { return slices.Contains(p.Keys, fingerprint) }

// Querier is a *sql.DB, or a *sql.Conn within a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Peers reads the rows of all nodes but this one, in order of their names.
func Peers(ctx context.Context, q Querier, self string) ([]Peer, error) {
	rows, err := q.QueryContext(ctx, `SELECT node, key_check, left_at IS NOT NULL, `+age("heartbeat")+`
  FROM sluice_meta.nodes WHERE node <> ? ORDER BY node`, self)
	if err != nil {
		return nil, fmt.Errorf("read the other nodes: %w", err)
	}
	defer rows.Close()
	var peers []Peer
	for rows.Next() {
		var (
			p     Peer
			check string
			left  bool
			us    int64
		)
		if err := rows.Scan(&p.Node, &check, &left, &us); err != nil {
			return nil, fmt.Errorf("read the other nodes: %w", err)
		}
		p.Keys, p.Seen = keySet(check), max(0, time.Duration(us)*time.Microsecond)
		p.Live = !left && p.Seen < deadAfter
		peers = append(peers, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the other nodes: %w", err)
	}
	return peers, nil
}
