package source

import (
	"context"
	"net"
	"testing"
	"time"
)

// TestSocketsAreAbandoned: a read that waits for ever, as that of an answer whose
// end was lost, ends some seconds after the context; so does a later connection.
func TestSocketsAreAbandoned(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k := newSockets()
	ctx, cancel := context.WithCancel(t.Context())
	defer k.watch(ctx)()
	c, err := k.dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	began := time.Now()
	cancel()
	select {
	case err := <-ended:
		if err == nil || time.Since(began) < abandonAfter/2 {
			t.Errorf("the read ended after %v: %v", time.Since(began), err)
		}
	case <-time.After(10 * abandonAfter):
		t.Fatal("the read goes on though its context ended")
	}
	if _, err := k.dial(t.Context(), "tcp", l.Addr().String()); err == nil {
		t.Error("an abandoned source connects")
	}
}

// TestWatchEnds: a source that was closed in order closes no connection later.
func TestWatchEnds(t *testing.T) {
	k := newSockets()
	ctx, cancel := context.WithCancel(t.Context())
	stop := k.watch(ctx)
	stop()
	cancel()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.shut {
		t.Error("the watch went on")
	}
}
