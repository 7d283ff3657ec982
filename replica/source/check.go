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
	RemedySQL string // statements for the source, separated by "; "; "" when there is none

	schema, table string // what it is about; schema alone: all of its tables; neither: the server
	copies        bool   // it matters only where rows are copied
	fine          bool   // OK, unless something else has the same ID
}

// checks are all the checks of a source, in the order of their findings. Each
// is a file-local function; to add one, write it and add it here. The name is for
// the error of a server that does not answer.
var checks = []struct {
	name string
	run  func(context.Context, *checker) error
}{
	{"encryption", checkEncryption},
	{"version", checkVersion},
	{"server_id", checkServerID},
	{"log_bin", checkLogBin},
	{"binlog_format", checkBinlogFormat},
	{"row_image", checkRowImage},
	{"row_value_options", checkRowValueOptions},
	{"row_metadata", checkRowMetadata},
	{"gtid", checkGTID},
	{"log_updates", checkLogUpdates},
	{"retention", checkRetention},
	{"replication_client", checkReplicationClient},
	{"replication_slave", checkReplicationSlave},
	{"binlog_filters", checkBinlogFilters},
	{"xa", checkXA},
	{"table_rights", checkTableRights},
	{"engines", checkEngines},
	{"columns", checkColumns},
	{"foreign_keys", checkForeignKeys},
	{"hash_keys", checkHashKeys},
	{"keys", checkKeys},
	{"lock_rights", checkLockRights},
}

// checker is what the checks share.
type checker struct {
	src      *Source
	facts    Facts // read anew: a remedy may have been carried out
	tables   []TableInfo
	keyless  []TableInfo // of tables; set by checkKeys
	findings []Finding
	may      selects
}

// Check runs all checks of the server, and those of the tables that wanted
// accepts (nil accepts all), for a channel that copies them. It changes nothing. A
// check that finds nothing wrong reports OK. The error is that of a lost connection,
// say: what is wrong with the source is in the findings.
func (s *Source) Check(ctx context.Context, wanted func(schema, table string) bool) ([]Finding, error) {
	v, err := s.Survey(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return v.Findings(Need{Wanted: wanted, ServerID: s.cfg.ServerID, Copies: true}), nil
}

// add records a finding about the server.
func (c *checker) add(id string, severity Severity, finding, remedy, sql string) {
	c.findings = append(c.findings, Finding{ID: "source." + id, Severity: severity, Object: c.src.cfg.Name,
		Finding: finding, Remedy: remedy, RemedySQL: sql})
}

// addFor records a finding about a table or its column; object is its name.
func (c *checker) addFor(t TableInfo, object, id string, severity Severity, finding, remedy, sql string) {
	c.findings = append(c.findings, Finding{ID: "source." + id, Severity: severity, Object: object,
		Finding: finding, Remedy: remedy, RemedySQL: sql, schema: t.Schema, table: t.Name})
}

// fine records what is said where no table has the finding.
func (c *checker) fine(id, finding string) {
	c.findings = append(c.findings, Finding{ID: "source." + id, Severity: OK, Object: c.src.cfg.Name, Finding: finding, fine: true})
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

// checkServerID leaves the comparison with a channel's own id to Findings.
func checkServerID(_ context.Context, c *checker) error {
	if c.facts.ServerID == 0 {
		c.add("server_id", Error, "server_id is 0: the server accepts no replicas", "set a server_id other than 0", "SET GLOBAL server_id = 1")
		return nil
	}
	c.add("server_id", OK, fmt.Sprintf("server_id is %d", c.facts.ServerID), "", "")
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
