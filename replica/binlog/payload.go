package binlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"sluice/replica"
)

// payload unrolls a compressed transaction event by event. A small one is
// decompressed at once; of a large one, one event and the decoder's window are
// in memory, and of its compressed bytes one packet, 16 MiB at most: what
// follows that is on disk.
type payload struct {
	plain []byte // what is left of a small one
	in    io.Reader
	z     *zstd.Decoder // reads for in, and goes back to the Reader
	rest  *spool        // nil: the whole event is in memory
}

// smallPayload is how long a transaction may be that is decompressed at once.
const smallPayload = 256 << 10

// payloadWindow bounds the decoder's window; the server compresses with levels
// up to 22, whose windows reach 128 MiB only for inputs that large.
const payloadWindow = 128 << 20

// decoders are made when the first compressed transaction comes, and used for
// all: making one costs more than decompressing a small transaction.
type decoders struct {
	small *zstd.Decoder // of transactions up to smallPayload
	large *zstd.Decoder
	plain []byte // memory for small transactions
}

func (d *decoders) close() {
	for _, z := range []*zstd.Decoder{d.small, d.large} {
		if z != nil {
			z.Close()
		}
	}
	*d = decoders{}
}

func (d *decoders) open(z **zstd.Decoder, opts ...zstd.DOption) error {
	if *z != nil {
		return nil
	}
	var err error
	if *z, err = zstd.NewReader(nil, append(opts, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))...); err != nil {
		return fmt.Errorf("decompress a transaction: %w", err)
	}
	return nil
}

// openPayload reads a TRANSACTION_PAYLOAD event's fields:
// libs/mysql/binlog/event/compression and codecs.
func (r *Reader) openPayload(e *event) (err error) {
	defer func() {
		if err != nil {
			e.rest.close()
		}
	}()
	if r.payload != nil || r.txn == nil {
		return corrupt("a compressed transaction is not inside a transaction")
	}
	c := &cursor{b: e.body}
	algorithm, size := uint64(255), uint64(0)
	for {
		typ := c.lenenc()
		if typ == 0 || c.bad {
			break
		}
		f := &cursor{b: c.take(c.size())}
		switch typ {
		case 2:
			algorithm = f.lenenc()
		case 3:
			size = f.lenenc()
		}
	}
	if c.bad {
		return corrupt("a compressed transaction is cut off")
	}
	switch algorithm {
	case 0:
		return r.openZstd(c.b, e.rest, size)
	case 255:
		r.payload = &payload{in: joined(c.b, e.rest), rest: e.rest}
		return nil
	}
	return &replica.Error{Code: 61108, Class: "SOURCE",
		Message: fmt.Sprintf("a transaction is compressed with the unknown algorithm %d", algorithm),
		Remedy:  "set binlog_transaction_compression=OFF on the source, then RESET MIGRATION and start again"}
}

// joined reads b and what follows it.
func joined(b []byte, rest *spool) io.Reader {
	if rest == nil {
		return bytes.NewReader(b)
	}
	return io.MultiReader(bytes.NewReader(b), rest)
}

// openZstd begins to decompress b and rest, which are size bytes long when they
// are plain, or of unknown length when size is 0.
func (r *Reader) openZstd(b []byte, rest *spool, size uint64) error {
	if rest == nil && size > 0 && size <= smallPayload {
		// The bound is what dst has room for. The one on memory bounds the window
		// that a frame may announce, which MySQL before it knew its size makes
		// 2 MiB for whatever is in it.
		if err := r.zstd.open(&r.zstd.small, zstd.WithDecoderMaxMemory(payloadWindow), zstd.WithDecodeAllCapLimit(true)); err != nil {
			return err
		}
		if uint64(cap(r.zstd.plain)) < size {
			r.zstd.plain = make([]byte, 0, size)
		}
		plain, err := r.zstd.small.DecodeAll(b, r.zstd.plain[:0:size])
		if err != nil || uint64(len(plain)) != size {
			return corrupt("a compressed transaction does not decompress")
		}
		r.payload = &payload{plain: plain}
		return nil
	}
	if err := r.zstd.open(&r.zstd.large, zstd.WithDecoderMaxWindow(payloadWindow)); err != nil {
		return err
	}
	if err := r.zstd.large.Reset(joined(b, rest)); err != nil {
		return corrupt("a compressed transaction does not decompress")
	}
	r.payload = &payload{in: r.zstd.large, z: r.zstd.large, rest: rest}
	return nil
}

// next returns the next event; false at the end.
func (p *payload) next() (event, bool, error) {
	if p.in == nil {
		return p.cut()
	}
	var head [headerLen]byte
	if _, err := io.ReadFull(p.in, head[:]); err == io.EOF {
		return event{}, false, nil
	} else if err != nil {
		return event{}, false, p.failed()
	}
	size := binary.LittleEndian.Uint32(head[9:])
	if size < headerLen || size > maxEvent {
		return event{}, false, corrupt("an event in a compressed transaction has a wrong size")
	}
	// Room is made as the bytes arrive, so that a damaged size costs nothing.
	var b bytes.Buffer
	b.Grow(int(min(size, 1<<20)))
	b.Write(head[:])
	most := int64(min(size, heldBytes)) - headerLen
	if n, _ := io.CopyN(&b, p.in, most); n != most {
		return event{}, false, p.failed()
	}
	if size > heldBytes {
		return event{}, false, tooLarge("an event of a compressed transaction", "")
	}
	e, err := parseEvent(b.Bytes(), 0)
	return e, err == nil, err
}

// cut splits the next event off the plain bytes.
func (p *payload) cut() (event, bool, error) {
	if len(p.plain) == 0 {
		return event{}, false, nil
	}
	if len(p.plain) < headerLen {
		return event{}, false, corrupt("a compressed transaction is cut off")
	}
	size := binary.LittleEndian.Uint32(p.plain[9:])
	if size < headerLen || uint64(size) > uint64(len(p.plain)) {
		return event{}, false, corrupt("an event in a compressed transaction has a wrong size")
	}
	e, err := parseEvent(p.plain[:size:size], 0)
	p.plain = p.plain[size:]
	e.shared = true // with the next transaction's
	return e, err == nil, err
}

// failed is the error of a payload that does not decompress: the disk's, if that
// is why.
func (p *payload) failed() error {
	if p.rest != nil && p.rest.err != nil {
		return p.rest.err
	}
	return corrupt("a compressed transaction does not decompress")
}

// close ends a payload. What it decompressed stays with its rows.
func (p *payload) close() {
	if p.z != nil {
		_ = p.z.Reset(nil)
	}
	p.rest.close()
}
