// Package protocol is the client side of MySQL's protocol below the libraries. It logs in by the rules of the
// SSL mode, and it checks every packet that a server sends before a library reads it: go-sql-driver indexes
// into packets without looking at their lengths, in goroutines of database/sql too, where nobody can recover.
//
// Dial returns a connection that is logged in. NewConnector wraps one for go-sql-driver: the library is shown a
// greeting and an OK of this package's own, so that it never sees the server's login packets or the password,
// and after that only packets that are well formed. A malformed packet reaches the library as an error packet
// with the number CodeMalformed.
//
// Formats: MySQL's "Client/Server Protocol", "Connection Phase" and "Command Phase".
package protocol
