package blackhole

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// Options of Start.
type Options struct {
	// Upstream is host:port of the TiDB behind. Clients log in to it by
	// themselves: user and password are theirs.
	Upstream string
	// Addr is where to listen; "" is 127.0.0.1:0.
	Addr string
}

// Server is a running black hole. Its methods may be called from any
// goroutine.
type Server struct {
	counters
	upstream string
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	conns    sync.WaitGroup
	closing  sync.Once
	closed   error
}

// Start listens and serves until Close, or until ctx ends. It does not connect
// to the TiDB behind before a client comes; a client whose connection there
// fails gets error 1105 in place of a greeting.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Upstream == "" {
		return nil, errors.New("start the black hole: no upstream is given")
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("start the black hole: %w", err)
	}
	s := &Server{upstream: o.Upstream, listener: l}
	s.counters.tables = map[string]*table{}
	s.ctx, s.cancel = context.WithCancel(ctx)
	context.AfterFunc(s.ctx, func() { _ = s.listener.Close() })
	s.conns.Add(1)
	go s.accept()
	return s, nil
}

func (s *Server) accept() {
	defer s.conns.Done()
	for {
		c, err := s.listener.Accept()
		if err != nil {
			if s.ctx.Err() != nil || !isTemporary(err) {
				return
			}
			continue
		}
		s.conns.Add(1)
		go func() {
			defer s.conns.Done()
			s.serve(c)
		}()
	}
}

// isTemporary says whether a client went away before it was accepted.
func isTemporary(err error) bool {
	var ne interface{ Temporary() bool }
	return errors.As(err, &ne) && ne.Temporary()
}

// Addr returns host:port where the server listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close closes the listener and all connections and waits for their
// goroutines. Transactions that were not committed count for nothing. A second
// call does nothing and returns the same.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.cancel()
		if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.closed = fmt.Errorf("close the black hole: %w", err)
		}
		s.conns.Wait()
	})
	return s.closed
}
