package sqladmin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// raw is a client that is written against the protocol's description and can
// do what drivers do not: any capability, any plugin, any packet.
type raw struct {
	t    *testing.T
	net  net.Conn
	w    *wire
	caps uint32
	salt []byte
	id   uint32
}

// rawOptions says how raw logs in.
type rawOptions struct {
	drop      uint32 // capabilities it does not have
	plugin    string // caching_sha2_password when empty
	password  string
	tls       bool
	breakIt   bool // send a wrong scramble, so that the full exchange follows
	collation byte // number of the client's collation; 0 is utf8mb4
}

// rawDial connects and logs in; the error is the server's.
func rawDial(t *testing.T, s *Server, o rawOptions) (*raw, error) {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	r := rawHandshake(t, nc, o)
	return r, r.finishLogin(o)
}

// rawHandshake reads the greeting and sends the first response.
func rawHandshake(t *testing.T, nc net.Conn, o rawOptions) *raw {
	t.Helper()
	r := &raw{t: t, net: nc, w: newWire(nc), caps: uint32(capabilities) &^ (o.drop | mysql.CLIENT_CONNECT_WITH_DB | mysql.CLIENT_CONNECT_ATTRS)}
	r.greeting(r.read())
	if !o.tls {
		r.caps &^= mysql.CLIENT_SSL
	}
	head := binary.LittleEndian.AppendUint32(nil, r.caps)
	head = append(binary.LittleEndian.AppendUint32(head, 1<<24), o.collation)
	head = append(head, make([]byte, 23)...)
	if o.tls {
		r.write(head)
		tc := tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
		seq := r.w.seq
		r.w = newWire(tc)
		r.w.seq = seq
	}
	if o.plugin == "" {
		o.plugin = cachingSHA2
	}
	b := append(append(head, "root"...), 0)
	b = appendString(b, string(scramble(o.plugin, o.password, r.salt, o.breakIt)))
	r.write(append(append(b, o.plugin...), 0))
	return r
}

func (r *raw) greeting(b []byte) {
	p := &payload{b: b}
	if v := p.uint(1); v != 10 {
		r.t.Fatalf("protocol %d", v)
	}
	if v := p.zero(); v != defaultVersion {
		r.t.Errorf("version %q", v)
	}
	r.id = uint32(p.uint(4))
	r.salt = append([]byte(nil), p.take(8)...)
	p.take(1)
	low := p.uint(2)
	p.take(1 + 2)
	caps := uint32(low | p.uint(2)<<16)
	if caps&(mysql.CLIENT_MULTI_STATEMENTS|mysql.CLIENT_LOCAL_FILES|mysql.CLIENT_COMPRESS) != 0 {
		r.t.Errorf("capabilities %x", caps)
	}
	if n := p.uint(1); n != 21 {
		r.t.Errorf("salt length %d", n)
	}
	p.take(10)
	r.salt = append(r.salt, p.take(12)...)
	p.take(1)
	if plugin := p.zero(); plugin != cachingSHA2 || p.bad {
		r.t.Errorf("plugin %q", plugin)
	}
}

// scramble is what a client computes of a password.
func scramble(plugin, password string, salt []byte, breakIt bool) []byte {
	if password == "" {
		return nil
	}
	var out []byte
	if plugin == nativePassword {
		a := sha1.Sum([]byte(password))
		b := sha1.Sum(a[:])
		c := sha1.Sum(append(slices.Clone(salt), b[:]...))
		for i := range a {
			out = append(out, a[i]^c[i])
		}
	} else {
		a := sha256.Sum256([]byte(password))
		b := sha256.Sum256(a[:])
		c := sha256.Sum256(append(b[:], salt...))
		for i := range a {
			out = append(out, a[i]^c[i])
		}
	}
	if breakIt {
		out[0] ^= 1
	}
	return out
}

// finishLogin answers the server until it says OK or ERR.
func (r *raw) finishLogin(o rawOptions) error {
	for {
		b := r.read()
		switch {
		case b[0] == 0:
			return nil
		case b[0] == 0xff:
			return rawError(b)
		case b[0] == 0xfe: // another plugin
			p := &payload{b: b[1:]}
			plugin := p.zero()
			r.salt = slices.Clone(p.take(saltBytes))
			r.write(scramble(plugin, o.password, r.salt, o.breakIt))
		case b[0] == 1 && b[1] == 4 && o.tls:
			r.write(append([]byte(o.password), 0))
		case b[0] == 1 && b[1] == 4:
			r.write([]byte{2})
			r.write(r.encrypt(r.read()[1:], o.password))
		}
	}
}

