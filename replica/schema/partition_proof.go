package schema

import "strings"

// placedOtherwise returns why TiDB may put rows into other partitions than the
// source does, "" if it is proved that it does not: a partition that is dropped,
// truncated or exchanged by its name must hold the same rows. Proved are, as seen on
// the servers with edge values:
//
//   - HASH of an integer column or of YEAR, and of UNIX_TIMESTAMP of a TIMESTAMP. The
//     column must be NOT NULL: TiDB takes NULL for 0, and the sources do not. TO_DAYS
//     of a date without a month is NULL, too;
//   - RANGE and LIST of an integer column, of YEAR, TO_DAYS and TO_SECONDS of a DATE or
//     DATETIME, and of UNIX_TIMESTAMP: all know NULL;
//   - RANGE COLUMNS and LIST COLUMNS of integers, DATE and DATETIME, and of texts that
//     are compared alike.
//
// KEY and LINEAR have hash functions of their own.
func (x *translator) placedOtherwise(header string) string {
	tokens, err := tokenize(header, 0)
	if err != nil || len(tokens) < 4 || !tokens[0].is("PARTITION") || !tokens[1].is("BY") {
		return "its definition is not read"
	}
	kind, tokens := strings.ToUpper(tokens[2].text), tokens[3:]
	switch {
	case kind == "LINEAR" || kind == "KEY":
		return "TiDB puts rows into other partitions than " + kind + " does at the source"
	case kind != "HASH" && kind != "RANGE" && kind != "LIST":
		return "TiDB may put rows into other partitions than " + kind + " does at the source"
	case tokens[0].is("COLUMNS"):
		return x.columnsPlacedOtherwise(kind, tokens[1:])
	}
	if why := x.functionPlacedOtherwise(kind, tokens); why != "" {
		return "TiDB may put rows into other partitions, as " + why
	}
	return ""
}

// partitionFunctions are the functions that partition alike, by the types of their
// column.
var partitionFunctions = map[string][]string{"YEAR": {"date", "datetime"}, "TO_DAYS": {"date", "datetime"}, "TO_SECONDS": {"date", "datetime"},
	"UNIX_TIMESTAMP": {"timestamp"}}

// functionPlacedOtherwise returns why the function of HASH, RANGE or LIST, whose
// tokens begin with a parenthesis, is not proved.
func (x *translator) functionPlacedOtherwise(kind string, tokens []token) string {
	function := ""
	if at := 1; len(tokens) > 4 && tokens[at+1].punct("(") && tokens[at+3].punct(")") {
		function = strings.ToUpper(tokens[at].text)
		tokens = tokens[2:]
	}
	if len(tokens) < 3 || !tokens[0].punct("(") || !tokens[2].punct(")") || tokens[1].kind != tokIdent && tokens[1].kind != tokWord {
		return "its function is not a proved one"
	}
	if function != "" && !tokens[3].punct(")") {
		return "its function is not a proved one"
	}
	c := x.d.column(tokens[1].text)
	if c == nil {
		return "its function is not a proved one"
	}
	types, known := partitionFunctions[function]
	if function == "" {
		types, known = []string{"tinyint", "smallint", "mediumint", "int", "bigint"}, true
	}
	switch {
	case !known:
		return "its function " + function + " is not a proved one"
	case !oneOf(c.typ.base, types):
		return "its function takes column " + c.name + ", which is " + typeText(&c.typ)
	case kind == "HASH" && c.nullable():
		return "column " + c.name + " may be NULL"
	case kind == "HASH" && (function == "TO_DAYS" || function == "TO_SECONDS"):
		return function + " of an incomplete date is NULL"
	}
	return ""
}

func oneOf(s string, list []string) bool {
	for _, t := range list {
		if s == t {
			return true
		}
	}
	return false
}

// columnsPlacedOtherwise returns why RANGE COLUMNS or LIST COLUMNS of columns, whose
// tokens begin with a parenthesis, is not proved.
func (x *translator) columnsPlacedOtherwise(kind string, tokens []token) string {
	for _, t := range tokens {
		switch {
		case t.punct("("), t.punct(","):
			continue
		case t.punct(")"):
			return ""
		}
		c := x.d.column(t.text)
		if c == nil {
			return "its definition is not read"
		}
		switch c.typ.base {
		case "tinyint", "smallint", "mediumint", "int", "bigint", "date", "datetime":
			continue
		case "char", "varchar":
		default:
			return "TiDB may order the values of column " + c.name + " otherwise"
		}
		_, to := (&translator{d: x.d}).text("", c.typ.charset, c.typ.collation)
		if !sameOrder(c.typ.charset, c.typ.collation, to) || kind == "RANGE" && !noPad[to] {
			return "TiDB orders the texts of column " + c.name + " otherwise"
		}
	}
	return "its definition is not read"
}

// noPad are the collations of TiDB that do not ignore trailing blanks. Of others, TiDB
// takes the blanks off: a TAB after 'a' is above 'a' then, and below it at the
// sources, which compare it with a blank.
var noPad = map[string]bool{"utf8mb4_0900_ai_ci": true, "utf8mb4_0900_bin": true}

// sameOrder returns true if texts have the same order under a collation of the
// source and one of the target.
func sameOrder(charset, collation, target string) bool {
	switch charset {
	case "utf8mb4", "utf8mb3", "ascii":
	default:
		return false
	}
	_, has, _ := strings.Cut(collation, "_")
	_, gets, _ := strings.Cut(target, "_")
	return has == gets
}
