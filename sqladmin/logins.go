package sqladmin

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxLogins bounds the connections that have not logged in, and
	// maxAddressLogins those of one address. The oldest gives way, so that
	// connections which never log in keep nobody out. They do not count among
	// Config.MaxConnections.
	maxLogins        = 256
	maxAddressLogins = 64
	// freeFailures is how many wrong passwords an address may send without a
	// delay.
	freeFailures = 5
	// firstDelay is the delay after the next one. It doubles up to longestDelay,
	// and logins from the address take turns: at most one guess in longestDelay.
	firstDelay   = 250 * time.Millisecond
	longestDelay = 5 * time.Second
	// forgetFailures is when an address without a further failure is forgotten.
	forgetFailures = 10 * time.Minute
	// maxAddresses bounds the addresses with failures that are remembered.
	maxAddresses = 4096
	// refusalsAtOnce and refusalEvery bound the lines about refused logins in
	// the log: a few at once, then one in a while with the number left out.
	refusalsAtOnce = 5
	refusalEvery   = 10 * time.Second
)

// addressOf returns the part of an address that one client has to itself: an
// IPv4 address, the first 64 bits of an IPv6 address. It is invalid for a Unix
// socket, whose clients are all alike.
func addressOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // the zero Prefix for an invalid address
	return p
}

// login is a connection that has not logged in.
type login struct {
	from netip.Prefix
	cut  func() // ends the connection; it must not block
}

// failures counts the wrong passwords of one address.
type failures struct {
	count int
	last  time.Time
	next  time.Time // when the next login has its turn
}

// loginGuard bounds what clients can do before they have logged in.
type loginGuard struct {
	now func() time.Time

	mu       sync.Mutex
	pending  []*login // the oldest first
	failed   map[netip.Prefix]*failures
	lines    float64 // lines that may be logged now
	linesAt  time.Time
	unlogged int
}

func newLoginGuard() *loginGuard {
	return &loginGuard{now: time.Now, failed: map[netip.Prefix]*failures{}, lines: refusalsAtOnce, linesAt: time.Now()}
}

// enter registers a connection that begins to log in; leave undoes it. When
// there are too many of its address, the oldest of them is cut; when there are too many in all, the oldest of the address
// that has most.
func (g *loginGuard) enter(from netip.Prefix, cut func()) *login {
	l := &login{from: from, cut: cut}
	g.mu.Lock()
	g.pending = append(g.pending, l)
	same, oldest := 0, -1
	for i, p := range g.pending {
		if p.from == from {
			if same++; oldest < 0 {
				oldest = i
			}
		}
	}
	var victim *login
	switch {
	case same > maxAddressLogins:
		victim = g.pending[oldest]
		g.pending = append(g.pending[:oldest], g.pending[oldest+1:]...)
	case len(g.pending) > maxLogins:
		i := g.crowd()
		victim = g.pending[i]
		g.pending = append(g.pending[:i], g.pending[i+1:]...)
	}
	g.mu.Unlock()
	if victim != nil {
		victim.cut()
	}
	return l
}

// crowd returns the oldest login of the address that has most under way, in the network that has most: /24, or /48 in IPv6,
// where one host may have many addresses. An administrator elsewhere has few.
func (g *loginGuard) crowd() int {
	networks, addresses := map[netip.Prefix]int{}, map[netip.Prefix]int{}
	for _, p := range g.pending {
		networks[network(p.from)]++
		addresses[p.from]++
	}
	at := 0
	for i, p := range g.pending {
		best := g.pending[at].from
		more := networks[network(p.from)] - networks[network(best)]
		if more > 0 || more == 0 && addresses[p.from] > addresses[best] {
			at = i
		}
	}
	return at
}

func network(from netip.Prefix) netip.Prefix {
	bits := 48
	if from.Addr().Is4() {
		bits = 24
	}
	p, _ := from.Addr().Prefix(bits) // the zero Prefix for a Unix socket
	return p
}

func (g *loginGuard) leave(l *login) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, p := range g.pending {
		if p == l {
			g.pending = append(g.pending[:i], g.pending[i+1:]...)
			return
		}
	}
}

// turn returns how long a login from an address has to wait before its password
// is looked at. ok is false when that is longer than longestDelay: the login is
// refused.
func (g *loginGuard) turn(from netip.Prefix) (wait time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	f := g.failed[from]
	if f == nil {
		return 0, true
	}
	if now.Sub(f.last) > forgetFailures {
		delete(g.failed, from)
		return 0, true
	}
	if f.count < freeFailures {
		return 0, true
	}
	wait = max(f.next.Sub(now), 0)
	if wait > longestDelay {
		return wait, false
	}
	f.next = now.Add(wait).Add(delayAfter(f.count))
	return wait, true
}

// delayAfter returns the time between two logins after so many failures.
func delayAfter(count int) time.Duration {
	d := firstDelay
	for ; count > freeFailures && d < longestDelay; count-- {
		d *= 2
	}
	return min(d, longestDelay)
}

// done records whether a password was right.
func (g *loginGuard) done(from netip.Prefix, right bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if right {
		delete(g.failed, from)
		return
	}
	now := g.now()
	f := g.failed[from]
	if f == nil {
		g.makeRoom()
		f = &failures{}
		g.failed[from] = f
	}
	f.count++
	f.last = now
	if f.count == freeFailures {
		f.next = now.Add(firstDelay)
	}
}

// makeRoom forgets, when there are too many addresses, the one that failed
// longest ago among a few of them. The order of a map is random.
func (g *loginGuard) makeRoom() {
	if len(g.failed) < maxAddresses {
		return
	}
	var oldest netip.Prefix
	looked := 0
	for from, f := range g.failed {
		if o := g.failed[oldest]; o == nil || f.last.Before(o.last) {
			oldest = from
		}
		if looked++; looked == 64 {
			break
		}
	}
	delete(g.failed, oldest)
}

// logRefused logs a refused login, unless too many were refused of late. The
// next line says how many lines were left out.
func (g *loginGuard) logRefused(log *slog.Logger, user, host, why string) {
	g.mu.Lock()
	now := g.now()
	g.lines = min(g.lines+now.Sub(g.linesAt).Seconds()/refusalEvery.Seconds(), refusalsAtOnce)
	g.linesAt = now
	if g.lines < 1 {
		g.unlogged++
		g.mu.Unlock()
		return
	}
	g.lines--
	unlogged := g.unlogged
	g.unlogged = 0
	g.mu.Unlock()
	log.Warn("admin login refused", "user", user, "host", host, "why", why, "not_logged", unlogged)
}
