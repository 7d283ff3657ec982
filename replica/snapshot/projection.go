package snapshot

import (
	"database/sql/driver"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sluice/replica"
)

// projection is how a table's rows are selected and converted.
type projection struct {
	table    *replica.Table
	list     string // the SELECT list
	selected []selected
	absent   []int // generated columns, which are not read
}

// selected is one column of the SELECT list.
type selected struct {
	column  *replica.Column
	index   int // into the table's columns
	convert func(r *reader, v driver.Value) (replica.Value, error)
}

// newProjection selects every column that is stored as written; it returns an
// error for a type that cannot be carried.
//
// Expressions, where the plain column would lose something:
//
//	FLOAT        the server prints 6 digits; times 1e0 it prints the double that
//	             has the same value, with all its digits, and keeps -0
//	DOUBLE(M,D)  likewise; the server prints D decimals
//	BIT          prints as bytes
//	ENUM, SET    print as names; binlogs have numbers. A cast, since "+ 0" goes
//	             by way of a double and loses a SET's high members
//	DECIMAL      ZEROFILL prints zeros that a binlog does not have
func newProjection(t *replica.Table) (*projection, error) {
	p := &projection{table: t}
	var list []string
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Generated {
			p.absent = append(p.absent, i)
			continue
		}
		name := replica.Quote(c.Name)
		s := selected{column: c, index: i}
		switch c.Type {
		case replica.TypeTinyInt, replica.TypeSmallInt, replica.TypeMediumInt, replica.TypeInt, replica.TypeBigInt:
			s.convert = signed
			if c.Unsigned {
				s.convert = unsigned(replica.KindUint)
			}
		case replica.TypeYear:
			s.convert = unsigned(replica.KindUint)
		case replica.TypeBit:
			name, s.convert = "CAST("+name+" AS UNSIGNED)", unsigned(replica.KindBit)
		case replica.TypeEnum:
			name, s.convert = "CAST("+name+" AS UNSIGNED)", unsigned(replica.KindEnum)
		case replica.TypeSet:
			name, s.convert = "CAST("+name+" AS UNSIGNED)", unsigned(replica.KindSet)
		case replica.TypeFloat:
			name, s.convert = name+"*1e0", float(replica.KindFloat)
		case replica.TypeDouble:
			name, s.convert = name+"*1e0", float(replica.KindDouble)
		case replica.TypeDecimal:
			if strings.Contains(c.SQLType, "zerofill") {
				name += "+0"
			}
			s.convert = bytesOf(replica.KindDecimal)
		case replica.TypeDate, replica.TypeTime, replica.TypeDateTime, replica.TypeTimestamp:
			s.convert = bytesOf(replica.KindTime)
		case replica.TypeChar, replica.TypeVarchar, replica.TypeText:
			s.convert = bytesOf(replica.KindString)
		case replica.TypeBinary, replica.TypeVarbinary, replica.TypeBlob, replica.TypeVector, replica.TypeGeometry:
			s.convert = bytesOf(replica.KindBytes)
		case replica.TypeJSON:
			s.convert = bytesOf(replica.KindJSON)
		default:
			return nil, unsupported(t, c)
		}
		list = append(list, name)
		p.selected = append(p.selected, s)
	}
	p.list = strings.Join(list, ", ")
	return p, nil
}

func signed(_ *reader, v driver.Value) (replica.Value, error) {
	switch v := v.(type) {
	case nil:
		return replica.Value{}, nil
	case int64:
		return replica.Value{Kind: replica.KindInt, Num: uint64(v)}, nil
	case []byte:
		n, err := strconv.ParseInt(string(v), 10, 64)
		return replica.Value{Kind: replica.KindInt, Num: uint64(n)}, err
	}
	return replica.Value{}, unexpected(v)
}

func unsigned(kind replica.Kind) func(*reader, driver.Value) (replica.Value, error) {
	return func(_ *reader, v driver.Value) (replica.Value, error) {
		switch v := v.(type) {
		case nil:
			return replica.Value{}, nil
		case int64:
			return replica.Value{Kind: kind, Num: uint64(v)}, nil
		case uint64:
			return replica.Value{Kind: kind, Num: v}, nil
		case []byte:
			n, err := strconv.ParseUint(string(v), 10, 64)
			return replica.Value{Kind: kind, Num: n}, err
		}
		return replica.Value{}, unexpected(v)
	}
}

func float(kind replica.Kind) func(*reader, driver.Value) (replica.Value, error) {
	return func(_ *reader, v driver.Value) (replica.Value, error) {
		switch v := v.(type) {
		case nil:
			return replica.Value{}, nil
		case float64:
			return replica.Value{Kind: kind, Num: math.Float64bits(v)}, nil
		case []byte:
			f, err := strconv.ParseFloat(string(v), 64)
			return replica.Value{Kind: kind, Num: math.Float64bits(f)}, err
		}
		return replica.Value{}, unexpected(v)
	}
}

func bytesOf(kind replica.Kind) func(*reader, driver.Value) (replica.Value, error) {
	return func(r *reader, v driver.Value) (replica.Value, error) {
		switch v := v.(type) {
		case nil:
			return replica.Value{}, nil
		case []byte:
			return replica.Value{Kind: kind, Bytes: r.keep(v)}, nil
		}
		return replica.Value{}, unexpected(v)
	}
}

func unexpected(v driver.Value) error { return fmt.Errorf("unexpected %T", v) }

// badValue names a column whose value is not of its type, without the value.
func badValue(t *replica.Table, c *replica.Column) *replica.Error {
	return &replica.Error{Code: codeBadValue, State: "HY000", Class: "DATA",
		Message: fmt.Sprintf("the source returned a value for column %s of %s that is not a %s", replica.Quote(c.Name), t, c.SQLType),
		Remedy:  "check that the table's definition on the source is still the one that is being copied"}
}
