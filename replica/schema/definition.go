package schema

import "strings"

// definition is a table definition as a tree: everything that the text says,
// with names of charsets and collations resolved. Expressions stay text.
type definition struct {
	name       string
	columns    []*columnDef
	keys       []*keyDef
	absent     []*keyDef // indexes that the source may have and the target has not: see foreign.go
	foreign    []*foreignDef
	checks     []*checkDef
	charset    string
	collation  string
	options    []option // the other table options, in order
	partition  *partitioning
	versioning bool     // WITH SYSTEM VERSIONING
	period     []string // PERIOD FOR .. clauses, as text
}

// option is one table option; value is SQL text.
type option struct{ name, value string }

// typeDef is a column's type. base is the canonical base name in lower case.
type typeDef struct {
	base      string
	length    int // as columns.column_type shows it; -1 when it shows none
	scale     int // -1 when there is none
	elements  []string
	unsigned  bool
	zerofill  bool
	charset   string // of char, varchar, text, enum, set types
	collation string
}

type columnDef struct {
	name       string
	typ        typeDef
	null       nullness
	def        string // DEFAULT as SQL text
	hasDefault bool
	onUpdate   string
	autoInc    bool
	comment    string
	generated  string // the expression with its parentheses, "" when none
	stored     bool
	rowStart   bool // GENERATED ALWAYS AS ROW START
	rowEnd     bool
	invisible  bool
	compressed bool
	literals   string   // charset of its default's and members' literals, "" for UTF-8
	settled    bool     // its nullness and default are final
	implicit   bool     // not in the text: the columns of WITH SYSTEM VERSIONING
	extra      []string // other attributes, as text
}

type nullness uint8

const (
	nullDefault nullness = iota
	nullYes
	nullNo
)

// keyKind is the kind of an index.
type keyKind uint8

const (
	keyPlain keyKind = iota
	keyPrimary
	keyUnique
	keyFulltext
	keySpatial
	keyVector
)

type keyDef struct {
	kind      keyKind
	name      string
	parts     []keyPart
	invisible bool
	hash      bool // USING HASH was written
	origin    keyOrigin
	comment   string
	extra     []string // other options, as text
}

// keyPart is a column (with a prefix length, 0 for the whole), or an
// expression with its parentheses.
type keyPart struct {
	column string
	prefix int
	expr   string
	desc   bool
}

type foreignDef struct {
	name    string
	columns []string
	rest    string // REFERENCES .. as text
}

type checkDef struct {
	name        string
	expr        string // with its parentheses
	notEnforced bool
	column      string // MariaDB: the column it was written with
}

// partitioning is a PARTITION BY clause. It is not changed once made.
type partitioning struct {
	header string // PARTITION BY .. up to the list of partitions
	parts  []partitionDef
}

type partitionDef struct{ name, text string }

// sql returns the clause.
func (p *partitioning) sql() string {
	if len(p.parts) == 0 {
		return p.header
	}
	texts := make([]string, len(p.parts))
	for i, part := range p.parts {
		texts[i] = part.text
	}
	return p.header + "\n(" + strings.Join(texts, ",\n ") + ")"
}

func (d *definition) column(name string) *columnDef {
	for _, c := range d.columns {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

func (d *definition) key(name string) *keyDef {
	for _, k := range d.keys {
		if strings.EqualFold(k.name, name) {
			return k
		}
	}
	return nil
}

// primary returns the primary key, or nil.
func (d *definition) primary() *keyDef {
	for _, k := range d.keys {
		if k.kind == keyPrimary {
			return k
		}
	}
	return nil
}

func (d *definition) setOption(name, value string) {
	for i := range d.options {
		if d.options[i].name == name {
			d.options[i].value = value
			return
		}
	}
	d.options = append(d.options, option{name, value})
}

func (d *definition) removeOption(name string) {
	kept := d.options[:0:0]
	for _, o := range d.options {
		if o.name != name {
			kept = append(kept, o)
		}
	}
	d.options = kept
}

// clone copies the definition so deep that changing the copy leaves d alone.
func (d *definition) clone() *definition {
	n := *d
	n.columns = make([]*columnDef, len(d.columns))
	for i, c := range d.columns {
		n.columns[i] = c.clone()
	}
	n.keys = make([]*keyDef, len(d.keys))
	for i, k := range d.keys {
		n.keys[i] = k.clone()
	}
	n.absent = make([]*keyDef, len(d.absent))
	for i, k := range d.absent {
		n.absent[i] = k.clone()
	}
	n.foreign = make([]*foreignDef, len(d.foreign))
	for i, f := range d.foreign {
		c := *f
		c.columns = append([]string(nil), f.columns...)
		n.foreign[i] = &c
	}
	n.checks = make([]*checkDef, len(d.checks))
	for i, c := range d.checks {
		k := *c
		n.checks[i] = &k
	}
	n.options = append([]option(nil), d.options...)
	n.period = append([]string(nil), d.period...)
	return &n
}

func (c *columnDef) clone() *columnDef {
	n := *c
	n.typ.elements = append([]string(nil), c.typ.elements...)
	n.extra = append([]string(nil), c.extra...)
	return &n
}

func (k *keyDef) clone() *keyDef {
	n := *k
	n.parts = append([]keyPart(nil), k.parts...)
	n.extra = append([]string(nil), k.extra...)
	return &n
}

// nullable says whether the column may hold NULL.
func (c *columnDef) nullable() bool { return c.null != nullNo }
