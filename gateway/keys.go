package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/catalog"
	"sluice/internal/smallfile"
)

// keys are the node's secrets that do not come from the store. Each user derives
// its own keys from them with HKDF and a label of its own.
type keys struct {
	cluster     []byte // the same on every node; nil: gossip is not encrypted
	old         []byte // the cluster key before, while it is changed
	fromKeyless bool   // while it is changed: other nodes may have none
	own         []byte // made by this node, in its data folder; nil: it has none
	account     []byte // of releases before, made from the store's account: anybody can make it who knows that
}

// minClusterKeyBytes is the shortest cluster key accepted: shorter ones can be
// guessed.
const minClusterKeyBytes = 16

// minClusterKeyKinds is how many different bytes a cluster key has at least. A
// file of blanks, or of one repeated byte, is no key. A random key of 16
// hexadecimal digits has fewer in one case of two million, and one that the
// documentation's command makes in none that will ever happen.
const minClusterKeyKinds = 5

// keylessBefore is the value of --old-cluster-key-file for a cluster that had no
// key.
const keylessBefore = "none"

// keys reads the node's keys. A node without a cluster key makes one of its own,
// which encrypts passwords as long as no other node is there.
func (c *Config) keys(store *mysql.Config) (k keys, err error) {
	// The account and not the address: nodes may use different addresses of one
	// TiDB.
	h := sha256.Sum256(fmt.Appendf(nil, "sluice secrets without a cluster key %d:%s%s", len(store.User), store.User, store.Passwd))
	k.account = h[:]
	if c.ClusterKeyFile != "" {
		if k.cluster, err = readClusterKey("cluster-key-file", c.ClusterKeyFile); err != nil {
			return keys{}, err
		}
		if why := weakKey(k.cluster); why != "" {
			return keys{}, badConfig("cluster-key-file", "make one with: openssl rand -hex 32 ; nodes that run with this key change it one after "+
				"the other: --cluster-key-file NEW --old-cluster-key-file "+c.ClusterKeyFile, "%s is no key: %s", c.ClusterKeyFile, why)
		}
	}
	switch c.OldClusterKeyFile {
	case "":
	case keylessBefore:
		k.fromKeyless = true
	default:
		// It may be a weak one: a release before took it, and it is being replaced.
		if k.old, err = readClusterKey("old-cluster-key-file", c.OldClusterKeyFile); err != nil {
			return keys{}, err
		}
	}
	if bytes.Equal(k.cluster, k.old) {
		k.old = nil
	}
	k.own, err = ownKey(c.DataDir, k.cluster == nil)
	return k, err
}

func readClusterKey(option, path string) ([]byte, error) {
	key, err := readSecretFile(option, path)
	if err != nil {
		return nil, err
	}
	if len(key) < minClusterKeyBytes {
		return nil, badConfig(option, "make one with: openssl rand -hex 32", "the key has %d bytes, fewer than %d", len(key), minClusterKeyBytes)
	}
	return []byte(key), nil
}

// weakKey returns why a key can be guessed, "" if nothing is known against it.
func weakKey(key []byte) string {
	var seen [256]bool
	kinds := 0
	for _, b := range key {
		if !seen[b] {
			seen[b] = true
			kinds++
		}
	}
	if kinds < minClusterKeyKinds {
		return fmt.Sprintf("it has %d bytes, but only %d different ones", len(key), kinds)
	}
	return ""
}

// oldShared is the key before, as far as gossip needs it.
func (k *keys) oldShared() []byte {
	if k.cluster == nil {
		return nil // gossip is not encrypted; the key before is for secrets only
	}
	return k.old
}

// forSecrets lists the keys for secrets in the store.
func (k *keys) forSecrets() []catalog.Key {
	var list []catalog.Key
	add := func(key []byte, use catalog.KeyUse) {
		if key != nil {
			list = append(list, catalog.Key{Bytes: key, Use: use})
		}
	}
	add(k.cluster, catalog.KeyShared)
	if k.cluster == nil {
		add(k.own, catalog.KeyOwn)
		add(k.old, catalog.KeyReads)
	} else {
		add(k.old, catalog.KeyShared)
		add(k.own, catalog.KeyReads)
	}
	add(k.account, catalog.KeyReads)
	return list
}

