package tidbsql

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
)

// maxCommentRun bounds the comments that follow each other without a token
// between them. The lexer of TiDB's parser calls itself once for each of them:
// 12 MB of them exceed the stack's limit, which ends the process.
const maxCommentRun = 1000

var (
	// ErrComments is returned for more than 1000 comments in a row.
	ErrComments = errors.New("more than 1000 comments in a row")
	// ErrNotOne is returned for text that is not exactly one statement.
	ErrNotOne = errors.New("the text is not exactly one statement")
)

// PanicError is returned when TiDB's parser panicked on a text. It holds
// nothing of the text.
type PanicError struct {
	Kind  string // type of the value that the parser panicked with
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string { return "the SQL parser panicked (" + e.Kind + ")" }

// Mode holds the parts of sql_mode that change how text is read.
type Mode struct {
	ANSIQuotes         bool
	NoBackslashEscapes bool
	PipesAsConcat      bool
}

// maxKeptBytes bounds the text of a parser that is kept: it refers to its last
// text, and its stacks have grown with it.
const maxKeptBytes = 64 << 10

// parsers keeps TiDB's parsers, which are large and serve one goroutine at a
// time. A parser that panicked is not kept.
var parsers = sync.Pool{New: func() any { return parser.New() }}

// ParseOne parses exactly one statement. The tree does not depend on later
// calls. The parser's own error quotes the text from the place of the error
// on, so a caller must not show it where the text can hold a secret.
func ParseOne(sql string, mode Mode) (ast.StmtNode, error) {
	list, err := parse(sql, mode)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, ErrNotOne
	}
	return list[0], nil
}

// Accepts returns true if TiDB's parser takes the text.
func Accepts(sql string) bool {
	_, err := parse(sql, Mode{})
	return err == nil
}

func parse(sql string, mode Mode) (list []ast.StmtNode, err error) {
	if longestCommentRun(sql, true) > maxCommentRun || longestCommentRun(sql, false) > maxCommentRun {
		return nil, ErrComments
	}
	defer func() {
		if r := recover(); r != nil {
			list, err = nil, &PanicError{Kind: fmt.Sprintf("%T", r), Stack: debug.Stack()}
		}
	}()
	p := parsers.Get().(*parser.Parser)
	var m mysql.SQLMode
	if mode.ANSIQuotes {
		m |= mysql.ModeANSIQuotes
	}
	if mode.NoBackslashEscapes {
		m |= mysql.ModeNoBackslashEscapes
	}
	if mode.PipesAsConcat {
		m |= mysql.ModePipesAsConcat
	}
	p.SetSQLMode(m)
	parsed, _, err := p.ParseSQL(sql)
	list = append([]ast.StmtNode(nil), parsed...) // the parser uses its list again
	if len(sql) <= maxKeptBytes {
		parsers.Put(p)
	}
	return list, err
}
