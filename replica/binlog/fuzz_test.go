package binlog

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/replication"

	"sluice/replica"
)

// spent fails when f takes far more memory than its input is worth. Deflate
// makes a thousand bytes of one, and a Value stands for a bit.
func spent(t *testing.T, input int, f func()) {
	t.Helper()
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	f()
	runtime.ReadMemStats(&b)
	if got, limit := b.TotalAlloc-a.TotalAlloc, uint64(8<<20+4096*input); got > limit {
		t.Errorf("%d bytes of memory for %d bytes of input", got, input)
	}
}

// seeds calls f with each captured event, without checksum.
func seeds(f *testing.F, use func(b []byte, mariadb bool)) {
	f.Helper()
	for i, c := range captured {
		for _, b := range events(f, c.file)[1:] {
			use(bare(b), i == 1)
		}
	}
}

// unpacked lists the events inside a compressed transaction.
func unpacked(b []byte) (out [][]byte) {
	r := offline(replica.ModeGTID, wantsInts())
	e, err := parseEvent(b, 0)
	if err != nil {
		return nil
	}
	r.txn = &replica.Transaction{}
	if r.openPayload(&e) != nil {
		return nil
	}
	defer r.payload.close()
	for {
		e, ok, err := r.payload.next()
		if err != nil || !ok {
			return out
		}
		out = append(out, eventBytes(e.typ, e.flags, e.logPos, e.body))
	}
}

// FuzzEvent feeds the reader a stream of events, cut by their own sizes.
func FuzzEvent(f *testing.F) {
	for _, c := range captured {
		var stream []byte
		for _, b := range events(f, c.file)[1:] {
			stream = append(stream, bare(b)...)
		}
		f.Add(stream)
		f.Add(stream[:len(stream)/2])
	}
	f.Add(slices.Concat(gtidEvent(1, 100), queryEvent("BEGIN", 150), mapEvent(7, 200), intRows(7, 3, 250), xidEvent(300)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<17 {
			return
		}
		for _, mode := range []replica.Mode{replica.ModeGTID, replica.ModeMariaDB, replica.ModeFile} {
			wide := 0
			r := offline(mode, anyTable{&wide})
			r.checksum = 0
			spent(t, len(b)+64*wide, func() { feedStream(t, r, b) })
		}
	})
}

// anyTable is a Resolver that wants every table that it can think up.
type anyTable struct{ wide *int }

func (a anyTable) Table(m *TableMap) (*replica.Table, error) {
	*a.wide += len(m.types)
	return tableOf(m), nil
}
func (anyTable) Statement(replica.DDL) error { return nil }

func feedStream(t *testing.T, r *Reader, b []byte) {
	for len(b) >= headerLen {
		n := int(min(uint64(binary.LittleEndian.Uint32(b[9:])), uint64(len(b))))
		if n < headerLen || b[4] == evPayload && hugePayload(b[:n]) {
			return
		}
		txns, err := feed(r, b[:n:n])
		if err != nil {
			return
		}
		for _, x := range txns {
			checkTransaction(t, x)
		}
		b = b[n:]
	}
}

// hugePayload says whether an event may honestly unroll to very much.
func hugePayload(b []byte) bool {
	total := 0
	for _, e := range unpacked(b) {
		total += len(e)
	}
	return total > 1<<20
}

func checkTransaction(t *testing.T, x *replica.Transaction) {
	if x.DDL != nil && len(x.Rows) > 0 || x.Keepalive && (len(x.Rows) > 0 || x.DDL != nil) {
		t.Errorf("an impossible transaction: %+v", x)
	}
	for _, r := range x.Rows {
		if (r.Before == nil) != (r.Op == replica.Insert) || (r.After == nil) != (r.Op == replica.Delete) {
			t.Errorf("operation %d has before %v, after %v", r.Op, r.Before != nil, r.After != nil)
		}
		for _, image := range [][]replica.Value{r.Before, r.After} {
			if image != nil && len(image) != len(r.Table.Columns) {
				t.Errorf("%d values for %d columns", len(image), len(r.Table.Columns))
			}
		}
	}
}

