package migration

import (
	"database/sql"
	"strings"
	"testing"

	"sluice/itest/lab/servers"
)

// findings returns what CHECK says, one line each: severity, id and text.
func (c *copyRun) findings() string {
	c.t.Helper()
	found, err := Check(c.t.Context(), c.cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	var lines []string
	for _, f := range found {
		lines = append(lines, f.Severity+" "+f.ID+" "+f.Object+": "+f.Finding)
	}
	return strings.Join(lines, "\n")
}

func (c *copyRun) wantFinding(parts ...string) {
	c.t.Helper()
	all := c.findings()
	for line := range strings.Lines(all) {
		hit := true
		for _, p := range parts {
			hit = hit && strings.Contains(line, p)
		}
		if hit {
			return
		}
	}
	c.t.Errorf("no finding has %q:\n%s", parts, all)
}

const latin = "CREATE TABLE d.l (id INT PRIMARY KEY, s VARCHAR(20), len INT AS (LENGTH(s)) STORED, v INT AS (LENGTH(s)) VIRTUAL, n BIGINT AS (id + 1) STORED) CHARSET latin1"

// CHECK warns of generated columns that become plain. A table that the target has
// already decides by itself which of its columns are written, whoever made it.
func TestGeneratedInTheTarget(t *testing.T) {
	c := newCopyRun(t, "g1/s")
	mustExec(t, c.sdb, "CREATE DATABASE d", latin, "INSERT INTO d.l (id, s) VALUES (1, 'é'), (2, NULL)")
	c.wantFinding("WARNING target.generated d.l", "generated column len becomes a plain column", "LENGTH")
	c.wantFinding("WARNING target.generated d.l", "generated column v becomes a plain column")
	if strings.Contains(c.findings(), "column n ") {
		t.Error("CHECK warns of a column that stays generated")
	}
	// As an older version made it: all generated. v is a plain one, and n is not there.
	mustExec(t, c.tdb, "CREATE DATABASE d", "CREATE TABLE d.l (id INT PRIMARY KEY, s VARCHAR(20), len INT AS (LENGTH(s)) STORED, v INT)")
	c.wantFinding("WARNING target.generated d.l", "the target's table generates column len")
	c.start()
	c.applied()
	mustExec(t, c.sdb, "INSERT INTO d.l (id, s) VALUES (3, 'éé')", "UPDATE d.l SET s='ééé' WHERE id=1", "DELETE FROM d.l WHERE id=2")
	c.applied()
	c.targetHas("1:6:3 3:4:2")
	// The column is generated in the target, where the translation presumes a plain one.
	mustExec(t, c.sdb, "ALTER TABLE d.l MODIFY len INT AS (LENGTH(s)) STORED COMMENT 'bytes'")
	if e := c.ends(61053); !strings.Contains(e.Message, "the target's column len is generated") {
		t.Errorf("it ends with %s", e.Message)
	}
	mustExec(t, c.tdb, "ALTER TABLE d.l ADD COLUMN len2 INT", "UPDATE d.l SET len2=v", "ALTER TABLE d.l DROP COLUMN len", "ALTER TABLE d.l RENAME COLUMN len2 TO len",
		"ALTER TABLE d.l ADD COLUMN n BIGINT AS (id + 1) VIRTUAL")
	c.start()
	mustExec(t, c.sdb, "INSERT INTO d.l (id, s) VALUES (4, 'é')")
	c.applied()
	same(t, c.sdb, c.dst)
	c.stop()
}

func (c *copyRun) targetHas(want string) {
	c.t.Helper()
	if got := c.target(); got != want {
		c.t.Errorf("the target has %q, want %q", got, want)
	}
}

// target returns the rows of d.l, "" while there are none.
func (c *copyRun) target() string {
	c.t.Helper()
	var rows sql.NullString
	if err := c.tdb.QueryRow("SELECT GROUP_CONCAT(CONCAT_WS(':', id, len, v) ORDER BY id SEPARATOR ' ') FROM d.l").Scan(&rows); err != nil {
		c.t.Fatal(err)
	}
	return rows.String
}

// MariaDB leaves generated columns out of the images of UPDATE and DELETE from
// 11.8.9 on: none can be a plain column there.
func TestGeneratedWithoutImages(t *testing.T) {
	c := newCopyRunOf(t, servers.MariaDB11, "g2/s")
	mustExec(t, c.sdb, "CREATE DATABASE d", latin, "INSERT INTO d.l (id, s) VALUES (1, 'é'), (2, 'ab')")
	c.wantFinding("WARNING target.generated d.l", "column len stays generated", "row images do not have")
	mustExec(t, c.sdb, "CREATE TABLE d.u (id INT PRIMARY KEY, s VARCHAR(20), len INT AS (LENGTH(s)) STORED UNIQUE) CHARSET latin1")
	c.wantFinding("ERROR target.create d.u", "column len is generated and in a unique key")
	mustExec(t, c.sdb, "DROP TABLE d.u")
	c.cfg.PlainGenerated = true
	c.wantFinding("ERROR target.create d.l", "generated_columns=PLAIN needs its values in row images")
	c.cfg.PlainGenerated = false
	mustExec(t, c.tdb, "CREATE DATABASE d", "CREATE TABLE d.l (id INT PRIMARY KEY, s VARCHAR(20), len INT, v INT, n BIGINT)")
	c.wantFinding("ERROR target.columns d.l", "leaves it out of row images")
	mustExec(t, c.tdb, "DROP TABLE d.l")
	c.start()
	until(t, c.r, "caught up", caughtUp)
	mustExec(t, c.sdb, "INSERT INTO d.l (id, s) VALUES (3, 'x')", "UPDATE d.l SET s='abc' WHERE id=1", "DELETE FROM d.l WHERE id=2")
	until(t, c.r, "the target has the rows", func(Status) bool { return c.target() == "1:3:3 3:1:1" })
	same(t, c.sdb, c.dst)
	c.stop()
	// Somebody makes it plain while the channel is stopped.
	mustExec(t, c.tdb, "ALTER TABLE d.l DROP COLUMN v", "ALTER TABLE d.l ADD COLUMN v INT")
	c.start()
	mustExec(t, c.sdb, "UPDATE d.l SET s='abcd' WHERE id=1")
	if e := c.ends(61290); !strings.Contains(e.Message, "column v of d.l") {
		t.Errorf("it ends with %s", e.Message)
	}
	mustExec(t, c.tdb, "ALTER TABLE d.l DROP COLUMN v", "ALTER TABLE d.l ADD COLUMN v INT AS (LENGTH(s)) VIRTUAL")
	c.start()
	until(t, c.r, "the target has the rows", func(Status) bool { return c.target() == "1:4:4 3:1:1" })
	same(t, c.sdb, c.dst)
	c.stop()
}
