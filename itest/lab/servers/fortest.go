package servers

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
)

// ForTest starts a server that ends with the test, and fails the test when it
// cannot be had: it never skips. When MySQL cannot be fetched, a MariaDB of
// the lab stands in and the test's log says so; Server.Kind tells.
// The arguments are added to the server's command line.
func ForTest(t testing.TB, kind Kind, args ...string) *Server {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	kind, err := Fallback(t.Context(), kind, log)
	if err != nil {
		t.Fatalf("get %s: %v", kind, err)
	}
	s, err := Start(t.Context(), kind, Options{Dir: t.TempDir(), Args: args, Log: log})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log of %s on %s:\n%s", kind, s.Addr(), s.LogTail(30))
		}
		if err := s.Stop(); err != nil {
			t.Errorf("%v", err)
		}
	})
	return s
}

// Fallback gets the program of a kind and tells which kind to start: the same
// one, or MariaDB with a warning in the log when the kind is MySQL and MySQL
// cannot be had. Any other failure is the error, also that of a MySQL that
// SLUICE_MYSQLD names.
func Fallback(ctx context.Context, kind Kind, log *slog.Logger) (Kind, error) {
	_, err := Locate(ctx, kind, log)
	if err == nil || kind != MySQL || ctx.Err() != nil || os.Getenv(products()[MySQL].env) != "" {
		return kind, err
	}
	if _, second := Locate(ctx, MariaDB, log); second != nil {
		return kind, errors.Join(err, second)
	}
	orSilent(log).Warn("MySQL cannot be had: MariaDB stands in for it", "error", err)
	return MariaDB, nil
}
