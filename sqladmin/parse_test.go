package sqladmin

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseStatements(t *testing.T) {
	str := func(s string) *string { return &s }
	num := func(n uint64) *uint64 { return &n }
	tests := []struct {
		sql  string
		want Statement
	}{
		{"CREATE SECRET IF NOT EXISTS pw PASSWORD 'a''b\\n'", &CreateSecret{Name: "pw", IfNotExists: true, Value: NewSecretValue("a'b\n")}},
		{"create secret `my pw` identified by \"x\";", &CreateSecret{Name: "my pw", Value: NewSecretValue("x")}},
		{"ALTER SECRET pw FROM FILE '/run/pw'", &AlterSecret{Name: "pw", Value: SecretValue{Backend: "FILE", Path: "/run/pw"}}},
		{"CREATE SECRET pw FROM ENV 'PW'", &CreateSecret{Name: "pw", Value: SecretValue{Backend: "ENV", Path: "PW"}}},
		{"DROP SECRET IF EXISTS pw", &DropObject{Kind: "SECRET", Name: "pw", IfExists: true}},
		{
			"CREATE SOURCE s SOURCE_HOST='h', SOURCE_PORT=3307, SOURCE_USER='u', SOURCE_PASSWORD=SECRET pw, SOURCE_SSL_MODE=verify_ca, SERVER_ID=AUTO, REPLICA_HOSTS=('a:1','b:2'), FLAVOR=MariaDB, SOURCE_HEARTBEAT_PERIOD=0.5",
			&CreateSource{Name: "s", Options: SourceOptions{Host: str("h"), Port: num(3307), User: str("u"), Password: &Password{Secret: "pw"},
				SSLMode: str("VERIFY_CA"), ServerID: num(0), ReplicaHosts: []string{"a:1", "b:2"}, Flavor: str("MARIADB"), HeartbeatPeriod: ptr(0.5)}},
		},
		{"ALTER SOURCE s SOURCE_PASSWORD='p'", &AlterSource{Name: "s", Options: SourceOptions{Password: NewPassword("p")}}},
		{"CREATE TARGET t TARGET_HOSTS=('h:4000'), MAX_CONNECTIONS=10", &CreateTarget{Name: "t", Options: TargetOptions{Hosts: []string{"h:4000"}, MaxConnections: num(10)}}},
		{"DROP MIGRATION m DROP DATA", &DropObject{Kind: "MIGRATION", Name: "m", DropData: true}},
		{"START MIGRATION IF NOT RUNNING a, b", &StartMigration{Selection: Selection{Names: []string{"a", "b"}}, IfNotRunning: true, verb: "START MIGRATION"}},
		{"RESUME MIGRATION FAILED", &StartMigration{Selection: Selection{Failed: true}, verb: "RESUME MIGRATION"}},
		{"START MIGRATION m FOR CHANNEL 'm/s' UNTIL PHASE='replicate'", &StartMigration{Selection: Selection{Names: []string{"m"}, Channel: "m/s"}, Until: &Until{Phase: "REPLICATE"}, verb: "START MIGRATION"}},
		{"START MIGRATION m UNTIL SOURCE_LOG_FILE='b.1', SOURCE_LOG_POS=4", &StartMigration{Selection: Selection{Names: []string{"m"}}, Until: &Until{File: "b.1", Pos: 4}, verb: "START MIGRATION"}},
		{"STOP MIGRATION ALL", &StopMigration{Selection: Selection{All: true}, verb: "STOP MIGRATION"}},
		{"PAUSE MIGRATION IF RUNNING m", &StopMigration{Selection: Selection{Names: []string{"m"}}, IfRunning: true, verb: "PAUSE MIGRATION"}},
		{"RESET MIGRATION m FOR CHANNEL 'c'", &ResetMigration{Name: "m", Channel: "c"}},
		{"CHECK SOURCE s", &Check{Kind: "SOURCE", Name: "s"}},
		{"WAIT FOR MIGRATION m UNTIL CAUGHT_UP", &WaitFor{Migration: "m", Condition: WaitCondition{CaughtUp: true}, Timeout: DefaultWaitTimeout}},
		{"WAIT FOR MIGRATION m UNTIL LAG < '500ms' TIMEOUT 2 ON TIMEOUT RETURN", &WaitFor{Migration: "m", Condition: WaitCondition{HasLag: true, Lag: 500 * time.Millisecond}, Timeout: 2 * time.Second, ReturnOnTimeout: true}},
		{"WAIT FOR MIGRATION m UNTIL PHASE >= 'COPY' TIMEOUT NULL", &WaitFor{Migration: "m", Condition: WaitCondition{Phase: "COPY"}, Timeout: -1}},
		{"WAIT FOR MIGRATION m UNTIL SQL_AFTER_GTIDS = 'a:1-5' TIMEOUT INTERVAL 3 MINUTE", &WaitFor{Migration: "m", Condition: WaitCondition{AfterGTIDs: "a:1-5"}, Timeout: 3 * time.Minute}},
		{"MOVE CHANNEL 'm/s' TO NODE n1", &MoveChannel{Channel: "m/s", Node: "n1"}},
		{"UNDRAIN NODE 'n-1'", &DrainNode{Node: "n-1", Undo: true}},
		{"remove node `n-1`", &RemoveNode{Node: "n-1"}},
		{"KILL QUERY 7", &Kill{ID: 7, Query: true}},
		{"/* hello */ -- only\n # comments", &Nothing{verb: "comment"}},
		{"/*!40101 USE sluice */", &Use{Schema: "sluice"}},
		{"ALTER MIGRATION m SET on_conflict = replace, max_lanes='64', ADD SOURCE s2, RENAME TO n", &AlterMigration{Name: "m", AddSources: []string{"s2"}, RenameTo: "n",
			Change: MigrationSpec{Options: []Option{{"on_conflict", "REPLACE"}, {"max_lanes", "64"}}}}},
		{"ALTER MIGRATION m ADD TABLE db.t REPLICATE_DO_DB=()", &AlterMigration{Name: "m", AddTables: []TableName{{"db", "t"}}, Change: MigrationSpec{DoDB: []string{}}}},
		{"SHOW CREATE MIGRATION m", &ShowCreate{Kind: "MIGRATION", Name: "m"}},
	}
	for _, tt := range tests {
		got, err := Parse(tt.sql)
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
		} else if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.sql, got, tt.want)
		}
	}
}

