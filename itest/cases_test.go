package itest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/itest/compare"
	"sluice/itest/lab/servers"
	"sluice/itest/node"
)

// A case is a folder of cases/:
//
//	source.sql    runs before the migration starts: it is copied
//	stream.sql    runs while it replicates
//	clauses       takes the place of the clauses of CREATE MIGRATION (optional)
//	compare       pairs of tables, "db.t db.t", in place of all (optional)
//	only          the products it is for: mysql or mariadb (optional)
//	expect-error  the number of the error that must stop it, or a line
//	              "mysql 61104" for each product (optional)
//	remedy.sql    what the remedy has to be done at the source before the
//	              tables are copied again (optional)
//
// Both files run on one connection whose current database has the case's name.
// Other databases of a case begin with its name and two underscores. A
// statement ends with a semicolon at the end of a line; a line "-- fails" before it
// says that the source refuses it. In the end all tables
// are compared, and the target may have no others.
const (
	casesDir   = "cases"
	errorLimit = 60 * time.Second
)

// TestCases runs every folder of cases on every product.
func TestCases(t *testing.T) {
	folders, err := os.ReadDir(casesDir)
	must(t, err)
	if len(folders) < 12 {
		t.Errorf("there are only %d cases", len(folders))
	}
	r := theRig(t)
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			for _, f := range folders {
				c := endToEnd{t: t, dir: filepath.Join(casesDir, f.Name()), name: f.Name(), kind: kind}
				if only := c.file("only"); only != "" && !slices.Contains(strings.Fields(only), string(kind)) {
					continue
				}
				t.Run(f.Name(), func(t *testing.T) {
					c.t = t
					c.run(r)
				})
			}
		})
	}
}

// endToEnd is a case on one product.
type endToEnd struct {
	t         *testing.T
	dir, name string
	kind      servers.Kind
}

