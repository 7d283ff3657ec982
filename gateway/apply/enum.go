package apply

import "sluice/replica"

// The number 0 of an ENUM is its error value, which prints as ”. Sources have it
// from sessions without a strict sql_mode. TiDB stores it, but refuses the
// literals 0 and ” under a strict sql_mode (error 1265), which Sluice needs for
// every other value. An expression whose type is ENUM is stored as it is, so that
// the value is read from a table of one row. VALUES(column) of such a value is
// refused: rows that have one are not written by upserts.
const enumZero = "(SELECT e FROM " + MetaSchema + ".enum_zero)"

// enumZeroTable makes that table. A target other than TiDB refuses the value.
var enumZeroTable = []string{
	"CREATE TABLE IF NOT EXISTS " + MetaSchema + ".enum_zero (e ENUM('-') NOT NULL PRIMARY KEY)",
	"INSERT IGNORE INTO " + MetaSchema + ".enum_zero VALUES (0)",
}

// kindEnumZero is the kind of the value for prepared statements: rows that have
// one go as text.
const kindEnumZero = replica.Kind(255)

func isEnumZero(v *replica.Value) bool { return v.Kind == replica.KindEnum && v.Num == 0 }

// formKind returns the kind that decides about a prepared statement's text and
// parameters.
func formKind(v *replica.Value) replica.Kind {
	if isEnumZero(v) {
		return kindEnumZero
	}
	return v.Kind
}

// hasEnumZero returns true if one of the row's values is an ENUM's error value.
func (b *Binding) hasEnumZero(row []replica.Value) bool {
	for _, i := range b.enums {
		if isEnumZero(&row[i]) {
			return true
		}
	}
	return false
}

// splitEnumZero moves the updates whose new row has an ENUM's error value to the
// end of the list, and returns how many come before them.
func (b *Binding) splitEnumZero(list []rowUpdate) int {
	if len(b.enums) == 0 {
		return len(list)
	}
	n := 0
	for i := range list {
		if !b.hasEnumZero(list[i].after) {
			list[n], list[i] = list[i], list[n]
			n++
		}
	}
	return n
}

// printsBlank returns true if the ENUM value prints as ”: its error value, and a
// member of that name.
func (b *Binding) printsBlank(column int, v *replica.Value) bool {
	members := b.Source.Columns[column].Elements
	return isEnumZero(v) || v.Kind == replica.KindEnum && v.Num <= uint64(len(members)) && members[v.Num-1] == ""
}
