package binlog

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// proxy forwards TCP connections and can damage what comes back.
type proxy struct {
	ln     net.Listener
	target string
	wait   sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	flip  []byte // where this is seen, one bit of it is turned
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, target: target}
	p.wait.Add(1)
	go p.accept()
	t.Cleanup(func() {
		_ = ln.Close()
		p.cut()
		p.wait.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) damage(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flip = []byte(what)
}

// cut closes every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) accept() {
	defer p.wait.Done()
	for {
		in, err := p.ln.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, in, out)
		p.mu.Unlock()
		p.wait.Add(2)
		go func() {
			defer p.wait.Done()
			_, _ = io.Copy(out, in)
			_ = out.Close()
		}()
		go p.back(in, out)
	}
}

func (p *proxy) back(in, out net.Conn) {
	defer p.wait.Done()
	defer in.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := out.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		if len(p.flip) > 0 {
			if i := bytes.Index(b[:n], p.flip); i >= 0 {
				b[i] ^= 1
			}
		}
		p.mu.Unlock()
		if _, err := in.Write(b[:n]); err != nil {
			return
		}
	}
}
