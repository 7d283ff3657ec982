// Package blackhole is a MySQL server that stands in front of a real TiDB and
// swallows the row transactions of Sluice's lanes, so that a benchmark sees
// what the gateway costs and nothing of the target.
//
// Handshake, session set-up, claims, queries, DDL, the preparing of statements
// and the control lane go to the TiDB behind it, over one connection of its own
// for each client connection. A transaction that begins with the guard of a lane
// above 0 is answered here: its rows are counted, and each statement, as text or
// prepared, reports the affected rows that the gateway expects. The lanes' rows in TiDB
// therefore stay as they were: a channel that is claimed again resumes where
// its control lane was.
package blackhole
