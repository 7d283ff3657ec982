package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"sluice/cluster"
)

// KeyUse says what a node's key is for.
type KeyUse int

// The uses of a key. A value is never encrypted with a key that a live node of
// the cluster does not have: that node may be the next that needs it.
const (
	// KeyShared is a cluster key: it encrypts when every live node knows it.
	KeyShared KeyUse = iota
	// KeyOwn is the key of this node alone: it encrypts when no other node lives.
	KeyOwn
	// KeyReads only decrypts what was encrypted with it once.
	KeyReads
)

// Key is a key for secrets, of at least 16 bytes.
type Key struct {
	Bytes []byte
	Use   KeyUse
}

// ringKey is a Key that is ready for use.
type ringKey struct {
	*sealer
	use         KeyUse
	fingerprint string // as the nodes' rows have it
}

// keyring is a node's keys, those to encrypt with before the others.
type keyring []ringKey

func newKeyring(keys []Key) (keyring, error) {
	var ring keyring
	for _, k := range keys {
		s, err := newSealer(k.Bytes)
		if err != nil {
			return nil, err
		}
		f, err := cluster.Fingerprint(k.Bytes)
		if err != nil {
			return nil, err
		}
		ring = append(ring, ringKey{s, k.Use, f})
	}
	return ring, nil
}

// open decrypts a value with whichever key does.
func (r keyring) open(name string, sealed []byte) (string, error) {
	for _, k := range r {
		if plain, err := k.sealer.open(name, sealed); err == nil {
			return plain, nil
		}
	}
	return "", errSealed
}

// has reports whether one of the keys has the check value.
func (r keyring) has(check string) bool {
	for _, k := range r {
		if k.check == check {
			return true
		}
	}
	return false
}

// prefers reports whether the first key to encrypt with has the check value.
func (r keyring) prefers(check string) bool {
	for _, k := range r {
		if k.use != KeyReads {
			return k.check == check
		}
	}
	return false
}

// pick returns the key to encrypt with while the other nodes are as given: nil if
// there is none. because names the nodes that do not know the first of this
// node's keys, which it encrypts with otherwise.
func (r keyring) pick(peers []cluster.Peer) (key *ringKey, because []string) {
	for i := range r {
		if r[i].use == KeyReads {
			continue
		}
		var unaware []string
		for _, p := range peers {
			if p.Live && !(r[i].use == KeyShared && p.Knows(r[i].fingerprint)) {
				unaware = append(unaware, p.Node)
			}
		}
		if len(unaware) == 0 {
			return &r[i], because
		}
		if because == nil {
			because = unaware
		}
	}
	return nil, because
}

// keyCheckName is the row of settings with the check value of the key that the
// store's secrets are encrypted with. Whoever encrypts locks it.
const keyCheckName = "secret_key_check"

// lockKey locks the row of the key in force until tx ends and returns its check
// value. A literal is stored, and a node's keys are compared with what is
// stored, under this lock: a node that registered before sees the literal, or is
// seen by the one that stores it.
func lockKey(ctx context.Context, tx *sql.Conn) (check string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT value FROM sluice_meta.settings WHERE name = ? FOR UPDATE`, keyCheckName).Scan(&check)
	if err != nil {
		return "", fmt.Errorf("read key check: %w", err)
	}
	return check, nil
}

func setKeyCheck(ctx context.Context, tx *sql.Conn, check string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE sluice_meta.settings SET value = ? WHERE name = ?`, check, keyCheckName); err != nil {
		return fmt.Errorf("record key check: %w", err)
	}
	return nil
}

// sealingKey returns the key to encrypt a literal with, which stays the right one
// until tx ends.
func (c *Catalog) sealingKey(ctx context.Context, tx *sql.Conn) (*ringKey, error) {
	if len(c.keys) == 0 {
		return nil, noKey()
	}
	has, err := lockKey(ctx, tx)
	if err != nil {
		return nil, err
	}
	peers, err := cluster.Peers(ctx, tx, c.node)
	if err != nil {
		return nil, err
	}
	key, because := c.keys.pick(peers)
	if key == nil {
		return nil, noSharedKey(because)
	}
	if has != key.check {
		err = setKeyCheck(ctx, tx, key.check)
	}
	return key, err
}

func noSharedKey(nodes []string) *Error {
	if len(nodes) == 0 {
		return noKey()
	}
	return fail(CodeNoSharedKey, "give every node the same --cluster-key-file, one node after the other (docs/secrets.md), "+
		"or use CREATE SECRET .. FROM FILE or FROM ENV",
		"a password or key as a literal is not stored, because %s could not decrypt it: this node and the others have no cluster key in common",
		nodeList(nodes))
}

func nodeList(nodes []string) string {
	if len(nodes) == 1 {
		return "node " + nodes[0]
	}
	return "nodes " + strings.Join(firstNames(nodes), ", ")
}

// firstNames shortens a list for a message.
func firstNames(names []string) []string {
	const most = 5
	if len(names) <= most {
		return names
	}
	return append(names[:most:most], fmt.Sprintf("%d more", len(names)-most))
}

// aloneFor is how long no other node was seen before values are encrypted again
// with a key that only this node has: others that are stopped for an upgrade
// can decrypt what the key before encrypted.
const aloneFor = 24 * time.Hour

// seenLately lists the nodes that were there within aloneFor.
func seenLately(peers []cluster.Peer) (nodes []string) {
	for _, p := range peers {
		if p.Seen < aloneFor {
			nodes = append(nodes, p.Node)
		}
	}
	return nodes
}
