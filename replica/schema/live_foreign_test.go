package schema

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

// indexes lists the indexes of a definition: kind, name and parts. Expressions,
// which servers print in their own way, are left out.
func indexes(d *definition) string {
	var out []string
	for _, k := range d.keys {
		s := keyWords[k.kind] + " " + k.name
		for _, p := range k.parts {
			s += fmt.Sprintf(" %s(%d)%v", strings.ToLower(p.column), p.prefix, p.desc)
		}
		if k.invisible {
			s += " invisible"
		}
		out = append(out, s)
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

// drawnHistory makes statements on tables c and c2 whose foreign keys refer to
// table p; a source refuses some of them.
type drawnHistory struct {
	r *rand.Rand
	n int
}

func (h *drawnHistory) pick(options ...string) string { return options[h.r.IntN(len(options))] }

func (h *drawnHistory) name() string { return h.pick("a", "b", "a_2", "k1", "k2", "f1", "b_2") }

func (h *drawnHistory) parts() string {
	var parts []string
	for _, i := range h.r.Perm(4)[:1+h.r.IntN(3)] {
		p := []string{"a", "b", "s", "id"}[i]
		switch {
		case p == "s" && h.r.IntN(3) == 0:
			p += h.pick("(5)", "(20)")
		case h.r.IntN(8) == 0:
			p += " DESC"
		}
		parts = append(parts, p)
	}
	return "(" + strings.Join(parts, ",") + ")"
}

// foreign returns a foreign key; constraint names are unique in a schema.
func (h *drawnHistory) foreign() string {
	h.n++
	s := h.pick("", "", fmt.Sprintf("CONSTRAINT f%d ", h.n), "CONSTRAINT ") + "FOREIGN KEY " + h.pick("", "", h.name()+" ")
	columns := h.pick("a", "b", "s", "a,b", "b,a")
	to := strings.NewReplacer("a", "pa", "b", "pb", "s", "ps").Replace(columns)
	return s + "(" + columns + ") REFERENCES p (" + to + ")" + h.pick("", " ON DELETE CASCADE")
}

func (h *drawnHistory) key() string {
	return h.pick("KEY ", "KEY "+h.name()+" ", "KEY "+h.name()+" ", "UNIQUE KEY "+h.name()+" ", "UNIQUE ", "INDEX ") + h.parts()
}

func (h *drawnHistory) create(table string) string {
	items := []string{"id INT NOT NULL", "a INT", "b INT", "s VARCHAR(20)"}
	if h.r.IntN(6) == 0 {
		items[1] = "a INT REFERENCES p (pa)"
	}
	for range h.r.IntN(4) {
		items = append(items, h.pick(h.foreign(), h.key()))
	}
	if h.r.IntN(2) == 0 {
		items = append(items, "PRIMARY KEY "+h.pick("(id)", "(a,id)", "(b,a)"))
	}
	return "CREATE TABLE " + table + " (" + strings.Join(items, ", ") + ") ENGINE=InnoDB DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_bin"
}

func (h *drawnHistory) action(table string) string {
	switch h.r.IntN(16) {
	case 0, 1, 2, 3:
		return "ADD " + h.key()
	case 4, 5, 6:
		return "ADD " + h.foreign()
	case 7, 8:
		return "DROP INDEX " + h.pick(h.name(), fmt.Sprintf("f%d", 1+h.r.IntN(h.n+1)))
	case 9, 10:
		return "DROP FOREIGN KEY " + h.pick(fmt.Sprintf("f%d", 1+h.r.IntN(h.n+1)), table+"_ibfk_1", table+"_ibfk_2")
	case 11:
		return "RENAME INDEX " + h.pick(h.name(), fmt.Sprintf("f%d", 1+h.r.IntN(h.n+1))) + " TO " + h.name()
	case 12:
		return "CHANGE " + h.pick("a a INT COMMENT 'x'", "s s VARCHAR(30) COLLATE utf8mb4_bin", "b b INT COMMENT 'y'")
	case 13:
		return "ADD x INT, DROP x"
	case 14:
		return h.pick("COMMENT 'c'", "DROP PRIMARY KEY", "DROP COLUMN a", "ADD COLUMN a INT")
	}
	return h.pick("DROP COLUMN b", "ADD COLUMN b INT", "DROP PRIMARY KEY, DROP COLUMN id, ADD PRIMARY KEY (a, b)", "ADD COLUMN id INT NOT NULL DEFAULT 0")
}

func (h *drawnHistory) next() string {
	table := h.pick("c", "c", "c", "c2")
	switch h.r.IntN(14) {
	case 0:
		return "DROP TABLE IF EXISTS " + table
	case 1, 2:
		return h.create(table)
	case 3:
		return h.pick("CREATE TABLE c2 LIKE c", "RENAME TABLE c TO c3, c3 TO c", "RENAME TABLE c2 TO c")
	case 4:
		return h.pick("CREATE INDEX "+h.name()+" ON "+table+h.parts(), "DROP INDEX "+h.name()+" ON "+table)
	case 5, 6:
		return "ALTER TABLE " + table + " " + h.action(table) + ", " + h.action(table)
	}
	return "ALTER TABLE " + table + " " + h.action(table)
}

// askSource is the Source of a test: it reads the definitions that a server has.
type askSource struct {
	l     *live
	asked int
}

func (s *askSource) ShowCreate(schema, table string) (string, error) {
	s.asked++
	var name, create string
	err := s.l.source.QueryRowContext(s.l.t.Context(), "SHOW CREATE TABLE "+replica.QuoteTable(schema, table)).Scan(&name, &create)
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && refused.Number == 1146 {
		return "", nil
	}
	return create, err
}

func (s *askSource) ShowCreateThen(schema, table string) (string, error) {
	return s.ShowCreate(schema, table)
}

func (s *askSource) Kind(schema, name string) (ObjectKind, error) {
	var kind ObjectKind
	err := s.l.source.QueryRowContext(s.l.t.Context(), "SELECT table_type FROM information_schema.tables WHERE table_schema=? AND table_name=?", schema, name).Scan(&kind)
	if errors.Is(err, sql.ErrNoRows) {
		return None, nil
	}
	return kind, err
}

// compareIndexes compares every index that the tracker knows with the source's.
func (l *live) compareIndexes(history []string) {
	l.t.Helper()
	for _, table := range l.tracker.Tables() {
		known, err := parseDefinition(table.Create, Defaults{})
		l.must(err)
		printed := l.show(l.source, table.Schema, table.Name)
		shown, err := parseDefinition(printed, Defaults{})
		l.must(err)
		if a, b := indexes(shown), indexes(known); a != b {
			l.t.Fatalf("after\n%s\nthe source has %s\nknown are       %s\n%s", strings.Join(history, ";\n"), a, b, printed)
		}
		roundTrip(l.t, table)
	}
}

func (l *live) prepareParent() {
	l.t.Helper()
	const parent = "CREATE TABLE p (id INT PRIMARY KEY, pa INT, pb INT, ps VARCHAR(20), UNIQUE (pa), UNIQUE (pb), UNIQUE (ps), UNIQUE ab (pa, pb), UNIQUE ba (pb, pa)) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_bin"
	l.must(exec(l.t.Context(), l.source, parent))
}

// TestForeignKeyIndexes compares the indexes that the Tracker knows with those
// of real servers, over random histories with foreign keys and keys.
func TestForeignKeyIndexes(t *testing.T) {
	target := servers.ForTest(t, servers.TiDB)
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB, servers.MariaDB11} {
		t.Run(string(kind), func(t *testing.T) {
			source := servers.ForTest(t, kind)
			accepted, asked := 0, 0
			for seed := range uint64(48) {
				n, m := followDrawn(t, source, target, seed, seed%2 == 1, seed%4 < 2)
				accepted, asked = accepted+n, asked+m
			}
			t.Logf("%d statements were accepted, the source was asked %d times", accepted, asked)
			if accepted < 300 || asked == 0 {
				t.Error("the test tests too little")
			}
		})
	}
}

// TestForeignKeyIndexesAfterRestart: a source remembers over a restart which
// indexes it made for foreign keys, also where the foreign key is gone.
func TestForeignKeyIndexesAfterRestart(t *testing.T) {
	target := servers.ForTest(t, servers.TiDB)
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB, servers.MariaDB11} {
		t.Run(string(kind), func(t *testing.T) {
			source := servers.ForTest(t, kind)
			l := newLive(t, source, target)
			l.prepareParent()
			var history []string
			follow := func(stmts ...string) {
				for _, stmt := range stmts {
					history = append(history, stmt)
					l.must(exec(t.Context(), l.source, stmt))
					if _, err := l.tracker.Apply(replica.DDL{Schema: "live", Text: stmt}); err != nil {
						t.Fatalf("%s: %v", stmt, err)
					}
					l.compareIndexes(history)
				}
			}
			const columns = " (a INT, b INT, CONSTRAINT %s FOREIGN KEY (a) REFERENCES p (pa)) DEFAULT CHARSET utf8mb4"
			follow("CREATE TABLE kept"+strings.Replace(columns, "%s", "fk1", 1), "CREATE TABLE loose"+strings.Replace(columns, "%s", "fk2", 1), "ALTER TABLE loose DROP FOREIGN KEY fk2")
			l.close()
			l.must(source.Restart(t.Context()))
			l.source, l.target = conn(t, source), conn(t, target)
			l.must(exec(t.Context(), l.source, "USE live"))
			follow("ALTER TABLE kept ADD KEY k (a, b)", "ALTER TABLE loose ADD KEY k (a, b)")
			d, err := parseDefinition(l.show(l.source, "live", "loose"), Defaults{})
			l.must(err)
			if len(d.keys) != 1 {
				t.Errorf("the source kept %s", indexes(d))
			}
		})
	}
}

