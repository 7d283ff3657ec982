// Package replica holds what the upstream half and the downstream half of
// Sluice say to each other: positions, transactions, rows, values and table
// definitions. Its sub-packages connect to a source as a replica, decode its
// binlog, follow its schema and read its snapshots.
package replica
