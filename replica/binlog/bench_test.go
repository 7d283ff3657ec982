package binlog

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"sluice/replica"
)

// benchShape is a table and one row image of it.
type benchShape struct {
	table *replica.Table
	types []byte
	meta  []byte
	image []byte
}

// narrowShape is sysbench's table; mixedShape has what is not stored as it is
// printed.
var (
	narrowShape = benchShape{
		table: &replica.Table{Schema: "d", Name: "t", Columns: []replica.Column{
			{Name: "id", Type: replica.TypeInt, SQLType: "int"}, {Name: "k", Type: replica.TypeInt, SQLType: "int"},
			{Name: "c", Type: replica.TypeVarchar, SQLType: "varchar(120)", Charset: "utf8mb4", Length: 120},
			{Name: "pad", Type: replica.TypeVarchar, SQLType: "varchar(60)", Charset: "utf8mb4", Length: 60}}},
		types: []byte{colLong, colLong, colVarchar, colVarchar},
		meta:  []byte{0xe0, 1, 240, 0},
		image: append(append([]byte{0, 1, 0, 0, 0, 2, 0, 0, 0, 119, 0}, bytes.Repeat([]byte("4"), 119)...),
			append([]byte{59}, bytes.Repeat([]byte("5"), 59)...)...),
	}
	mixedShape = benchShape{
		table: &replica.Table{Schema: "d", Name: "t", Columns: []replica.Column{
			{Name: "id", Type: replica.TypeBigInt, SQLType: "bigint"}, {Name: "d", Type: replica.TypeDecimal, SQLType: "decimal(18,4)", Length: 18, Scale: 4},
			{Name: "at", Type: replica.TypeDateTime, SQLType: "datetime(6)", Scale: 6}, {Name: "f", Type: replica.TypeDouble, SQLType: "double"}}},
		types: []byte{colLongLong, colNewDecimal, colDateTime2, colDouble},
		meta:  []byte{18, 4, 6, 8},
		image: []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 1, 0x34, 0x12, 0, 7, 0x10, 0x22, 0x99, 0xb2, 0xd5, 0x45, 0x67, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f},
	}
)

// group is one transaction of n rows, 40 an event, as MySQL logs it.
func (s *benchShape) group(seq uint64, n int) (events [][]byte) {
	body := []byte{1, 0, 0, 0, 0, 0, 1, 0, 1, 'd', 0, 1, 't', 0, byte(len(s.types))}
	body = append(append(append(body, s.types...), byte(len(s.meta))), s.meta...)
	events = append(events, gtidEvent(seq, 0), queryEvent("BEGIN", 0), eventBytes(evTableMap, 0, 0, append(body, 0)))
	for n > 0 {
		k := min(n, 40)
		rows := []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, byte(len(s.types)), 0xff}
		for range k {
			at := len(rows)
			rows = append(rows, s.image...)
			binary.LittleEndian.PutUint32(rows[at+1:], uint32(seq)*1000+uint32(n))
		}
		events = append(events, eventBytes(evWriteRowsV2, 0, 0, rows))
		n -= k
	}
	return append(events, xidEvent(0))
}

// BenchmarkDecode compares this package with go-mysql's parser on the same
// events; the time is per row.
func BenchmarkDecode(b *testing.B) {
	head := events(b, "testdata/mysql.binlog")[0]
	head[17] &^= 1
	for _, c := range []struct {
		name  string
		shape *benchShape
		rows  int
	}{{"single", &narrowShape, 1}, {"bulk", &narrowShape, 1000}, {"mixed", &mixedShape, 1000}} {
		events, size := c.shape.group(1, c.rows), 0
		for i := range events {
			events[i] = sealed(events[i])
			size += len(events[i])
		}
		b.Run(c.name+"/sluice", func(b *testing.B) {
			r := offline(replica.ModeGTID, resolverFunc(func(*TableMap) (*replica.Table, error) { return c.shape.table, nil }))
			if _, err := feedAll(r, rotateTo("f.000001", 4), head); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size / c.rows))
			b.ReportAllocs()
			for i := 0; i < b.N; i += c.rows {
				if txns, err := feedAll(r, events...); err != nil || len(txns) != 1 || len(txns[0].Rows) != c.rows {
					b.Fatal(len(txns), err)
				}
			}
		})
		b.Run(c.name+"/go-mysql", func(b *testing.B) {
			p := replication.NewBinlogParser()
			p.SetVerifyChecksum(true)
			if _, err := p.Parse(head); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size / c.rows))
			b.ReportAllocs()
			for i := 0; i < b.N; i += c.rows {
				rows := 0
				for _, raw := range events {
					e, err := p.Parse(raw)
					if err != nil {
						b.Fatal(err)
					}
					if x, ok := e.Event.(*replication.RowsEvent); ok {
						rows += len(x.Rows)
					}
				}
				if rows != c.rows {
					b.Fatal(rows)
				}
			}
		})
	}
}