// followDrawn follows one history; with reload, the tracker loads the tables in
// the middle from what the source shows, as a copy does. With toTarget, TiDB
// follows too.
func followDrawn(t *testing.T, source, target *servers.Server, seed uint64, reload, toTarget bool) (accepted, asked int) {
	t.Helper()
	l := newLive(t, source, target)
	defer l.close()
	l.prepareParent()
	h := &drawnHistory{r: rand.New(rand.NewPCG(seed, 1))}
	history := []string{h.create("c")}
	if exec(t.Context(), l.source, history[0]) != nil {
		history[0] = "CREATE TABLE c (id INT, a INT, b INT, s VARCHAR(20) COLLATE utf8mb4_bin, CONSTRAINT f0 FOREIGN KEY (a) REFERENCES p (pa)) ENGINE=InnoDB"
		l.must(exec(t.Context(), l.source, history[0]))
	}
	ask := &askSource{l: l}
	apply := func(stmt string) {
		changes, err := l.tracker.ApplyAt(replica.DDL{Schema: "live", Text: stmt}, ask)
		if err != nil {
			t.Fatalf("seed %d: after\n%s\n%v", seed, strings.Join(history, ";\n"), err)
		}
		l.compareIndexes(history)
		if toTarget {
			l.applyToTarget(changes, history)
		}
	}
	apply(history[0])
	for i := range 16 {
		stmt := h.next()
		if exec(t.Context(), l.source, stmt) != nil {
			continue
		}
		accepted++
		history = append(history, stmt)
		apply(stmt)
		if reload && i == 5 {
			history = append(history, "-- reload")
			for _, table := range l.tracker.Tables() {
				_, err := l.tracker.Load(table.Schema, l.show(l.source, table.Schema, table.Name))
				l.must(err)
			}
		}
	}
	if !reload && ask.asked > 0 {
		t.Errorf("seed %d: the source was asked %d times about tables that the tracker saw being made", seed, ask.asked)
	}
	return accepted, ask.asked
}

