package sqladmin

import (
	"fmt"
	"sort"
	"strings"
)

// variable is one system variable. value gives what it is before any SET; it
// is asked at each read, so that it can depend on the server.
type variable struct {
	name     string
	kind     Type
	value    func(x *executor) any
	readOnly bool
}

func is(v any) func(*executor) any { return func(*executor) any { return v } }

// variables lists the system variables that clients read at connect, and those
// they set. A variable that is not read only can be set in a session and is
// given back. These have an effect: sql_mode, wait_timeout, the character sets,
// time_zone, timestamp, sql_select_limit, max_execution_time and
// max_statement_time. The others are about transactions and tables, which the
// admin port does not have.
var variables = []variable{
	{"version", String, func(x *executor) any { return x.server.cfg.ServerVersion }, true},
	{"version_comment", String, func(x *executor) any { return x.server.cfg.VersionComment }, true},
	{"version_compile_os", String, is("Linux"), true},
	{"version_compile_machine", String, is("x86_64"), true},
	{"license", String, is("Apache-2.0"), true},
	{"datadir", String, is("/nonexistent/"), true},
	{"basedir", String, is("/"), true},
	{"hostname", String, func(x *executor) any { return x.server.cfg.NodeName }, true},
	{"port", Uint, func(x *executor) any { return x.server.port() }, true},
	{"socket", String, is(""), true},
	{"server_id", Uint, func(x *executor) any { return uint64(x.server.cfg.NodeID) }, true},
	{"server_uuid", String, func(x *executor) any { return x.server.uuid() }, true},
	{"lower_case_table_names", Int, is(int64(0)), true},
	{"lower_case_file_system", String, is("OFF"), true},
	{"max_allowed_packet", Uint, is(uint64(maxPacketBytes)), false},
	{"net_write_timeout", Uint, is(uint64(60)), false},
	{"net_read_timeout", Uint, is(uint64(30)), false},
	{"net_buffer_length", Uint, is(uint64(16384)), false},
	{"wait_timeout", Uint, is(uint64(28800)), false},
	{"interactive_timeout", Uint, is(uint64(28800)), false},
	{"lock_wait_timeout", Uint, is(uint64(31536000)), false},
	{"max_connections", Uint, func(x *executor) any { return uint64(x.server.cfg.MaxConnections) }, true},
	{"max_execution_time", Uint, is(uint64(0)), false},
	{"max_statement_time", Double, is(float64(0)), false}, // MariaDB's, in seconds
	{"innodb_lock_wait_timeout", Uint, is(uint64(50)), false},
	{"autocommit", Int, is(int64(1)), false},
	{"sql_mode", String, is("ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"), false},
	{"sql_safe_updates", Int, is(int64(0)), false},
	{"sql_select_limit", Uint, is(uint64(18446744073709551615)), false},
	{"max_join_size", Uint, is(uint64(18446744073709551615)), false},
	{"sql_auto_is_null", Int, is(int64(0)), false},
	{"sql_notes", Int, is(int64(1)), false},
	{"sql_warnings", Int, is(int64(0)), false},
	{"sql_quote_show_create", Int, is(int64(1)), false},
	{"sql_log_bin", Int, is(int64(0)), false},
	{"big_tables", Int, is(int64(0)), false},
	{"transaction_isolation", String, is("REPEATABLE-READ"), false},
	{"tx_isolation", String, is("REPEATABLE-READ"), false},
	{"transaction_read_only", Int, is(int64(0)), false},
	{"tx_read_only", Int, is(int64(0)), false},
	{"auto_increment_increment", Uint, is(uint64(1)), false},
	{"auto_increment_offset", Uint, is(uint64(1)), false},
	{"character_set_client", String, is("utf8mb4"), false},
	{"character_set_connection", String, is("utf8mb4"), false},
	{"character_set_results", String, is("utf8mb4"), false},
	{"character_set_server", String, is("utf8mb4"), false},
	{"character_set_database", String, is("utf8mb4"), false},
	{"character_set_system", String, is("utf8mb4"), true},
	{"character_set_filesystem", String, is("binary"), false},
	{"character_sets_dir", String, is(""), true},
	{"collation_connection", String, is("utf8mb4_general_ci"), false},
	{"collation_server", String, is("utf8mb4_general_ci"), false},
	{"collation_database", String, is("utf8mb4_general_ci"), false},
	{"default_collation_for_utf8mb4", String, is("utf8mb4_general_ci"), false},
	{"init_connect", String, is(""), true},
	{"time_zone", String, is("UTC"), false},
	{"system_time_zone", String, is("UTC"), true},
	{"timestamp", Double, func(x *executor) any { return float64(x.now.UnixMicro()) / 1e6 }, false},
	{"performance_schema", Int, is(int64(0)), true},
	{"query_cache_size", Uint, is(uint64(0)), true},
	{"query_cache_type", String, is("OFF"), true},
	{"have_query_cache", String, is("NO"), true},
	{"have_ssl", String, is("YES"), true},
	{"have_openssl", String, is("YES"), true},
	{"have_profiling", String, is("NO"), true},
	{"tls_version", String, is("TLSv1.2,TLSv1.3"), true},
	{"ssl_ca", String, is(""), true},
	{"ssl_cert", String, is(""), true},
	{"ssl_key", String, is(""), true},
	{"ssl_cipher", String, is(""), true},
	{"require_secure_transport", Int, func(x *executor) any { return int64(btoi(x.server.requireTLS)) }, true},
	{"read_only", Int, is(int64(0)), true},
	{"super_read_only", Int, is(int64(0)), true},
	{"innodb_read_only", Int, is(int64(0)), true},
	{"offline_mode", Int, is(int64(0)), true},
	{"gtid_mode", String, is("OFF"), true},
	{"gtid_executed", String, is(""), true},
	{"gtid_purged", String, is(""), true},
	{"log_bin", Int, is(int64(0)), true},
	{"log_replica_updates", Int, is(int64(0)), true},
	{"binlog_format", String, is("ROW"), false},
	{"default_storage_engine", String, is("VIRTUAL"), false},
	{"default_authentication_plugin", String, is("caching_sha2_password"), true},
	{"authentication_policy", String, is("caching_sha2_password"), true},
	{"foreign_key_checks", Int, is(int64(1)), false},
	{"unique_checks", Int, is(int64(1)), false},
	{"group_concat_max_len", Uint, is(uint64(1048576)), false},
	{"optimizer_switch", String, is(""), false},
	{"profiling", Int, is(int64(0)), false},
	{"session_track_gtids", String, is("OFF"), false},
	{"session_track_schema", Int, is(int64(1)), false},
	{"session_track_state_change", Int, is(int64(0)), false},
	{"session_track_system_variables", String, is("time_zone,autocommit,character_set_client,character_set_results,character_set_connection"), false},
	{"session_track_transaction_info", String, is("OFF"), false},
	{"lc_messages", String, is("en_US"), false},
	{"lc_time_names", String, is("en_US"), false},
	{"information_schema_stats_expiry", Uint, is(uint64(86400)), false},
	{"warning_count", Uint, func(x *executor) any { x.keepWarnings = true; return uint64(len(x.session.warnings)) }, true},
	{"error_count", Uint, func(x *executor) any { return x.errorCount() }, true},
	{"last_insert_id", Uint, func(x *executor) any { return x.session.lastOperation }, true},
	{"insert_id", Uint, is(uint64(0)), false},
	{"identity", Uint, func(x *executor) any { return x.session.lastOperation }, true},
	{"pseudo_thread_id", Uint, func(x *executor) any { return uint64(x.session.ID) }, true},
	{"proxy_user", String, is(nil), true},
	{"external_user", String, is(nil), true},
	{"sluice_wait_timeout", Uint, is(uint64(DefaultWaitTimeout.Seconds())), true},
}

