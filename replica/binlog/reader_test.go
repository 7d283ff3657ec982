package binlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"sluice/replica"
)

// format is a format description event without checksums.
func format() []byte {
	body := make([]byte, 2+50+4+1+41)
	body = append(body, 0)          // no checksum
	body = append(body, 0, 0, 0, 0) // its place
	return eventBytes(evFormat, 0, 0, body)
}

func gtidEvent(seq uint64, pos uint32) []byte {
	body := append([]byte{1}, bytes.Repeat([]byte{0xab}, 16)...)
	return eventBytes(evGTID, 0, pos, binary.LittleEndian.AppendUint64(body, seq))
}

func queryEvent(text string, pos uint32) []byte {
	body := append(make([]byte, 8), 1, 0, 0, 0, 0, 'd', 0)
	return eventBytes(evQuery, 0, pos, append(body, text...))
}

func xidEvent(pos uint32) []byte { return eventBytes(evXID, 0, pos, make([]byte, 8)) }

func mapEvent(id byte, pos uint32) []byte {
	body := []byte{id, 0, 0, 0, 0, 0, 1, 0, 1, 'd', 0, 1, 't', 0, 1, colLong, 0, 0}
	return eventBytes(evTableMap, 0, pos, body)
}

// intRows inserts the values 1 to n of one INT column.
func intRows(id byte, n int, pos uint32) []byte {
	body := []byte{id, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1}
	for i := range n {
		body = binary.LittleEndian.AppendUint32(append(body, 0), uint32(i+1))
	}
	return eventBytes(evWriteRowsV2, 0, pos, body)
}

var intTable = &replica.Table{Schema: "d", Name: "t", Columns: []replica.Column{{Name: "a", Type: replica.TypeInt, SQLType: "int"}}}

func wantsInts() Resolver {
	return resolverFunc(func(*TableMap) (*replica.Table, error) { return intTable, nil })
}

