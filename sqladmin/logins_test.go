package sqladmin

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// dialFrom connects from one of the loopback addresses and does not log in.
func dialFrom(t *testing.T, s *Server, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	nc, err := d.DialContext(t.Context(), "tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	return nc
}

// TestIdleConnectionsKeepNobodyOut opens many connections that never log in.
func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	s := open(t, newDouble(), func(c *Config) { c.MaxConnections = 2 })
	for i := range 5 * maxAddressLogins {
		dialFrom(t, s, fmt.Sprintf("127.0.0.%d", 1+i%3)) // an administrator's address among them
	}
	for i := range 2 {
		r, err := rawDial(t, s, rawOptions{password: testPassword, tls: i == 1})
		if err != nil {
			t.Fatalf("login %d: %v", i, err)
		}
		if err := r.do("SELECT 1").err; err != nil {
			t.Fatal(err)
		}
	}
	s.logins.mu.Lock()
	pending := len(s.logins.pending)
	s.logins.mu.Unlock()
	if pending > maxLogins {
		t.Errorf("%d logins are under way", pending)
	}
	if _, err := rawDial(t, s, rawOptions{password: testPassword}); rawCode(err) != CodeConnCount {
		t.Errorf("a third client: %v", err)
	}
}

// TestManyAddressesKeepNobodyOut opens connections from several addresses that never log in; an administrator at another one
// takes his time.
func TestManyAddressesKeepNobodyOut(t *testing.T) {
	s := open(t, newDouble())
	admin := dialFrom(t, s, "127.0.0.1")
	for i := range 2 * maxLogins {
		dialFrom(t, s, fmt.Sprintf("127.0.9.%d", 10+i%8))
	}
	r := rawHandshake(t, admin, rawOptions{password: testPassword})
	if err := r.finishLogin(rawOptions{password: testPassword}); err != nil || r.do("SELECT 1").err != nil {
		t.Errorf("the administrator: %v", err)
	}
}

// TestCrowd: the oldest login of the address that has most gives way, and of the network that has most.
func TestCrowd(t *testing.T) {
	g := newLoginGuard()
	cut := map[string]int{}
	enter := func(address string) {
		g.enter(netip.MustParsePrefix(address), func() { cut[address]++ })
	}
	enter("192.0.2.1/32")
	for i := range 3 * maxLogins { // one host with many addresses
		enter(fmt.Sprintf("2001:db8:1:%x::/64", i))
	}
	if len(g.pending) > maxLogins || cut["192.0.2.1/32"] != 0 || cut["2001:db8:1:0::/64"] != 1 {
		t.Errorf("%d logins; cut: %d of another network", len(g.pending), cut["192.0.2.1/32"])
	}
}

// TestGuessesAreDelayed tries passwords from one address for a while: few are
// looked at, few lines are logged, and another address is not delayed.
func TestGuessesAreDelayed(t *testing.T) {
	var logged bytes.Buffer
	var mu sync.Mutex
	s := open(t, newDouble(), func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return logged.Write(b)
		}), nil))
	})
	const guessers, time1 = 8, 2 * time.Second
	var wg sync.WaitGroup
	codes := map[uint16]int{}
	end := time.Now().Add(time1)
	for range guessers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for time.Now().Before(end) {
				nc, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}).Dial("tcp", s.Addr().String())
				if err != nil {
					return
				}
				nc.SetDeadline(time.Now().Add(20 * time.Second))
				r := &raw{t: t, net: nc, w: newWire(nc)}
				err = r.guess()
				nc.Close()
				mu.Lock()
				codes[rawCode(err)]++
				mu.Unlock()
			}
		}()
	}
	began := time.Now()
	r, err := rawDial(t, s, rawOptions{password: testPassword})
	if err != nil || r.do("SELECT 1").err != nil {
		t.Errorf("the administrator: %v", err)
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("the administrator waited %v", d)
	}
	wg.Wait()
	// Before the first failure is known, each guesser may have sent one.
	if n := codes[CodeAccessDenied]; n < freeFailures || n > freeFailures+2*guessers {
		t.Errorf("%d passwords were looked at: %v", n, codes)
	}
	if codes[CodeHostBlocked] == 0 {
		t.Errorf("nobody was blocked: %v", codes)
	}
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(logged.String(), "admin login refused"); n < 1 || n > refusalsAtOnce+2 {
		t.Errorf("%d lines were logged", n)
	}
}

