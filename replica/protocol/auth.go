package protocol

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"
)

// The authentication methods that are answered.
const (
	native      = "mysql_native_password"
	cachingSHA2 = "caching_sha2_password"
	sha256      = "sha256_password"
	ed25519     = "client_ed25519"
	clear       = "mysql_clear_password"
)

// ErrClearPassword is returned when a server asks for the password in clear text on a connection that is not
// encrypted, or whose server was not verified. The password was not sent.
var ErrClearPassword = errors.New("the server asks for the password in clear text, " +
	"which is sent over TLS with a verified certificate only")

// ErrKey is inside the errors of a public key that cannot be used.
var ErrKey = errors.New("the server's public key cannot be used")

// Bounds of a public key: below the first anybody could break it, and above the second it takes seconds.
const (
	leastKeyBits = 2048
	mostKeyBits  = 16384
)

// login is a login under way.
type login struct {
	cfg    *Config
	conn   *Conn
	seq    byte
	plugin string
	salt   []byte
}

// first returns the answer that goes with the login packet. A method that is not known, or not answered on this
// connection, is answered as mysql_native_password: the server then names the account's own.
func (l *login) first() ([]byte, error) {
	switch {
	case l.plugin == cachingSHA2, l.plugin == sha256, l.plugin == ed25519 && len(l.salt) == 32, l.plugin == clear && l.conn.verified:
	default:
		l.plugin = native
	}
	return l.answer()
}

// answer returns the answer to the method and its salt.
func (l *login) answer() ([]byte, error) {
	password := []byte(l.cfg.Password)
	if l.plugin == native || l.plugin == cachingSHA2 || l.plugin == sha256 {
		if len(l.salt) < saltBytes {
			return nil, malformed("a salt of %d bytes", len(l.salt))
		}
		l.salt = l.salt[:saltBytes]
	}
	switch l.plugin {
	case native:
		return gomysql.CalcNativePassword(l.salt, password), nil
	case cachingSHA2:
		return gomysql.CalcCachingSha2Password(l.salt, password), nil
	case sha256:
		switch {
		case len(password) == 0:
			return []byte{0}, nil
		case l.conn.Encrypted:
			return append(password, 0), nil
		}
		return []byte{1}, nil // asks for the public key
	case ed25519:
		if len(l.salt) != 32 {
			return nil, malformed("a salt of %d bytes for %s", len(l.salt), ed25519)
		}
		return gomysql.CalcEd25519Password(l.salt, l.cfg.Password)
	case clear:
		if !l.conn.verified {
			return nil, ErrClearPassword
		}
		return append(password, 0), nil
	case "mysql_old_password":
		return nil, mysql.ErrOldPassword
	}
	return nil, fmt.Errorf("%w: %q", mysql.ErrUnknownPlugin, l.plugin)
}

// finish reads the server's answers until it accepts or refuses.
func (l *login) finish() error {
	for switched := false; ; {
		p, err := l.read()
		if err != nil {
			return err
		}
		switch p[0] {
		case okPacket:
			_, err := okStatus(p)
			return err
		case eofPacket:
			if switched {
				return malformed("a second change of the authentication method")
			}
			switched = true
			if err := l.change(p[1:]); err != nil {
				return err
			}
		case morePacket:
			if done, err := l.more(p[1:]); err != nil || done {
				return err
			}
		default:
			return malformed("an answer to the login that begins with 0x%02x", p[0])
		}
	}
}

// read returns the next packet; a server's refusal is an error.
func (l *login) read() ([]byte, error) {
	p, err := readPacket(l.conn, &l.seq)
	if err == nil && p[0] == errPacket {
		err = ParseError(p)
	}
	return p, err
}

// change answers a request for another method: its name, a zero, its salt and mostly another zero.
func (l *login) change(p []byte) error {
	name, salt, ok := bytes.Cut(p, []byte{0})
	if len(p) == 0 {
		name, ok = []byte("mysql_old_password"), true
	}
	if !ok || len(name) > 64 {
		return malformed("a change of the authentication method without its name")
	}
	l.plugin = string(name)
	if salt = unterminated(salt); len(salt) > 0 {
		l.salt = salt
	}
	b, err := l.answer()
	if err != nil {
		return err
	}
	return writePacket(l.conn, &l.seq, b)
}

// more goes on with a method that takes several packets; done says that the server has accepted.
func (l *login) more(p []byte) (done bool, err error) {
	switch {
	case l.plugin == sha256 && len(p) > 1:
		return false, l.sendEncrypted(p)
	case l.plugin != cachingSHA2 || len(p) != 1:
		return false, malformed("%d bytes more for %s", len(p), l.plugin)
	case p[0] == 3: // the server knows the password's hash
		return false, nil
	case p[0] != 4:
		return false, malformed("state %d of %s", p[0], l.plugin)
	}
	// The full exchange: the server needs the password itself.
	if l.conn.Encrypted || l.conn.local {
		return false, writePacket(l.conn, &l.seq, append([]byte(l.cfg.Password), 0))
	}
	if err := writePacket(l.conn, &l.seq, []byte{2}); err != nil {
		return false, err
	}
	key, err := l.read()
	if err != nil {
		return false, err
	}
	if key[0] != morePacket {
		return false, malformed("an answer that begins with 0x%02x to a request for the public key", key[0])
	}
	return false, l.sendEncrypted(key[1:])
}

// sendEncrypted sends the password, encrypted with the server's public key.
func (l *login) sendEncrypted(text []byte) error {
	if l.conn.Encrypted {
		return malformed("a public key over TLS, where the password was sent")
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("%w: it is no PEM text", ErrKey)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < leastKeyBits || key.N.BitLen() > mostKeyBits {
		return fmt.Errorf("%w: it is no RSA key of %d to %d bits", ErrKey, leastKeyBits, mostKeyBits)
	}
	b, err := gomysql.EncryptPassword(l.cfg.Password, l.salt, key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	return writePacket(l.conn, &l.seq, b)
}
