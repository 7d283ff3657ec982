package source_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"

	"sluice/replica"
	"sluice/replica/source"
)

// TestClassifyStreamErrors: 1236 says many things; its text tells them apart.
// The texts are those of MySQL 5.7 to 9 and MariaDB.
func TestClassifyStreamErrors(t *testing.T) {
	for _, c := range []struct {
		message   string
		code      uint16
		transient bool
	}{
		{"Cannot replicate because the source purged required binary logs. Replicate the missing transactions from elsewhere", 1236, false},
		{"Could not find first log file name in binary log index file", 1236, false},
		{"The binlog on the master is missing the GTID 0-1-5 requested by the slave", 1236, false},
		{"Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old and required binlog files have been purged.", 1236, false},
		{"A replica with the same server_uuid/server_id as this replica has connected to the source; the first event 'binlog.000001' at 4", 61102, false},
		{"A slave with the same server_uuid/server_id as this slave has connected to the master", 61102, false},
		{"Replica has more GTIDs than the source has, using the source's SERVER_UUID.", 61051, false},
		{"Error: connecting slave requested to start from GTID 0-1-9, which is not in the master's binlog", 61051, false},
		{"The binlog on the master is missing the GTID 0-1-5 requested by the slave (even though a subsequent sequence number does exist), and GTID strict mode is enabled", 61051, false},
		{"Client requested source to start replication from position > file size", 61051, false},
		{"log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source", 1236, false},
		{"Misconfigured source - source server_id is 0", 1236, false},
		{"Could not read the file", 1236, true},
	} {
		for _, err := range []error{
			&mysql.MySQLError{Number: 1236, Message: c.message},
			fmt.Errorf("read event: %w", &gomysql.MyError{Code: 1236, State: "HY000", Message: c.message}),
		} {
			wantError(t, source.Classify(err), c.code, "SOURCE", c.transient)
		}
	}
}

func TestClassify(t *testing.T) {
	if source.Classify(nil) != nil {
		t.Error("nil became an error")
	}
	named := &replica.Error{Code: 1}
	if err := source.Classify(fmt.Errorf("step: %w", named)); err != error(named) {
		t.Errorf("a named error became %v", err)
	}
	wantError(t, source.Classify(fmt.Errorf("read: %w", io.ErrUnexpectedEOF)), 2013, "NETWORK", true)
	wantError(t, source.Classify(mysql.ErrInvalidConn), 2013, "NETWORK", true)
	wantError(t, source.Classify(mysql.ErrUnknownPlugin), 1251, "SOURCE", false)
	wantError(t, source.Classify(&mysql.MySQLError{Number: 1205}), 1205, "SOURCE", true)
	// ProxySQL without a server, and a client library's number that it passes on.
	wantError(t, source.Classify(&mysql.MySQLError{Number: 9001, Message: "Max connect timeout reached"}), 9001, "NETWORK", true)
	wantError(t, source.Classify(&mysql.MySQLError{Number: 2006}), 2006, "NETWORK", true)
	var e *replica.Error
	if err := source.Classify(&mysql.MySQLError{Number: 9999, SQLState: [5]byte{'4', '2', 'S', '0', '2'}}); !errors.As(err, &e) || e.Code != 9999 || e.State != "42S02" || e.Transient {
		t.Errorf("an unknown code became %#v", e)
	}
}
