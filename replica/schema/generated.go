package schema

import (
	"fmt"
	"regexp"
	"strings"

	"sluice/replica"
	"sluice/ruleset"
)

// Target is how definitions and DDL are translated for a migration's target.
// The zero value has the defaults.
type Target struct {
	// PlainGenerated makes every generated column a plain one.
	PlainGenerated bool
	// NoGeneratedImages is true for a source that leaves the values of generated
	// columns out of row images: none can be a plain column then.
	NoGeneratedImages bool
	// GeometryBytes makes a LONGBLOB of a GEOMETRY column. A migration does not have it:
	// what its tables lose is for an operator to decide, who gets the statement that it
	// makes.
	GeometryBytes bool
	// Transaction identifies the statement of a DDL. Names that the translation
	// makes up are derived from it.
	Transaction string
}

// TargetCreate is Target.Create with the defaults.
func TargetCreate(t *replica.Table, targetSchema, targetTable string) (sql string, notes []string, err error) {
	return Target{}.Create(t, targetSchema, targetTable)
}

// TargetDDL is Target.DDL with the defaults.
func TargetDDL(c Change, rules *ruleset.Rules) (Translation, error) {
	return Target{}.DDL(c, rules)
}

// How a generated column is in the target.
//
// A column whose expression is proved stays generated. Any other one is plain
// and carries the source's value, which the copy reads and row images have: with
// binlog_row_image=FULL, those of MySQL have the values of STORED and VIRTUAL
// columns in every image, with and without an index, and so have those of MariaDB
// 10.11. MariaDB leaves both kinds out of the images of UPDATE and DELETE from
// 11.8.9 on. There a column stays generated with a warning, and is refused where
// a unique key has it: rows that the source tells apart would collide.
//
// The answer follows from the source's definition alone, so that each node gives
// the same one. Rows are written by what the target's table is, not by this.
type generatedAs struct {
	generated bool
	warning   string // how its values differ, or what the application must know
}

// generatedAs returns how the column is in the target.
func (x *translator) generatedAs(c *columnDef) (generatedAs, error) {
	if c.generated == "" {
		return generatedAs{}, nil
	}
	why := x.differs(c)
	inKey, unique := x.keyed(c)
	switch {
	case x.opts.PlainGenerated && x.opts.NoGeneratedImages:
		return generatedAs{}, fmt.Errorf("column %s: generated_columns=PLAIN needs its values in row images, which this source leaves out of UPDATE and DELETE", c.name)
	case x.opts.PlainGenerated && x.carriable(c):
		return generatedAs{warning: x.plainWarning(c, "generated_columns=PLAIN")}, nil
	case why == "" && (!inKey || x.opts.NoGeneratedImages):
		return generatedAs{generated: true}, nil
	case why == "":
		return generatedAs{warning: x.plainWarning(c, "it identifies the table's rows")}, nil
	case x.carriable(c) && !x.opts.NoGeneratedImages:
		return generatedAs{warning: x.plainWarning(c, why)}, nil
	case unique:
		return generatedAs{}, fmt.Errorf("column %s is generated and in a unique key, TiDB may compute other values (%s), and the source's are not in row images", c.name, why)
	}
	return generatedAs{generated: true, warning: fmt.Sprintf("column %s stays generated, and its values in the target may differ from the source's: %s, "+
		"and row images do not have the source's value", c.name, why)}, nil
}

// takesDate finds the functions whose value for a date of zeros a session decides.
var takesDate = regexp.MustCompile(`(?i)\bdate\s*\(|\bas\s+date\b`)

func (x *translator) plainWarning(c *columnDef, why string) string {
	s := fmt.Sprintf("generated column %s becomes a plain column that carries the source's value (%s): after a switch to the target, the application must set it",
		c.name, why)
	uses := func(base string) bool {
		of := map[string]bool{}
		for _, other := range x.d.columns {
			if other.typ.base == base {
				of[strings.ToLower(other.name)] = true
			}
		}
		return !c.stored && mentions(c.generated, of)
	}
	if uses("timestamp") {
		s += "; it is VIRTUAL and depends on a TIMESTAMP, so that the source gives each session the value of its own time zone: " +
			"rows of the copy have that of UTC, and later rows that of the session that wrote them"
	}
	if uses("char") {
		s += "; it is VIRTUAL and depends on a CHAR, so that the source gives each session the value of its own sql_mode: " +
			"later rows have that of the session that wrote them, with trailing blanks if its mode had PAD_CHAR_TO_FULL_LENGTH"
	}
	if !c.stored && (c.typ.base == "date" || takesDate.MatchString(c.generated)) {
		s += "; it is VIRTUAL, so that the source makes NULL of a date of zeros in a session whose sql_mode has NO_ZERO_DATE: " +
			"later rows have the value of the session that wrote them"
	}
	return s
}

// differs returns why TiDB may compute another value for the column, "" when it
// is proved that it does not.
func (x *translator) differs(c *columnDef) string { return x.differsWithin(c, maxNesting) }

