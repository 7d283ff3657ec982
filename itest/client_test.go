package itest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// TestCommandLines runs what operators type into the mysql 9 and the mariadb
// command line.
func TestCommandLines(t *testing.T) {
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "cli", oneTable...)
	s.replicate()
	// The client of MySQL 9.7 takes its own commands from a file only so.
	local := map[servers.Kind][]string{servers.MySQL: {"--commands"}}
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			client, err := servers.LocateClient(t.Context(), r.sources[kind].Kind, nil)
			must(t, err)
			for _, c := range []struct {
				input string
				args  []string
				want  []string
			}{
				{args: []string{"-e", "SHOW MIGRATIONS"}, want: []string{"Migration\tTarget\tSources", "cli\tDEFAULT\tcli\tREPLICATE\tRUNNING"}},
				{args: []string{"-t", "-e", "SHOW MIGRATIONS"}, want: []string{"| Migration ", "| cli "}},
				{input: "\\s\n", args: local[kind], want: []string{"Connection id:", "Current user:", "Server version:", "Uptime:"}},
				{args: local[kind], input: "status\nSHOW WORKERS\\G\n", want: []string{"Connection id:", "*** 1. row ***", "Node: n1", "Node: n2", "Role: ACTIVE"}},
				{args: []string{"-E", "-e", "SHOW REPLICA STATUS FOR CHANNEL 'cli'"}, want: []string{"Replica_IO_Running: Yes", "Replica_SQL_Running: Yes", "Channel_Name: cli"}},
				{args: []string{"-D", "sluice", "-e", "SHOW TABLES; "}, want: []string{"migrations", "workers"}},
				{args: []string{"-D", "sluice", "-e", "SELECT migration, phase FROM migrations WHERE status='RUNNING'"}, want: []string{"cli\tREPLICATE"}},
				{args: local[kind], input: "USE sluice\nDESC migrations;\nSHOW NODES;\n", want: []string{"seconds_behind_source", "n1", "n2"}},
				{args: []string{"-v", "-e", "WAIT FOR MIGRATION cli UNTIL CAUGHT_UP TIMEOUT 10"}, want: []string{"CAUGHT_UP"}},
			} {
				out, err := command(t, client, r.nodes[0], c.input, c.args...)
				if err != nil {
					t.Errorf("%q %q: %v: %s", c.args, c.input, err, out)
				}
				for _, w := range c.want {
					if !strings.Contains(out, w) {
						t.Errorf("%q %q does not show %q:\n%s", c.args, c.input, w, out)
					}
				}
			}
			// A wrong statement ends the client with an error that helps.
			out, err := command(t, client, r.nodes[0], "", "-e", "SHOW MIGRATOINS")
			if err == nil || !strings.Contains(out, "ERROR 1064") || !strings.Contains(out, "MIGRATIONS") {
				t.Errorf("a misspelt statement: %v: %s", err, out)
			}
		})
	}
}

// command runs a command line client on a node's admin port.
func command(t *testing.T, client servers.Launcher, n *node.Node, input string, args ...string) (string, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(n.Admin)
	must(t, err)
	args = append([]string{"--no-defaults", "-h", host, "-P", port, "-u", "root", "--password=" + adminPassword}, args...)
	cmd := client.Command(t.Context(), args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mysql2Release is the release of the Node.js client that is tested.
const mysql2Release = "3.24.6"

// TestNodeMySQL2 runs the client mysql2 of Node.js as programs use it.
func TestNodeMySQL2(t *testing.T) {
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("Node.js is not on this machine: %v", err)
	}
	modules := installMySQL2(t)
	r := theRig(t)
	s := r.newStream(t, r.sources[servers.MySQL], "js", oneTable...)
	s.replicate()
	host, port, err := net.SplitHostPort(r.nodes[0].Admin)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, filepath.Join("testdata", "mysql2.js"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "ADMIN_HOST="+host, "ADMIN_PORT="+port, "ADMIN_PASSWORD="+adminPassword)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "done\n") {
		t.Errorf("mysql2 %s: %v\n%s", mysql2Release, err, out)
	}
}

// installMySQL2 returns the folder node_modules with the client, which npm puts
// into the lab's cache once.
func installMySQL2(t *testing.T) string {
	t.Helper()
	cache, err := servers.CacheDir()
	must(t, err)
	dir := filepath.Join(cache, "node-mysql2-"+mysql2Release)
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skipf("npm is not on this machine, and the lab's cache has no mysql2: %v", err)
	}
	temp, err := os.MkdirTemp(cache, "node-mysql2-*.part")
	must(t, err)
	defer os.RemoveAll(temp)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "install", "--prefix", temp, "--ignore-scripts", "--no-audit", "--no-fund", "mysql2@"+mysql2Release)
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("npm cannot get mysql2 %s: %v: %s", mysql2Release, err, out)
	}
	// Another process may have been faster: its copy is as good.
	if err := os.Rename(temp, dir); err != nil {
		if _, gone := os.Stat(modules); gone != nil {
			t.Fatalf("put mysql2 in place: %v", err)
		}
	}
	return modules
}

// shows are all results that an operator can read.
var shows = []string{
	"SHOW MIGRATIONS", "SHOW MIGRATION STATUS", "SHOW MIGRATION CHANNELS", "SHOW MIGRATION TABLES", "SHOW MIGRATION CHECKS",
	"SHOW MIGRATION ERRORS", "SHOW MIGRATION EVENTS", "SHOW MIGRATION DDL", "SHOW WORKERS", "SHOW NODES", "SHOW OPERATIONS",
	"SHOW SOURCES", "SHOW TARGETS", "SHOW SECRETS", "SHOW REPLICA STATUS", "SHOW REPLICAS", "SHOW PROCESSLIST", "SHOW FULL PROCESSLIST",
	"SHOW VARIABLES", "SHOW STATUS", "SHOW WARNINGS", "SHOW GRANTS", "CHECK SOURCE hidden", "CHECK MIGRATION hidden",
	"SHOW CREATE SOURCE hidden", "SHOW CREATE MIGRATION hidden", "SHOW CREATE TARGET other",
	"SELECT * FROM sluice.operations", "SELECT * FROM sluice.sources", "SELECT * FROM sluice.secrets",
}

