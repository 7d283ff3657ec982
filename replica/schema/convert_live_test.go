package schema

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/ruleset"
)

// edges are types and values at the edges of what they and other types hold.
var edges = []struct{ types, values string }{
	{"TINYINT|INT|INT UNSIGNED|INT(6) ZEROFILL|BIGINT|BIGINT UNSIGNED",
		"0 1 -1 9 10 42 127 128 255 256 -128 -129 32767 -32768 65536 8388607 16777215 2147483647 -2147483648 4294967295 123456 9223372036854775807 -9223372036854775808 18446744073709551615"},
	{"DECIMAL(10,2)|DECIMAL(5,0)|DECIMAL(8,2) ZEROFILL|DECIMAL(40,10)",
		"0 1 -1 1.5 2.5 -1.5 -2.5 0.5 -0.5 0.05 0.005 0.0049 1.005 -0.001 99999.99 12345678.99 127.5 -128.5 255.5 100 2.675 -99999999999.5 123456789012345678901234567890.5"},
	{"FLOAT|DOUBLE|FLOAT(7,3)",
		"0 -0e0 1 1.5 2.5 3.5 -0.5 0.1 0.3 1e15 1e16 1e20 1e-5 1e-10 123456.7 1234567.8 3.4e38 16777217 99999.995 0.005 2147483648 -1.5 1.005 0.045 -77.125 3.14159265358979 0.30000000000000004 -9.87654321e-3 2.675 1234.56789"},
	{"BIT(1)|BIT(16)|BIT(64)", "0 1 65 16706 65535 4242424242 18446744073709551615"},
	{"YEAR", "0 1901 1970 2024 2155"},
	{"DATE", "'2024-01-31' '0000-00-00' '1000-01-01' '9999-12-31' '2024-02-29' '2024-00-00' '2024-01-00'"},
	{"TIME|TIME(6)", "'10:11:12' '00:00:00' '-10:11:12' '838:59:59' '-838:59:59' '23:59:59.999999' '10:11:12.5' '-00:00:00.5' '25:00:00.120000'"},
	{"DATETIME|DATETIME(3)|DATETIME(6)", "'2024-01-31_10:11:12' '2024-01-31_00:00:00' '2024-01-31_23:59:59.999999' '2024-01-31_23:59:59.5' '2024-01-31_10:11:12.345' '0000-00-00_00:00:00' '1000-01-01_00:00:00' '9999-12-31_23:59:59' '2024-03-31_02:30:00'"},
	{"TIMESTAMP NULL|TIMESTAMP(6) NULL", "'2024-01-31_10:11:12' '2024-01-31_23:59:59.999999' '2024-01-31_10:11:12.345' '0000-00-00_00:00:00' '1970-01-01_00:00:01' '2038-01-19_03:14:07' '2024-03-31_00:59:59' '2024-03-31_01:00:00' '2024-10-27_00:30:00' '2024-10-27_01:30:00'"},
	{"CHAR(9)|VARCHAR(3)|VARCHAR(40)|VARCHAR(300) COLLATE utf8mb4_bin|CHAR(40) CHARACTER SET latin1|VARCHAR(40) CHARACTER SET ascii|VARCHAR(40) CHARACTER SET utf8mb3|VARCHAR(40) CHARACTER SET gbk|TINYTEXT|TEXT|TEXT CHARACTER SET latin1",
		"'' '_' 'a' 'A' 'abc' 'abcd' 'ab_' 'ab__' '_ab' 'é' '12' '12abc' '_12' '12_' '1.5' '2.5' '-1' '1e3' '007' '0x10' '2024-01-31' '2024-01-31_10:11:12' '2024-01-31_23:59:59.6' '2024-02-30' '20240131' '24-1-3' '0' '0000-00-00' '99999999999999999999' '-0' '+5' '1_2' 'ß' '𝄞' '€' 'Ā' '255' '-129' '4294967296' '123456789012345678' '0.005' '-1.005' '99999999.995' REPEAT('é_',150) REPEAT('x',255)"},
	{"BINARY(3)|BINARY(10)|VARBINARY(20)|TINYBLOB|BLOB", "'' x'61' x'616263' x'00' x'6100' x'ff' x'c3a9' x'e9' x'20' x'612020' x'f09d849e' REPEAT('z',255)"},
	{"ENUM('a','b','c')|ENUM('b','a','c','d')|ENUM('a','c')|ENUM('a','b','c','é') CHARACTER SET latin1|ENUM('a','é','c') CHARACTER SET utf8mb3|ENUM('a','é','c')", "'a' 'b' 'c' 'd' 'é' '' 0 1 2"},
	{"SET('a','b','c')|SET('b','a','c','d')|SET('a','é') CHARACTER SET latin1|SET('é','a') CHARACTER SET utf8mb3|SET('a','é')", "'a' 'b' 'c' '' 'é' 'a,é' 'a,b' 'a,b,c' 1 2 5"},
}

