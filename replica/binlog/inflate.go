package binlog

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
)

var errInflate = errors.New("compressed data is damaged")

// inflate decompresses what MariaDB's binlog_buf_compress wrote
// (sql/log_event.cc): one byte of algorithm (bits 4-6, 0 is zlib) and length of
// the length (bits 0-2), the plain length in big-endian, the zlib stream.
func inflate(b []byte) ([]byte, error) {
	if len(b) < 2 || b[0]&0x80 == 0 || b[0]>>4&7 != 0 {
		return nil, errInflate
	}
	n := int(b[0] & 7)
	if n == 0 || n > 4 || len(b) < 1+n {
		return nil, errInflate
	}
	size := 0
	for _, x := range b[1 : 1+n] {
		size = size<<8 | int(x)
	}
	return inflateN(b[1+n:], size)
}

// inflateColumn decompresses a value of a MariaDB COMPRESSED column
// (sql/field.cc Field_longstr::compress): a header byte whose bits 0-2 are the
// length of the length, bit 3 says raw deflate without header, bits 4-7 the
// method (0 stored, 8 zlib); then the plain length in big-endian and the data.
func inflateColumn(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return b, nil
	}
	if b[0]>>4 == 0 {
		return b[1:], nil
	}
	n := int(b[0] & 7)
	if b[0]>>4 != 8 || n == 0 || n > 4 || len(b) < 1+n {
		return nil, errInflate
	}
	size := 0
	for _, x := range b[1 : 1+n] {
		size = size<<8 | int(x)
	}
	if b[0]&8 != 0 {
		return inflateRaw(b[1+n:], size)
	}
	return inflateN(b[1+n:], size)
}

func inflateN(b []byte, size int) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, errors.Join(errInflate, err)
	}
	return readExactly(z, size, len(b))
}

// maxRatio is above the best compression that deflate can reach (1032:1), so
// that a damaged length cannot take much more memory than the data are worth.
const maxRatio = 1040

func readExactly(r io.Reader, size, from int) ([]byte, error) {
	if size > maxRatio*(from+1) || size > heldBytes {
		return nil, errInflate
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, errors.Join(errInflate, err)
	}
	if n, _ := io.CopyN(io.Discard, r, 1); n != 0 {
		return nil, errInflate
	}
	return out, nil
}

func inflateRaw(b []byte, size int) ([]byte, error) {
	return readExactly(flate.NewReader(bytes.NewReader(b)), size, len(b))
}
