package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"sluice/replica/protocol"
)

// httpTimeout bounds a request's header and answer.
const httpTimeout = 10 * time.Second

// httpServer serves the node's pages for machines.
type httpServer struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
	ready    atomic.Bool
}

// openHTTP listens and serves at once: that the process is alive can be asked
// while the store is waited for. It sets n.http, which the pages need.
func openHTTP(ctx context.Context, n *Node) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", n.cfg.HTTPAddr)
	if err != nil {
		return badConfig("http-addr", "choose a free address", "%v", err)
	}
	h := &httpServer{listener: l, done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", serveIndex)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { n.serveReady(w) })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		n.writeMetrics(w)
	})
	serveProfiles(mux)
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: httpTimeout, ReadTimeout: httpTimeout, WriteTimeout: httpTimeout}
	n.http = h
	go func() {
		defer close(h.done)
		if err := h.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("the HTTP server ended", "error", err.Error())
		}
	}()
	return nil
}

// serveIndex links to the pages that there are.
func serveIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!DOCTYPE html>
<html lang="en"><head><title>Sluice</title></head><body>
<h1>Sluice</h1>
<ul>
<li><a href="/healthz">/healthz</a>: the process lives</li>
<li><a href="/readyz">/readyz</a>: the node reaches its store and takes statements</li>
<li><a href="/metrics">/metrics</a>: metrics in Prometheus' text format</li>
<li><a href="/debug/pprof/">/debug/pprof/</a>: Go's profiles, for requests from this host only</li>
</ul>
<p>Migrations are managed with SQL, from any MySQL client, on the node's admin port: SHOW MIGRATIONS, SHOW NODES.</p>
</body></html>
`)
}

func (h *httpServer) addr() string { return h.listener.Addr().String() }

func (h *httpServer) setReady(ready bool) { h.ready.Store(ready) }

func (h *httpServer) close(ctx context.Context) error {
	err := h.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = h.server.Close()
	}
	<-h.done
	if err != nil {
		return fmt.Errorf("close the HTTP server: %w", err)
	}
	return nil
}

// serveReady answers whether the node takes statements and can run channels.
func (n *Node) serveReady(w http.ResponseWriter) {
	if why := n.notReady(); why != "" {
		http.Error(w, "not ready: "+why, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// notReady returns why the node does not take statements or cannot run channels, or "".
// /readyz and the metric sluice_gateway_ready both go by it.
func (n *Node) notReady() string {
	switch {
	case n.stopping.Load():
		return "the node stops"
	case !n.http.ready.Load():
		return "the node is starting: " + n.starting.state()
	}
	if err := n.services.cluster.StoreError(); err != nil {
		return "the store cannot be reached: " + protocol.Plain(err).Error()
	}
	return ""
}
