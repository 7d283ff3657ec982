package gateway

import (
	"fmt"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/rogue"
)

// TestSilentServers: a server that swallows an answer in the middle of the checks is named within 20 s, with its address
// and the check.
func TestSilentServers(t *testing.T) {
	src, store := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.TiDB)
	node := start(t, testConfig(t, store, "n1"))
	for i, s := range []struct {
		target          bool
		text            string
		statement, what string
		at              rogue.Point
	}{
		{false, "SHOW GRANTS", "START MIGRATION m%d", "the source did not answer in time (check source.table_rights of source s%d at %s)", rogue.End},
		{false, "SHOW GRANTS", "CHECK SOURCE s%d", "the source did not answer in time (check source.table_rights of source s%d at %s)", rogue.End},
		{true, "CURRENT_USER()", "START MIGRATION m%d", "the target did not answer in time (check target.rights of target t%d at %s)", rogue.End},
		{true, "sluice_meta.lanes", "CHECK MIGRATION m%d", "the target did not answer in time (check target.progress of target t%d at %s)", rogue.Head},
	} {
		t.Run(fmt.Sprint(s.statement, s.text), func(t *testing.T) {
			t.Parallel()
			of := src
			if s.target {
				of = store
			}
			proxy, err := rogue.New(of.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			c := node.admin(t)
			port, target := src.Port, ""
			if s.target {
				c.ok(fmt.Sprintf("CREATE TARGET t%d TARGET_HOSTS=('%s'), TARGET_USER='root'", i, proxy.Addr()))
				target = fmt.Sprintf("TO TARGET t%d", i)
			} else {
				port = proxy.Port()
			}
			c.ok(fmt.Sprintf("CREATE SOURCE s%d SOURCE_HOST='127.0.0.1', SOURCE_PORT=%d, SOURCE_USER='root'", i, port))
			c.ok(fmt.Sprintf("CREATE MIGRATION m%d FROM SOURCE s%d %s REPLICATE_DO_DB=(d)", i, i, target))
			m := rogue.Framed(s.at, s.text, 0)[0]
			proxy.Set(&m)
			began := time.Now()
			c.names(61228, fmt.Sprintf(s.statement, i), fmt.Sprintf(s.what, i, proxy.Addr()), "Remedy: ", "SHOW PROCESSLIST")
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("the answer took %s", took)
			}
			proxy.Set(nil)
			c.ok(fmt.Sprintf("CHECK SOURCE s%d", i)) // the remedy: repeat
		})
	}
}
