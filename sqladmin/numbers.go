package sqladmin

import (
	"math"
	"math/big"
)

func absolute(_ *scope, a []any) any {
	switch v := a[0].(type) {
	case uint64:
		return v
	case int64:
		if v >= 0 {
			return v
		}
		return valueOrError(negative(v))
	}
	return math.Abs(asFloat(a[0]))
}

// hexNumber is the number that HEX prints: a double is rounded.
func hexNumber(v any) uint64 {
	if f, ok := v.(float64); ok {
		return uint64(asInt(math.Round(f)))
	}
	return bits(v)
}

func round(_ *scope, a []any) any {
	digits := 0.0
	if len(a) > 1 {
		digits = math.Max(-400, math.Min(30, math.Round(asFloat(a[1]))))
	}
	if n := integer(a[0]); n != nil {
		if digits >= 0 {
			return a[0]
		}
		return valueOrError(roundInteger(n, int64(-digits), isUint(a[0])))
	}
	f := asFloat(a[0])
	if digits < -308 {
		return 0.0
	}
	unit := math.Pow(10, math.Abs(digits))
	if digits < 0 {
		if f = math.Round(f/unit) * unit; math.IsInf(f, 0) {
			return outOfRange("DOUBLE", "round("+asString(a[0])+","+asString(a[1])+")")
		}
		return unsignedZero(f)
	}
	if scaled := f * unit; math.Abs(scaled) < 1<<53 { // a larger one has no digits to round
		f = math.Round(scaled) / unit
	}
	return unsignedZero(f)
}

// roundInteger rounds n to a multiple of ten to the power of zeros, half away
// from zero.
func roundInteger(n *big.Int, zeros int64, unsigned bool) (any, error) {
	if zeros > 20 { // more than any integer has
		return int64(0), nil
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(zeros), nil)
	half := new(big.Int).Quo(unit, big.NewInt(2))
	if n.Sign() < 0 {
		half.Neg(half)
	}
	r := new(big.Int).Add(n, half)
	r.Mul(r.Quo(r, unit), unit)
	return fitting(r, unsigned, func() string { return "round(" + n.String() + "," + big.NewInt(-zeros).String() + ")" })
}

// floor and ceiling return an integer, but for a double out of BIGINT's range,
// which is whole already.
func floor(_ *scope, a []any) any   { return wholeNumber(a[0], math.Floor) }
func ceiling(_ *scope, a []any) any { return wholeNumber(a[0], math.Ceil) }

func wholeNumber(v any, toWhole func(float64) float64) any {
	if integer(v) != nil {
		return v
	}
	f := toWhole(asFloat(v))
	if f >= math.MinInt64 && f < math.MaxInt64 {
		return int64(f)
	}
	return f
}
