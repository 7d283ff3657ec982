package sqladmin

import "slices"

// errorCode is a row of table error_codes.
type errorCode struct {
	code    uint16
	class   string // what has to change: STATEMENT, CONFIG, SOURCE, TARGET, DATA, DDL, NETWORK, NODE or INTERNAL
	name    string
	meaning string
	remedy  string // "" where the message's own remedy says all
}

// errorCodes lists the codes that the program raises: in ERR packets, warnings,
// checks and SHOW MIGRATION ERRORS. A newcomer adds a row; a test of package
// gateway looks for codes that are missing.
var errorCodes = slices.Concat(ownCodes, serverCodes)

// ownCodes are Sluice's own, 61000 to 61999.
var ownCodes = []errorCode{
	{CodeExists, "STATEMENT", "EXISTS", "an object with this name exists", "choose another name, or IF NOT EXISTS"},
	{CodeUnknownObject, "STATEMENT", "UNKNOWN_OBJECT", "no object has this name", "SHOW MIGRATIONS, SOURCES, TARGETS, SECRETS or NODES lists the names"},
	{CodeExistsDifferent, "STATEMENT", "EXISTS_DIFFERENT", "IF NOT EXISTS met an object with another definition", "compare with SHOW CREATE, then ALTER it"},
	{CodeBadOption, "STATEMENT", "BAD_OPTION", "an option is unknown, or its value is not allowed", ""},
	{CodeImmutable, "STATEMENT", "IMMUTABLE_WHILE_RUNNING", "a running migration cannot change this", "STOP MIGRATION, then repeat the statement"},
	{CodeInUse, "STATEMENT", "IN_USE", "another object uses this one", "drop or alter the other object first"},
	{CodeConcurrentChange, "STATEMENT", "CONCURRENT_CHANGE", "the object was changed while the statement ran", "look at it, then repeat the statement"},
	{CodeCheckFailed, "CONFIG", "CHECK_FAILED", "a check found what would make the migration fail", "CHECK MIGRATION lists all findings with their remedies"},
	{CodeAlready, "STATEMENT", "ALREADY", "there was nothing to do (a note)", ""},
	{CodeWrongPhase, "STATEMENT", "WRONG_PHASE", "the migration's phase does not allow the statement", ""},
	{CodeNodeSilent, "NODE", "NODE_SILENT", "a node does not answer: its part of the result is older (a warning)", "SHOW NODES shows since when"},
	{CodeStoreUnreachable, "NODE", "STORE_UNREACHABLE", "the store does not answer", "see that its TiDB runs and that this node reaches it; then repeat the statement"},
	{CodeNodeDown, "NODE", "NODE_DOWN", "the node that is named is down, or takes no channels", "SHOW NODES; start the node, or name another one"},
	{CodeWaitTimeout, "STATEMENT", "WAIT_TIMEOUT", "a WAIT FOR ended before its condition held", "wait again, with a longer TIMEOUT"},
	{CodeWaitImpossible, "STATEMENT", "WAIT_IMPOSSIBLE", "the condition of a WAIT FOR, or the phase of an UNTIL, cannot be reached any more", "SHOW MIGRATION STATUS shows why"},
	{CodePositionPurged, "SOURCE", "POSITION_PURGED", "the source no longer has the binlog of the channel's position", "copy the tables again: RESET MIGRATION, empty the target's tables, START MIGRATION"},
	{CodeSourceChanged, "SOURCE", "SOURCE_CHANGED", "the source is another server, or has lost transactions that were applied", "ALTER SOURCE to the right server; or copy the tables again"},
	{CodeConflict, "DATA", "CONFLICT", "the target's rows are not what they must be", "find what else writes there; RESET MIGRATION copies again"},
	{CodeDDLUnsupported, "DDL", "DDL_UNSUPPORTED", "a DDL cannot be carried out in the target", "make the change in the target by hand, then START MIGRATION"},
	{CodeSecretUnreadable, "CONFIG", "SECRET_UNREADABLE", "this node cannot read a secret's value", "see the secret's file or variable on this node, or ALTER SECRET"},
	{61070, "TARGET", "TARGET_FAILED", "the target refuses or fails; it is tried again where that can help", "see the target's log"},
	{61071, "TARGET", "TARGET_SESSION", "the target keeps a session variable at a value that Sluice cannot work with", "allow the target's user to set it"},
	{61080, "CONFIG", "WRONG_KEY", "the store's secrets were encrypted with another cluster key", "start the node with the key of the other nodes"},
	{61081, "CONFIG", "NEWER_STORE", "the tables in the store or target are of a newer version of Sluice", "upgrade this node"},
	{61082, "CONFIG", "WRONG_CLUSTER_KEY", "another node uses another cluster key", "give every node the same --cluster-key-file"},
	{61083, "CONFIG", "NAME_TAKEN", "another live node has this node's name", "give every node its own name"},
	{61084, "NODE", "REPLACED", "a newer process took over this node's name", "give every node its own name; this process has to stop"},
	{61085, "CONFIG", "NOT_TIDB", "the store is not a TiDB", "name a TiDB with --store"},
	{61090, "CONFIG", "ROUTES_COLLIDE", "two tables of a source go to one target table", "route them to different tables"},
	{61091, "CONFIG", "NO_TABLES", "the rules match no table of the source", "compare the REPLICATE_ clauses with the source's tables; names compare with case"},
	{61092, "SOURCE", "TABLES_CHANGE", "the source's tables change too often to begin", "wait until the DDL on the source is over"},
	{61093, "TARGET", "TABLE_MISSING", "the target lacks a table", "create it there, or RESET MIGRATION"},
	{61094, "TARGET", "TABLE_NOT_EMPTY", "a target table has rows before the copy", "empty it, or route elsewhere"},
	{61095, "TARGET", "TABLE_UNFIT", "a target table cannot hold the source's rows", "drop or alter it, or route elsewhere"},
	{61096, "DDL", "TABLE_ALTERED", "a table was renamed, dropped or altered while it was copied", "RESET MIGRATION, empty the target's tables, START MIGRATION"},
	{61097, "CONFIG", "TABLE_SHARED", "another channel writes the target's table", "route one of them elsewhere, or drop the other migration"},
	{61098, "DDL", "DATABASE_SHARED", "DROP DATABASE would drop other channels' tables", "move or drop those first"},
	{61100, "CONFIG", "SOURCE_OPTIONS", "the source's options are wrong", "ALTER SOURCE"},
	{61101, "SOURCE", "SOURCE_FAILED", "reading the source failed", "see the source's error log"},
	{61102, "CONFIG", "SERVER_ID_TAKEN", "another replica of the source has this channel's identity", "ALTER SOURCE .. SERVER_ID=AUTO"},
	{61105, "SOURCE", "STATEMENT_FORMAT", "the binlog has a statement where rows are needed", "SET GLOBAL binlog_format=ROW at the source and reconnect its sessions; then RESET MIGRATION"},
	{61106, "SOURCE", "XA_TRANSACTION", "an XA transaction cannot be carried", "use one-phase transactions on the tables; then RESET MIGRATION"},
	{61107, "SOURCE", "PARTIAL_JSON", "the binlog has parts of JSON documents", "SET GLOBAL binlog_row_value_options='' at the source; then RESET MIGRATION"},
	{61108, "SOURCE", "UNKNOWN_EVENT", "the binlog has an event or a compression that is not known", "see the message"},
	{61109, "SOURCE", "INCIDENT", "the source logged an incident: its binlog may lack changes", "find the cause in the source's error log; then RESET MIGRATION"},
	{61110, "SOURCE", "NO_GTID", "a transaction has no GTID, and the channel follows GTIDs", "SET GLOBAL gtid_mode=ON at the source; then RESET MIGRATION"},
	{61111, "SOURCE", "MIXED_ENGINES", "a transaction of several engines was rolled back in part", "use InnoDB; then RESET MIGRATION"},
	{61112, "DDL", "UNREADABLE_TEXT", "a statement's text cannot be decoded", "leave the table out, or RESET MIGRATION copies it again; run such statements after SET NAMES utf8mb4"},
	{61113, "DDL", "UNKNOWN_TABLE_VERSION", "rows came for a table whose definition is not known", "grant the source's account SELECT on its schema, RESET MIGRATION and start again"},
	{61114, "SOURCE", "DDL_AFTER_ROWS", "a DDL comes after rows in one transaction", "SET GLOBAL binlog_format=ROW at the source; then RESET MIGRATION"},
	{61115, "SOURCE", "CUT_TRANSACTION", "a transaction has no end in the binlog, and parts of it were applied", "RESET MIGRATION and start again"},
	{61120, "DATA", "SPLIT_TRANSACTION", "a large transaction became visible in parts (an event)", "raise max_transaction_rows"},
	{61121, "DDL", "DDL_UNKNOWN_OUTCOME", "whether a DDL ran in the target is not known", "bring the table to the definition of SHOW MIGRATION DDL; then RESET MIGRATION"},
	{61130, "NETWORK", "BAD_EVENT", "an event of the binlog is damaged or cut", "none if it passes; else see the source's disk and network"},
	{61131, "DATA", "DEFINITION_DIFFERS", "rows do not fit the known definition of their table", "SET GLOBAL binlog_row_metadata=FULL at the source; then RESET MIGRATION"},
	{61132, "DATA", "BAD_TEXT", "a value's bytes do not exist in its character set", "repair the row at the source"},
	{61133, "DATA", "UNSUPPORTED_TYPE", "a column's type cannot be carried", "leave the table out with REPLICATE_IGNORE_TABLE"},
	{61134, "SOURCE", "PARTIAL_IMAGE", "a row image lacks columns", "SET GLOBAL binlog_row_image=FULL at the source; then RESET MIGRATION"},
	{61137, "NODE", "DISK_FULL", "the node's disk cannot hold a large compressed transaction", "make room in --data-dir"},
	{61199, "INTERNAL", "INTERNAL", "the channel stopped by an error that has no code", "START MIGRATION tries again; report it with the node's log"},
	{61200, "DATA", "COLUMN_UNREADABLE", "the copy cannot read a column's type", "leave the table out"},
	{61201, "SOURCE", "NO_RIGHT_TO_LOCK", "the source's account may not take the lock that the copy needs", "GRANT LOCK TABLES, or RELOAD, to the account"},
	{61202, "SOURCE", "LOCK_BUSY", "a lock on the source was not granted in time", "let the long transaction end, or copy at another time"},
	{61203, "DATA", "BAD_VALUE", "the copy read a value that its column cannot have", "repair the row at the source"},
	{61204, "SOURCE", "NO_PROGRESS", "the copy of a table does not get further", "see the message"},
	{61205, "SOURCE", "PREPARED_XA", "a prepared XA transaction holds the copy's start", "commit or roll it back: XA RECOVER at the source"},
	{CodeLimit, "STATEMENT", "STATEMENT_LIMIT", "a statement exceeds a limit of the admin port", "make it smaller; docs/limits.md lists the limits"},
	{CodeMemory, "NODE", "CLIENT_MEMORY", "all clients together hold as much of the node's memory as they may", "repeat the statement later; KILL large statements"},
	{CodeUnreachable, "NETWORK", "UNREACHABLE", "a source or target cannot be reached; the message has the client's number (2001 to 2005)", "check host, port and network"},
	{CodeConnectionLost, "NETWORK", "CONNECTION_LOST", "a connection to a source or target was lost; the message has the client's number (2006, 2013)", "none if it comes back"},
	{CodeTLSFailed, "CONFIG", "TLS_FAILED", "TLS with a source or target failed; the message has the client's number (2026)", "check SOURCE_SSL_MODE and the certificates"},
	{CodeForeignError, "INTERNAL", "FOREIGN_ERROR", "another server's or client's error whose number an ERR packet cannot carry, or is one of Sluice's own; the message has it", "look that number up in the server's manual; if it is one of Sluice's, check host and port"},
	{61220, "INTERNAL", "PANIC", "a channel's code panicked; the node goes on", "report it with the stack in the node's log"},
	{61221, "NETWORK", "MALFORMED_PACKET", "a source or target sent a malformed packet", "see what stands between the node and the server"},
	{61222, "CONFIG", "CLEAR_PASSWORD", "a server asks for the password in clear text over a connection that is not verified", "set SOURCE_SSL_MODE=VERIFY_CA"},
	{61223, "CONFIG", "BAD_PUBLIC_KEY", "a server's public key for the password is not usable", "use TLS"},
	{61224, "DATA", "EVENT_TOO_LARGE", "an event of the binlog takes more memory than one may", "leave the table out with REPLICATE_IGNORE_TABLE"},
	{61225, "CONFIG", "TOO_MANY_TABLES", "the source lists more tables than one migration can have", "name fewer in REPLICATE_DO_DB or REPLICATE_DO_TABLE"},
	{61226, "INTERNAL", "CHANNEL_CRASHED", "a channel ended the process several times, and waits for an operator", "see the node's log; START MIGRATION tries again"},
	{61227, "CONFIG", "WRONG_SERVER", "a source is a TiDB or a node of Sluice, or a target is no TiDB, or the store is a node of Sluice", "check SOURCE_HOST and SOURCE_PORT, TARGET_HOSTS or --store"},
	{61228, "NETWORK", "NO_ANSWER", "a source, a target or the store is connected, and did not answer a statement in time", "see the server's load and locks, and what is between the node and it"},
	{61240, "CONFIG", "NO_SHARED_KEY", "a password literal cannot be stored, because not every node could decrypt it", "start all nodes with one --cluster-key-file, or use FROM FILE or FROM ENV"},
	{61300, "SOURCE", "LOWER_CASE_CHANGED", "the source's lower_case_table_names changed", "initialize the source with the old value, or RESET MIGRATION"},
	{61301, "SOURCE", "SOURCE_CHANGED_IN_COPY", "the source is another server before the copy's tables are caught up", "ALTER SOURCE to the first server, or RESET MIGRATION"},
	{61302, "SOURCE", "GTID_ORDER", "a MariaDB domain's GTIDs do not grow", "SET GLOBAL gtid_strict_mode=1 at the source; then RESET MIGRATION"},
	{61303, "CONFIG", "RULES_DIFFER_IN_CASE", "the source compares names without case, and two rules differ in nothing else", "ALTER MIGRATION: write the rules in lower case, each name once"},
	{61304, "TARGET", "NEXT_ID", "a target table's next id could not be raised above the ids of the source (an event)", "ALTER TABLE .. AUTO_INCREMENT=n in the target before the application writes there"},
	{61290, "SOURCE", "NO_GENERATED_VALUE", "a row image lacks the value of a generated column that the target keeps as a plain one", "see the message"},
}

