package migration

import (
	"fmt"
	"strings"

	"sluice/replica"
	"sluice/replica/schema"
	"sluice/replica/source"
)

// dialect returns how definitions and DDL of this source become the target's.
func dialect(cfg *Config, f source.Facts) schema.Target {
	return schema.Target{
		PlainGenerated: cfg.PlainGenerated,
		// Seen with 11.8.9: images of UPDATE and DELETE have neither STORED nor
		// VIRTUAL columns. 10.11.18 has both.
		NoGeneratedImages: f.Flavor == source.FlavorMariaDB && f.AtLeast(11, 8, 9),
	}
}

func (x *run) dialect() schema.Target { return dialect(x.cfg, x.src.Facts()) }

// generatedFindings warns of generated columns: have is the target's table, nil
// when it is still to be created.
func generatedFindings(t *replica.Table, object string, d schema.Target, have targetTable) []Finding {
	var there func(string) (bool, bool)
	if have != nil {
		there = func(column string) (exists, generated bool) {
			h, ok := have[strings.ToLower(column)]
			return ok, h.generated
		}
	}
	warnings, err := d.Warnings(t, there)
	if err != nil {
		return nil // Create reports it
	}
	var out []Finding
	for _, w := range warnings {
		out = append(out, Finding{ID: "target.generated", Severity: "WARNING", Scope: "TABLE", Object: object, Finding: w, Blocks: "-",
			Remedy: "see Generated columns in docs/limits.md"})
	}
	return out
}

// imagesHave refuses a target table that has a plain column for a generated one
// of a source whose row images do not have its value.
func imagesHave(t *replica.Table, ts, tt string, have targetTable, d schema.Target) error {
	if !d.NoGeneratedImages {
		return nil
	}
	for i := range t.Columns {
		if h, ok := have[strings.ToLower(t.Columns[i].Name)]; !ok || h.generated || !t.Columns[i].Generated {
			continue
		}
		return &replica.Error{Code: 61095, Class: "TARGET", Table: ts + "." + tt,
			Message: fmt.Sprintf("the source generates column %s of %s and leaves it out of row images of UPDATE and DELETE, and it is a plain column in the target",
				t.Columns[i].Name, t),
			Remedy: "drop the column in the target and add it there as a generated one, or drop the table so that it is recreated"}
	}
	return nil
}
