// Package tidbsql parses SQL text with TiDB's parser: with literals of its
// own, within bounds, and without a panic that reaches its caller. It is the
// only package that imports the parser itself; the packages that read the
// syntax tree import the parser's ast and take literals as *Literal.
package tidbsql
