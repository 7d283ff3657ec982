package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/cluster"
)

// sealedKinds lists the kinds of definitions that hold encrypted values.
var sealedKinds = []struct {
	kind *kind
	make func() definition
}{
	{secretKind, func() definition { return &secretSpec{} }},
	{sourceKind, func() definition { return &Source{} }},
	{targetKind, func() definition { return &Target{} }},
}

// prepareKeys records the key that this store's secrets are encrypted with, if it
// has none yet, and checks that this node can decrypt them.
func (c *Catalog) prepareKeys(ctx context.Context) error {
	if len(c.keys) == 0 {
		return nil
	}
	_, err := c.db.ExecContext(ctx, `INSERT IGNORE INTO sluice_meta.settings VALUES (?, ?)`, keyCheckName, c.keys[0].check)
	if err != nil {
		return fmt.Errorf("record key check: %w", err)
	}
	return c.CheckKeys(ctx)
}

// CheckKeys returns CodeWrongKey when the store has passwords or keys that were
// encrypted with a key that this node does not have, unless the node accepts
// that. A store without such values fits any key. Open calls it; a node calls it
// again once it is registered, so that nothing can have been stored meanwhile
// that the others took it to be able to decrypt.
func (c *Catalog) CheckKeys(ctx context.Context) error {
	if len(c.keys) == 0 {
		return nil
	}
	return c.inTx(ctx, func(tx *sql.Conn) error {
		has, err := lockKey(ctx, tx)
		if err != nil || c.keys.has(has) {
			return err
		}
		unreadable, err := c.unreadable(ctx, tx)
		if err != nil || len(unreadable) == 0 || c.acceptUnreadable {
			return err
		}
		return &Error{Code: CodeWrongKey, State: "28000",
			Message: fmt.Sprintf("the passwords or keys of %s in the store were encrypted with a key that this node does not have",
				strings.Join(firstNames(unreadable), ", ")),
			Remedy: "start this node with that key: with the others' --cluster-key-file, or with the key before as --old-cluster-key-file, " +
				"or, if a node without a cluster key made it, with that node's data folder; if the key is lost, start with " +
				"--unreadable-secrets restate and state them again with ALTER (docs/secrets.md)"}
	})
}

// unreadable lists the definitions with a value that this node cannot decrypt.
func (c *Catalog) unreadable(ctx context.Context, q querier) (names []string, err error) {
	for _, k := range sealedKinds {
		all, err := list(ctx, q, k.kind)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			d := k.make()
			if err := decode(k.kind, r, d); err != nil {
				return nil, err
			}
			for field, cr := range d.credentials() {
				if _, err := c.keys.open(purpose(k.kind, r.name, field), cr.Sealed); len(cr.Sealed) > 0 && err != nil {
					names = append(names, fmt.Sprintf("%s '%s'", k.kind.noun, r.name))
					break
				}
			}
		}
	}
	return names, nil
}

// Resealed is what Reseal found and did.
type Resealed struct {
	Values     int      // values that were encrypted again
	Waits      []string // the nodes because of which values are not encrypted with this node's first key yet
	Unreadable []string // what no key of this node decrypts, e.g. "source 'a'"
}

// Reseal encrypts the store's values again with the key that new ones are
// encrypted with, when that is another one now: all in one transaction, so that
// a crash leaves all of them as they were or as they are to be, and every key
// that is needed then is one that every live node has. It costs two small
// queries when there is nothing to do. Every node calls it now and then.
func (c *Catalog) Reseal(ctx context.Context) (res Resealed, err error) {
	if len(c.keys) == 0 {
		return res, nil
	}
	peers, err := cluster.Peers(ctx, c.db, c.node)
	if err != nil {
		return res, err
	}
	var has string
	if err := c.db.QueryRowContext(ctx, `SELECT value FROM sluice_meta.settings WHERE name = ?`, keyCheckName).Scan(&has); err != nil {
		return res, fmt.Errorf("read key check: %w", err)
	}
	key, because := c.pickAgain(peers)
	if key == nil && c.keys.prefers(has) {
		return res, nil // they are encrypted as they are to be
	}
	if len(because) > 0 {
		if any, err := anySealed(ctx, c.db); err != nil || !any {
			return res, err
		}
		res.Waits = because
	}
	if key == nil || has == key.check && c.scanned.Load() {
		return res, nil
	}
	err = c.inTx(ctx, func(tx *sql.Conn) (err error) { res, err = c.reseal(ctx, tx); return err })
	if err == nil {
		c.scanned.Store(true)
	}
	return res, err
}

