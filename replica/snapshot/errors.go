package snapshot

import (
	"errors"
	"fmt"

	"sluice/replica"
)

// Codes of this package's own errors, 61200 to 61299.
const (
	codeUnsupportedColumn = 61200
	codeNoRightToLock     = 61201
	codeLockBusy          = 61202
	codeBadValue          = 61203
	codeNoProgress        = 61204
	codePreparedXA        = 61205
)

// ErrKeyless is returned when a table without a key is to be split: it is read
// with OpenExact instead.
var ErrKeyless = errors.New("the table has no primary key and no unique key over NOT NULL columns")

var errUnsupportedType = errors.New("unsupported column type")

// unsupported names a column that cannot be copied.
func unsupported(t *replica.Table, c *replica.Column) *replica.Error {
	return &replica.Error{Code: codeUnsupportedColumn, State: "HY000", Class: "DDL",
		Message: fmt.Sprintf("column %s of %s has type %s, which cannot be carried", replica.Quote(c.Name), t, c.SQLType),
		Remedy:  "change the column's type on the source, or leave the table out of the migration"}
}
