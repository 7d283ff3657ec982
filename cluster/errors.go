package cluster

import (
	"errors"
	"fmt"
	"time"
)

// Error is an error that an operator reads: what happened and what to do about
// it. The package's sentinels are of this type; use errors.Is for them and
// errors.As to get the code and the remedy.
type Error struct {
	Code    uint16 // 61000 to 61999, or MySQL's own code
	State   string // SQLSTATE
	Message string
	Remedy  string
	kind    error // the sentinel that it is a case of, or nil
}

// Error returns the message and the remedy as one line.
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Message
	}
	return e.Message + ". Remedy: " + e.Remedy
}

// Unwrap returns the sentinel that e is a case of.
func (e *Error) Unwrap() error { return e.kind }

var (
	// ErrWrongKey is returned when this node and a running node of the cluster
	// have no cluster key in common, or one of them has none.
	ErrWrongKey = &Error{Code: 61082, State: "28000",
		Message: "wrong cluster key: a running node of this cluster has another one",
		Remedy: "give every node the same --cluster-key-file, then start this node again; to change the key while nodes run, start them " +
			"one after the other with the new key and --old-cluster-key-file (the word none if there was no key)"}
	// ErrNameTaken is returned by Open when a live node has the same name.
	ErrNameTaken = &Error{Code: 61083, State: "HY000",
		Message: "another live node has this node's name",
		Remedy:  "give every node its own name, or stop the other node first"}
	// ErrReplaced is returned by Run when a newer process registered under this
	// node's name: this one may no longer claim anything.
	ErrReplaced = &Error{Code: 61084, State: "HY000",
		Message: "a newer process took over this node's name",
		Remedy:  "give every node its own name; the newer process goes on, this one must stop"}
	// ErrUnknownNode is returned when no node of that name ever registered.
	ErrUnknownNode = &Error{Code: 61002, State: "42S02",
		Message: "unknown node", Remedy: "SHOW NODES lists the nodes"}
	// ErrNodeLives is returned by Remove for a node that may be alive.
	ErrNodeLives = &Error{Code: 61006, State: "HY000",
		Message: "the node is alive", Remedy: "stop the node first"}
	// ErrConfig is returned by Open when a Config field is missing or wrong.
	ErrConfig = &Error{Code: 61004, State: "42000", Message: "bad cluster configuration"}
)

// wrongKeyOf returns ErrWrongKey with the node's name and when it was seen. A
// node that ended without leaving, because it could not reach the store, counts
// as running until its heartbeat is older than deadAfter.
func wrongKeyOf(p Peer) error {
	e := *ErrWrongKey
	again := (max(deadAfter-p.Seen, 0) + time.Second).Round(time.Second)
	e.Message = fmt.Sprintf("wrong cluster key: node %s of this cluster, seen %.1f s ago, has another one", p.Node, p.Seen.Seconds())
	e.Remedy = fmt.Sprintf("if node %s is stopped, start this node again in %v, when %s no longer counts as running; if it runs, %s",
		p.Node, again, p.Node, e.Remedy)
	e.kind = ErrWrongKey
	return &e
}

var (
	// ErrNotAllowed is returned by Claim when the channel's owner is not known
	// to be gone, when the channel is not wanted RUNNING, or when this node
	// already holds it. Trying again later is right.
	ErrNotAllowed = errors.New("claim is not allowed now")
	// ErrGone is returned when the channel does not exist in the store.
	ErrGone = errors.New("channel does not exist")
	// ErrLost is returned by Release when the channel has another owner or
	// another epoch by now: there is nothing left to release.
	ErrLost = errors.New("channel is owned by another epoch")
)
