package schema

import (
	"errors"
	"slices"
	"strings"

	"sluice/replica"
	"sluice/ruleset"
)

// targetItem is one action of an ALTER TABLE at the target. TiDB refuses a
// statement that changes a column or index in one action and names it in
// another, so uses says what it names: "c:" a column and "k:" an index that it
// changes, "r:" a column that it only refers to.
type targetItem struct {
	sql   string
	uses  []string
	alone bool // TiDB takes it only as a statement of its own
	last  bool // the next item begins a statement
	whole bool // it is a statement, not an action
}

// alterTranslator translates one ALTER TABLE.
type alterTranslator struct {
	c             Change
	rules         *ruleset.Rules
	before, after *translator
	items         []targetItem
	last          []targetItem // after all others: indexes that were trimmed, defaults that would be computed
	trimmedKeys   map[string]bool
	same          map[*keyDef]bool // added ones that the target has already
	notes         []string
	name          string // the target table, quoted
	lenient       bool   // the statement runs without strict mode: see keepsValues
	usesZone      bool   // the meaning of a statement depends on the session's time zone
	conditions    []Condition
	aside         map[string]string     // columns that have another name while the statement runs
	gone          map[string]bool       // columns that were dropped before all else
	renamed       map[string]bool       // names that the items so far have given to columns
	adds          map[string]*columnDef // columns that are added, as they are then
	fills         []string              // statements that give added columns their values
	renames       keyRenames
}

func (o Target) altered(c Change, rules *ruleset.Rules, name string) (Translation, error) {
	x := &alterTranslator{c: c, rules: rules, name: name, trimmedKeys: map[string]bool{}, same: map[*keyDef]bool{}, adds: map[string]*columnDef{}, renamed: map[string]bool{}}
	for _, v := range []struct {
		table *replica.Table
		into  **translator
	}{{c.Before, &x.before}, {c.After, &x.after}} {
		d, err := parseDefinition(v.table.Create, Defaults{})
		if err != nil {
			return Translation{}, ddlError(err, remedyStatement, "translate a change of table %s", v.table)
		}
		*v.into = o.translator(d)
	}
	if x.usesZone = x.dependsOnZone(); x.usesZone {
		zone, target, err := c.session.location()
		if err != nil {
			return Translation{}, ddlError(err, remedyZone, "translate a change of table %s, which depends on the session's time zone", c.Before)
		}
		x.after.zone = zone
		x.ambiguousTimes(target)
	}
	x.lost()
	x.conditions = append(x.conditions, cascading(c.session, c.After, c.added.foreign)...)
	x.trimmed()
	dropped := false
	for _, i := range keyOrder(c.actions) {
		if !dropped && !c.actions[i].ofKey() {
			x.generatedFirst()
			x.setAside() // an index that is dropped, too, may be over such a column
			dropped = true
		}
		if err := x.action(&c.actions[i]); err != nil {
			return Translation{}, ddlError(err, remedyByHand, "translate a change of table %s", c.Before)
		}
	}
	x.recomputed()
	x.rewritten()
	implicit := x.implicit()
	x.additions()
	x.items = append(append(x.items, x.last...), implicit...)
	if err := x.keyFirst(); err != nil {
		return Translation{}, ddlError(err, remedyByHand, "translate a change of table %s", c.Before)
	}
	t := Translation{Statements: append(x.statements(name), x.fills...), Notes: append(x.notes, x.after.notes...), Conditions: x.conditions}
	targetSchema, targetTable := rules.Target(c.After.Schema, c.After.Name)
	to := replica.QuoteTable(targetSchema, targetTable)
	if stmts, ok := x.rebuild(targetSchema, to); ok {
		t.Statements, t.Tidy = stmts, 2
		t.Notes = append(t.Notes, "TiDB cannot change the primary key of a table, nor make a column AUTO_INCREMENT: a new table took the rows and the name")
	} else if !strings.EqualFold(to, name) {
		t.Statements = append(t.Statements, "RENAME TABLE "+name+" TO "+to)
	}
	for _, s := range t.Statements {
		if !tidbParses(s) {
			return Translation{}, ddlError(errors.New("TiDB cannot read the translated statement"), remedyByHand,
				"translate a change of table %s", c.Before)
		}
	}
	var err error
	t.Session, err = c.targetSession(x.usesZone)
	if x.lenient {
		t.Session.SQLMode = targetModes(c.ddl.SQLMode &^ strictModes)
	}
	return t, err
}

