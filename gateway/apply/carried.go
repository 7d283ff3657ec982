package apply

import (
	"fmt"

	"sluice/replica"
)

// CodeNoImage is the error of a row image that lacks the value of a generated
// column which is a plain column in the target.
const CodeNoImage = 61290

// incomplete returns an error if a row image lacks a value that the target
// needs. Only generated columns can be absent from an image, and only those
// that the target does not compute are needed: MariaDB leaves them out of the
// images of UPDATE and DELETE from 11.8.9 on.
func (b *Binding) incomplete(rows []replica.RowChange) error {
	for _, i := range b.carried {
		for k := range rows {
			r := &rows[k]
			if r.Before != nil && r.Before[i].Kind == replica.KindAbsent || r.After != nil && r.After[i].Kind == replica.KindAbsent {
				return b.noImage(i)
			}
		}
	}
	return nil
}

// incompleteRows is incomplete for rows of the copy.
func (b *Binding) incompleteRows(rows [][]replica.Value) error {
	for _, i := range b.carried {
		for _, r := range rows {
			if r[i].Kind == replica.KindAbsent {
				return b.noImage(i)
			}
		}
	}
	return nil
}

func (b *Binding) noImage(column int) error {
	name := b.Source.Columns[column].Name
	return &replica.Error{Code: CodeNoImage, Class: "DATA", Table: b.Source.String(),
		Message: fmt.Sprintf("the source generates column %s of %s, %s.%s has it as a plain column, and a row image has no value for it",
			name, b.Source, b.Schema, b.Name),
		Remedy: fmt.Sprintf("drop the column %s in the target and add it there as a generated column, if TiDB's value for it will do, then START MIGRATION again; "+
			"or leave the table out with REPLICATE_IGNORE_TABLE", name)}
}
