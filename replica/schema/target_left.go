package schema

import (
	"fmt"
	"hash/fnv"

	"sluice/replica"
	"sluice/ruleset"
)

// maxTableName is how many characters TiDB allows in a table's name.
const maxTableName = 64

// left translates a RENAME of a table to a name that the rules do not want. The
// target's table gets a name that no rule leads to: the source's name is free, and a
// log table that is rotated comes back under it at once. The rows stay, nothing
// writes them any more, and no channel owns the table.
//
// The name follows from the transaction and both names, so that each node and each
// restart plans the same statement. What if the process dies: RENAME is one DDL
// job, which is found by its tag. A table that has the new name already, or
// the absence of the old one, is TiDB's error, and nothing is overwritten.
//
// Rules that lead several source tables to one target table leave it as it is: it
// has rows of the others, too.
func (o Target) left(from, after ruleset.TableName, rules *ruleset.Rules) Translation {
	s, t := rules.Target(from.Schema, from.Table)
	gone := fmt.Sprintf("%s was renamed to %s, which is not replicated: ", from, after)
	if rules.Merges() {
		return Translation{Notes: []string{gone + "the target table stays as it is"}}
	}
	name := o.leftName(s, t, after)
	event := gone + fmt.Sprintf("the target table is %s.%s now, and nothing writes it any more", s, name)
	return Translation{Statements: []string{"RENAME TABLE " + replica.QuoteTable(s, t) + " TO " + replica.QuoteTable(s, name)},
		Notes: []string{event}}
}

// leftName returns the name of the target table s.t after its source table left.
func (o Target) leftName(s, t string, after ruleset.TableName) string {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s|%s.%s|%s", o.Transaction, s, t, after) // a hash takes everything
	suffix := fmt.Sprintf("_sluice_left_%012x", h.Sum64()>>16)
	runes := []rune(t)
	return string(runes[:min(len(runes), maxTableName-len(suffix))]) + suffix
}