func (r *raw) encrypt(text []byte, password string) []byte {
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		r.t.Fatal(err)
	}
	plain := append([]byte(password), 0)
	for i := range plain {
		plain[i] ^= r.salt[i%len(r.salt)]
	}
	out, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key.(*rsa.PublicKey), plain, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *raw) read() []byte {
	r.t.Helper()
	b, next, err := r.w.read(1<<28, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.w.seq = next
	return b
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	if err := r.w.write(b); err != nil {
		r.t.Fatal(err)
	}
	if err := r.w.w.Flush(); err != nil {
		r.t.Fatal(err)
	}
}

// send sends a command.
func (r *raw) send(command byte, data string) {
	r.t.Helper()
	r.w.seq = 0
	r.write(append([]byte{command}, data...))
}

func rawError(b []byte) error {
	return &mysql.MyError{Code: binary.LittleEndian.Uint16(b[1:]), State: string(b[4:9]), Message: string(b[9:])}
}

// okReply is an OK packet taken apart.
type okReply struct {
	affected, id uint64
	warnings     uint16
	info         string
}

func parseOK(b []byte) okReply {
	p := &payload{b: b[1:]}
	o := okReply{affected: p.length(), id: p.length()}
	p.take(2)
	o.warnings = uint16(p.uint(2))
	if len(p.b) > 0 {
		o.info = string(p.bytes())
	}
	return o
}

// columnReply is a column definition taken apart.
type columnReply struct {
	name    string
	kind    byte
	charset uint16
	flags   uint16
}

func parseColumn(b []byte) columnReply {
	p := &payload{b: b}
	var words []string
	for range 6 {
		words = append(words, string(p.bytes()))
	}
	p.take(1)
	c := columnReply{name: words[4], charset: uint16(p.uint(2))}
	p.take(4)
	c.kind = byte(p.uint(1))
	c.flags = uint16(p.uint(2))
	return c
}

// rows reads a result set: the columns and the raw rows.
func (r *raw) rows() (cols []columnReply, rows [][]byte, err error) {
	r.t.Helper()
	b := r.read()
	if b[0] == 0xff {
		return nil, nil, rawError(b)
	}
	if b[0] == 0 {
		return nil, nil, nil
	}
	n := (&payload{b: b}).length()
	for range n {
		cols = append(cols, parseColumn(r.read()))
	}
	if r.caps&mysql.CLIENT_DEPRECATE_EOF == 0 {
		r.eof(r.read())
	}
	for {
		b := r.read()
		if b[0] == 0xfe && len(b) < 0xffffff {
			r.eof(b)
			return cols, rows, nil
		}
		if b[0] == 0xff {
			return cols, rows, rawError(b)
		}
		rows = append(rows, b)
	}
}

func (r *raw) eof(b []byte) {
	r.t.Helper()
	if b[0] != 0xfe || r.caps&mysql.CLIENT_DEPRECATE_EOF == 0 && len(b) != 5 || r.caps&mysql.CLIENT_DEPRECATE_EOF != 0 && len(b) < 7 {
		r.t.Fatalf("no end of rows: % x", b)
	}
}

// do sends one command of a transcript.
func (r *raw) do(query string) reply {
	r.t.Helper()
	if !strings.HasPrefix(query, `\`) {
		r.send(mysql.COM_QUERY, query)
		return r.reply()
	}
	command, rest, _ := strings.Cut(query[1:], " ")
	switch command {
	case "initdb":
		r.send(mysql.COM_INIT_DB, rest)
	case "fieldlist":
		return r.fieldList(rest)
	case "ping":
		r.send(mysql.COM_PING, "")
	case "reset":
		r.send(comResetConnection, "")
	case "close": // it has no answer
		id, err := strconv.ParseUint(rest, 10, 32)
		if err != nil {
			return reply{err: err}
		}
		r.send(mysql.COM_STMT_CLOSE, string(binary.LittleEndian.AppendUint32(nil, uint32(id))))
		return reply{}
	case "changeuser":
		r.send(mysql.COM_CHANGE_USER, "root\x00\x00"+rest+"\x00\xe0\x00"+nativePassword+"\x00\x00")
		return reply{err: r.finishLogin(rawOptions{password: testPassword, plugin: nativePassword})}
	case "processinfo":
		r.send(comProcessInfo, "")
	case "statistics":
		r.send(mysql.COM_STATISTICS, "")
		return reply{text: string(r.read())}
	case "prepare":
		text, args, _ := strings.Cut(rest, " <== ")
		return r.prepareAndExecute(text, strings.Split(args, ", "))
	default:
		return reply{err: errors.New("unknown command in the transcript")}
	}
	return r.reply()
}

func (r *raw) reply() reply {
	r.t.Helper()
	cols, rows, err := r.rows()
	out := reply{err: err, rows: len(rows)}
	if cols != nil {
		out.columns = names(cols)
	}
	return out
}

func names(cols []columnReply) []string {
	l := []string{}
	for _, c := range cols {
		l = append(l, c.name)
	}
	return l
}

func (r *raw) fieldList(table string) reply {
	r.send(mysql.COM_FIELD_LIST, table+"\x00")
	var cols []columnReply
	for {
		b := r.read()
		switch {
		case b[0] == 0xff:
			return reply{err: rawError(b)}
		case b[0] == 0xfe:
			r.eof(b)
			return reply{columns: names(cols)}
		}
		cols = append(cols, parseColumn(b))
	}
}

// stmt is a prepared statement of raw.
type stmt struct {
	id      uint32
	columns []columnReply
	params  int
}

func (r *raw) prepare(text string) (stmt, error) {
	r.send(mysql.COM_STMT_PREPARE, text)
	b := r.read()
	if b[0] == 0xff {
		return stmt{}, rawError(b)
	}
	s := stmt{id: binary.LittleEndian.Uint32(b[1:]), params: int(binary.LittleEndian.Uint16(b[7:]))}
	columns := int(binary.LittleEndian.Uint16(b[5:]))
	for i, n := range []int{s.params, columns} {
		for range n {
			c := parseColumn(r.read())
			if i == 1 {
				s.columns = append(s.columns, c)
			}
		}
		if n > 0 && r.caps&mysql.CLIENT_DEPRECATE_EOF == 0 {
			r.eof(r.read())
		}
	}
	return s, nil
}

// execute sends COM_STMT_EXECUTE with parameters that are text or float64; nil is
// NULL. bind is the new_params_bound_flag. A parameter of long has been sent before.
func (r *raw) execute(s stmt, bind bool, long map[int]bool, params ...any) {
	b := binary.LittleEndian.AppendUint32(nil, s.id)
	b = append(b, 0, 1, 0, 0, 0)
	null := make([]byte, (len(params)+7)/8)
	var types, values []byte
	for i, p := range params {
		kind := byte(mysql.MYSQL_TYPE_VAR_STRING)
		switch v := p.(type) {
		case float64:
			kind = mysql.MYSQL_TYPE_DOUBLE
			values = binary.LittleEndian.AppendUint64(values, math.Float64bits(v))
		case nil:
			null[i/8] |= 1 << (i % 8)
		case string:
			if !long[i] {
				values = appendString(values, v)
			}
		}
		types = append(types, kind, 0)
	}
	if len(params) > 0 {
		b = append(b, null...)
		b = append(b, byte(btoi(bind)))
		if bind {
			b = append(b, types...)
		}
		b = append(b, values...)
	}
	r.send(mysql.COM_STMT_EXECUTE, string(b))
}

func (r *raw) prepareAndExecute(text string, args []string) reply {
	s, err := r.prepare(text)
	if err != nil {
		return reply{err: err}
	}
	var params []any
	for _, a := range args {
		if n, err := strconv.ParseFloat(a, 64); err == nil { // as JavaScript has all numbers
			params = append(params, n)
		} else {
			params = append(params, strings.Trim(a, "'"))
		}
	}
	r.execute(s, true, nil, params...)
	return r.reply()
}

// rawDialOnly connects and does not log in.
func rawDialOnly(t *testing.T, s *Server) (*raw, error) {
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { nc.Close() })
	return &raw{t: t, net: nc, w: newWire(nc)}, nc.SetDeadline(time.Now().Add(20 * time.Second))
}
