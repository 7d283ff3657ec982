package gateway

import (
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/sqladmin"
)

// TestMigrationLife takes a migration through its life, from a source to the
// store's TiDB, and looks at every table on the way.
func TestMigrationLife(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MySQL)
	exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, item VARCHAR(50))",
		"INSERT INTO shop.orders VALUES (1,'a'),(2,'b'),(3,'c')", "CREATE TABLE shop.empty (id INT PRIMARY KEY)")
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)

	if c.ok(sourceSQL("src", src)) != 1 {
		t.Error("CREATE SOURCE changed nothing")
	}
	c.ok("CREATE MIGRATION shop FROM SOURCE src REPLICATE_DO_DB=(copy) REPLICATE_REWRITE_DB=((shop, copy)) COMMENT 'first'")
	row := c.one("SHOW MIGRATIONS")
	if row["Phase"] != "NEW" || row["Status"] != "STOPPED" || row["Desired"] != "STOPPED" || row["Next_Step"] != "START MIGRATION `shop`" ||
		row["Created_By"] != "root@127.0.0.1" || row["Seconds_Behind_Source"] != "NULL" || row["Ready_For_Cutover"] != "No" {
		t.Errorf("a new migration: %v", row)
	}
	checks := c.rows("CHECK MIGRATION shop")
	if len(checks) == 0 || checks[0]["Checked_At"] == "NULL" {
		t.Errorf("CHECK MIGRATION: %v", checks)
	}
	if kept := c.rows("SHOW MIGRATION CHECKS FOR MIGRATION shop"); len(kept) != len(checks) {
		t.Errorf("SHOW MIGRATION CHECKS has %d rows, CHECK had %d", len(kept), len(checks))
	}
	if c.ok("START MIGRATION shop") != 1 {
		t.Error("START changed nothing")
	}
	if c.ok("START MIGRATION shop") != 0 {
		t.Error("a second START changed something")
	}
	wait := c.one("WAIT FOR MIGRATION shop UNTIL PHASE='REPLICATE' TIMEOUT 60")
	if wait["Reached"] != "1" || wait["Phase"] != "REPLICATE" {
		t.Errorf("WAIT FOR: %v", wait)
	}
	exec(t, src, "INSERT INTO shop.orders VALUES (4,'d')", "UPDATE shop.orders SET item='x' WHERE id=1")
	c.one("WAIT FOR MIGRATION shop UNTIL CAUGHT_UP TIMEOUT 30")
	if got := rowsOf(t, store, "SELECT id, item FROM copy.orders ORDER BY id"); got != "1 x,2 b,3 c,4 d" {
		t.Errorf("the target has %s", got)
	}
	exec(t, src, "ALTER TABLE shop.orders ADD COLUMN price INT")
	c.one("WAIT FOR MIGRATION shop UNTIL CAUGHT_UP TIMEOUT 30")
	if d := c.one("SHOW MIGRATION DDL FOR MIGRATION shop"); d["Channel_Name"] != "shop" || d["State"] != "DONE" ||
		!strings.Contains(d["Source_SQL"], "ADD COLUMN price") || d["Finished_At"] == "NULL" {
		t.Errorf("SHOW MIGRATION DDL: %v", d)
	}
	c.one("WAIT FOR MIGRATION shop UNTIL LAG < '5s' TIMEOUT 30")
	until(t, "the migration can be cut over", 10*time.Second, func() bool {
		return c.one("SHOW MIGRATIONS")["Ready_For_Cutover"] == "Yes"
	})
	lookAtTables(t, c, n)

	c.fails(1198, "RESET MIGRATION shop")
	c.fails(1198, "DROP MIGRATION shop")
	c.fails(1198, "ALTER SOURCE src SOURCE_PORT=1")
	c.fails(61005, "ALTER MIGRATION shop SET copy_threads=2")
	if c.ok("ALTER MIGRATION shop RENAME TO store COMMENT 'second'") != 1 {
		t.Error("RENAME changed nothing")
	}
	if got := c.one("SHOW MIGRATION CHANNELS")["Channel_Name"]; got != "store" {
		t.Errorf("the channel of the renamed migration is called %s", got)
	}
	if c.ok("STOP MIGRATION store") != 1 || c.ok("STOP MIGRATION store") != 0 {
		t.Error("STOP did not say what it changed")
	}
	c.one("WAIT FOR MIGRATION store UNTIL STATUS='STOPPED' TIMEOUT 15")
	if s := c.one("SHOW REPLICA STATUS"); s["Replica_IO_Running"] != "No" || s["Replica_SQL_Running"] != "No" || s["Seconds_Behind_Source"] != "NULL" {
		t.Errorf("SHOW REPLICA STATUS of a stopped channel: %v", s)
	}
	c.fails(61031, "WAIT FOR MIGRATION store UNTIL STATUS='DONE'")
	c.fails(1235, "WAIT FOR MIGRATION store UNTIL PHASE='CUTOVER'")
	c.fails(61012, "ALTER MIGRATION store START AT CURRENT")

	// A stopped channel goes on where it was.
	exec(t, src, "INSERT INTO shop.orders VALUES (5,'e',1)")
	c.ok("START REPLICA FOR CHANNEL 'store'")
	c.one("WAIT FOR MIGRATION store UNTIL CAUGHT_UP TIMEOUT 30")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM copy.orders"); got != "5" {
		t.Errorf("the target has %s rows", got)
	}
	c.ok("STOP REPLICA")
	c.one("WAIT FOR MIGRATION store UNTIL STATUS='STOPPED' TIMEOUT 15")

	if c.ok("RESET MIGRATION store") != 1 {
		t.Error("RESET changed nothing")
	}
	if row := c.one("SHOW MIGRATIONS"); row["Phase"] != "NEW" || row["Next_Step"] != "START MIGRATION `store` /* the target's tables have to be empty or gone */" {
		t.Errorf("after RESET: %v", row)
	}
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM sluice_meta.tables"); got != "0" {
		t.Errorf("after RESET the target has %s rows of the channel's tables", got)
	}
	c.ok("DROP MIGRATION store")
	c.ok("DROP SOURCE src")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM sluice_meta.schema_history"); got != "0" {
		t.Errorf("after DROP the target has %s rows of the channel's schema", got)
	}
	ops := c.rows("SELECT statement, state, errno FROM sluice.operations WHERE state <> 'DONE'")
	for _, o := range ops {
		if o["state"] != "FAILED" || o["errno"] == "0" {
			t.Errorf("operation %v", o)
		}
	}
}

