package schema

import "strings"

// typeNames maps every spelling of a type whose name is one word, and that
// needs no further thought, to its canonical base name.
var typeNames = map[string]string{
	"tinyint": "tinyint", "int1": "tinyint",
	"smallint": "smallint", "int2": "smallint",
	"mediumint": "mediumint", "int3": "mediumint", "middleint": "mediumint",
	"int": "int", "integer": "int", "int4": "int",
	"bigint": "bigint", "int8": "bigint",
	"float": "float", "float4": "float",
	"double": "double", "float8": "double", "real": "double",
	"decimal": "decimal", "dec": "decimal", "numeric": "decimal", "fixed": "decimal", "number": "decimal",
	"bit": "bit", "date": "date", "time": "time", "datetime": "datetime", "timestamp": "timestamp", "year": "year",
	"char": "char", "character": "char", "nchar": "char",
	"varchar": "varchar", "varcharacter": "varchar", "nvarchar": "varchar", "varchar2": "varchar",
	"binary": "binary", "varbinary": "varbinary", "raw": "varbinary",
	"tinytext": "tinytext", "text": "text", "mediumtext": "mediumtext", "longtext": "longtext", "clob": "longtext",
	"tinyblob": "tinyblob", "blob": "blob", "mediumblob": "mediumblob", "longblob": "longblob",
	"enum": "enum", "set": "set", "json": "json",
	"geometry": "geometry", "point": "point", "linestring": "linestring", "polygon": "polygon",
	"multipoint": "multipoint", "multilinestring": "multilinestring", "multipolygon": "multipolygon",
	"geometrycollection": "geomcollection", "geomcollection": "geomcollection",
	"vector": "vector", "uuid": "uuid", "inet4": "inet4", "inet6": "inet6",
}

// parseType reads a data type with what belongs to it. It also sets those of
// the column's attributes that a type name implies (SERIAL, BOOL, JSON).
func (r *reader) parseType(c *columnDef) (serial bool) {
	t := &c.typ
	t.length, t.scale = -1, -1
	if !r.isName() {
		r.unexpected("data type")
		return false
	}
	word := strings.ToLower(r.next().text)
	national := false
	switch word {
	case "national":
		national = true
		word = strings.ToLower(r.name("data type"))
		if r.accept("VARYING") {
			word = "varchar"
		}
	case "nchar", "nvarchar":
		national = true
	case "bool", "boolean":
		t.base, t.length = "tinyint", 1
		return false
	case "serial":
		t.base, t.unsigned = "bigint", true
		c.null, c.autoInc = nullNo, true
		return true
	case "long":
		r.parseLong(t)
		return false
	}
	t.base = typeNames[word]
	if t.base == "" {
		r.fail("data type %q is not known", word)
		return false
	}
	if t.base == "char" && r.acceptAny("VARYING", "VARCHAR", "VARCHARACTER") {
		t.base = "varchar"
	}
	if word == "double" {
		r.accept("PRECISION")
	}
	if word == "real" && r.mode&modeRealAsFloat != 0 {
		t.base = "float"
	}
	if national {
		t.charset = "utf8mb3"
	}
	r.parseTypeArguments(t)
	r.parseTypeAttributes(t)
	r.finishType(c)
	return false
}

func (r *reader) parseLong(t *typeDef) {
	switch {
	case r.acceptAny("VARBINARY"):
		t.base = "mediumblob"
		return
	case r.accept("CHAR", "VARYING"), r.accept("CHARACTER", "VARYING"), r.acceptAny("VARCHAR", "VARCHARACTER"):
	}
	t.base = "mediumtext"
	r.parseTypeAttributes(t)
}

func (r *reader) parseTypeArguments(t *typeDef) {
	if !r.acceptPunct("(") {
		if t.base == "enum" || t.base == "set" {
			r.unexpected("list of members")
		}
		return
	}
	if t.base == "enum" || t.base == "set" {
		for {
			t.elements = append(t.elements, r.element())
			if !r.acceptPunct(",") {
				break
			}
		}
	} else {
		t.length = r.integer("length of a type")
		if r.acceptPunct(",") {
			t.scale = r.integer("digits of a type")
		}
		r.acceptAny("CHAR", "BYTE") // VARCHAR2(10 CHAR)
	}
	r.expectPunct(")")
}

