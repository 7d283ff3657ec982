package source_test

import (
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica/source"
)

// TestHiddenTables: tables that the account has no right on are not listed to it; the
// grants say so, and the remedy's GRANT works.
func TestHiddenTables(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		db := writer(t, s)
		exec(t, db, "CREATE DATABASE d_1", "CREATE TABLE d_1.t (id INT PRIMARY KEY)", "CREATE TABLE d_1.u (id INT PRIMARY KEY)", "CREATE DATABASE e",
			"CREATE ROLE r", "GRANT SELECT ON d_1.* TO r")
		all, whole, one := []source.Scope{{}}, []source.Scope{{Schema: "d_1"}}, []source.Scope{{Schema: "d_1", Table: "t"}}
		for name, x := range map[string]struct {
			grant    string
			reads    []source.Scope
			want     source.Severity
			repaired source.Severity // with the remedies
		}{
			"nothing":             {"", whole, source.Error, source.OK},
			"nothing, any schema": {"", all, source.Error, source.OK},
			"nothing, one table":  {"", one, source.Error, source.OK},
			"one table":           {"GRANT SELECT ON d_1.t TO ", whole, source.Error, source.OK},
			"columns":             {"GRANT SELECT (id) ON d_1.t TO ", one, source.Error, source.OK},
			"another right":       {"GRANT INSERT ON d_1.* TO ", whole, source.Error, source.OK},
			"the table":           {"GRANT SELECT ON d_1.t TO ", one, source.OK, source.OK},
			"the schema":          {"GRANT SELECT ON `d\\_1`.* TO ", whole, source.OK, source.OK},
			"a pattern":           {"GRANT ALL ON `d%`.* TO ", whole, source.OK, source.OK},
			"some schema":         {"GRANT SELECT ON `d\\_1`.* TO ", all, source.Warning, source.OK},
			"everything":          {"GRANT SELECT ON *.* TO ", all, source.OK, source.OK},
			"a role":              {"role", whole, source.OK, source.OK},
			"a role, not enough":  {"role", all, source.Warning, source.OK},
		} {
			t.Run(name, func(t *testing.T) {
				exec(t, db, "DROP USER IF EXISTS hid", "CREATE USER hid IDENTIFIED BY 'p'", "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO hid")
				switch {
				case x.grant == "role" && s.Kind == servers.MySQL:
					exec(t, db, "GRANT r TO hid", "SET DEFAULT ROLE r TO hid")
				case x.grant == "role":
					exec(t, db, "GRANT r TO hid", "SET DEFAULT ROLE r FOR hid")
				case x.grant != "":
					exec(t, db, x.grant+"hid")
				}
				worst := func() (source.Severity, []string) {
					t.Helper()
					cfg := config(s)
					cfg.User, cfg.Password = "hid", "p"
					src := open(t, cfg)
					defer src.Close()
					v, err := src.Survey(t.Context(), nil)
					if err != nil {
						t.Fatal(err)
					}
					is, grants := source.Severity(""), []string{}
					for _, f := range v.Findings(source.Need{Reads: x.reads, Wanted: func(schema, _ string) bool { return strings.HasPrefix(schema, "d") }}) {
						if f.ID != "source.right_select" {
							continue
						}
						if is == "" || f.Severity == source.Error || is == source.OK {
							is = f.Severity
						}
						if f.RemedySQL != "" {
							grants = append(grants, f.RemedySQL)
						}
					}
					return is, grants
				}
				is, grants := worst()
				if is != x.want {
					t.Fatalf("%s (%v), want %s", is, grants, x.want)
				}
				exec(t, db, grants...)
				if is, left := worst(); is != x.repaired {
					t.Errorf("after the remedies: %s (%v)", is, left)
				}
			})
		}
		if s.Kind == servers.MySQL {
			exec(t, db, "SET GLOBAL partial_revokes = ON", "DROP USER IF EXISTS hid", "CREATE USER hid IDENTIFIED BY 'p'",
				"GRANT SELECT ON *.* TO hid", "REVOKE SELECT ON d_1.* FROM hid")
			cfg := config(s)
			cfg.User, cfg.Password = "hid", "p"
			v, err := open(t, cfg).Survey(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range v.Findings(source.Need{Reads: whole}) {
				if f.ID == "source.right_select" && f.Severity != source.Error {
					t.Errorf("a revoked schema: %+v", f)
				}
			}
		}
	})
}
