package sqladmin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	tests := []struct{ sql, want string }{
		{"CREATE SECRET pw PASSWORD 'hunter2'", "CREATE SECRET pw PASSWORD '<secret>'"},
		{"create  secret if not exists pw as \"hunter2\"", "create  secret if not exists pw as '<secret>'"},
		{"ALTER SECRET pw PASSWORD hunter2", "ALTER SECRET pw PASSWORD '<secret>'"},
		{"CREATE SECRET pw 'hunter2' 'hunter2'", "CREATE SECRET pw '<secret>' '<secret>'"},
		{"CREATE SECRET pw PASSWORD 'a' -- hunter2", "CREATE SECRET pw PASSWORD '<secret>'"},
		{"CREATE /* hunter2 */ SECRET pw PASSWORD 'a'", "CREATE SECRET pw PASSWORD '<secret>'"},
		{"CREATE SECRET pw FROM FILE '/run/pw'", "CREATE SECRET pw FROM FILE '/run/pw'"},
		{"CREATE SOURCE s SOURCE_HOST='h', SOURCE_PASSWORD='hunter2', SOURCE_USER='u'", "CREATE SOURCE s SOURCE_HOST='h', SOURCE_PASSWORD='<secret>', SOURCE_USER='u'"},
		{"CREATE SOURCE s SOURCE_PASSWORD = SECRET pw, SOURCE_SSL_KEY='hunter2'", "CREATE SOURCE s SOURCE_PASSWORD = SECRET pw, SOURCE_SSL_KEY='<secret>'"},
		{"CREATE SOURCE s SOURCE_PASWORD='hunter2'", "CREATE SOURCE s SOURCE_PASWORD='<secret>'"},
		{"CREATE SOURCE s SOURCE_PASSWORD=hunter2", "CREATE SOURCE s SOURCE_PASSWORD='<secret>'"},
		{"CREATE SOURCE s 'hunter2'", "CREATE SOURCE s '<secret>'"},
		{"ALTER TARGET t TARGET_HOSTS=('a:1','b:2'), TARGET_PASSWORD='hunter2'", "ALTER TARGET t TARGET_HOSTS=('a:1','b:2'), TARGET_PASSWORD='<secret>'"},
		{"CHANGE REPLICATION SOURCE TO SOURCE_HOST='h', SOURCE_PASSWORD='hunter2' FOR CHANNEL 'c'", "CHANGE REPLICATION SOURCE TO SOURCE_HOST='h', SOURCE_PASSWORD='<secret>' FOR CHANNEL 'c'"},
		{"CHANGE MASTER TO MASTER_PASSWORD='hunter2'", "CHANGE MASTER TO MASTER_PASSWORD='<secret>'"},
		{"CREATE USER 'u'@'%' IDENTIFIED BY 'hunter2'", "CREATE USER '<secret>'@'<secret>' IDENTIFIED BY '<secret>'"},
		{"SET PASSWORD = 'hunter2'", "SET PASSWORD = '<secret>'"},
		{"SET @p = 'hunter2'", "SET @p = '<secret>'"},
		{"SET NAMES 'utf8mb4'", "SET NAMES 'utf8mb4'"},
		{"EXPLAIN FORMAT=JSON CREATE SECRET x PASSWORD 'hunter2'", "EXPLAIN FORMAT=JSON CREATE SECRET x PASSWORD '<secret>'"},
		{"SELECT * FROM sources WHERE source_password = 'hunter2' AND name = 'x'", "SELECT * FROM sources WHERE source_password = '<secret>' AND name = 'x'"},
		{"SELECT 1; CREATE SECRET x PASSWORD 'hunter2'", "SELECT 1; CREATE SECRET x PASSWORD '<secret>'"},
		{"CRAETE SECRET x 'hunter2'", "CRAETE SECRET x '<secret>'"},
		{"PREPARE p FROM 'CREATE SECRET x PASSWORD ''hunter2'''", "PREPARE p FROM '<secret>'"},
		{"CREATE SECRET x PASSWORD 'hunter2", "CREATE SECRET .. (33 bytes that do not lex)"},
		{"hunter2 'x", ".. (10 bytes that do not lex)"},
		{"START MIGRATION m UNTIL SQL_AFTER_GTIDS='a:1'", "START MIGRATION m UNTIL SQL_AFTER_GTIDS='a:1'"},
	}
	for _, tt := range tests {
		if got := Redact(tt.sql); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.sql, got, tt.want)
		}
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	for _, sql := range []string{
		"CREATE SECRET pw PASSWRD 'hunter2'", "CREATE SECRET pw PASSWORD hunter2", "CREATE SECRET pw PASSWORD 'a' 'hunter2'",
		"CREATE SOURCE s SOURCE_PASSWORD='hunter2' oops", "CREATE SOURCE s SOURCE_PASWORD='hunter2'", "CREATE SOURCE s SOURCE_PASSWORD=hunter2",
		"CRAETE SECRET pw PASSWORD 'hunter2'", "CREATE SECRET pw PASSWORD 'hunter2'; SELECT 1", "CHANGE MASTER TO MASTER_PASSWORD='hunter2' oops",
		"CREATE TARGET t TARGET_PASSWORD='hunter2'", "SET PASSWORD = 'hunter2'", "SET @x = 'hunter2' oops", "CREATE SECRET pw PASSWORD 'hunter2",
		"CREATE USER u IDENTIFIED BY 'hunter2'", "SELECT * FROM x WHERE password = 'hunter2' oops oops",
	} {
		_, err := Parse(sql)
		if err == nil {
			t.Errorf("%s: no error", sql)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	for _, sql := range []string{"CREATE SECRET x PASSWORD 'hunter2'", "CREATE SOURCE s SOURCE_HOST='h', SOURCE_PASSWORD='hunter2', SOURCE_SSL_KEY='hunter2'"} {
		stmt, err := Parse(sql)
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{fmt.Sprintf("%v %+v %#v", stmt, stmt, stmt)}
		if b, err := json.Marshal(stmt); err == nil {
			texts = append(texts, string(b))
		}
		switch s := stmt.(type) {
		case *CreateSecret:
			texts = append(texts, fmt.Sprintf("%v %+v %#v", s.Value, s.Value, s.Value))
			if s.Value.Reveal() != "hunter2" {
				t.Error("the literal is lost")
			}
		case *CreateSource:
			texts = append(texts, s.SQL(), fmt.Sprintf("%v %+v %#v", s.Options.Password, *s.Options.Password, s.Options.Password))
			if s.Options.Password.Reveal() != "hunter2" {
				t.Error("the literal is lost")
			}
		}
		for _, text := range texts {
			if strings.Contains(text, "hunter2") {
				t.Errorf("%s prints as %s", sql, text)
			}
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("", byte(0))
	f.Add("it's \\ \" ` ;--#/*\x00", byte(3))
	f.Add("日本", byte(5))
	templates := []string{
		"CREATE SECRET x PASSWORD %s", "create secret x identified by %s;", "ALTER SECRET `x` AS %s -- c", "CREATE SOURCE s SOURCE_HOST='h', SOURCE_PASSWORD=%s, SOURCE_USER='u'",
		"CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD = %s FOR CHANNEL 'c'", "ALTER TARGET t TARGET_PASSWORD=%s", "CREATE SORCE s PW %s", "SET PASSWORD = %s",
		"CREATE USER u IDENTIFIED BY %s", "EXPLAIN CREATE SECRET x PASSWORD %s", "SELECT 1; CREATE SECRET x PASSWORD %s", "bogus %s", "SET @a = %s", "/*!40000 CREATE SECRET x PASSWORD %s */",
	}
	f.Fuzz(func(t *testing.T, filler string, which byte) {
		secret := "s3cr3t" + filler + "m4rk"
		sql := fmt.Sprintf(templates[int(which)%len(templates)], quote(secret))
		p, err := parse(sql, lexMode{})
		texts := []string{Redact(sql), p.redacted}
		if err != nil {
			texts = append(texts, err.Error())
		}
		for _, text := range texts {
			if strings.Contains(text, "s3cr3t") || strings.Contains(text, "m4rk") {
				t.Errorf("%q shows in %q", sql, text)
			}
		}
		// Whatever the text, and cut anywhere, nothing panics and no literal
		// of a secret's statement shows.
		for i := range sql {
			if got := Redact(sql[:i]); strings.Contains(got, "s3cr3t") {
				t.Errorf("%q shows in %q", sql[:i], got)
			}
		}
		Redact(filler)
	})
}
