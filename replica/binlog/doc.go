// Package binlog reads a source's binary log as a replica does and turns it
// into transactions.
//
// The event formats are those of the server sources: libs/mysql/binlog/event in
// MySQL, sql/log_event.h in MariaDB. go-mysql does the handshake, TLS and
// authentication, and decodes tagged GTID events; row images are decoded here,
// straight from the event's bytes into replica.Value without boxing.
//
// Measured beside go-mysql's parser on the same events in one run (go test
// -bench Decode, per row, one core):
//
//	                            here                go-mysql
//	one-row transactions        530 ns  3 allocs    1,200 ns  22 allocs
//	sysbench rows, 40 an event  170 ns  0 allocs      210 ns   4 allocs
//	bigint, decimal, datetime   200 ns  0 allocs      620 ns  11 allocs
//
// Bytes take this way: packets reads the connection in pieces of up to 256 KiB
// and hands out events inside its buffer; the images of wanted rows are copied
// to an arena, 64 KiB at a time, and everything else is forgotten with the next
// read. So no row keeps alive what was read with it. Events above 16 KiB get
// memory of their own, and their rows' values point into it.
package binlog