// edgeValues returns the values of a type. An underscore stands for a space.
func edgeValues(values string) []string {
	list := strings.Fields(values)
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "_", " ")
	}
	return list
}

// TestConversions has every source and TiDB convert edge values of every type to
// every type for which conversionOf says that the bytes are the same. A table has a
// column for each type that its column's type is converted to; all sources begin
// with the same rows.
func TestConversions(t *testing.T) {
	c := &converter{t: t, target: conn(t, servers.ForTest(t, servers.TiDB)), tracker: NewTracker(compile(t, ruleset.Spec{}), Defaults{})}
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB, servers.MariaDB11} {
		c.sources = append(c.sources, conn(t, servers.ForTest(t, kind)))
	}
	c.everywhere("CREATE DATABASE live CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "USE live")
	tried := map[[2]family]bool{}
	for _, c.strict = range []bool{false, true} {
		c.seen = map[[2]family]bool{}
		for _, from := range edges {
			for _, typ := range strings.Split(from.types, "|") {
				to := c.allowed(typ)
				for _, s := range to {
					tried[[2]family{families[c.columnOf(typ).typ.base], families[c.columnOf(s).typ.base]}] = true
				}
				if len(to) > 0 {
					c.prepare(typ, edgeValues(from.values), to)
					c.convert(typ, to)
				}
			}
		}
	}
	for pair := range conversions {
		if !tried[pair] {
			t.Errorf("no conversion of the families %v was tried", pair)
		}
	}
}

// converter converts the columns of one table on all servers.
type converter struct {
	t       *testing.T
	sources []*sql.Conn
	target  *sql.Conn
	tracker *Tracker
	strict  bool
	seen    map[[2]family]bool
	was     *columnDef
	refused map[string]bool // columns that TiDB does not convert, with an error
}

func (c *converter) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *converter) everywhere(stmts ...string) {
	c.t.Helper()
	for _, s := range stmts {
		for _, on := range append([]*sql.Conn{c.target}, c.sources...) {
			c.must(exec(c.t.Context(), on, s))
		}
	}
}

// session sets how values are converted: like the source's session, or so that
// every value can be written.
func (c *converter) session(like bool) {
	mode, zone := "ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO", "+00:00"
	switch {
	case like && c.strict:
		mode, zone = "STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE", "+13:00"
	case like:
		mode, zone = "", "-02:30"
	}
	c.everywhere(fmt.Sprintf("SET SESSION sql_mode='%s', time_zone='%s'", mode, zone))
}

func (c *converter) follow(text string) Change {
	c.t.Helper()
	ddl := replica.DDL{Schema: "live", Text: text}
	if c.strict {
		ddl.SQLMode = 1 << 21
	}
	changes, err := c.tracker.Apply(ddl)
	c.must(err)
	return changes[0]
}

func (c *converter) columnOf(def string) *columnDef {
	d, err := parseDefinition(c.follow("CREATE OR REPLACE TABLE probe (c "+def+")").After.Create, Defaults{})
	c.must(err)
	return d.columns[0]
}

// allowed lists the types that a type is converted to in the test.
func (c *converter) allowed(typ string) (to []string) {
	c.was = c.columnOf(typ)
	for _, e := range edges {
		for _, s := range strings.Split(e.types, "|") {
			now := c.columnOf(s)
			how := conversionOf(&c.was.typ, &now.typ)
			if s == typ || how.how == howNever || how.how == howStrict && how.where == "" && !c.strict {
				continue
			}
			// What holds for every value holds for those that strict mode takes: one
			// pair of each family shows that TiDB takes them too.
			pair := [2]family{families[c.was.typ.base], families[now.typ.base]}
			if how.how == howAlways && c.strict && c.seen[pair] {
				continue
			}
			c.seen[pair] = true
			to = append(to, s)
		}
	}
	return to
}

