package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// binary builds the command as a user does.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// TestCommandsPrintNothingElse runs the real command: a library that logs when
// the process begins must not be seen on its standard error, and the lines of
// a node that logs JSON must all be JSON.
func TestCommandsPrintNothingElse(t *testing.T) {
	path := binary(t)
	for _, args := range [][]string{{"version"}, {"--version"}, {"-v"}} {
		var out, errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Errorf("sluice %v: %v", args, err)
		}
		if !strings.HasPrefix(out.String(), "sluice ") || strings.Count(out.String(), "\n") != 1 || errs.Len() != 0 {
			t.Errorf("sluice %v prints %q and, on standard error, %q", args, &out, &errs)
		}
	}
	if out, err := exec.CommandContext(t.Context(), path, "nod").CombinedOutput(); err == nil || !strings.Contains(string(out), "unknown command 'nod'") {
		t.Errorf("sluice nod: %v, %s", err, out)
	}
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, "node", "--name", "n1", "--store", "root@tcp(127.0.0.1:1)/", "--log-format", "json",
		"--log-level", "debug", "--data-dir", t.TempDir(), "--admin-addr", "127.0.0.1:0", "--gossip-addr", "127.0.0.1:0",
		"--http-addr", "203.0.113.1:1") // an address that no machine has: the node ends by itself
	cmd.Stderr = &errs
	if err := cmd.Run(); err == nil {
		t.Error("a node listens on an address that is not this machine's")
	}
	lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "option --http-addr") {
		t.Errorf("the node ends with %q", last)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of a JSON log: %q", line)
		}
	}
}