// feedAll feeds events and returns what comes out.
func feedAll(r *Reader, list ...[]byte) (out []*replica.Transaction, err error) {
	for _, b := range list {
		x, err := feed(r, b)
		out = append(out, x...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func started(t *testing.T, mode replica.Mode) *Reader {
	t.Helper()
	r := offline(mode, wantsInts())
	if _, err := feedAll(r, rotateTo("f.000001", 4), format()); err != nil {
		t.Fatal(err)
	}
	return r
}

func code(err error) uint16 {
	var e *replica.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// TestUnfinishedTransaction has a file that ends inside a transaction: the
// source crashed, and its next file begins with a format description.
func TestUnfinishedTransaction(t *testing.T) {
	begun := [][]byte{gtidEvent(5, 100), queryEvent("BEGIN", 150), mapEvent(7, 200), intRows(7, 3, 250)}
	after := [][]byte{rotateTo("f.000002", 4), format(), gtidEvent(5, 100), queryEvent("BEGIN", 150), mapEvent(7, 200), intRows(7, 2, 250), xidEvent(300)}
	r := started(t, replica.ModeGTID)
	txns, err := feedAll(r, append(begun, after...)...)
	if err != nil || len(txns) != 1 || len(txns[0].Rows) != 2 || txns[0].ID.Seq != 5 || txns[0].Start.File != "f.000002" {
		t.Errorf("%v, %v", txns, err)
	}
	r = started(t, replica.ModeGTID)
	r.cfg.MaxRows = 2 // parts of it are applied
	if _, err := feedAll(r, append(begun, after...)...); code(err) != 61115 {
		t.Error(err)
	}
}

// TestRefusals lists events that must not be passed over.
func TestRefusals(t *testing.T) {
	anonymous := gtidEvent(1, 100)
	anonymous[4] = evAnonymousGTID
	payload := eventBytes(evPayload, 0, 200, []byte{2, 1, 9, 0})
	inner := eventBytes(evPayload, 0, 0, []byte{2, 3, 0xfc, 255, 0, 0})
	nested := eventBytes(evPayload, 0, 200, append([]byte{2, 3, 0xfc, 255, 0, 0}, inner...))
	for name, c := range map[string]struct {
		list [][]byte
		code uint16
	}{
		"unknown type":         {[][]byte{eventBytes(99, 0, 100, nil)}, 61108},
		"rows of version 0":    {[][]byte{eventBytes(20, 0, 100, nil)}, 61108},
		"incident":             {[][]byte{eventBytes(evIncident, 0, 100, nil)}, 61109},
		"split row":            {[][]byte{eventBytes(evMPartialRow, 0, 100, nil)}, 61107},
		"LOAD DATA":            {[][]byte{gtidEvent(1, 100), eventBytes(evBeginLoad, 0, 200, nil)}, 61105},
		"anonymous":            {[][]byte{anonymous}, 61110},
		"rows outside":         {[][]byte{mapEvent(7, 100), intRows(7, 1, 200)}, 61130},
		"rows without a map":   {[][]byte{gtidEvent(1, 100), intRows(8, 1, 200)}, 61130},
		"map of the file ago":  {[][]byte{mapEvent(7, 100), rotateTo("f.000002", 4), gtidEvent(1, 100), intRows(7, 1, 200)}, 61130},
		"commit without begin": {[][]byte{xidEvent(100)}, 61130},
		"two begins":           {[][]byte{gtidEvent(1, 100), gtidEvent(2, 200)}, 61130},
		"DDL behind rows":      {[][]byte{gtidEvent(1, 100), queryEvent("BEGIN", 110), mapEvent(7, 120), intRows(7, 1, 130), queryEvent("ALTER TABLE t ADD b INT", 140)}, 61114},
		"ROLLBACK behind rows": {[][]byte{gtidEvent(1, 100), queryEvent("BEGIN", 110), mapEvent(7, 120), intRows(7, 1, 130), queryEvent("ROLLBACK", 140)}, 61111},
		"unknown compression":  {[][]byte{gtidEvent(1, 100), payload}, 61108},
		"payload in a payload": {[][]byte{gtidEvent(1, 100), nested}, 61130},
		"payload outside":      {[][]byte{nested}, 61130},
		"cut row":              {[][]byte{gtidEvent(1, 100), mapEvent(7, 120), eventBytes(evWriteRowsV2, 0, 200, []byte{7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1, 0, 9, 9})}, 61130},
		"table map of nothing": {[][]byte{eventBytes(evTableMap, 0, 100, []byte{7, 0, 0, 0, 0, 0, 1, 0, 1, 'd', 0, 1, 't', 0, 0, 0})}, 61130},
		"statement":            {[][]byte{gtidEvent(1, 100), queryEvent("--\tx\nINSERT INTO t VALUES (1)", 200)}, 61105},
		"before the format":    {nil, 61130},
	} {
		t.Run(name, func(t *testing.T) {
			r := offline(replica.ModeGTID, wantsInts())
			if c.list == nil {
				c.list = [][]byte{rotateTo("f.000001", 4), xidEvent(100)}
			} else if _, err := feedAll(r, rotateTo("f.000001", 4), format()); err != nil {
				t.Fatal(err)
			}
			if txns, err := feedAll(r, c.list...); code(err) != c.code {
				t.Errorf("%v, %v; want %d", txns, err, c.code)
			}
		})
	}
}

// TestPassedOver lists events that say nothing about rows.
func TestPassedOver(t *testing.T) {
	dummy := eventBytes(evWriteRowsV2, 0, 0, []byte{0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 2, 0, 0})
	comment := queryEvent("# Dummy event replacing event type 160 that slave cannot handle.", 0)
	list := [][]byte{gtidEvent(1, 100), queryEvent("BEGIN", 110), comment, queryEvent("SAVEPOINT x", 115), mapEvent(7, 120), intRows(7, 2, 130), dummy,
		queryEvent("CREATE /*! OR REPLACE */ TEMPORARY TABLE t (a INT)", 140), queryEvent("DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`", 150),
		eventBytes(evRowsQuery, flagIgnorable, 0, nil), eventBytes(evMAnnotate, 0, 0, nil), eventBytes(120, flagIgnorable, 0, nil), xidEvent(200)}
	txns, err := feedAll(started(t, replica.ModeGTID), list...)
	if err != nil || len(txns) != 1 || len(txns[0].Rows) != 2 || txns[0].DDL != nil || txns[0].Part() {
		t.Errorf("%v, %v", txns, err)
	}
	txns, err = feedAll(started(t, replica.ModeGTID), gtidEvent(1, 100), comment, gtidEvent(2, 200), queryEvent("DROP TEMPORARY TABLE t", 300))
	if err != nil || len(txns) != 2 || txns[0].DDL != nil || txns[1].DDL != nil {
		t.Errorf("%v, %v", txns, err)
	}
}

// TestPositions follows wrapped positions, unknown ones and heartbeats.
func TestPositions(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		last uint64
		pos  uint32
		want uint64
	}{
		{4, 1000, 1000}, {4*gib - 10, 5, 4*gib + 5}, {4*gib + 5, 4*gib - 1, 4*gib - 1}, {9 * gib, 1 * gib, 9 * gib}, {9 * gib, 2 * gib, 10 * gib},
		{11*gib + 7, 4, 12*gib + 4}, {3 * gib, 3*gib + 5, 3*gib + 5},
	} {
		if got := widen(c.last, c.pos); got != c.want {
			t.Errorf("widen(%d, %d) = %d, want %d", c.last, c.pos, got, c.want)
		}
	}
	r := started(t, replica.ModeFile)
	at := func(want string) {
		t.Helper()
		if r.at.String() != want {
			t.Errorf("at %s, want %s", r.at, want)
		}
	}
	v2 := func(file string, pos uint64) []byte {
		body := append([]byte{1, byte(len(file))}, file...)
		return eventBytes(evHeartbeatV2, 0, 0, append(binary.LittleEndian.AppendUint64(append(body, 2, 9, 0xfe), pos), 0))
	}
	steps := []struct {
		b    []byte
		want string
	}{
		{gtidEvent(1, 100), "f.000001:100"},
		{mapEvent(7, 0), "f.000001:137"}, // its own size further
		{eventBytes(evHeartbeat, 0, 4, []byte("f.000001")), "f.000001:137"},
		{eventBytes(evHeartbeat, 0, 0, []byte("f.000001")), "f.000001:137"},
		{xidEvent(300), "f.000001:300"},
		{eventBytes(evHeartbeat, 0, 250, []byte("f.000001")), "f.000001:300"}, // never back
		{eventBytes(evHeartbeat, 0, 900, []byte("f.000001")), "f.000001:900"},
		{eventBytes(evMGTIDList, flagArtificial, 5000, nil), "f.000001:900"},
		{v2("f.000001", 5*gib), "f.000001:5368709120"},
		{v2("f.000001", 4), "f.000001:5368709120"},
		{gtidEvent(2, uint32(gib+2000)), "f.000001:5368711120"},
		{xidEvent(uint32(gib + 3000)), "f.000001:5368712120"},
		{rotateTo("f.000002", 4), "f.000002:4"},
		{v2("f.000002", 700), "f.000002:700"},
		{v2("f.000001", 9000), "f.000002:700"},
	}
	for _, s := range steps {
		txns, err := feed(r, s.b)
		if err != nil {
			t.Fatal(err)
		}
		at(s.want)
		for _, x := range txns {
			if x.End != r.at {
				t.Errorf("handed on at %s: %+v", r.at, x)
			}
		}
	}
	r = started(t, replica.ModeFile)
	if txns, err := feedAll(r, gtidEvent(1, 100), v2("f.000001", 500)); err != nil || len(txns) != 0 {
		t.Errorf("a keepalive inside a transaction: %v, %v", txns, err)
	}
}

// TestLoadedPayload has a compressed transaction whose sizes lie.
func TestLoadedPayload(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	huge := xidEvent(0)
	binary.LittleEndian.PutUint32(huge[9:], 1<<30)
	for name, plain := range map[string][]byte{"huge": huge, "short": huge[:5], "bad": append(xidEvent(0), 1, 2, 3)} {
		packed := z.EncodeAll(plain, nil)
		for _, head := range [][]byte{{2, 1, 0, 0}, {2, 1, 0, 3, 1, byte(len(plain)), 0}, {2, 1, 0, 3, 3, 0xfd, 0, 0, 0}} {
			body := append(slices.Clone(head), packed...)
			r := started(t, replica.ModeGTID)
			var err error
			spent(t, len(body), func() {
				_, err = feedAll(r, gtidEvent(1, 100), eventBytes(evPayload, 0, 200, body))
			})
			if name != "bad" && code(err) != 61130 {
				t.Errorf("%s, %x: %v", name, head, err)
			}
		}
	}
}

// TestInflateBounds has lengths that lie.
func TestInflateBounds(t *testing.T) {
	for _, b := range [][]byte{{0x84, 0xff, 0xff, 0xff, 0xff, 0x78, 0x9c}, {0x8c, 0xff, 0xff, 0xff, 0xff, 1}, {0x8c, 0x7f, 0xff, 0xff, 0xff, 1}} {
		for _, f := range []func([]byte) ([]byte, error){inflate, inflateColumn} {
			spent(t, len(b), func() {
				if out, err := f(b); err == nil {
					t.Errorf("%x: %d bytes", b, len(out))
				}
			})
		}
	}
}

// TestTextOfAnotherSet: the reader leaves a statement's bytes as they are.
// Whether they matter, and what they mean, is decided by who knows the rules.
func TestTextOfAnotherSet(t *testing.T) {
	r := offline(replica.ModeGTID, wantsInts())
	txns, err := feedAll(r, rotateTo("f.000001", 4), format(), gtidEvent(1, 100), queryEvent("ALTER TABLE t ADD `\xff` INT", 200))
	if err != nil || len(txns) != 1 || txns[0].DDL == nil || txns[0].DDL.Text != "ALTER TABLE t ADD `\xff` INT" {
		t.Errorf("%+v, %v", txns, err)
	}
}

var (
	mysqlDialect   = dialect{replica.Dialect{Version: 90704}}
	mariaDBDialect = dialect{replica.Dialect{MariaDB: true, Version: 101106}}
)

// TestKeywordOfDialect: a version comment is code for one server only.
func TestKeywordOfDialect(t *testing.T) {
	for sql, want := range map[string][2]string{
		"/*M!100100 DELETE */ FROM": {"FROM", "DELETE"}, "/*M!999999\\- enable the sandbox mode */": {"", ""},
		"/*M!999999\\- enable the sandbox mode */ DROP TABLE t": {"DROP", "DROP"},
		"/*!80000 UPDATE */ x": {"UPDATE", "X"}, "/*!99999 UPDATE */ x": {"X", "X"}, "/*!50100 UPDATE */ x": {"UPDATE", "UPDATE"},
		"/*!99999 UPDATE /* y */ z */ x": {"X", "X"}, "/*!100100 UPDATE */ x": {"X", "UPDATE"}, "/*!99999 open": {"", ""},
	} {
		for i, d := range []dialect{mysqlDialect, mariaDBDialect} {
			if got, _ := d.keyword(sql); got != want[i] {
				t.Errorf("keyword(%q) of %+v = %q, want %q", sql, d, got, want[i])
			}
		}
	}
}

// TestKeyword lists statements as sources log them.
func TestKeyword(t *testing.T) {
	for sql, want := range map[string]string{
		"BEGIN": "BEGIN", "commit": "COMMIT", "  \t\r\n\v\fINSERT": "INSERT", "/* a */ /* b */update x": "UPDATE", "/*!50503 DELETE */ FROM": "DELETE",
		"-- c\nALTER": "ALTER", "--\nALTER": "ALTER", "--\tc\nALTER": "ALTER", "# c\n# d\nDROP": "DROP", "((SELECT 1))": "SELECT",
		"": "", ";": "", "/* open": "", "--": "", "-- x": "", "#": "", "--x": "", "XA\tCOMMIT": "XA", "SAVEPOINT`a`": "SAVEPOINT", "/*! */INSERT": "INSERT",
		"INSERT/**/INTO": "INSERT", "\u00a0INSERT": "",
	} {
		if got, _ := mysqlDialect.keyword(sql); got != want {
			t.Errorf("keyword(%q) = %q, want %q", sql, got, want)
		}
	}
	for sql, want := range map[string]bool{
		"CREATE TEMPORARY TABLE t": true, "create or replace temporary table t": true, "DROP /*!40005 TEMPORARY */ TABLE t": true,
		"CREATE TABLE temporary": false, "DROP TABLE t": false, "CREATE TEMPORARY SEQUENCE t": false, "CREATE OR REPLACE TABLE t": false,
		"ALTER TABLE t": false, "CREATE /* TEMPORARY */ TABLE t": false,
	} {
		if got := mysqlDialect.isTemporary(mysqlDialect.keyword(sql)); got != want {
			t.Errorf("isTemporary(%q) = %v", sql, got)
		}
	}
	for sql, want := range map[string]bool{"SET STATEMENT a=1 FOR ALTER TABLE t": false, "SET @a = 1": true, "WITH x AS (SELECT 1) DELETE FROM t": true,
		"TRUNCATE t": false, "GRANT ALL": false, "CALL p()": true} {
		if got := mysqlDialect.isData(mysqlDialect.keyword(sql)); got != want {
			t.Errorf("isData(%q) = %v", sql, got)
		}
	}
}

// TestDamagedJSON has documents whose parts refer to each other.
func TestDamagedJSON(t *testing.T) {
	// Each array holds the next one twice: 2^100 values if it were believed.
	var doc []byte
	for range 100 {
		n := len(doc)
		doc = append([]byte{2, 0, byte(n + 10), byte((n + 10) >> 8), jsonSmallArray, 10, 0, jsonSmallArray, 10, 0}, doc...)
	}
	for name, b := range map[string][]byte{
		"bomb":     append([]byte{jsonSmallArray}, doc...),
		"NaN":      binary.LittleEndian.AppendUint64([]byte{jsonDouble}, 0x7ff8000000000001),
		"infinity": binary.LittleEndian.AppendUint64([]byte{jsonDouble}, 0x7ff0000000000000),
		"itself":   {jsonSmallArray, 1, 0, 7, 0, jsonSmallArray, 0, 0},
		"count":    {jsonLargeArray, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0},
		"string":   {jsonString, 0xff, 0xff, 0xff, 0xff, 0x0f, 'a'},
		"decimal":  {jsonOpaque, colNewDecimal, 3, 0, 0, 0},
	} {
		if out, err := decodeJSON(nil, b); err == nil {
			t.Errorf("%s: %d bytes: %.60q", name, len(out), out)
		}
	}
	out, err := decodeJSON(nil, append([]byte{jsonString, 100}, strings.Repeat("\x01", 100)...))
	if err != nil || len(out) != 602 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if out, err := decodeJSON(nil, binary.LittleEndian.AppendUint64([]byte{jsonDouble}, 0x3ff0000000000000)); string(out) != "1.0" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestWidePayload has a small compressed transaction whose frame announces the
// window of a large one, as servers write it that do not pledge the size.
func TestWidePayload(t *testing.T) {
	plain := slices.Concat(queryEvent("BEGIN", 0), mapEvent(1, 0), intRows(1, 3, 0), xidEvent(0))
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithWindowSize(2<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Flush(), z.Close()); err != nil {
		t.Fatal(err)
	}
	r := started(t, replica.ModeGTID)
	defer r.zstd.close()
	for seq := uint64(1); seq <= 3; seq++ { // the memory is used again
		body := append([]byte{2, 1, 0, 3, 3, 0xfc, byte(len(plain)), byte(len(plain) >> 8), 0}, packed.Bytes()...)
		txns, err := feedAll(r, gtidEvent(seq, 100), eventBytes(evPayload, 0, 200, body))
		if err != nil || len(txns) != 1 || len(txns[0].Rows) != 3 {
			t.Fatalf("%v %v", txns, err)
		}
	}
}

// TestPollBehindPayload: what follows a compressed transaction is not waited
// for by Poll.
func TestPollBehindPayload(t *testing.T) {
	inner := slices.Concat(queryEvent("BEGIN", 0), mapEvent(1, 0), intRows(1, 3, 0), xidEvent(0))
	body := append([]byte{2, 3, 0xfc, 255, 0, 0}, inner...) // stored plain
	list := [][]byte{rotateTo("f.000001", 4), format()}
	for seq := uint64(1); seq <= 3; seq++ {
		list = append(list, gtidEvent(seq, 0), eventBytes(evPayload, 0, 0, body))
	}
	var stream []byte
	for i, e := range list {
		n := len(e) + 1
		stream = append(append(stream, byte(n), byte(n>>8), byte(n>>16), byte(i+1), 0), e...)
	}
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	go func() { _, _ = there.Write(stream) }()
	r := offline(replica.ModeGTID, wantsInts())
	r.k = &conn{in: packets{nc: here, timeout: time.Minute, seq: 1}}
	for seq := uint64(1); seq <= 3; seq++ {
		next := r.Poll
		if seq == 1 {
			next = r.Next
		}
		if x, err := next(); err != nil || x == nil || x.ID.Seq != seq || len(x.Rows) != 3 {
			t.Fatalf("transaction %d: %v %v", seq, x, err)
		}
	}
	began := time.Now()
	if x, err := r.Poll(); x != nil || err != nil || time.Since(began) > 30*time.Second {
		t.Errorf("%v %v after %v", x, err, time.Since(began))
	}
}
