package tidbsql

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
)

// literalOf parses SELECT text and returns its one literal.
func literalOf(t *testing.T, text string) *Literal {
	t.Helper()
	stmt, err := ParseOne("SELECT "+text, Mode{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	l, ok := stmt.(*ast.SelectStmt).Fields.Fields[0].Expr.(*Literal)
	if !ok {
		t.Fatalf("%s is %T", text, stmt.(*ast.SelectStmt).Fields.Fields[0].Expr)
	}
	return l
}

// TestLiterals covers each kind; the long ones ended the process with the
// driver that comes with the parser.
func TestLiterals(t *testing.T) {
	long := strings.Repeat("1234567890", 30)
	for text, want := range map[string]any{
		"NULL": nil, "TRUE": int64(1), "FALSE": int64(0), "7": int64(7), "9223372036854775807": int64(1<<63 - 1),
		"9223372036854775808": uint64(1 << 63), "18446744073709551616": Decimal("18446744073709551616"),
		long: Decimal(long), "1." + long: Decimal("1." + long), long + "." + long: Decimal(long + "." + long), "." + long: Decimal("." + long),
		"0.000": Decimal("0.000"), "1e3": 1000.0, "1.5E-2": 0.015,
		"'a'": "a", "'a' 'b'": "ab", "x'4142'": Hex("AB"), "0x142": Hex("\x01B"), "x''": Hex(""), "b'101'": Bits("\x05"),
		"0b100000001": Bits("\x01\x01"), "b''": Bits(""), "_utf8mb4'x'": "x", "_latin1 x'41'": Hex("A"), "_binary 0b1": Bits("\x01"), "N'x'": "x",
	} {
		l := literalOf(t, text)
		if got := l.Value(); got != want {
			t.Errorf("%.40s: %#v, want %#v", text, got, want)
		}
		var b strings.Builder
		if err := l.Restore(format.NewRestoreCtx(format.DefaultRestoreFlags|format.RestoreStringWithoutCharset, &b)); err != nil {
			t.Errorf("%.40s: restore: %v", text, err)
		}
		if again := literalOf(t, b.String()); again.Value() != want {
			t.Errorf("%.40s: restored as %.60s", text, b.String())
		}
		l.Format(io.Discard)
	}
}

func TestRefusedTexts(t *testing.T) {
	for _, text := range []string{"SELECT x'4'", "SELECT b'2'", "SELECT", "", "SELECT 1e999", "SELECT 1; SELECT 2", "SELECT 0xZZ FROM", "SELECT 'a"} {
		if _, err := ParseOne(text, Mode{}); err == nil {
			t.Errorf("%s: accepted", text)
		}
	}
	if !Accepts("CREATE TABLE t (d DECIMAL(65,30) DEFAULT 1."+strings.Repeat("9", 80)+", b BIT(4) DEFAULT b'101')") || Accepts("CREATE TABLE (") {
		t.Error("Accepts")
	}
}

// TestCommentRuns has the texts that overflowed the stack, which ends the
// process: no recovery helps.
func TestCommentRuns(t *testing.T) {
	for name, text := range map[string]string{
		"plain":    "SELECT " + strings.Repeat("/**//**/", 12<<20/8) + "1",
		"hash":     "SELECT " + strings.Repeat("#\n", 6<<20) + "1",
		"dashes":   "SELECT " + strings.Repeat("-- \n", 3<<20) + "1",
		"executed": "SELECT " + strings.Repeat("/*!40101*/", 1<<20) + "1",
		"features": "SELECT " + strings.Repeat("/*T![auto_rand]*/", 1<<20) + "1",
		"mixed":    "SELECT '\\'' " + strings.Repeat("/*a*/#b\n/*!*/ ", 1<<20) + "1",
	} {
		began := time.Now()
		if _, err := ParseOne(text, Mode{}); !errors.Is(err, ErrComments) {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
	for name, text := range map[string]string{
		"between tokens": "SELECT 1" + strings.Repeat(" + /* a */ 1", 2000),
		"in a string":    "SELECT '" + strings.Repeat("/**/#--", 20000) + "'",
		"few":            strings.Repeat("/* x */ # y\n", 400) + "SELECT 1",
		"unclosed quote": "SELECT 1 -- it's\n",
	} {
		if _, err := ParseOne(text, Mode{}); err != nil {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

// TestNesting checks that nothing nests so deep that the stack ends.
func TestNesting(t *testing.T) {
	for name, text := range map[string]string{
		"parentheses": "SELECT " + strings.Repeat("(", 1<<19) + "1" + strings.Repeat(")", 1<<19),
		"minus":       "SELECT " + strings.Repeat("- ", 1<<19) + "1",
		"not":         "SELECT " + strings.Repeat("NOT ", 1<<18) + "1",
		"plus":        "SELECT 1" + strings.Repeat("+1", 1<<19),
		"functions":   "SELECT " + strings.Repeat("IF(1,1,", 1<<17) + "1" + strings.Repeat(")", 1<<17),
		"case":        "SELECT " + strings.Repeat("CASE ", 1<<17) + "1",
		"derived":     strings.Repeat("SELECT * FROM (", 1<<16) + "SELECT 1" + strings.Repeat(") t", 1<<16),
	} {
		if _, err := ParseOne(text, Mode{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"SELECT 1", "SELECT x'41', b'1', 1.5, 'a' FROM t WHERE a LIKE 'b%' /* c */", "SET NAMES utf8", "DO 1 -- x", "SELECT '\\'' # y"} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, sql string, plain bool) {
		stmt, err := ParseOne(sql, Mode{ANSIQuotes: !plain, NoBackslashEscapes: !plain})
		var p *PanicError
		if errors.As(err, &p) {
			t.Fatalf("%s\n%s", p.Kind, p.Stack)
		}
		if (stmt == nil) == (err == nil) {
			t.Fatalf("%v, %v", stmt, err)
		}
	})
}
