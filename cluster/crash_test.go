package cluster

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestBlame: whom a crash is counted against.
func TestBlame(t *testing.T) {
	run := func(channel string, seconds int, alone bool) openRun {
		return openRun{channel: channel, alone: alone, age: time.Duration(seconds) * time.Second}
	}
	for _, c := range []struct {
		name              string
		runs              []openRun
		blamed, suspected string
	}{
		{"nothing ran", nil, "", ""},
		{"all ran for long", []openRun{run("a", 100, false), run("b", 200, false)}, "ab", ""},
		{"one is young", []openRun{run("a", 100, false), run("b", 2, false)}, "b", ""},
		{"several are young", []openRun{run("a", 3, false), run("b", 2, false), run("c", 60, true)}, "ab", ""},
		{"a suspect is young", []openRun{run("a", 100, false), run("b", 2, true)}, "b", "b"},
		{"a suspect is young beside others", []openRun{run("a", 1, false), run("b", 2, true), run("c", 20, true)}, "ab", "b"},
		{"two suspects passed", []openRun{run("a", 20, true), run("b", 30, true)}, "ab", "ab"},
	} {
		names := func(list []openRun) (s string) {
			for _, r := range list {
				s += r.channel
			}
			return s
		}
		blamed, suspects := blame(c.runs)
		if names(blamed) != c.blamed || names(suspects) != c.suspected {
			t.Errorf("%s: blamed %q, suspects %q", c.name, names(blamed), names(suspects))
		}
	}
}

// TestCrashes goes through the life of a channel that crashes its nodes, beside one that does not.
func TestCrashes(t *testing.T) {
	db := connect(t, tidb(t).DSN(""))
	channel(t, db, "abc/bad")
	channel(t, db, "abc/good")
	age := func(name string, by time.Duration) {
		t.Helper()
		if _, err := db.Exec(`UPDATE sluice_meta.channel_runs SET began_at = began_at - INTERVAL ? MICROSECOND WHERE channel = ? AND crashed_at IS NULL`,
			by.Microseconds(), name); err != nil {
			t.Fatal(err)
		}
	}
	crashes := func(name string) (n int) {
		t.Helper()
		if err := db.QueryRow(`SELECT COUNT(*) FROM sluice_meta.channel_runs WHERE channel = ? AND crashed_at IS NOT NULL`, name).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	want := func(bad, good int) {
		t.Helper()
		if b, g := crashes("abc/bad"), crashes("abc/good"); b != bad || g != good {
			t.Fatalf("%d crashes of the bad one and %d of the good one, want %d and %d", b, g, bad, good)
		}
	}
	restart := func(n *node, crash bool) *node {
		t.Helper()
		n.kill(t)
		cfg := config(t, "a", db)
		cfg.Crash = crash
		return start(t, cfg)
	}
	both := func(n *node) {
		t.Helper()
		for _, name := range []string{"abc/bad", "abc/good"} {
			if took := n.wants(t, name); took > 5*time.Second {
				t.Errorf("%s was claimed after %v", name, took)
			}
			n.claim(t, name)
		}
	}
	a := start(t, config(t, "a", db))
	// Kills never count, however many.
	for range 4 {
		both(a)
		a = restart(a, false)
		want(0, 0)
	}
	// A crash of both while they are young counts against both, and delays nothing.
	both(a)
	a = restart(a, true)
	want(1, 1)
	if len(a.Stopped()) > 0 {
		t.Errorf("stopped %v", a.Stopped())
	}
	// Neither does a second one name either of them. From now on they are tried alone.
	both(a)
	age("abc/good", time.Minute) // and counts against the younger one only
	a = restart(a, true)
	want(2, 1)
	if len(a.Stopped()) > 0 {
		t.Errorf("stopped %v", a.Stopped())
	}
	if list, err := a.Wanted(t.Context()); err != nil || slices.ContainsFunc(list, func(c ChannelState) bool { return c.Channel == "abc/bad" }) {
		t.Errorf("wants the suspect at once: %v, %v", list, err)
	}
	a.wants(t, "abc/good")
	a.claim(t, "abc/good")
	age("abc/good", time.Minute)
	if took := a.wants(t, "abc/bad"); took < crashPause/2 {
		t.Errorf("the suspect was left alone for %v", took)
	}
	a.claim(t, "abc/bad")
	a = restart(a, true)
	want(3, 1)
	if got := a.Stopped(); !slices.Equal(got, []string{"abc/bad"}) {
		t.Fatalf("stopped %v", got)
	}
	ch, err := a.Channel(t.Context(), "abc/bad")
	if err != nil || ch.Status != "ERROR" {
		t.Errorf("%+v, %v", ch, err)
	}
	a.wants(t, "abc/good")
	a.claim(t, "abc/good")
	if list, err := a.Wanted(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("wants a channel in ERROR: %v, %v", list, err)
	}
	// A release in order leaves nothing to count, and a START forgets.
	if err := a.Release(t.Context(), "abc/good", func() uint64 { c, _ := a.Channel(t.Context(), "abc/good"); return c.Epoch }()); err != nil {
		t.Fatal(err)
	}
	if err := ForgetCrashes(t.Context(), db, "abc/bad"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE sluice_meta.channels SET not_before = NULL, status = 'STARTING'`); err != nil {
		t.Fatal(err)
	}
	want(0, 1)
	both(a)
	if err := a.RanWell(t.Context(), "abc/good"); err != nil {
		t.Fatal(err)
	}
	want(0, 0)
}

// TestSuspectsOneAtATime: a node takes one of several suspects, and the next when that one has passed its probation.
func TestSuspectsOneAtATime(t *testing.T) {
	db := connect(t, tidb(t).DSN(""))
	for _, name := range []string{"abc/s1", "abc/s2", "abc/s3"} {
		channel(t, db, name)
		for epoch := range 2 {
			if _, err := db.Exec(`INSERT INTO sluice_meta.channel_runs VALUES (?, ?, 'x', 1, 0, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE)`, name, epoch); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := start(t, config(t, "a", db))
	var list []ChannelState
	eventually(t, "a suspect is wanted", func() (err error) {
		if list, err = a.Wanted(t.Context()); err == nil && len(list) == 0 {
			err = errors.New("nothing")
		}
		return err
	})
	if len(list) != 1 {
		t.Fatalf("%d suspects are wanted at once", len(list))
	}
	a.claim(t, list[0].Channel)
	if more, err := a.Wanted(t.Context()); err != nil || len(more) > 0 {
		t.Errorf("another suspect beside the one in its probation: %v, %v", more, err)
	}
	a.place.tryAlone(time.Now()) // as if the probation had passed
	if more, err := a.Wanted(t.Context()); err != nil || len(more) != 1 {
		t.Errorf("after the probation: %v, %v", more, err)
	}
}
