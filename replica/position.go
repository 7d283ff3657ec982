package replica

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Mode says how a channel identifies transactions.
type Mode uint8

// The modes; the text form of a Position begins with the mode's name.
const (
	ModeGTID    Mode = iota + 1 // MySQL GTIDs
	ModeMariaDB                 // MariaDB GTIDs
	ModeFile                    // binlog file and position
)

// String returns gtid, mariadb or file.
func (m Mode) String() string {
	switch m {
	case ModeGTID:
		return "gtid"
	case ModeMariaDB:
		return "mariadb"
	case ModeFile:
		return "file"
	}
	return "none"
}

// Position says which transactions of a source are done: all of them up to
// somewhere. The zero Position is "none known". String and ParsePosition are a
// round trip. A Position is a value: methods that change it return a new one,
// except Advance, which its single owner calls.
type Position struct {
	mode    Mode
	set     *TxnSet               // ModeGTID
	domains map[uint32]domainGTID // ModeMariaDB
	at      Coordinates           // ModeFile
}

type domainGTID struct {
	server uint32
	seq    uint64
}

// Mode returns how transactions are identified; 0 for the zero Position.
func (p Position) Mode() Mode { return p.mode }

// IsZero says whether p is the zero Position.
func (p Position) IsZero() bool { return p.mode == 0 }

// FilePosition returns the position file:pos of a source without GTIDs.
func FilePosition(at Coordinates) Position { return Position{mode: ModeFile, at: at} }

// GTIDPosition returns the position for a GTID set as the server of that mode
// prints it; the empty text is the position before the first transaction.
func GTIDPosition(mode Mode, text string) (Position, error) {
	switch mode {
	case ModeGTID:
		set, err := ParseTxnSet(text)
		if err != nil {
			return Position{}, err
		}
		return Position{mode: mode, set: set}, nil
	case ModeMariaDB:
		return parseMariaDB(text)
	}
	return Position{}, fmt.Errorf("parse position: mode %v has no GTIDs", mode)
}

func parseMariaDB(text string) (Position, error) {
	p := Position{mode: ModeMariaDB, domains: map[uint32]domainGTID{}}
	for _, g := range strings.Split(text, ",") {
		g = strings.TrimSpace(g)
		if g == "" {
			continue
		}
		parts := strings.Split(g, "-")
		if len(parts) != 3 {
			return Position{}, fmt.Errorf("parse position: %q is not domain-server-sequence", clip(g))
		}
		d, err1 := strconv.ParseUint(parts[0], 10, 32)
		s, err2 := strconv.ParseUint(parts[1], 10, 32)
		n, err3 := strconv.ParseUint(parts[2], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return Position{}, fmt.Errorf("parse position: %q is not domain-server-sequence", clip(g))
		}
		if old, ok := p.domains[uint32(d)]; !ok || old.seq < n {
			p.domains[uint32(d)] = domainGTID{uint32(s), n}
		}
	}
	return p, nil
}

// ParsePosition reads what String prints.
func ParsePosition(text string) (Position, error) {
	mode, rest, ok := strings.Cut(text, "=")
	if text == "" {
		return Position{}, nil
	}
	if !ok {
		return Position{}, fmt.Errorf("parse position: %q has no mode", clip(text))
	}
	switch mode {
	case "gtid":
		return GTIDPosition(ModeGTID, rest)
	case "mariadb":
		return parseMariaDB(rest)
	case "file":
		if rest == "" { // before the first file
			return FilePosition(Coordinates{}), nil
		}
		i := strings.LastIndexByte(rest, ':')
		if i <= 0 {
			return Position{}, fmt.Errorf("parse position: %q is not file:position", clip(rest))
		}
		pos, err := strconv.ParseUint(rest[i+1:], 10, 64)
		if err != nil {
			return Position{}, fmt.Errorf("parse position: %w", err)
		}
		return FilePosition(Coordinates{rest[:i], pos}), nil
	}
	return Position{}, fmt.Errorf("parse position: unknown mode %q", clip(mode))
}

// String returns the stored form: mode=text; "" for the zero Position.
func (p Position) String() string {
	if p.mode == 0 {
		return ""
	}
	return p.mode.String() + "=" + p.Text()
}

// Text returns what the source itself would print: a GTID set or file:pos.
func (p Position) Text() string {
	switch p.mode {
	case ModeGTID:
		return p.set.String()
	case ModeMariaDB:
		ds := make([]int, 0, len(p.domains))
		for d := range p.domains {
			ds = append(ds, int(d))
		}
		sort.Ints(ds)
		parts := make([]string, 0, len(ds))
		for _, d := range ds {
			g := p.domains[uint32(d)]
			parts = append(parts, fmt.Sprintf("%d-%d-%d", d, g.server, g.seq))
		}
		return strings.Join(parts, ",")
	case ModeFile:
		return p.at.String()
	}
	return ""
}

// Set returns the GTID set of a ModeGTID position; nil otherwise. The caller
// must not change it.
func (p Position) Set() *TxnSet { return p.set }

// At returns the coordinates of a ModeFile position.
func (p Position) At() Coordinates { return p.at }

// Contains says whether the transaction is done according to p.
func (p Position) Contains(id TxnID) bool {
	switch p.mode {
	case ModeGTID:
		return p.set.Contains(id)
	case ModeMariaDB:
		d, ok := domainOf(id)
		return ok && p.domains[d].seq >= id.Seq
	case ModeFile:
		return !p.at.Before(Coordinates{id.Source, id.Seq})
	}
	return false
}