// tableOf makes a definition that fits a table map, or nil.
func tableOf(m *TableMap) *replica.Table {
	t := &replica.Table{Schema: m.Schema, Name: m.Name}
	numeric := 0
	for i := range m.types {
		c := replica.Column{Name: fmt.Sprintf("c%d", i), SQLType: "x", Charset: "utf8mb4"}
		if i < len(m.names) {
			c.Name = m.names[i]
		}
		real, _ := m.realType(i)
		for typ := replica.TypeTinyInt; typ <= replica.TypeVector; typ++ {
			if strings.IndexByte(typeCodes[typ], real) >= 0 && typ != replica.TypeBinary {
				c.Type = typ
				break
			}
		}
		if c.Type == replica.TypeUnknown || c.Type == replica.TypeGeometry {
			return nil
		}
		if isNumeric(m.types[i]) {
			c.Unsigned = m.unsigned != nil && m.unsigned[numeric]
			numeric++
		}
		t.Columns = append(t.Columns, c)
	}
	return t
}

// FuzzTableMap compares table maps with what go-mysql reads.
func FuzzTableMap(f *testing.F) {
	seeds(f, func(b []byte, mariadb bool) {
		for _, e := range append(unpacked(b), b) {
			if e[4] == evTableMap {
				f.Add(e[headerLen:], mariadb)
			}
		}
	})
	oracles := map[bool]*replication.BinlogParser{false: oracle(f, events(f, captured[0].file)[0], false), true: oracle(f, events(f, captured[1].file)[0], true)}
	f.Fuzz(func(t *testing.T, body []byte, mariadb bool) {
		if len(body) > 1<<16 {
			return
		}
		p := oracles[mariadb]
		var m *TableMap
		var err error
		spent(t, len(body), func() { m, err = parseTableMap(body) })
		if err != nil {
			if code(err) != 61130 {
				t.Errorf("error %v", err)
			}
			return
		}
		if len(m.types) == 0 || len(m.types) != len(m.meta) || m.names != nil && len(m.names) > len(body) {
			t.Errorf("%d types, %d metadata", len(m.types), len(m.meta))
		}
		if x := tableOf(m); x != nil {
			if _, err := newRowDecoder(m, x, &arena{}); err != nil && code(err) == 0 {
				t.Errorf("error %v", err)
			}
		}
		other, ok := parseBy(p, eventBytes(evTableMap, 0, 0, body)).(*replication.TableMapEvent)
		if !ok {
			return
		}
		if m.ID != other.TableID || m.Schema != string(other.Schema) || m.Name != string(other.Table) || !slices.Equal(m.types, other.ColumnType) {
			t.Errorf("%d %q %q %v, go-mysql %d %q %q %v", m.ID, m.Schema, m.Name, m.types, other.TableID, other.Schema, other.Table, other.ColumnType)
		}
		if names := other.ColumnNameString(); len(names) > 0 && len(m.names) > 0 && !slices.Equal(m.names[:min(len(names), len(m.names))], names[:min(len(names), len(m.names))]) {
			t.Errorf("names %q, go-mysql %q", m.names, names)
		}
	})
}

// parseBy parses an event with go-mysql; nil when it fails or panics.
func parseBy(p *replication.BinlogParser, b []byte) (e replication.Event) {
	defer func() {
		if recover() != nil {
			e = nil
		}
	}()
	x, err := p.Parse(sealed(b))
	if err != nil {
		return nil
	}
	return x.Event
}

