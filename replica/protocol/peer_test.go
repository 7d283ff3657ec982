package protocol

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// TestNotTiDB has what servers say of themselves.
func TestNotTiDB(t *testing.T) {
	for said, want := range map[[2]string]string{
		{"8.0.11-TiDB-v8.5.0", "TiDB Server (Apache License 2.0)"}:       "",
		{"5.7.25", "TiDB Server (Apache License 2.0) Community Edition"}: "", // server-version is a setting
		{"8.0.11-TiDB-v8.5.0", "(ProxySQL)"}:                             "",
		{"9.7.4-2", "(Debian)"}:                                          "MySQL",
		{"8.4.0", ""}:                                                    "MySQL",
		{"10.11.18-MariaDB-0+deb12u1-log", "Debian 12"}:                  "MariaDB",
		{"11.8.1", "mariadb.org binary distribution"}:                    "MariaDB",
		{"8.0.36-Sluice-1.0", "x"}:                                       "a node of Sluice",
	} {
		err := NotTiDB(said[0], said[1])
		var wrong *WrongServer
		if (err != nil) != (want != "") || err != nil && (!errors.As(err, &wrong) || wrong.What != want) {
			t.Errorf("%v: %v, want %q", said, err, want)
		}
	}
}

// greetedBy logs in to a server that greets with a version.
func greetedBy(t *testing.T, version string, noTiDB bool) (s *script, err error) {
	t.Helper()
	hello := strings.Replace(hello(allCaps, native), "8.0.0", version, 1)
	s = &script{in: bytes.NewReader(append(packets(0, hello), packets(2, okay)...))}
	_, err = Dial(t.Context(), Config{Addr: "script", User: "u", Password: "secret", NoTiDB: noTiDB,
		Dial: func(context.Context, string, string) (net.Conn, error) { return s, nil }})
	return s, err
}

// TestWrongServers: a server that greets as one that cannot be meant gets nothing, the user's name included.
func TestWrongServers(t *testing.T) {
	const tidb = "8.0.11-TiDB-v8.5.0"
	for _, c := range []struct {
		version string
		noTiDB  bool
		what    string // "": it is right
	}{
		{"8.0.36", true, ""}, {"5.5.5-10.11.6-MariaDB-log", true, ""}, {tidb, false, ""},
		{tidb, true, "TiDB"}, {"8.0.36-Sluice", true, "a node of Sluice"}, {"8.0.36-Sluice", false, "a node of Sluice"},
	} {
		s, err := greetedBy(t, c.version, c.noTiDB)
		var wrong *WrongServer
		if !errors.As(err, &wrong) {
			if err != nil || c.what != "" {
				t.Errorf("%s: %v", c.version, err)
			}
			continue
		}
		if wrong.What != c.what || s.written.Len() > 0 {
			t.Errorf("%s: is %q, and got %d bytes", c.version, wrong.What, s.written.Len())
		}
		e := Named(err, "source", "SOURCE")
		if e == nil || e.Code != CodeWrongServer || e.Transient || e.Remedy != "check SOURCE_HOST and SOURCE_PORT" {
			t.Errorf("%s: %+v", c.version, e)
		}
	}
}

// TestNoGreeting: a connection that ends without a word names the options of host and port.
func TestNoGreeting(t *testing.T) {
	for options, want := range map[string]string{"SOURCE": "SOURCE_PORT", "TARGET": "TARGET_HOSTS", "": "--store"} {
		_, err := loginTo(t, &script{in: bytes.NewReader(nil)}, "")
		e := Named(err, strings.ToLower(options), options)
		if e == nil || !e.Transient || !strings.Contains(e.Remedy, want) {
			t.Errorf("%s: %+v", options, e)
		}
	}
}

// TestForeignNumbers: an error of a server that has one of Sluice's numbers is none of Sluice's errors.
func TestForeignNumbers(t *testing.T) {
	rogue := "\xff\x7b\xee#HY000mine" // 61051
	malformed := "\xff\x25\xef#HY000mine"
	plain := "\xff\x7b\xeemine" // without an SQLSTATE
	head := []string{"\x01", columnDef("a", 0xfd), endOfRows}
	for _, payloads := range [][]string{{rogue}, {malformed}, {plain}, append(head, "\x02hi", rogue), append(head, rogue)} {
		_, err := collect(t.Context(), driverOver(t, packets(1, payloads...), 0), "SELECT 1")
		foreignError(t, err)
	}
	_, err := loginTo(t, &script{in: bytes.NewReader(packets(0, rogue))}, "")
	foreignError(t, err)
	foreignError(t, CheckOK([]byte(malformed)))
	if err := ParseError([]byte("\xff\x15\x04#28000no")); IsForeign(err) || err.(*mysql.MySQLError).Number != 1045 {
		t.Errorf("error 1045 became %v", err)
	}
}

func foreignError(t *testing.T, err error) {
	t.Helper()
	var me *mysql.MySQLError
	if !errors.As(err, &me) || me.Number != CodeForeign || !strings.HasPrefix(me.Message, "error 61") || IsMalformed(err) {
		t.Errorf("the error is %v", err)
	}
	if e := Named(err, "target", "TARGET"); e == nil || e.Code != CodeForeign || e.Remedy == "" {
		t.Errorf("its name is %+v", e)
	}
}

// TestMoreResults: a server that promises a second result of a single statement is not waited for.
func TestMoreResults(t *testing.T) {
	head := []string{"\x01", columnDef("a", 0xfd), endOfRows}
	for _, payloads := range [][]string{{"\x00\x00\x00\x0a\x00\x00\x00"}, append(head, "\x02hi", "\xfe\x00\x00\x0a\x00")} {
		a := Answer{most: 1}
		err := a.Begin(comQuery)
		for _, p := range payloads {
			if err == nil {
				err = a.Check([]byte(p))
			}
		}
		if !IsMalformed(err) {
			t.Errorf("%q: %v", payloads, err)
		}
		db := connectedTo(t, packets(1, payloads...), 0, false)
		if rows, err := collect(t.Context(), db, "SELECT 1"); !IsMalformed(err) {
			t.Errorf("%q: %v, %v", payloads, rows, err)
		}
	}
}
