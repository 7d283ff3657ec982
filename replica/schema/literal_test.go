package schema

import (
	"errors"
	"testing"

	"sluice/replica"
	"sluice/ruleset"
)

// TestLiteralCharsets: literals are what MySQL 9.7 and MariaDB 10.11 make of
// them on their way through character_set_connection. 8 is latin1, 11 ascii, 28
// gbk, 7 koi8r, 33 utf8mb3, 45 utf8mb4, 63 binary.
func TestLiteralCharsets(t *testing.T) {
	const refused = "refused"
	for _, c := range []struct {
		client, connection uint16
		column, want       string
	}{
		{45, 45, "varchar(9) default '日é'", "'日é'"},
		{45, 0, "varchar(9) default '日é'", "'日é'"},
		{45, 8, "varchar(9) default '日é'", "'?é'"},
		{45, 8, "varchar(9) default N'日'", "'日'"},
		{45, 8, "varchar(9) default n'日'", "'日'"},
		{45, 8, "varchar(9) default _utf8mb4'日'", "_utf8mb4 '日'"},
		{45, 8, "varchar(9) default _latin1'é'", "_utf8mb4 'Ã©'"},
		{45, 11, "varchar(9) default 'é日x'", "'??x'"},
		{45, 33, "varchar(9) default 'é日😀x'", "'é日?x'"},
		{45, 28, "varchar(9) default '张'", "'张'"},
		{45, 28, "varchar(9) default '张€'", refused},
		{45, 7, "varchar(9) default 'я'", "'я'"},
		{45, 7, "varchar(9) default 'é'", refused},
		{45, 22, "varchar(9) default 'ў'", refused}, // koi8u, in which the servers do not have it
		{63, 8, "varchar(9) default '\xc3\xa9'", "'Ã©'"},
		{63, 8, "varchar(9) default '\xe9'", "'é'"},
		{63, 28, "varchar(9) default '\xd5\xc5'", "'张'"},
		{63, 28, "varchar(9) default 'a\xd5'", refused},
		{63, 63, "varchar(9) default 'é'", "'é'"},
		{63, 63, "varchar(9) character set latin1 default 'é'", refused},
		{63, 63, "varbinary(9) default 'é'", "'é'"},
		{8, 8, "varchar(9) default '\xe9\x81'", "'é\u0081'"},
		{8, 8, "varchar(9) default _latin1'\xe9\x81'", "_utf8mb4 'é\u0081'"},
		{8, 8, "varchar(9) default _utf8mb4'\xc3\xa9'", "_utf8mb4 'é'"},
		{8, 8, "varchar(9) default N'\xc3\xa9'", "'é'"},
		{8, 8, "varchar(9) default N'\xe9'", refused},
		{8, 45, "varchar(9) default '\xe9'", "'é'"},
		{8, 8, "varbinary(9) default '\xe9'", refused},
		{13, 13, "varchar(9) default '\x81\x60'", "'〜'"},    // sjis
		{13, 13, "varchar(9) default '\x81\x5f'", refused},  // its backslash of two bytes
		{12, 12, "varchar(9) default N'\xa1\xc1'", refused}, // ujis: bytes that are no UTF-8
		{45, 10, "varchar(9) default 'x'", "'x'"},           // swe7
		{45, 10, "varchar(9) default '[x]'", refused},
		{10, 45, "varchar(9) default '[x]'", refused},
		{45, 8, "varbinary(9) default 'é'", refused},
		{45, 45, "varbinary(9) default 'é'", "'é'"},
	} {
		tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
		_, err := tr.Apply(replica.DDL{Schema: "a", CharsetID: c.client, ConnectionID: c.connection,
			Text: "create table t (id int primary key, c " + c.column + ") character set utf8mb4"})
		if got := defaultOf(tr, err); got != c.want {
			t.Errorf("%d, %d: %q: %s, want %s (%v)", c.client, c.connection, c.column, got, c.want, err)
		}
		tr = NewTracker(compile(t, ruleset.Spec{}), Defaults{})
		if _, err := tr.Apply(replica.DDL{Schema: "a", Text: "create table t (id int primary key) character set utf8mb4"}); err != nil {
			t.Fatal(err)
		}
		_, err = tr.Apply(replica.DDL{Schema: "a", CharsetID: c.client, ConnectionID: c.connection, Text: "alter table t add c " + c.column})
		if got := defaultOf(tr, err); got != c.want {
			t.Errorf("added: %d, %d: %q: %s, want %s (%v)", c.client, c.connection, c.column, got, c.want, err)
		}
	}
}

// defaultOf returns the default of column c of a.t, "refused" for the error of
// text that cannot be read.
func defaultOf(tr *Tracker, err error) string {
	var e *replica.Error
	if errors.As(err, &e) && e.Code == CodeText {
		return "refused"
	}
	if err != nil {
		return err.Error()
	}
	d, err := parseDefinition(tr.Table("a", "t").Create, Defaults{})
	if err != nil {
		return err.Error()
	}
	return d.column("c").def
}

// TestSetDefaultCharset: SET DEFAULT on a binary column has the bytes of
// character_set_connection, and does not stop the statements after it.
func TestSetDefaultCharset(t *testing.T) {
	tr := NewTracker(compile(t, ruleset.Spec{}), Defaults{})
	for _, c := range []struct {
		sql        string
		connection uint16
		stops      bool
	}{
		{"create table t (id int primary key, b varbinary(9), c varchar(9)) character set utf8mb4", 45, false},
		{"alter table t alter c set default 'é'", 8, false},
		{"alter table t add d int", 45, false},
		{"alter table t alter b set default 'é'", 8, true},
	} {
		_, err := tr.Apply(replica.DDL{Schema: "a", Text: c.sql, CharsetID: 45, ConnectionID: c.connection})
		var e *replica.Error
		if stops := errors.As(err, &e) && e.Code == CodeText; stops != c.stops || err != nil && !stops {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
}
