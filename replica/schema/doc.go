// Package schema knows what a source's tables look like at each position: it
// reads table definitions (ParseCreate), follows DDL (Tracker), compares table
// versions (SameShape), and translates definitions and DDL for TiDB
// (TargetCreate, TargetDDL). It does no I/O.
//
// Statements are read by a tokenizer and parser of its own, because the text
// may be MySQL's or MariaDB's of any supported version and its expressions must
// survive unchanged. TiDB's parser decides which parts of a translated
// definition (expressions, defaults, partitions) TiDB can take.
package schema