// keyOrder returns the order in which the target takes the actions: indexes are
// dropped first, and hidden before they are renamed; one is renamed after
// the index that has its new name. The source takes all of them at once. Two
// indexes that swap their names stay in the statement's order: see renameKey.
func keyOrder(actions []action) []int {
	renamed := map[string]bool{}
	for i := range actions {
		if actions[i].kind == renameKey {
			renamed[strings.ToLower(actions[i].old)] = true
		}
	}
	var drops, renames, others []int
	for i := range actions {
		switch k := actions[i].kind; {
		case k == dropKey, k == dropPrimary, k == keyVisible && renamed[strings.ToLower(actions[i].old)]:
			drops = append(drops, i)
		case k == renameKey:
			renames = append(renames, i)
		default:
			others = append(others, i)
		}
	}
	for range renames {
		for n := 1; n < len(renames); n++ {
			if strings.EqualFold(actions[renames[n-1]].new, actions[renames[n]].old) && !strings.EqualFold(actions[renames[n]].new, actions[renames[n-1]].old) {
				renames[n-1], renames[n] = renames[n], renames[n-1]
			}
		}
	}
	return append(append(drops, renames...), others...)
}

// remedyByHand is for a statement that has no translation, though the
// definition that it leads to is known.
const remedyByHand = "see SHOW MIGRATION DDL for the statement; bring the target's table to the definition that it leads to by hand, then START MIGRATION again"

// statements groups items so that no two of a statement name the same thing.
func (x *alterTranslator) statements(name string) []string {
	var out, group []string
	used := map[string]bool{}
	flush := func() {
		if len(group) > 0 {
			out = append(out, "ALTER TABLE "+name+" "+strings.Join(group, ", "))
		}
		group, used = nil, map[string]bool{}
	}
	for _, it := range x.items {
		if it.whole {
			flush()
			out = append(out, it.sql)
			continue
		}
		clash := it.alone
		for _, u := range it.uses {
			clash = clash || clashes(used, u)
		}
		if clash {
			flush()
		}
		group = append(group, it.sql)
		for _, u := range it.uses {
			used[u] = true
		}
		if it.alone || it.last {
			flush()
		}
	}
	flush()
	return out
}

// clashes says whether a statement that names what used holds cannot name u.
func clashes(used map[string]bool, u string) bool {
	switch u[:2] {
	case "c:":
		return used[u] || used["r:"+u[2:]]
	case "r:":
		return used["c:"+u[2:]]
	}
	return used[u]
}

func (x *alterTranslator) note(text string) { x.notes = append(x.notes, text) }

func (x *alterTranslator) add(sql string, uses ...string) {
	x.items = append(x.items, targetItem{sql: sql, uses: lower(uses)})
}

func lower(names []string) []string {
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return names
}

func (x *alterTranslator) alone(sql string) {
	x.items = append(x.items, targetItem{sql: sql, alone: true})
}

func useColumn(name string) string { return "c:" + name }
func useKey(name string) string    { return "k:" + name }

func keyUses(k *keyDef) []string {
	uses := []string{useKey(k.name)}
	for _, p := range k.parts {
		if p.column != "" {
			uses = append(uses, "r:"+p.column)
			continue
		}
		for _, c := range columnsIn(p.expr) {
			uses = append(uses, "r:"+c)
		}
	}
	return uses
}