// applyToTarget executes the translation of changes at TiDB and compares the
// indexes there with the source's, until TiDB refuses a statement. It cannot
// change the primary key of most tables.
func (l *live) applyToTarget(changes []Change, history []string) {
	l.t.Helper()
	for _, c := range changes {
		to, err := TargetDDL(c, l.rules)
		l.must(err)
		for _, s := range to.Statements {
			if l.behind {
				return
			}
			err := exec(l.t.Context(), l.target, s)
			if err != nil && !strings.Contains(s, "PRIMARY KEY") && !strings.Contains(s, "DROP COLUMN") {
				l.t.Fatalf("after\n%s\n%v", strings.Join(history, ";\n"), err)
			}
			l.behind = err != nil
		}
	}
	for _, table := range l.tracker.Tables() {
		if l.behind {
			return
		}
		have, err := parseDefinition(l.show(l.target, "live_target", table.Name), Defaults{})
		l.must(err)
		want, err := parseDefinition(l.show(l.source, table.Schema, table.Name), Defaults{})
		l.must(err)
		for _, k := range want.keys {
			for i := range k.parts {
				k.parts[i].desc = false // TiDB has no descending indexes
			}
		}
		if a, b := indexes(want), indexes(have); a != b {
			l.t.Fatalf("after\n%s\nthe source has %s\nthe target has %s", strings.Join(history, ";\n"), a, b)
		}
	}
}

func (l *live) close() {
	for _, c := range []*sql.Conn{l.source, l.target} {
		if err := c.Close(); err != nil {
			l.t.Error(err)
		}
	}
}