// TestSecrets looks for every password of the rig where no secret may be.
func TestSecrets(t *testing.T) {
	r := theRig(t)
	ctx := t.Context()
	s := r.newStream(t, r.sources[servers.MySQL], "hidden", oneTable...)
	const literal, kept, target = "literal-Geheim-1", "kept-Geheim-2", "target-Geheim-3"
	must(t, r.nodes.Exec(ctx, "CREATE SECRET kept PASSWORD '"+kept+"'", "ALTER SECRET kept PASSWORD '"+kept+"b'",
		"CREATE TARGET other TARGET_HOSTS=('127.0.0.1:1'), TARGET_USER='u', TARGET_PASSWORD='"+target+"'"))
	// Statements that fail are noted too, and must not give a secret away.
	for _, q := range []string{
		"CREATE SOURCE hidden SOURCE_HOST='h', SOURCE_PASSWORD='" + literal + "', NO_SUCH_OPTION=1",
		"CREATE SOURCE hidden SOURCE_PASSWORD='" + literal,
		"CREATE SECRET other PASSWORD '" + literal + "' AND MORE",
		"CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD='" + literal + "' FOR CHANNEL 'nobody'",
	} {
		err := r.nodes.Exec(ctx, q)
		if err == nil {
			t.Errorf("%.30s is taken", q)
		} else if text := strings.ReplaceAll(err.Error(), q[:min(60, len(q))], ""); strings.Contains(text, literal) {
			t.Errorf("the error of %.30s shows the password: %v", q, err)
		}
	}
	s.replicate()
	must(t, r.nodes.Exec(ctx, "STOP MIGRATION hidden"))
	s.until(30*time.Second, "it is stopped", func(row node.Row) bool { return row["Status"] == "STOPPED" })
	must(t, r.nodes.Exec(ctx, "ALTER SOURCE hidden SOURCE_PASSWORD='"+wrongPassword+"'"))
	for _, q := range []string{"CHECK SOURCE hidden", "CHECK TARGET other"} {
		if _, err := r.nodes.Query(ctx, q); err != nil {
			t.Logf("%s: %v", q, err) // its text is in the log and the operations
		}
	}
	must(t, r.nodes.Exec(ctx, "ALTER SOURCE hidden SOURCE_PASSWORD='"+sourcePassword+"'"))

	secrets := []string{sourcePassword, storePassword, adminPassword, wrongPassword, literal, kept, target}
	look := func(where, text string) {
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s shows a password: ..%s..", where, strings.ReplaceAll(text[max(0, i-80):i], "\n", " "))
			}
		}
	}
	cells := 0
	for _, q := range shows {
		for _, n := range r.nodes {
			rows, err := n.Query(ctx, q)
			if err != nil {
				look("the error of "+q, err.Error())
				if !strings.HasPrefix(q, "CHECK ") {
					t.Errorf("%v", err)
				}
			}
			for _, row := range rows {
				for name, value := range row {
					cells++
					look(q+" column "+name, value)
				}
			}
		}
	}
	if cells < 500 {
		t.Errorf("only %d values were looked at", cells)
	}
	for _, n := range r.nodes {
		text, err := os.ReadFile(n.LogFile())
		must(t, err)
		if len(text) < 200 {
			t.Errorf("the log of %s is too short to tell: %s", n.Name, text)
		}
		look("the log of "+n.Name, string(text))
		metrics, err := n.Get(ctx, "/metrics")
		must(t, err)
		look("the metrics of "+n.Name, metrics)
	}
	lookAtStore(t, r, look)
	lookAtCommandLines(t, r, look)
	lookAtFiles(t, r, look)
	must(t, r.nodes.Exec(ctx, "DROP TARGET other", "DROP SECRET kept"))
}

// lookAtStore reads every table of the store's schema.
func lookAtStore(t *testing.T, r *rig, look func(where, text string)) {
	t.Helper()
	db := open(t, r.target, "sluice_meta")
	tables, err := node.Query(t.Context(), db, "SELECT TABLE_NAME AS t FROM information_schema.tables WHERE TABLE_SCHEMA='sluice_meta'")
	must(t, err)
	if len(tables) < 10 {
		t.Errorf("the store has only %d tables", len(tables))
	}
	for _, table := range tables {
		rows, err := node.Query(t.Context(), db, "SELECT * FROM `"+table["t"]+"`")
		must(t, err)
		for _, row := range rows {
			for name, value := range row {
				look("the store's column "+table["t"]+"."+name, value)
			}
		}
	}
}

// lookAtCommandLines reads what ps shows of the nodes: a password in --store
// must be gone from there.
func lookAtCommandLines(t *testing.T, r *rig, look func(where, text string)) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-eo", "args").Output()
	if err != nil {
		t.Logf("ps: %v", err)
		return
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, r.dir) && strings.Contains(line, "--admin-addr") {
			look("ps", line)
		}
	}
}

// lookAtFiles reads what the nodes keep on disk.
func lookAtFiles(t *testing.T, r *rig, look func(where, text string)) {
	t.Helper()
	for _, n := range r.nodes {
		data := filepath.Join(n.Dir, "data")
		err := filepath.WalkDir(data, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			look(fmt.Sprintf("the file %s", filepath.Base(path)), string(text))
			return err
		})
		must(t, err)
	}
}
