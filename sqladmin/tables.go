package sqladmin

import (
	"sort"
	"strings"
)

// Type is the SQL type of a virtual column.
type Type uint8

// The types of virtual columns.
const (
	String   Type = iota // VARCHAR(255), utf8mb4
	Text                 // LONGTEXT, utf8mb4
	Int                  // BIGINT
	Uint                 // BIGINT UNSIGNED
	Double               // DOUBLE
	DateTime             // DATETIME(3), UTC
	Null                 // the type of a literal NULL
)

// Column is a column of a virtual table or of a result.
type Column struct {
	Name string // as SHOW heads it; SELECT takes it in any case and heads it in lower case
	Type Type
}

// Table is a virtual table of schema sluice.
type Table struct {
	Name    string
	Columns []Column
}

// Tables lists the virtual tables of schema sluice: the columns are the
// contract with every client. A column is only ever added at the end.
var Tables = []*Table{
	{"migrations", columns(migrationColumns)},
	{"migration_status", columns(migrationColumns + `
		Phase_Started_At:d Rows_Copied:u Rows_Estimated:u Bytes_Copied:u Bytes_Estimated:u Chunks_Done:u Chunks_Total:u
		Rows_Per_Sec:f Bytes_Per_Sec:f Trx_Per_Sec:f Retrieved_Gtid_Set:t Executed_Gtid_Set:t Source_Gtid_Set:t
		Gtid_Missing_Count:u Checkpoint_At:d Last_DDL:t Last_Errno:i Last_Error:t Last_Error_At:d Remedy:t Options:t`)},
	{"migration_channels", columns(`Channel_Name Migration Source Source_Host Source_Port:u Source_Server_Id:u Source_UUID
		Source_Version Flavor Node Epoch:u Receiver_State Applier_State Source_Log_File Read_Source_Log_Pos:u
		Exec_Source_Log_Pos:u Retrieved_Gtid_Set:t Executed_Gtid_Set:t Seconds_Behind_Source:i Lag_Bytes:u
		Binlog_Expires_In:i Last_IO_Errno:i Last_IO_Error:t Last_SQL_Errno:i Last_SQL_Error:t`)},
	{"migration_tables", columns(`Migration Channel_Name Source_Schema Source_Table Target_Schema Target_Table Phase Status
		Rows_Estimated:u Rows_Copied:u Bytes_Copied:u Progress_Pct:f ETA_Seconds:i Chunks_Done:u Chunks_Total:u Inserts:u
		Updates:u Deletes:u Primary_Key Auto_Column Verified_At:d Mismatches:u Errors:u Note:t`)},
	{"migration_checks", columns(`Check_Id Severity Scope Object Finding:t Remedy:t Remedy_SQL:t Blocks Checked_At:d Migration`)},
	{"migration_errors", columns(`Id:u At:d Migration Channel_Name Table_Name Node Errno:i Sqlstate Class Transient:i Count:u
		Message:t Remedy:t Position:t Resolved_At:d`)},
	{"migration_events", columns(`Id:u At:d Migration Channel_Name Node User Kind Message:t`)},
	{"migration_ddl", columns(`Channel_Name Position:t Source_Table Source_SQL:t Target_SQL:t State Job_Id:u Started_At:d
		Finished_At:d Note:t Migration`)},
	{"workers", columns(`Worker_Id Node State Role Channels:u Channel_Names:t Lanes:u Rows_Per_Sec:f Bytes_Per_Sec:f
		Max_Seconds_Behind:i Queue_Bytes:u Memory_Bytes:u Cpu_Pct:f Started_At:d Version Last_Error:t`)},
	{"nodes", columns(`Node Address Admin_Address Http_Address State Status Incarnation:u Heartbeat_Age_Ms:i Channels:u
		Version Started_At:d Last_Seen_At:d`)},
	{"sources", columns(`Name Source_Host Source_Port:u Source_User Source_Password Source_SSL_Mode Source_SSL_CA
		Source_SSL_Cert Source_SSL_Key Server_Id Replica_Hosts:t Flavor Source_Connect_Retry:u Source_Heartbeat_Period:f
		Source_Delay:u Used_By:t Created_At:d Updated_At:d`)},
	{"targets", columns(`Name Target_Hosts:t Target_User Target_Password Target_SSL_Mode Target_SSL_CA Max_Connections:u
		Used_By:t Created_At:d Updated_At:d`)},
	{"secrets", columns(`Name Backend Used_By:t Created_At:d Rotated_At:d`)},
	{"operations", columns(`Operation_Id:u Statement:t User Host Node State Started_At:d Finished_At:d Affected:u Errno:i
		Message:t`)},
	{"processlist", columns(`Id:u User Host db Command Time:i State Info:t`)},
	{"replica_status", columns(replicaStatusColumns)},
	{"replicas", columns(`Server_Id:u Host Port:u Source_Id:u Replica_UUID`)},
	{"variables", columns(`Variable_name Value:t`)},
	{"status", columns(`Variable_name Value:t`)},
	{"warnings", columns(`Level Code:u Message:t Remedy:t`)},
	{"error_codes", columns(`Code:u Sqlstate Name Class Meaning:t Remedy:t`)},
}

