package source

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Severity says what a Finding means for a start.
type Severity string

// The severities. An ERROR refuses a start.
const (
	OK      Severity = "OK"
	Info    Severity = "INFO"
	Warning Severity = "WARNING"
	Error   Severity = "ERROR"
)

// Finding is the outcome of one check on one object.
type Finding struct {
	ID        string // stable, lower case: source.binlog_format
	Severity  Severity
	Object    string // the server's name, or schema.table[.column]
	Finding   string
	Remedy    string
	RemedySQL string // a statement for the source; "" when there is none
}

// checks are all the checks of a source, in the order of their findings. Each
// is a file-local function; to add one, write it and add it here.
var checks = []func(context.Context, *checker) error{
	checkEncryption, checkVersion, checkServerID, checkLogBin, checkBinlogFormat, checkRowImage, checkRowValueOptions, checkRowMetadata,
	checkGTID, checkLogUpdates, checkRetention, checkReplicationClient, checkReplicationSlave, checkBinlogFilters,
	checkXA, checkTableRights, checkEngines, checkColumns, checkForeignKeys, checkKeys,
}

// checker is what the checks share.
type checker struct {
	src      *Source
	facts    Facts // read anew: a remedy may have been carried out
	tables   []TableInfo
	findings []Finding
}

// Check runs all checks of the server, and those of the tables that wanted
// accepts (nil accepts all). It changes nothing. A check that finds nothing
// wrong reports OK. The error is that of a lost connection, say: what is wrong
// with the source is in the findings.
func (s *Source) Check(ctx context.Context, wanted func(schema, table string) bool) ([]Finding, error) {
	facts, err := readFacts(ctx, s.db, FlavorAuto)
	if err != nil {
		return nil, Classify(fmt.Errorf("check source: %w", err))
	}
	facts.Encrypted = s.facts.Encrypted
	tables, err := s.listTables(ctx, wanted)
	if err != nil {
		return nil, err
	}
	c := &checker{src: s, facts: facts, tables: tables}
	for _, check := range checks {
		if err := check(ctx, c); err != nil {
			return c.findings, Classify(fmt.Errorf("check source: %w", err))
		}
	}
	return c.findings, nil
}

// add records a finding about the server.
func (c *checker) add(id string, severity Severity, finding, remedy, sql string) {
	c.addFor(c.src.cfg.Name, id, severity, finding, remedy, sql)
}

func (c *checker) addFor(object, id string, severity Severity, finding, remedy, sql string) {
	c.findings = append(c.findings, Finding{ID: "source." + id, Severity: severity, Object: object,
		Finding: finding, Remedy: remedy, RemedySQL: sql})
}

func checkVersion(_ context.Context, c *checker) error {
	ok := c.facts.AtLeast(5, 7, 0)
	if c.facts.Flavor == FlavorMariaDB {
		ok = c.facts.AtLeast(10, 5, 0)
	}
	if !ok {
		c.add("version", Error, fmt.Sprintf("%s %s is not supported", c.facts.Flavor, c.facts.Version),
			"upgrade the source to MySQL 5.7 or MariaDB 10.5 at least, or replicate from a newer replica of it", "")
		return nil
	}
	c.add("version", OK, fmt.Sprintf("%s %s", c.facts.Flavor, c.facts.Version), "", "")
	return nil
}

func checkServerID(_ context.Context, c *checker) error {
	switch {
	case c.facts.ServerID == 0:
		c.add("server_id", Error, "server_id is 0: the server accepts no replicas", "set a server_id other than 0", "SET GLOBAL server_id = 1")
	case c.facts.ServerID == c.src.cfg.ServerID:
		c.add("server_id", Error, fmt.Sprintf("the source itself has server_id %d", c.facts.ServerID), "set SERVER_ID=AUTO or another number", "")
	default:
		c.add("server_id", OK, fmt.Sprintf("server_id is %d", c.facts.ServerID), "", "")
	}
	return nil
}