// columnsIn returns the names in an expression that may be columns.
func columnsIn(expr string) []string {
	tokens, err := tokenize(expr, 0)
	if err != nil {
		return nil
	}
	var out []string
	for i, column := range columnTokens(tokens) {
		if column {
			out = append(out, tokens[i].text)
		}
	}
	return out
}

// recollated returns the columns, in lower case, that get another collation in the target.
func (x *alterTranslator) recollated() map[string]bool {
	out := map[string]bool{}
	for _, was := range x.before.d.columns {
		now := x.becomes(was)
		if now == nil || was.typ.charset == "" || now.typ.charset == "" {
			continue
		}
		a, errA := x.before.typ(was)
		b, errB := x.after.typ(now)
		if errA == nil && errB == nil && (a.charset != b.charset || a.collation != b.collation) {
			out[strings.ToLower(was.name)] = true
		}
	}
	return out
}

func (x *alterTranslator) explicitDrops() map[string]bool {
	out := map[string]bool{}
	for _, a := range x.c.actions {
		switch a.kind {
		case dropKey, dropConstraint:
			out[strings.ToLower(a.old)] = true
		}
	}
	return out
}

func (x *alterTranslator) isAdded(k *keyDef) bool {
	return x.added(k.name) != nil
}

// implicit returns the statements that drop the indexes which the source
// dropped by itself. They come last, as the present definition at the source may
// have decided about them: another decision after a restart moves no other step.
// An index whose name is used again has to go before.
func (x *alterTranslator) implicit() []targetItem {
	var last []targetItem
	for _, k := range x.c.added.dropped {
		if _, ok := x.before.carried(k); !ok || x.trimmedKeys[strings.ToLower(k.name)] {
			continue
		}
		item := targetItem{sql: "DROP INDEX " + replica.Quote(k.name), uses: lower(keyUses(k))}
		again := x.added(k.name)
		switch {
		case again == nil:
			item.alone = true
			last = append(last, item)
			x.note("index " + k.name + " goes, as the source dropped it when another one covered its columns")
		case again.sql() == k.sql():
			x.same[again] = true
		default:
			x.items = append(x.items, item)
		}
	}
	return last
}

// added returns the key of that name that the statement adds, nil when none is.
func (x *alterTranslator) added(name string) *keyDef {
	for _, n := range x.c.added.keys {
		if strings.EqualFold(n.name, name) {
			return n
		}
	}
	return nil
}

// additions adds the keys and checks that the statement made.
func (x *alterTranslator) additions() {
	for _, k := range x.c.added.keys {
		if x.same[k] {
			continue
		}
		if s := x.after.key(k); s != "" {
			if k.kind == keyPrimary {
				x.neverNull(k)
			}
			// TiDB cannot cluster a table that exists by another key.
			x.add("ADD "+strings.Replace(s, "] CLUSTERED */", "] NONCLUSTERED */", 1), keyUses(k)...)
		}
	}
	for _, c := range x.c.added.checks {
		if s := x.after.check(c); s != "" {
			x.alone("ADD " + s)
		}
	}
	for _, f := range x.c.added.foreign {
		x.note("foreign key " + f.name + " is left out")
	}
}

// neverNull makes columns of a new primary key NOT NULL, as the sources do by themselves.
// Without strict mode these replace each NULL by a value that is in no row event.
func (x *alterTranslator) neverNull(k *keyDef) {
	for _, p := range k.parts {
		was, now := x.before.d.column(x.oldName(p.column)), x.after.d.column(p.column)
		if was == nil || now == nil || !was.nullable() || x.adds[strings.ToLower(p.column)] != nil ||
			slices.ContainsFunc(x.c.actions, func(a action) bool { return a.kind == changeColumn && strings.EqualFold(a.new, p.column) }) {
			continue
		}
		if def, err := x.after.column(now); err == nil {
			if !x.c.ignore { // lost has refused it for good
				x.converted(was, now)
			}
			x.add("MODIFY COLUMN "+def, useColumn(p.column))
		}
	}
}

