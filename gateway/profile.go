package gateway

import (
	"net"
	"net/http"
	"net/http/pprof"
)

// serveProfiles adds Go's profiles under /debug/pprof/, for requests from this
// host alone: a profile costs time, and names what the node does.
func serveProfiles(mux *http.ServeMux) {
	local := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			host, _, err := net.SplitHostPort(req.RemoteAddr)
			if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
				http.Error(w, "profiles are served to this host only", http.StatusForbidden)
				return
			}
			h(w, req)
		}
	}
	mux.HandleFunc("GET /debug/pprof/", local(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/profile", local(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/trace", local(pprof.Trace))
}
