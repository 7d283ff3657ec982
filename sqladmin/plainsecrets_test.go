package sqladmin

import (
	"errors"
	"strings"
	"testing"
)

var withSecret = []string{"repl:geheim@db1", "mysql://repl:geheim@db1:3306/shop", "jdbc:mysql://db1/shop?user=repl&password=geheim", "password=geheim",
	"Password: geheim", "pwd = geheim", `{"password": "geheim"}`, "passwd:=geheim", "the password 'geheim' is old", "IDENTIFIED BY 'geheim'", "identified by geheim",
	"IDENTIFIED WITH caching_sha2_password AS geheim", "IDENTIFIED WITH mysql_native_password BY 'geheim'", "PASSWORD('geheim')", "MYSQL_PWD=geheim", "mysql -h db1 -urepl -pgeheim shop", "mariadb-dump -pgeheim",
	"mysqldump --password geheim", "token=geheim", "api_key: geheim", "-----BEGIN RSA PRIVATE KEY-----\ngeheim", "see http://:geheim@proxy/", "x (repl:geheim@db1)", "secret => geheim", "so:geheim@db1"}

var withoutSecret = []string{"", "shop, for the web team", "rotates its password monthly", "ask ops: alice@example.com", "mailto:alice@example.com", "at 12:30 in room 5",
	"http://wiki.example.com:8080/page", "https://example.com/a@b", "O'Brien's: the shop", "secret santa", "tokens are counted", "runs -p and -q", "mysql 8 to TiDB", "the passport table", "a=b, c:d", "compass: north", "identified in Q3"}

func TestHoldsSecret(t *testing.T) {
	for _, text := range withSecret {
		if !holdsSecret(text) {
			t.Errorf("not seen: %s", text)
		}
	}
	for _, text := range withoutSecret {
		if holdsSecret(text) {
			t.Errorf("taken for a password: %s", text)
		}
	}
}

// TestPlainSecretsAreRefused has a password in each option that everybody can
// read: the statement is refused, and neither the error nor the text for the
// audit shows it.
func TestPlainSecretsAreRefused(t *testing.T) {
	for _, secret := range withSecret {
		q := quote(secret)
		for _, sql := range []string{
			"CREATE SOURCE s SOURCE_HOST=" + q, "CREATE SOURCE s SOURCE_HOST='h', SOURCE_USER=" + q, "ALTER SOURCE s SOURCE_HOST=" + q,
			"CREATE SOURCE s SOURCE_HOST='h', REPLICA_HOSTS=(" + q + ")", "CREATE SOURCE s SOURCE_HOST='h', SOURCE_SSL_CA=" + q,
			"CREATE SOURCE s SOURCE_HOST='h', SOURCE_SSL_CERT=" + q,
			"CREATE SOURCE " + quoteName(secret) + " SOURCE_HOST='h'", "CREATE SECRET " + quoteName(secret) + " FROM ENV 'X'",
			"CREATE TARGET t TARGET_HOSTS=" + q, "CREATE TARGET t TARGET_HOSTS=('h:4000', " + q + ")", "CREATE TARGET t TARGET_HOSTS='h:1', TARGET_USER=" + q,
			"CREATE MIGRATION m FROM SOURCE s COMMENT " + q, "ALTER MIGRATION m COMMENT=" + q, "CREATE MIGRATION " + quoteName(secret) + " FROM SOURCE s",
			"CHANGE REPLICATION SOURCE TO SOURCE_HOST=" + q + " FOR CHANNEL 'c'", "CHANGE REPLICATION SOURCE TO SOURCE_USER=" + q + " FOR CHANNEL 'c'",
		} {
			p, err := parse(sql, lexMode{})
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeBadOption && e.Code != CodeParse {
				t.Errorf("%s: %v", sql, err)
				continue
			}
			if strings.Contains(e.Error(), "geheim") || strings.Contains(p.redacted, "geheim") {
				t.Errorf("%s:\n%s\n%s", sql, e.Error(), p.redacted)
			}
		}
	}
	for _, text := range withoutSecret {
		if _, err := Parse("CREATE MIGRATION m FROM SOURCE s COMMENT " + quote(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestHosts(t *testing.T) {
	for host, ok := range map[string]bool{"db1": true, "db-1.example.com": true, "10.0.0.5": true, "::1": true, "[::1]": true, "fe80::1%eth0": true, "m\u00fcller.example": true, "under_score": true,
		"": false, "db1:3306": false, "a b": false, "a/b": false, "user@db1": false, "http://db1": false, "db1,db2": false, "db1;x": false, "a\nb": false} {
		if _, err := Parse("CREATE SOURCE s SOURCE_HOST=" + quote(host)); (err == nil) != ok {
			t.Errorf("%q: %v", host, err)
		}
	}
	for host, ok := range map[string]bool{"db1:4000": true, "db1": true, "[::1]:4000": true, "::1": true, "10.0.0.5:4000": true, "db1:": false, "db1:x": false, "a@db1:4000": false, "db1:4000/test": false} {
		if _, err := Parse("CREATE TARGET s TARGET_HOSTS=(" + quote(host) + ")"); (err == nil) != ok {
			t.Errorf("%q: %v", host, err)
		}
	}
}
