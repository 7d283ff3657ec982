package cluster

import (
	"testing"
	"time"
)

func TestClaimRule(t *testing.T) {
	const me, inc = "n1", 7
	alive := func(o ownership) ownership {
		o.Owner, o.Incarnation, o.registered = "n2", 3, 3
		return o
	}
	dead, cut, live := peer{state: gossipDead}, peer{state: gossipCut}, peer{state: gossipAlive}
	for _, c := range []struct {
		name string
		o    ownership
		held bool
		want bool
	}{
		{name: "released", o: ownership{}, want: true},
		{name: "alive", o: alive(ownership{gossip: live}), want: false},
		{name: "alive, not known to gossip", o: alive(ownership{age: 9 * time.Second}), want: false},
		{name: "gossip dead, heartbeat fresh", o: alive(ownership{gossip: dead, age: 2400 * time.Millisecond}), want: false},
		{name: "gossip dead, heartbeat old", o: alive(ownership{gossip: dead, age: 2600 * time.Millisecond}), want: true},
		{name: "cut from the store, heartbeat fresh", o: alive(ownership{gossip: cut, age: time.Second}), want: false},
		{name: "cut from the store, heartbeat old", o: alive(ownership{gossip: cut, age: 3 * time.Second}), want: true},
		{name: "gossip alive, heartbeat old", o: alive(ownership{gossip: live, age: 9 * time.Second}), want: false},
		{name: "gossip alive, heartbeat very old", o: alive(ownership{gossip: live, age: 11 * time.Second}), want: true},
		{name: "left in order", o: alive(ownership{gossip: live, left: true}), want: true},
		{name: "owner restarted", o: ownership{Owner: "n2", Incarnation: 2, registered: 3, gossip: live}, want: true},
		{name: "owner has no row", o: ownership{Owner: "n2", Incarnation: 2}, want: true},
		{name: "my earlier incarnation", o: ownership{Owner: me, Incarnation: 6, registered: inc}, want: true},
		{name: "mine and held", o: ownership{Owner: me, Incarnation: inc, registered: inc}, held: true, want: false},
		{name: "mine and not held", o: ownership{Owner: me, Incarnation: inc, registered: inc}, want: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mayClaim(c.o, me, inc, c.held); got != c.want {
				t.Errorf("claim allowed: %v, want %v", got, c.want)
			}
		})
	}
}

func TestMemberState(t *testing.T) {
	for _, c := range []struct {
		name  string
		row   nodeRow
		since time.Duration
		g     gossipState
		want  State
	}{
		{"both", nodeRow{age: time.Second}, 0, gossipAlive, Alive},
		{"cut from the store", nodeRow{age: 20 * time.Second}, 0, gossipCut, Suspect},
		{"heartbeat only", nodeRow{age: time.Second}, 0, gossipUnknown, Suspect},
		{"gossip only", nodeRow{age: 3 * time.Second}, 0, gossipAlive, Suspect},
		{"neither", nodeRow{age: 3 * time.Second}, 0, gossipDead, Dead},
		{"left", nodeRow{left: true}, 0, gossipAlive, Left},
		{"this node cannot read the store", nodeRow{}, 9 * time.Second, gossipAlive, Alive},
		{"it has not read the store for long", nodeRow{age: time.Second}, time.Hour, gossipAlive, Alive},
		{"nobody reads the store", nodeRow{age: time.Second}, time.Hour, gossipCut, Alive},
		{"died while the store is not read", nodeRow{age: time.Second}, 5 * time.Second, gossipDead, Suspect},
		{"died long ago while the store is not read", nodeRow{age: time.Second}, 12 * time.Second, gossipDead, Dead},
		{"cut off before the store was not read", nodeRow{age: 3 * time.Second}, time.Hour, gossipCut, Suspect},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := memberState(c.row, c.since, c.g); got != c.want {
				t.Errorf("state %s, want %s", got, c.want)
			}
		})
	}
}
