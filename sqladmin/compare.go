package sqladmin

import (
	"cmp"
	"strings"
	"time"
)

// bytesPerStep is how many bytes of a text are folded, scanned or compared in
// the time of one step.
const bytesPerStep = 16

// weight returns the steps that work on each byte of a value takes.
func weight(v any) int {
	if text, ok := v.(string); ok {
		return len(text) / bytesPerStep
	}
	return 0
}

// operand is a value that is compared with several others. Its text is folded
// at most once.
type operand struct {
	value  any
	folded *string
}

// text returns the operand's text without the difference of case.
func (o *operand) text() string {
	if o.folded == nil {
		text := fold(asString(o.value))
		o.folded = &text
	}
	return *o.folded
}

// compare orders two values that are not NULL by MySQL's rules: texts without
// case, numbers as such, a text beside a number as a number.
func compare(a, b any) int { return compareOperands(&operand{value: a}, &operand{value: b}) }

func compareOperands(l, r *operand) int {
	a, b := l.value, r.value
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	}
	if x, ok := a.(uint64); ok {
		if y, ok := b.(uint64); ok {
			return cmp.Compare(x, y)
		}
	}
	if m, n := integer(a), integer(b); m != nil && n != nil { // one is UNSIGNED, one is not
		return m.Cmp(n)
	}
	_, aTime := a.(time.Time)
	_, bTime := b.(time.Time)
	if aTime || bTime {
		x, xok := asTime(a)
		y, yok := asTime(b)
		if xok && yok {
			return x.Truncate(time.Millisecond).Compare(y.Truncate(time.Millisecond))
		}
	}
	if isNumber(a) || isNumber(b) {
		return cmp.Compare(asFloat(a), asFloat(b))
	}
	return strings.Compare(l.text(), r.text())
}

// compare counts the bytes of both operands as steps before it compares them.
func (s *stopper) compare(l, r *operand) (int, error) {
	if err := s.step(1 + weight(l.value) + weight(r.value)); err != nil {
		return 0, err
	}
	return compareOperands(l, r), nil
}

// equals says whether a value is the operand's; NULL is no operand's.
func (s *stopper) equals(l *operand, v any) (bool, error) {
	if l.value == nil || v == nil {
		return false, nil
	}
	c, err := s.compare(l, &operand{value: v})
	return err == nil && c == 0, err
}

// extreme returns the greatest of values that are not NULL, or the least when
// sign is negative.
func (s *stopper) extreme(sign int, values []any) (any, error) {
	best := &operand{value: values[0]}
	for _, v := range values[1:] {
		o := &operand{value: v}
		c, err := s.compare(o, best)
		if err != nil {
			return nil, err
		}
		if c*sign > 0 {
			best = o
		}
	}
	return best.value, nil
}

// valueOrError returns what a function of the table functions does: a value,
// or the error in its place.
func valueOrError(v any, err error) any {
	if err != nil {
		return err
	}
	return v
}

func field(s *scope, a []any) any {
	wanted := &operand{value: a[0]}
	for i, v := range a[1:] {
		if found, err := s.x.stop.equals(wanted, v); found || err != nil {
			return valueOrError(int64(i+1), err)
		}
	}
	return int64(0)
}

func greatest(s *scope, a []any) any { return valueOrError(s.x.stop.extreme(1, alike(a))) }
func least(s *scope, a []any) any    { return valueOrError(s.x.stop.extreme(-1, alike(a))) }

// alike returns texts and numbers as texts, as GREATEST and LEAST compare them:
// the greatest of 2 and '10' is 2.
func alike(values []any) []any {
	texts, numbers := 0, 0
	for _, v := range values {
		if _, ok := v.(string); ok {
			texts++
		} else if isNumber(v) {
			numbers++
		}
	}
	if texts == 0 || numbers == 0 || texts+numbers < len(values) {
		return values
	}
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = asString(v)
	}
	return out
}