const everyClause = `CREATE MIGRATION IF NOT EXISTS m FROM SOURCE a, SOURCE b TO TARGET t
  REPLICATE_DO_DB=(d1, 'd2') REPLICATE_IGNORE_DB=(d3) REPLICATE_DO_TABLE=(d.t, d.u) REPLICATE_IGNORE_TABLE=(d.v)
  REPLICATE_WILD_DO_TABLE=('d%.t_%') REPLICATE_WILD_IGNORE_TABLE=('x%.%') REPLICATE_REWRITE_DB=((a, b), (c, d))
  ROUTE ('shop_%'.'order_%' TO shop.orders, '~s(\\d)'.'~t(.*)' TO 'app'.'t_$1_$2', raw.t TO x.y)
  START AT SOURCE_AUTO_POSITION '3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5'
  WITH (mode=incremental, copy_threads=8, rate_limit='0MB', relay=off, foreign_key_checks=0) COMMENT 'it''s'`

func TestCreateMigrationRoundTrip(t *testing.T) {
	stmt, err := Parse(everyClause)
	if err != nil {
		t.Fatal(err)
	}
	m := stmt.(*CreateMigration)
	want := MigrationSpec{
		Sources: []string{"a", "b"}, Target: "t", DoDB: []string{"d1", "d2"}, IgnoreDB: []string{"d3"},
		DoTable: []TableName{{"d", "t"}, {"d", "u"}}, IgnoreTable: []TableName{{"d", "v"}},
		WildDoTable: []string{"d%.t_%"}, WildIgnore: []string{"x%.%"}, RewriteDB: []RewritePair{{"a", "b"}, {"c", "d"}},
		Routes: []Route{
			{Pattern{"LIKE", "shop_%"}, Pattern{"LIKE", "order_%"}, "shop", "orders"},
			{Pattern{"REGEXP", `s(\d)`}, Pattern{"REGEXP", "t(.*)"}, "app", "t_$1_$2"},
			{Pattern{"LITERAL", "raw"}, Pattern{"LITERAL", "t"}, "x", "y"},
		},
		StartAt: &StartAt{Kind: "GTID", GTIDSet: "3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5"},
		Options: []Option{{"mode", "INCREMENTAL"}, {"copy_threads", "8"}, {"rate_limit", "0"}, {"relay", "OFF"}, {"foreign_key_checks", "OFF"}},
		Comment: ptr("it's"),
	}
	if !reflect.DeepEqual(m.Spec, want) {
		t.Fatalf("got  %+v\nwant %+v", m.Spec, want)
	}
	again, err := Parse(m.SQL())
	if err != nil {
		t.Fatalf("%s: %v", m.SQL(), err)
	}
	if !reflect.DeepEqual(again.(*CreateMigration).Spec, want) {
		t.Errorf("SQL() does not make it again:\n%s", m.SQL())
	}
}

