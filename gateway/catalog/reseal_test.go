package catalog

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"sluice/cluster"
)

// peer writes the row of another node, whose heartbeat is so many seconds old.
func peer(t *testing.T, db *sql.DB, name, keyCheck string, seconds int) {
	t.Helper()
	must(t, db, `REPLACE INTO sluice_meta.nodes (node, incarnation, key_check, started_at, heartbeat)
  VALUES (?, 1, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL ? SECOND)`, name, keyCheck, seconds)
}

func fingerprint(t *testing.T, key []byte) string {
	t.Helper()
	f, err := cluster.Fingerprint(key)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// reopen is another start of the node, with other keys.
func reopen(t *testing.T, db *sql.DB, keys ...Key) (*Catalog, error) {
	t.Helper()
	return Open(t.Context(), db, Config{Node: "n1", Keys: keys})
}

func mustOpen(t *testing.T, db *sql.DB, keys ...Key) *Catalog {
	t.Helper()
	c, err := reopen(t, db, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reseal(t *testing.T, c *Catalog, values int, waits ...string) {
	t.Helper()
	res, err := c.Reseal(t.Context())
	if err != nil || res.Values != values || !slices.Equal(res.Waits, waits) || len(res.Unreadable) != 0 {
		t.Errorf("encrypted again: %+v, %v; want %d values, waits for %v", res, err, values, waits)
	}
}

// holds checks that the node can decrypt everything that fill stores.
func holds(t *testing.T, c *Catalog) {
	t.Helper()
	src, err := c.Source(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if p, k, err := c.SourceCredentials(t.Context(), src); err != nil || p != "hush-a" || k != "key-a" {
		t.Errorf("source: %q, %q, %v", p, k, err)
	}
	tg, err := c.Target(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	if p, _, err := c.TargetCredentials(t.Context(), tg); err != nil || p != "hush-t" {
		t.Errorf("target: %q, %v", p, err)
	}
	if v, err := c.Secret(t.Context(), "s"); err != nil || v != "hush-s" {
		t.Errorf("secret: %q, %v", v, err)
	}
}

// fill stores four encrypted values, and definitions without any.
func fill(t *testing.T, c *Catalog) {
	t.Helper()
	for _, s := range []Source{{Name: "a", Host: "h", Password: Literal("hush-a"), SSL: SSL{Key: Literal("key-a")}}, {Name: "plain", Host: "h"},
		{Name: "named", Host: "h", Password: FromSecret("s")}} {
		if s.Name == "named" {
			changed, err := c.CreateSecret(t.Context(), "s", StoredSecret("hush-s"), false, by)
			done(t, changed, err)
		}
		changed, err := c.CreateSource(t.Context(), s, false, by)
		done(t, changed, err)
	}
	changed, err := c.CreateTarget(t.Context(), Target{Name: "t", Hosts: []string{"h:1"}, Password: Literal("hush-t")}, false, by)
	done(t, changed, err)
}

const sealedValues = 4 // of fill

var (
	firstKey  = []byte("the first cluster key of a test!")
	secondKey = []byte("the second cluster key of a test")
	account   = []byte("what the account was hashed to..")
)

// TestKeysOfOneNode takes a node from the key of the account (releases
// before) to its own, to a cluster key, and to another cluster key.
func TestKeysOfOneNode(t *testing.T) {
	db := emptyStore(t)
	fill(t, mustOpen(t, db, Key{account, KeyOwn})) // as a release before did

	own := mustOpen(t, db, Key{key, KeyOwn}, Key{account, KeyReads})
	reseal(t, own, sealedValues)
	reseal(t, own, 0)
	holds(t, own)
	_, err := reopen(t, db, Key{account, KeyOwn})
	refused(t, err, CodeWrongKey) // the release before would not start either

	shared := mustOpen(t, db, Key{firstKey, KeyShared}, Key{key, KeyReads}, Key{account, KeyReads})
	reseal(t, shared, sealedValues)
	holds(t, mustOpen(t, db, Key{firstKey, KeyShared}))

	second := mustOpen(t, db, Key{secondKey, KeyShared}, Key{firstKey, KeyShared})
	reseal(t, second, sealedValues)
	last := mustOpen(t, db, Key{secondKey, KeyShared})
	reseal(t, last, 0)
	holds(t, last)
	if infos, err := last.Secrets(t.Context()); err != nil || infos[0].UpdatedBy != by || !infos[0].UpdatedAt.Equal(infos[0].CreatedAt) {
		t.Errorf("a change of the key shows as a rotation: %+v, %v", infos, err)
	}
}

// TestKeysOfACluster changes the key node by node: a value is encrypted with a key
// that every live node knows, at every moment.
func TestKeysOfACluster(t *testing.T) {
	db := emptyStore(t)
	first, second := fingerprint(t, firstKey), fingerprint(t, secondKey)
	before := mustOpen(t, db, Key{firstKey, KeyShared})
	peer(t, db, "n2", first, 0)
	fill(t, before)
	reseal(t, before, 0)

	changing := mustOpen(t, db, Key{secondKey, KeyShared}, Key{firstKey, KeyShared})
	reseal(t, changing, 0, "n2")
	reseal(t, changing, 0, "n2")
	changed, err := changing.AlterSecret(t.Context(), "s", StoredSecret("other"), by)
	done(t, changed, err)
	if v, err := before.Secret(t.Context(), "s"); err != nil || v != "other" {
		t.Errorf("a secret that was stored while the key changes, on a node with the key before: %q, %v", v, err)
	}
	changed, err = changing.AlterSecret(t.Context(), "s", StoredSecret("hush-s"), by)
	done(t, changed, err)

	peer(t, db, "n2", second+","+first, 0) // restarted
	reseal(t, changing, sealedValues)
	holds(t, mustOpen(t, db, Key{secondKey, KeyShared}))
	_, err = reopen(t, db, Key{firstKey, KeyShared})
	refused(t, err, CodeWrongKey)

	// A node that knows only the key before comes back, although it could not
	// register: nothing is stored that it could not read, and nothing lost.
	peer(t, db, "n2", first, 0)
	reseal(t, changing, sealedValues, "n2") // back to the first
	holds(t, before)
	peer(t, db, "n2", second, 0)
	reseal(t, changing, sealedValues)
	holds(t, changing)
}

// TestNodesWithoutASharedKey states literals where another node could not decrypt
// them.
func TestNodesWithoutASharedKey(t *testing.T) {
	db := emptyStore(t)
	c := mustOpen(t, db, Key{key, KeyOwn})
	literal := func() error {
		_, err := c.CreateSource(t.Context(), Source{Name: "a", Host: "h", Password: Literal("hush")}, false, by)
		return err
	}
	peer(t, db, "n2", "", 0)
	err := literal()
	refused(t, err, CodeNoSharedKey)
	if !strings.Contains(err.Error(), "node n2") || !strings.Contains(err.Error(), "--cluster-key-file") {
		t.Error(err)
	}
	_, err = c.CreateSecret(t.Context(), "s", StoredSecret("hush"), false, by)
	refused(t, err, CodeNoSharedKey)
	_, err = c.CreateTarget(t.Context(), Target{Name: "t", Hosts: []string{"h:1"}, SSL: SSL{Key: Literal("hush")}}, false, by)
	refused(t, err, CodeNoSharedKey)
	changed, err := c.CreateSource(t.Context(), Source{Name: "plain", Host: "h"}, false, by)
	done(t, changed, err)
	reseal(t, c, 0) // nothing is there to wait with
	src, err := c.Source(t.Context(), "plain")
	if err != nil {
		t.Fatal(err)
	}
	src.Password = Literal("hush")
	_, err = c.UpdateSource(t.Context(), *src, by)
	refused(t, err, CodeNoSharedKey)

	// Two nodes with a key of their own start on a store without passwords.
	n2, err := Open(t.Context(), db, Config{Node: "n2", Keys: ownKey(secondKey)})
	if err != nil {
		t.Fatal(err)
	}
	peer(t, db, "n2", "", 3600) // it is gone
	changed, err = c.CreateSource(t.Context(), Source{Name: "a", Host: "h", Password: Literal("hush")}, false, by)
	done(t, changed, err)
	refused(t, n2.CheckKeys(t.Context()), CodeWrongKey) // what it does once it is registered
	_, err = Open(t.Context(), db, Config{Node: "n2", Keys: ownKey(secondKey)})
	refused(t, err, CodeWrongKey)
	for _, want := range []string{"source 'a'", "--cluster-key-file", "data folder", "--unreadable-secrets restate"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}

	// What both could decrypt is not taken from the one that may come back.
	must(t, db, `DELETE FROM sluice_meta.sources`)
	fill(t, mustOpen(t, db, Key{account, KeyOwn}))
	both := mustOpen(t, db, Key{key, KeyOwn}, Key{account, KeyReads})
	reseal(t, both, 0, "n2")
	must(t, db, `UPDATE sluice_meta.nodes SET left_at = UTC_TIMESTAMP(6) WHERE node = 'n2'`)
	reseal(t, both, 0, "n2")
	peer(t, db, "n2", "", int(aloneFor.Seconds())+1)
	reseal(t, both, sealedValues)
	holds(t, both)
	peer(t, db, "n2", "", 3600) // it was there once more, and could not start
	reseal(t, both, 0)
	reseal(t, mustOpen(t, db, Key{key, KeyOwn}), 0)
}

// TestLostKey opens a store whose key is gone.
func TestLostKey(t *testing.T) {
	db := emptyStore(t)
	fill(t, mustOpen(t, db, Key{key, KeyOwn}))
	_, err := reopen(t, db, Key{secondKey, KeyOwn})
	refused(t, err, CodeWrongKey)
	if !strings.Contains(err.Error(), "secret 's', source 'a', target 't'") || strings.Contains(err.Error(), "plain") {
		t.Error(err)
	}
	c, err := Open(t.Context(), db, Config{Node: "n1", Keys: ownKey(secondKey), AcceptUnreadable: true})
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Reseal(t.Context())
	if err != nil || res.Values != 0 || !slices.Equal(res.Unreadable, []string{"secret 's'", "source 'a'", "target 't'"}) {
		t.Errorf("%+v, %v", res, err)
	}
	src, err := c.Source(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.SourceCredentials(t.Context(), src)
	refused(t, err, CodeSecretUnreadable)
	if !strings.Contains(err.Error(), "the password of source 'a' cannot be decrypted") || !strings.Contains(err.Error(), "ALTER SOURCE `a` SOURCE_PASSWORD = '..'") {
		t.Error(err)
	}
	_, err = c.Secret(t.Context(), "s")
	refused(t, err, CodeSecretUnreadable)
	if !strings.Contains(err.Error(), "secret 's' cannot be decrypted") || !strings.Contains(err.Error(), "ALTER SECRET `s` PASSWORD '..'") {
		t.Error(err)
	}
	mustOpen(t, db, Key{secondKey, KeyOwn}) // one start with the option was enough

	// A part is stated again; then the key is found.
	changed, err := c.AlterSecret(t.Context(), "s", StoredSecret("hush-s"), by)
	done(t, changed, err)
	found := mustOpen(t, db, Key{secondKey, KeyOwn}, Key{key, KeyReads})
	reseal(t, found, sealedValues-1)
	holds(t, mustOpen(t, db, Key{secondKey, KeyOwn}))
}

// TestResealBesideStatements encrypts again while definitions change: no
// statement may put back a value that only the key before opens.
func TestResealBesideStatements(t *testing.T) {
	db := emptyStore(t)
	fill(t, mustOpen(t, db, Key{firstKey, KeyShared}))
	c := mustOpen(t, db, Key{secondKey, KeyShared}, Key{firstKey, KeyShared})
	src, err := c.Source(t.Context(), "a") // a statement that began before
	if err != nil {
		t.Fatal(err)
	}
	reseal(t, c, sealedValues)
	src.Host = "elsewhere"
	_, err = c.UpdateSource(t.Context(), *src, by)
	refused(t, err, CodeConcurrentChange)
	holds(t, mustOpen(t, db, Key{secondKey, KeyShared}))

	// Back and forth, beside rotations.
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			keys := []Key{{secondKey, KeyShared}, {firstKey, KeyShared}}
			if i%2 == 0 {
				slices.Reverse(keys)
			}
			if _, err := mustOpen(t, db, keys...).Reseal(t.Context()); err != nil {
				t.Errorf("encrypt again: %v", err)
				return
			}
		}
	}()
	for i := range 20 {
		v := strings.Repeat("x", i+1)
		if _, err := c.AlterSecret(t.Context(), "s", StoredSecret(v), by); err != nil {
			t.Errorf("rotate: %v", err)
		}
		if got, err := c.Secret(t.Context(), "s"); err != nil || got != v {
			t.Errorf("after a rotation: %q, %v", got, err)
		}
	}
	close(stop)
	<-ended
	if _, err := c.AlterSecret(t.Context(), "s", StoredSecret("hush-s"), by); err != nil {
		t.Fatal(err)
	}
	holds(t, c)
}
