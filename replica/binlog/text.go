package binlog

import (
	"fmt"

	"sluice/replica"
	"sluice/replica/charset"
)

// textDecoder returns what decodes a column's stored bytes.
func textDecoder(col *replica.Column) (charset.Decoder, error) {
	d, ok := charset.Of(col.Charset)
	if !ok {
		return d, &replica.Error{Code: 61132, Class: "DATA",
			Message: fmt.Sprintf("column %q has the character set %q, which cannot be read from the binlog yet", col.Name, col.Charset),
			Remedy:  "convert the column to utf8mb4 on the source, or leave the table out with REPLICATE_IGNORE_TABLE"}
	}
	return d, nil
}
