// Package apply writes source transactions into the target exactly once and
// whole: scheduler, lanes, batches, statements, checkpoints and DDL. DESIGN.md
// beside this file has the protocol and its argument.
package apply
