package gateway

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
)

// block is one block of statements of docs/cutover-by-hand.md.
type block struct {
	place      string // of its first line: at the source (MySQL) ..
	statements []string
}

var sqlBlock = regexp.MustCompile("(?s)```sql\n-- at ([^\n]*)\n(.*?)```")

func cutoverPage(t *testing.T) []block {
	t.Helper()
	page, err := os.ReadFile("../docs/cutover-by-hand.md")
	if err != nil {
		t.Fatal(err)
	}
	if all, marked := strings.Count(string(page), "```sql"), len(sqlBlock.FindAllIndex(page, -1)); all != marked || all < 10 {
		t.Fatalf("%d of %d blocks say where they are run", marked, all)
	}
	var blocks []block
	for _, m := range sqlBlock.FindAllStringSubmatch(string(page), -1) {
		b := block{place: m[1]}
		for stmt := range strings.SplitSeq(m[2], ";\n") {
			if stmt = strings.TrimSpace(stmt); stmt != "" {
				b.statements = append(b.statements, stmt)
			}
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// session is a connection on which a page's statements are run.
type session struct {
	t    *testing.T
	conn *sql.Conn
}

func openSession(t *testing.T, db *sql.DB) *session {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &session{t, conn}
}

// run runs a statement of the page and returns its rows.
func (s *session) run(stmt string) [][]string {
	s.t.Helper()
	rows, err := s.conn.QueryContext(s.t.Context(), stmt)
	if err != nil {
		s.t.Fatalf("%s: %v", stmt, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		s.t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			s.t.Fatal(err)
		}
		row := make([]string, len(names))
		for i, v := range values {
			row[i] = v.String
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatalf("%s: %v", stmt, err)
	}
	return out
}

// cutover is a migration that is switched as the page says.
type cutover struct {
	t              *testing.T
	product        string
	source, target *session
	sluice         *session
	app            func() error // writes at the source as the application
	ran            int
}

// follow runs the blocks of the page for which take returns true, in their order.
func (c *cutover) follow(take func(place string) bool) {
	c.t.Helper()
	for _, b := range cutoverPage(c.t) {
		if !take(b.place) {
			continue
		}
		place := strings.Split(b.place, ",")[0]
		if place, product, ok := strings.Cut(place, " ("); ok {
			if strings.TrimSuffix(product, ")") != c.product {
				continue
			}
			b.place = place
		}
		for _, stmt := range b.statements {
			c.ran++
			c.step(strings.Split(b.place, ",")[0], stmt)
		}
	}
}

func (c *cutover) step(place, stmt string) {
	c.t.Helper()
	switch place {
	case "Sluice":
		rows := c.sluice.run(stmt)
		if strings.HasPrefix(stmt, "SELECT migration") && (len(rows) != 1 || rows[0][1] != "REPLICATE") {
			c.t.Errorf("%s: %v", stmt, rows)
		}
	case "the target":
		c.target.run(stmt)
	case "the source and the target":
		if a, b := c.source.run(stmt), c.target.run(stmt); len(a) != 1 || a[0][0] != b[0][0] || a[0][0] == "0" {
			c.t.Errorf("%s: %v at the source, %v at the target", stmt, a, b)
		}
	case "the source":
		rows := c.source.run(stmt)
		if stmt == "XA RECOVER" && len(rows) > 0 {
			c.t.Errorf("prepared transactions: %v", rows)
		}
		if strings.Contains(stmt, "run_at_the_target") {
			if len(rows) != 2 {
				c.t.Errorf("%d tables have ids, want 2: %v", len(rows), rows)
			}
			for _, r := range rows {
				if !strings.HasSuffix(r[0], ";") {
					c.t.Errorf("%s does not end a statement: a client would run it with the next one", r[0])
				}
				c.target.run(r[0])
			}
		}
	default:
		c.t.Errorf("a block is run at %q", place)
	}
}

func newCutover(t *testing.T, kind servers.Kind) *cutover {
	t.Helper()
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, kind)
	exec(t, src, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20))",
		"CREATE TABLE shop.items (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20))", "CREATE TABLE shop.plain (id INT PRIMARY KEY)",
		"CREATE VIEW shop.v AS SELECT id FROM shop.orders", "CREATE USER 'app'@'%' IDENTIFIED BY 'old'", "GRANT ALL ON shop.* TO 'app'@'%'",
		"INSERT INTO shop.orders (note) VALUES ('a'),('b'),('c')", "INSERT INTO shop.items (name) VALUES ('x')",
		// Ids that the target never sees.
		"INSERT INTO shop.orders VALUES (5000,'gone')", "DELETE FROM shop.orders WHERE id=5000")
	n := start(t, testConfig(t, store, "n1"))
	admin := n.admin(t)
	admin.ok(sourceSQL("src", src))
	admin.ok("CREATE MIGRATION shop FROM SOURCE src REPLICATE_DO_DB=(shop)")
	admin.ok("START MIGRATION shop")
	admin.one("WAIT FOR MIGRATION shop UNTIL CAUGHT_UP TIMEOUT 60")
	open := func(s *servers.Server) *session {
		db, err := s.Open("")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return openSession(t, db)
	}
	c := &cutover{t: t, product: map[servers.Kind]string{servers.MySQL: "MySQL", servers.MariaDB: "MariaDB"}[kind],
		source: open(src), target: open(store), sluice: openSession(t, admin.db)}
	c.app = func() error {
		cfg, err := mysql.ParseDSN(src.DSN("shop"))
		if err != nil {
			return err
		}
		cfg.User, cfg.Passwd = "app", "old"
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return err
		}
		db := sql.OpenDB(connector)
		defer db.Close()
		_, err = db.ExecContext(context.WithoutCancel(t.Context()), "INSERT INTO orders (note) VALUES ('app')")
		return err
	}
	return c
}

