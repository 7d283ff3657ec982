package replica

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// TxnID names one source transaction for good.
//
//	MySQL with GTIDs   Source = "uuid" or "uuid:tag"   Seq = transaction number
//	MariaDB            Source = "domain-server"        Seq = sequence number
//	without GTIDs      Source = binlog file            Seq = end position
type TxnID struct {
	Source string
	Seq    uint64
}

// String returns the identifier as the server prints it.
func (id TxnID) String() string {
	if isDomain(id.Source) {
		return id.Source + "-" + strconv.FormatUint(id.Seq, 10)
	}
	return id.Source + ":" + strconv.FormatUint(id.Seq, 10)
}

// isDomain says whether s is MariaDB's "domain-server".
func isDomain(s string) bool {
	d, srv, ok := strings.Cut(s, "-")
	if !ok || d == "" || srv == "" {
		return false
	}
	for _, r := range d + srv {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// Interval is the inclusive run of sequence numbers Lo..Hi.
type Interval struct{ Lo, Hi uint64 }

// TxnSet is a set of transactions, kept as runs. The zero value is not usable;
// NewTxnSet makes one. It is not safe for concurrent use.
type TxnSet struct {
	runs map[string][]Interval // sorted, disjoint, not adjacent
}

// NewTxnSet returns an empty set.
func NewTxnSet() *TxnSet { return &TxnSet{runs: map[string][]Interval{}} }

// Add puts one transaction into the set.
func (s *TxnSet) Add(id TxnID) { s.AddRun(id.Source, Interval{id.Seq, id.Seq}) }

// AddRun puts a whole run into the set.
func (s *TxnSet) AddRun(source string, r Interval) {
	runs := s.runs[source]
	if n := len(runs); n > 0 {
		last := &runs[n-1]
		if r.Lo == last.Hi+1 && r.Lo != 0 {
			last.Hi = r.Hi
			return
		}
		if r.Lo >= last.Lo && r.Hi <= last.Hi {
			return
		}
		if r.Lo > last.Hi {
			s.runs[source] = append(runs, r)
			return
		}
	}
	i := sort.Search(len(runs), func(i int) bool { return runs[i].Hi >= r.Lo || runs[i].Hi+1 == r.Lo })
	j := i
	for j < len(runs) && (runs[j].Lo <= r.Hi || runs[j].Lo-1 == r.Hi) {
		r.Lo, r.Hi = min(r.Lo, runs[j].Lo), max(r.Hi, runs[j].Hi)
		j++
	}
	out := make([]Interval, 0, len(runs)-(j-i)+1)
	out = append(append(append(out, runs[:i]...), r), runs[j:]...)
	s.runs[source] = out
}

// Contains says whether the transaction is in the set.
func (s *TxnSet) Contains(id TxnID) bool {
	runs := s.runs[id.Source]
	i := sort.Search(len(runs), func(i int) bool { return runs[i].Hi >= id.Seq })
	return i < len(runs) && runs[i].Lo <= id.Seq
}

// ContainsSet says whether every transaction of t is in s.
func (s *TxnSet) ContainsSet(t *TxnSet) bool {
	for src, runs := range t.runs {
		for _, r := range runs {
			mine := s.runs[src]
			i := sort.Search(len(mine), func(i int) bool { return mine[i].Hi >= r.Hi })
			if i == len(mine) || mine[i].Lo > r.Lo {
				return false
			}
		}
	}
	return true
}

// AddSet puts every transaction of t into s.
func (s *TxnSet) AddSet(t *TxnSet) {
	for src, runs := range t.runs {
		for _, r := range runs {
			s.AddRun(src, r)
		}
	}
}

// Subtract returns the transactions of s that are not in t.
func (s *TxnSet) Subtract(t *TxnSet) *TxnSet {
	out := NewTxnSet()
	for src, runs := range s.runs {
		for _, r := range runs {
			lo := r.Lo
			for _, x := range t.runs[src] {
				if x.Hi < lo || x.Lo > r.Hi {
					continue
				}
				if x.Lo > lo {
					out.AddRun(src, Interval{lo, x.Lo - 1})
				}
				lo = x.Hi + 1
				if x.Hi == ^uint64(0) {
					lo = x.Hi
				}
			}
			if lo <= r.Hi && !t.Contains(TxnID{src, lo}) {
				out.AddRun(src, Interval{lo, r.Hi})
			}
		}
	}
	return out
}

// Filter removes every transaction for which drop says yes; drop is asked
// about whole runs and must answer the same for each of a run's members' parts:
// it returns the part of the run that stays.
func (s *TxnSet) Filter(keep func(source string, r Interval) (Interval, bool)) {
	for src, runs := range s.runs {
		out := runs[:0:0]
		for _, r := range runs {
			if k, ok := keep(src, r); ok {
				out = append(out, k)
			}
		}
		if len(out) == 0 {
			delete(s.runs, src)
		} else {
			s.runs[src] = out
		}
	}
}

// Each calls f for each run of the set, those of one source in order.
func (s *TxnSet) Each(f func(source string, r Interval)) {
	for src, runs := range s.runs {
		for _, r := range runs {
			f(src, r)
		}
	}
}

// remove takes t's transactions out of s. It costs nothing to speak of where
// no run of s is covered in part, as is usual for what lies beyond a base.
func (s *TxnSet) remove(t *TxnSet) {
	for src, runs := range s.runs {
		covers := t.runs[src]
		if len(covers) == 0 {
			continue
		}
		left := runs[:0]
		for i, r := range runs {
			j := sort.Search(len(covers), func(j int) bool { return covers[j].Hi >= r.Lo })
			switch {
			case j == len(covers) || covers[j].Lo > r.Hi:
				left = append(left, r)
			case covers[j].Lo <= r.Lo && covers[j].Hi >= r.Hi:
			default:
				rest := &TxnSet{runs: map[string][]Interval{src: runs[i:]}}
				left = append(left, rest.Subtract(t).runs[src]...)
				s.set(src, left)
				goto next
			}
		}
		s.set(src, left)
	next:
	}
}

func (s *TxnSet) set(src string, runs []Interval) {
	if len(runs) == 0 {
		delete(s.runs, src)
		return
	}
	s.runs[src] = runs
}

// Clone returns a copy that shares nothing.
func (s *TxnSet) Clone() *TxnSet {
	t := NewTxnSet()
	for src, runs := range s.runs {
		t.runs[src] = append([]Interval(nil), runs...)
	}
	return t
}

// Len returns how many transactions are in the set.
func (s *TxnSet) Len() uint64 {
	var n uint64
	for _, runs := range s.runs {
		for _, r := range runs {
			n += r.Hi - r.Lo + 1
		}
	}
	return n
}

// Empty says whether the set has no member.
func (s *TxnSet) Empty() bool { return len(s.runs) == 0 }

// String returns MySQL's notation: source:1-5:7,source2:3, sorted by source.
func (s *TxnSet) String() string {
	names := make([]string, 0, len(s.runs))
	for n := range s.runs {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(n)
		for _, r := range s.runs[n] {
			b.WriteByte(':')
			b.WriteString(strconv.FormatUint(r.Lo, 10))
			if r.Hi != r.Lo {
				b.WriteByte('-')
				b.WriteString(strconv.FormatUint(r.Hi, 10))
			}
		}
	}
	return b.String()
}

// ParseTxnSet reads what String prints, and every GTID set that MySQL 5.6 to
// 9.x prints: white space anywhere, several tags behind one UUID
// (uuid:1-3:tag:1-2).
func ParseTxnSet(text string) (*TxnSet, error) {
	s := NewTxnSet()
	for _, entry := range strings.Split(text, ",") {
		entry = strings.Join(strings.Fields(entry), "")
		if entry == "" {
			continue
		}
		parts := strings.Split(entry, ":")
		base := normalSource(parts[0])
		source := base
		if base == "" || len(parts) < 2 {
			return nil, fmt.Errorf("parse transaction set: %q has no source or no number", clip(entry))
		}
		for _, p := range parts[1:] {
			if r, ok := parseInterval(p); ok {
				s.AddRun(source, r)
				continue
			}
			if !validTag(p) {
				return nil, fmt.Errorf("parse transaction set: bad interval %q", clip(p))
			}
			source = base + ":" + strings.ToLower(p)
		}
	}
	return s, nil
}

// normalSource lower-cases what looks like a UUID and leaves file names alone.
func normalSource(s string) string {
	if len(s) == 36 && s[8] == '-' && s[13] == '-' {
		return strings.ToLower(s)
	}
	return s
}

func parseInterval(p string) (Interval, bool) {
	lo, hi, ranged := strings.Cut(p, "-")
	a, err := strconv.ParseUint(lo, 10, 64)
	if err != nil || a == 0 {
		return Interval{}, false
	}
	if !ranged {
		return Interval{a, a}, true
	}
	b, err := strconv.ParseUint(hi, 10, 64)
	if err != nil || b < a {
		return Interval{}, false
	}
	return Interval{a, b}, true
}

// validTag follows MySQL 8.3's rule: a letter or underscore, then up to 31
// letters, digits or underscores.
func validTag(t string) bool {
	if t == "" || len(t) > 32 || t[0] >= '0' && t[0] <= '9' {
		return false
	}
	for _, r := range t {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + ".."
	}
	return s
}
