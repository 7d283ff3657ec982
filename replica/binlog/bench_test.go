package binlog

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/klauspost/compress/zstd"

	"sluice/replica"
)

// benchShape is a table and one row image of it.
type benchShape struct {
	table *replica.Table
	types []byte
	meta  []byte
	signs []byte // the signedness bits of the numeric columns
	image []byte // the first column, from byte 1 on, is overwritten with a number
}

// narrowShape is sysbench's table; mixedShape has what is not stored as it is
// printed, jsonShape a document.
var (
	narrowShape = benchShape{
		table: &replica.Table{Schema: "d", Name: "t", Columns: []replica.Column{
			{Name: "id", Type: replica.TypeInt, SQLType: "int"}, {Name: "k", Type: replica.TypeInt, SQLType: "int"},
			{Name: "c", Type: replica.TypeVarchar, SQLType: "varchar(120)", Charset: "utf8mb4", Length: 120},
			{Name: "pad", Type: replica.TypeVarchar, SQLType: "varchar(60)", Charset: "utf8mb4", Length: 60}}},
		types: []byte{colLong, colLong, colVarchar, colVarchar},
		meta:  []byte{0xe0, 1, 240, 0},
		signs: []byte{0},
		image: append(append([]byte{0, 1, 0, 0, 0, 2, 0, 0, 0, 119, 0}, bytes.Repeat([]byte("4"), 119)...),
			append([]byte{59}, bytes.Repeat([]byte("5"), 59)...)...),
	}
	mixedShape = benchShape{
		table: &replica.Table{Schema: "d", Name: "t", Columns: []replica.Column{
			{Name: "id", Type: replica.TypeBigInt, SQLType: "bigint"}, {Name: "d", Type: replica.TypeDecimal, SQLType: "decimal(18,4)", Length: 18, Scale: 4},
			{Name: "at", Type: replica.TypeDateTime, SQLType: "datetime(6)", Scale: 6}, {Name: "f", Type: replica.TypeDouble, SQLType: "double"}}},
		types: []byte{colLongLong, colNewDecimal, colDateTime2, colDouble},
		meta:  []byte{18, 4, 6, 8},
		signs: []byte{0},
		image: []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 1, 0x34, 0x12, 0, 7, 0x10, 0x22, 0x99, 0xb2, 0xd5, 0x45, 0x67, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f},
	}
	jsonShape = benchShape{
		table: &replica.Table{Schema: "d", Name: "t", Columns: []replica.Column{
			{Name: "id", Type: replica.TypeInt, SQLType: "int"}, {Name: "doc", Type: replica.TypeJSON, SQLType: "json"}}},
		types: []byte{colLong, colJSON},
		meta:  []byte{4},
		signs: []byte{0},
		image: append([]byte{0, 1, 0, 0, 0, byte(len(benchDocument)), 0, 0, 0}, benchDocument...),
	}
)

// benchDocument is {"ab": "hello", "tags": [1, 2, true]} as MySQL stores it.
var benchDocument = []byte{jsonSmallObject,
	2, 0, 43, 0, // members, bytes
	18, 0, 2, 0, 20, 0, 4, 0, // where the keys are
	jsonString, 24, 0, jsonSmallArray, 30, 0, // the values
	'a', 'b', 't', 'a', 'g', 's', 5, 'h', 'e', 'l', 'l', 'o',
	3, 0, 13, 0, jsonInt16, 1, 0, jsonInt16, 2, 0, jsonLiteral, 1, 0}