// FuzzRowImage compares the values of a rows event with those of go-mysql.
func FuzzRowImage(f *testing.F) {
	var maps = map[uint64][]byte{}
	seeds(f, func(b []byte, mariadb bool) {
		for _, e := range append(unpacked(b), b) {
			switch e[4] {
			case evTableMap:
				m, err := parseTableMap(e[headerLen:])
				if err != nil {
					f.Fatal(err)
				}
				maps[m.ID] = e[headerLen:]
			case evWriteRowsV1, evUpdateRowsV1, evDeleteRowsV1, evWriteRowsV2, evUpdateRowsV2, evDeleteRowsV2:
				c := &cursor{b: e[headerLen:]}
				f.Add(maps[c.uint(6)], e[4], e[headerLen:], mariadb)
			}
		}
	})
	for _, s := range []*benchShape{&narrowShape, &mixedShape, &jsonShape} {
		for _, update := range []bool{false, true} {
			e := s.group(1, 2, update)
			f.Add(e[2][headerLen:], e[3][4], e[3][headerLen:], false)
		}
	}
	forms := map[bool][]byte{false: events(f, captured[0].file)[0], true: events(f, captured[1].file)[0]}
	f.Fuzz(func(t *testing.T, mapBody []byte, typ byte, body []byte, mariadb bool) {
		op := map[byte]replica.Op{evWriteRowsV1: replica.Insert, evWriteRowsV2: replica.Insert, evUpdateRowsV1: replica.Update, evUpdateRowsV2: replica.Update,
			evDeleteRowsV1: replica.Delete, evDeleteRowsV2: replica.Delete}[typ]
		if op == 0 || len(body) > 1<<16 || len(mapBody) > 1<<12 {
			return
		}
		m, err := parseTableMap(mapBody)
		if err != nil || tableOf(m) == nil {
			return
		}
		wide := 0
		r := offline(replica.ModeGTID, anyTable{&wide})
		r.checksum = 0
		r.txn = &replica.Transaction{}
		mapEvent, rows := eventBytes(evTableMap, 0, 0, mapBody), eventBytes(typ, 0, 0, body)
		if _, err := feed(r, mapEvent); err != nil {
			t.Fatal(err)
		}
		// A row of NULLs has a bit a column, and a Value has 40 bytes.
		spent(t, len(body)*16+64*len(m.types), func() { _, err = feed(r, rows) })
		if err != nil {
			if code(err) == 0 {
				t.Errorf("error %v", err)
			}
			return
		}
		p := oracle(t, forms[mariadb], mariadb)
		if parseBy(p, mapEvent) == nil {
			return
		}
		other, ok := parseBy(p, rows).(*replication.RowsEvent)
		if !ok {
			return
		}
		e, err := parseEvent(rows, 0)
		if err != nil {
			t.Fatal(err)
		}
		h, err := r.rowsHeader(&e, op)
		if err != nil {
			t.Fatal(err)
		}
		sameImages(t, r.txn.Rows, other, h)
	})
}

func sameImages(t *testing.T, rows []replica.RowChange, other *replication.RowsEvent, h rowsHeader) {
	n, d, left := 0, h.m.decoder, h.images
	for _, r := range rows {
		for k, image := range [][]replica.Value{r.Before, r.After} {
			if image == nil {
				continue
			}
			if n >= len(other.Rows) {
				t.Fatalf("more rows than go-mysql's %d", len(other.Rows))
			}
			list, err := d.present([][]byte{h.before, h.after}[k])
			if err != nil {
				t.Fatal(err)
			}
			var raw [][]byte
			raw, left = rawValues(d, left, list)
			for i, v := range image {
				cd := &d.columns[i]
				if cd.typ == colJSON || raw[i] != nil && !cd.possible(raw[i]) { // JSON: FuzzJSON
					continue
				}
				if why := differs(&r.Table.Columns[i], v, other.Rows[n][i]); why != "" && !fullSecond(cd, v, other.Rows[n][i]) {
					t.Errorf("column %d of binlog type %d, metadata %#x, bytes %x: %s", i, h.m.types[i], h.m.meta[i], raw[i], why)
				}
			}
			n++
		}
	}
	if n != len(other.Rows) {
		t.Errorf("%d images, go-mysql %d", n, len(other.Rows))
	}
}

// rawValues returns the bytes of each value of an image, nil for NULL, and what
// follows the image.
func rawValues(d *rowDecoder, b []byte, list []int) (raw [][]byte, rest []byte) {
	raw = make([][]byte, len(d.columns))
	n := len(d.columns)
	if list != nil {
		n = len(list)
	}
	bitmap, b := b[:(n+7)/8], b[(n+7)/8:]
	for k := range n {
		i := k
		if list != nil {
			i = list[k]
		}
		if bitmap[k/8]&(1<<(k%8)) != 0 {
			continue
		}
		cd := &d.columns[i]
		size := cd.size
		if cd.length > 0 {
			size = int(littleEndian(b[:cd.length]))
			b = b[cd.length:]
		}
		raw[i], b = b[:size:size], b[size:]
	}
	return raw, b
}

