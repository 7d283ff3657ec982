package servers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// rootForAll lets root in from every address, also those of network
// namespaces. The files are executed line by line, without binlog.
const rootForAll = `CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
`

// mysqlBase are the arguments that every start of mysqld needs.
func mysqlBase(l Launcher, data string) []string {
	args := []string{"--no-defaults", "--datadir=" + data}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	if l.Root == "" {
		return args
	}
	usr := filepath.Join(l.Root, "usr")
	return append(args,
		"--basedir="+usr,
		"--lc-messages-dir="+filepath.Join(usr, "share/mysql"),
		"--character-sets-dir="+filepath.Join(usr, "share/mysql/charsets"),
		"--plugin-dir="+filepath.Join(usr, "lib/mysql/plugin"),
	)
}

// sourceArgs are what a source in a test is like, for both products: a row
// binlog, little memory, and no flush to disk, which a kill of the process
// does not need. The socket's name is relative to the data folder because a
// socket's path has 107 bytes at most.
func sourceArgs(s *Server) []string {
	return []string{
		"--port=" + strconv.Itoa(s.Port),
		"--bind-address=" + s.Host,
		"--socket=server.sock",
		"--pid-file=" + filepath.Join(s.Dir, "server.pid"),
		"--server-id=" + strconv.Itoa(s.Port),
		"--log-bin=binlog",
		"--loose-binlog-format=ROW",
		"--sync-binlog=0",
		"--innodb-flush-log-at-trx-commit=2",
		"--innodb-buffer-pool-size=64M",
		"--performance-schema=OFF",
		// A starting server removes temporary tables that it finds there.
		"--tmpdir=" + s.Dir,
		"--secure-file-priv=",
		"--local-infile=ON",
		// Many servers at once meet the system's bound for these.
		"--innodb-use-native-aio=OFF",
	}
}

func mysqlArgs(s *Server) []string {
	args := append(mysqlBase(s.launcher, s.data()), sourceArgs(s)...)
	return append(args,
		"--gtid-mode=ON",
		"--enforce-gtid-consistency=ON",
		"--innodb-redo-log-capacity=128M",
		"--loose-mysqlx=OFF",
		"--log-error-verbosity=2",
	)
}

func prepareMySQL(p *preparation) error {
	file := filepath.Join(p.dir, "init.sql")
	if err := os.WriteFile(file, []byte(rootForAll), 0o644); err != nil {
		return fmt.Errorf("write the first statements: %w", err)
	}
	args := append(mysqlBase(p.launcher, p.data()), "--initialize-insecure", "--init-file="+file,
		"--innodb-redo-log-capacity=128M", "--innodb-use-native-aio=OFF")
	if _, err := output(p.launcher.Command(p.ctx, append(args, p.args...)...)); err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	// The server's identity: every copy makes one of its own.
	err := os.Remove(filepath.Join(p.data(), "auto.cnf"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget the template's identity: %w", err)
	}
	return nil
}

func mariaDBArgs(s *Server) []string {
	args := append(mysqlBase(s.launcher, s.data()), sourceArgs(s)...)
	return append(args, "--gtid-strict-mode=ON")
}

// mariaDBScripts are the files that mariadb-install-db feeds to the server,
// less the help texts. Newer versions have other names.
var mariaDBScripts = [][]string{
	{"mariadb_system_tables.sql", "mysql_system_tables.sql"},
	{"mariadb_performance_tables.sql", "mysql_performance_tables.sql"},
	{"mariadb_system_tables_data.sql", "mysql_system_tables_data.sql"},
	{"maria_add_gis_sp_bootstrap.sql"},
	{"mariadb_sys_schema.sql", "mysql_sys_schema.sql"},
}

// prepareMariaDB does what mariadb-install-db does: the server runs a script
// and ends.
func prepareMariaDB(p *preparation) error {
	share, err := mariaDBShare(p.launcher)
	if err != nil {
		return err
	}
	var script strings.Builder
	script.WriteString("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n")
	for _, names := range mariaDBScripts {
		text, err := firstFile(share, names)
		if err != nil {
			return err
		}
		script.WriteString(text)
		script.WriteString("\n")
	}
	script.WriteString("USE mysql;\nDELETE FROM global_priv WHERE User='';\nFLUSH PRIVILEGES;\n" + rootForAll)
	if err := os.MkdirAll(p.data(), 0o755); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	args := append(mysqlBase(p.launcher, p.data()), "--bootstrap", "--silent-startup",
		"--enforce-storage-engine=", "--max-allowed-packet=8M", "--net-buffer-length=16K",
		"--innodb-use-native-aio=OFF")
	cmd := p.launcher.Command(p.ctx, append(args, p.args...)...)
	cmd.Stdin = strings.NewReader(script.String())
	if _, err := output(cmd); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

// mariaDBShare finds the folder of the server's scripts.
func mariaDBShare(l Launcher) (string, error) {
	prefix := filepath.Dir(filepath.Dir(l.Program()))
	for _, dir := range []string{"share/mysql", "share/mariadb", "share"} {
		dir = filepath.Join(prefix, dir)
		if _, err := firstFile(dir, mariaDBScripts[0]); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("find the scripts that fill a new data folder under %s: %w", prefix, os.ErrNotExist)
}

func firstFile(dir string, names []string) (string, error) {
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			return string(text), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("read a script of the server: %w", err)
		}
	}
	return "", fmt.Errorf("find %s: %w", names[0], os.ErrNotExist)
}
