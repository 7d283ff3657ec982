package migration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/gateway/apply"
	"sluice/replica"
)

// What a channel does in the target: in the schemas that it writes, and in the schema
// of Sluice's own tables.
var (
	tableRights = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX"}
	metaRights  = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"}
)

// grant is one line of SHOW GRANTS that is not about roles.
type grant struct {
	rights        map[string]bool // ALL PRIVILEGES is one
	schema, table string          // patterns of LIKE; "*": all
}

// checkRights lists the rights that the target's account lacks. The account may have
// them on everything, on the schemas, or on each of the tables.
func (r *Runner) checkRights(ctx context.Context, look *sourceLook) ([]Finding, error) {
	grants, account, err := r.grants(ctx)
	if err != nil || grants == nil {
		return nil, err
	}
	lacks := map[string]map[string]bool{} // rights by schema
	need := func(schema, table string, rights []string) {
		for _, right := range rights {
			if granted(grants, schema, table, right) {
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
		f.RemedySQL = "GRANT " + list + " ON " + replica.Quote(grantPattern.Replace(schema)) + ".* TO " + account
		out = append(out, f)
	}
	return out, nil
}

// grantPattern escapes a schema's name, which GRANT reads as a pattern.
var grantPattern = strings.NewReplacer(`\`, `\\`, `_`, `\_`, `%`, `\%`)

// grants reads the account's grants; nil where they do not say everything: a server
// that shows roles by their names alone.
func (r *Runner) grants(ctx context.Context) (list []grant, account string, err error) {
	var version string
	if err := r.cfg.Target.QueryRowContext(ctx, "SELECT VERSION(), CURRENT_USER()").Scan(&version, &account); err != nil {
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
	list = []grant{}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, "", fmt.Errorf("read the rights of the target's account: %w", err)
		}
		g, ok := parseGrant(line)
		if !ok && !strings.Contains(version, "TiDB") {
			return nil, account, rows.Err()
		}
		if ok {
			list = append(list, g)
		}
	}
	return list, account, rows.Err()
}

// parseGrant reads "GRANT rights ON schema.table TO ..". It returns false for a role,
// or what it does not know.
func parseGrant(line string) (g grant, ok bool) {
	rest, ok := strings.CutPrefix(line, "GRANT ")
	if !ok {
		return g, false
	}
	rights, rest, ok := strings.Cut(rest, " ON ")
	if !ok {
		return g, false
	}
	g.rights = map[string]bool{}
	for right := range strings.SplitSeq(rights, ",") {
		g.rights[strings.ToUpper(strings.TrimSpace(right))] = true
	}
	rest = strings.TrimPrefix(rest, "TABLE ")
	if g.schema, rest, ok = grantName(rest); !ok || !strings.HasPrefix(rest, ".") {
		return g, false
	}
	g.table, _, ok = grantName(rest[1:])
	return g, ok
}

// grantName reads a name, quoted or not, at the start of text.
func grantName(text string) (name, rest string, ok bool) {
	if !strings.HasPrefix(text, "`") {
		i := strings.IndexAny(text, ". ")
		if i < 0 {
			return "", "", false
		}
		return text[:i], text[i:], true
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '`':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '`':
			b.WriteByte('`')
			i++
		default:
			return b.String(), text[i+1:], true
		}
	}
	return "", "", false
}

// granted reports whether a right is granted on a table; "*": on the whole schema.
func granted(grants []grant, schema, table, right string) bool {
	for _, g := range grants {
		if (g.rights[right] || g.rights["ALL PRIVILEGES"]) && (g.table == "*" || strings.EqualFold(g.table, table)) &&
			(g.schema == "*" || like(strings.ToLower(g.schema), strings.ToLower(schema))) {
			return true
		}
	}
	return false
}

// like matches a name with a pattern of GRANT: % and _ as in LIKE, \ before one that
// is meant itself. It takes time in proportion to the product of their lengths.
func like(patternText, nameText string) bool {
	pattern, name := []rune(patternText), []rune(nameText)
	star, from := -1, 0 // the newest %, and where what it stands for ends
	p, n := 0, 0
	for n < len(name) {
		literal := p < len(pattern) && pattern[p] == '\\' && p+1 < len(pattern)
		switch {
		case literal && pattern[p+1] == name[n]:
			p, n = p+2, n+1
		case !literal && p < len(pattern) && pattern[p] == '%':
			star, from = p, n
			p++
		case !literal && p < len(pattern) && (pattern[p] == '_' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(string(pattern[p:]), "%") == ""
}