var (
	variablesByName = map[string]*variable{}
	variableNames   []string // sorted
)

func init() {
	for i := range variables {
		variablesByName[variables[i].name] = &variables[i]
		variableNames = append(variableNames, variables[i].name)
	}
	sort.Strings(variableNames)
}

// plainInts are the variables of kind Int that SHOW VARIABLES prints as a
// number; the others are switches and print as ON and OFF, as in MySQL.
var plainInts = map[string]bool{"lower_case_table_names": true}

func lookupVariable(name string) *variable { return variablesByName[strings.ToLower(name)] }

// systemVariable returns what @@name is; an unknown one is error 1193.
func (x *executor) systemVariable(name string) (any, error) {
	v := lookupVariable(name)
	if v == nil {
		e := Errorf(CodeUnknownVariable, "Unknown system variable '%s'", name)
		if near := nearest(name, variableNames); near != "" {
			return nil, e.WithRemedy("did you mean '%s'?", near)
		}
		return nil, e
	}
	if set, ok := x.session.variables[v.name]; ok {
		return set, nil
	}
	return v.value(x), nil
}

// variableRows returns the rows of SHOW VARIABLES.
func (x *executor) variableRows() [][]any {
	var rows [][]any
	defer func(keep bool) { x.keepWarnings = keep }(x.keepWarnings)
	for _, name := range variableNames {
		value, err := x.systemVariable(name)
		if err != nil {
			continue // cannot be: the name is from the list
		}
		text := asString(value)
		if v := lookupVariable(name); v.kind == Int && !plainInts[name] {
			text = map[bool]string{true: "ON", false: "OFF"}[isTrue(value)]
		}
		rows = append(rows, []any{name, text})
	}
	return rows
}

