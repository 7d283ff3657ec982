package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/itest/rogue"
)

// lost has the bad channel meet a mutation after which a packet is missed. It ends in an error with a remedy, goes on,
// or waits for the packet: a time-out ends that (ReadTimeout of a target, source.answerTimeout). STOP ends the channel in each case, which goes on when the
// mutation is over.
func (r *rogueTest) lost(m rogue.Mutation) {
	r.t.Helper()
	began := time.Now()
	r.proxy.Set(&m)
	until(r.t, m.Name+" is met", 30*time.Second, func() bool {
		r.insert(r.bad)
		return r.proxy.Hits() > 0
	})
	how, last, id := "waits", row{}, r.insert(r.bad)
	for end := time.Now().Add(lostWait); how == "waits" && time.Now().Before(end); {
		last = r.status(r.bad)
		switch {
		case slices.Contains(lostCodes, last["Last_Errno"]) && last["Remedy"] != "" && last["Status"] != "RUNNING":
			how = last["Last_Errno"]
		case last["Status"] == "RUNNING" && r.arrived(id):
			how = "goes on"
		}
		time.Sleep(50 * time.Millisecond)
	}
	if how == "waits" && !r.target && strings.HasPrefix(m.Name, "more results") {
		r.t.Errorf("%s: the channel waits: %s %s %s", m.Name, last["Status"], last["Last_Errno"], last["Last_Error"])
	}
	stopped := time.Now()
	r.c.ok("STOP MIGRATION " + r.bad)
	until(r.t, m.Name+": the channel stops", 10*time.Second, func() bool { return r.status(r.bad)["Status"] == "STOPPED" })
	r.t.Logf("%-70s %s after %.1f s, stopped in %.1f s", m.Name, how, stopped.Sub(began).Seconds(), time.Since(stopped).Seconds())
	r.proxy.Set(nil)
	r.c.ok("START MIGRATION " + r.bad)
	r.running()
	r.follows(r.bad)
	r.equal()
}

// arrived returns true if the target has a row of the bad channel.
func (r *rogueTest) arrived(id int64) bool {
	var n int
	return r.to.QueryRow("SELECT COUNT(*) FROM "+r.bad+".t WHERE id=?", id).Scan(&n) == nil && n == 1
}

// lostWait is above the time-outs of a login and of a dump connection with this heartbeat.
const lostWait = 20 * time.Second

// lostCodes are rogueCodes, and a server that did not answer in time. A lost connection is what cutting it led to.
var lostCodes = append(slices.Clone(rogueCodes), "2003", "61228")

// losses runs mutations over all workers.
func losses(t *testing.T, target bool, list []rogue.Mutation) {
	n := newRogueNode(t, target)
	t.Run("workers", func(t *testing.T) {
		for i := range rogueWorkers {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				w := n.worker(t, i)
				for k := i; k < len(list); k += rogueWorkers {
					w.lost(list[k])
				}
			})
		}
	})
	if k := n.node.logs.count("panic"); k > 0 {
		t.Errorf("%d panics were recovered", k)
	}
}

// TestRogueFramesOfSource: a packet that a source does not send, or not whole, holds nobody up for ever.
func TestRogueFramesOfSource(t *testing.T) {
	const facts, who, dump = "SHOW GLOBAL VARIABLES WHERE", "SELECT @@GLOBAL.server_id", "master_heartbeat_period"
	const gtid, writeRows = 33, 30
	losses(t, false, slices.Concat(rogue.Framed(rogue.End, facts, 0), rogue.Framed(rogue.OK, "SET ", 0), rogue.Framed(rogue.End, who, 0),
		rogue.Framed(rogue.Row, facts, 0), rogue.Framed(rogue.OK, dump, 0), rogue.Framed(rogue.Event, "", gtid), rogue.Framed(rogue.Event, "", writeRows)))
}

// TestRogueFramesOfTarget is TestRogueFramesOfSource for a target.
func TestRogueFramesOfTarget(t *testing.T) {
	const session = "SELECT VERSION(), CONNECTION_ID()"
	losses(t, true, slices.Concat(rogue.Framed(rogue.End, session, 0), rogue.Framed(rogue.OK, "SET SESSION", 0), rogue.Framed(rogue.OK, "COMMIT", 0)))
}