func domainOf(id TxnID) (uint32, bool) {
	d, _, _ := strings.Cut(id.Source, "-")
	n, err := strconv.ParseUint(d, 10, 32)
	return uint32(n), err == nil
}

// Advance marks the transaction as done in place. Transactions of one MariaDB
// domain, or of one file, are to be given in stream order.
func (p *Position) Advance(id TxnID) {
	switch p.mode {
	case ModeGTID:
		p.set.Add(id)
	case ModeMariaDB:
		d, ok := domainOf(id)
		if !ok || p.domains[d].seq >= id.Seq {
			return
		}
		_, srv, _ := strings.Cut(id.Source, "-")
		n, _ := strconv.ParseUint(srv, 10, 32)
		p.domains[d] = domainGTID{uint32(n), id.Seq}
	case ModeFile:
		if c := (Coordinates{id.Source, id.Seq}); p.at.Before(c) {
			p.at = c
		}
	}
}

// AdvanceRun adds the transaction id and those behind it in its source up to
// number last. Those between must belong to the same stream: Follows says which.
func (p *Position) AdvanceRun(id TxnID, last uint64) {
	if p.mode == ModeGTID {
		p.set.AddRun(id.Source, Interval{Lo: id.Seq, Hi: last})
		return
	}
	p.Advance(TxnID{Source: id.Source, Seq: last}) // only the newest is kept
}

// Follows says whether AdvanceRun may add next to a run that ends with last.
func (p *Position) Follows(last, next TxnID) bool {
	if last.Source != next.Source {
		return false
	}
	if p.mode == ModeGTID {
		return next.Seq == last.Seq+1
	}
	return next.Seq > last.Seq
}

// GTIDs returns the last transaction of each MariaDB domain; nil in other modes.
func (p Position) GTIDs() []TxnID {
	if p.mode != ModeMariaDB {
		return nil
	}
	out := make([]TxnID, 0, len(p.domains))
	for d, g := range p.domains {
		out = append(out, g.id(d))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Source < out[j].Source })
	return out
}

func (g domainGTID) id(domain uint32) TxnID {
	return TxnID{Source: fmt.Sprintf("%d-%d", domain, g.server), Seq: g.seq}
}

// Last returns the last transaction of a MariaDB domain.
func (p Position) Last(domain uint32) (TxnID, bool) {
	g, ok := p.domains[domain]
	return g.id(domain), ok
}

// Before returns a position from which a source sends the transaction id of p
// again: before is the one before it in its MariaDB domain, start is where it
// begins in its file. MySQL with GTIDs then sends nothing else of p again, the
// others all that follows it.
func (p Position) Before(id, before TxnID, start Coordinates) Position {
	q := p.Clone()
	switch p.mode {
	case ModeGTID:
		one := NewTxnSet()
		one.Add(id)
		q.set = q.set.Subtract(one)
	case ModeMariaDB:
		d, srv, _ := strings.Cut(before.Source, "-")
		domain, err1 := strconv.ParseUint(d, 10, 32)
		server, err2 := strconv.ParseUint(srv, 10, 32)
		if err1 == nil && err2 == nil {
			q.domains[uint32(domain)] = domainGTID{uint32(server), before.Seq}
		}
	case ModeFile:
		q.at = start
	}
	return q
}

// Clone returns a copy that Advance on p does not change.
func (p Position) Clone() Position {
	q := p
	if p.set != nil {
		q.set = p.set.Clone()
	}
	if p.domains != nil {
		q.domains = make(map[uint32]domainGTID, len(p.domains))
		for d, g := range p.domains {
			q.domains[d] = g
		}
	}
	return q
}

// Covers says whether everything that is done in q is done in p.
func (p Position) Covers(q Position) bool {
	if q.mode == 0 {
		return true
	}
	if p.mode != q.mode {
		return false
	}
	switch p.mode {
	case ModeGTID:
		return p.set.ContainsSet(q.set)
	case ModeMariaDB:
		for d, g := range q.domains {
			if p.domains[d].seq < g.seq {
				return false
			}
		}
		return true
	default:
		return !p.at.Before(q.at)
	}
}

// Prune removes from s what p has done.
func (p Position) Prune(s *TxnSet) {
	if p.mode == ModeGTID {
		s.remove(p.set)
		return
	}
	s.Filter(func(src string, r Interval) (Interval, bool) {
		if p.Contains(TxnID{src, r.Hi}) {
			return r, false
		}
		for r.Lo < r.Hi && p.Contains(TxnID{src, r.Lo}) {
			if p.mode == ModeMariaDB {
				d, _ := domainOf(TxnID{src, 0})
				r.Lo = p.domains[d].seq + 1
				break
			}
			r.Lo++
		}
		return r, true
	})
}

// String returns file:pos.
func (c Coordinates) String() string {
	if c.File == "" {
		return ""
	}
	return c.File + ":" + strconv.FormatUint(c.Pos, 10)
}

// Before says whether c is strictly earlier than d in one server's binlog.
// Files are ordered by the number behind their last dot, as the server counts
// them; the empty file is before all.
func (c Coordinates) Before(d Coordinates) bool {
	if c.File == d.File {
		return c.Pos < d.Pos
	}
	a, b := fileNumber(c.File), fileNumber(d.File)
	if a != b {
		return a < b
	}
	return c.File < d.File
}

func fileNumber(name string) uint64 {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return 0
	}
	n, err := strconv.ParseUint(name[i+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
