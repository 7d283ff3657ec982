package binlog

import (
	"time"

	"sluice/replica"
)

// explicitTimestampBit is the bit of MariaDB's flags that holds
// explicit_defaults_for_timestamp: OPTION_EXPLICIT_DEF_TIMESTAMP in
// sql/sql_priv.h. Servers before 10.8.4, 10.9.2 and 10.10.2, and MySQL, leave it
// 0, so that a 0 alone says nothing.
const explicitTimestampBit = 1 << 24

// utf8mb4Default is the number of utf8mb4_general_ci, which stands for the
// character set utf8mb4 in replica.DDL's Collations.
const utf8mb4Default = 45

// statusVar reads the value of one status variable.
type statusVar func(c *cursor, ddl *replica.DDL)

// skip returns a statusVar of n bytes that no definition depends on.
func skip(n int) statusVar { return func(c *cursor, _ *replica.DDL) { c.take(n) } }

// skipStrings returns a statusVar of n strings with a length byte each.
func skipStrings(n int) statusVar {
	return func(c *cursor, _ *replica.DDL) {
		for range n {
			c.take(int(c.uint(1)))
		}
	}
}

// statusVarForms has the format of every status variable of a query event, by
// its code: MySQL's Query_event in statement_events.h, and MariaDB's
// Query_log_event in sql/log_event.h, whose own codes begin at 128. Both write
// them in no fixed order. MySQL's 14 and 15 are reserved and never written.
var statusVarForms = [256]statusVar{
	0: func(c *cursor, ddl *replica.DDL) { // flags2
		if c.uint(4)&explicitTimestampBit != 0 {
			ddl.ExplicitTimestamp = replica.On
		}
	},
	1: func(c *cursor, ddl *replica.DDL) { ddl.SQLMode = c.uint(8) },
	2: func(c *cursor, _ *replica.DDL) { c.take(int(c.uint(1)) + 1) }, // catalog with a zero byte
	3: skip(4),                                                        // auto_increment_increment, _offset
	4: func(c *cursor, ddl *replica.DDL) {
		ddl.CharsetID = uint16(c.uint(2))
		ddl.ConnectionID = uint16(c.uint(2))
		ddl.ServerCollationID = uint16(c.uint(2))
	},
	5:  func(c *cursor, ddl *replica.DDL) { ddl.TimeZone = string(c.take(int(c.uint(1)))) },
	6:  skipStrings(1), // catalog
	7:  skip(2),        // lc_time_names
	8:  skip(2),        // collation_database, which only LOAD DATA uses
	9:  skip(8),        // tables that an UPDATE names
	10: skip(4),        // bytes of a LOAD DATA
	11: skipStrings(2), // invoker: user and host
	12: updatedSchemas,
	13: microseconds,
	16: func(c *cursor, ddl *replica.DDL) {
		ddl.ExplicitTimestamp = replica.Off
		if c.uint(1) != 0 {
			ddl.ExplicitTimestamp = replica.On
		}
	},
	17: skip(8), // the transaction's number
	18: func(c *cursor, ddl *replica.DDL) {
		ddl.Collations = map[uint16]uint16{utf8mb4Default: uint16(c.uint(2))}
	},
	19:  skip(1), // sql_require_primary_key
	20:  skip(1), // default_table_encryption
	128: microseconds,
	129: skip(8), // the transaction's number
	130: func(c *cursor, _ *replica.DDL) { // extra flags of the GTID event, and which ALTER it ends
		if c.uint(1)&(mariaCommitAlter|mariaRollbackAlter) != 0 {
			c.take(8)
		}
	},
	131: func(c *cursor, ddl *replica.DDL) { // character_set_collations: pairs of numbers
		n := int(c.uint(1))
		ddl.Collations = make(map[uint16]uint16, n)
		for range n {
			from := uint16(c.uint(2))
			ddl.Collations[from] = uint16(c.uint(2))
		}
	},
}

// updatedSchemas skips the names of the schemas that a statement changes: a
// count, or 254 for too many, and as many strings that end with a zero byte.
func updatedSchemas(c *cursor, _ *replica.DDL) {
	const tooMany = 254
	n := int(c.uint(1))
	if n == tooMany {
		return
	}
	for range n {
		for !c.bad && c.uint(1) != 0 {
		}
	}
}

func microseconds(c *cursor, ddl *replica.DDL) {
	ddl.At = ddl.At.Add(time.Duration(c.uint(3)) * time.Microsecond)
}

// statusVars reads the settings of a query event into ddl. It returns false if
// they are cut off. A code that no supported server writes ends the reading: its
// length is not known. The code is then in
// ddl.Unread.
func statusVars(c *cursor, ddl *replica.DDL) bool {
	for len(c.b) > 0 && !c.bad {
		code := byte(c.uint(1))
		read := statusVarForms[code]
		if read == nil {
			ddl.Unread = code
			return true
		}
		read(c, ddl)
	}
	return !c.bad
}
