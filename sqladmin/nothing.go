package sqladmin

import "context"

// Nothing is a statement without an effect here: a comment, and what clients
// send around transactions.
type Nothing struct{ verb string }

// Verb implements Statement.
func (n *Nothing) Verb() string { return n.verb }

func (n *Nothing) run(context.Context, *executor) (*Result, error) { return &Result{}, nil }

// parseNothing takes the rest of the statement as it is.
func parseNothing(verb string) func(*parser) Statement {
	return func(p *parser) Statement {
		p.pos = len(p.tokens)
		return &Nothing{verb: verb}
	}
}

// parseNotYet refuses a statement that is known and not supported.
func parseNotYet(what string) func(*parser) Statement {
	return func(p *parser) Statement {
		p.fail(NotSupported(what))
		return nil
	}
}

// parseCutover refuses what there is a procedure for.
func parseCutover(what string) func(*parser) Statement {
	return func(p *parser) Statement {
		p.fail(NotSupported(what).WithRemedy("docs/cutover-by-hand.md has the steps that switch to the target today"))
		return nil
	}
}

// parseLock refuses LOCK TABLES, which mysqldump sends.
func parseLock(p *parser) Statement {
	p.fail(NotSupported("LOCK TABLES").WithRemedy("the tables of the admin port cannot be written; mysqldump: --skip-lock-tables or --single-transaction"))
	return nil
}

// parseReadOnly refuses to write to virtual tables.
func parseReadOnly(p *parser) Statement {
	p.fail(Errorf(CodeReadOnlyTable, "The tables of the admin port are read only").
		WithRemedy("use CREATE, ALTER and DROP of SECRET, SOURCE, TARGET and MIGRATION; the data's tables are at the target"))
	return nil
}
