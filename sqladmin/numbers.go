package sqladmin

import "math"

func absolute(_ *scope, a []any) any {
	switch v := a[0].(type) {
	case uint64:
		return v
	case int64:
		if v >= 0 {
			return v
		}
		n, err := negative(v)
		if err != nil {
			return err
		}
		return n
	}
	return math.Abs(asFloat(a[0]))
}

func round(_ *scope, a []any) any {
	digits := 0.0
	if len(a) > 1 {
		digits = math.Max(-30, math.Min(30, asFloat(a[1])))
	}
	switch a[0].(type) {
	case int64, uint64:
		if digits >= 0 {
			return a[0]
		}
	}
	scale := math.Pow(10, digits)
	f := asFloat(a[0])
	if scaled := f * scale; !math.IsInf(scaled, 0) {
		f = math.Round(scaled) / scale
	}
	return f
}

func floor(f float64) int64 { return asInt(math.Floor(f)) }
