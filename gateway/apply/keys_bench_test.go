package apply

import (
	"hash/maphash"
	"strings"
	"testing"

	"sluice/replica"
)

// BenchmarkKeys compares the hash of a key's canonical value with a plain hash
// of the bytes that the binlog has for it, which would do where no collation, no
// padding and no other table's scale made equal values differ in their bytes.
func BenchmarkKeys(b *testing.B) {
	for _, c := range []struct {
		name string
		col  replica.Column
		v    replica.Value
		raw  string
	}{
		{"bigint", replica.Column{Type: replica.TypeBigInt}, replica.Value{Kind: replica.KindInt, Num: 1234567}, strings.Repeat("x", 8)},
		{"decimal", replica.Column{Type: replica.TypeDecimal, Length: 18, Scale: 4}, replica.Value{Kind: replica.KindDecimal, Bytes: []byte("12345678.9100")}, strings.Repeat("x", 9)},
		{"datetime6", replica.Column{Type: replica.TypeDateTime, Scale: 6}, replica.Value{Kind: replica.KindTime, Bytes: []byte("2026-01-02 03:04:05.678900")}, strings.Repeat("x", 8)},
		{"uuid-bin", replica.Column{Type: replica.TypeVarchar, Length: 36, Charset: "utf8mb4", Collation: "utf8mb4_bin"},
			replica.Value{Kind: replica.KindString, Bytes: []byte("0f8fad5b-d9cb-469f-a165-70867728950e")}, "0f8fad5b-d9cb-469f-a165-70867728950e"},
		{"uuid-ci", replica.Column{Type: replica.TypeVarchar, Length: 36, Charset: "utf8mb4", Collation: "utf8mb4_0900_ai_ci"},
			replica.Value{Kind: replica.KindString, Bytes: []byte("0f8fad5b-d9cb-469f-a165-70867728950e")}, "0f8fad5b-d9cb-469f-a165-70867728950e"},
	} {
		c.col.Name = "k"
		t := &replica.Table{Schema: "d", Name: "t", Columns: []replica.Column{c.col}, Primary: &replica.Index{Name: "PRIMARY", Columns: []int{0}, Prefix: []int{0}}}
		bound := bindIndex(t, t.Primary, 1, func(string) bool { return strings.HasSuffix(c.name, "bin") })
		row := []replica.Value{c.v}
		b.Run(c.name+"/value", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := bound.keyOf(row); !ok {
					b.Fatal("no key")
				}
			}
		})
		raw := []byte(c.raw)
		b.Run(c.name+"/raw", func(b *testing.B) {
			var sum uint64
			for b.Loop() {
				sum += maphash.Bytes(keySeed, raw)
			}
			_ = sum
		})
	}
}
