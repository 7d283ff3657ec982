// Package ruleset says what happens to a row or a DDL of a source: which tables
// are wanted, and what they are called at the target. It is pure: no I/O, no
// clock, no goroutine. A *Rules is immutable and safe for concurrent use.
package ruleset
