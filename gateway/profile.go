package gateway

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
)

const (
	// profileSeconds is how long a profile over time takes unless the request
	// states it. maxProfileSeconds leaves time to write the answer within
	// httpTimeout.
	profileSeconds    = 5
	maxProfileSeconds = 8
)

// serveProfiles adds Go's profiles under /debug/pprof/: for requests from this
// host alone, one at a time and bounded in time, because a profile costs time
// and names what the node does.
func serveProfiles(mux *http.ServeMux) {
	one := make(chan struct{}, 1)
	guarded := func(h http.HandlerFunc, overTime bool) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			if reason := foreign(req); reason != "" {
				http.Error(w, reason, http.StatusForbidden)
				return
			}
			if err := boundProfile(req, overTime); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			select {
			case one <- struct{}{}:
				defer func() { <-one }()
			default:
				http.Error(w, "another profile is being made: try again when it is done", http.StatusTooManyRequests)
				return
			}
			h(w, req)
		}
	}
	mux.HandleFunc("GET /debug/pprof/", guarded(pprof.Index, false))
	mux.HandleFunc("GET /debug/pprof/profile", guarded(pprof.Profile, true))
	mux.HandleFunc("GET /debug/pprof/trace", guarded(pprof.Trace, true))
}

// foreign returns why a request is not one of a program on this host, "" if it
// is. The Host header must name this host too: a page of another site that a
// browser here shows can resolve its own name to 127.0.0.1 (DNS rebinding).
func foreign(req *http.Request) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil || !isLoopbackHost(host) {
		return "profiles are served to this host only"
	}
	named := req.Host
	if h, _, err := net.SplitHostPort(named); err == nil {
		named = h
	}
	if named != "localhost" && !isLoopbackHost(named) {
		return "profiles are served to this host only: address it as 127.0.0.1, [::1] or localhost"
	}
	if site := req.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" {
		return "profiles are not served to pages of other sites"
	}
	return ""
}

func isLoopbackHost(host string) bool {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// boundProfile refuses a time that is too long, and sets one where a profile
// over time has none: package pprof would take 30 s.
func boundProfile(req *http.Request, overTime bool) error {
	q := req.URL.Query()
	if q.Get("seconds") == "" {
		if !overTime {
			return nil
		}
		q.Set("seconds", strconv.Itoa(profileSeconds))
	}
	s, err := strconv.ParseFloat(q.Get("seconds"), 64)
	if err != nil || !(s > 0 && s <= maxProfileSeconds) { // NaN fails both comparisons
		return fmt.Errorf("seconds must be above 0 and at most %d", maxProfileSeconds)
	}
	q.Set("seconds", strconv.Itoa(int(math.Ceil(s)))) // package pprof takes a fraction for no number, and 30 s then
	req.URL.RawQuery = q.Encode()
	return nil
}