func TestSourceAndTargetRoundTrip(t *testing.T) {
	for _, sql := range []string{
		"CREATE SOURCE `s` SOURCE_HOST = 'h', SOURCE_PORT = 3306, SOURCE_PASSWORD = SECRET `pw`, SERVER_ID = AUTO, REPLICA_HOSTS = ('a:1', 'b:2'), SOURCE_DELAY = 3",
		`CREATE SOURCE s SOURCE_HOST='h', SOURCE_SSL_CA='back\\slash', SOURCE_SSL_KEY=SECRET k, SOURCE_SSL_CERT='c', SOURCE_CONNECT_RETRY=1, FLAVOR=AUTO`,
		"CREATE TARGET t TARGET_HOSTS=('h:1'), TARGET_USER='u', TARGET_PASSWORD=SECRET p, TARGET_SSL_MODE=REQUIRED, TARGET_SSL_CA='c', MAX_CONNECTIONS=3",
	} {
		one, err := Parse(sql)
		if err != nil {
			t.Fatal(err)
		}
		again := one.(interface{ SQL() string }).SQL()
		two, err := Parse(again)
		if err != nil || !reflect.DeepEqual(one, two) {
			t.Errorf("%s is not %s: %v", again, sql, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		sql  string
		code uint16
		text string // part of the message
	}{
		{"", CodeEmptyQuery, "empty"},
		{" ; ", CodeEmptyQuery, "empty"},
		{"SELECT 1; SELECT 2", CodeParse, "one statement per query"},
		{"DROP SOURCE a; DROP SOURCE b", CodeParse, "near '; DROP SOURCE b' at line 1"},
		{"CRAETE SECRET x PASSWORD 'p'", CodeParse, "did you mean 'CREATE'"},
		{"SHOW MIGRATION", CodeParse, "Remedy: write CHANNELS, CHECKS, DDL, ERRORS, EVENTS, STATUS or TABLES there"},
		{"SHOW", CodeParse, "MIGRATIONS"},
		{"SHOW MIGRATIONS FOR MIGRATION shop", CodeParse, "Remedy: this SHOW has no such FOR; LIKE 'name'"},
		{"CHECK shop1", CodeParse, "no such statement near 'shop1' at line 1. Remedy: write MIGRATION"},
		{"CHECK SOURCES s", CodeParse, "no such statement near 'SOURCES s' at line 1. Remedy: did you mean 'SOURCE'?"},
		{"CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_TABLE=(orders)", CodeParse, "Remedy: write a table with its schema: schema.table"},
		{"CREATE SOURCE s SOURCE_HOST=''", CodeBadOption, "must not be empty. Remedy: write a value"},
		{"CREATE SOURCE s SOURCE_HOST='h', SOURCE_HOST='h'", CodeWrongUsage, "Remedy: write it once"},
		{"CUTOVER MIGRATION m", CodeNotSupported, "Remedy: docs/cutover-by-hand.md"},
		{"SHOW CUTOVERS", CodeNotSupported, "Remedy: docs/cutover-by-hand.md"},
		{"CREATE MIGRATON m FROM SOURCE s", CodeParse, "did you mean 'MIGRATION'"},
		{"SHOW MIGRATOINS", CodeParse, "did you mean 'MIGRATIONS'"},
		{"SHOW MIGRATION STATSU", CodeParse, "did you mean 'STATUS'"},
		{"CREATE SOURCE s SOURCE_HOTS='h'", CodeBadOption, "did you mean 'SOURCE_HOST'"},
		{"CREATE SOURCE s SOURCE_PORT=3306", CodeBadOption, "SOURCE_HOST is missing"},
		{"CREATE SOURCE s SOURCE_HOST='h', SOURCE_PORT=70000", CodeBadOption, "1 to 65535"},
		{"CREATE SOURCE s SOURCE_HOST='h', SOURCE_HOST='i'", CodeWrongUsage, "twice"},
		{"CREATE SOURCE s SOURCE_HOST='h',", CodeParse, "expected"},
		{"CREATE SOURCE s SOURCE_HOST='h' SOURCE_SSL_MODE=REQUIERD", CodeBadOption, "did you mean 'REQUIRED'"},
		{"CREATE TARGET t TARGET_USER='u'", CodeBadOption, "TARGET_HOSTS is missing"},
		{"CREATE MIGRATION m FROM SOURCE s WITH (on_conflct=STOP)", CodeBadOption, "did you mean 'on_conflict'"},
		{"CREATE MIGRATION m FROM SOURCE s WITH (mode=PARTIAL)", CodeBadOption, "allowed: FULL, INCREMENTAL, ALL"},
		{"CREATE MIGRATION m FROM SOURCE s WITH (rate_limit='fast')", CodeBadOption, "not a size"},
		{"CREATE MIGRATION m FROM SOURCE s WITH (copy_threads=0)", CodeBadOption, "from 1 to 256"},
		{"CREATE MIGRATION m FROM SOURCE s WITH (copy_threads=-3)", CodeBadOption, "'-3'"},
		{"CREATE MIGRATION m FROM SOURCE s WITH (merge=OFF, merge=OFF)", CodeWrongUsage, "twice"},
		{"CREATE MIGRATION m FROM SOURCE s FILTER (ON a.b IGNORE DELETE)", CodeNotSupported, "FILTER is not supported yet"},
		{"CREATE MIGRATION m FROM SOURCE s ROUTE ('a'.'b' TO c.d EXTRACT SCHEMA INTO x)", CodeNotSupported, "EXTRACT"},
		{"CREATE MIGRATION m FROM SOURCE s ROUTE ('~('.'b' TO c.d)", CodeBadOption, "not a regular expression"},
		{"CREATE MIGRATION m FROM SOURCE s ROUTE ('~a(b)'.'c' TO d.'t$2')", CodeBadOption, "$2 is not captured"},
		{"CREATE MIGRATION m FROM SOURCE s REPLICATE_DO_DBS=(a)", CodeBadOption, "did you mean 'REPLICATE_DO_DB'"},
		{"CREATE MIGRATION m FROM SOURCE s REPLICATE_WILD_DO_TABLE=('abc')", CodeBadOption, "schema.table"},
		{"CREATE MIGRATION m FROM SOURCE s, SOURCE S", CodeWrongUsage, "named twice"},
		{"CREATE MIGRATION `a/b` FROM SOURCE s", CodeParse, "1 to 64 characters"},
		{"ALTER MIGRATION m", CodeParse, "expected SET"},
		{"START MIGRATION a, b FOR CHANNEL 'c'", CodeWrongUsage, "exactly one"},
		{"START MIGRATION m UNTIL PHASE='COPPY'", CodeBadOption, "did you mean 'COPY'"},
		{"WAIT FOR MIGRATION m UNTIL LAG < 'soon'", CodeBadOption, "not a duration"},
		{"START REPLICA SQL_THREAD", CodeNotSupported, "alone"},
		{"CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='x', SOURCE_LOG_POS=4", CodeNotSupported, "SOURCE_LOG_FILE"},
		{"CHANGE REPLICATION SOURCE TO SOURCE_HOSTT='x'", CodeBadOption, "did you mean 'SOURCE_HOST'"},
		{"EXPLAIN START MIGRATION m", CodeNotSupported, "EXPLAIN START MIGRATION is not supported yet"},
		{"VERIFY MIGRATION m", CodeNotSupported, "VERIFY is not supported yet"},
		{"RESYNC TABLE a.b FOR MIGRATION m", CodeNotSupported, "RESYNC"},
		{"CUTOVER MIGRATION m", CodeNotSupported, "CUTOVER"},
		{"SKIP TRANSACTION 'g' FOR MIGRATION m", CodeNotSupported, "SKIP TRANSACTION"},
		{"REPLACE DDL AT 'g' FOR MIGRATION m WITH 'x'", CodeNotSupported, "REPLACE DDL"},
		{"CHECK AUTO_INCREMENT FOR MIGRATION m", CodeNotSupported, "CHECK AUTO_INCREMENT"},
		{"SHOW AUTO_INCREMENT REPORT", CodeNotSupported, "SHOW AUTO_INCREMENT"},
		{"CREATE USER u IDENTIFIED BY 'p'", CodeNotSupported, "CREATE USER"},
		{"GRANT SELECT ON *.* TO u", CodeNotSupported, "GRANT"},
		{"INSERT INTO sluice.sources VALUES (1)", CodeReadOnlyTable, "read only"},
		{"SHOW BINARY LOGS", CodeNoBinaryLog, "binary log"},
		{"SELECT * FROM a WHERE", CodeParse, "near '' at line 1"},
		{"SELECT 1\nFROM a\nWHERE x = = 2", CodeParse, "at line 3"},
		{"SELECT 'abc", CodeParse, "has no end"},
		{"SHOW MIGRATIONS LIKE 'a' WHERE 1", CodeParse, "SQL syntax"},
		{"SHOW MIGRATIONS GROUP BY 1", CodeParse, "expected LIKE"},
		{"USE sluice x", CodeParse, "near 'x'"},
		{"SELECT 1 UNION SELECT 2", CodeNotSupported, "UNION"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.sql)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", tt.sql)
			continue
		}
		if e.Code != tt.code || !strings.Contains(e.Error(), tt.text) {
			t.Errorf("%s:\n got %d %s\nwant %d ..%s..", tt.sql, e.Code, e, tt.code, tt.text)
		}
	}
}

// TestEveryFormIsReached keeps statements.go and show.go free of rows that never
// match because a longer or an earlier one takes their words.
func TestEveryFormIsReached(t *testing.T) {
	first := func(words string) string {
		var l []string
		for _, w := range strings.Fields(words) {
			l = append(l, strings.Split(w, "|")[0])
		}
		return strings.Join(l, " ")
	}
	for i := range statements {
		tokens, err := lex(first(statements[i].words), lexMode{})
		if err != nil || matchForm(tokens) != &statements[i] {
			t.Errorf("form %q is not reached", statements[i].words)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{everyClause, "select $$", "SHOW TABLES LIKE 'a%' ", "/*!50000 SELECT 1 */", "CREATE SOURCE s SOURCE_HOST='h', SOURCE_PASSWORD='p'",
		"WAIT FOR MIGRATION m UNTIL LAG < '1s' TIMEOUT 3", "SET NAMES utf8mb4", "EXPLAIN FORMAT=JSON START MIGRATION m", "KILL 1", "CHANGE MASTER TO MASTER_HOST='x' FOR CHANNEL 'c'",
		"ALTER MIGRATION m SET a=b, c=d", "DESC sluice.migrations na", "SELECT a FROM b WHERE c LIKE '%' ESCAPE '!' ORDER BY 1 LIMIT 2, 3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, mode := range []lexMode{{}, {ansiQuotes: true, noBackslashEscapes: true}} {
			p, err := parse(sql, mode)
			if err == nil && p.stmt == nil {
				t.Errorf("no statement and no error")
			}
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("error of another type: %v", err)
			}
		}
	})
}