// lookAtTables reads every virtual table while a migration runs.
func lookAtTables(t *testing.T, c *client, n *testNode) {
	t.Helper()
	for _, table := range sqladmin.Tables {
		for _, r := range c.rows("SELECT * FROM sluice." + table.Name) {
			if len(r) != len(table.Columns) {
				t.Errorf("table %s: %d columns, want %d", table.Name, len(r), len(table.Columns))
			}
		}
	}
	c.fails(1235, "SELECT * FROM sluice.auto_increment_report")
	ch := c.one("SHOW MIGRATION CHANNELS FOR MIGRATION shop")
	for _, col := range []string{"Source_Host", "Source_Port", "Source_Server_Id", "Source_Version", "Flavor", "Receiver_State",
		"Applier_State", "Source_Log_File", "Read_Source_Log_Pos", "Executed_Gtid_Set", "Seconds_Behind_Source"} {
		if v := ch[col]; v == "" || v == "NULL" || v == "0" && col != "Seconds_Behind_Source" {
			t.Errorf("SHOW MIGRATION CHANNELS: %s is '%s'", col, v)
		}
	}
	if ch["Node"] != "n1" || ch["Epoch"] != "1" || ch["Channel_Name"] != "shop" || ch["Last_IO_Errno"] != "0" {
		t.Errorf("SHOW MIGRATION CHANNELS: %v", ch)
	}
	st := c.one("SHOW MIGRATION STATUS FOR MIGRATION shop")
	if st["Tables_Total"] != "2" || st["Tables_Done"] != "2" || st["Progress_Pct"] != "100" || st["Rows_Copied"] != "3" || st["Last_Errno"] != "0" {
		t.Errorf("SHOW MIGRATION STATUS: %v", st)
	}
	tables := c.rows("SHOW MIGRATION TABLES")
	if len(tables) != 2 || tables[1]["Source_Table"] != "orders" || tables[1]["Target_Schema"] != "copy" || tables[1]["Primary_Key"] == "" {
		t.Errorf("SHOW MIGRATION TABLES: %v", tables)
	}
	rs := c.one("SHOW REPLICA STATUS FOR CHANNEL 'shop'")
	if rs["Replica_IO_Running"] != "Yes" || rs["Replica_SQL_Running"] != "Yes" || rs["Replicate_Do_DB"] != "copy" ||
		rs["Replicate_Rewrite_DB"] != "(shop,copy)" || rs["Replica_IO_State"] != "Waiting for source to send event" {
		t.Errorf("SHOW REPLICA STATUS: %v", rs)
	}
	if w := c.one("SHOW WORKERS"); w["Role"] != "ACTIVE" || w["Channel_Names"] != "shop" || w["Memory_Bytes"] == "0" {
		t.Errorf("SHOW WORKERS: %v", w)
	}
	system := 0
	for _, p := range c.rows("SHOW PROCESSLIST") {
		if p["User"] == "system user" {
			system++
		}
	}
	if system < 2 {
		t.Errorf("SHOW PROCESSLIST has %d rows of channels", system)
	}
	if r := c.one("SHOW REPLICAS"); r["Server_Id"] == "0" || r["Host"] != "127.0.0.1" {
		t.Errorf("SHOW REPLICAS: %v", r)
	}
	until(t, "metrics of the channel", 5*time.Second, func() bool {
		_, body := get(t, n.HTTPAddr(), "/metrics")
		return strings.Contains(body, `sluice_gateway_channel_running{channel="shop"} 1`) && strings.Contains(body, `sluice_gateway_channel_lag_seconds{channel="shop"}`)
	})
	kinds := map[string]bool{}
	for _, e := range c.rows("SHOW MIGRATION EVENTS FOR MIGRATION shop") {
		kinds[e["Kind"]] = true
	}
	for _, k := range []string{"START", "CLAIMED", "PHASE"} {
		if !kinds[k] {
			t.Errorf("SHOW MIGRATION EVENTS has no %s: %v", k, kinds)
		}
	}
}

