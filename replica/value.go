package replica

// Kind says how a Value is stored.
type Kind uint8

// The kinds of values. One kind per way a value is written to a target.
const (
	KindNull    Kind = iota
	KindInt          // Num holds an int64
	KindUint         // Num holds a uint64; also YEAR
	KindFloat        // Num holds math.Float64bits of a FLOAT's exact value
	KindDouble       // Num holds math.Float64bits
	KindDecimal      // Bytes holds the digits
	KindTime         // Bytes holds a DATE, TIME, DATETIME or TIMESTAMP (UTC) as MySQL prints it
	KindString       // Bytes holds UTF-8 text
	KindBytes        // Bytes holds raw bytes
	KindJSON         // Bytes holds a JSON document as text
	KindBit          // Num holds the bits
	KindEnum         // Num holds the member's number, from 1; 0 is the error value ''
	KindSet          // Num holds the members' bits
	KindAbsent       // the row image has no value: of generated columns only
)

// Value is one column's value in a row image. The zero Value is NULL. Bytes is
// owned by the row and must not be changed.
type Value struct {
	Kind  Kind
	Num   uint64
	Bytes []byte
}

// IsNull says whether v is SQL NULL.
func (v Value) IsNull() bool { return v.Kind == KindNull }

// Equal says whether two values are the same in every byte.
func (v Value) Equal(w Value) bool {
	return v.Kind == w.Kind && v.Num == w.Num && string(v.Bytes) == string(w.Bytes)
}