func (x *translator) differsWithin(c *columnDef, depth int) string {
	if depth == 0 {
		return "generated columns depend on each other too deeply"
	}
	why := unproved(x.d, c, x.usedDiffers(depth-1))
	if why == "" && !tidbParses("CREATE TABLE t (c INT AS "+translateExpression(c.generated)+")") {
		return "TiDB cannot read its expression"
	}
	return why
}

// usedDiffers returns why a generated column that an expression uses has another
// value in the target. One that can be carried is either proved or plain, and then
// has the source's value, whatever its expression is.
func (x *translator) usedDiffers(depth int) func(c *columnDef) string {
	return func(c *columnDef) string {
		if x.carriable(c) && !x.opts.NoGeneratedImages {
			return ""
		}
		return x.differsWithin(c, depth)
	}
}

// carriable returns true if a generated column's values can be read from row images.
func (x *translator) carriable(c *columnDef) bool {
	if c.rowStart || c.rowEnd {
		return false
	}
	switch c.typ.base {
	case "vector", "uuid", "inet4", "inet6":
		return false
	}
	return columnTypes[c.typ.base] != replica.TypeGeometry
}

// keyed returns true if the column is in the key that identifies rows, and if it
// is in any unique key. TiDB has no generated columns in a primary key.
func (x *translator) keyed(c *columnDef) (identifies, unique bool) {
	rowKey := ""
	if t, err := x.d.build(""); err == nil {
		if k := t.RowKey(); k != nil {
			rowKey = k.Name
		}
	}
	for _, k := range x.d.keys {
		if k.kind != keyPrimary && k.kind != keyUnique {
			continue
		}
		for _, p := range k.parts {
			if strings.EqualFold(p.column, c.name) || p.expr != "" && mentions(p.expr, map[string]bool{strings.ToLower(c.name): true}) {
				unique = true
				identifies = identifies || strings.EqualFold(k.name, rowKey)
			}
		}
	}
	return identifies, unique
}

// Warnings returns what an operator must know about a table's generated columns
// in the target. have is nil for a table that Create makes; else it returns
// whether the target's table has the column, and whether it generates it. The error
// is that of a table that cannot be held.
func (o Target) Warnings(t *replica.Table, have func(column string) (exists, generated bool)) ([]string, error) {
	d, err := parseDefinition(t.Create, Defaults{})
	if err != nil {
		return nil, ddlError(err, remedyStatement, "translate table %s", t)
	}
	x := o.translator(d)
	var out []string
	for _, c := range d.columns {
		if c.generated == "" {
			continue
		}
		if have != nil {
			if _, generated := have(c.name); generated {
				if why := x.differs(c); why != "" {
					out = append(out, fmt.Sprintf("the target's table generates column %s, and its values may differ from the source's: %s", c.name, why))
				}
			}
			continue
		}
		as, err := x.generatedAs(c)
		if err != nil {
			return out, ddlError(err, remedyGenerated, "translate table %s", t)
		}
		if as.warning != "" {
			out = append(out, as.warning)
		}
	}
	return out, nil
}

const remedyGenerated = "leave the table out with REPLICATE_IGNORE_TABLE, or make the column a plain one at the source"

// unprovedKey returns why a unique key over an expression cannot be in the target.
// The source keeps its values unique. TiDB's may be equal where the source's are
// not, and rows would then be refused. A key that is not unique only costs: TiDB
// fills it with its own values and looks them up there.
func (x *translator) unprovedKey(k *keyDef, expr string) string {
	if k.kind != keyUnique {
		return ""
	}
	if why := x.expressionDiffers(expr); why != "" {
		return "the source keeps it unique, and TiDB may compute other values for it, as " + why
	}
	return ""
}

// expressionDiffers returns why TiDB may compute another value for an expression,
// "" when it is proved that it does not.
func (x *translator) expressionDiffers(expr string) string {
	tokens, err := tokenize(expr, 0)
	if err != nil {
		return "its expression cannot be read"
	}
	p := &prover{d: x.d, tokens: tokens, charsets: map[string]bool{}, generated: x.usedDiffers(maxNesting)}
	t := p.expression(0)
	switch {
	case p.why != "":
		return p.why
	case p.peek().kind != tokEOF:
		return "the form of its expression is not known"
	case p.dates, t.class == classDate:
		return "its expression's value depends on a DATE, which may be one of zeros"
	case t.class == classText:
		return "its expression's text is compared by a collation"
	}
	return ""
}

// relaxed returns true if the target must not enforce a check: TiDB may find it
// false for a row that the source accepted. The source has checked each row.
func (x *translator) relaxed(c *checkDef) bool {
	if x.expressionDiffers(c.expr) == "" {
		return false
	}
	if !c.notEnforced {
		x.note("check %s is not enforced in the target, as TiDB may evaluate it otherwise; the source has checked each row", c.name)
	}
	return true
}
