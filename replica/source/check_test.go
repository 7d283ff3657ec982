package source_test

import (
	"strings"
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica/source"
)

// check returns the findings that are not OK as "id object severity".
func check(t *testing.T, src *source.Source, wanted func(schema, table string) bool) map[string]source.Finding {
	t.Helper()
	findings, err := src.Check(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]source.Finding{}
	for _, f := range findings {
		if f.Finding == "" || f.ID == "" || f.Object == "" {
			t.Errorf("incomplete finding %+v", f)
		}
		if f.Severity == source.OK {
			continue
		}
		if f.Remedy == "" {
			t.Errorf("no remedy in %+v", f)
		}
		if f.ID == "source.encryption" {
			continue // MariaDB has no certificate here; TestCheckEncryption looks at it
		}
		m[strings.TrimPrefix(f.ID, "source.")+" "+f.Object] = f
	}
	return m
}

func wantFinding(t *testing.T, found map[string]source.Finding, name string, severity source.Severity) {
	t.Helper()
	if f, ok := found[name]; !ok || f.Severity != severity {
		t.Errorf("finding %q: %+v, want %s; there are %v", name, f, severity, keys(found))
	}
	delete(found, name)
}

func keys(m map[string]source.Finding) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

// TestCheckFindsNothing on a server that is set up well.
func TestCheckFindsNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		db := writer(t, s)
		exec(t, db, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, t TIMESTAMP DEFAULT CURRENT_TIMESTAMP)", "SET GLOBAL binlog_row_metadata = 'FULL'")
		if found := check(t, open(t, config(s)), nil); len(found) > 0 {
			t.Errorf("findings %+v", found)
		}
	})
}

// TestCheckServerSettings sets everything wrongly.
func TestCheckServerSettings(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		db := writer(t, s)
		src := open(t, config(s))
		exec(t, db, "SET GLOBAL binlog_format = 'MIXED'", "SET GLOBAL binlog_row_image = 'MINIMAL'", "SET GLOBAL binlog_row_metadata = 'MINIMAL'")
		cfg := src.Config()
		cfg.ServerID = src.Facts().ServerID
		if s.Kind == servers.MySQL {
			exec(t, db, "SET GLOBAL binlog_row_value_options = 'PARTIAL_JSON'", "SET GLOBAL gtid_mode = ON_PERMISSIVE",
				"SET GLOBAL binlog_expire_logs_seconds = 600")
		}
		found := check(t, open(t, cfg), nil)
		wantFinding(t, found, "binlog_format s1", source.Error)
		wantFinding(t, found, "binlog_row_image s1", source.Error)
		wantFinding(t, found, "binlog_row_metadata s1", source.Info)
		wantFinding(t, found, "server_id s1", source.Error)
		if s.Kind == servers.MySQL {
			wantFinding(t, found, "binlog_row_value_options s1", source.Error)
			wantFinding(t, found, "gtid_mode s1", source.Warning)
			wantFinding(t, found, "binlog_expiry s1", source.Warning)
		}
		if len(found) > 0 {
			t.Errorf("further findings %+v", found)
		}
	})
}

// TestCheckRemedies: the SQL of a finding makes it go away.
func TestCheckRemedies(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		db := writer(t, s)
		exec(t, db, "SET GLOBAL binlog_row_image = 'MINIMAL'", "SET GLOBAL binlog_row_metadata = 'MINIMAL'",
			"CREATE DATABASE d", "CREATE TABLE d.`t 1` (a INT)", "CREATE TABLE d.m (a INT PRIMARY KEY) ENGINE=MyISAM",
			"CREATE USER `u x` IDENTIFIED BY 'p'", "GRANT SELECT (a) ON d.m TO `u x`", "GRANT INSERT ON d.`t 1` TO `u x`", "GRANT INSERT ON d.m TO `u x`")
		cfg := config(s)
		cfg.User, cfg.Password = "u x", "p"
		src := open(t, cfg)
		found := check(t, src, nil)
		for _, name := range []string{"right_replication_client s1", "right_replication_slave s1", "right_select d.t 1", "engine d.m", "no_key d.t 1", "binlog_row_image s1"} {
			if f, ok := found[name]; !ok || f.RemedySQL == "" {
				t.Errorf("finding %q: %+v; there are %v", name, f, keys(found))
			}
		}
		for _, f := range found {
			if f.RemedySQL == "" {
				t.Errorf("no SQL in %+v", f)
				continue
			}
			exec(t, db, f.RemedySQL)
		}
		src.Close() // global rights are those of a session's start
		if left := check(t, open(t, cfg), nil); len(left) > 0 {
			t.Errorf("left after the remedies: %+v", left)
		}
	})
}

// TestCheckTables: what cannot be carried is an error of the wanted tables
// alone.
func TestCheckTables(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		db := writer(t, s)
		exec(t, db, "CREATE DATABASE d", "CREATE DATABASE other", "SET GLOBAL binlog_row_metadata = 'FULL'",
			"CREATE TABLE d.p (id INT PRIMARY KEY)", "CREATE TABLE d.c (id INT PRIMARY KEY, p INT, CONSTRAINT fk FOREIGN KEY (p) REFERENCES d.p (id) ON DELETE CASCADE)",
			"CREATE TABLE d.ok (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES d.p (id))",
			"CREATE TABLE d.geo (id INT PRIMARY KEY, pt POINT)", "CREATE TABLE other.geo (pt POINT)",
			"CREATE TABLE d.uk (a INT NOT NULL, b VARCHAR(300) NOT NULL, UNIQUE (a), UNIQUE (b(10)))",
			"CREATE TABLE d.nouk (a INT, b VARCHAR(300) NOT NULL, UNIQUE (a), UNIQUE (b(10)))")
		if s.Kind != servers.MySQL {
			exec(t, db, "CREATE TABLE d.u (id UUID PRIMARY KEY, i INET6)", "CREATE TABLE d.z (id INT PRIMARY KEY, v TEXT COMPRESSED)",
				"CREATE TABLE d.h (id INT PRIMARY KEY) WITH SYSTEM VERSIONING")
		}
		src := open(t, config(s))
		found := check(t, src, func(schema, _ string) bool { return schema == "d" })
		wantFinding(t, found, "column_type d.geo.pt", source.Warning)
		wantFinding(t, found, "no_key d.nouk", source.Warning)
		if src.Facts().NativeForeignKeys {
			wantFinding(t, found, "foreign_key_action d.c", source.Error)
		} else if s.Kind != servers.MySQL {
			t.Error("MariaDB carries out cascades by itself")
		}
		if s.Kind != servers.MySQL {
			wantFinding(t, found, "column_type d.u.id", source.Error)
			wantFinding(t, found, "column_type d.u.i", source.Error)
			wantFinding(t, found, "column_type d.z.v", source.Error)
			wantFinding(t, found, "system_versioned d.h", source.Warning)
		}
		if len(found) > 0 {
			t.Errorf("further findings %+v", found)
		}
	})
}

// TestCheckBinlogFilter: a schema that never reaches the binlog is an error.
func TestCheckBinlogFilter(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		exec(t, writer(t, s), "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "CREATE DATABASE e", "CREATE TABLE e.t (id INT PRIMARY KEY)",
			"SET GLOBAL binlog_row_metadata = 'FULL'")
		found := check(t, open(t, config(s)), nil)
		wantFinding(t, found, "binlog_filter d", source.Error)
		if len(found) > 0 {
			t.Errorf("further findings %+v", found)
		}
	}, "--binlog-ignore-db=d")
}
