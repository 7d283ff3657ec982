// Package scenario is the list of what perf measures: each scenario is data,
// and the few lines that write its load. A scenario is added by adding a row
// to All.
package scenario
