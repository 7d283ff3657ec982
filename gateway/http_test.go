package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pagesOnly returns the pages of a node that is not open, on a loopback port.
func pagesOnly(t *testing.T) *Node {
	t.Helper()
	n := &Node{cfg: Config{Name: "n1", HTTPAddr: "127.0.0.1:0"}}
	n.log = NewLogger(n.cfg, &logs{})
	n.starting = startStarting(t.Context(), "127.0.0.1:1", n.log)
	t.Cleanup(n.starting.end)
	if err := openHTTP(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.http.close(context.WithoutCancel(t.Context())) })
	return n
}

// TestIndex follows every link of the page /.
func TestIndex(t *testing.T) {
	n := pagesOnly(t)
	status, body := get(t, n.HTTPAddr(), "/")
	if status != http.StatusOK {
		t.Fatalf("/: %d", status)
	}
	var links []string
	for _, m := range regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		links = append(links, m[1])
		if status, _ := get(t, n.HTTPAddr(), m[1]); status != http.StatusOK && m[1] != "/readyz" {
			t.Errorf("%s: %d", m[1], status)
		}
	}
	if !slices.Equal(links, []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/"}) {
		t.Errorf("links: %v", links)
	}
	if status, _ := get(t, n.HTTPAddr(), "/nothing"); status != http.StatusNotFound {
		t.Errorf("/nothing: %d", status)
	}
}

// TestProfilesAreForThisHost sends what a browser sends for a page whose name
// was rebound to this host, and what other hosts send.
func TestProfilesAreForThisHost(t *testing.T) {
	mux := http.NewServeMux()
	serveProfiles(mux)
	for _, c := range []struct {
		remote, host, site string
		want               int
	}{
		{"127.0.0.1:1", "127.0.0.1:8406", "", 200},
		{"127.0.0.1:1", "localhost:8406", "none", 200},
		{"127.0.0.1:1", "localhost", "same-origin", 200},
		{"[::1]:1", "[::1]:8406", "", 200},
		{"[::1]:1", "[::1]", "", 200},
		{"127.0.0.1:1", "evil.example:8406", "", 403},
		{"127.0.0.1:1", "localhost.evil.example:8406", "", 403},
		{"127.0.0.1:1", "127.0.0.1.evil.example", "", 403},
		{"127.0.0.1:1", "", "", 403},
		{"127.0.0.1:1", "10.0.0.1:8406", "", 403},
		{"127.0.0.1:1", "127.0.0.1:8406", "cross-site", 403},
		{"10.0.0.1:1", "127.0.0.1:8406", "", 403},
	} {
		for _, page := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine"} {
			req := httptest.NewRequest("GET", page, nil)
			req.RemoteAddr, req.Host = c.remote, c.host
			if c.site != "" {
				req.Header.Set("Sec-Fetch-Site", c.site)
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, req)
			if want := c.want; w.Code != want && !(want == 200 && strings.HasSuffix(page, "cmdline")) {
				t.Errorf("%s from %s for host %q, site %q: %d, want %d", page, c.remote, c.host, c.site, w.Code, want)
			}
		}
	}
}

// TestProfilesAreBounded asks for profiles that would take too long, and for two
// at once.
func TestProfilesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		serveProfiles(mux)
		ask := func(path string) (int, time.Duration) {
			req := httptest.NewRequest("GET", path, nil)
			req.RemoteAddr, req.Host = "127.0.0.1:1", "127.0.0.1"
			w, began := httptest.NewRecorder(), time.Now()
			mux.ServeHTTP(w, req)
			return w.Code, time.Since(began)
		}
		for _, s := range []string{"9", "3600", "1e9", "NaN", "Inf", "0", "-1", "x", "9223372036854775807"} {
			for _, page := range []string{"profile", "trace", "heap", "goroutine"} {
				if code, took := ask("/debug/pprof/" + page + "?seconds=" + s); code != http.StatusBadRequest || took != 0 {
					t.Errorf("%s with seconds=%s: %d after %s", page, s, code, took)
				}
			}
		}
		first := make(chan int)
		go func() {
			code, took := ask("/debug/pprof/goroutine?seconds=8")
			if took > httpTimeout {
				t.Errorf("a profile took %s", took)
			}
			first <- code
		}()
		synctest.Wait()
		if code, _ := ask("/debug/pprof/goroutine"); code != http.StatusTooManyRequests {
			t.Errorf("a second profile at once: %d", code)
		}
		if code := <-first; code != http.StatusOK {
			t.Errorf("a profile of 8 s: %d", code)
		}
		if code, _ := ask("/debug/pprof/goroutine"); code != http.StatusOK {
			t.Errorf("a profile after it: %d", code)
		}
	})
}
