package migration

import (
	"context"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// TestLagOfAnEarlierLook: a channel is behind since the last moment at which everything
// was applied, and not since the newest transaction of a source that was quiet.
func TestLagOfAnEarlierLook(t *testing.T) {
	const uuid = "d14b3697-eb1f-11f1-8567-02fc00000001"
	position := func(set string) replica.Position {
		p, err := replica.GTIDPosition(replica.ModeGTID, uuid+":"+set)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ago := func(s int) time.Time { return time.Now().Add(-time.Duration(s) * time.Second) }
	for _, c := range []struct {
		name          string
		before        time.Time // AppliedUntil so far
		base          string
		executed      string
		asked, newest time.Time
		current       time.Time
		want          int64 // SecondsBehind; -1: not known
		until         int64 // the age of AppliedUntil; -1: not known
	}{
		{name: "all is applied", before: ago(90), base: "1-5", executed: "1-5", asked: ago(1), newest: ago(187), want: 0, until: 1},
		{name: "the first transaction after a quiet time", before: ago(1), base: "1-5", executed: "1-6", asked: ago(0), newest: ago(187), want: 1, until: 1},
		{name: "the source wrote while the stream was cut", before: ago(15), base: "1-5", executed: "1-9", asked: ago(0), newest: ago(187), want: 15, until: 15},
		{name: "a busy source", before: ago(30), base: "1-5", executed: "1-9", asked: ago(0), newest: ago(7), want: 7, until: 7},
		{name: "a first look", base: "1-5", executed: "1-9", asked: ago(0), newest: ago(7), want: 7, until: 7},
		{name: "nothing is applied yet", base: "1-5", executed: "1-9", asked: ago(0), current: ago(40), want: 40, until: 40},
		{name: "nothing is known", base: "1-5", executed: "1-9", asked: ago(0), want: -1, until: -1},
		{name: "a transaction from the future", before: ago(5), base: "1-5", executed: "1-9", asked: ago(0), newest: ago(-3600), want: 0, until: 0},
		{name: "a clock that was set back", before: ago(-3600), base: "1-5", executed: "1-9", asked: ago(0), newest: ago(3), want: 0, until: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := &run{live: live{connected: true, executed: uuid + ":" + c.executed, asked: c.asked, current: c.current, seen: time.Now()}}
			st := Status{SourceSeen: true, AppliedUntil: c.before}
			x.fillLag(&st, position(c.base), c.newest)
			got, until := int64(-1), int64(-1)
			if st.SecondsBehind != nil {
				got = *st.SecondsBehind
			}
			if !st.AppliedUntil.IsZero() {
				until = int64(time.Since(st.AppliedUntil).Seconds())
			}
			if got != c.want || until != c.until {
				t.Errorf("%d s behind, applied until %d s ago; want %d and %d", got, until, c.want, c.until)
			}
		})
	}
}

// TestLagAfterAQuietTime writes to a source that was quiet for some seconds, while the
// target cannot commit: the lag begins at zero.
func TestLagAfterAQuietTime(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			src, dst := servers.ForTest(t, kind), servers.ForTest(t, servers.TiDB)
			from, err := src.Open("")
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			to, err := dst.Open("")
			if err != nil {
				t.Fatal(err)
			}
			defer to.Close()
			mustExec(t, from, "CREATE DATABASE quiet", "CREATE TABLE quiet.t (id INT PRIMARY KEY, v INT)", "INSERT INTO quiet.t VALUES (1,1)")
			r, err := New(config(t, src, dst, "quiet/s", ruleset.Spec{DoDB: []string{"quiet"}}))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			defer func() { cancel(); <-done }()
			until(t, r, "replicates", func(st Status) bool { return st.Phase == PhaseReplicate })
			mustExec(t, from, "UPDATE quiet.t SET v=2")
			written := time.Now()
			until(t, r, "nothing is written for 8 s", func(st Status) bool { return time.Since(written) > 8*time.Second && caughtUp(st) })

			tx, err := to.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			if _, err := tx.Exec("UPDATE quiet.t SET v=0 WHERE id=1"); err != nil {
				t.Fatal(err)
			}
			written = time.Now()
			mustExec(t, from, "UPDATE quiet.t SET v=3")
			seen := false
			until(t, r, "the channel has been behind for 3 s", func(st Status) bool {
				if st.SecondsBehind == nil {
					t.Error("the lag of a connected channel is not known")
					return true
				}
				most := int64(time.Since(written).Seconds()) + 2 // a look at the source is a second old
				if *st.SecondsBehind > most {
					t.Errorf("%.1f s after the source wrote the channel is %d s behind", time.Since(written).Seconds(), *st.SecondsBehind)
					return true
				}
				seen = seen || *st.SecondsBehind >= 2
				return seen && time.Since(written) > 3*time.Second
			})
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			until(t, r, "caught up", caughtUp)
		})
	}
}
