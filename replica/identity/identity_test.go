package identity

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sluice/replica"
)

// server answers as a server does.
type server struct {
	version, uuid           string
	id, lower               string
	mode, executed, purged  string
	state, slavePos, strict string
	end, files              [][]string
	denied                  bool
	endless                 bool
}

func (s *server) ask(_ context.Context, query string) ([][]string, error) {
	switch {
	case s.endless:
		return [][]string{{}, {}}, nil
	case strings.HasPrefix(query, "SELECT VERSION()"):
		return [][]string{{s.version, s.id, s.lower}}, nil
	case strings.Contains(query, "server_uuid"):
		return [][]string{{"server_uuid", s.uuid}}, nil
	case strings.Contains(query, "gtid_binlog_state"):
		return [][]string{{s.state, s.slavePos, s.strict}}, nil
	case strings.Contains(query, "gtid_executed"):
		return [][]string{{s.mode, s.executed, s.purged}}, nil
	case strings.HasPrefix(query, "SHOW MASTER STATUS"), strings.HasPrefix(query, "SHOW BINARY LOG STATUS"):
		if s.denied {
			return nil, errors.New("denied")
		}
		return s.end, nil
	case query == "SHOW BINARY LOGS":
		return s.files, nil
	}
	return nil, errors.New("an unknown query " + query)
}

const uuidA, uuidB = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"