func (x *alterTranslator) action(a *action) error {
	switch a.kind {
	case addColumn, changeColumn, renameColumn, dropColumn, setDefault, dropDefault, setVisible:
		return x.columnAction(a)
	case dropKey, dropPrimary, dropForeign, dropCheck, dropConstraint, renameKey, keyVisible, checkEnforced:
		x.keyAction(a)
	case setOption:
		x.optionAction(a)
	case convertTo:
		return x.convertAction()
	case partitionBy, addPartition, dropPartition, reorganizePartition, removePartitioning, partitionOther:
		return x.partitionAction(a)
	case setVersioning, addPeriod, dropPeriod:
		x.note("system versioning and periods are left out")
	}
	return nil
}

func (x *alterTranslator) columnAction(a *action) error {
	switch a.kind {
	case addColumn:
		if x.before.d.column(a.column.name) != nil && a.ifNotExists {
			return nil
		}
		return x.defineColumn("ADD COLUMN", a.column.name, "", a.pos)
	case changeColumn:
		switch {
		case x.before.d.column(a.old) == nil: // IF EXISTS
			return nil
		case a.old == a.new:
			return x.defineColumn("MODIFY COLUMN", a.new, "", a.pos)
		}
		return x.defineColumn("CHANGE COLUMN "+replica.Quote(x.present(a.old)), a.new, a.old, a.pos)
	}
	if x.before.d.column(a.old) == nil { // IF EXISTS
		return nil
	}
	switch a.kind {
	case renameColumn:
		from := x.present(a.old)
		x.add("RENAME COLUMN "+replica.Quote(from)+" TO "+replica.Quote(a.new), useColumn(from), useColumn(a.new))
		x.named(a.old, a.new)
	case dropColumn:
		if x.before.d.column(a.old).generated == "" && !x.gone[strings.ToLower(a.old)] { // generatedFirst has dropped the others
			x.add("DROP COLUMN "+replica.Quote(a.old), useColumn(a.old))
		}
	case dropDefault:
		x.add("ALTER COLUMN "+replica.Quote(a.old)+" DROP DEFAULT", useColumn(a.old))
	case setVisible:
		x.note("column " + a.old + ": TiDB has no invisible columns, so it is visible")
	case setDefault:
		c := x.after.d.column(a.old)
		if c == nil { // the same statement changes it otherwise, too
			c = x.before.d.column(a.old).clone()
			c.def, c.hasDefault = a.value, true
		}
		t, err := x.after.typ(c)
		if err != nil {
			return err
		}
		if def := x.after.defaultValue(c, t); def != "" {
			x.add("ALTER COLUMN "+replica.Quote(a.old)+" SET DEFAULT "+def, useColumn(a.old))
		}
	}
	return nil
}

// defineColumn adds an action with a column's whole definition, as it is after
// the statement.
func (x *alterTranslator) defineColumn(verb, name, old string, pos position) error {
	c := x.after.d.column(name)
	if c == nil {
		return errors.New("the statement changes column " + name + " twice")
	}
	if verb == "ADD COLUMN" {
		var err error
		if c, err = x.addedColumn(c); err != nil {
			return err
		}
		x.adds[strings.ToLower(name)] = c
	} else if err := x.numberedColumn(c, name, old); err != nil {
		return err
	}
	def, err := x.redefined(verb, c, old)
	if err != nil {
		return err
	}
	if was := x.nowPlain(verb, c, old); was != nil && x.replaced(was, c, pos) {
		return nil
	}
	uses := append([]string{useColumn(name)}, x.usesOf(c)...)
	if old != "" {
		uses = append(uses, useColumn(old), useColumn(x.present(old)))
	}
	switch {
	case pos.first && x.generatedKey() && !x.afterKey():
		def += " AFTER " + generatedKeyName
	case pos.first:
		def += " FIRST"
	case pos.after != "":
		after := x.until(pos.after)
		def += " AFTER " + replica.Quote(after)
		uses = append(uses, useColumn(after))
	}
	x.add(verb+" "+def, uses...)
	x.named(old, name)
	return nil
}

