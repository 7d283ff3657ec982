// Package identity decides whether a server has the history that a channel has
// followed: another server, a restored backup or a reset binlog has not, and
// replaying it would overwrite the target's rows without an error.
package identity
