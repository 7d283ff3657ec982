// Package snapshot copies tables out of a source while it goes on changing.
// Tables with a key are read in chunks of key ranges, in any order, by several
// connections, and again from the chunk after an interruption (Splitter,
// Read). Tables without one are read exactly, in one piece (OpenExact). No
// read holds a lock beyond an instant.
//
// The values are those that the binlog's row images have, so that a copied
// row and a streamed one compare equal.
package snapshot
