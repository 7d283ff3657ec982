package source

import (
	"context"
	"fmt"
	"strings"
)

// gtidSteps are the values of gtid_mode in the order in which MySQL takes them: each
// from the one before it alone, or the server answers with error 1788.
var gtidSteps = []string{"OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"}

// checkGTID names the steps that are left to turn GTIDs on. MySQL takes ON only
// while enforce_gtid_consistency is ON, and no transaction without a GTID may be
// under way then.
func checkGTID(ctx context.Context, c *checker) error {
	if c.facts.GTIDMode {
		c.add("gtid_mode", OK, "transactions have GTIDs", "", "")
		c.strictGTIDs()
		return nil
	}
	var mode, consistency string
	if err := c.src.db.QueryRowContext(ctx, "SELECT @@GLOBAL.gtid_mode, @@GLOBAL.enforce_gtid_consistency").Scan(&mode, &consistency); err != nil {
		return err
	}
	var steps []string
	if !isOn(consistency) {
		steps = append(steps, "SET GLOBAL enforce_gtid_consistency = ON")
	}
	reached := false
	for _, step := range gtidSteps {
		if reached {
			steps = append(steps, "SET GLOBAL gtid_mode = "+step)
		}
		reached = reached || strings.EqualFold(step, mode)
	}
	c.add("gtid_mode", Warning,
		fmt.Sprintf("gtid_mode is %s: positions are binlog coordinates, and a failover of the source cannot be followed", mode),
		"turn GTIDs on, one statement after the other: first see with enforce_gtid_consistency = WARN that the server's log "+
			"names no statement; before gtid_mode = ON wait until SHOW STATUS LIKE 'Ongoing_anonymous_transaction_count' is 0, "+
			"on replicas too; then write gtid_mode and enforce_gtid_consistency into the server's configuration. A migration that "+
			"has a position keeps its coordinates until RESET MIGRATION",
		strings.Join(steps, "; "))
	return nil
}

// strictGTIDs warns of a MariaDB whose sessions may number transactions as they like.
func (c *checker) strictGTIDs() {
	if c.facts.Flavor != FlavorMariaDB || c.facts.GTIDStrict {
		return
	}
	c.add("gtid_strict_mode", Warning, "gtid_strict_mode is OFF: the source may log a transaction whose number is not above those before it, which stops the channel (61302)",
		"set gtid_strict_mode to ON, in the server's configuration too; servers that write at the same time need a gtid_domain_id each", "SET GLOBAL gtid_strict_mode = 1")
}
