package schema

import "strings"

// alterKeys drops, renames and hides keys and foreign keys. The actions name keys
// as they are called before the statement.
func (a *alteration) alterKeys() {
	d := a.new
	a.keys = map[string]*keyDef{}
	for _, k := range d.keys {
		a.keys[strings.ToLower(k.name)] = k
	}
	for _, act := range a.actions {
		switch act.kind {
		case dropPrimary:
			if d.primary() == nil && a.old.primary() == nil {
				a.missing("key", "PRIMARY", false)
			}
			d.keys = without(d.keys, d.primary())
		case dropKey:
			a.dropKey(act)
		case renameKey:
			a.renameKey(act)
		case keyVisible:
			if k := a.keys[strings.ToLower(act.old)]; k != nil {
				k.invisible = !act.on
			}
		case dropForeign:
			d.dropForeign(act.old) // one that is not known matters to nothing: the target has none
		}
	}
}

func (a *alteration) dropKey(act action) {
	d := a.new
	if k := a.keys[strings.ToLower(act.old)]; k != nil {
		d.keys = without(d.keys, k)
		return
	}
	if k := d.absentKey(act.old); k != nil {
		d.absent = without(d.absent, k)
		return
	}
	if !a.trimmedAway(act.old) {
		a.missing("key", act.old, act.ifExists)
	}
}

// renameKey renames an index; the source then takes it for one that a statement
// asked for. One that the target lacks is made there with its new name.
func (a *alteration) renameKey(act action) {
	d := a.new
	k := a.keys[strings.ToLower(act.old)]
	if k == nil {
		if k = d.absentKey(act.old); k == nil {
			a.missing("key", act.old, act.ifExists)
			return
		}
		d.absent = without(d.absent, k)
		d.keys = append(d.keys, k)
		a.added.keys = append(a.added.keys, k)
	}
	k.name, k.origin = act.new, originStatement
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
			}
			// One that is not known is a foreign key: all other constraints are known.
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
		skipped := a.addForeign(act, also.foreign)
		for _, k := range also.keys {
			if skipped && k.origin == originForeign {
				continue
			}
			if k.origin == originUnsure {
				k.origin = originStatement
			}
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
		for _, c := range also.checks {
			if act.ifNotExists && c.name != "" && d.check(c.name) != nil {
				continue
			}
			d.checks = append(d.checks, c)
			a.added.checks = append(a.added.checks, c)
		}
	}
}

// addForeign adds foreign keys; it returns true if IF NOT EXISTS skipped one,
// and so its index.
func (a *alteration) addForeign(act action, foreign []*foreignDef) (skipped bool) {
	for _, f := range foreign {
		if act.ifNotExists && f.name != "" && a.new.hasForeign(f.name) {
			skipped = true
			continue
		}
		a.new.foreign = append(a.new.foreign, f)
		a.added.foreign = append(a.added.foreign, f)
	}
	return skipped
}

func (d *definition) hasForeign(name string) bool {
	for _, f := range d.foreign {
		if strings.EqualFold(f.name, name) {
			return true
		}
	}
	return false
}
