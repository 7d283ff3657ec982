package binlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/schema"
)

var capture = flag.Bool("capture", false, "write testdata/*.binlog again, from real servers")

// captured are the binlog files that the tests without servers read.
var captured = []struct {
	file string
	kind servers.Kind
}{{"testdata/mysql.binlog", servers.MySQL}, {"testdata/mariadb.binlog", servers.MariaDB}}

const captureColumns = `id INT PRIMARY KEY, a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT, d BIGINT UNSIGNED, e DECIMAL(65,30), f DECIMAL(10,0), g FLOAT,
	h DOUBLE, i BIT(1), j BIT(33), k DATE, l TIME, m TIME(3), n TIME(6), o DATETIME, p DATETIME(2), q DATETIME(5), r TIMESTAMP NULL, s TIMESTAMP(4) NULL, t YEAR,
	u CHAR(5), v VARCHAR(300), w TEXT, x BINARY(4), y VARBINARY(9), z LONGBLOB, aa ENUM('x','y'), ab SET('a','b','c','d','e','f','g','h','i'), ac JSON`

var captureStatements = []string{
	"CREATE TABLE cap (" + captureColumns + ")",
	`INSERT INTO cap VALUES (1, -128, 65535, -8388608, 18446744073709551615, '-99999999999999999999999999999999999.999999999999999999999999999999', -9999999999, 1.5,
		-2.5e300, 1, 8589934591, '9999-12-31', '-838:59:59', '-00:00:00.001', '23:59:59.999999', '9999-12-31 23:59:59', '1000-01-01 00:00:00.25', '2020-02-29 01:02:03.45678',
		'2038-01-19 03:14:07', '2000-01-01 00:00:00.1234', 2155, 'abc', 'héllo', 'text', x'6100', x'00ff', x'8000', 'y', 'a,i', '{"a": [1, -2, 3.5, null, true, "x\\\\ny"], "b": {}}')`,
	"INSERT INTO cap (id) VALUES (2), (3)",
	`INSERT INTO cap (id, e, k, l, o, r, t, w, ac) VALUES (4, 0.5, '0000-00-00', '00:00:00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', 0, '', '[70000, 5000000000, 18446744073709551615, 1e100]')`,
	"UPDATE cap SET a = 5, v = REPEAT('é', 150), e = -e WHERE id <= 2",
	"BEGIN", "DELETE FROM cap WHERE id = 1", "SAVEPOINT s", "UPDATE cap SET b = 7", "COMMIT",
	"CREATE TABLE other (id INT PRIMARY KEY)", "INSERT INTO other VALUES (1)", "ALTER TABLE other ADD a INT",
	"XA START 'x'", "INSERT INTO other VALUES (2, 2)", "XA END 'x'", "XA COMMIT 'x' ONE PHASE",
	"DELETE FROM cap",
}

var captureOnly = map[servers.Kind][]string{
	servers.MySQL: {"SET SESSION binlog_transaction_compression=ON", "INSERT INTO cap (id, w) VALUES (9, REPEAT('z', 3000))", "SET SESSION binlog_transaction_compression=OFF",
		"SET gtid_next='AUTOMATIC:tag'", "DELETE FROM cap", "SET gtid_next='AUTOMATIC'",
		`INSERT INTO cap (id, ac) VALUES (10, JSON_OBJECT('d', CAST(1.50 AS DECIMAL(5,2)), 't', TIME'01:02:03', 'n', DATE'2020-01-01', 'b', x'00ff', 'l', REPEAT('j', 200)))`},
	servers.MariaDB: {"SET SESSION binlog_annotate_row_events=ON", "SET GLOBAL log_bin_compress=ON, GLOBAL log_bin_compress_min_len=10",
		"INSERT INTO cap (id, w) VALUES (9, REPEAT('z', 3000))", "UPDATE cap SET a = 1", "DELETE FROM cap", "SET GLOBAL log_bin_compress=OFF",
		"CREATE TABLE zip (id INT PRIMARY KEY, a VARCHAR(900) COMPRESSED, b BLOB COMPRESSED)", "INSERT INTO zip VALUES (1, REPEAT('a', 800), 'x')"},
}

