package schema

import (
	"strconv"
	"strings"
)

// partitions applies the actions on partitions.
func (a *alteration) partitions() {
	d := a.new
	for _, act := range a.actions {
		switch act.kind {
		case partitionBy:
			d.partition = act.part
			continue
		case removePartitioning:
			d.partition = nil
			continue
		case addPartition, dropPartition, reorganizePartition, partitionOther:
		default:
			continue
		}
		if d.partition == nil {
			a.missing("partitioning", "", false)
			return
		}
		p := &partitioning{header: d.partition.header, parts: append([]partitionDef(nil), d.partition.parts...)}
		switch act.kind {
		case addPartition:
			p.add(act)
		case dropPartition:
			for _, n := range act.names {
				if at := p.find(n); at >= 0 {
					p.parts = append(p.parts[:at], p.parts[at+1:]...)
				} else {
					a.missing("partition", n, act.ifExists)
				}
			}
		case reorganizePartition:
			a.reorganize(p, act)
		case partitionOther:
			if !p.count(act.value) {
				a.r.fail("the statement asks for more partitions than there can be")
				return
			}
		}
		d.partition = p
	}
}

func (p *partitioning) find(name string) int {
	for i, part := range p.parts {
		if strings.EqualFold(part.name, name) {
			return i
		}
	}
	return -1
}

func (p *partitioning) add(act action) {
	for _, n := range act.part.parts {
		if !act.ifNotExists || p.find(n.name) < 0 {
			p.parts = append(p.parts, n)
		}
	}
}

func (a *alteration) reorganize(p *partitioning, act action) {
	at := -1
	for _, n := range act.names {
		i := p.find(n)
		if i < 0 {
			a.missing("partition", n, false)
			return
		}
		if at < 0 || i < at {
			at = i
		}
		p.parts = append(p.parts[:i], p.parts[i+1:]...)
	}
	if at < 0 {
		return
	}
	p.parts = append(p.parts[:at:at], append(append([]partitionDef(nil), act.part.parts...), p.parts[at:]...)...)
}

// maxPartitions is the most partitions that a table can have in MySQL.
const maxPartitions = 8192

// count follows ADD PARTITION PARTITIONS n and COALESCE PARTITION n, which
// change the number of partitions of HASH and KEY; false says that the number
// is not possible.
func (p *partitioning) count(text string) bool {
	sign := 1
	switch {
	case strings.HasPrefix(text, "ADD PARTITION PARTITIONS "):
	case strings.HasPrefix(text, "COALESCE PARTITION "):
		sign = -1
	default:
		return true
	}
	n, err := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
	if err != nil || n > maxPartitions {
		return false
	}
	if len(p.parts) > 0 {
		for ; sign < 0 && n > 0 && len(p.parts) > 1; n-- {
			p.parts = p.parts[:len(p.parts)-1]
		}
		for ; sign > 0 && n > 0; n-- {
			name := "p" + strconv.Itoa(len(p.parts))
			p.parts = append(p.parts, partitionDef{name: name, text: "PARTITION " + name})
		}
		return true
	}
	tokens, err := tokenize(p.header, 0)
	if err != nil {
		return false
	}
	for i := range tokens[:len(tokens)-1] {
		if tokens[i].is("PARTITIONS") && tokens[i+1].kind == tokNumber {
			old, _ := strconv.Atoi(tokens[i+1].text)
			tokens[i+1].text = strconv.Itoa(max(old+sign*n, 1))
			p.header = joinTokens(tokens)
			return true
		}
	}
	p.header += " PARTITIONS " + strconv.Itoa(max(1+sign*n, 1))
	return true
}

// versions applies ADD and DROP SYSTEM VERSIONING and PERIOD.
func (a *alteration) versions() {
	d := a.new
	for _, act := range a.actions {
		switch act.kind {
		case setVersioning:
			d.versioning = act.on
			if act.on {
				continue
			}
			kept := d.columns[:0:0]
			for _, c := range d.columns {
				if !c.rowStart && !c.rowEnd {
					kept = append(kept, c)
				}
			}
			d.columns = kept
		case addPeriod:
			d.period = append(d.period, act.value)
		case dropPeriod:
			kept := d.period[:0:0]
			for _, p := range d.period {
				if !mentions(p, map[string]bool{strings.ToLower(act.old): true}) {
					kept = append(kept, p)
				}
			}
			d.period = kept
		}
	}
	// Columns added to a versioned table go before those that it has by itself.
	if d.versioning {
		var own, implicit []*columnDef
		for _, c := range d.columns {
			if c.implicit {
				implicit = append(implicit, c)
			} else {
				own = append(own, c)
			}
		}
		d.columns = append(own, implicit...)
	}
}
