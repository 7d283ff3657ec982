// Package wire is a connection to a MySQL-protocol server for a writer of many
// rows: commands are given as bytes, prepared statements take their parameters
// without a boxed value for each, and an answer is the affected rows of each
// statement.
//
// Package replica/protocol does the login. Errors of the server are go-sql-driver's *mysql.MySQLError,
// a broken connection is its ErrInvalidConn, so that callers judge errors of
// both libraries alike.
//
// Formats: MySQL's "Client/Server Protocol", "Command Phase".
package wire
