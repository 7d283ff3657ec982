// Package binlog reads a source's binary log as a replica does and turns it
// into transactions.
//
// The event formats are those of the server sources: libs/mysql/binlog/event in
// MySQL, sql/log_event.h in MariaDB. go-mysql does the handshake, TLS and
// authentication, and decodes tagged GTID events; row images are decoded here,
// straight from the event's bytes into replica.Value without boxing.
package binlog
