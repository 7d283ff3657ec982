package sqladmin

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// TestSelect checks values: each query's first row, columns joined by |.
func TestSelect(t *testing.T) {
	db := dial(t, open(t, newDouble()), "")
	for _, tt := range []struct{ query, want string }{
		{"SELECT 1 + 2 * 3, 7 / 2, 7 DIV 2, 7 % 4, -5, 2 - 3", "7|3.5|3|3|-5|-1"},
		{"SELECT 9223372036854775806 + 1 > 9e18, 18446744073709551615, 1.5 + 1", "1|18446744073709551615|2.5"},
		{"SELECT 1 / 0, NULL + 1, NULL AND 0, NULL OR 1, NOT NULL, NULL <=> NULL, NULL = NULL", "NULL|NULL|0|1|NULL|1|NULL"},
		{"SELECT 'a' = 'A', 'abc' LIKE 'A%', 'a_c' LIKE 'a\\_c', 'abc' LIKE 'a\\_c', 'x%y' LIKE 'x!%_' ESCAPE '!', 'abc' NOT LIKE '%d'", "1|1|1|0|1|1"},
		{"SELECT 'abc' REGEXP '^A.c$', 'abc' RLIKE 'd', 3 IN (1, 2, 3), 4 NOT IN (1, NULL), 2 BETWEEN 1 AND 3, NULL IS NULL, 1 IS NOT TRUE", "1|0|1|NULL|1|1|0"},
		{"SELECT CASE WHEN 0 THEN 'a' WHEN 1 THEN 'b' END, CASE 3 WHEN 3 THEN 'x' ELSE 'y' END, IF(0, 1, 2), IFNULL(NULL, 5), COALESCE(NULL, NULL, 'z'), NULLIF(1, 1)", "b|x|2|5|z|NULL"},
		{"SELECT CONCAT('a', 1, 'b'), CONCAT('a', NULL), CONCAT_WS('-', 'a', NULL, 'b'), LOWER('AB'), UPPER('ab'), LENGTH('ä'), CHAR_LENGTH('ä')", "a1b|NULL|a-b|ab|AB|2|1"},
		{"SELECT SUBSTRING('hello', 2, 3), SUBSTRING('hello', -3), SUBSTRING('hello' FROM 2), LEFT('hello', 2), RIGHT('hello', 2), TRIM('  x '), REPLACE('aXbX', 'X', '-')", "ell|llo|ello|he|lo|x|a-b-"},
		{"SELECT UNIX_TIMESTAMP('1970-01-02 00:00:00'), FROM_UNIXTIME(86400), UNIX_TIMESTAMP() > 1700000000, NOW() > '2020-01-01', TIMESTAMPDIFF(HOUR, '2026-01-01', '2026-01-02')", "86400|1970-01-02 00:00:00.000|1|1|24"},
		{"SELECT NOW() - INTERVAL 1 HOUR < NOW(), DATE_ADD('2026-01-31 00:00:00', INTERVAL 1 DAY)", "1|2026-02-01 00:00:00.000"},
		{"SELECT CAST('12' AS SIGNED) + 1, CAST(3 AS CHAR), CONVERT('5', UNSIGNED)", "13|3|5"},
		{"SELECT VERSION() = @@version, DATABASE(), CURRENT_USER(), USER(), CONNECTION_ID() > 0", "1|sluice|root@%|root@127.0.0.1|1"},
		{"SELECT 'it''s', \"q\\\"x\", 'a' 'b'", "it's|q\"x|ab"},
		{"SELECT COUNT(*), COUNT(seconds_behind_source), SUM(tables_total), MIN(migration), MAX(progress_pct), AVG(tables_done), GROUP_CONCAT(migration SEPARATOR '+') FROM migrations", "3|2|30|blog|99|9|shop+crm+blog"},
		{"SELECT COUNT(*), SUM(progress_pct), MAX(migration), GROUP_CONCAT(migration) FROM migrations WHERE 0", "0|NULL|NULL|NULL"},
		{"SELECT status, COUNT(DISTINCT target), COUNT(*) n FROM migrations GROUP BY status HAVING n > 1 ORDER BY status", "RUNNING|1|2"},
		{"SELECT DISTINCT target FROM migrations", "DEFAULT"},
		{"SELECT m.migration FROM sluice.migrations AS m WHERE m.Status = 'error'", "crm"},
		{"SELECT migration FROM Migrations ORDER BY seconds_behind_source IS NULL, seconds_behind_source DESC LIMIT 1", "shop"},
		{"SELECT migration FROM migrations ORDER BY 1 LIMIT 1, 1", "crm"},
		{"SELECT migration FROM migrations ORDER BY 1 LIMIT 1 OFFSET 2", "shop"},
		{"SELECT UPPER(migration) AS u FROM migrations ORDER BY u DESC LIMIT 1", "SHOP"},
		{"SELECT n FROM (SELECT COUNT(*) AS n FROM migrations) t", "3"},
		{"SELECT updated_at, updated_at > '2026-05-04', updated_at = '2026-05-04 03:02:01.123' FROM migrations LIMIT 1", "2026-05-04 03:02:01.123|1|1"},
		{"SELECT variable_value FROM performance_schema.global_variables WHERE variable_name = 'lower_case_table_names'", "0"},
		{"SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'nodes' AND table_schema = 'sluice'", "12"},
		{"SELECT 5 FROM dual WHERE 1", "5"},
	} {
		rows, err := db.QueryContext(t.Context(), tt.query)
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if got := firstRow(t, rows); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.query, got, tt.want)
		}
	}
}

