// Command kill replicates a mixed load while it kills, freezes and restarts
// nodes, and compares every row in the end. TiDB is never killed: kill -9 can
// lose its data, which is no fault of a node.
//
//	make kill KILLS=40 SEED=1 SOURCE=mysql
//
// SOURCE is mysql, mariadb or mariadb11. The seed decides what the writers do
// and who is killed when, as far as real servers and clocks allow.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"sluice/itest/lab/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg, err := fromEnvironment()
	if err == nil {
		cfg.Log, cfg.Out = log, os.Stdout
		err = Run(ctx, cfg)
	}
	stop()
	if err != nil {
		if !errors.Is(err, errWrong) { // whose last line says it
			fmt.Fprintln(os.Stderr, "kill:", err)
		}
		os.Exit(1)
	}
}

// fromEnvironment reads KILLS, SEED and SOURCE; what is empty has a default.
func fromEnvironment() (Config, error) {
	cfg := Config{Kills: 40, Seed: rand.Uint64N(1 << 32), Source: servers.MySQL, Rows: 100_000, BigRows: 1_000_000}
	var err error
	if v := os.Getenv("KILLS"); v != "" {
		if cfg.Kills, err = strconv.Atoi(v); err != nil || cfg.Kills < 1 {
			return cfg, fmt.Errorf("KILLS is %q, and not a number above 0", v)
		}
	}
	if v := os.Getenv("SEED"); v != "" {
		if cfg.Seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			return cfg, fmt.Errorf("SEED is %q, and not a number", v)
		}
	}
	switch v := servers.Kind(os.Getenv("SOURCE")); v {
	case "":
	case servers.MySQL, servers.MariaDB, servers.MariaDB11:
		cfg.Source = v
	default:
		return cfg, fmt.Errorf("SOURCE is %q, and not mysql, mariadb or mariadb11", v)
	}
	return cfg, nil
}