// group is one transaction of n rows, 40 an event, as MySQL logs it: inserts, or
// updates that change the first column.
func (s *benchShape) group(seq uint64, n int, update bool) (events [][]byte) {
	body := []byte{1, 0, 0, 0, 0, 0, 1, 0, 1, 'd', 0, 1, 't', 0, byte(len(s.types))}
	body = append(append(append(body, s.types...), byte(len(s.meta))), s.meta...)
	body = append(append(body, 0, 1, byte(len(s.signs))), s.signs...)
	events = append(events, gtidEvent(seq, 0), queryEvent("BEGIN", 0), eventBytes(evTableMap, 0, 0, body))
	typ := byte(evWriteRowsV2)
	if update {
		typ = evUpdateRowsV2
	}
	for n > 0 {
		k := min(n, 40)
		rows := []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, byte(len(s.types)), 0xff}
		if update {
			rows = append(rows, 0xff)
		}
		for range k {
			if update {
				rows = append(rows, s.image...)
			}
			at := len(rows)
			rows = append(rows, s.image...)
			binary.LittleEndian.PutUint32(rows[at+1:], uint32(seq)*1000+uint32(n))
		}
		events = append(events, eventBytes(typ, 0, 0, rows))
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
		name    string
		shape   *benchShape
		rows    int
		update  bool
		payload bool
	}{{"single", &narrowShape, 1, false, false}, {"bulk", &narrowShape, 1000, false, false}, {"mixed", &mixedShape, 1000, false, false}, {"json", &jsonShape, 1000, false, false},
		{"bulk-update", &narrowShape, 1000, true, false}, {"mixed-update", &mixedShape, 1000, true, false}, {"json-update", &jsonShape, 1000, true, false},
		{"compressed", &narrowShape, 1000, false, true}} {
		events, size := c.shape.group(1, c.rows, c.update), 0
		if c.payload {
			events = append(events[:1:1], packed(b, events[1:]...))
		}
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
					rows += imagesOf(e)
				}
				if images := map[bool]int{false: 1, true: 2}[c.update]; rows != c.rows*images {
					b.Fatal(rows)
				}
			}
		})
	}
}

// imagesOf counts the row images of an event that go-mysql parsed.
func imagesOf(e *replication.BinlogEvent) (n int) {
	switch x := e.Event.(type) {
	case *replication.RowsEvent:
		n = len(x.Rows)
	case *replication.TransactionPayloadEvent:
		for _, e := range x.Events {
			n += imagesOf(e)
		}
	}
	return n
}

// packed is a compressed transaction of some events.
func packed(tb testing.TB, events ...[]byte) []byte {
	tb.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	plain := slices.Concat(events...)
	size := func(n int) []byte { return binary.LittleEndian.AppendUint64([]byte{9, 0xfe}, uint64(n)) }
	body := z.EncodeAll(plain, nil)
	head := slices.Concat([]byte{2, 1, 0}, []byte{3}, size(len(plain)), []byte{1}, size(len(body)), []byte{0})
	return eventBytes(evPayload, 0, 0, append(head, body...))
}

// BenchmarkImage measures what it would gain to find a row's columns first and
// to make values only where a key needs them, here of the first column.
func BenchmarkImage(b *testing.B) {
	for _, c := range []struct {
		name  string
		shape *benchShape
	}{{"narrow", &narrowShape}, {"mixed", &mixedShape}, {"json", &jsonShape}} {
		mem := &arena{}
		m, err := parseTableMap(c.shape.group(1, 1, false)[2][headerLen:])
		if err != nil {
			b.Fatal(err)
		}
		d, err := newRowDecoder(m, c.shape.table, mem)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/values", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if row, rest, err := d.image(c.shape.image, nil, nil); err != nil || len(rest) > 0 || row[0].Kind != replica.KindInt {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/offsets", func(b *testing.B) {
			b.ReportAllocs()
			var slab []uint32
			for b.Loop() {
				if len(slab) < len(d.columns) {
					slab = make([]uint32, 4096)
				}
				n := offsets(d, c.shape.image, slab[:len(d.columns)])
				var v replica.Value
				if err := d.columns[0].value(&v, c.shape.image[slab[0]:slab[0]+uint32(d.columns[0].size)], mem); err != nil || n != len(c.shape.image) || v.Kind != replica.KindInt {
					b.Fatal(n, err)
				}
				slab = slab[len(d.columns):]
			}
		})
	}
}

// offsets finds where each column of an image without NULLs begins, and the end.
func offsets(d *rowDecoder, b []byte, out []uint32) int {
	at := (len(d.columns) + 7) / 8
	for i := range d.columns {
		cd := &d.columns[i]
		n := cd.size
		if cd.length > 0 {
			n = int(littleEndian(b[at : at+cd.length]))
			at += cd.length
		}
		out[i] = uint32(at)
		at += n
	}
	return at
}
