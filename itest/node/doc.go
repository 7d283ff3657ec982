// Package node builds Sluice's program once and runs nodes of it as processes
// of their own, for the demo, the kill loop and the whole-node tests. It knows
// a node only by what an operator has: the command line, the log, signals and
// SQL on the admin port.
//
// Nodes end with the process that started them, also when it is killed (on
// Linux).
package node