// rowsOf returns a result as text: values by spaces, rows by commas.
func rowsOf(t testing.TB, s *servers.Server, query string) string {
	t.Helper()
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var parts []string
	for _, r := range orderedRows(t, db, query) {
		parts = append(parts, strings.Join(r, " "))
	}
	return strings.Join(parts, ",")
}

func TestUntilEndsAChannel(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MariaDB)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)", "INSERT INTO a.t VALUES (1),(2)")
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.fails(1235, "START MIGRATION m UNTIL SQL_BEFORE_GTIDS='0-1-9'")
	c.fails(1235, "START MIGRATION m UNTIL SOURCE_LOG_FILE='x.000001', SOURCE_LOG_POS=4")
	c.fails(1235, "START MIGRATION m UNTIL PHASE='CUTOVER'")
	c.fails(1235, "START MIGRATION m UNTIL PHASE='COPY'")
	c.fails(61004, "START MIGRATION m UNTIL SQL_AFTER_GTIDS='nonsense'")
	for range 2 { // saying it twice is safe
		c.ok("START MIGRATION m UNTIL PHASE='CATCHUP'")
		c.one("WAIT FOR MIGRATION m UNTIL PHASE='CATCHUP' TIMEOUT 60")
		c.one("WAIT FOR MIGRATION m UNTIL STATUS='DONE' TIMEOUT 60")
		row := c.one("SHOW MIGRATION STATUS")
		if row["Phase"] != "CATCHUP" || row["Progress_Pct"] != "100" || row["Tables_Total"] != "1" || row["Tables_Done"] != "1" ||
			row["Rows_Copied"] != "2" || row["Chunks_Done"] != row["Chunks_Total"] || row["Next_Step"] != "START MIGRATION `m`" {
			t.Errorf("after UNTIL PHASE='CATCHUP': %v", row)
		}
		if row := c.one("SHOW MIGRATION TABLES FOR MIGRATION m"); row["Rows_Copied"] != "2" || row["Phase"] != "CATCHUP" {
			t.Errorf("the table after UNTIL PHASE='CATCHUP': %v", row)
		}
	}
	c.ok("START MIGRATION m UNTIL PHASE='REPLICATE'")
	c.one("WAIT FOR MIGRATION m UNTIL STATUS='DONE' TIMEOUT 60")
	row := c.one("SHOW MIGRATIONS")
	if row["Status"] != "DONE" || row["Desired"] != "STOPPED" || row["Phase"] != "REPLICATE" {
		t.Errorf("after UNTIL: %v", row)
	}
	c.fails(61031, "START MIGRATION m UNTIL PHASE='CATCHUP'")
	c.fails(61031, "START MIGRATION ALL UNTIL PHASE='CATCHUP'")
	exec(t, src, "INSERT INTO a.t VALUES (3)")
	c.fails(61031, "WAIT FOR MIGRATION m UNTIL CAUGHT_UP")
	// It starts again, and this time goes on.
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 30")
	if got := rowsOf(t, store, "SELECT COUNT(*) FROM a.t"); got != "3" {
		t.Errorf("the target has %s rows", got)
	}
	if took := n.end(t); took > 10*time.Second || n.err != nil {
		t.Errorf("a busy node took %s to stop: %v", took, n.err)
	}
	if got := rowsOf(t, store, "SELECT owner, desired FROM sluice_meta.channels"); got != " RUNNING" {
		t.Errorf("after the node stopped the channel is %q", got)
	}
}

