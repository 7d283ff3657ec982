package servers

// Kind names a server product.
type Kind string

// The servers that the lab can start.
const (
	// MySQL is the newest MySQL that Debian's unstable suite has, a source.
	MySQL Kind = "mysql"
	// MariaDB is MariaDB 10.11, a source.
	MariaDB Kind = "mariadb"
	// MariaDB11 is MariaDB 11.8, a source.
	MariaDB11 Kind = "mariadb11"
	// TiDB is TiDB 8.5 with its built-in store: one process, the target.
	TiDB Kind = "tidb"
)

// Kinds are the servers of a usual lab: one of each product.
func Kinds() []Kind { return []Kind{MySQL, MariaDB, TiDB} }

// product says how one kind is found, prepared and run.
type product struct {
	// env is the variable that overrides the search for the server.
	env string
	// programs are the server's file names on the PATH, best first.
	programs []string
	// clients are the command line client's names on the PATH, best first.
	clients []string
	// root is the private root that has the server; its name is empty when the
	// server is built and not unpacked.
	root debianRoot
	// server and client are the programs' paths inside the root.
	server, client string
	// isMariaDB tells the two products that share program names apart.
	isMariaDB bool
	// run makes the command line; prepare fills an empty data folder.
	run     func(*Server) []string
	prepare func(*preparation) error
}

// products is the one table of what the lab can start.
func products() map[Kind]product {
	return map[Kind]product{
		MySQL: {
			env:      "SLUICE_MYSQLD",
			programs: []string{"mysqld"},
			clients:  []string{"mysql"},
			root: debianRoot{
				name: "mysql", suite: "unstable",
				packages: []string{"mysql-server-core", "mysql-client-core"},
			},
			server: "usr/sbin/mysqld", client: "usr/bin/mysql",
			run: mysqlArgs, prepare: prepareMySQL,
		},
		MariaDB:   mariaDBProduct("SLUICE_MARIADBD", "mariadb", "bookworm"),
		MariaDB11: mariaDBProduct("SLUICE_MARIADBD11", "mariadb11", "trixie"),
		TiDB: {
			env:      "SLUICE_TIDB_SERVER",
			programs: []string{"tidb-server"},
			run:      tidbArgs, prepare: prepareTiDB,
		},
	}
}

func mariaDBProduct(env, root, suite string) product {
	return product{
		env:      env,
		programs: []string{"mariadbd", "mysqld"},
		clients:  []string{"mariadb", "mysql"},
		root: debianRoot{
			name: root, suite: suite,
			packages: []string{"mariadb-server-core", "mariadb-client-core"},
		},
		server: "usr/sbin/mariadbd", client: "usr/bin/mariadb",
		isMariaDB: true,
		run:       mariaDBArgs, prepare: prepareMariaDB,
	}
}
