// Package source connects to a MySQL or MariaDB server as a client: it learns
// the server's facts, reads its definitions and positions, checks whether it
// can be replicated from, and turns its errors into errors that an operator
// can act on. It never writes to the server.
package source
