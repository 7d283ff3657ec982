// Package report turns the raw numbers of benchmark runs into medians with
// their spread, and those into tables, JSON, comparisons and charts. It does
// no I/O but on the readers and writers that it is given.
package report