// laterTables are tables of schema sluice that the engine cannot fill yet. They
// are not listed, and answered with error 1235: an empty one would read as
// "nothing to worry about".
var laterTables = []string{"auto_increment_report"}

const migrationColumns = `Migration Target Sources:t Phase Status Desired Progress_Pct:f ETA_Seconds:i Seconds_Behind_Source:i
	Tables_Total:u Tables_Done:u Tables_Failed:u Errors:u Warnings:u Ready_For_Cutover Next_Step:t Created_By Created_At:d
	Updated_At:d`

// replicaStatusColumns are those of SHOW REPLICA STATUS in MySQL 8.4 and 9, in
// their order (MySQL manual, 15.7.7.35).
const replicaStatusColumns = `Replica_IO_State Source_Host Source_User Source_Port:u Connect_Retry:u Source_Log_File
	Read_Source_Log_Pos:u Relay_Log_File Relay_Log_Pos:u Relay_Source_Log_File Replica_IO_Running Replica_SQL_Running
	Replicate_Do_DB:t Replicate_Ignore_DB:t Replicate_Do_Table:t Replicate_Ignore_Table:t Replicate_Wild_Do_Table:t
	Replicate_Wild_Ignore_Table:t Last_Errno:i Last_Error:t Skip_Counter:u Exec_Source_Log_Pos:u Relay_Log_Space:u
	Until_Condition Until_Log_File Until_Log_Pos:u Source_SSL_Allowed Source_SSL_CA_File Source_SSL_CA_Path Source_SSL_Cert
	Source_SSL_Cipher Source_SSL_Key Seconds_Behind_Source:i Source_SSL_Verify_Server_Cert Last_IO_Errno:i Last_IO_Error:t
	Last_SQL_Errno:i Last_SQL_Error:t Replicate_Ignore_Server_Ids:t Source_Server_Id:u Source_UUID Source_Info_File
	SQL_Delay:u SQL_Remaining_Delay:i Replica_SQL_Running_State Source_Retry_Count:u Source_Bind Last_IO_Error_Timestamp
	Last_SQL_Error_Timestamp Source_SSL_Crl Source_SSL_Crlpath Retrieved_Gtid_Set:t Executed_Gtid_Set:t Auto_Position:i
	Replicate_Rewrite_DB:t Channel_Name Source_TLS_Version Source_public_key_path Get_Source_public_key:i Network_Namespace`

// columns reads a list of Name or Name:type words; the type is t(ext), i(nt),
// u(nsigned), f(loat), d(atetime) or a string when absent.
func columns(list string) []Column {
	types := map[string]Type{"": String, "t": Text, "i": Int, "u": Uint, "f": Double, "d": DateTime}
	var out []Column
	for _, word := range strings.Fields(list) {
		name, letter, _ := strings.Cut(word, ":")
		out = append(out, Column{Name: name, Type: types[letter]})
	}
	return out
}

// LookupTable returns the virtual table of schema sluice with that name, in
// any case, or nil.
func LookupTable(name string) *Table {
	for _, t := range Tables {
		if strings.EqualFold(t.Name, name) {
			return t
		}
	}
	return nil
}

// Column returns the index of the named column (case does not matter), or -1.
func (t *Table) Column(name string) int { return columnIndex(t.Columns, name) }

func columnIndex(cols []Column, name string) int {
	for i := range cols {
		if strings.EqualFold(cols[i].Name, name) {
			return i
		}
	}
	return -1
}

// tableNames returns the names of schema sluice's tables, sorted.
func tableNames() []string {
	var names []string
	for _, t := range Tables {
		names = append(names, t.Name)
	}
	sort.Strings(names)
	return names
}

func lower(s string) string { return strings.ToLower(s) }

// title returns MIGRATION as Migration.
func title(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + strings.ToLower(word[1:])
}