// prepare makes the table with the same rows everywhere. In strict mode these are
// the values that every source can convert.
func (c *converter) prepare(typ string, values, to []string) {
	ctx, first := c.t.Context(), c.sources[0]
	c.session(false)
	c.everywhere("DROP TABLE IF EXISTS t, v, q")
	c.must(exec(ctx, first, "CREATE TABLE v (id INT PRIMARY KEY, c0 "+typ+")"))
	for n, v := range values {
		_ = exec(ctx, first, fmt.Sprintf("INSERT IGNORE INTO v VALUES (%d, %s)", n, v)) // what the type does not hold is no case
	}
	column := &c.follow("CREATE OR REPLACE TABLE v (id INT, c0 " + typ + ")").After.Columns[1]
	literals := map[string]string{}
	for id, v := range c.printed(first, "v", column, 0, false) {
		literals[id] = printedLiteral(column, v)
	}
	c.must(exec(ctx, first, "DROP TABLE v"))
	defs, insert := "", ""
	for i := range to {
		defs += fmt.Sprintf(", c%d %s", i, typ)
	}
	create := "CREATE TABLE t (id INT PRIMARY KEY" + defs + ")"
	tr, err := TargetDDL(c.follow(strings.Replace(create, "TABLE", "OR REPLACE TABLE", 1)), c.tracker.rules)
	c.must(err)
	c.must(exec(ctx, c.target, tr.Statements[len(tr.Statements)-1]))
	for _, on := range c.sources {
		c.must(exec(ctx, on, create))
	}
	for id, lit := range literals {
		insert += fmt.Sprintf("(%s%s), ", id, strings.Repeat(", "+lit, len(to)))
	}
	c.everywhere("INSERT INTO t VALUES " + insert + "(1000" + strings.Repeat(", NULL", len(to)) + ")")
	c.refused = map[string]bool{}
	for i, s := range to {
		how := conversionOf(&c.was.typ, &c.columnOf(s).typ)
		var odd []string
		if c.strict {
			odd = c.unfit(i, s, literals)
		}
		if how.where != "" && !(c.strict && how.how == howStrict) {
			for _, row := range c.values(c.target, "t WHERE "+fmt.Sprintf(how.where, fmt.Sprintf("c%d", i)), "id") {
				odd = append(odd, row[0])
			}
		}
		if len(odd) > 0 {
			c.everywhere(fmt.Sprintf("UPDATE t SET c%d=NULL WHERE id IN (%s)", i, strings.Join(odd, ",")))
		}
	}
}

// unfit returns the rows whose value some source refuses to convert.
func (c *converter) unfit(i int, to string, literals map[string]string) (ids []string) {
	c.session(true)
	for _, on := range c.sources {
		c.must(exec(c.t.Context(), on, "CREATE TABLE q (c "+to+")"))
		for id := range literals {
			if exec(c.t.Context(), on, fmt.Sprintf("INSERT INTO q SELECT c%d FROM t WHERE id=%s", i, id)) != nil {
				ids = append(ids, id)
			}
		}
		c.must(exec(c.t.Context(), on, "DROP TABLE q"))
	}
	c.session(false)
	return ids
}

// convert executes the ALTER TABLE on all sides and compares the rows.
func (c *converter) convert(typ string, to []string) {
	var actions []string
	for i, s := range to {
		actions = append(actions, fmt.Sprintf("MODIFY c%d %s", i, s))
	}
	alter := "ALTER TABLE t " + strings.Join(actions, ", ")
	change := c.follow(alter)
	tr, err := TargetDDL(change, c.tracker.rules)
	c.must(err)
	c.session(true)
	for _, x := range tr.Conditions {
		if rows := c.values(c.target, "("+x.Query+") x", "1"); len(rows) > 0 {
			c.t.Errorf("%s: %s (%s)", typ, x.Failed.Message, x.Query)
		}
	}
	moved := c.moved(to)
	for _, s := range tr.Statements {
		if exec(c.t.Context(), c.target, s) != nil {
			c.oneByOne(s)
		}
	}
	for n, on := range c.sources {
		c.must(exec(c.t.Context(), on, alter))
		c.must(exec(c.t.Context(), on, "SET SESSION time_zone='+00:00'"))
		c.must(exec(c.t.Context(), c.target, "SET SESSION time_zone='+00:00'"))
		for i, s := range to {
			col := &change.After.Columns[i+1]
			want, got := c.printed(on, "t", col, i, false), c.printed(c.target, "t", col, i, true)
			for id, v := range want {
				if m, ok := moved[i][id]; ok && m != v {
					c.t.Errorf("%s to %s, strict %v: row %s: source %d has %s, a new table %s", typ, s, c.strict, id, n, v, m)
					break
				}
			}
			for id, v := range want {
				if got[id] != v && !c.refused[fmt.Sprintf("c%d", i)] {
					c.t.Errorf("%s to %s, strict %v: row %s: source %d has %s, the target %s", typ, s, c.strict, id, n, v, got[id])
					break
				}
			}
		}
	}
}

