// Package gateway is one node: its configuration, the store's connection, the
// supervisor that runs the channels which this node owns, the controller behind
// the admin port, the HTTP pages, and the order in which all of it starts and
// stops. It is the only package that knows all the others.
package gateway
