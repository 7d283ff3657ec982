// Command demo shows Sluice at work, with real servers: it fills a MySQL,
// starts two nodes, migrates to TiDB in SQL, writes and alters tables while it
// replicates, kills a node, and compares every row in the end.
//
//	make demo           ends by itself
//	KEEP=1 make demo    leaves all of it running until Ctrl-C
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// runLimit ends a demo that hangs. It does not count the fetching and building
// of the servers, which the first run on a machine does.
const runLimit = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	d := &demo{out: newScreen(os.Stdout), log: log, keep: os.Getenv("KEEP") != "" && os.Getenv("KEEP") != "0"}
	err := d.run(ctx)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil:
		return
	case interrupted && d.finished:
		return // KEEP=1, and the reader has seen enough
	case interrupted:
		fmt.Fprintln(os.Stderr, "demo: interrupted; everything it started is stopped")
	case errors.Is(err, errDifferences):
		// the last line says it
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	os.Exit(1)
}
