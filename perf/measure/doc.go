// Package measure reads what a run costs from outside: processes by the
// kernel's counters, a node by its /metrics, TiDB by its status port, and a
// binlog by go-mysql's parser, which is also a yardstick.
package measure
