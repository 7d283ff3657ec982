package sqladmin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // mysql_native_password is defined with it
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	nativePassword = "mysql_native_password"
	cachingSHA2    = "caching_sha2_password"
	saltBytes      = 20
)

// verifier checks a password without keeping it: the double digests that the
// two plugins are defined with (MySQL internals, "Authentication Methods").
type verifier struct {
	empty  bool
	sha1   [20]byte // SHA1(SHA1(password))
	sha256 [32]byte // SHA256(SHA256(password))
}

func newVerifier(password string) verifier {
	a, b := sha1.Sum([]byte(password)), sha256.Sum256([]byte(password))
	return verifier{empty: password == "", sha1: sha1.Sum(a[:]), sha256: sha256.Sum256(b[:])}
}

// native checks SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))).
func (v *verifier) native(response, salt []byte) bool {
	if v.empty || len(response) == 0 {
		return v.empty && len(response) == 0
	}
	if len(response) != sha1.Size {
		return false
	}
	mask := sha1.Sum(append(append([]byte(nil), salt...), v.sha1[:]...))
	subtle.XORBytes(mask[:], mask[:], response)
	digest := sha1.Sum(mask[:])
	return subtle.ConstantTimeCompare(digest[:], v.sha1[:]) == 1
}

// fast checks SHA256(password) XOR SHA256(SHA256(SHA256(password)) + salt).
func (v *verifier) fast(response, salt []byte) bool {
	if v.empty || len(response) == 0 {
		return v.empty && len(response) == 0
	}
	if len(response) != sha256.Size {
		return false
	}
	mask := sha256.Sum256(append(append([]byte(nil), v.sha256[:]...), salt...))
	subtle.XORBytes(mask[:], mask[:], response)
	digest := sha256.Sum256(mask[:])
	return subtle.ConstantTimeCompare(digest[:], v.sha256[:]) == 1
}

// clear checks the password itself.
func (v *verifier) clear(password []byte) bool {
	a := sha256.Sum256(password)
	digest := sha256.Sum256(a[:])
	return subtle.ConstantTimeCompare(digest[:], v.sha256[:]) == 1
}

// newSalt returns random bytes from 1 to 127 without $, as MySQL makes them:
// they travel in a text that ends with a NUL.
func newSalt() ([]byte, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("make salt: %w", err)
	}
	for i, b := range salt {
		if b &= 0x7f; b == 0 || b == '$' {
			b++
		}
		salt[i] = b
	}
	return salt, nil
}

// authenticate checks who the client says it is. plugin and response are what
// it sent; an unknown user goes through the same steps as a wrong password.
func (c *conn) authenticate(user, plugin string, response []byte) error {
	if err := c.awaitTurn(user); err != nil {
		return err
	}
	v := c.server.verifier
	known := subtle.ConstantTimeCompare([]byte(user), []byte(c.server.cfg.User)) == 1
	if !known {
		salt, err := newSalt()
		if err != nil {
			return err
		}
		v = newVerifier(string(salt))
	}
	right, err := c.proves(&v, plugin, response)
	right = right && known
	if right {
		c.server.logins.done(c.from, true)
	}
	if !right && c.guessed {
		c.server.logins.logRefused(c.server.cfg.Logger, cut(user, 80), c.session.Host, "wrong user or password")
	}
	if err != nil || right {
		return err
	}
	using := "YES"
	if len(response) == 0 {
		using = "NO"
	}
	return Errorf(CodeAccessDenied, "Access denied for user '%s'@'%s' (using password: %s)", cut(user, 80), c.session.Host, using)
}

// proves runs the plugin's exchange. The client is answered only after a response that is not right was counted: it can
// tell by the answer, and leave.
func (c *conn) proves(v *verifier, plugin string, response []byte) (right bool, err error) {
	c.guessed = false
	if plugin != nativePassword && plugin != cachingSHA2 {
		plugin = cachingSHA2
		if response, err = c.switchPlugin(plugin); err != nil {
			return false, err
		}
	}
	if plugin == cachingSHA2 {
		return c.cachingSHA2(v, response)
	}
	if right = v.native(trimNUL(response, sha1.Size), c.salt); !right {
		c.guess()
	}
	return right, nil
}

