// Package binlog reads a source's binary log as a replica does and turns it
// into transactions.
//
// The event formats are those of the server sources: libs/mysql/binlog/event in
// MySQL, sql/log_event.h in MariaDB. go-mysql does the handshake, TLS and
// authentication, keeps GTID sets, and decodes tagged GTID events. The commands
// that register a replica and ask for the log are sent here, since the
// connection is read here: packets in pieces, with a deadline for each. Row
// images are decoded here, straight from the event's bytes into replica.Value
// without boxing.
//
// Measured beside go-mysql's parser on the same events (go test -bench Decode,
// two cores of an AMD EPYC, Go 1.26.8, go-mysql 1.16.0; the median of three,
// per row):
//
//	                             here                go-mysql
//	one-row transactions       1,360 ns  3 allocs    3,430 ns  24 allocs
//	sysbench rows, 40 an event   275 ns  0 allocs      810 ns   6 allocs
//	the same, compressed         490 ns  0 allocs    1,100 ns   6 allocs
//	bigint, decimal, datetime    420 ns  0 allocs    2,340 ns  13 allocs
//	JSON of 43 bytes             380 ns  0 allocs    3,250 ns  14 allocs
//	updates of sysbench rows     510 ns  0 allocs    1,510 ns  11 allocs
//	.. of bigint, decimal ..     660 ns  0 allocs    4,890 ns  25 allocs
//	.. of JSON                   530 ns  0 allocs    5,140 ns  27 allocs
//
// The values of an update's images that have the same bytes are made once: 20-25 %
// less for decimal and datetime, 20-45 % for JSON (alternating, four rounds).
//
// Finding a row's columns first and making values only for its key takes 30-44 ns
// an image instead of 115-155 (sysbench) or 260-370 (go test -bench Image). It is
// not done: only an update's before image could gain, at most 0.1 of the 5 us that
// the gateway and the 65 that TiDB spends on such a row, and folding compares the
// whole image. Nor are keys hashed from the event's bytes: 8 ns instead of 6 for
// a bigint, 40-60 ns less for a decimal or a datetime, 15 and 110 ns for a UUID under
// a binary and another collation (go test -bench Keys ./gateway/apply), but equal
// keys of two tables that are merged have other bytes where their types differ.
//
// Bytes take this way: packets reads the connection in pieces of up to 256 KiB
// and hands out events inside its buffer; the images of wanted rows are copied
// to an arena, 64 KiB at a time, and everything else is forgotten with the next
// read. So no row keeps alive what was read with it. Events above 16 KiB get
// memory of their own, and their rows' values point into it.
package binlog