func position(t *testing.T, text string) replica.Position {
	t.Helper()
	p, err := replica.ParsePosition(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestVerify: which servers a channel goes on with.
func TestVerify(t *testing.T) {
	zero := 0
	mysql := server{version: "9.7.4", uuid: uuidA, id: "7", lower: "0", mode: "ON", executed: uuidA + ":1-10", end: [][]string{{"binlog.000003", "500"}},
		files: [][]string{{"binlog.000002", "900"}, {"binlog.000003", "500"}}}
	maria := server{version: "10.11.6-MariaDB", id: "7", lower: "0", state: "0-7-10,0-8-12", strict: "1", end: [][]string{{"binlog.000003", "500"}}}
	past := Past{Product: MySQL, ServerID: 7, ServerUUID: uuidA, LowerCase: &zero, At: replica.Coordinates{File: "binlog.000003", Pos: 400}}
	mariaPast := past
	mariaPast.Product, mariaPast.ServerUUID = MariaDB, ""
	change := func(s server, f func(*server)) *server { f(&s); return &s }
	for _, c := range []struct {
		name   string
		server *server
		past   Past
		at     string
		done   func(*Done)
		code   uint16 // 0: it goes on
		says   string
	}{
		{name: "the same", server: &mysql, past: past, at: "gtid=" + uuidA + ":1-10"},
		{name: "nothing known", server: &mysql, at: "gtid=" + uuidA + ":1-10"},
		{name: "lacks", server: &mysql, past: past, at: "gtid=" + uuidA + ":1-12," + uuidB + ":3", code: 61051, says: uuidA + ":11-12," + uuidB + ":3"},
		{name: "lacks what is beyond the position", server: &mysql, past: past, at: "gtid=" + uuidA + ":1-9",
			done: func(d *Done) { d.Beyond = replica.NewTxnSet(); d.Beyond.Add(replica.TxnID{Source: uuidA, Seq: 11}) }, code: 61051, says: uuidA + ":11"},
		{name: "another UUID with all", server: change(mysql, func(s *server) { s.uuid = uuidB }), past: past, at: "gtid=" + uuidA + ":1-10"},
		{name: "another server in the copy", server: change(mysql, func(s *server) { s.uuid = uuidB }), past: past, at: "gtid=" + uuidA + ":1-10",
			done: func(d *Done) { d.Copying = true }, code: 61301},
		{name: "reset", server: change(mysql, func(s *server) { s.end = [][]string{{"binlog.000001", "900"}} }), past: past, at: "gtid=" + uuidA + ":1-10", code: 61051, says: "binlog.000001:900"},
		{name: "no right to see the end", server: change(mysql, func(s *server) { s.denied = true }), past: past, at: "gtid=" + uuidA + ":1-10"},
		{name: "GTIDs are off", server: change(mysql, func(s *server) { s.mode = "OFF" }), past: past, at: "gtid=" + uuidA + ":1-10", code: 61110},
		{name: "names compare otherwise", server: change(mysql, func(s *server) { s.lower = "1" }), past: past, at: "gtid=" + uuidA + ":1-10", code: 61300, says: "is 1, and was 0"},
		{name: "another product", server: &maria, past: past, at: "gtid=" + uuidA + ":1-10", code: 61051, says: "MariaDB"},
		{name: "MariaDB", server: &maria, past: mariaPast, at: "mariadb=0-8-12"},
		{name: "MariaDB, older", server: &maria, past: mariaPast, at: "mariadb=0-7-10"},
		{name: "MariaDB, the pair is not there", server: &maria, past: mariaPast, at: "mariadb=0-9-3", code: 61051, says: "0-9-3"},
		{name: "MariaDB, another domain", server: &maria, past: mariaPast, at: "mariadb=0-8-12,4-7-1", code: 61051, says: "4-7-1"},
		{name: "MariaDB, applied as a replica", server: change(maria, func(s *server) { s.slavePos = "0-9-30" }), past: mariaPast, at: "mariadb=0-9-30"},
		{name: "MariaDB, a lowered number", server: change(maria, func(s *server) { s.strict = "0" }), past: mariaPast, at: "mariadb=0-8-13", code: 61051, says: "gtid_strict_mode is OFF"},
		{name: "file", server: &mysql, past: past, at: "file=binlog.000003:450"},
		{name: "file, shorter", server: &mysql, past: past, at: "file=binlog.000003:501", code: 61051, says: "500 bytes"},
		{name: "file, another server", server: change(mysql, func(s *server) { s.uuid, s.id = uuidB, "8" }), past: past, at: "file=binlog.000003:450", code: 61051, says: uuidB},
		{name: "file, newer than all", server: &mysql, past: Past{}, at: "file=binlog.000009:4", code: 61051, says: "binlog.000009"},
		{name: "file, purged", server: &mysql, past: past, at: "file=binlog.000001:4", code: 1236},
	} {
		d := Done{Position: position(t, c.at)}
		if c.done != nil {
			c.done(&d)
		}
		_, err := Verify(t.Context(), c.server.ask, c.past, d)
		var e *replica.Error
		switch {
		case c.code == 0 && err == nil:
		case c.code == 0 || !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Error(), c.says) || e.Remedy == "":
			t.Errorf("%s: %v, want %d", c.name, err, c.code)
		}
	}
	if _, err := Verify(t.Context(), (&server{endless: true}).ask, past, Done{Position: position(t, "gtid="+uuidA+":1")}); err == nil {
		t.Error("rows without columns are taken")
	}
}

// TestMarks: the transaction of a known name has to be the known one.
func TestMarks(t *testing.T) {
	mark := Mark{ID: replica.TxnID{Source: uuidA, Seq: 10}, Start: replica.Coordinates{File: "binlog.000003", Pos: 100},
		End: replica.Coordinates{File: "binlog.000003", Pos: 400}, Micros: 1_700_000_000_000_001, Sum: 5}
	past := Past{Product: MySQL, ServerID: 7, ServerUUID: uuidA, File: FileStamp{"binlog.000003", 99, 7}, Mark: mark}
	s := server{version: "9.7.4", uuid: uuidA, id: "7", lower: "0", mode: "ON", executed: uuidA + ":1-10"}
	replicaOf := s
	replicaOf.uuid = uuidB
	for _, c := range []struct {
		name   string
		server server
		got    func(*Mark)
		wrong  bool
	}{
		{"the same", s, func(*Mark) {}, false},
		{"another time", s, func(m *Mark) { m.Micros++ }, true},
		{"no time", s, func(m *Mark) { m.Micros = 0 }, false},
		{"another content", s, func(m *Mark) { m.Sum++ }, true},
		{"a replica logs it elsewhere", replicaOf, func(m *Mark) { m.Sum++; m.Start.Pos++ }, false},
		{"a replica's other one", replicaOf, func(m *Mark) { m.Micros++ }, true},
	} {
		x, from, err := Begin(t.Context(), c.server.ask, past, Done{Position: position(t, "gtid="+uuidA+":1-10")})
		if err != nil || from.Text() != uuidA+":1-9" {
			t.Fatalf("%s: from %s, %v", c.name, from, err)
		}
		if !x.Known(mark.ID, mark.Start) || x.Known(replica.TxnID{Source: uuidA, Seq: 11}, mark.End) {
			t.Errorf("%s: what is known is not", c.name)
		}
		got := mark
		c.got(&got)
		if err := x.Met(got); (err != nil) != c.wrong {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	x, _, err := Begin(t.Context(), s.ask, past, Done{Position: position(t, "gtid="+uuidA+":1-10")})
	if err != nil {
		t.Fatal(err)
	}
	if x.File(FileStamp{"binlog.000003", 99, 7}) != nil || x.File(FileStamp{"binlog.000004", 1, 7}) != nil || x.File(FileStamp{"binlog.000003", 100, 7}) == nil {
		t.Error("files are not told apart")
	}
	purged := s
	purged.purged = uuidA + ":1-10"
	if _, from, err := Begin(t.Context(), purged.ask, past, Done{Position: position(t, "gtid="+uuidA+":1-10")}); err != nil || from.Text() != uuidA+":1-10" {
		t.Errorf("a source that cannot send the mark: from %s, %v", from, err)
	}
	text := past.String()
	if back, err := ParsePast(text); err != nil || back.String() != text {
		t.Errorf("%s is read as %s, %v", text, back, err)
	}
	if _, err := ParsePast("{"); err == nil {
		t.Error("a cut-off text is taken")
	}
}
