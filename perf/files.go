package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"sluice/perf/report"
)

// save writes the results to a file and the pictures to a folder, which is
// made; "" leaves either out.
func save(file, folder string, results []report.Result) error {
	if file != "" {
		err := create(file, func(w io.Writer) error { return report.WriteJSON(w, results) })
		if err != nil {
			return err
		}
	}
	if folder == "" || len(results) == 0 {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder of the pictures: %w", err)
	}
	err := create(filepath.Join(folder, "ratios.svg"), func(w io.Writer) error { return report.BarsSVG(w, results) })
	if err != nil {
		return err
	}
	for i := range results {
		r := &results[i]
		name := fmt.Sprintf("rate-%s-%s.svg", r.Scenario, r.Target)
		err := create(filepath.Join(folder, name), func(w io.Writer) error { return report.RateSVG(w, results[i:i+1]) })
		if err != nil {
			return err
		}
	}
	return nil
}

func create(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("make a file of results: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}

// compareFiles is the command compare.
func compareFiles(c *cli.Context) error {
	if c.NArg() != 2 {
		return errors.New("which two files? perf compare A.json B.json")
	}
	var sides [2][]report.Result
	for i := range sides {
		var err error
		if sides[i], err = read(c.Args().Get(i)); err != nil {
			return err
		}
	}
	return report.Compare(c.App.Writer, sides[0], sides[1])
}

func read(name string) ([]report.Result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	defer f.Close()
	results, err := report.ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return results, nil
}