// anySealed reports whether a definition has an encrypted value.
func anySealed(ctx context.Context, q querier) (any bool, err error) {
	var selects []string
	for _, k := range sealedKinds {
		selects = append(selects, `EXISTS (SELECT 1 FROM sluice_meta.`+k.kind.table+` WHERE spec LIKE '%"sealed":%')`)
	}
	if err := q.QueryRowContext(ctx, `SELECT `+strings.Join(selects, " OR ")).Scan(&any); err != nil {
		return false, fmt.Errorf("look for encrypted values: %w", err)
	}
	return any, nil
}

// pickAgain is pick for values that are stored already: they are not encrypted
// with this node's own key while another node may come back that can decrypt
// them now and could not then.
func (c *Catalog) pickAgain(peers []cluster.Peer) (*ringKey, []string) {
	key, because := c.keys.pick(peers)
	if key != nil && key.use == KeyOwn {
		if nodes := seenLately(peers); len(nodes) > 0 {
			return nil, nodes
		}
	}
	return key, because
}

func (c *Catalog) reseal(ctx context.Context, tx *sql.Conn) (res Resealed, err error) {
	has, err := lockKey(ctx, tx)
	if err != nil {
		return res, err
	}
	peers, err := cluster.Peers(ctx, tx, c.node)
	if err != nil {
		return res, err
	}
	key, because := c.pickAgain(peers)
	res.Waits = because
	if key == nil {
		return res, nil
	}
	for _, k := range sealedKinds {
		all, err := list(ctx, tx, k.kind)
		if err != nil {
			return res, err
		}
		for _, r := range all {
			d := k.make()
			if err := decode(k.kind, r, d); err != nil {
				return res, err
			}
			n, unreadable := c.resealDefinition(key, k.kind, r.name, d)
			if unreadable {
				res.Unreadable = append(res.Unreadable, fmt.Sprintf("%s '%s'", k.kind.noun, r.name))
			}
			if n == 0 {
				continue
			}
			if err := replaceSpec(ctx, tx, k.kind, r, d); err != nil {
				return res, err
			}
			res.Values += n
		}
	}
	if has != key.check {
		err = setKeyCheck(ctx, tx, key.check)
	}
	return res, err
}

// resealDefinition encrypts a definition's values again and returns how many were
// encrypted with another key, and whether one cannot be decrypted.
func (c *Catalog) resealDefinition(key *ringKey, k *kind, name string, d definition) (changed int, unreadable bool) {
	creds := d.credentials()
	for _, field := range slices.Sorted(maps.Keys(creds)) {
		cr, purpose := creds[field], purpose(k, name, field)
		if len(cr.Sealed) == 0 {
			continue
		}
		if _, err := key.open(purpose, cr.Sealed); err == nil {
			continue
		}
		plain, err := c.keys.open(purpose, cr.Sealed)
		if err != nil {
			unreadable = true
			continue
		}
		cr.Sealed = key.seal(purpose, plain)
		changed++
	}
	return changed, unreadable
}

// errMoved makes a transaction run again whose definition was changed by
// another one since it was listed.
var errMoved = errors.New("the definition was changed meanwhile")

// replaceSpec stores a definition whose values were encrypted again. The version
// goes up: a statement that read the definition before must not put the old
// values back. What is shown of the last change stays.
func replaceSpec(ctx context.Context, tx *sql.Conn, k *kind, r record, d definition) error {
	spec, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", k.noun, r.name, err)
	}
	res, err := tx.ExecContext(ctx, `UPDATE sluice_meta.`+k.table+` SET spec = ?, version = version + 1 WHERE name = ? AND version = ?`,
		string(spec), r.name, r.meta.Version)
	if err != nil {
		return fmt.Errorf("encrypt the values of %s %s again: %w", k.noun, r.name, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return fmt.Errorf("encrypt the values of %s %s again: %w", k.noun, r.name, err)
	} else if n != 1 {
		return fmt.Errorf("encrypt the values of %s %s again: %w", k.noun, r.name, errMoved)
	}
	return nil
}
