package binlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"sluice/replica"
)

// played is a connection from which the given bytes are read, some at a time.
type played struct {
	net.Conn
	pieces [][]byte
}

func (p *played) SetReadDeadline(time.Time) error { return nil }

func (p *played) Read(b []byte) (int, error) {
	for len(p.pieces) > 0 && len(p.pieces[0]) == 0 {
		p.pieces = p.pieces[1:]
	}
	if len(p.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 100_000)], p.pieces[0])
	p.pieces[0] = p.pieces[0][n:]
	return n, nil
}

// playing is a Reader of events that come over a connection, in packets.
func playing(events ...[]byte) *Reader {
	c, seq := &played{}, byte(1)
	for _, e := range events {
		rest := append([]byte{0}, e...)
		for full := true; full; seq++ {
			n := min(len(rest), fullPacket)
			full = n == fullPacket
			c.pieces = append(c.pieces, binary.LittleEndian.AppendUint32(nil, uint32(n)|uint32(seq)<<24), rest[:n:n])
			rest = rest[n:]
		}
	}
	r := offline(replica.ModeGTID, wantsInts())
	r.k = &conn{in: packets{nc: c, seq: 1}}
	return r
}

// longTransaction is a transaction of n times 2,000 rows whose payload is not
// compressed, as the events of a stream with checksums; pad makes it longer.
func longTransaction(n, pad int) [][]byte {
	random := rand.NewChaCha8([32]byte{})
	inner := [][]byte{queryEvent("BEGIN", 150), mapEvent(7, 200)}
	for range n {
		body := []byte{7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1}
		for range 2000 {
			body = binary.LittleEndian.AppendUint32(append(body, 0), uint32(random.Uint64()))
		}
		inner = append(inner, eventBytes(evWriteRowsV2, 0, 250, body))
	}
	if pad > 0 {
		inner = append(inner, eventBytes(evIgnorable, flagIgnorable, 250, make([]byte, pad-headerLen)))
	}
	inner = append(inner, xidEvent(300))
	payload := slices.Concat(append([][]byte{{2, 1, 255, 0}}, inner...)...)
	payload[2] = 0xfc // the algorithm's number, 255, is written in three bytes
	payload = slices.Concat([]byte{2, 3, 0xfc, 255, 0, 0}, payload[4:])
	with := sealedFormat()
	return [][]byte{rotateTo("f.000001", 4), with, sealed(gtidEvent(5, 100)), sealed(eventBytes(evPayload, 0, 400, payload)),
		sealed(gtidEvent(6, 500)), sealed(queryEvent("BEGIN", 550)), sealed(mapEvent(7, 600)), sealed(intRows(7, 3, 650)), sealed(xidEvent(700))}
}

// sealedFormat is a format description that announces checksums.
func sealedFormat() []byte {
	b := format()
	b[len(b)-5] = checksumCRC32
	return sealed(b[:len(b)-4])
}

// TestLongTransaction reads a transaction whose one event is several packets
// long: in parts, whole, and without holding more of it than a packet.
func TestLongTransaction(t *testing.T) {
	const n = 5000
	r := playing(longTransaction(n, 0)...)
	r.cfg.MaxRows = 20_000
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rows, parts, highest := uint64(0), 0, uint64(0)
	for {
		x, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if x.FirstRow != rows || x.ID.Seq != 5 {
			t.Fatalf("part %d of transaction %s begins at row %d", parts, x.ID, x.FirstRow)
		}
		rows += uint64(len(x.Rows))
		if parts++; parts%50 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
		}
		if !x.More {
			break
		}
	}
	if rows != n*2000 || parts < 400 {
		t.Errorf("%d rows in %d parts", rows, parts)
	}
	if highest > 24<<20 {
		t.Errorf("%d MiB in use for a transaction of 50 MB in parts", highest>>20)
	}
	if x, err := r.Next(); err != nil || x.ID.Seq != 6 || len(x.Rows) != 3 {
		t.Errorf("behind it comes %v, %v", x, err)
	}
}

// TestLongTransactionEdges: its end, and its checksum, may stand on either side
// of a packet's end.
func TestLongTransactionEdges(t *testing.T) {
	events := longTransaction(1, 1000)
	usual := len(events[3]) + 1
	for d := -7; d <= 3; d++ {
		list := longTransaction(1, 1000+fullPacket-usual+d)
		r := playing(list...)
		for _, want := range []int{2000, 3} {
			if x, err := r.Next(); err != nil || len(x.Rows) != want || x.More {
				t.Fatalf("%d bytes, %d beyond a packet: %v", len(list[3]), d, err)
			}
		}
	}
}

// TestLongTransactionDamaged: nothing of an event that is damaged, or whose end is
// missing, is handed on; it can be read again.
func TestLongTransactionDamaged(t *testing.T) {
	list := longTransaction(1800, 0)
	damaged := slices.Clone(list)
	damaged[3] = bytes.Clone(list[3])
	damaged[3][len(damaged[3])-3000] ^= 1
	early := slices.Clone(list)
	early[3] = bytes.Clone(list[3])
	early[3][3000] ^= 1
	short := slices.Clone(list[:4])
	short[3] = list[3][:len(list[3])-1000]
	binary.LittleEndian.PutUint32(short[3][9:], uint32(len(list[3])))
	long := slices.Clone(list)
	long[3] = append(bytes.Clone(list[3]), 0)
	binary.LittleEndian.PutUint32(long[3][9:], uint32(len(list[3])))
	for _, c := range []struct {
		name   string
		events [][]byte
		code   uint16
	}{
		{"damaged", damaged, 61130},
		{"damaged early", early, 61130},
		{"too long", long, 61130},
		{"cut off", short, 0},
	} {
		r := playing(c.events...)
		r.cfg.MaxRows = 20_000
		x, err := r.Next()
		if x != nil || code(err) != c.code || c.code == 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v, %v", c.name, x, err)
		}
		var e *replica.Error
		if c.code != 0 && (!errors.As(err, &e) || !e.Transient) {
			t.Errorf("%s: it is not read again: %v", c.name, err)
		}
	}
}

// TestSpool: what is on disk is gone when the transaction is read, or its reader
// closed; a disk that does not take it is an error of its own.
func TestSpool(t *testing.T) {
	folder := t.TempDir()
	r := playing(longTransaction(1800, 0)...)
	r.cfg.SpoolDir, r.cfg.MaxRows = folder, 20_000
	if x, err := r.Next(); err != nil || !x.More {
		t.Fatalf("%v, %v", x, err)
	}
	if list, err := os.ReadDir(folder); err != nil || len(list) > 0 {
		t.Errorf("%v are in the folder: %v", list, err)
	}
	f := r.payload.rest.f
	r.payload.close()
	if _, err := f.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is open: %v", err)
	}
	r = playing(longTransaction(1800, 0)...)
	r.cfg.SpoolDir = filepath.Join(folder, "missing")
	if _, err := r.Next(); code(err) != 61137 {
		t.Error(err)
	}
}
