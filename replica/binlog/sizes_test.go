package binlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"sluice/replica"
)

// flood is a connection that repeats full packets for ever after its first bytes.
type flood struct {
	net.Conn
	head []byte
	seq  byte
	left int
	sent int64
}

func (f *flood) SetReadDeadline(time.Time) error { return nil }

func (f *flood) Read(b []byte) (int, error) {
	if len(f.head) > 0 {
		n := copy(b, f.head)
		f.head = f.head[n:]
		return n, nil
	}
	if f.sent > 4<<30 {
		return 0, io.ErrNoProgress
	}
	if f.left == 0 {
		f.head = []byte{255, 255, 255, f.seq}
		f.seq++
		f.left = fullPacket
		return f.Read(b)
	}
	n := min(len(b), f.left)
	f.left -= n
	f.sent += int64(n)
	return n, nil
}

// TestEventsWithoutEnd: an event that goes on after the length in its header is an error, and what it takes of memory
// is its length and no more.
func TestEventsWithoutEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		typ  byte
		size uint32
		code uint16
		most int64 // bytes read
	}{
		{"rows of 20 MiB that do not end", evWriteRowsV2, 20 << 20, 61130, 64 << 20},
		{"an event that says less than its first packet", evQuery, 100, 61130, 32 << 20},
		{"a statement of 600 MiB", evQuery, 600 << 20, 61130, 640 << 20},
		{"an event of 3 GiB", evQuery, 3 << 30, 61130, 32 << 20},
		{"a compressed transaction of 3 GiB", evPayload, 3 << 30, 61130, 32 << 20},
		{"a compressed transaction that does not end", evPayload, 20 << 20, 61130, 64 << 20},
	} {
		head := eventBytes(c.typ, 0, 100, nil)
		binary.LittleEndian.PutUint32(head[9:], c.size)
		head = append([]byte{255, 255, 255, 1, 0}, head...)
		f := &flood{head: head, seq: 2, left: fullPacket - len(head) + packetHead}
		r := offline(replica.ModeGTID, wantsInts())
		r.checksum = 0
		r.k = &conn{in: packets{nc: f, seq: 1}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := r.Next()
		runtime.ReadMemStats(&after)
		var e *replica.Error
		if !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
		if f.sent > c.most {
			t.Errorf("%s: %d bytes were read", c.name, f.sent)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 256<<20 {
			t.Errorf("%s: %d bytes of memory", c.name, took)
		}
		dropOffline(r)
	}
}

// dropOffline closes what a Reader without a connection holds.
func dropOffline(r *Reader) {
	if r.payload != nil {
		r.payload.close()
	}
	r.zstd.close()
}

// TestRowsOfUnwantedTables: rows of a table that nobody wants are read and not held, however long they are.
func TestRowsOfUnwantedTables(t *testing.T) {
	body := append([]byte{7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1}, make([]byte, 40<<20)...)
	rows := sealed(eventBytes(evWriteRowsV2, 0, 300, body))
	events := [][]byte{rotateTo("f.000001", 4), sealedFormat(), sealed(gtidEvent(5, 100)), sealed(queryEvent("BEGIN", 150)), sealed(mapEvent(7, 200)), rows, sealed(xidEvent(400))}
	r := playing(events...)
	r.resolver = resolverFunc(func(*TableMap) (*replica.Table, error) { return nil, nil })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	txn, err := r.Next()
	runtime.ReadMemStats(&after)
	if err != nil || txn.End.Pos != 400 || len(txn.Rows) != 0 {
		t.Fatalf("%+v, %v", txn, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 36<<20 { // the first packet, twice while it grows
		t.Errorf("%d bytes of memory", took)
	}
	// Its checksum is verified.
	rows[len(rows)-9]++
	r = playing(events...)
	r.resolver = resolverFunc(func(*TableMap) (*replica.Table, error) { return nil, nil })
	if _, err := r.Next(); err == nil || !strings.Contains(err.Error(), "CRC32") {
		t.Errorf("a damaged event: %v", err)
	}
}

// TestManyRowsInOneEvent: an event whose rows take a hundred times its bytes is an error by name.
func TestManyRowsInOneEvent(t *testing.T) {
	// A row of NULLs takes one byte.
	body := append([]byte{7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1}, bytes.Repeat([]byte{0xff}, 15<<20)...)
	r := playing(rotateTo("f.000001", 4), sealedFormat(), sealed(gtidEvent(5, 100)), sealed(queryEvent("BEGIN", 150)), sealed(mapEvent(7, 200)), sealed(eventBytes(evWriteRowsV2, 0, 300, body)))
	_, err := r.Next()
	var e *replica.Error
	if !errors.As(err, &e) || e.Code != 61224 || e.Table == "" {
		t.Errorf("%v", err)
	}
}

// TestManyTableMaps: table maps without end are an error.
func TestManyTableMaps(t *testing.T) {
	r := offline(replica.ModeGTID, wantsInts())
	r.checksum = 0
	if _, err := feedAll(r, gtidEvent(5, 100), queryEvent("BEGIN", 150)); err != nil {
		t.Fatal(err)
	}
	var err error
	n := 0
	for ; err == nil && n < 1_000_000; n++ {
		m := mapEvent(7, 200)
		binary.LittleEndian.PutUint32(m[headerLen:], uint32(n))
		_, err = feedAll(r, m)
	}
	if err == nil || !strings.Contains(err.Error(), "maps more tables") {
		t.Errorf("%d maps: %v", n, err)
	}
}

// TestInflateBound: a compressed value does not get more memory than an event may take.
func TestInflateBound(t *testing.T) {
	b := append([]byte{0x84, 0xff, 0xff, 0xff, 0xff, 0x78, 0x9c}, make([]byte, 8<<20)...)
	if _, err := inflate(b); !errors.Is(err, errInflate) {
		t.Errorf("4 GiB: %v", err)
	}
}
