package servers_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/itest/lab/servers"
)

func TestMain(m *testing.M) {
	if os.Getenv(orphanEnv) != "" {
		orphan()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestServers runs through each server's life: a first start, data, an orderly
// restart and, where the store bears it, a kill.
func TestServers(t *testing.T) {
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := servers.ForTest(t, kind)
			checkVersion(t, s)
			exec1(t, s, "CREATE DATABASE d")
			exec1(t, s, "CREATE TABLE d.t (id BIGINT PRIMARY KEY, v VARCHAR(40))")
			exec1(t, s, "INSERT INTO d.t VALUES (1, 'kept')")
			if s.Kind != servers.TiDB {
				checkSource(t, s)
			}

			port, pid := s.Port, s.PID()
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.Port != port || s.PID() == pid || s.PID() == 0 {
				t.Errorf("restart: port %d process %d, before: port %d process %d", s.Port, s.PID(), port, pid)
			}
			checkRows(t, s, 1)

			if s.Kind == servers.TiDB {
				return
			}
			exec1(t, s, "INSERT INTO d.t VALUES (2, 'kept')")
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			if s.PID() != 0 {
				t.Errorf("a killed server has process %d", s.PID())
			}
			if c, err := net.DialTimeout("tcp", s.Addr(), time.Second); err == nil {
				c.Close()
				t.Error("a killed server accepts connections")
			}
			if err := s.Restart(t.Context(), "--max-connections=77"); err != nil {
				t.Fatal(err)
			}
			checkRows(t, s, 2)
			if got := ask(t, s, "SELECT @@max_connections"); got != "77" {
				t.Errorf("a restart's extra argument: max_connections is %s, want 77", got)
			}
		})
	}
}

func checkVersion(t *testing.T, s *servers.Server) {
	t.Helper()
	version := ask(t, s, "SELECT VERSION()")
	if version != s.Version {
		t.Errorf("Version is %q, the server says %q", s.Version, version)
	}
	for kind, mark := range map[servers.Kind]string{servers.MariaDB: "MariaDB", servers.TiDB: "TiDB"} {
		if strings.Contains(version, mark) != (s.Kind == kind) {
			t.Errorf("%s says that it is %q", s.Kind, version)
		}
	}
}

// checkSource looks at what replication needs of a source.
func checkSource(t *testing.T, s *servers.Server) {
	t.Helper()
	want := map[string]string{
		"@@log_bin": "1", "@@binlog_format": "ROW", "@@server_id": fmt.Sprint(s.Port), "@@binlog_row_image": "FULL",
		"@@performance_schema": "0",
	}
	status := "SHOW MASTER STATUS"
	if s.Kind == servers.MySQL {
		want["@@gtid_mode"] = "ON"
		status = "SHOW BINARY LOG STATUS"
	} else {
		want["@@gtid_strict_mode"] = "1"
	}
	for name, value := range want {
		if got := ask(t, s, "SELECT "+name); got != value {
			t.Errorf("%s is %s, want %s", name, got, value)
		}
	}
	if file := ask(t, s, status); !strings.HasPrefix(file, "binlog.") {
		t.Errorf("%s: the binlog is %q", status, file)
	}
	for _, host := range []string{"localhost", "%"} {
		exists := ask(t, s, "SELECT COUNT(*) FROM mysql.user WHERE User = 'root' AND Host = '"+host+"'")
		if exists != "1" {
			t.Errorf("root@%s is missing", host)
		}
	}
}

func checkRows(t *testing.T, s *servers.Server, want int) {
	t.Helper()
	if got := ask(t, s, "SELECT COUNT(*) FROM d.t WHERE v = 'kept'"); got != fmt.Sprint(want) {
		t.Errorf("the table has %s rows, want %d", got, want)
	}
}

// TestTwoOfAKind checks that copies of one template are servers of their own.
func TestTwoOfAKind(t *testing.T) {
	a, b := servers.ForTest(t, servers.MySQL), servers.ForTest(t, servers.MySQL)
	if a.Port == b.Port {
		t.Errorf("both listen on port %d", a.Port)
	}
	identity := "SELECT @@server_uuid"
	if a.Kind == servers.MariaDB {
		identity = "SELECT @@server_id"
	}
	if x, y := ask(t, a, identity), ask(t, b, identity); x == y {
		t.Errorf("%s is %s for both", identity, x)
	}
}

// TestInitArguments checks that an argument that only counts for a new data
// folder gets a data folder of its own.
func TestInitArguments(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL, "--lower_case_table_names=1")
	exec1(t, s, "CREATE DATABASE Upper")
	if got := ask(t, s, "SELECT COUNT(*) FROM information_schema.schemata WHERE BINARY schema_name = 'upper'"); got != "1" {
		t.Errorf("%s databases are named in lower case, want 1", got)
	}
}

// TestStopWithClients checks that an open connection does not hold up a stop.
func TestStopWithClients(t *testing.T) {
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := servers.ForTest(t, kind)
			db := open(t, s)
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			began := time.Now()
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("the stop took %v", took)
			}
		})
	}
}

// TestBadArgument checks that a server that cannot start says why at once.
func TestBadArgument(t *testing.T) {
	for _, kind := range servers.Kinds() {
		s, err := servers.Start(t.Context(), kind, servers.Options{Dir: t.TempDir(), Args: []string{"--no-such-option"}})
		if err == nil {
			s.Close()
			t.Errorf("%s started with an unknown option", kind)
			continue
		}
		if !strings.Contains(err.Error(), "no-such-option") {
			t.Errorf("%s: the error does not name the option: %v", kind, err)
		}
	}
}

