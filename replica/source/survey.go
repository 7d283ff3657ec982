package source

import (
	"context"
	"fmt"
	"slices"
)

// Survey is what the checks of a source found, for the tables of all migrations
// that were asked about: many migrations of one source cost one look at it.
type Survey struct {
	name     string
	serverID uint32
	tables   []TableInfo
	findings []Finding
	may      selects
}

// Need is what one channel needs of the source.
type Need struct {
	Wanted   func(schema, table string) bool // nil accepts all
	ServerID uint32                          // the channel's own id as a replica
	Copies   bool                            // rows are copied; otherwise changes are followed only
	Reads    []Scope                         // what Wanted may accept, whether or not the account sees it; nil: nothing is known
}

// Survey runs all checks of the server, and those of the tables that wanted
// accepts (nil accepts all). See Check.
func (s *Source) Survey(ctx context.Context, wanted func(schema, table string) bool) (*Survey, error) {
	facts, err := readFacts(ctx, s.db, FlavorAuto)
	if err != nil {
		return nil, s.unchecked("variables", err)
	}
	facts.Encrypted = s.facts.Encrypted
	tables, err := s.listTables(ctx, wanted)
	if err != nil {
		return nil, s.unchecked("tables", err)
	}
	c := &checker{src: s, facts: facts, tables: tables}
	for _, check := range checks {
		if err := check.run(ctx, c); err != nil {
			return nil, s.unchecked(check.name, err)
		}
	}
	return &Survey{name: s.cfg.Name, serverID: facts.ServerID, tables: tables, findings: c.findings, may: c.may}, nil
}

// unchecked names the server and the check that an error of a connection ended.
func (s *Source) unchecked(check string, err error) error {
	e := *classify(err)
	e.Message = fmt.Sprintf("%s (check source.%s of %s)", e.Message, check, s.cfg)
	e.Remedy = s.cfg.WithName(e.Remedy)
	return &e
}

// keyLater is how a table gets a primary key while a migration follows it: TiDB
// cannot number the rows that exist as the source did, so that the ALTER would stop
// the migration.
const keyLater = "leave it so, or give it a key in this order: STOP MIGRATION; leave the table out with ALTER MIGRATION .. " +
	"REPLICATE_IGNORE_TABLE; START MIGRATION; ALTER TABLE on the source; drop the target's table; CREATE and START a migration for this table alone"

// Findings returns what concerns a channel.
func (v *Survey) Findings(need Need) []Finding {
	wanted := func(schema, table string) bool { return need.Wanted == nil || need.Wanted(schema, table) }
	schemas := map[string]bool{}
	for _, t := range v.tables {
		if wanted(t.Schema, t.Name) {
			schemas[t.Schema] = true
		}
	}
	out := []Finding{}
	for _, f := range v.findings {
		switch {
		case f.copies && !need.Copies, f.table != "" && !wanted(f.schema, f.table), f.table == "" && f.schema != "" && !schemas[f.schema]:
			continue
		case f.ID == "source.server_id" && v.serverID != 0 && v.serverID == need.ServerID:
			f = Finding{ID: f.ID, Severity: Error, Object: f.Object, Finding: fmt.Sprintf("the source itself has server_id %d", v.serverID),
				Remedy: "set SERVER_ID=AUTO or another number"}
		case f.ID == "source.no_key" && !f.fine && !need.Copies:
			f.Remedy, f.RemedySQL = keyLater, ""
		}
		out = append(out, f)
	}
	out = append(out, v.unseen(need)...)
	has := map[string]bool{}
	for _, f := range out {
		has[f.ID] = has[f.ID] || !f.fine
	}
	// Without a table nothing was looked at: CHECK SOURCE says nothing of rights and keys that CHECK MIGRATION looks at.
	return slices.DeleteFunc(out, func(f Finding) bool { return f.fine && (has[f.ID] || len(schemas) == 0) })
}

// Tables returns the tables that were looked at, without their definitions. The slice
// is shared.
func (v *Survey) Tables() []TableInfo { return v.tables }
