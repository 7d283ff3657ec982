package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
)

// CodeCrashes is the code of a channel that ended the processes of its nodes.
const CodeCrashes = 61226

// Files of the data folder: what the runtime writes when this process crashes; what the last one that crashed wrote,
// for a report; and a mark that its crash was not counted yet, for a start that does not reach the store.
const (
	crashFile     = "crash.txt"
	lastCrashFile = "crash-last.txt"
	uncountedFile = "crash-uncounted"
	// firstLine bounds what of a report goes to the log.
	firstLine = 200
)

// watchCrashes has the runtime write the report of a panic or of a fatal error to a file of the data folder. It
// returns the first line of the report that a process before this one left, "" for none: that process was ended in
// order, was killed, or its machine failed. The file stands in for what a dying process cannot write into the store.
func watchCrashes(dir string) (last string, err error) {
	path, uncounted := filepath.Join(dir, crashFile), filepath.Join(dir, uncountedFile)
	report, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the last crash: %w", err)
	}
	if len(report) > 0 && !bytes.HasPrefix(report, []byte("SIGQUIT")) { // by which somebody asks for the stacks
		line, _, _ := bytes.Cut(report, []byte("\n"))
		if err := os.WriteFile(uncounted, line[:min(len(line), firstLine)], 0o600); err != nil {
			return "", fmt.Errorf("keep the last crash: %w", err)
		}
		if err := os.Rename(path, filepath.Join(dir, lastCrashFile)); err != nil {
			return "", fmt.Errorf("keep the last crash: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return "", fmt.Errorf("prepare for a crash: %w", err)
	}
	defer f.Close() // the runtime has its own
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return "", fmt.Errorf("prepare for a crash: %w", err)
	}
	line, err := os.ReadFile(uncounted)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the last crash: %w", err)
	}
	return string(line), nil
}

// countedCrash notes that the store knows of the crash.
func countedCrash(dir string) error {
	if err := os.Remove(filepath.Join(dir, uncountedFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("note that the last crash was counted: %w", err)
	}
	return nil
}

// reportCrashes shows operators the channels that this node put into ERROR when it started.
func (n *Node) reportCrashes(ctx context.Context, crash string) {
	for _, key := range n.services.cluster.Stopped() {
		if err := n.reportCrash(ctx, key, crash); err != nil {
			n.log.Warn("record that a channel crashed its nodes", "channel", key, "error", err.Error())
		}
	}
}

func (n *Node) reportCrash(ctx context.Context, key, crash string) error {
	ch, err := n.services.cluster.Channel(ctx, key)
	if err != nil {
		return err
	}
	r := &run{services: n.services, state: ch, epoch: ch.Epoch, log: n.log.With("channel", ch.Name)}
	r.readBefore(ctx)
	e := &replica.Error{Code: CodeCrashes, Class: "INTERNAL",
		Message: fmt.Sprintf("this channel ended the processes of its nodes, last that of node %s (%s)", n.cfg.Name, crash),
		Remedy: "report it with " + lastCrashFile + " of the nodes' data folders; START MIGRATION tries again, " +
			"and three more crashes stop it again"}
	st := r.before.Status
	st.Status, st.Connected, st.SecondsBehind = migration.StatusError, false, nil
	st.SQLErrno, st.SQLError, st.SQLErrorAt, st.Remedy = int(e.Code), e.Error(), time.Now().UTC(), e.Remedy
	r.write(ctx, st)
	r.log.Error("the channel waits for START MIGRATION", "code", e.Code, "error", e.Error())
	return errors.Join(
		n.services.catalog.ReportError(ctx, catalog.MigrationError{MigrationID: ch.MigrationID, Migration: ch.Migration,
			Channel: ch.Name, Node: n.cfg.Name, Errno: e.Code, SQLState: "HY000", Class: e.Class, Message: e.Message, Remedy: e.Remedy}),
		n.services.catalog.AddEvent(ctx, catalog.Event{MigrationID: ch.MigrationID, Migration: ch.Migration, Channel: ch.Name,
			Node: n.cfg.Name, Kind: "ERROR", Message: e.Message}))
}