// guess counts a wrong response of this login, once. A right one that follows it makes the address as before.
func (c *conn) guess() {
	if !c.guessed {
		c.guessed = true
		c.server.logins.done(c.from, false)
	}
}

// awaitTurn delays the login of an address that sent wrong passwords. A login
// whose turn is too far away is refused: nothing is said about its password.
func (c *conn) awaitTurn(user string) error {
	wait, ok := c.server.logins.turn(c.from)
	if !ok {
		c.server.logins.logRefused(c.server.cfg.Logger, cut(user, 80), c.session.Host, "too many wrong passwords from this address")
		return Errorf(CodeHostBlocked, "Host '%s' is blocked because of many wrong passwords; its next login has its turn in %d s", c.session.Host, 1+int(wait.Seconds())).
			WithRemedy("end the client that sends them, then wait; or log in from another address")
	}
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.server.drain.Done():
		return errShutdown
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// trimNUL drops the NUL that some clients put after a response.
func trimNUL(b []byte, size int) []byte {
	if len(b) == size+1 && b[size] == 0 || len(b) == 1 && b[0] == 0 {
		return b[:len(b)-1]
	}
	return b
}

// switchPlugin asks the client for another plugin, with a new salt.
func (c *conn) switchPlugin(plugin string) ([]byte, error) {
	salt, err := newSalt()
	if err != nil {
		return nil, err
	}
	c.salt = salt
	b := append([]byte{0xfe}, plugin...)
	b = append(append(append(b, 0), salt...), 0)
	if err := c.send(b); err != nil {
		return nil, err
	}
	return c.receive()
}

// cachingSHA2 runs caching_sha2_password: the fast check, and if that fails
// the full one, where the client sends the password over TLS or encrypted with
// the server's RSA key.
func (c *conn) cachingSHA2(v *verifier, response []byte) (bool, error) {
	response = trimNUL(response, sha256.Size)
	if v.fast(response, c.salt) {
		if v.empty {
			return true, nil
		}
		return true, c.send([]byte{0x01, 0x03})
	}
	c.guess()
	if len(response) == 0 {
		return false, nil
	}
	if err := c.send([]byte{0x01, 0x04}); err != nil {
		return false, err
	}
	answer, err := c.receive()
	if err != nil {
		return false, err
	}
	if c.encrypted {
		return v.clear(trimLast(answer)), nil
	}
	return c.rsaExchange(v, answer)
}

func trimLast(b []byte) []byte {
	if len(b) > 0 && b[len(b)-1] == 0 {
		return b[:len(b)-1]
	}
	return b
}

// rsaExchange gives the client the public key if it asks, and checks the
// password that comes back: XORed with the salt, then RSA-OAEP.
func (c *conn) rsaExchange(v *verifier, answer []byte) (bool, error) {
	key, err := c.server.rsaKey()
	if err != nil {
		return false, fmt.Errorf("make RSA key: %w", err)
	}
	if len(answer) == 1 && answer[0] == 0x02 {
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			return false, fmt.Errorf("encode public key: %w", err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		if err := c.send(append([]byte{0x01}, text...)); err != nil {
			return false, err
		}
		if answer, err = c.receive(); err != nil {
			return false, err
		}
	}
	plain, err := rsa.DecryptOAEP(sha1.New(), nil, key, answer, nil)
	if err != nil {
		return false, nil //nolint:nilerr // a wrong answer is a refused login
	}
	for i := range plain {
		plain[i] ^= c.salt[i%len(c.salt)]
	}
	return v.clear(trimLast(plain)), nil
}

// selfSigned makes a certificate for this process: it encrypts, and proves
// nothing.
func selfSigned(name string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}