// TestClient runs a statement through each command line client.
func TestClient(t *testing.T) {
	for _, kind := range servers.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := servers.ForTest(t, kind)
			client, err := servers.LocateClient(t.Context(), s.Kind, nil)
			if err != nil {
				t.Fatal(err)
			}
			out, err := client.Command(t.Context(), "--no-defaults", "-h", s.Host, "-P", fmt.Sprint(s.Port), "-u", s.User,
				"--batch", "--skip-column-names", "-e", "SELECT 40 + 2").CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != "42" {
				t.Errorf("the client said %q, %v", out, err)
			}
		})
	}
}

// TestNamedServer checks the first place of the search: the variable.
func TestNamedServer(t *testing.T) {
	t.Setenv("SLUICE_MYSQLD", "/no/such/mysqld")
	if _, err := servers.Locate(t.Context(), servers.MySQL, nil); err == nil || !strings.Contains(err.Error(), "SLUICE_MYSQLD") {
		t.Errorf("a variable that names no program: %v", err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLUICE_MYSQLD", program)
	l, err := servers.Locate(t.Context(), servers.MySQL, nil)
	if err != nil || l.Program() != program || l.Origin != "SLUICE_MYSQLD" {
		t.Errorf("a variable that names a program: %+v, %v", l, err)
	}
}

// TestFallback checks that MariaDB stands in when MySQL cannot be had, and that
// nothing stands in for a MySQL that the user names.
func TestFallback(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// An empty cache and no apt-get.
	t.Setenv("SLUICE_LAB", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	t.Setenv("SLUICE_MARIADBD", program)
	want := servers.MariaDB
	if _, err := exec.LookPath("/usr/sbin/mysqld"); err == nil {
		want = servers.MySQL
	}
	if kind, err := servers.Fallback(t.Context(), servers.MySQL, nil); err != nil || kind != want {
		t.Errorf("without apt-get: %s, %v, want %s", kind, err, want)
	}
	if _, err := servers.Fallback(t.Context(), servers.MariaDB11, nil); err == nil {
		t.Error("without apt-get there is a MariaDB 11")
	}
	t.Setenv("SLUICE_MYSQLD", "/no/such/mysqld")
	if kind, err := servers.Fallback(t.Context(), servers.MySQL, nil); err == nil {
		t.Errorf("%s stands in for a MySQL that the user named", kind)
	}
}

// TestSysbench loads a table with the load generator.
func TestSysbench(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL)
	bench, err := servers.LocateSysbench(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec1(t, s, "CREATE DATABASE sbtest")
	out, err := bench.Command(t.Context(), bench.Script("oltp_insert"), "--mysql-host="+s.Host, fmt.Sprintf("--mysql-port=%d", s.Port),
		"--mysql-user=root", "--tables=1", "--table-size=100", "prepare").CombinedOutput()
	if err != nil {
		t.Fatalf("sysbench: %v: %s", err, out)
	}
	if got := ask(t, s, "SELECT COUNT(*) FROM sbtest.sbtest1"); got != "100" {
		t.Errorf("sysbench made %s rows, want 100", got)
	}
}

// TestMariaDB11 starts the newer MariaDB.
func TestMariaDB11(t *testing.T) {
	s := servers.ForTest(t, servers.MariaDB11)
	if !strings.HasPrefix(s.Version, "11.") {
		t.Errorf("the version is %s, want 11", s.Version)
	}
	checkSource(t, s)
}

// orphanEnv has the test binary play a process that starts a server and waits.
const orphanEnv = "SLUICE_TEST_ORPHAN_DIR"

func orphan() {
	s, err := servers.Start(context.Background(), servers.MariaDB, servers.Options{Dir: os.Getenv(orphanEnv)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.PID())
	select {}
}

// TestOwnerKilled checks that a server ends when its owner is killed.
func TestOwnerKilled(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	owner := exec.Command(program)
	owner.Env = append(os.Environ(), orphanEnv+"="+t.TempDir())
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, scanErr := fmt.Fscan(out, &pid)
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	owner.Wait()
	if scanErr != nil {
		t.Fatalf("the owner did not say its server's process: %v", scanErr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for running(pid) {
		select {
		case <-ctx.Done():
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the server outlived its owner by 30 s")
		case <-tick.C:
		}
	}
}

// running tells whether a process runs; one that waits for its new parent to
// collect it does not.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func open(t *testing.T, s *servers.Server) *sql.DB {
	t.Helper()
	db, err := s.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec1(t *testing.T, s *servers.Server, statement string) {
	t.Helper()
	db := open(t, s)
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %s: %v", s.Kind, statement, err)
	}
}

// ask is the first column of the first row of a query's result.
func ask(t *testing.T, s *servers.Server, query string) string {
	t.Helper()
	db := open(t, s)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %s: %v", s.Kind, query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("%s: %s: no row: %v %v", s.Kind, query, err, rows.Err())
	}
	var first string
	into := []any{&first}
	for range columns[1:] {
		into = append(into, new(sql.RawBytes))
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatalf("%s: %s: %v", s.Kind, query, err)
	}
	return first
}
