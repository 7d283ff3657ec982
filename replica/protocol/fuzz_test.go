package protocol

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// FuzzLogin: whatever a server says during a login, it ends, and without TLS the password does not go out.
func FuzzLogin(f *testing.F) {
	f.Add(append(packets(0, hello(allCaps, native)), packets(2, okay)...))
	f.Add(append(packets(0, hello(allCaps, cachingSHA2)), packets(2, "\x01\x04", "\x01nonsense")...))
	f.Add(append(packets(0, hello(allCaps, native)), packets(2, "\xfe"+clear+"\x00")...))
	f.Add(append(packets(0, hello(allCaps|capTLS, sha256)), packets(2, "\xff\x15\x04#28000no")...))
	f.Fuzz(func(t *testing.T, server []byte) {
		s := &script{in: bytes.NewReader(server)}
		c, err := loginTo(t, s, secretWord)
		if (c == nil) == (err == nil) {
			t.Errorf("%v and %v", c, err)
		}
		if bytes.Contains(s.written.Bytes(), []byte(secretWord)) {
			t.Error("the password went out")
		}
	})
}

// FuzzAnswers: whatever a server answers, go-sql-driver does not panic over it and comes to an end. The first byte
// chooses a query in text or a prepared one.
func FuzzAnswers(f *testing.F) {
	one := columnDef("a", 0xfd)
	f.Add(append([]byte{0}, packets(1, "\x01", one, endOfRows, "\x02hi", endOfRows)...))
	f.Add(append([]byte{0}, packets(1, "\x02", one, columnDef("b", typeLongLong), endOfRows, "\x02hi\x0212", "\xfe\x00\x00\x0a\x00", okay)...))
	prepared := packets(1, "\x00\x01\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", columnDef("?", 0xfd), endOfRows, one, endOfRows)
	for _, typ := range []byte{0xfd, typeDateTime, typeTime, typeLongLong, typeTiny, typeFloat, typeNull} {
		f.Add(append(append([]byte{1}, prepared...), packets(1, "\x01", columnDef("a", typ), endOfRows, "\x00\x00\x07\xe8\x07\x02\x03\x04\x05\x06", endOfRows)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		db := driverOver(t, b[1:], 1<<20)
		if b[0]%2 == 0 {
			_, _ = collect(ctx, db, "SELECT 1")
		} else {
			_, _ = collect(ctx, db, "SELECT ?", 1)
		}
		if ctx.Err() != nil {
			t.Error("no end")
		}
	})
}