func serverCode(err error) uint16 {
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return me.Number
	}
	return 0
}

// TestCutoverByHand runs the statements of docs/cutover-by-hand.md, as they stand there,
// up to the switch, and those of the way back.
func TestCutoverByHand(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind)+" there", func(t *testing.T) {
			c := newCutover(t, kind)
			if err := c.app(); err != nil {
				t.Fatalf("the application writes: %v", err)
			}
			c.follow(func(place string) bool { return !strings.Contains(place, ", ") })
			if c.ran < 20 {
				t.Errorf("only %d statements were run", c.ran)
			}
			if code := serverCode(c.app()); code != 3118 && code != 4151 {
				t.Errorf("the application can still log in at the source: error %d", code)
			}
			// The application at the target: its ids are above all that the source has given.
			c.target.run("INSERT INTO shop.orders (note) VALUES ('new')")
			if got := c.target.run("SELECT COUNT(*), MAX(id) > 5000 FROM shop.orders WHERE note='new'"); !slices.Equal(got[0], []string{"1", "1"}) {
				t.Errorf("the next id at the target: %v", got)
			}
			c.follow(func(place string) bool { return strings.HasSuffix(place, ", at the end") })
			if got := c.sluice.run("SHOW MIGRATIONS"); len(got) != 0 {
				t.Errorf("the migration is still there: %v", got)
			}
			if got := c.target.run("SELECT COUNT(*) FROM shop.orders"); got[0][0] != "5" {
				t.Errorf("the target has %v rows", got)
			}
		})
		t.Run(string(kind)+" and back", func(t *testing.T) {
			c := newCutover(t, kind)
			c.follow(func(place string) bool { return !strings.Contains(place, ", ") })
			c.follow(func(place string) bool { return strings.HasSuffix(place, ", to go back") })
			if err := c.app(); err != nil {
				t.Errorf("after the way back the application cannot write: %v", err)
			}
			c.sluice.run("WAIT FOR MIGRATION shop UNTIL CAUGHT_UP TIMEOUT 60")
			if got := c.target.run("SELECT COUNT(*) FROM shop.orders WHERE note='app'"); got[0][0] != "1" {
				t.Errorf("after the way back the target has %v of the application's rows", got)
			}
		})
	}
}
