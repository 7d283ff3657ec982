package protocol

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// WrongServer is the error of a server that speaks MySQL's protocol and can never be what the connection is for: its
// host or port is that of another one. One that greets as a node of Sluice, or as the TiDB that a source cannot be,
// gets no user name or password.
type WrongServer struct {
	What    string // "TiDB", "MySQL", "MariaDB" or "a node of Sluice"
	Version string // as it says itself
}

// Error says which server it is.
func (w *WrongServer) Error() string {
	return fmt.Sprintf("the server is %s, version %s", w.What, printable(w.Version))
}

// NoGreeting is the error of a connection on which nothing came: a server of MySQL's speaks first.
type NoGreeting struct{ Err error }

// Error says that nothing came.
func (n *NoGreeting) Error() string { return "no greeting came: " + n.Err.Error() }

// Unwrap returns how the connection ended.
func (n *NoGreeting) Unwrap() error { return n.Err }

// silent is the error of a connection that ended without a greeting.
func silent(err error) error {
	var m *Malformed
	if errors.As(err, &m) {
		return err // something came
	}
	return &NoGreeting{err}
}

// foreign returns an error if the version in a greeting, or a server's version_comment, is that of a server which
// can never be the wanted one.
func foreign(version string, noTiDB bool) error {
	switch {
	case strings.Contains(version, "Sluice"):
		return &WrongServer{"a node of Sluice", version}
	case noTiDB && strings.Contains(version, "TiDB"):
		return &WrongServer{"TiDB", version}
	}
	return nil
}

// NotASource returns an error if a version_comment is that of TiDB or Sluice. TiDB's server-version is a setting, so
// that the greeting may name another server.
func NotASource(comment string) error { return foreign(comment, true) }

// KindQuery asks a server for what NotTiDB takes.
const KindQuery = "SELECT VERSION(), @@version_comment"

// TiDBQuery is an error on every server but TiDB.
const TiDBQuery = "SELECT TIDB_VERSION()"

// NotTiDB returns a *WrongServer unless a server's version or version_comment is TiDB's. Both are settings of TiDB's, and
// a proxy can have a comment of its own: one of the two is enough, and TiDBQuery decides when it is neither.
func NotTiDB(version, comment string) error {
	both := version + " " + comment
	what := "MySQL"
	switch {
	case strings.Contains(both, "TiDB"):
		return nil
	case strings.Contains(both, "Sluice"):
		what = "a node of Sluice"
	case strings.Contains(both, "MariaDB"), strings.Contains(both, "mariadb"):
		what = "MariaDB"
	}
	return &WrongServer{what, version}
}

// printable bounds and cleans a text of a server's.
func printable(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// CodeForeign is the number that an error packet gets whose own number is one of Sluice's.
const CodeForeign = 61215

// Sluice's numbers.
const firstOwn, lastOwn = 61000, 61999

// IsForeign returns true if a server sent an error whose number is one of Sluice's.
func IsForeign(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && me.Number == CodeForeign
}

// ownNumber returns true if an error packet, which is well formed, has one of Sluice's numbers.
func ownNumber(p []byte) bool {
	n := binary.LittleEndian.Uint16(p[1:])
	return n >= firstOwn && n <= lastOwn
}

// renumbered returns the text of an error whose number is replaced by CodeForeign.
func renumbered(n uint16, message string) string {
	return fmt.Sprintf("error %d: %s", n, message)
}

// errorPacket is the payload of an error packet.
func errorPacket(e *mysql.MySQLError) []byte {
	p := binary.LittleEndian.AppendUint16([]byte{errPacket}, e.Number)
	if e.SQLState[0] != 0 {
		p = append(append(p, '#'), e.SQLState[:]...)
	}
	return append(p, e.Message...)
}

// interrupted returns true if a connection ended because nobody wants it any more.
func interrupted(err error) bool { return errors.Is(err, context.Canceled) }
