// Command lab gets and starts the database servers of the tests.
//
//	go run ./itest/lab build   fetches and builds all of them
//	go run ./itest/lab up      starts one of each and prints where they listen
//	go run ./itest/lab client -P PORT [..]
//	                           runs a command line client that logs in everywhere:
//	                           at the servers of up, and at a node's admin port
//
// up prints mysql=HOST:PORT, mariadb=.. and tidb=.., the ports as a line for a shell, then ready, and stops
// the servers on SIGINT or SIGTERM. All of them let root in without a password.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"sluice/itest/lab/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err := run(ctx, os.Args[1:], os.Stdout, log)
	stop()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode()) // of the client, which has said why
	}
	if err != nil {
		log.Error("lab", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer, log *slog.Logger) error {
	const usage = "usage: lab up | lab build | lab client -P PORT [-e STATEMENT] [..]"
	if len(args) > 1 && args[0] == "client" {
		return client(ctx, args[1:], out, log)
	}
	if len(args) != 1 {
		return errors.New(usage)
	}
	switch args[0] {
	case "up":
		return up(ctx, out, log)
	case "build":
		return build(ctx, log)
	default:
		return fmt.Errorf("lab has no %q: %s", args[0], usage)
	}
}

// client runs MariaDB's client with the standard input and output, as root at
// 127.0.0.1 unless args say otherwise. It is the one client that logs in at MySQL
// 9 (caching_sha2_password), at TiDB (mysql_native_password) and at a node.
func client(ctx context.Context, args []string, out io.Writer, log *slog.Logger) error {
	l, err := servers.LocateClient(ctx, servers.MariaDB, log)
	if err != nil {
		return err
	}
	c := l.Command(ctx, append([]string{"--no-defaults", "-h127.0.0.1", "-uroot"}, args...)...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, out, os.Stderr
	return c.Run()
}

// build gets every server, client and load generator. A MySQL that cannot be had is no failure: MariaDB
// stands in for it, and the log says so.
func build(ctx context.Context, log *slog.Logger) error {
	for _, kind := range append(servers.Kinds(), servers.MariaDB11) {
		use, err := servers.Fallback(ctx, kind, log)
		if err != nil {
			return err
		}
		if _, err := servers.LocateClient(ctx, use, log); err != nil {
			return err
		}
		log.Info("server is here", "kind", use)
	}
	_, err := servers.LocateSysbench(ctx, log)
	return err
}

// up starts one server of each kind, says where they listen, and keeps them
// until ctx ends.
func up(ctx context.Context, out io.Writer, log *slog.Logger) (err error) {
	started := make([]*servers.Server, len(servers.Kinds()))
	defer func() {
		// The sources stop before their target, whose clients they are not.
		for _, s := range started {
			if s != nil {
				err = errors.Join(err, s.Close())
			}
		}
	}()
	group, startCtx := errgroup.WithContext(ctx)
	for i, kind := range servers.Kinds() {
		group.Go(func() error {
			use, err := servers.Fallback(startCtx, kind, log)
			if err != nil {
				return err
			}
			started[i], err = servers.Start(startCtx, use, servers.Options{Log: log})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	var ports []string // as a shell reads them
	for i, kind := range servers.Kinds() {
		_, port, _ := net.SplitHostPort(started[i].Addr())
		ports = append(ports, strings.ToUpper(string(kind))+"="+port)
		fmt.Fprintf(out, "%s=%s\n", kind, started[i].Addr())
	}
	fmt.Fprintln(out, strings.Join(ports, " "))
	fmt.Fprintln(out, "ready")
	<-ctx.Done()
	return nil
}