// moved returns the values that a new table takes from the rows before they are converted, for the
// types that a rebuild moves. A row that it refuses is missing: that is no silent difference.
func (c *converter) moved(to []string) map[int]map[string]string {
	out := map[int]map[string]string{}
	ctx := c.t.Context()
	c.must(exec(ctx, c.target, "SET SESSION sql_mode='STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone='+00:00'"))
	for i, s := range to {
		change := c.follow(fmt.Sprintf("CREATE OR REPLACE TABLE m (id INT PRIMARY KEY, c%d %s)", i, s))
		if now := &change.After.Columns[1]; !movable(&c.was.typ, &c.columnOf(s).typ) || now == nil {
			continue
		}
		tr, err := TargetDDL(change, c.tracker.rules)
		c.must(err)
		for _, q := range tr.Statements {
			c.must(exec(ctx, c.target, q))
		}
		q := fmt.Sprintf("REPLACE INTO m (id, c%[1]d) SELECT id, c%[1]d FROM t", i)
		if exec(ctx, c.target, q) != nil {
			for _, row := range c.values(c.target, "t", "id") {
				_ = exec(ctx, c.target, q+" WHERE id="+row[0])
			}
		}
		out[i] = c.printed(c.target, "m", &change.After.Columns[1], i, true)
	}
	c.session(true)
	return out
}

// oneByOne executes the actions of an ALTER TABLE one after the other. In strict
// mode TiDB may refuse to make a text shorter: that is no silent difference.
func (c *converter) oneByOne(alter string) {
	head, actions, _ := strings.Cut(alter, " MODIFY COLUMN ")
	for _, a := range strings.Split(actions, ", MODIFY COLUMN ") {
		err := exec(c.t.Context(), c.target, head+" MODIFY COLUMN "+a)
		var me *mysql.MySQLError
		switch {
		case err == nil:
		case errors.As(err, &me) && me.Number == 1265 && families[c.was.typ.base] == familyText && c.strict:
			name, _, _ := strings.Cut(a, " ")
			c.t.Logf("%s: %v", c.was.typ.sql(), err)
			c.refused[strings.Trim(name, "`")] = true
		default:
			c.t.Errorf("%s, strict %v: %v", c.was.typ.sql(), c.strict, err)
		}
	}
}

func (c *converter) values(on *sql.Conn, table string, columns ...string) [][]string {
	return (&live{t: c.t}).values(on, table, columns)
}

// printed reads a column so that all sides print the same value alike.
func (c *converter) printed(on *sql.Conn, table string, col *replica.Column, i int, target bool) map[string]string {
	e := fmt.Sprintf("c%d", i)
	switch col.Type {
	case replica.TypeChar, replica.TypeVarchar, replica.TypeText:
		if !target {
			e = "CONVERT(" + e + " USING utf8mb4)"
		}
		e = "HEX(" + e + ")"
	case replica.TypeBinary, replica.TypeVarbinary, replica.TypeBlob:
		e = "HEX(" + e + ")"
	case replica.TypeBit, replica.TypeDecimal:
		e += "+0"
	case replica.TypeFloat, replica.TypeDouble:
		e += "*1e0"
	case replica.TypeEnum, replica.TypeSet:
		e = "CONCAT(" + e + "+0, ':', HEX(CONVERT(" + e + " USING utf8mb4)))"
	}
	out := map[string]string{}
	for _, row := range c.values(on, table, "id", e) {
		v := row[1]
		if f, err := strconv.ParseFloat(v, 64); err == nil && (col.Type == replica.TypeFloat || col.Type == replica.TypeDouble) {
			v = strconv.FormatFloat(f+0, 'e', -1, 64)
		}
		out[row[0]] = v
	}
	return out
}

// printedLiteral returns SQL text of what printedColumn read.
func printedLiteral(c *replica.Column, v string) string {
	if v == "(NULL)" {
		return "NULL"
	}
	switch c.Type {
	case replica.TypeChar, replica.TypeVarchar, replica.TypeText:
		raw, _ := hex.DecodeString(v)
		return quoteString(string(raw))
	case replica.TypeBinary, replica.TypeVarbinary, replica.TypeBlob:
		if v == "" {
			return "''"
		}
		return "x'" + v + "'"
	case replica.TypeEnum, replica.TypeSet:
		n, _, _ := strings.Cut(v, ":")
		return n
	case replica.TypeDate, replica.TypeDateTime, replica.TypeTime, replica.TypeTimestamp:
		return quoteString(v)
	}
	return v
}
