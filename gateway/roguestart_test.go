package gateway

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/rogue"
)

// TestRogueStoreAtTheStart: whatever the store says between the first answer and "node ready", the node waits, says so,
// and becomes ready when the store is one again.
func TestRogueStoreAtTheStart(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	proxy, err := rogue.New(store.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	cfg := statedConfig(t, map[string][]string{"name": {"n1"}, "store": {"root@tcp(" + proxy.Addr() + ")/"}, "data-dir": {t.TempDir()}})
	nodes, ids := rogue.Answers("sluice_meta.nodes"), rogue.Answers("FROM sluice_meta.node_ids")
	beat := rogue.Commands("INSERT INTO sluice_meta.nodes")
	for _, m := range slices.Concat(nodes[4:6], nodes[9:11], ids[4:6], ids[9:11], beat[:1]) {
		t.Run(m.Name+" "+m.Text, func(t *testing.T) { becomesReady(t, cfg, proxy, m) })
	}
}

// becomesReady opens a node while the store is rogue, until the log has the reason and the store is one again.
func becomesReady(t *testing.T, cfg Config, proxy *rogue.Proxy, m rogue.Mutation) {
	proxy.Set(&m)
	out := &logs{}
	cfg.Log = slog.New(slog.NewTextHandler(out, nil))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	type opened struct {
		node *Node
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		n, err := Open(ctx, cfg)
		done <- opened{n, err}
	}()
	until(t, m.Name+" is waited for", 30*time.Second, func() bool {
		select {
		case o := <-done:
			t.Fatalf("the node does not wait: %v\n%s", o.err, out)
		default:
		}
		return proxy.Hits() > 1 && out.count("waiting for it") > 0
	})
	proxy.Set(nil)
	select {
	case o := <-done:
		if o.err != nil {
			t.Fatalf("open: %v\n%s", o.err, out)
		}
		if status, body := get(t, o.node.HTTPAddr(), "/readyz"); status != 200 {
			t.Errorf("/readyz: %d %s", status, body)
		}
		end, stopped := context.WithCancel(t.Context())
		stopped()
		if err := o.node.Run(end); err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("the node is not ready:\n%s", out)
	}
	if lines := strings.Count(out.String(), "waiting for it"); lines > 2 {
		t.Errorf("%d lines say that the store is waited for", lines)
	}
}