// TestErrorWaitsForAnOperator checks that a channel that cannot go on is left
// alone until START is said again, and what is shown of it.
func TestErrorWaitsForAnOperator(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MySQL)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY, v INT)", "INSERT INTO a.t VALUES (1,1),(2,2)")
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL PHASE='REPLICATE' TIMEOUT 60")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 30")
	exec(t, store, "DELETE FROM a.t WHERE id=2")
	exec(t, src, "UPDATE a.t SET v=3 WHERE id=2")
	c.one("WAIT FOR MIGRATION m UNTIL STATUS='ERROR' TIMEOUT 30")
	row := c.one("SHOW MIGRATION STATUS")
	if row["Desired"] != "RUNNING" || row["Last_Errno"] == "0" || row["Last_Error"] == "" || row["Remedy"] == "" || row["Errors"] != "1" ||
		row["Next_Step"] != "SHOW MIGRATION ERRORS FOR MIGRATION `m`" || row["Phase"] != "REPLICATE" {
		t.Errorf("a migration in ERROR: %v", row)
	}
	errs := c.rows("SHOW MIGRATION ERRORS FOR MIGRATION m")
	if len(errs) != 1 || errs[0]["Resolved_At"] != "NULL" || errs[0]["Errno"] != row["Last_Errno"] {
		t.Errorf("SHOW MIGRATION ERRORS: %v", errs)
	}
	c.fails(61031, "WAIT FOR MIGRATION m UNTIL CAUGHT_UP")
	epoch := c.one("SHOW MIGRATION CHANNELS")["Epoch"]
	time.Sleep(3 * time.Second) // several looks of the supervisor: none may claim
	if got := c.one("SHOW MIGRATION CHANNELS")["Epoch"]; got != epoch {
		t.Errorf("the channel was claimed again without a START: epoch %s, then %s", epoch, got)
	}
	// A START that fails at once shows the tables and the position all the same.
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL STATUS='ERROR' TIMEOUT 30")
	if row := c.one("SHOW MIGRATIONS"); row["Tables_Total"] != "1" || row["Tables_Done"] != "1" || row["Tables_Failed"] != "1" {
		t.Errorf("after a START that failed at once: %v", row)
	}
	if row := c.one("SHOW MIGRATION TABLES FOR MIGRATION m"); row["Status"] != "ERROR" {
		t.Errorf("the table after a START that failed at once: %v", row)
	}
	if row := c.one("SHOW MIGRATION ERRORS WHERE Resolved_At IS NULL"); row["Position"] == "" || row["Position"] != errs[0]["Position"] {
		t.Errorf("the second error: %v, the first: %v", row, errs[0])
	}
	exec(t, store, "INSERT INTO a.t VALUES (2,2)")
	if c.ok("START MIGRATION FAILED") != 1 {
		t.Error("START MIGRATION FAILED started nothing")
	}
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 30")
	if got := rowsOf(t, store, "SELECT id, v FROM a.t ORDER BY id"); got != "1 1,2 3" {
		t.Errorf("the target has %s", got)
	}
	if open := c.rows("SHOW MIGRATION ERRORS WHERE Resolved_At IS NULL"); len(open) != 0 {
		t.Errorf("START did not resolve the errors: %v", open)
	}
}

