// Package migration runs one channel's life: check, schema, copy, catch up,
// replicate. It wires the source's half (replica) to the target's (apply).
package migration
