package source

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	"sluice/replica/protocol"
)

// answer is a connection whose only answer is one row, and then end; close is what Close returns.
type answer struct {
	driver.Conn
	rows       int
	end, close error
}

func (a *answer) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return a, nil
}
func (a *answer) Columns() []string { return []string{"id", "uuid"} }
func (a *answer) Close() error      { return a.close }
func (a *answer) Next(to []driver.Value) error {
	if a.rows == 0 {
		return a.end
	}
	a.rows--
	to[0], to[1] = []byte("7"), []byte("u")
	return nil
}

// TestWhoIsReadsToTheEnd: an error after the row is that of the question, not of the connection's next statement.
func TestWhoIsReadsToTheEnd(t *testing.T) {
	lost := &protocol.Malformed{What: "an end that is cut off"}
	for name, x := range map[string]struct {
		answer answer
		want   error // nil: the identity
	}{
		"whole":              {answer{rows: 1, end: io.EOF}, nil},
		"none":               {answer{end: io.EOF}, io.ErrUnexpectedEOF},
		"an end that is bad": {answer{rows: 1, end: lost, close: driver.ErrBadConn}, lost},
		"a close that fails": {answer{rows: 1, end: io.EOF, close: lost}, lost},
		"two rows":           {answer{rows: 2, end: io.EOF}, lost.Unwrap()},
	} {
		id, uuid, err := whoIs(t.Context(), &x.answer, Facts{ServerUUID: "u"})
		if !errors.Is(err, x.want) || x.want == nil && (id != "7" || uuid != "u") || x.want != nil && id+uuid != "" {
			t.Errorf("%s: %q %q %v", name, id, uuid, err)
		}
	}
}
