// Command perf measures Sluice: the built program as a process of its own,
// between a real MySQL and a real TiDB or a black hole, beside a yardstick that
// is measured in the same run.
//
//	go run ./perf list
//	go run ./perf run insert1 --target tidb --runs 3 --scale normal --json out.json --svg pictures
//	go run ./perf all --scale small --runs 1
//	go run ./perf compare before.json after.json
//
// Progress goes to stderr, the table to stdout. SLUICE_BIN names another
// program to measure than the clone's own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"sluice/perf/forms"
	"sluice/perf/report"
	"sluice/perf/scenario"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := app(os.Stdout, os.Stderr).RunContext(ctx, flagsFirst(os.Args))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "perf:", err)
		os.Exit(1)
	}
}

// valueFlags are the flags that take a value, runFlags' but keep.
var valueFlags = []string{"target", "runs", "scale", "json", "svg"}

// flagsFirst puts a command's flags before its arguments, where the flag
// package wants them.
func flagsFirst(args []string) []string {
	if len(args) < 3 {
		return args
	}
	var flags, rest []string
	for i := 2; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		if slices.Contains(valueFlags, strings.TrimLeft(a, "-")) && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	return slices.Concat(args[:2], flags, rest)
}

func app(out, progress io.Writer) *cli.App {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "target", Value: "all", Usage: "tidb, blackhole or all"},
		&cli.IntFlag{Name: "runs", Value: 3, Usage: "how often each is measured"},
		&cli.StringFlag{Name: "scale", Value: string(scenario.Normal), Usage: "small, normal or large"},
		&cli.StringFlag{Name: "json", Usage: "`file` for the results"},
		&cli.StringFlag{Name: "svg", Usage: "`folder` for the pictures"},
		&cli.BoolFlag{Name: "keep", Usage: "keep the servers' folder"},
	}
	a := &cli.App{
		Name: "perf", Usage: "measures Sluice", HideVersion: true, HideHelpCommand: true,
		Writer: out, ErrWriter: progress,
		Commands: []*cli.Command{
			{Name: "list", Usage: "lists the scenarios", Action: func(c *cli.Context) error { return list(c.App.Writer) }},
			{Name: "run", Usage: "runs scenarios", ArgsUsage: "NAME..", Flags: flags, Action: func(c *cli.Context) error {
				var chosen []scenario.Scenario
				for _, name := range c.Args().Slice() {
					s, ok := scenario.Find(name)
					if !ok {
						return fmt.Errorf("there is no scenario %q: perf list shows them", name)
					}
					chosen = append(chosen, s)
				}
				if len(chosen) == 0 {
					return errors.New("which scenario? perf list shows them")
				}
				return measureAll(c, chosen)
			}},
			{Name: "all", Usage: "runs all scenarios", Flags: flags, Action: func(c *cli.Context) error {
				if c.Args().Present() {
					return fmt.Errorf("'%s' is not understood; perf run measures some", c.Args().First())
				}
				return measureAll(c, scenario.All())
			}},
			{Name: "forms", Usage: "measures in which SQL rows are best written (about 12 minutes)", Action: func(c *cli.Context) error {
				return forms.Measure(c.Context, forms.Options{Status: func(f string, a ...any) { fmt.Fprintf(c.App.ErrWriter, f+"\n", a...) }}, c.App.Writer)
			}},
			{Name: "compare", Usage: "compares two files of results", ArgsUsage: "A.json B.json", Action: compareFiles},
		},
	}
	return a
}

func list(out io.Writer) error {
	for _, s := range scenario.All() {
		var wanted []string
		for _, t := range s.Targets {
			text := string(t)
			w := s.Wanted[t]
			if w.Least > 0 {
				text += fmt.Sprintf(" (ratio at least %g, aim %g)", w.Least, w.Aim)
			}
			if w.P99 > 0 {
				text += fmt.Sprintf(" (p99 lag at most %v)", w.P99)
			}
			if w.Allocs > 0 {
				text += fmt.Sprintf(" (at most %g allocations a row)", w.Allocs)
			}
			wanted = append(wanted, text)
		}
		if _, err := fmt.Fprintf(out, "%-11s %s\n%-11s %s\n", s.Name, s.About, "", strings.Join(wanted, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// measureAll runs the scenarios one after the other, on one source. One
// that fails does not keep the others from being run.
func measureAll(c *cli.Context, chosen []scenario.Scenario) (err error) {
	p, err := planOf(c)
	if err != nil {
		return err
	}
	if !supportedBy(chosen, p.targets) {
		return errors.New("none of the scenarios has that target: perf list shows them")
	}
	log := func(format string, args ...any) {
		fmt.Fprintf(c.App.ErrWriter, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
	}
	ctx := c.Context
	r, err := openRig(ctx, log, c.Bool("keep"))
	if err != nil {
		return err
	}
	r.scale = p.scale
	defer func() { err = errors.Join(err, r.close()) }()
	var results []report.Result
	var failed error
	for i := range chosen {
		got, err := r.bench(ctx, &chosen[i], p)
		results = append(results, got...)
		if err != nil {
			log("%v", err)
			failed = errors.Join(failed, err)
		}
		// Written after each, so that an interrupt loses little.
		if err := save(c.String("json"), c.String("svg"), results); err != nil {
			return errors.Join(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	for i := range results {
		if results[i].Void {
			failed = errors.Join(failed, fmt.Errorf("%s, target %s: %w", results[i].Scenario, results[i].Target, errVoid))
		}
	}
	return errors.Join(report.WriteTable(c.App.Writer, results), failed)
}

// errVoid is returned when every run of a scenario left differences.
var errVoid = errors.New("every run is void: the target differed")

// planOf reads and checks the flags.
func planOf(c *cli.Context) (plan, error) {
	p := plan{scale: scenario.Scale(c.String("scale")), runs: c.Int("runs")}
	if !slices.Contains(scenario.Scales(), p.scale) {
		return p, fmt.Errorf("--scale is %q, and not small, normal or large", p.scale)
	}
	if p.runs < 1 {
		return p, fmt.Errorf("--runs is %d, and has to be 1 or more", p.runs)
	}
	switch t := scenario.Target(c.String("target")); t {
	case "all":
		p.targets = []scenario.Target{scenario.TiDB, scenario.Blackhole}
	case scenario.TiDB, scenario.Blackhole:
		p.targets = []scenario.Target{t}
	default:
		return p, fmt.Errorf("--target is %q, and not tidb, blackhole or all", t)
	}
	return p, nil
}
