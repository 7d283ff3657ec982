package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

var newKey = []byte("the key that comes after the first")

// mates waits until gossip of both nodes has both.
func mates(t *testing.T, a, b *node) {
	t.Helper()
	eventually(t, "the nodes hear of each other by gossip", func() error {
		if x, y := a.gossip.size(), b.gossip.size(); x != 2 || y != 2 {
			return fmt.Errorf("%d and %d members", x, y)
		}
		return nil
	})
}

// sends waits until the node sends with its present key, or the one before.
func (n *node) sends(t *testing.T, key []byte) {
	t.Helper()
	want, err := derive(key, "sluice gossip encryption", 32)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, n.Node()+" sends with the key", func() error {
		if !bytes.Equal(n.gossip.keyring.GetPrimaryKey(), want) {
			return errors.New("it sends with another one")
		}
		return nil
	})
}

// TestClusterKeyChanges gives two nodes another key, one after the other: gossip
// holds all the time, and a node that has only the key before is refused when
// nobody knows that any more, not earlier.
func TestClusterKeyChanges(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	with := func(name string, key, old []byte) Config {
		cfg := config(t, name, db)
		cfg.Key, cfg.OldKey = key, old
		return cfg
	}
	a, b := start(t, with("a", key, nil)), start(t, with("b", key, nil))
	mates(t, a, b)
	a.end()
	a = start(t, with("a", newKey, key))
	mates(t, a, b)
	a.sends(t, key) // b does not know the new one
	b.end()
	a.sends(t, newKey) // nobody else is there
	b = start(t, with("b", key, nil))
	a.sends(t, key) // b goes back
	mates(t, a, b)
	b.end()
	b = start(t, with("b", newKey, key))
	a.sends(t, newKey)
	b.sends(t, newKey)
	mates(t, a, b)
	a.end()
	a = start(t, with("a", newKey, nil))
	mates(t, a, b)
	if _, err := Open(t.Context(), with("c", key, nil)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a node with the key before: %v", err)
	}
	b.end()
	b = start(t, with("b", newKey, nil))
	mates(t, a, b)
}

// TestFirstClusterKey gives a key to nodes that run without one.
func TestFirstClusterKey(t *testing.T) {
	s := tidb(t)
	db := connect(t, s.DSN(""))
	with := func(name string, key []byte, fromKeyless bool) Config {
		cfg := config(t, name, db)
		cfg.Key, cfg.FromKeyless = key, fromKeyless
		return cfg
	}
	a, b := start(t, with("a", nil, false)), start(t, with("b", nil, false))
	mates(t, a, b)
	a.end()
	if _, err := Open(t.Context(), with("a", key, false)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a key beside a node without one, unasked: %v", err)
	}
	cfg := with("a", key, true)
	cfg.Join = []string{b.Addr()}
	a = start(t, cfg)
	a.sees(t, "b", Suspect) // by its heartbeat alone
	b.sees(t, "a", Suspect)
	b.end()
	b = start(t, with("b", key, true))
	mates(t, a, b)
	a.sees(t, "b", Alive)
	a.end()
	a = start(t, with("a", key, false))
	mates(t, a, b)
	if _, err := Open(t.Context(), with("c", nil, false)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a node without a key while %v: %v", a.Members(), err)
	}
}

func TestKeySets(t *testing.T) {
	check := func(cfg Config) string {
		t.Helper()
		s, err := cfg.knownKeys()
		if err != nil || len(s) > 64 {
			t.Fatalf("%q, %v", s, err)
		}
		return s
	}
	none, first, second := check(Config{}), check(Config{Key: key}), check(Config{Key: newKey})
	both, firstOrNone := check(Config{Key: newKey, OldKey: key}), check(Config{Key: key, FromKeyless: true})
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{none, none, true}, {first, first, true}, {first, second, false}, {first, none, false}, {both, first, true}, {both, second, true},
		{both, none, false}, {firstOrNone, none, true}, {firstOrNone, first, true}, {firstOrNone, second, false}, {both, firstOrNone, true},
	} {
		if understands(c.a, c.b) != c.want || understands(c.b, c.a) != c.want {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.want)
		}
	}
	if f, err := Fingerprint(key); err != nil || !(Peer{Keys: keySet(both)}).Knows(f) || (Peer{Keys: keySet(second)}).Knows(f) {
		t.Errorf("fingerprint %q, %v", f, err)
	}
}
