package schema

import "strings"

// alterKeys drops, renames and hides keys and foreign keys.
func (a *alteration) alterKeys() {
	d := a.new
	for _, act := range a.actions {
		switch act.kind {
		case dropPrimary:
			if d.primary() == nil {
				a.missing("key", "PRIMARY", false)
			}
			d.keys = without(d.keys, d.primary())
		case dropKey:
			k := d.key(act.old)
			if k == nil && len(a.old.foreign) == 0 && !a.trimmedAway(act.old) {
				// A foreign key brings an index that the statement did not name.
				a.missing("key", act.old, act.ifExists)
			}
			d.keys = without(d.keys, k)
		case renameKey:
			k := d.key(act.old)
			if k == nil && len(a.old.foreign) == 0 {
				a.missing("key", act.old, act.ifExists)
			}
			if k != nil {
				k.name = act.new
			}
		case keyVisible:
			if k := d.key(act.old); k != nil {
				k.invisible = !act.on
			}
		case dropForeign:
			if !d.dropForeign(act.old) {
				a.missing("foreign key", act.old, act.ifExists)
			}
		}
	}
}

// trimmedAway says whether the table had the key before its columns went.
func (a *alteration) trimmedAway(name string) bool { return a.old.key(name) != nil }

func without(keys []*keyDef, k *keyDef) []*keyDef {
	kept := keys[:0:0]
	for _, x := range keys {
		if x != k {
			kept = append(kept, x)
		}
	}
	return kept
}

func (d *definition) dropForeign(name string) bool {
	for i, f := range d.foreign {
		if strings.EqualFold(f.name, name) {
			d.foreign = append(d.foreign[:i:i], d.foreign[i+1:]...)
			return true
		}
	}
	return false
}

func (d *definition) check(name string) *checkDef {
	for _, c := range d.checks {
		if c.name != "" && strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

func (d *definition) dropCheck(name string) bool {
	for i, c := range d.checks {
		if c.name != "" && strings.EqualFold(c.name, name) {
			d.checks = append(d.checks[:i:i], d.checks[i+1:]...)
			return true
		}
	}
	return false
}

// alterChecks drops constraints and changes checks. A check that the old
// definition had may be gone already, with its column.
func (a *alteration) alterChecks() {
	d := a.new
	for _, act := range a.actions {
		switch act.kind {
		case dropCheck:
			if !d.dropCheck(act.old) && a.old.check(act.old) == nil {
				a.missing("check", act.old, act.ifExists)
			}
		case dropConstraint:
			k := d.key(act.old)
			switch {
			case d.dropCheck(act.old), d.dropForeign(act.old):
			case k != nil && (k.kind == keyPrimary || k.kind == keyUnique):
				d.keys = without(d.keys, k)
			case a.old.check(act.old) == nil && a.old.key(act.old) == nil:
				a.missing("constraint", act.old, act.ifExists)
			}
		case checkEnforced:
			if c := d.check(act.old); c != nil {
				c.notEnforced = !act.on
			}
		}
	}
}

// addKeys adds keys and constraints, also those written with a column.
func (a *alteration) addKeys() {
	d := a.new
	for _, act := range a.actions {
		if act.also == nil || act.kind == setOption || act.kind == convertTo {
			continue
		}
		if act.kind == addColumn && act.ifNotExists && a.old.column(act.column.name) != nil {
			continue
		}
		also := act.also.clone()
		for _, k := range also.keys {
			if act.ifNotExists && k.name != "" && d.key(k.name) != nil {
				continue
			}
			if k.kind == keyPrimary && d.primary() != nil {
				if act.ifNotExists {
					continue
				}
				a.r.fail("the table already has a primary key")
				return
			}
			d.keys = append(d.keys, k)
			a.added.keys = append(a.added.keys, k)
		}
		for _, f := range also.foreign {
			if act.ifNotExists && f.name != "" && d.hasForeign(f.name) {
				continue
			}
			d.foreign = append(d.foreign, f)
			a.added.foreign = append(a.added.foreign, f)
		}
		for _, c := range also.checks {
			if act.ifNotExists && c.name != "" && d.check(c.name) != nil {
				continue
			}
			d.checks = append(d.checks, c)
			a.added.checks = append(a.added.checks, c)
		}
	}
}

func (d *definition) hasForeign(name string) bool {
	for _, f := range d.foreign {
		if strings.EqualFold(f.name, name) {
			return true
		}
	}
	return false
}
