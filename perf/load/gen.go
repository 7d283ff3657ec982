package load

import "math"

// Gen is the source of a row's values: a splitmix64 generator, which costs a
// few nanoseconds a number and starts anew for every row.
type Gen struct{ state uint64 }

// NewGen returns the generator of one row: the same numbers for the same seed
// and row.
func NewGen(seed, row uint64) *Gen {
	g := &Gen{}
	g.Reset(seed, row)
	return g
}

// Reset makes g what NewGen returns.
func (g *Gen) Reset(seed, row uint64) {
	g.state = seed*0x9e3779b97f4a7c15 ^ (row+1)*0xd1342543de82ef95
	g.Uint64()
}

// Uint64 returns the next number.
func (g *Gen) Uint64() uint64 {
	g.state += 0x9e3779b97f4a7c15
	z := g.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// IntN returns a number from 0 to n-1; n is above 0.
func (g *Gen) IntN(n int) int { return int(g.Uint64() % uint64(n)) }

// Float64 returns a number from 0 to below 1.
func (g *Gen) Float64() float64 { return float64(g.Uint64()>>11) / (1 << 53) }

// Digits returns groups of eleven digits with dashes between, as sysbench
// fills its columns c (10 groups) and pad (5 groups).
func (g *Gen) Digits(groups int) string {
	b := make([]byte, 0, groups*12)
	for i := range groups {
		if i > 0 {
			b = append(b, '-')
		}
		n := g.Uint64()
		for range 11 {
			b = append(b, byte('0'+n%10))
			n /= 10
		}
	}
	return string(b)
}

// Text returns n letters and digits that no dictionary helps with.
func (g *Gen) Text(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."
	b := make([]byte, n)
	var bits uint64
	for i := range b {
		if i%10 == 0 {
			bits = g.Uint64()
		}
		b[i] = alphabet[bits&63]
		bits >>= 6
	}
	return string(b)
}

// Zipf draws numbers below n of which the small ones are much more likely
// (exponent 1, by the approximation n^u), so that of 1,000 the first has a
// tenth of all draws.
func (g *Gen) Zipf(n int) int {
	return min(n-1, int(math.Pow(float64(n), g.Float64()))-1)
}
