package protocol

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// TestSilent: an answer that does not come within the read timeout is no "invalid connection".
func TestSilent(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		_, _ = server.Write(packets(0, hello(allCaps, native)))
		_, _ = server.Read(make([]byte, 1<<10))
		_, _ = server.Write(packets(2, okay))
		_, _ = io.Copy(io.Discard, server) // and no answer to a statement
	}()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.ReadTimeout = "u", "tcp", "pipe", 50*time.Millisecond
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return client, nil }
	c, err := NewConnector(cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "DO 1")
	if !IsSilent(err) || !IsBroken(err) || IsMalformed(err) {
		t.Fatal(err)
	}
	e := Named(fmt.Errorf("ask: %w", err), "target", "TARGET")
	if e == nil || e.Code != CodeSilent || e.Server != "target" || !e.Transient || !strings.HasPrefix(e.Error(), "the target did not answer in time: ask: no answer within 0s. Remedy: ") {
		t.Errorf("%v", e)
	}
}

// TestPlain: an operator is not shown the libraries' words, and the error stays what it was.
func TestPlain(t *testing.T) {
	for _, x := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("read: %w", mysql.ErrInvalidConn), "read: the connection was lost"},
		{fmt.Errorf("read: %w: %w", mysql.ErrInvalidConn, io.EOF), "read: the server closed the connection"},
		{fmt.Errorf("read: %w: %w", mysql.ErrInvalidConn, io.ErrUnexpectedEOF), "read: the server closed the connection"},
		{fmt.Errorf("read: %w", driver.ErrBadConn), "read: the connection was lost"},
		{fmt.Errorf("read: %w", io.EOF), "read: the server closed the connection"},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), "read: no answer in time"},
		{io.ErrClosedPipe, io.ErrClosedPipe.Error()},
	} {
		if got := Plain(x.err); got.Error() != x.want || !isSame(got, x.err) {
			t.Errorf("%v became %v", x.err, got)
		}
	}
	if Plain(nil) != nil {
		t.Error("nil is an error")
	}
}

func isSame(got, err error) bool {
	p, ok := got.(plain)
	return got == err || ok && p.Unwrap() == err
}