// record writes what a server logs for the statements.
func record(t *testing.T, file string, kind servers.Kind) {
	l := newLab(t, kind, "--character-set-server=utf8mb4")
	l.exec(t, "SET GLOBAL binlog_checksum=CRC32", "FLUSH BINARY LOGS", "SET time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES'")
	name := l.hereFile(t).At().File
	l.exec(t, captureStatements...)
	l.exec(t, captureOnly[kind]...)
	b, err := os.ReadFile(filepath.Join(l.Dir, "data", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// events splits a binlog file.
func events(t testing.TB, file string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = b[4:]
	var out [][]byte
	for len(b) > 0 {
		n := int(binary.LittleEndian.Uint32(b[9:]))
		out = append(out, b[:n:n])
		b = b[n:]
	}
	return out
}

// follower is a Resolver that knows the tables whose DDL it has seen.
type follower struct{ tables map[string]*replica.Table }

func (f *follower) Table(m *TableMap) (*replica.Table, error) { return f.tables[m.Name], nil }
func (f *follower) Statement(replica.DDL) error               { return errStatement }

func (f *follower) see(t testing.TB, d *replica.DDL) {
	t.Helper()
	if d != nil && strings.HasPrefix(d.Text, "ALTER TABLE other") {
		delete(f.tables, "other") // not wanted any more
	}
	if d == nil || !strings.HasPrefix(d.Text, "CREATE TABLE") {
		return
	}
	table, err := schema.ParseCreate(d.Schema, d.Text, schema.Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	f.tables[table.Name] = table
}

// offline is a Reader that is fed.
func offline(mode replica.Mode, x Resolver) *Reader {
	r := &Reader{resolver: x, mode: mode, checksum: checksumUnknown, tables: map[uint64]*TableMap{}}
	r.cfg.complete()
	r.at = replica.Coordinates{File: "f.000001", Pos: 4}
	return r
}

// feed is what Next does with the bytes that it reads.
func feed(r *Reader, b []byte) ([]*replica.Transaction, error) {
	e, err := parseEvent(b, r.checksum)
	if err != nil {
		return nil, err
	}
	r.track(&e)
	if err := r.handle(&e); err != nil {
		return nil, err
	}
	for r.payload != nil {
		if err := r.unroll(); err != nil {
			r.payload.close()
			return nil, err
		}
	}
	out := r.ready
	r.ready = nil
	return out, nil
}

// rotateTo is the event that a stream begins with.
func rotateTo(file string, pos uint64) []byte {
	body := append(binary.LittleEndian.AppendUint64(nil, pos), file...)
	return eventBytes(evRotate, flagArtificial, 0, body)
}

// eventBytes makes an event without a checksum.
func eventBytes(typ byte, flags uint16, logPos uint32, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 1_700_000_000)
	b = append(b, typ)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(headerLen+len(body)))
	b = binary.LittleEndian.AppendUint32(b, logPos)
	b = binary.LittleEndian.AppendUint16(b, flags)
	return append(b, body...)
}

// sealed adds a checksum.
func sealed(b []byte) []byte {
	b = slices.Clone(b)
	binary.LittleEndian.PutUint32(b[9:], uint32(len(b)+4))
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// bare cuts the checksum off.
func bare(b []byte) []byte {
	b = slices.Clone(b[:len(b)-4])
	binary.LittleEndian.PutUint32(b[9:], uint32(len(b)))
	return b
}

// oracle is go-mysql's parser, primed with a file's format description.
func oracle(t testing.TB, format []byte, mariadb bool) *replication.BinlogParser {
	t.Helper()
	p := replication.NewBinlogParser()
	p.SetTimestampStringLocation(time.UTC)
	p.SetRenderJSONAsMySQLText(true)
	p.SetVerifyChecksum(true)
	if mariadb {
		p.SetFlavor("mariadb")
	}
	format = slices.Clone(format)
	format[17] &^= 1 // the file was in use, which its checksum does not tell
	if _, err := p.Parse(format); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCapturedFiles reads real binlog files and compares every value with what
// go-mysql's parser makes of the same event.
func TestCapturedFiles(t *testing.T) {
	for _, c := range captured {
		t.Run(string(c.kind), func(t *testing.T) {
			if *capture {
				record(t, c.file, c.kind)
			}
			all := events(t, c.file)
			f := &follower{tables: map[string]*replica.Table{}}
			mode := replica.ModeGTID
			if c.kind == servers.MariaDB {
				mode = replica.ModeMariaDB
			}
			rd, other := offline(mode, f), oracle(t, all[0], c.kind == servers.MariaDB)
			if _, err := feed(rd, rotateTo("f.000001", 4)); err != nil {
				t.Fatal(err)
			}
			pos, compared, inTxn := 4, 0, []rowsOfEvent(nil)
			for i, b := range all {
				pos += len(b)
				txns, err := feed(rd, b)
				if err != nil {
					t.Fatalf("event %d of type %d: %v", i, b[4], err)
				}
				if i > 0 && f.tables["zip"] == nil { // go-mysql does not know COMPRESSED
					inTxn = append(inTxn, oracleRows(t, other, b)...)
				}
				if rd.at.Pos != uint64(pos) && b[4] != evRotate {
					t.Fatalf("event %d of type %d ends at %d, tracked %d", i, b[4], pos, rd.at.Pos)
				}
				for _, x := range txns {
					f.see(t, x.DDL)
					compared += compareRows(t, x, &inTxn)
				}
			}
			if compared < 15 || rd.txn != nil {
				t.Errorf("%d rows were compared; open: %v", compared, rd.txn)
			}
		})
	}
}

// rowsOfEvent are the images of one event, as go-mysql decodes them.
type rowsOfEvent struct {
	table string
	rows  [][]any
}

func oracleRows(t testing.TB, p *replication.BinlogParser, b []byte) (out []rowsOfEvent) {
	e, err := p.Parse(b)
	if err != nil {
		t.Fatalf("go-mysql: %v", err)
	}
	list := []*replication.BinlogEvent{e}
	if z, ok := e.Event.(*replication.TransactionPayloadEvent); ok {
		list = z.Events
	}
	for _, e := range list {
		if r, ok := e.Event.(*replication.RowsEvent); ok {
			out = append(out, rowsOfEvent{string(r.Table.Table), r.Rows})
		}
	}
	return out
}

// compareRows takes the rows of x off the events that go-mysql decoded.
func compareRows(t *testing.T, x *replica.Transaction, events *[]rowsOfEvent) int {
	t.Helper()
	var images [][]any
	for _, e := range *events {
		if e.table == "cap" || e.table == "other" && len(x.Rows) > 0 && x.Rows[0].Table.Name == "other" {
			images = append(images, e.rows...)
		}
	}
	*events = nil
	n := 0
	for _, r := range x.Rows {
		for _, image := range [][]replica.Value{r.Before, r.After} {
			if image == nil || r.Table.Name != "cap" {
				continue
			}
			if n == len(images) {
				t.Fatalf("%s has more rows than go-mysql sees", x.ID)
			}
			for i, v := range image {
				if why := differs(&r.Table.Columns[i], v, images[n][i]); why != "" {
					t.Errorf("%s, %s: %s", x.ID, r.Table.Columns[i].SQLType, why)
				}
			}
			n++
		}
	}
	return n
}

// differs compares a value with go-mysql's; "" when they are the same.
func differs(c *replica.Column, v replica.Value, other any) string {
	if v.IsNull() || other == nil {
		if v.IsNull() != (other == nil) {
			return fmt.Sprintf("%s, go-mysql %v", show(v), other)
		}
		return ""
	}
	same, err := equalTo(c, v, other)
	if err != nil || !same {
		return fmt.Sprintf("%s, go-mysql %T %v", show(v), other, other)
	}
	return ""
}

var errKind = errors.New("another kind of value")

func equalTo(c *replica.Column, v replica.Value, other any) (bool, error) {
	switch v.Kind {
	case replica.KindInt, replica.KindUint, replica.KindBit, replica.KindEnum, replica.KindSet:
		n, ok := number(other)
		if !ok {
			return false, errKind
		}
		if v.Kind == replica.KindUint { // go-mysql does not know signs
			bits := map[replica.ColumnType]uint{replica.TypeTinyInt: 8, replica.TypeSmallInt: 16, replica.TypeMediumInt: 24, replica.TypeInt: 32}[c.Type]
			if bits > 0 {
				n &= 1<<bits - 1
			}
		}
		return n == v.Num, nil
	case replica.KindFloat, replica.KindDouble:
		switch f := other.(type) {
		case float32:
			return floatOf(v) == float64(f) || f != f, nil
		case float64:
			return floatOf(v) == f || f != f, nil
		}
		return false, errKind
	case replica.KindJSON:
		return sameJSON(v.Bytes, textOf(other)), nil
	}
	text := textOf(other)
	if c.Type == replica.TypeBinary {
		text = append(bytes.Clone(text), make([]byte, max(0, len(v.Bytes)-len(text)))...)
	}
	return bytes.Equal(v.Bytes, text), nil
}