// element reads one member of an ENUM or SET, whose trailing spaces the server
// drops.
func (r *reader) element() string {
	t := r.peek()
	if t.kind == tokWord && strings.HasPrefix(t.text, "_") { // a charset introducer
		r.next()
		t = r.peek()
	}
	if t.kind == tokHexBit {
		r.next()
		return strings.TrimRight(hexBytes(t.text), " ")
	}
	return strings.TrimRight(r.str("member of an ENUM or SET"), " ")
}

// hexBytes returns the bytes of x'..'.
func hexBytes(text string) string {
	const digits = "0123456789abcdef"
	body := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(text, "x'"), "'"))
	var out []byte
	for i := 0; i+1 < len(body); i += 2 {
		out = append(out, byte(strings.IndexByte(digits, body[i])<<4|strings.IndexByte(digits, body[i+1])))
	}
	return string(out)
}

// parseTypeAttributes reads UNSIGNED, ZEROFILL, CHARACTER SET and the like,
// which follow a type in any order.
func (r *reader) parseTypeAttributes(t *typeDef) {
	toBinary := false
	for {
		switch {
		case r.accept("UNSIGNED"):
			t.unsigned = true
		case r.accept("SIGNED"):
		case r.accept("ZEROFILL"):
			t.zerofill, t.unsigned = true, true
		case r.charset():
			t.charset = canonicalCharset(r.charsetName())
		case isText(t.base) && r.accept("ASCII"):
			t.charset = "latin1"
		case isText(t.base) && r.accept("UNICODE"):
			t.charset = "ucs2"
		case isText(t.base) && r.accept("BYTE"):
			t.charset = "binary"
		case isText(t.base) && r.accept("BINARY"):
			toBinary = true
		case r.accept("COLLATE"):
			r.acceptPunct("=")
			t.collation = canonicalCollation(r.charsetName())
		default:
			if toBinary && t.collation == "" {
				t.collation = "*bin" // the charset may come from the table
			}
			return
		}
	}
}

// charset reads the words before a charset's name.
func (r *reader) charset() bool {
	return r.accept("CHARACTER", "SET") || r.accept("CHAR", "SET") || r.accept("CHARSET")
}

// charsetName reads the name of a charset or collation, which may be quoted.
func (r *reader) charsetName() string {
	if t := r.peek(); t.kind == tokString {
		return r.next().text
	}
	return r.name("name of a charset or collation")
}

func isText(base string) bool {
	switch base {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set":
		return true
	}
	return false
}

var defaultZerofill = map[string]int{"tinyint": 3, "smallint": 5, "mediumint": 8, "int": 10, "bigint": 20}

// finishType puts lengths into the form that MySQL 8's column_type has.
func (r *reader) finishType(c *columnDef) {
	t := &c.typ
	switch t.base {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		if t.zerofill {
			if t.length <= 0 {
				t.length = defaultZerofill[t.base]
			}
		} else if t.base != "tinyint" || t.length != 1 || t.unsigned {
			t.length = -1
		}
	case "float", "double":
		if t.length >= 0 && t.scale < 0 { // FLOAT(p) only chooses between the two
			if t.base == "float" && t.length > 24 {
				t.base = "double"
			}
			t.length = -1
		}
	case "decimal":
		if t.length <= 0 {
			t.length = 10
		}
		if t.scale < 0 {
			t.scale = 0
		}
	case "bit", "char", "binary":
		if t.length < 0 || t.base == "bit" && t.length == 0 {
			t.length = 1
		}
	case "varchar", "varbinary":
		if t.length < 0 {
			r.fail("%s needs a length", t.base)
		}
	case "time", "datetime", "timestamp":
		if t.scale, t.length = max(t.length, 0), -1; t.scale > 6 {
			r.fail("%s has at most 6 fractional digits", t.base)
		}
	case "year":
		t.length = -1
	case "vector":
		if t.length < 0 {
			t.length = 2048
		}
	case "json":
		if r.d.MariaDB && r.ddl {
			t.base = "longtext"
			t.charset, t.collation = "utf8mb4", "utf8mb4_bin"
			c.extra = append(c.extra, jsonAlias)
		}
	}
}

// jsonAlias marks, until the column is complete, MariaDB's JSON.
const jsonAlias = "*json"