func (x *executor) errorCount() uint64 {
	x.keepWarnings = true
	n := uint64(0)
	for _, w := range x.session.warnings {
		n += uint64(btoi(w.Level == "Error"))
	}
	return n
}

// setVariable gives a session variable a value. Words that mean a Boolean
// become one where the variable is one.
func (x *executor) setVariable(name string, value any) error {
	name = strings.ToLower(name)
	v := lookupVariable(name)
	if v == nil {
		_, err := x.systemVariable(name)
		return err
	}
	if v.readOnly {
		return Errorf(CodeReadOnlyVariable, "Variable '%s' is a read only variable", name)
	}
	if v.kind == Int || v.kind == Uint {
		switch strings.ToUpper(asString(value)) {
		case "ON", "TRUE", "YES", "1":
			value = int64(1)
		case "OFF", "FALSE", "NO", "0":
			value = int64(0)
		}
		if s, ok := value.(string); ok && v.kind == Uint && leadingNumber(s) > 0 {
			value = int64(leadingNumber(s))
		} else if ok {
			return Errorf(CodeWrongValue, "Variable '%s' can't be set to the value of '%s'", name, cut(s, 40))
		}
		if v.kind == Uint && value != nil {
			if _, ok := value.(uint64); !ok {
				value = uint64(max(asInt(value), 0))
			}
		}
	}
	if value, err := checkedValue(x.session, name, value); err != nil {
		return err
	} else if value != nil {
		x.session.variables[name] = value
		return nil
	}
	x.session.variables[name] = value
	for _, pair := range [][2]string{{"tx_isolation", "transaction_isolation"}, {"tx_read_only", "transaction_read_only"}} {
		if name == pair[0] {
			x.session.variables[pair[1]] = value
		} else if name == pair[1] {
			x.session.variables[pair[0]] = value
		}
	}
	return nil
}

// checkedValue returns what a variable with few values is set to, or nil when
// the variable takes any.
func checkedValue(s *session, name string, value any) (any, error) {
	switch name {
	case "character_set_client", "character_set_connection", "character_set_results":
		if value == nil {
			if name == "character_set_results" {
				return nil, nil
			}
			return nil, Errorf(CodeWrongValue, "Variable '%s' can't be set to the value of 'NULL'", name)
		}
		cs, err := findCharset(asString(value))
		if err != nil {
			return nil, err
		}
		return cs.name, nil
	case "time_zone":
		if _, ok := findZone(asString(value)); !ok {
			return nil, &Error{Code: 1298, State: "HY000", Message: "Unknown or incorrect time zone: '" + cut(asString(value), 40) + "'", Remedy: "use UTC, an offset such as '+02:00', or a name that this node's time zone database has"}
		}
		return value, nil
	case "max_statement_time", "timestamp":
		if f := asFloat(value); value == nil || !isNumber(value) || f < 0 || f > 1<<40 {
			return nil, Errorf(CodeWrongValue, "Variable '%s' can't be set to the value of '%s'", name, cut(asString(value), 40))
		}
		return value, nil
	case "collation_connection":
		text := strings.ToLower(asString(value))
		name, _, _ := strings.Cut(text, "_")
		cs, err := findCharset(name)
		if err != nil {
			return nil, &Error{Code: 1273, State: "HY000", Message: "Unknown collation: '" + cut(text, 40) + "'", Remedy: "SHOW COLLATION lists the collations"}
		}
		if err := cs.checkCollation(text); err != nil {
			return nil, err
		}
		s.variables["character_set_connection"] = cs.name
		return text, nil
	}
	return nil, nil
}

// uuid returns a stable server_uuid made of the node's id.
func (s *Server) uuid() string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", s.cfg.NodeID)
}