func (x *alterTranslator) keyAction(a *action) {
	switch a.kind {
	case dropForeign:
		x.note("foreign key " + a.old + " is not at the target")
		return
	case dropPrimary:
		if _, ok := x.before.carried(x.before.d.primary()); ok {
			x.add("DROP PRIMARY KEY", useKey("PRIMARY"))
		}
		return
	case dropCheck, checkEnforced:
		x.checkAction(a)
		return
	case dropConstraint:
		if x.before.d.check(a.old) != nil {
			x.checkAction(a)
			return
		}
	}
	k := x.before.d.key(a.old)
	if k == nil && a.kind == renameKey && x.before.d.absentKey(a.old) != nil {
		return // it is among the added ones
	}
	if k == nil {
		x.note("index " + a.old + " is not at the target")
		return
	}
	if _, ok := x.before.carried(k); !ok {
		x.note("index " + a.old + " is not at the target")
		return
	}
	switch a.kind {
	case dropKey, dropConstraint:
		if k.kind == keyPrimary {
			x.add("DROP PRIMARY KEY", useKey("PRIMARY"))
			return
		}
		x.add("DROP INDEX "+replica.Quote(a.old), keyUses(k)...)
	case renameKey:
		if x.trimmedKeys[strings.ToLower(a.old)] {
			return
		}
		x.renameKey(a.old, a.new)
	case keyVisible:
		if x.trimmedKeys[strings.ToLower(a.old)] {
			return
		}
		state := "INVISIBLE"
		if a.on {
			state = "VISIBLE"
		}
		x.add("ALTER INDEX "+replica.Quote(a.old)+" "+state, useKey(a.old))
	}
}

func (x *alterTranslator) checkAction(a *action) {
	c := x.before.d.check(a.old)
	if c == nil || x.before.check(c) == "" {
		x.note("check " + a.old + " is not at the target")
		return
	}
	name := replica.Quote(a.old)
	switch {
	case a.kind != checkEnforced:
		x.alone("DROP CONSTRAINT " + name)
	case a.on:
		if !x.after.relaxed(c) {
			x.alone("ALTER CONSTRAINT " + name + " ENFORCED")
		}
	default:
		x.alone("ALTER CONSTRAINT " + name + " NOT ENFORCED")
	}
}

func (x *alterTranslator) optionAction(a *action) {
	if a.also.charset != "" || a.also.collation != "" {
		x.defaultCharset()
	}
	for _, o := range a.also.options {
		switch {
		case o.name == "COMMENT" || o.name == "AUTO_INCREMENT":
			x.add(o.sql(), "o:"+o.name)
		case !silentOptions[o.name]:
			x.note("table option " + o.name + " is left out")
		}
	}
}

func (x *alterTranslator) defaultCharset() {
	quiet := &translator{}
	c1, co1 := quiet.text("", x.before.d.charset, x.before.d.collation)
	c2, co2 := x.after.text("table", x.after.d.charset, x.after.d.collation)
	if c1 == c2 && co1 == co2 {
		x.note("the default charset and collation stay the same at the target")
		return
	}
	x.alone("DEFAULT CHARACTER SET " + c2 + " COLLATE " + co2)
}

// convertAction translates CONVERT TO CHARACTER SET: the columns whose
// definition at the target changes are modified one by one.
func (x *alterTranslator) convertAction() error {
	x.defaultCharset()
	for _, c := range x.after.d.columns {
		old := x.before.d.column(c.name)
		if old == nil {
			continue
		}
		quiet := &translator{d: x.before.d, keep3: x.before.keep3, opts: x.before.opts}
		was, err := quiet.column(old)
		if err != nil {
			return err
		}
		now, err := x.after.column(c)
		if err != nil {
			return err
		}
		if err := x.convertedTo(old, c); err != nil {
			return err
		}
		if was != now {
			x.add("MODIFY COLUMN "+now, useColumn(c.name))
		}
	}
	return nil
}