// ownKeyFile is the node's own key in its data folder: 64 hexadecimal digits.
const ownKeyFile = "secrets.key"

// ownKey returns the key in the data folder, nil if there is none and create is
// false. A key that is made is on disk, with the folder's entry for it, before
// anything is encrypted with it: after a crash there is the whole key or none.
func ownKey(dataDir string, create bool) ([]byte, error) {
	path := filepath.Join(dataDir, ownKeyFile)
	key, err := smallfile.ReadPrivate(path, smallfile.MaxSecretBytes)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil, nil
		}
		if err := makeOwnKey(path); err != nil {
			return nil, badConfig("data-dir", "name a folder that this process can write, or give --cluster-key-file",
				"make %s: %v", path, err)
		}
		key, err = smallfile.ReadPrivate(path, smallfile.MaxSecretBytes)
	}
	switch {
	case errors.Is(err, smallfile.ErrExposed):
		return nil, badConfig("data-dir",
			"chmod 600 "+path+" ; if somebody may have read it, change the passwords that are stored too", "%v", err)
	case err != nil:
		return nil, badConfig("data-dir", "make the file readable for this process", "read this node's key: %v", err)
	}
	key = bytes.TrimRight(key, "\r\n")
	if len(key) < minClusterKeyBytes || weakKey(key) != "" {
		return nil, badConfig("data-dir", "bring the file back from a backup; or remove it, and state the passwords again that it encrypted",
			"%s has %d bytes and is no key", path, len(key))
	}
	return key, nil
}

// makeOwnKey writes a key under another name and links it to its own, so that
// the first of several processes wins.
func makeOwnKey(path string) error {
	random := make([]byte, 32)
	rand.Read(random)                                            // never fails
	f, err := os.CreateTemp(filepath.Dir(path), ownKeyFile+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(hex.EncodeToString(random) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	return errors.Join(err, os.Remove(f.Name()), syncFolder(filepath.Dir(path)))
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// resealEvery is how often a node looks whether the store's secrets are to be
// encrypted with another key.
const resealEvery = 10 * time.Second

// resealer keeps the store's secrets encrypted with the key that every node has,
// and logs what changes.
type resealer struct {
	node    *Node
	catalog *catalog.Catalog
	last    catalog.Resealed
}

// look encrypts what has to be encrypted again.
func (r *resealer) look(ctx context.Context) {
	log := r.node.log
	res, err := r.catalog.Reseal(ctx)
	if err != nil {
		if ctx.Err() == nil && !unreachable(err) {
			log.Warn("encrypt passwords in the store again", "error", err.Error())
		}
		return
	}
	if res.Values > 0 {
		log.Info("passwords in the store are encrypted with the present key now", "values", res.Values)
		event := catalog.Event{Kind: "KEY", Node: r.node.cfg.Name,
			Message: fmt.Sprintf("%d passwords and keys in the store were encrypted again, with the present key", res.Values)}
		r.node.services.records.add("event", func(ctx context.Context) error { return r.catalog.AddEvent(ctx, event) })
	}
	if len(res.Waits) > 0 && !slices.Equal(res.Waits, r.last.Waits) {
		log.Info("passwords in the store stay encrypted with a key before, because other nodes do not know this node's",
			"nodes", res.Waits, "remedy", waitsRemedy(&r.node.cfg))
	}
	if len(res.Unreadable) > 0 && !slices.Equal(res.Unreadable, r.last.Unreadable) {
		log.Warn("passwords in the store cannot be decrypted", "of", res.Unreadable,
			"remedy", "state them again with ALTER, or start this node with their key as --old-cluster-key-file")
	}
	r.last = res
}

func waitsRemedy(cfg *Config) string {
	if cfg.ClusterKeyFile != "" {
		return "start those nodes with the same --cluster-key-file, and with --old-cluster-key-file"
	}
	return "give every node the same --cluster-key-file; or, if they do not come back, REMOVE NODE"
}

// run looks now and then until ctx ends.
func (r *resealer) run(ctx context.Context) {
	tick := time.NewTicker(resealEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.look(ctx)
		}
	}
}