// TestStartIsRefused checks that a START whose checks fail changes nothing.
func TestStartIsRefused(t *testing.T) {
	store := servers.ForTest(t, servers.TiDB)
	src := servers.ForTest(t, servers.MariaDB, "--binlog-format=STATEMENT")
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)")
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	message := c.fails(61010, "START MIGRATION m")
	if !strings.Contains(message, "source.binlog_format") || !strings.Contains(message, "Remedy") {
		t.Errorf("the refusal does not name the check and the remedy: %s", message)
	}
	if row := c.one("SHOW MIGRATIONS"); row["Desired"] != "STOPPED" || row["Status"] != "STOPPED" || row["Next_Step"] != "CHECK MIGRATION `m`" {
		t.Errorf("a refused START changed something: %v", row)
	}
	c.ok("CREATE MIGRATION none FROM SOURCE src REPLICATE_DO_DB=(nowhere)")
	if message := c.fails(61010, "START MIGRATION none"); message == "" {
		t.Error("no message")
	}
	c.ok("CREATE SOURCE away SOURCE_HOST='127.0.0.1', SOURCE_PORT=1")
	c.ok("CREATE MIGRATION far FROM SOURCE away REPLICATE_DO_DB=(a)")
	if message := c.fails(61010, "START MIGRATION far"); !strings.Contains(message, "source.connect") || !strings.Contains(message, "refused") {
		t.Errorf("the refusal does not say that the source does not answer: %s", message)
	}
	looked := 0
	for _, f := range c.rows("CHECK SOURCE src") {
		switch f["Check_Id"] {
		case "source.right_select", "source.right_lock_tables", "source.no_key", "source.column_type", "source.hash_key":
			t.Errorf("CHECK SOURCE says something of tables, at which it does not look: %v", f)
		case "source.log_bin":
			looked++
		}
	}
	if looked != 1 {
		t.Error("CHECK SOURCE does not say that the source writes a binlog")
	}
	c.rows("CHECK TARGET default")
	if _, err := c.query("CHECK SOURCE away"); err == nil || !strings.Contains(err.Error(), "check of source 'away'") && !strings.Contains(err.Error(), "away") {
		t.Errorf("CHECK SOURCE of a source that does not answer: %v", err)
	}
	failed := c.rows("SELECT message FROM sluice.operations WHERE state = 'FAILED'")
	if len(failed) != 3 {
		t.Errorf("%d failed operations in the audit: %v", len(failed), failed)
	}
}
