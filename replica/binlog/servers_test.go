package binlog

import (
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
)

func TestMySQL(t *testing.T) {
	l := newLab(t, servers.MySQL)
	t.Run("Types", func(t *testing.T) { allTypes(t, l) })
	t.Run("Streams", func(t *testing.T) { streams(t, l) })
	if !l.mariadb() {
		t.Run("MySQL", func(t *testing.T) { mysqlStreams(t, l) })
	}
	t.Run("Charsets", func(t *testing.T) { charsetsAgree(t, l) })
}

func TestMariaDB(t *testing.T) {
	l := newLab(t, servers.MariaDB)
	t.Run("Types", func(t *testing.T) { allTypes(t, l) })
	t.Run("Streams", func(t *testing.T) { streams(t, l) })
	t.Run("MariaDB", func(t *testing.T) { mariadbStreams(t, l) })
	t.Run("Charsets", func(t *testing.T) { charsetsAgree(t, l) })
}

func TestMariaDB11(t *testing.T) {
	l := newLab(t, servers.MariaDB11)
	t.Run("Types", func(t *testing.T) { allTypes(t, l) })
	t.Run("Streams", func(t *testing.T) { streams(t, l) })
	t.Run("MariaDB", func(t *testing.T) { mariadbStreams(t, l) })
}

// TestMySQLWithoutGTIDs reads a source whose transactions have no names.
func TestMySQLWithoutGTIDs(t *testing.T) {
	l := newLab(t, servers.MySQL, "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
	for name, run := range map[string]func(*testing.T, *lab){
		"Rotation": rotation, "Reopen": reopen, "Keepalive": keepalive, "Parts": parts, "CreateSelect": createSelect,
		"MixedEngines": mixedEngines, "EmptyTransactions": empties, "TwoPhaseXA": twoPhaseXA, "Compressed": compressedTransactions,
	} {
		t.Run(name, func(t *testing.T) { run(t, l) })
	}
	if l.mariadb() {
		return
	}
	at, err := replica.GTIDPosition(replica.ModeGTID, "")
	if err != nil {
		t.Fatal(err)
	}
	cfg := l.config()
	rd, err := Open(t.Context(), cfg, at, l.tables(t))
	if err == nil {
		defer rd.Close()
		_, err = rd.Next()
	}
	if err == nil {
		t.Error("a source without GTIDs is followed by GTIDs")
	}
}