// file reads a file of the case, "" when there is none.
func (c *endToEnd) file(name string) string {
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (c *endToEnd) run(r *rig) {
	s := r.newStreamOf(c.t, r.sources[c.kind], c.name+"_"+string(c.kind), c.name)
	conn, err := s.from.Conn(c.t.Context())
	must(c.t, err)
	defer conn.Close()
	clauses := c.file("clauses")
	if clauses == "" {
		pattern := strings.ReplaceAll(c.name, "_", `\_`)
		clauses = fmt.Sprintf(`REPLICATE_WILD_DO_TABLE=('%s.%%', '%s\_\_%%.%%')`, pattern, pattern)
		// A string literal of the admin port takes backslashes as MySQL's do.
		clauses = strings.ReplaceAll(clauses, `\`, `\\`)
	}
	c.play(conn, "source.sql")
	s.define(clauses)
	defer func() { s.databases = c.databases(s) }() // for tidying up
	if code := c.expected(); code != "" {
		_, err := conn.ExecContext(c.t.Context(), "CREATE TABLE after_it (id INT PRIMARY KEY)")
		must(c.t, err)
		c.refused(s, conn, code)
		return
	}
	s.start()
	c.play(conn, "stream.sql")
	c.compared(s)
	errs, err := r.nodes.Query(c.t.Context(), "SHOW MIGRATION ERRORS FOR MIGRATION "+s.name)
	must(c.t, err)
	for _, e := range errs {
		c.t.Errorf("an error was reported: %v", e)
	}
}

// compared waits until all is applied, and compares.
func (c *endToEnd) compared(s *stream) {
	c.t.Helper()
	s.caughtUp()
	s.databases = c.databases(s)
	if pairs := c.file("compare"); pairs != "" {
		s.same(c.pairs(pairs))
	} else {
		s.equal()
	}
}

// play runs a file of SQL.
func (c *endToEnd) play(conn *sql.Conn, name string) {
	c.t.Helper()
	for _, statement := range split(c.file(name)) {
		statement, fails := strings.CutPrefix(statement, failsMark+"\n")
		_, err := conn.ExecContext(c.t.Context(), statement)
		if (err != nil) != fails {
			c.t.Fatalf("%s: %.300s: error %v, and one is expected: %v", name, statement, err, fails)
		}
	}
}

// failsMark is the line before a statement that the source refuses.
const failsMark = "-- fails"

// split cuts a file into statements. Lines that begin with -- are comments, but
// for failsMark, which stays before its statement.
func split(text string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "--") && strings.TrimSpace(line) != failsMark {
			continue
		}
		b.WriteString(line)
		if end := strings.TrimRight(line, " \r\n"); strings.HasSuffix(end, ";") {
			out = append(out, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		out = append(out, rest)
	}
	return out
}

// databases are the case's own on either side.
func (c *endToEnd) databases(s *stream) []string {
	out := []string{}
	for _, db := range []*sql.DB{s.from, s.to} {
		rows, err := node.Query(context.WithoutCancel(c.t.Context()), db, "SELECT SCHEMA_NAME AS s FROM information_schema.SCHEMATA")
		if err != nil {
			c.t.Errorf("list the databases: %v", err)
			return []string{c.name}
		}
		for _, row := range rows {
			name := row["s"]
			if (name == c.name || strings.HasPrefix(name, c.name+"__")) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// pairs reads the file compare.
func (c *endToEnd) pairs(text string) []compare.Table {
	c.t.Helper()
	var out []compare.Table
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 2 {
			c.t.Fatalf("compare: %q is no pair of tables", line)
		}
		ss, st, _ := strings.Cut(f[0], ".")
		ts, tt, _ := strings.Cut(f[1], ".")
		out = append(out, compare.Table{SourceSchema: ss, SourceTable: st, TargetSchema: ts, TargetTable: tt})
	}
	return out
}

// expected reads expect-error.
func (c *endToEnd) expected() string {
	for line := range strings.Lines(c.file("expect-error")) {
		f := strings.Fields(line)
		switch {
		case len(f) == 1:
			return f[0]
		case len(f) == 2 && f[0] == string(c.kind):
			return f[1]
		}
	}
	return ""
}

// refused runs a case that must stop with an error, at its start or on the way.
func (c *endToEnd) refused(s *stream, conn *sql.Conn, code string) {
	ctx := c.t.Context()
	if c.file("stream.sql") == "" {
		err := s.rig.nodes.Exec(ctx, "START MIGRATION "+s.name)
		if err == nil {
			c.stopped(s, code)
		} else if !strings.Contains(err.Error(), "Error "+code) {
			c.t.Errorf("START says %v, want error %s", err, code)
		}
		return
	}
	s.start()
	c.play(conn, "stream.sql")
	if remedy := c.stopped(s, code); strings.Contains(remedy, "RESET MIGRATION") {
		c.copiedAgain(s, conn)
	} else {
		c.t.Errorf("the remedy %q does not name the way that always works", remedy)
	}
}

// copiedAgain follows the remedy of a channel that cannot go on: STOP, RESET, drop the target's tables, START.
func (c *endToEnd) copiedAgain(s *stream, conn *sql.Conn) {
	c.play(conn, "remedy.sql")
	for _, statement := range []string{"STOP MIGRATION ", "RESET MIGRATION "} {
		must(c.t, s.rig.nodes.Exec(c.t.Context(), statement+s.name))
	}
	for _, db := range c.databases(s) {
		_, err := s.to.ExecContext(c.t.Context(), "DROP DATABASE IF EXISTS `"+db+"`")
		must(c.t, err)
	}
	s.start()
	_, err := s.from.ExecContext(c.t.Context(), "INSERT INTO `"+c.name+"`.after_it VALUES (1)")
	must(c.t, err)
	c.compared(s)
}

// stopped waits for the error, and looks for it and its remedy where an operator does.
func (c *endToEnd) stopped(s *stream, code string) (remedy string) {
	ctx := c.t.Context()
	row := s.until(errorLimit, "it stops", func(row node.Row) bool { return row["Status"] == "ERROR" })
	if row["Last_Errno"] != code || row["Remedy"] == "" {
		c.t.Errorf("it stopped with error %s %s, remedy %q; want %s", row["Last_Errno"], row["Last_Error"], row["Remedy"], code)
	}
	errs, err := s.rig.nodes.Query(ctx, "SHOW MIGRATION ERRORS FOR MIGRATION "+s.name)
	must(c.t, err)
	if !slices.ContainsFunc(errs, func(e node.Row) bool { return e["Errno"] == code && e["Remedy"] != "" }) {
		c.t.Errorf("SHOW MIGRATION ERRORS does not have error %s: %v", code, errs)
	}
	return row["Remedy"]
}
