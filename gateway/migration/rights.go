package migration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/grants"
)

// What a channel does in the target: in the schemas that it writes, and in the schema
// of Sluice's own tables.
var (
	tableRights = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX"}
	metaRights  = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"}
)

// checkRights lists the rights that the target's account lacks. The account may have
// them on everything, on the schemas, or on each of the tables.
func (r *Runner) checkRights(ctx context.Context, look *sourceLook) ([]Finding, error) {
	have, account, err := r.grants(ctx)
	if err != nil || have == nil {
		return nil, err
	}
	lacks := map[string]map[string]bool{} // rights by schema
	need := func(schema, table string, rights []string) {
		for _, right := range rights {
			if have.Has(schema, table, right, true) {
				continue
			}
			if lacks[schema] == nil {
				lacks[schema] = map[string]bool{}
			}
			lacks[schema][right] = true
		}
	}
	need(apply.MetaSchema, "*", metaRights)
	for _, t := range look.survey.Tables() {
		if r.cfg.Rules.Wanted(t.Schema, t.Name) {
			ts, tt := r.cfg.Rules.Target(t.Schema, t.Name)
			need(ts, tt, tableRights)
		}
	}
	var out []Finding
	for _, schema := range slices.Sorted(maps.Keys(lacks)) {
		list := strings.Join(slices.Sorted(maps.Keys(lacks[schema])), ", ")
		f := blocking("target.rights", "TARGET", schema, &replica.Error{
			Message: fmt.Sprintf("the target's account %s lacks %s on the schema %s", account, list, schema),
			Remedy:  "grant the rights in the target, then repeat the statement"})
		f.RemedySQL = "GRANT " + list + " ON " + grants.Pattern(schema) + ".* TO " + account
		out = append(out, f)
	}
	return out, nil
}

// grants reads the account's grants; nil where they do not say everything: a server
// that shows roles by their names alone.
func (r *Runner) grants(ctx context.Context) (list grants.List, account string, err error) {
	var version string
	if err := r.cfg.Target.QueryRowContext(ctx, "SELECT CONCAT(VERSION(), @@version_comment), CURRENT_USER()").Scan(&version, &account); err != nil {
		return nil, "", fmt.Errorf("read the rights of the target's account: %w", err)
	}
	if i := strings.LastIndexByte(account, '@'); i >= 0 {
		account = replica.Quote(account[:i]) + "@" + replica.Quote(account[i+1:])
	}
	rows, err := r.cfg.Target.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return nil, "", fmt.Errorf("read the rights of the target's account: %w", err)
	}
	defer rows.Close()
	list = grants.List{}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, "", fmt.Errorf("read the rights of the target's account: %w", err)
		}
		g, ok := grants.Parse(line)
		if !ok && !strings.Contains(version, "TiDB") {
			return nil, account, rows.Err()
		}
		if ok {
			list = append(list, g)
		}
	}
	return list, account, rows.Err()
}
