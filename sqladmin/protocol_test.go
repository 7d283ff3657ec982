package sqladmin

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// rawCode returns the error number of raw's errors.
func rawCode(err error) uint16 {
	var e *mysql.MyError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func TestRawLogin(t *testing.T) {
	s := open(t, newDouble())
	for name, o := range map[string]rawOptions{
		"fast":               {password: testPassword},
		"full over TLS":      {password: testPassword, tls: true, breakIt: true},
		"full over RSA":      {password: testPassword, breakIt: true},
		"native":             {password: testPassword, plugin: nativePassword},
		"native over TLS":    {password: testPassword, plugin: nativePassword, tls: true},
		"switched":           {password: testPassword, plugin: "client_ed25519"},
		"no lenenc response": {password: testPassword, drop: mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA},
	} {
		r, err := rawDial(t, s, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := r.do("SELECT 1").err; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		o.password = "wrong"
		if _, err := rawDial(t, s, o); rawCode(err) != CodeAccessDenied {
			t.Errorf("%s, wrong password: %v", name, err)
		}
	}
}

func TestOKPacketInfo(t *testing.T) {
	d := newDouble()
	d.result = &Result{Affected: 1, OperationID: 300, Info: "1 migration starts", Warnings: []Warning{Note(CodeAlready, "x")}}
	s := open(t, d)
	for _, drop := range []uint32{0, mysql.CLIENT_SESSION_TRACK | mysql.CLIENT_DEPRECATE_EOF} {
		r, err := rawDial(t, s, rawOptions{password: testPassword, drop: drop})
		if err != nil {
			t.Fatal(err)
		}
		r.send(mysql.COM_QUERY, "START MIGRATION shop")
		if got := parseOK(r.read()); got != (okReply{1, 300, 1, "1 migration starts"}) {
			t.Errorf("got %+v", got)
		}
	}
}

func TestEmptyResultsKeepTypes(t *testing.T) {
	r, err := rawDial(t, open(t, newDouble()), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	r.send(mysql.COM_QUERY, "SELECT id, at, message, count, `sqlstate`, count + 1, NOW() FROM migration_errors")
	cols, rows, err := r.rows()
	if err != nil || len(rows) != 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := []byte{mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_LONGLONG,
		mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_DATETIME}
	for i, c := range cols {
		if c.kind != want[i] {
			t.Errorf("%s has type %d, want %d", c.name, c.kind, want[i])
		}
	}
	if cols[2].charset != charsetUTF8MB4 || cols[0].charset != charsetBinary || cols[0].flags&mysql.UNSIGNED_FLAG == 0 {
		t.Errorf("charset or flags: %+v", cols)
	}
}

func TestReexecuteWithoutNewTypes(t *testing.T) {
	for _, drop := range []uint32{0, mysql.CLIENT_DEPRECATE_EOF} {
		r, err := rawDial(t, open(t, newDouble()), rawOptions{password: testPassword, drop: drop})
		if err != nil {
			t.Fatal(err)
		}
		st, err := r.prepare("SELECT ? AS a, migration, seconds_behind_source, updated_at FROM sluice.migrations WHERE migration = ?")
		if err != nil || st.params != 2 || len(st.columns) != 4 {
			t.Fatalf("%+v, %v", st, err)
		}
		r.execute(st, false, nil, "x", "shop")
		if err := r.reply().err; rawCode(err) != 1835 {
			t.Errorf("no types were ever sent: %v", err)
		}
		r.execute(st, true, nil, "x", "shop")
		check(t, r, "x", "shop", int64(3))
		r.execute(st, false, nil, "y", "crm") // the flag is 0: the types of before
		check(t, r, "y", "crm", nil)
		r.execute(st, false, nil, nil, "shop")
		check(t, r, nil, "shop", int64(3))
		r.execute(st, false, nil, "z", "nosuch")
		if got := r.reply(); got.err != nil || got.rows != 0 || len(got.columns) != 4 {
			t.Errorf("empty result: %v", got)
		}
		r.send(mysql.COM_STMT_CLOSE, "\x01\x00\x00\x00")
		r.execute(st, false, nil, "z", "shop")
		if err := r.reply().err; rawCode(err) != CodeUnknownStatement {
			t.Errorf("after close: %v", err)
		}
	}
}

// check reads the one binary row of TestReexecuteWithoutNewTypes.
func check(t *testing.T, r *raw, a any, migration string, lag any) {
	t.Helper()
	cols, rows, err := r.rows()
	if err != nil || len(rows) != 1 || len(cols) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	p := &payload{b: rows[0]}
	p.take(1)
	null := p.uint(1)
	var gotA, gotLag any
	if null&(1<<2) == 0 {
		gotA = string(p.bytes())
	}
	gotMigration := string(p.bytes())
	if null&(1<<4) == 0 {
		gotLag = int64(p.uint(8))
	}
	stamp := p.take(int(p.uint(1)))
	want := appendDateTime(nil, doubleTime)[1:]
	if gotA != a || gotMigration != migration || gotLag != lag || !bytes.Equal(stamp, want) || p.bad {
		t.Errorf("got %v %v %v % x", gotA, gotMigration, gotLag, stamp)
	}
}

func TestLongData(t *testing.T) {
	r, err := rawDial(t, open(t, newDouble()), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	st, err := r.prepare("SELECT LENGTH(?), ?")
	if err != nil {
		t.Fatal(err)
	}
	piece := strings.Repeat("x'\\", 1000)
	id := binary.LittleEndian.AppendUint32(nil, st.id)
	for range 3 {
		r.send(mysql.COM_STMT_SEND_LONG_DATA, string(id)+"\x00\x00"+piece)
	}
	r.execute(st, true, map[int]bool{0: true}, "", "b")
	_, rows, err := r.rows()
	if err != nil || len(rows) != 1 {
		t.Fatal(err)
	}
	p := &payload{b: rows[0][2:]}
	if n, s := p.uint(8), string(p.bytes()); n != 9000 || s != "b" {
		t.Errorf("got %d, %q", n, s)
	}
	r.send(mysql.COM_STMT_SEND_LONG_DATA, string(id)+"\x00\x00"+piece)
	r.send(mysql.COM_STMT_RESET, string(id))
	if b := r.read(); b[0] != 0 {
		t.Fatalf("% x", b)
	}
	r.execute(st, true, nil, "ab", "c")
	if _, rows, err = r.rows(); err != nil || binary.LittleEndian.Uint64(rows[0][2:]) != 2 {
		t.Errorf("long data outlived COM_STMT_RESET: % x, %v", rows, err)
	}
}

func TestLargePackets(t *testing.T) {
	d := newDouble()
	text := strings.Repeat("a", maxFrame+100) // two frames each way
	d.tables["nodes"] = [][]any{{text}}
	s := open(t, d)
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	r.send(mysql.COM_QUERY, "SHOW NODES /*"+text+"*/")
	_, rows, err := r.rows()
	if err != nil || len(rows) != 1 || string((&payload{b: rows[0]}).bytes()) != text {
		t.Fatalf("a text of %d bytes did not come back: %v", len(text), err)
	}
	r.w.seq = 0
	head := []byte{0xff, 0xff, 0xff, 0}
	frame := append(head, make([]byte, maxFrame)...)
	for seq := byte(0); seq < 8; seq++ { // more than maxDrainBytes
		frame[3] = seq
		if _, err := r.net.Write(frame); err != nil {
			break // the server has hung up, as it may
		}
	}
	if b, _, err := r.w.read(1<<20, nil); err == nil && rawCode(rawError(b)) != CodePacketTooLarge {
		t.Errorf("got % x", b)
	}
	if _, _, err := r.w.read(1<<20, nil); err == nil {
		t.Error("the connection goes on after a packet that is too large")
	}
}

func TestChangeUserAndReset(t *testing.T) {
	r, err := rawDial(t, open(t, newDouble()), rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	one := func(query string) string {
		t.Helper()
		r.send(mysql.COM_QUERY, query)
		_, rows, err := r.rows()
		if err != nil || len(rows) != 1 {
			t.Fatalf("%s: %d rows, %v", query, len(rows), err)
		}
		if rows[0][0] == 0xfb {
			return "NULL"
		}
		return string((&payload{b: rows[0]}).bytes())
	}
	for _, q := range []string{"USE mysql", "SET @a = 5, sql_mode = 'ANSI_QUOTES'"} {
		if err := r.do(q).err; err != nil {
			t.Fatal(err)
		}
	}
	if got := one(`SELECT @a`); got != "5" {
		t.Errorf("@a is %s", got)
	}
	if got := one(`SELECT "User" FROM "user"`); got != "root" {
		t.Errorf("ANSI_QUOTES: %s", got)
	}
	if err := r.do(`\reset`).err; err != nil {
		t.Fatal(err)
	}
	if a, schema := one("SELECT @a"), one("SELECT DATABASE()"); a != "NULL" || schema != "mysql" {
		t.Errorf("after reset @a is %s, schema %s", a, schema)
	}
	change := func(password string) error {
		r.send(mysql.COM_CHANGE_USER, "root\x00\x00sluice\x00\x2d\x00"+cachingSHA2+"\x00")
		return r.finishLogin(rawOptions{password: password})
	}
	if err := change(testPassword); err != nil {
		t.Fatal(err)
	}
	if schema := one("SELECT DATABASE()"); schema != "sluice" {
		t.Errorf("after COM_CHANGE_USER the schema is %s", schema)
	}
	if err := change("wrong"); rawCode(err) != CodeAccessDenied {
		t.Errorf("got %v", err)
	}
}

func TestMalformedPackets(t *testing.T) {
	s := open(t, newDouble())
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	st, err := r.prepare("SELECT ?, ?")
	if err != nil {
		t.Fatal(err)
	}
	id := string(binary.LittleEndian.AppendUint32(nil, st.id))
	for name, c := range map[string]struct {
		command byte
		data    string
		code    uint16
	}{
		"unknown command":     {200, "", CodeUnknownCommand},
		"short execute":       {mysql.COM_STMT_EXECUTE, id + "\x00", 1835},
		"type not known":      {mysql.COM_STMT_EXECUTE, id + "\x00\x01\x00\x00\x00\x00\x01\x99\x00\x99\x00", 1835},
		"string too long":     {mysql.COM_STMT_EXECUTE, id + "\x00\x01\x00\x00\x00\x00\x01\xfd\x00\xfd\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 1835},
		"execute of nothing":  {mysql.COM_STMT_EXECUTE, "", CodeUnknownStatement},
		"fetch":               {comStmtFetch, id, 1421},
		"multi statements on": {comSetOption, "\x00\x00", CodeNotSupported},
		"kill of nobody":      {mysql.COM_PROCESS_KILL, "\x01", CodeUnknownThread},
	} {
		r.send(c.command, c.data)
		if err := r.reply().err; rawCode(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, b := range [][]byte{{}, {1, 2, 3}, bytes.Repeat([]byte{0xff}, 40), append([]byte{0, 2, 0, 0}, bytes.Repeat([]byte{'a'}, 100)...)} {
		nc, err := rawDialOnly(t, s)
		if err != nil {
			t.Fatal(err)
		}
		nc.read()
		nc.write(b)
		if answer, _, err := nc.w.read(1<<20, nil); err == nil && answer[0] == 0 {
			t.Errorf("% x logs in", b)
		}
	}
}

func TestDriverPrepared(t *testing.T) {
	s := open(t, newDouble())
	for _, params := range []string{"parseTime=true", "parseTime=true&interpolateParams=true", "parseTime=true&maxAllowedPacket=4096"} {
		t.Run(params, func(t *testing.T) { driverPrepared(t, dial(t, s, params)) })
	}
}

func driverPrepared(t *testing.T, db *sql.DB) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	st, err := db.PrepareContext(ctx, "SELECT ?, ?, ?, ?, ?, ?, ?")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	long := strings.Repeat("lång'\\\"\x00\n", 700) // above maxAllowedPacket=4096: long data
	for range 3 {
		var text, null sql.NullString
		var n int64
		var big uint64
		var f float64
		var b bool
		var when string
		if err := st.QueryRowContext(ctx, long, nil, int64(-5), uint64(1<<63), 2.5, true, at).Scan(&text, &null, &n, &big, &f, &b, &when); err != nil {
			t.Fatal(err)
		}
		if text.String != long || null.Valid || n != -5 || big != 1<<63 || f != 2.5 || !b || when != "2026-01-02 03:04:05.678" {
			t.Fatalf("got %d bytes, %v, %d, %d, %v, %v, %s", len(text.String), null, n, big, f, b, when)
		}
	}
	rows, err := db.QueryContext(ctx, "SELECT migration, seconds_behind_source, updated_at, progress_pct FROM migrations WHERE progress_pct > ? ORDER BY migration", 10)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var name string
		var lag sql.NullInt64
		var updated time.Time
		var pct float64
		if err := rows.Scan(&name, &lag, &updated, &pct); err != nil {
			t.Fatal(err)
		}
		if !updated.Equal(doubleTime) || lag.Valid != (name != "crm") {
			t.Errorf("%s: %v %v", name, lag, updated)
		}
		got = append(got, name)
	}
	if rows.Err() != nil || !slices.Equal(got, []string{"blog", "crm", "shop"}) {
		t.Errorf("got %v, %v", got, rows.Err())
	}
	empty, err := db.QueryContext(ctx, "SELECT id, at FROM migration_events WHERE id = ?", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	types, err := empty.ColumnTypes()
	if err != nil || len(types) != 2 || types[0].DatabaseTypeName() != "UNSIGNED BIGINT" || types[1].DatabaseTypeName() != "DATETIME" {
		t.Errorf("types %v, %v", types, err)
	}
}
