package source_test

import (
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica/source"
)

// The statements that turn GTIDs on work as they stand, from each mode: MySQL takes no
// step of two at once.
func TestGTIDStepsWork(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL, "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
	db := writer(t, s)
	exec(t, db, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)")
	for _, back := range [][]string{{}, {"ON_PERMISSIVE"}, {"ON_PERMISSIVE", "OFF_PERMISSIVE"}, {"ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF"}} {
		for _, mode := range back {
			exec(t, db, "SET GLOBAL gtid_mode = "+mode)
		}
		src := open(t, config(s))
		f := check(t, src, nil)["gtid_mode s1"]
		if f.Severity != source.Warning || f.RemedySQL == "" {
			t.Fatalf("after %v the finding is %+v", back, f)
		}
		for stmt := range strings.SplitSeq(f.RemedySQL, "; ") {
			exec(t, db, stmt)
		}
		src.Close()
		if f, still := check(t, open(t, config(s)), nil)["gtid_mode s1"]; still {
			t.Errorf("after %v and the remedy the finding is still %+v", back, f)
		}
	}
}

// A copy of tables without a key needs a lock on MySQL: the right is asked for before
// the start, and only where rows are copied.
func TestLockRights(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL)
	db := writer(t, s)
	exec(t, db, "CREATE DATABASE my_shop", "CREATE TABLE my_shop.log (a INT)", "CREATE TABLE my_shop.keyed (id INT PRIMARY KEY)",
		"CREATE DATABASE myxshop", "CREATE TABLE myxshop.log (a INT)", "SET GLOBAL binlog_row_metadata = 'FULL'",
		"CREATE USER locker IDENTIFIED BY 'p'", "GRANT REPLICATION SLAVE, REPLICATION CLIENT, XA_RECOVER_ADMIN ON *.* TO locker",
		"GRANT SELECT ON my_shop.log TO locker", "GRANT SELECT ON my_shop.keyed TO locker", "GRANT SELECT ON myxshop.* TO locker")
	cfg := config(s)
	cfg.User, cfg.Password = "locker", "p"
	src := open(t, cfg)
	found := check(t, src, nil)
	for _, name := range []string{"right_lock_tables my_shop.log", "right_lock_tables myxshop.log"} {
		if f := found[name]; f.Severity != source.Error || f.RemedySQL == "" {
			t.Errorf("%s: %+v, want an error; there are %v", name, f, keys(found))
		}
	}
	if f, ok := found["right_lock_tables my_shop.keyed"]; ok {
		t.Errorf("a table with a key needs no lock: %+v", f)
	}
	v, err := src.Survey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Findings(source.Need{}) {
		if f.ID == "source.right_lock_tables" && f.Severity != source.OK || f.ID == "source.no_key" && (f.RemedySQL != "" || f.Severity != source.Warning) {
			t.Errorf("a channel that copies nothing has the finding %+v", f)
		}
	}
	if wanted := v.Findings(source.Need{Copies: true, Wanted: func(_, table string) bool { return table == "keyed" }}); len(wanted) == 0 {
		t.Error("no findings")
	} else {
		for _, f := range wanted {
			if f.ID == "source.no_key" && f.Severity != source.OK || strings.Contains(f.Object, "log") {
				t.Errorf("a channel without keyless tables has the finding %+v", f)
			}
		}
	}
	exec(t, db, found["right_lock_tables my_shop.log"].RemedySQL)
	found = check(t, open(t, cfg), nil)
	if f, ok := found["right_lock_tables my_shop.log"]; ok {
		t.Errorf("still there after its remedy: %+v", f)
	}
	if _, ok := found["right_lock_tables myxshop.log"]; !ok {
		t.Error("the remedy for my_shop granted the right on myxshop, too")
	}
}

// Without GTIDs a copy needs a lock to know where it begins.
func TestReloadRight(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL, "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
	db := writer(t, s)
	exec(t, db, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "CREATE USER r IDENTIFIED BY 'p'",
		"GRANT REPLICATION SLAVE, REPLICATION CLIENT, XA_RECOVER_ADMIN ON *.* TO r", "GRANT SELECT ON d.* TO r")
	cfg := config(s)
	cfg.User, cfg.Password = "r", "p"
	for _, grant := range []string{"GRANT LOCK TABLES ON d.* TO r", "GRANT FLUSH_TABLES ON *.* TO r", ""} {
		f := check(t, open(t, cfg), nil)["right_reload d"]
		if f.Severity != source.Error || f.RemedySQL == "" {
			t.Fatalf("without a right to lock: %+v", f)
		}
		revoke := strings.NewReplacer("GRANT", "REVOKE", " TO ", " FROM ").Replace
		if grant == "" {
			grant = f.RemedySQL
		}
		exec(t, db, grant)
		if f, ok := check(t, open(t, cfg), nil)["right_reload d"]; ok {
			t.Errorf("after %s: %+v", grant, f)
		}
		exec(t, db, revoke(grant))
	}
}
