// Package load makes what perf measures with: tables, rows that are the same
// for the same seed and number, the transactions that a source's binlog is
// made of, and the plain client whose speed is the yardstick.
package load
