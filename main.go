// Sluice moves MySQL and MariaDB data into TiDB and keeps it moving.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"sluice/gateway"
	"sluice/internal/stdlog"
)

func main() {
	args := gateway.HideStorePassword(os.Args)
	printVersion := func(c *cli.Context) { fmt.Fprintln(c.App.Writer, "sluice", gateway.Version()) }
	cli.VersionPrinter = printVersion
	app := &cli.App{
		Name:            "sluice",
		Usage:           "moves MySQL and MariaDB data into TiDB and keeps it moving",
		Version:         gateway.Version(), // for --version and -v
		HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fmt.Errorf("unknown command '%s'; sluice --help lists the commands", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
		Commands: []*cli.Command{
			{Name: "node", Usage: "runs a node", Flags: nodeFlags(), Action: runNode},
			{Name: "version", Usage: "prints the version", Action: func(c *cli.Context) error {
				printVersion(c)
				return nil
			}},
		},
	}
	if err := app.Run(args); err != nil {
		if !errors.Is(err, errLogged) {
			fmt.Fprintln(os.Stderr, described(err))
		}
		os.Exit(1)
	}
}

// described returns the line about an error that ended the command; its number leads to SHOW ERROR CODES and the docs.
func described(err error) string {
	if code := gateway.ErrorCode(err); code != 0 {
		return fmt.Sprintf("sluice: error %d: %v", code, err)
	}
	return fmt.Sprintf("sluice: %v", err)
}

// nodeFlags makes a flag of every option; each has an environment variable too.
func nodeFlags() []cli.Flag {
	flags := []cli.Flag{&cli.StringFlag{Name: "config", Usage: "YAML `file` of options; flags and environment win", EnvVars: []string{"SLUICE_CONFIG"}}}
	for _, o := range gateway.Options() {
		if o.Repeat {
			flags = append(flags, &cli.StringSliceFlag{Name: o.Name, Usage: o.Usage, EnvVars: []string{o.Env()}})
			continue
		}
		flags = append(flags, &cli.StringFlag{Name: o.Name, Usage: o.Usage, EnvVars: []string{o.Env()}, DefaultText: o.Default})
	}
	return flags
}

func runNode(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("'%s' is not understood; sluice node --help lists the options", c.Args().First())
	}
	stated := map[string][]string{}
	for _, o := range gateway.Options() {
		switch {
		case !c.IsSet(o.Name):
		case o.Repeat:
			stated[o.Name] = c.StringSlice(o.Name)
		default:
			stated[o.Name] = []string{c.String(o.Name)}
		}
	}
	cfg, err := gateway.Load(c.String("config"), stated)
	if err != nil {
		return err
	}
	cfg.Log = gateway.NewLogger(cfg, os.Stderr)
	stdlog.Route(func(line string) { cfg.Log.Debug("a library says", "line", line) })
	ctx, stop := untilSignal(c.Context)
	defer stop()
	err = run(ctx, cfg)
	if err != nil && cfg.LogFormat == "json" {
		cfg.Log.Error("the node failed", "code", gateway.ErrorCode(err), "error", err.Error())
		return errLogged
	}
	return err
}

// errLogged is returned for an error that is in a JSON log already, which a line
// of plain text would break.
var errLogged = errors.New("the error is in the log")

func run(ctx context.Context, cfg gateway.Config) error {
	node, err := gateway.Open(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped by a signal while it waited for the store
		}
		return err
	}
	return node.Run(ctx)
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM; the
// second one ends the process at once.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		fmt.Fprintln(os.Stderr, "sluice: a second signal: stopped at once")
		os.Exit(1)
	}()
	return ctx, cancel
}