// possible says whether a server writes such bytes; what go-mysql prints for
// others is no oracle.
func (cd *columnDecoder) possible(raw []byte) bool {
	within := func(b []byte) bool { // the fraction of a second
		return len(b) == 0 || fraction(b, 2*len(b)) < 1e6
	}
	switch cd.typ {
	case colNewDecimal:
		// Printed in full, each group has as many digits as it may have.
		return slices.Equal(decimalGroups(raw, cd.prec, cd.fsp, false), decimalGroups(raw, cd.prec, cd.fsp, true))
	case colDate:
		return littleEndian(raw)>>9 <= 9999
	case colTime: // go-mysql does not know its sign
		return raw[2] < 0x80
	case colDateTime:
		return littleEndian(raw) < 1e14
	case colTimestamp2: // nothing within the second 0 but the zero value
		return within(raw[4:]) && (binary.BigEndian.Uint32(raw) > 0 || fraction(raw[4:], 2*len(raw[4:])) == 0)
	case colDateTime2:
		v := uint64(raw[0])<<32 | uint64(binary.BigEndian.Uint32(raw[1:]))
		return within(raw[5:]) && v >= 1<<39 && (v-1<<39)>>22/13 <= 9999
	case colTime2:
		if raw[0] < 0x80 { // negative: the complement
			v := slices.Clone(raw[3:])
			carry := uint(1)
			for i := len(v) - 1; i >= 0; i-- {
				n := uint(^v[i]) + carry
				v[i], carry = byte(n), n>>8
			}
			return within(v)
		}
		return within(raw[3:])
	case colBit, colEnum, colSet:
		return len(raw) <= 8 && (cd.typ != colEnum || len(raw) <= 2)
	}
	return true
}

// decimalGroups lists the groups of digits; cut: of no more digits than there
// may be.
func decimalGroups(raw []byte, precision, scale int, cut bool) (out []uint64) {
	flip := byte(0)
	if raw[0]&0x80 == 0 {
		flip = 0xff
	}
	at := 0
	group := func(n int) {
		var v uint64
		for i := range digitBytes[n] {
			b := raw[at+i] ^ flip
			if at+i == 0 {
				b ^= 0x80
			}
			v = v<<8 | uint64(b)
		}
		if at += digitBytes[n]; cut {
			v %= uint64(math.Pow10(n))
		}
		out = append(out, v)
	}
	whole := precision - scale
	group(whole % 9)
	for range whole / 9 {
		group(9)
	}
	for range scale / 9 {
		group(9)
	}
	group(scale % 9)
	return out
}

// fullSecond says whether go-mysql only left out the fraction of a TIME, as it
// does where that is zero.
func fullSecond(cd *columnDecoder, v replica.Value, other any) bool {
	text, ok := strings.CutSuffix(string(v.Bytes), "."+strings.Repeat("0", cd.fsp))
	return cd.typ == colTime2 && ok && text == string(textOf(other))
}

// FuzzJSON compares documents with what go-mysql prints.
func FuzzJSON(f *testing.F) {
	mapBody := []byte{9, 0, 0, 0, 0, 0, 1, 0, 1, 'd', 0, 1, 't', 0, 1, colJSON, 1, 4, 1}
	seeds(f, func(b []byte, mariadb bool) {
		for _, e := range append(unpacked(b), b) {
			if !mariadb && e[4] == evWriteRowsV2 && len(e) > 60 {
				f.Add(e[len(e)-60:]) // their last column is JSON
			}
		}
	})
	for _, doc := range jsonSeeds {
		f.Add(doc)
	}
	form := events(f, captured[0].file)[0]
	p := oracle(f, form, false)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 || len(b) == 0 {
			return
		}
		var text []byte
		var err error
		spent(t, len(b), func() { text, err = decodeJSON(nil, b) })
		if err != nil {
			return
		}
		if len(text) > jsonMaxGrowth*len(b)*2+128 {
			t.Errorf("%d bytes of text for %d", len(text), len(b))
		}
		if parseBy(p, eventBytes(evTableMap, 0, 0, mapBody)) == nil {
			t.Fatal("go-mysql refuses the table map")
		}
		body := []byte{9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1, 0}
		body = append(binary.LittleEndian.AppendUint32(body, uint32(len(b))), b...)
		other, ok := parseBy(p, eventBytes(evWriteRowsV2, 0, 0, body)).(*replication.RowsEvent)
		if !ok || len(other.Rows) != 1 || !utf8.Valid(b) {
			return
		}
		theirs := textOf(other.Rows[0][0])
		ours, err1 := parseJSON(text)
		x, err2 := parseJSON(theirs)
		if err2 != nil {
			return
		}
		if err1 != nil {
			t.Errorf("%q is no JSON: %v; go-mysql: %q", text, err1, theirs)
		} else if !strings.Contains(string(theirs), "base64") && !sameDocument(ours, x) {
			t.Errorf("%q, go-mysql %q", text, theirs)
		}
	})
}

