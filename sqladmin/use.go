package sqladmin

import "context"

// Use is USE schema.
type Use struct{ Schema string }

// Verb implements Statement.
func (*Use) Verb() string { return "USE" }

func parseUse(p *parser) Statement { return &Use{Schema: p.name("schema")} }

func (u *Use) run(_ context.Context, x *executor) (*Result, error) {
	return &Result{}, x.use(u.Schema)
}

// use sets the current schema; an unknown one is error 1049.
func (x *executor) use(schema string) error {
	name := schemaName(schema)
	if name == "" {
		return unknownSchema(schema)
	}
	x.session.setSchema(name)
	return nil
}

func unknownSchema(schema string) *Error {
	return Errorf(CodeUnknownDatabase, "Unknown database '%s'", schema).WithRemedy("USE sluice")
}