// serverCodes are MySQL's numbers, with MySQL's meaning. A source or target can
// report others, which are passed on as they are.
var serverCodes = []errorCode{
	{CodeReadOnlyTable, "STATEMENT", "ER_OPEN_AS_READONLY", "the tables of the admin port are read only", ""},
	{CodeConnCount, "NODE", "ER_CON_COUNT_ERROR", "too many clients are logged in", "close unused connections"},
	{1042, "NETWORK", "ER_BAD_HOST_ERROR", "the source cannot resolve this node's host name", "set skip_name_resolve at the source"},
	{CodeHandshake, "NETWORK", "ER_HANDSHAKE_ERROR", "the client's login is malformed", ""},
	{1044, "SOURCE", "ER_DBACCESS_DENIED_ERROR", "the source's account has no right on a schema", "GRANT SELECT on it"},
	{CodeAccessDenied, "STATEMENT", "ER_ACCESS_DENIED_ERROR", "wrong user or password: of the client, or of a source's account", ""},
	{1046, "STATEMENT", "ER_NO_DB_ERROR", "no schema is selected", "USE sluice"},
	{CodeUnknownCommand, "STATEMENT", "ER_UNKNOWN_COM_ERROR", "the admin port does not know this command of the protocol", ""},
	{CodeUnknownDatabase, "STATEMENT", "ER_BAD_DB_ERROR", "there is no such schema", "SHOW DATABASES"},
	{CodeShutdown, "NODE", "ER_SERVER_SHUTDOWN", "the node, or a source, shuts down", "connect to another node"},
	{CodeUnknownColumn, "STATEMENT", "ER_BAD_FIELD_ERROR", "there is no such column", ""},
	{CodeParse, "STATEMENT", "ER_PARSE_ERROR", "the statement has an error of syntax", "docs/statements.md has every statement"},
	{CodeEmptyQuery, "STATEMENT", "ER_EMPTY_QUERY", "the statement is empty", ""},
	{CodeUnknownThread, "STATEMENT", "ER_NO_SUCH_THREAD", "no connection has this id", "SHOW PROCESSLIST"},
	{CodeUnknown, "INTERNAL", "ER_UNKNOWN_ERROR", "an error that has no code", "see the node's log"},
	{CodeWrongUsage, "STATEMENT", "ER_INVALID_GROUP_FUNC_USE", "words are used where they cannot be", ""},
	{1117, "STATEMENT", "ER_TOO_MANY_FIELDS", "a result has more than 4096 columns", "select fewer"},
	{CodeUnknownCharset, "STATEMENT", "ER_UNKNOWN_CHARACTER_SET", "the admin port does not know the character set", "SET NAMES utf8mb4"},
	{CodeHostBlocked, "STATEMENT", "ER_HOST_IS_BLOCKED", "too many wrong passwords came from this address; or a source blocks this node", "wait, or log in from another address"},
	{1130, "SOURCE", "ER_HOST_NOT_PRIVILEGED", "the source lets no account connect from this node's address", "create the account for it"},
	{1142, "SOURCE", "ER_TABLEACCESS_DENIED_ERROR", "the source's account has no right on a table", "GRANT SELECT on it"},
	{1143, "SOURCE", "ER_COLUMNACCESS_DENIED_ERROR", "the source's account has no right on a column", "GRANT SELECT on the whole table"},
	{CodeUnknownTable, "STATEMENT", "ER_NO_SUCH_TABLE", "there is no such table", "SHOW TABLES FROM sluice"},
	{1152, "NETWORK", "ER_ABORTING_CONNECTION", "the connection to the source was aborted", ""},
	{CodePacketTooLarge, "STATEMENT", "ER_NET_PACKET_TOO_LARGE", "a packet is larger than max_allowed_packet", "make the statement smaller"},
	{1158, "NETWORK", "ER_NET_READ_ERROR", "the source could not read from the network", ""},
	{1159, "NETWORK", "ER_NET_READ_INTERRUPTED", "the source timed out reading from the network", ""},
	{1160, "NETWORK", "ER_NET_ERROR_ON_WRITE", "the source could not write to the network", ""},
	{1161, "NETWORK", "ER_NET_WRITE_INTERRUPTED", "the source timed out writing to the network", ""},
	{1176, "DDL", "ER_KEY_DOES_NOT_EXITS", "the key that orders a table's rows no longer exists", "none: the table is copied again"},
	{CodeUnknownVariable, "STATEMENT", "ER_UNKNOWN_SYSTEM_VARIABLE", "there is no such variable", "SHOW VARIABLES"},
	{CodeMustStopFirst, "STATEMENT", "ER_REPLICA_MUST_STOP", "the migration has to stand still for this", "STOP MIGRATION, then repeat the statement"},
	{CodeNotConfigured, "STATEMENT", "ER_BAD_REPLICA", "there is no channel", "CREATE MIGRATION"},
	{1203, "SOURCE", "ER_TOO_MANY_USER_CONNECTIONS", "the source's account has too many connections", "raise max_user_connections at the source"},
	{1205, "SOURCE", "ER_LOCK_WAIT_TIMEOUT", "a lock was not granted in time", "let the long transaction end"},
	{1213, "SOURCE", "ER_LOCK_DEADLOCK", "a deadlock was broken; it is tried again", ""},
	{1226, "SOURCE", "ER_USER_LIMIT_REACHED", "the source's account used up a limit", "raise the account's limits"},
	{CodePrivilege, "SOURCE", "ER_SPECIFIC_ACCESS_DENIED_ERROR", "an account lacks a right", "GRANT it"},
	{CodeWrongValue, "STATEMENT", "ER_WRONG_VALUE_FOR_VAR", "a variable cannot have this value", ""},
	{CodeNotSupported, "STATEMENT", "ER_NOT_SUPPORTED_YET", "the statement or option is known and not supported yet", "docs/limits.md lists what does not work yet"},
	{CodeSourceLog, "SOURCE", "ER_SOURCE_FATAL_ERROR_READING_BINLOG", "the source cannot send its binlog", ""},
	{CodeReadOnlyVariable, "STATEMENT", "ER_INCORRECT_GLOBAL_LOCAL_VAR", "a variable is read only", ""},
	{CodeUnknownStatement, "STATEMENT", "ER_UNKNOWN_STMT_HANDLER", "there is no such prepared statement", "prepare it again"},
	{1251, "SOURCE", "ER_NOT_SUPPORTED_AUTH_MODE", "an account uses an authentication method that is not supported", "use caching_sha2_password"},
	{1253, "STATEMENT", "ER_COLLATION_CHARSET_MISMATCH", "the collation is of another character set", ""},
	{1273, "STATEMENT", "ER_UNKNOWN_COLLATION", "there is no such collation", "SHOW COLLATION"},
	{1279, "STATEMENT", "ER_UNTIL_COND_IGNORED", "UNTIL is ignored because the migration runs (a note)", "STOP MIGRATION first"},
	{1298, "STATEMENT", "ER_UNKNOWN_TIME_ZONE", "there is no such time zone", "use UTC or an offset"},
	{CodeInvalidText, "STATEMENT", "ER_INVALID_CHARACTER_STRING", "the text is not valid in the client's character set", "SET NAMES to the text's character set"},
	{CodeUnknownFunction, "STATEMENT", "ER_SP_DOES_NOT_EXIST", "there is no such function", ""},
	{CodeInterrupted, "STATEMENT", "ER_QUERY_INTERRUPTED", "the statement was interrupted", ""},
	{1347, "CONFIG", "ER_WRONG_OBJECT", "the object is no base table", "leave views and sequences out"},
	{1370, "SOURCE", "ER_PROCACCESS_DENIED_ERROR", "the source's account may not run a routine", "GRANT EXECUTE on it"},
	{1373, "SOURCE", "ER_UNKNOWN_TARGET_BINLOG", "the source does not have the binlog file of the channel's position", "copy the tables again"},
	{CodeNoBinaryLog, "SOURCE", "ER_NO_BINARY_LOGGING", "the source, or the admin port, writes no binlog", ""},
	{1390, "STATEMENT", "ER_PS_MANY_PARAM", "a prepared statement has too many parameters", ""},
	{1412, "DDL", "ER_TABLE_DEF_CHANGED", "a table was altered while its snapshot was open", "none: the table is copied again"},
	{1421, "STATEMENT", "ER_STMT_HAS_NO_OPEN_CURSOR", "the admin port opens no cursors", ""},
	{1461, "STATEMENT", "ER_MAX_PREPARED_STMT_COUNT_REACHED", "the session has too many prepared statements", "close some"},
	{codeWrongValue, "STATEMENT", "ER_WRONG_VALUE", "a DATE, TIME or TIMESTAMP literal has no such value", ""},
	{1582, "STATEMENT", "ER_WRONG_PARAMCOUNT_TO_NATIVE_FCT", "a function has the wrong number of arguments", ""},
	{CodeOutOfRange, "STATEMENT", "ER_DATA_OUT_OF_RANGE", "a result is out of the range of its type", "compute with smaller numbers, or with doubles: 1e0 * x"},
	{1820, "SOURCE", "ER_MUST_CHANGE_PASSWORD", "the password of the source's account has expired", "set a new one, then ALTER SOURCE"},
	{1835, "NETWORK", "ER_MALFORMED_PACKET", "the client sent a malformed packet", ""},
	{1862, "SOURCE", "ER_MUST_CHANGE_PASSWORD_LOGIN", "the password of the source's account has expired", "set a new one, then ALTER SOURCE"},
	{1927, "NETWORK", "ER_CONNECTION_KILLED", "the source killed the connection (MariaDB)", ""},
	{1969, "SOURCE", "ER_STATEMENT_TIMEOUT", "the source's limit on statement time ended a read (MariaDB)", "raise max_statement_time for the account"},
	{2003, "NETWORK", "CR_CONN_HOST_ERROR", "a server cannot be reached; an ERR packet has 61212", "check host and port"},
	{2005, "NETWORK", "CR_UNKNOWN_HOST", "a host name cannot be resolved; an ERR packet has 61212", "check the host's name"},
	{2013, "NETWORK", "CR_SERVER_LOST", "a connection was lost; an ERR packet has 61213", "none if it comes back"},
	{2026, "CONFIG", "CR_SSL_CONNECTION_ERROR", "TLS failed; an ERR packet has 61214", "check the certificates"},
	{3024, "STATEMENT", "ER_QUERY_TIMEOUT", "the statement took longer than max_execution_time", ""},
	{CodeUnknownChannel, "STATEMENT", "ER_REPLICA_CHANNEL_DOES_NOT_EXIST", "there is no such channel", "SHOW MIGRATION CHANNELS"},
	{3118, "SOURCE", "ER_ACCOUNT_HAS_BEEN_LOCKED", "the source's account is locked", "ALTER USER .. ACCOUNT UNLOCK"},
	{3159, "STATEMENT", "ER_SECURE_TRANSPORT_REQUIRED", "the connection has to use TLS", ""},
	{codeBadPattern, "STATEMENT", "ER_REGEXP_ILLEGAL_ARGUMENT", "a regular expression has an error", "use the syntax of RE2"},
	{3700, "STATEMENT", "ER_REGEXP_PATTERN_TOO_BIG", "a regular expression is too large", ""},
	{CodeCannotConvert, "STATEMENT", "ER_CANNOT_CONVERT_STRING", "characters do not exist in the client's character set (a warning)", "SET NAMES utf8mb4"},
	{4031, "NETWORK", "ER_CLIENT_INTERACTION_TIMEOUT", "the source closed an idle connection", ""},
	{4151, "SOURCE", "ER_ACCOUNT_HAS_BEEN_LOCKED", "the source's account is locked (MariaDB)", "ALTER USER .. ACCOUNT UNLOCK"},
}

// ErrorCodes returns all codes of table error_codes.
func ErrorCodes() []uint16 {
	codes := make([]uint16, len(errorCodes))
	for i := range errorCodes {
		codes[i] = errorCodes[i].code
	}
	return codes
}

// errorCodeRows returns the rows of table error_codes.
func errorCodeRows() [][]any {
	var rows [][]any
	for _, c := range errorCodes {
		var remedy any
		if c.remedy != "" {
			remedy = c.remedy
		}
		rows = append(rows, []any{uint64(c.code), (&Error{Code: c.code}).SQLState(), c.name, c.class, c.meaning, remedy})
	}
	return rows
}
