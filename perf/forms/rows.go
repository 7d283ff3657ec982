package forms

import (
	"hash/crc32"
	"strconv"

	"sluice/perf/load"
)

// Texts of the columns c and pad, as sysbench makes them. Rows share some
// texts, so that making them costs the client little.
const (
	poolTexts = 1024
	poolSeed  = 7
	cGroups   = 10
	padGroups = 5
	// kValues is how many values the indexed column k has.
	kValues = 100_000
)

// rowSource makes the values of rows: those of c depend on the row's number
// and on how often it was updated. Rows of version v and v+1 differ.
type rowSource struct {
	c, pad []string
	sum    []int64 // CRC-32 of c
}

func newRowSource() *rowSource {
	s := &rowSource{}
	for i := range uint64(poolTexts) {
		g := load.NewGen(poolSeed, i)
		text := g.Digits(cGroups)
		s.c = append(s.c, text)
		s.pad = append(s.pad, g.Digits(padGroups))
		s.sum = append(s.sum, int64(crc32.ChecksumIEEE([]byte(text))))
	}
	return s
}

func (s *rowSource) at(id int64, version int) int { return int((id*31 + int64(version)) % poolTexts) }

func (s *rowSource) textC(id int64, version int) string { return s.c[s.at(id, version)] }
func (s *rowSource) textPad(id int64) string            { return s.pad[id%poolTexts] }
func (s *rowSource) sumC(id int64, version int) int64   { return s.sum[s.at(id, version)] }

func valueK(id int64) int64 { return id * 7919 % kValues }

// keyWidth is how many rows of the table with two key columns share the first.
const keyWidth = 100

// appendKey writes the key's values, with commas between.
func appendKey(b []byte, two bool, id int64) []byte {
	if !two {
		return strconv.AppendInt(b, id, 10)
	}
	b = append(strconv.AppendInt(b, id/keyWidth, 10), ',')
	return strconv.AppendInt(b, id%keyWidth, 10)
}

func appendText(b []byte, text string) []byte {
	return append(append(append(b, '\''), text...), '\'')
}

// appendRow writes (key, k, c, pad).
func (s *rowSource) appendRow(b []byte, two bool, id int64, version int) []byte {
	b = appendKey(append(b, '('), two, id)
	b = strconv.AppendInt(append(b, ','), valueK(id), 10)
	b = appendText(append(b, ','), s.textC(id, version))
	return append(appendText(append(b, ','), s.textPad(id)), ')')
}
