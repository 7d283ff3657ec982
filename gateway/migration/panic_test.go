package migration

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/gateway/apply"
	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// breaking is a target whose connections index out of bounds when a command has some text.
type breaking struct {
	apply.Connector
	at    string // "" at none, "connect" already while connecting
	times atomic.Int32
}

func (b *breaking) Connect(ctx context.Context) (apply.Conn, error) {
	if b.at == "connect" {
		b.breakOff()
	}
	c, err := b.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return breakingConn{c, b}, nil
}

func (b *breaking) breakOff() {
	b.times.Add(1)
	var p []byte
	_ = p[b.times.Load()]
}

type breakingConn struct {
	apply.Conn
	b *breaking
}

func (c breakingConn) Exec(ctx context.Context, packet []byte) ([]int64, error) {
	if c.b.at != "" && bytes.Contains(packet, []byte(c.b.at)) {
		c.b.breakOff()
	}
	return c.Conn.Exec(ctx, packet)
}

// TestPanics: a panic of whichever of a channel's goroutines is an error of the channel with its stack in the log, is
// tried again twice and then waits for an operator. The next run goes on where it was.
func TestPanics(t *testing.T) {
	src, dst := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	sdb, err := src.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer sdb.Close()
	mustExec(t, sdb, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(40))", "INSERT INTO d.t VALUES (1,'copied')")
	var log bytes.Buffer
	b := &breaking{}
	cfg := config(t, src, dst, "panics/s", ruleset.Spec{DoDB: []string{"d"}})
	b.Connector, cfg.Connector = cfg.Connector, b
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	for _, at := range []string{"connect", "'copied'", "'followed'"} {
		if at == "'followed'" {
			// The copy is done before, so that a lane of the stream meets it.
			b.at = ""
			done := cfg
			done.Until = Until{Phase: PhaseReplicate}
			r, err := New(done)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustExec(t, sdb, "INSERT INTO d.t VALUES (2,'followed')")
		}
		b.at = at
		b.times.Store(0)
		log.Reset()
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var e *replica.Error
		if err := r.Run(t.Context()); !errors.As(err, &e) || e.Code != replica.CodePanic || e.Transient || e.Remedy == "" {
			t.Fatalf("%s: %v", at, err)
		}
		if st := r.Status(); st.Status != StatusError || st.SQLErrno != replica.CodePanic {
			t.Errorf("%s: status %s with error %d", at, st.Status, st.SQLErrno)
		}
		if n := b.times.Load(); n < mostPanics || !strings.Contains(log.String(), "breakOff") {
			t.Errorf("%s: %d panics; the log is %.300s", at, n, log.String())
		}
	}
	b.at = ""
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	until(t, r, "the rest", caughtUp)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	same(t, sdb, dst)
}