func checkLogBin(_ context.Context, c *checker) error {
	if !c.facts.LogBin {
		c.add("log_bin", Error, "the server writes no binlog", "start the server with log_bin", "")
		return nil
	}
	c.add("log_bin", OK, "the server writes a binlog", "", "")
	return nil
}

func checkBinlogFormat(_ context.Context, c *checker) error {
	return c.setting("binlog_format", c.facts.BinlogFormat, "ROW", Error, "changes would reach the binlog as statements, which are not replicated")
}

func checkRowImage(_ context.Context, c *checker) error {
	return c.setting("binlog_row_image", c.facts.RowImage, "FULL", Error, "row changes would not have all columns")
}

func checkRowMetadata(_ context.Context, c *checker) error {
	if c.facts.RowMetadata == "" {
		return nil // MySQL 5.7
	}
	return c.setting("binlog_row_metadata", c.facts.RowMetadata, "FULL", Info,
		"column names come from the schema history instead of from the binlog itself")
}

func checkRowValueOptions(_ context.Context, c *checker) error {
	return c.setting("binlog_row_value_options", strings.ToUpper(c.facts.RowValueOpts), "", Error, "changes of JSON columns would be partial")
}

// setting compares a global variable with what it should be.
func (c *checker) setting(name, have, want string, otherwise Severity, why string) error {
	if have == want {
		c.add(name, OK, fmt.Sprintf("%s is %q", name, have), "", "")
		return nil
	}
	c.add(name, otherwise, fmt.Sprintf("%s is %q: %s", name, have, why),
		fmt.Sprintf("set %s to %q, in the server's configuration too; sessions that are open keep the old value until they reconnect", name, want),
		fmt.Sprintf("SET GLOBAL %s = '%s'", name, want))
	return nil
}

func checkGTID(_ context.Context, c *checker) error {
	if !c.facts.GTIDMode {
		c.add("gtid_mode", Warning, "gtid_mode is not ON: positions are binlog coordinates, and a failover of the source cannot be followed",
			"turn GTIDs on step by step: OFF_PERMISSIVE, ON_PERMISSIVE, ON", "SET GLOBAL gtid_mode = ON")
		return nil
	}
	c.add("gtid_mode", OK, "transactions have GTIDs", "", "")
	return nil
}

// checkLogUpdates looks for a replica that keeps what it replicates out of its
// own binlog.
func checkLogUpdates(ctx context.Context, c *checker) error {
	if c.facts.LogUpdates {
		return nil
	}
	query := "SHOW REPLICA STATUS"
	if c.facts.Flavor == FlavorMySQL && !c.facts.AtLeast(8, 0, 22) {
		query = "SHOW SLAVE STATUS"
	}
	row, err := firstRow(ctx, c.src.db, query)
	if isDenied(err) {
		return nil // checkReplicationClient reports the missing right
	}
	if err != nil {
		return err
	}
	if row != nil {
		c.add("log_replica_updates", Error, "the server is a replica and does not write what it replicates into its own binlog",
			"start it with log_replica_updates (log_slave_updates), or replicate from its source", "")
	}
	return nil
}

// shortRetention is below what an outage over a night needs.
const shortRetention = 12 * time.Hour

func checkRetention(_ context.Context, c *checker) error {
	r := c.facts.Retention
	if r == 0 || r >= shortRetention {
		c.add("binlog_expiry", OK, "binlogs are kept "+keptFor(r), "", "")
		return nil
	}
	name, value := "binlog_expire_logs_seconds", 3*24*3600
	if c.facts.Flavor == FlavorMySQL && !c.facts.AtLeast(8, 0, 0) || c.facts.Flavor == FlavorMariaDB && !c.facts.AtLeast(10, 6, 1) {
		name, value = "expire_logs_days", 3
	}
	c.add("binlog_expiry", Warning, "binlogs are kept "+keptFor(r)+": the first copy or an outage may last longer",
		"keep binlogs for three days", fmt.Sprintf("SET GLOBAL %s = %d", name, value))
	return nil
}

func keptFor(r time.Duration) string {
	if r == 0 {
		return "until they are purged by hand"
	}
	return "for " + r.String()
}
