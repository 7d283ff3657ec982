package source

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"sluice/replica/protocol"
)

// Facts is what a server says about itself. They are read once, at Open; Check
// reads them again.
type Facts struct {
	Version    string // as the server prints it
	Flavor     Flavor // FlavorMySQL or FlavorMariaDB
	ServerID   uint32
	ServerUUID string // "" on MariaDB before 11
	Encrypted  bool   // the connections use TLS

	LogBin         bool
	GTIDMode       bool // MySQL: gtid_mode=ON; MariaDB: always
	GTIDStrict     bool // MariaDB: gtid_strict_mode=ON
	BinlogFormat   string
	RowImage       string
	RowMetadata    string // "" where the server has no such setting
	RowValueOpts   string // binlog_row_value_options
	BinlogChecksum string
	LogUpdates     bool // changes that a replica applies enter its own binlog

	LowerCaseTableNames int
	ReadOnly            bool
	MaxAllowedPacket    uint64
	// Retention is how long binlog files are kept; 0 means for ever.
	Retention time.Duration
	// NativeForeignKeys says that InnoDB carries out cascades by itself, so
	// that their row changes are not in the binlog. Only MySQL 9.6 and newer
	// can do otherwise.
	NativeForeignKeys bool
}

// AtLeast says whether the server's version is major.minor.patch or newer. It
// does not look at the flavor.
func (f Facts) AtLeast(major, minor, patch int) bool {
	have := versionNumbers(f.Version)
	for i, want := range [3]int{major, minor, patch} {
		if have[i] != want {
			return have[i] > want
		}
	}
	return true
}

// versionNumbers returns the leading numbers of a version such as
// 8.0.39-0ubuntu0 or 5.5.5-10.11.6-MariaDB-log, whose first part is an old
// replication work-around.
func versionNumbers(v string) (n [3]int) {
	v = strings.TrimPrefix(v, "5.5.5-")
	if end := strings.IndexFunc(v, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); end >= 0 {
		v = v[:end]
	}
	for i, part := range strings.SplitN(v, ".", 4) {
		if i == 3 {
			break
		}
		n[i], _ = strconv.Atoi(part) // digits only, so only an absurd length fails
	}
	return n
}

// factVariables are the global variables that Facts come from. SHOW VARIABLES
// leaves out those that a server does not have.
var factVariables = []string{
	"version", "version_comment", "server_id", "server_uuid", "server_uid", "log_bin", "gtid_mode", "gtid_strict_mode", "binlog_format", "binlog_row_image",
	"binlog_row_metadata", "binlog_row_value_options", "binlog_checksum", "log_slave_updates", "log_replica_updates",
	"lower_case_table_names", "read_only", "max_allowed_packet", "binlog_expire_logs_seconds",
	"binlog_expire_logs_auto_purge", "expire_logs_days", "innodb_native_foreign_keys",
}

func readFacts(ctx context.Context, db *sql.DB, want Flavor) (Facts, error) {
	vars, err := pairs(ctx, db, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('"+strings.Join(factVariables, "','")+"')")
	if err != nil {
		return Facts{}, fmt.Errorf("read server variables: %w", err)
	}
	if err := protocol.NotASource(vars["version_comment"]); err != nil {
		return Facts{}, err
	}
	f := factsOf(vars)
	if want != FlavorAuto && want != f.Flavor {
		return Facts{}, configError(
			fmt.Sprintf("FLAVOR is %s but the server says that it is %s %s", want, f.Flavor, f.Version), "set FLAVOR=AUTO")
	}
	return f, nil
}

func factsOf(vars map[string]string) Facts {
	f := Facts{
		Version:        vars["version"],
		Flavor:         FlavorMySQL,
		ServerUUID:     vars["server_uuid"],
		LogBin:         isOn(vars["log_bin"]),
		GTIDMode:       vars["gtid_mode"] == "ON",
		GTIDStrict:     isOn(vars["gtid_strict_mode"]),
		BinlogFormat:   strings.ToUpper(vars["binlog_format"]),
		RowImage:       strings.ToUpper(vars["binlog_row_image"]),
		RowMetadata:    strings.ToUpper(vars["binlog_row_metadata"]),
		RowValueOpts:   vars["binlog_row_value_options"],
		BinlogChecksum: strings.ToUpper(vars["binlog_checksum"]),
		LogUpdates:     isOn(vars["log_slave_updates"]) || isOn(vars["log_replica_updates"]),
		ReadOnly:       isOn(vars["read_only"]),
	}
	if strings.Contains(strings.ToLower(f.Version), "mariadb") {
		f.Flavor, f.GTIDMode = FlavorMariaDB, true
		f.ServerUUID = vars["server_uid"]
	}
	if f.BinlogFormat == "" && f.Flavor == FlavorMySQL {
		f.BinlogFormat = "ROW" // a MySQL without the setting has only rows
	}
	id, _ := strconv.ParseUint(vars["server_id"], 10, 32)
	f.ServerID = uint32(id)
	f.LowerCaseTableNames, _ = strconv.Atoi(vars["lower_case_table_names"])
	f.MaxAllowedPacket, _ = strconv.ParseUint(vars["max_allowed_packet"], 10, 64)
	f.Retention = retention(vars)
	native, has := vars["innodb_native_foreign_keys"]
	f.NativeForeignKeys = f.Flavor == FlavorMariaDB || !f.AtLeast(9, 6, 0) || (has && isOn(native))
	return f
}

// retention reads the binlog expiry, whose unit and name differ by version.
func retention(vars map[string]string) time.Duration {
	if auto, has := vars["binlog_expire_logs_auto_purge"]; has && !isOn(auto) {
		return 0
	}
	if s, err := strconv.ParseUint(vars["binlog_expire_logs_seconds"], 10, 32); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	days, err := strconv.ParseFloat(vars["expire_logs_days"], 64)
	if err != nil {
		return 0
	}
	return time.Duration(days * float64(24*time.Hour))
}

func isOn(v string) bool { return v == "1" || strings.EqualFold(v, "ON") }

// pairs runs a statement whose first two columns are a name and a value, and
// returns them with the names in lower case.
func pairs(ctx context.Context, db queryer, query string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	m := map[string]string{}
	for rows.Next() {
		var name string
		var value sql.NullString
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		m[strings.ToLower(name)] = value.String
	}
	return m, rows.Err()
}

// queryer is a *sql.DB or a *sql.Conn.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// firstRow returns the first row of a statement by column name in lower case,
// or nil when it has none. NULLs are left out.
func firstRow(ctx context.Context, db queryer, query string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, rows.Err()
	}
	values := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	m := make(map[string]string, len(names))
	for i, name := range names {
		if values[i].Valid {
			m[strings.ToLower(name)] = values[i].String
		}
	}
	return m, rows.Close() // reads the end of the answer, where an error can be
}

// driverLog passes on what the MySQL driver prints, which names no value.
type driverLog struct{ log *slog.Logger }

// Print implements the driver's Logger.
func (l driverLog) Print(v ...any) { l.log.Debug("mysql driver", "message", fmt.Sprint(v...)) }