// TestGuessersThatLeave sends wrong passwords and hangs up as soon as the answer says that they are wrong: each is
// counted and logged, and the next ones are delayed.
func TestGuessersThatLeave(t *testing.T) {
	wrong := rawOptions{password: "wrong"}
	needsPassword := func(r *raw) {
		if b := r.read(); len(b) != 2 || b[0] != 1 || b[1] != 4 {
			t.Fatalf("the answer is % x", b)
		}
	}
	for name, guess := range map[string]func(s *Server, nc net.Conn){
		"after the fast answer": func(_ *Server, nc net.Conn) { needsPassword(rawHandshake(t, nc, wrong)) },
		"within TLS": func(_ *Server, nc net.Conn) {
			needsPassword(rawHandshake(t, nc, rawOptions{password: "wrong", tls: true}))
		},
		"with the RSA key": func(_ *Server, nc net.Conn) {
			r := rawHandshake(t, nc, wrong)
			needsPassword(r)
			r.write([]byte{2})
			r.read()
		},
		"without looking": func(_ *Server, nc net.Conn) { rawHandshake(t, nc, wrong) },
		"of another plugin": func(_ *Server, nc net.Conn) {
			r := rawHandshake(t, nc, rawOptions{password: "wrong", plugin: "sha256_password"})
			p := &payload{b: r.read()[1:]}
			p.zero()
			r.write(scramble(cachingSHA2, "wrong", p.take(saltBytes), false))
			needsPassword(r)
		},
		"in COM_CHANGE_USER": func(s *Server, nc net.Conn) {
			r := rawHandshake(t, nc, rawOptions{password: testPassword})
			if err := r.finishLogin(rawOptions{password: testPassword}); err != nil {
				t.Fatal(err)
			}
			r.send(mysql.COM_CHANGE_USER, "root\x00\x00\x00\x2d\x00"+cachingSHA2+"\x00")
			p := &payload{b: r.read()[1:]}
			p.zero()
			r.write(scramble(cachingSHA2, "wrong", p.take(saltBytes), false))
			needsPassword(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			var mu sync.Mutex
			s := open(t, newDouble(), func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					return logged.Write(b)
				}), nil))
			})
			const from = "127.0.0.9"
			count := func() int {
				s.logins.mu.Lock()
				defer s.logins.mu.Unlock()
				if f := s.logins.failed[netip.MustParsePrefix(from+"/32")]; f != nil {
					return f.count
				}
				return 0
			}
			guesses := freeFailures + 2
			if name == "in COM_CHANGE_USER" {
				guesses = 1 // the right password before each makes the address as before
			}
			began := time.Now()
			for i := range guesses {
				nc := dialFrom(t, s, from)
				guess(s, nc)
				if name == "without looking" {
					nc.(*net.TCPConn).CloseWrite()
				} else {
					nc.Close()
				}
				for end := time.Now().Add(10 * time.Second); count() <= i; time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("guess %d is not counted", i+1)
					}
				}
			}
			if n := count(); n != guesses {
				t.Errorf("%d of %d guesses are counted", n, guesses)
			}
			if d := time.Since(began); guesses > freeFailures && d < firstDelay {
				t.Errorf("%d guesses took %v", guesses, d)
			}
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
				mu.Lock()
				n := strings.Count(logged.String(), "admin login refused")
				mu.Unlock()
				if n >= min(guesses, refusalsAtOnce) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%d lines are logged", n)
				}
			}
			if r, err := rawDial(t, s, rawOptions{password: testPassword, breakIt: true}); err != nil || r.do("SELECT 1").err != nil {
				t.Errorf("a full login: %v", err) // it comes from another address
			}
			if n := count(); n != guesses {
				t.Errorf("then %d guesses", n)
			}
		})
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// guess sends a wrong password and returns the server's error.
func (r *raw) guess() error {
	b, next, err := r.w.read(1<<16, nil)
	if err != nil {
		return err
	}
	r.w.seq = next
	r.caps = uint32(capabilities)
	r.greeting(b)
	head := []byte{0x05, 0xa2, 0x08, 0, 0, 0, 0, 1, charsetUTF8MB4}
	head = append(head, make([]byte, 23)...)
	body := append(append(head, "root\x00\x14"...), make([]byte, 20)...)
	if err := r.w.write(append(body, nativePassword+"\x00"...)); err != nil {
		return err
	}
	if err := r.w.flush(); err != nil {
		return err
	}
	if b, _, err = r.w.read(1<<16, nil); err != nil {
		return err
	}
	return rawError(b)
}

// TestLoginGuard checks the turns with a clock of its own.
func TestLoginGuard(t *testing.T) {
	g := newLoginGuard()
	now := time.Now()
	g.now = func() time.Time { return now }
	bad, good := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	looked := 0
	for range 1000 { // a minute of guesses, one after the other
		wait, ok := g.turn(bad)
		if !ok {
			t.Fatalf("a single guesser waits %v", wait)
		}
		if now = now.Add(wait + time.Millisecond); now.Sub(g.linesAt) > time.Minute {
			break
		}
		g.done(bad, false)
		looked++
	}
	if looked > 22 {
		t.Errorf("%d guesses in a minute", looked)
	}
	if wait, ok := g.turn(good); wait != 0 || !ok {
		t.Errorf("another address waits %v", wait)
	}
	refused := 0
	for range 10 {
		if _, ok := g.turn(bad); !ok {
			refused++
		}
	}
	if refused == 0 {
		t.Error("guesses side by side are not refused")
	}
	if now = now.Add(forgetFailures + time.Minute); true {
		if wait, ok := g.turn(bad); wait != 0 || !ok {
			t.Errorf("long after, the address waits %v", wait)
		}
	}
	for range freeFailures + 3 {
		g.done(good, false)
	}
	g.done(good, true)
	if wait, ok := g.turn(good); wait != 0 || !ok {
		t.Errorf("after the right password the address waits %v", wait)
	}
	for i := range 3 * maxAddresses {
		g.done(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32), false)
	}
	if n := len(g.failed); n > maxAddresses {
		t.Errorf("%d addresses are remembered", n)
	}
	for text, want := range map[string]string{"192.0.2.7": "192.0.2.7/32", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "::ffff:192.0.2.7": "192.0.2.7/32"} {
		if got := addressOf(&net.TCPAddr{IP: net.ParseIP(text)}).String(); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
