package source

const expiredRemedy = "set a new password on the source, then STOP MIGRATION, ALTER SOURCE .. SOURCE_PASSWORD=.., START MIGRATION"

// serverErrors says what a server's error code means to an operator here.
// Codes that are not listed are reported as they are.
var serverErrors = map[uint16]struct {
	class     string // "" means SOURCE
	message   string
	remedy    string
	transient bool
}{
	1040: {message: "the source has too many connections", remedy: "raise max_connections on the source", transient: true},
	1042: {class: "NETWORK", message: "the source cannot resolve this node's host name", remedy: "set skip_name_resolve on the source", transient: true},
	1044: {message: "the source's account has no right on this schema", remedy: "GRANT SELECT ON `schema`.* TO the account"},
	1045: {message: "the source refused the user name or password", remedy: "check that the account may connect from this node's address, and SOURCE_USER and SOURCE_PASSWORD: to change them, STOP MIGRATION, " +
		"ALTER SOURCE .. SOURCE_PASSWORD=.., START MIGRATION"},
	1049: {class: "DDL", message: "the schema does not exist on the source", remedy: "check the migration's tables; it may have been dropped"},
	1053: {class: "NETWORK", message: "the source is shutting down", transient: true},
	1129: {message: "the source blocks this node after too many connection errors", remedy: "run FLUSH HOSTS (TRUNCATE performance_schema.host_cache) on the source"},
	1130: {message: "the source lets no account connect from this node's address", remedy: "create the account for this node's address, or for '%'"},
	1142: {message: "the source's account has no right on this table", remedy: "GRANT SELECT (and LOCK TABLES for tables without a key) ON the schema TO the account"},
	1143: {message: "the source's account has no right on a column of this table", remedy: "GRANT SELECT on the whole table TO the account"},
	1146: {class: "DDL", message: "the table does not exist on the source", remedy: "check the migration's tables; it may have been dropped or renamed", transient: false},
	1152: {class: "NETWORK", message: "the connection to the source was aborted", transient: true},
	1158: {class: "NETWORK", message: "the source could not read from the network", transient: true},
	1159: {class: "NETWORK", message: "the source timed out reading from the network", transient: true},
	1160: {class: "NETWORK", message: "the source could not write to the network", transient: true},
	1161: {class: "NETWORK", message: "the source timed out writing to the network", transient: true},
	1176: {class: "DDL", message: "the key that orders the table's rows no longer exists", remedy: "none: the table is copied again"},
	1054: {class: "DDL", message: "a column of the table no longer exists", remedy: "none: the table is copied again"},
	1203: {message: "the source's account has too many connections", remedy: "raise max_user_connections on the source", transient: true},
	1205: {message: "a lock on the source was not granted in time", remedy: "find the long transaction or DDL on the table (SHOW PROCESSLIST) and let it end", transient: true},
	1213: {message: "the source broke a deadlock", transient: true},
	1226: {message: "the source's account used up a resource limit", remedy: "raise the account's limits on the source", transient: true},
	1227: {message: "the source's account lacks a right that replication needs", remedy: "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO the account (and RELOAD on a source without GTIDs)"},
	1251: {message: "the source demands another authentication method", remedy: "use an account with caching_sha2_password, ed25519 or mysql_native_password"},
	1317: {message: "a statement on the source was interrupted", transient: true},
	1370: {message: "the source's account lacks the right to run a routine", remedy: "grant the right that the message names"},
	1373: {message: "the source does not have the binlog file of this channel's position", remedy: "copy the tables again (RESET MIGRATION, empty the target's tables, START MIGRATION)"},
	1381: {message: "the source writes no binlog", remedy: "start the source with log_bin, binlog_format=ROW and binlog_row_image=FULL"},
	1412: {class: "DDL", message: "the table's definition changed while a snapshot was open", remedy: "none: the table is copied again", transient: true},
	1820: {message: "the password of the source's account has expired", remedy: expiredRemedy},
	1862: {message: "the password of the source's account has expired", remedy: expiredRemedy},
	1927: {class: "NETWORK", message: "the source killed the connection", transient: true},
	1969: {message: "the source's limit on statement time ended a read", remedy: "raise max_statement_time for the account", transient: true},
	2013: {class: "NETWORK", message: "the connection to the source was lost", transient: true},
	3024: {message: "the source's limit on statement time ended a read", remedy: "raise max_execution_time for the account", transient: true},
	3118: {message: "the source's account is locked", remedy: "ALTER USER .. ACCOUNT UNLOCK on the source"},
	3159: {message: "the source demands an encrypted connection", remedy: "STOP MIGRATION, ALTER SOURCE .. SOURCE_SSL_MODE=REQUIRED, START MIGRATION"},
	4031: {class: "NETWORK", message: "the source closed an idle connection", transient: true},
	4151: {message: "the source's account is locked", remedy: "ALTER USER .. ACCOUNT UNLOCK on the source"},
}