// TestUnknownColumns names the clause of a column that does not exist, in the
// words and the order of MySQL 9.7. The tables have rows or none.
func TestUnknownColumns(t *testing.T) {
	db := dial(t, open(t, newDouble()), "")
	for query, want := range map[string]string{
		"SELECT zz FROM migrations ORDER BY yy":                              "'zz' in 'field list'",
		"SELECT SUM(zz) FROM migrations":                                     "'zz' in 'field list'",
		"SELECT 1 FROM migrations WHERE ww GROUP BY gg HAVING hh ORDER BY o": "'ww' in 'where clause'",
		"SELECT migration AS a FROM migrations WHERE a = 'x'":                "'a' in 'where clause'",
		"SELECT 1 FROM (SELECT migration FROM migrations) d WHERE zz":        "'zz' in 'where clause'",
		"SHOW MIGRATIONS WHERE zz = 1":                                       "'zz' in 'where clause'",
		"SELECT 1 FROM migrations GROUP BY gg HAVING hh":                     "'gg' in 'group statement'",
		"SELECT 1 FROM migrations WHERE 0 GROUP BY gg":                       "'gg' in 'group statement'",
		"SELECT 1 FROM migrations GROUP BY 5":                                "'5' in 'group statement'",
		"SELECT 1 FROM migrations WHERE 0 GROUP BY 5":                        "'5' in 'group statement'",
		"SELECT 1 FROM migrations GROUP BY 1 HAVING hh ORDER BY o":           "'hh' in 'having clause'",
		"SELECT 1 FROM migrations HAVING COUNT(zz) > 1":                      "'zz' in 'having clause'",
		"SELECT 1 FROM migrations ORDER BY zz":                               "'zz' in 'order clause'",
		"SELECT 1 FROM migrations ORDER BY COUNT(zz)":                        "'zz' in 'order clause'",
		"SELECT migration a FROM migrations ORDER BY CONCAT(a, zz)":          "'zz' in 'order clause'",
		"SELECT 1 FROM migrations WHERE 0 ORDER BY 5":                        "'5' in 'order clause'",
		"SELECT 1 FROM migrations ORDER BY 0":                                "'0' in 'order clause'",
	} {
		_, err := db.ExecContext(t.Context(), query)
		if code(err) != CodeUnknownColumn || !strings.Contains(err.Error(), "Unknown column "+want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
	for _, query := range []string{"SELECT *, 1 FROM migrations ORDER BY 3", "SELECT migration a FROM migrations GROUP BY a ORDER BY a", "SELECT 1 ORDER BY 1"} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func firstRow(t *testing.T, rows *sql.Rows) string {
	t.Helper()
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		return fmt.Sprintf("no row, %v", rows.Err())
	}
	values := make([]sql.NullString, len(cols))
	into := make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, v := range values {
		if v.Valid {
			words = append(words, v.String)
		} else {
			words = append(words, "NULL")
		}
	}
	return strings.Join(words, "|")
}

func TestShowColumnsAreTheContract(t *testing.T) {
	db := dial(t, open(t, newDouble()), "")
	for query, want := range map[string]string{
		"SHOW SLAVE STATUS":   strings.NewReplacer("Source_public_key_path", "Master_public_key_path", "Get_Source_public_key", "Get_master_public_key", "Source_", "Master_", "Replica_", "Slave_").Replace(headings("replica_status")),
		"SHOW REPLICA STATUS": headings("replica_status"),
		"SHOW MIGRATION STATUS": headings("migrations") + ",Phase_Started_At,Rows_Copied,Rows_Estimated,Bytes_Copied,Bytes_Estimated,Chunks_Done,Chunks_Total,Rows_Per_Sec,Bytes_Per_Sec," +
			"Trx_Per_Sec,Retrieved_Gtid_Set,Executed_Gtid_Set,Source_Gtid_Set,Gtid_Missing_Count,Checkpoint_At,Last_DDL,Last_Errno,Last_Error,Last_Error_At,Remedy,Options",
		"SELECT * FROM nodes": strings.ToLower(headings("nodes")),
	} {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		cols, err := rows.Columns()
		rows.Close()
		if got := strings.Join(cols, ","); err != nil || got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
	if got := headings("replica_status"); !strings.HasPrefix(got, "Replica_IO_State,Source_Host,Source_User,Source_Port,Connect_Retry,Source_Log_File,") ||
		!strings.HasSuffix(got, ",Channel_Name,Source_TLS_Version,Source_public_key_path,Get_Source_public_key,Network_Namespace") || strings.Count(got, ",") != 59 {
		t.Errorf("SHOW REPLICA STATUS has %s", got)
	}
}

func headings(table string) string {
	var l []string
	for _, c := range LookupTable(table).Columns {
		l = append(l, c.Name)
	}
	return strings.Join(l, ",")
}

// TestEveryTableCanBeRead opens each virtual table of each schema and compares
// its columns with what information_schema says.
func TestEveryTableCanBeRead(t *testing.T) {
	db := dial(t, open(t, newDouble()), "")
	for _, tab := range allTables() {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+quoteName(tab.schema)+"."+quoteName(tab.name))
		if err != nil {
			t.Errorf("%s.%s: %v", tab.schema, tab.name, err)
			continue
		}
		cols, err := rows.Columns()
		rows.Close()
		if err != nil || len(cols) != len(tab.columns) {
			t.Errorf("%s.%s has %d columns, %v", tab.schema, tab.name, len(cols), err)
		}
	}
}

func TestReadWarningsReachTheClient(t *testing.T) {
	d := newDouble()
	d.warn = []Warning{{Level: "Warning", Code: CodeNodeSilent, Message: "node n2 did not answer within 1s; its rows are missing"}}
	db := dial(t, open(t, d), "")
	db.SetMaxOpenConns(1)
	for _, query := range []string{"SHOW NODES", "SELECT COUNT(*) FROM nodes"} {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		rows.Close()
		rows, err = db.QueryContext(t.Context(), "SHOW WARNINGS")
		if err != nil {
			t.Fatal(err)
		}
		if got := firstRow(t, rows); got != "Warning|61020|node n2 did not answer within 1s; its rows are missing" {
			t.Errorf("%s: %s", query, got)
		}
	}
}

func TestReplicaCommands(t *testing.T) {
	d := newDouble()
	db := dial(t, open(t, d), "")
	for query, want := range map[string]string{
		"START REPLICA":                   "START REPLICA [] all=true channel=",
		"START SLAVE FOR CHANNEL 'CRM/b'": "START REPLICA [crm] all=false channel=crm/b",
		"STOP REPLICA FOR CHANNEL 'shop'": "STOP REPLICA [shop] all=false channel=shop",
		"START REPLICA IO_THREAD, SQL_THREAD UNTIL SQL_AFTER_GTIDS='a:1' FOR CHANNEL 'shop'":          "START REPLICA [shop] all=false channel=shop until SQL_AFTER_GTIDS = 'a:1'",
		"CHANGE MASTER TO MASTER_HOST='h', MASTER_SSL=1, GET_MASTER_PUBLIC_KEY=1 FOR CHANNEL 'crm/a'": "ALTER SOURCE src_a [SOURCE_HOST = 'h' SOURCE_SSL_MODE = REQUIRED]",
	} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		stmt, _ := d.last(t)
		got := stmt.Verb()
		switch s := stmt.(type) {
		case *StartMigration:
			got += fmt.Sprintf(" %v all=%v channel=%s", s.Names, s.All, s.Channel)
			if s.Until != nil {
				got += " until " + s.Until.String()
			}
		case *StopMigration:
			got += fmt.Sprintf(" %v all=%v channel=%s", s.Names, s.All, s.Channel)
		case *AlterSource:
			got += fmt.Sprintf(" %s %v", s.Name, s.Options.list())
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
	if _, err := db.ExecContext(t.Context(), "CHANGE REPLICATION SOURCE TO SOURCE_HOST='h'"); code(err) != CodeUnknownChannel {
		t.Errorf("three channels and none named: %v", err)
	}
}
