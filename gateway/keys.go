package gateway

import (
	"crypto/sha256"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// keys are the node's two secrets that do not come from the store. Each user
// derives its own keys from them with HKDF and a label of its own.
type keys struct {
	gossip  []byte // nil: gossip is not encrypted
	secrets []byte // for the secrets in the store
	// weak says that the secrets' key is made from the store's account, because
	// there is no cluster key: who knows that account can read them.
	weak bool
}

// minClusterKeyBytes is the shortest cluster key accepted: shorter ones can be
// guessed.
const minClusterKeyBytes = 16

func (c *Config) keys(store *mysql.Config) (keys, error) {
	if c.ClusterKeyFile == "" {
		// The account and not the address: nodes may use different addresses of
		// one TiDB.
		h := sha256.Sum256(fmt.Appendf(nil, "sluice secrets without a cluster key %d:%s%s", len(store.User), store.User, store.Passwd))
		return keys{secrets: h[:], weak: true}, nil
	}
	key, err := readSecretFile("cluster-key-file", c.ClusterKeyFile)
	if err != nil {
		return keys{}, err
	}
	if len(key) < minClusterKeyBytes {
		return keys{}, badConfig("cluster-key-file", "make one with: openssl rand -hex 32", "the key has %d bytes, fewer than %d", len(key), minClusterKeyBytes)
	}
	return keys{gossip: []byte(key), secrets: []byte(key)}, nil
}
