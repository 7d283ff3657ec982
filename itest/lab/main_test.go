package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// TestUp starts the lab, reads what it prints, connects, and stops it.
func TestUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"up"}, write, slog.New(slog.NewTextHandler(t.Output(), nil)))
		write.CloseWithError(err)
		ended <- err
	}()
	var names, addrs, ports []string
	ready := false
	for lines := bufio.NewScanner(read); !ready && lines.Scan(); {
		if strings.Contains(lines.Text(), " ") {
			ports = strings.Fields(lines.Text())
			continue
		}
		name, addr, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			ready = lines.Text() == "ready"
			continue
		}
		names, addrs = append(names, name), append(addrs, addr)
	}
	if got := strings.Join(names, " "); got != "mysql mariadb tidb" || !ready {
		t.Errorf("the lab printed %q, ready: %v", got, ready)
	}
	for i, addr := range addrs {
		if _, port, _ := net.SplitHostPort(addr); i >= len(ports) || ports[i] != strings.ToUpper(names[i])+"="+port {
			t.Errorf("the line for a shell is %v", ports)
		}
		if c, err := net.DialTimeout("tcp", addr, 5*time.Second); err != nil {
			t.Errorf("a server of a ready lab: %v", err)
		} else {
			c.Close()
		}
		// The client of README logs in at each of them.
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = run(ctx, []string{"client", "-P", port, "-e", "SELECT 40+2"}, &out, slog.New(slog.DiscardHandler))
		if err != nil || !strings.Contains(out.String(), "42") {
			t.Errorf("the client at %s: %v\n%s", addr, err, out.String())
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the lab ended with %v", err)
	}
	for _, addr := range addrs {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			c.Close()
			t.Errorf("%s still accepts connections", addr)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"down"}, {"up", "up"}} {
		if err := run(t.Context(), args, io.Discard, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("lab %v did not complain", args)
		}
	}
}
