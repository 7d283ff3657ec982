package sqladmin

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// TestClients replays what each client is known to send over one connection:
// a line of testdata/clients/*.sql is a query, ==>, and what must come back.
// Lines that begin with \ are other commands of the protocol.
func TestClients(t *testing.T) {
	files, err := filepath.Glob("testdata/clients/*.sql")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		for _, eof := range []bool{true, false} {
			name := strings.TrimSuffix(filepath.Base(file), ".sql")
			if !eof {
				name += "/deprecate-eof"
			}
			t.Run(name, func(t *testing.T) { replay(t, file, eof) })
		}
	}
}

func replay(t *testing.T, file string, eof bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, newDouble())
	o := rawOptions{password: testPassword}
	if eof {
		o.drop = mysql.CLIENT_DEPRECATE_EOF
	}
	c, err := rawDial(t, s, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.do(`\initdb sluice`).err; err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		query, want, ok := strings.Cut(line, " ==> ")
		if !ok {
			t.Fatalf("%s:%d: no ==>", file, i+1)
		}
		if got := c.do(query); !matches(got, want) {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", file, i+1, query, got, want)
		}
	}
}

// reply is what a command brought.
type reply struct {
	err     error
	text    string
	columns []string // nil without a result set
	rows    int
}

func (r reply) String() string {
	switch {
	case r.err != nil:
		return r.err.Error()
	case r.text != "":
		return "text " + r.text
	case r.columns == nil:
		return "ok"
	}
	return "columns " + strings.Join(r.columns, ",") + " rows " + strconv.Itoa(r.rows)
}

func matches(r reply, want string) bool {
	kind, rest, _ := strings.Cut(want, " ")
	switch kind {
	case "ok":
		return r.err == nil && r.columns == nil
	case "error":
		var e *mysql.MyError
		return errors.As(r.err, &e) && strconv.Itoa(int(e.Code)) == rest
	case "text":
		return strings.HasPrefix(r.text, rest)
	case "rows":
		return r.err == nil && r.columns != nil && strconv.Itoa(r.rows) == rest
	case "columns":
		columns, rows, counted := strings.Cut(rest, " rows ")
		return r.err == nil && strings.Join(r.columns, ",") == columns && (!counted || strconv.Itoa(r.rows) == rows)
	}
	return false
}