// jsonSeeds are documents of each kind.
var jsonSeeds = [][]byte{
	{jsonLiteral, 0}, {jsonLiteral, 1}, {jsonInt16, 0xff, 0xff}, {jsonUint64, 1, 2, 3, 4, 5, 6, 7, 8}, {jsonString, 3, 'a', '"', '\n'},
	{jsonSmallArray, 2, 0, 10, 0, jsonLiteral, 1, 0, jsonInt16, 7, 0},
	{jsonSmallObject, 1, 0, 12, 0, 11, 0, 1, 0, jsonInt16, 5, 0, 'k'},
	{jsonLargeArray, 1, 0, 0, 0, 13, 0, 0, 0, jsonInt32, 1, 0, 0, 0},
	{jsonOpaque, colNewDecimal, 4, 3, 2, 0x81, 0x32}, {jsonOpaque, colDate, 8, 0, 0, 0, 0, 0, 0x80, 0xa5, 0x19},
	{jsonOpaque, colBlob, 2, 0, 0xff}, {jsonDouble, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f},
}

// FuzzQuery reads query events.
func FuzzQuery(f *testing.F) {
	seeds(f, func(b []byte, _ bool) {
		if b[4] == evQuery || b[4] == evMQueryZ {
			f.Add(b[4], b[headerLen:])
		}
	})
	p := oracle(f, events(f, captured[0].file)[0], false)
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		if typ != evQuery && typ != evMQueryZ || len(body) > 1<<16 {
			return
		}
		e := event{typ: typ, body: body}
		var q replica.DDL
		var err error
		spent(t, len(body), func() { q, err = parseQuery(&e) })
		if err != nil {
			if code(err) != 61130 {
				t.Errorf("error %v", err)
			}
			return
		}
		if other, ok := parseBy(p, eventBytes(evQuery, 0, 0, body)).(*replication.QueryEvent); ok && typ == evQuery {
			if q.Schema != string(other.Schema) || q.Text != string(other.Query) {
				t.Errorf("%q %q, go-mysql %q %q", q.Schema, q.Text, other.Schema, other.Query)
			}
		}
	})
}

// FuzzKeyword takes statements apart.
func FuzzKeyword(f *testing.F) {
	for _, s := range []string{"BEGIN", "/* a */ COMMIT", "/*!50100 INSERT */ INTO t", "-- x\nDROP TABLE t", "# x", "((SELECT 1))", "/*M!*/", "CREATE OR REPLACE TEMPORARY TABLE t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		word, rest := mysqlDialect.keyword(sql)
		if word != strings.ToUpper(word) || strings.ContainsAny(word, spaces+";(/*#-") {
			t.Errorf("word %q", word)
		}
		if !strings.HasSuffix(sql, rest) || len(word)+len(rest) > len(sql) {
			t.Errorf("%q then %q of %q", word, rest, sql)
		}
		again, _ := mysqlDialect.keyword(" \n/* c */-- d\n" + sql)
		if again != word {
			t.Errorf("behind comments %q, alone %q", again, word)
		}
		_, _ = mysqlDialect.isData(word, rest), mysqlDialect.isTemporary(word, rest)
	})
}
