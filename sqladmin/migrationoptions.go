package sqladmin

import (
	"math"
	"strconv"
	"strings"
)

// OptionSpec describes one option of WITH (..): an enumeration when Words is
// set, a size in bytes when Size is, else an integer.
type OptionSpec struct {
	Name  string
	Words []string
	// Later are words that the engine cannot carry out yet. They are not offered,
	// and answered with error 1235. An option with one word that works, its
	// default, is not offered either.
	Later   []string
	Size    bool
	Least   uint64 // of an integer or a size
	Most    uint64
	Default string // "" when it adapts by itself
}

// MigrationOptions lists the options of a migration.
var MigrationOptions = []OptionSpec{
	{Name: "mode", Words: []string{"FULL", "INCREMENTAL", "ALL"}, Default: "ALL"},
	{Name: "on_conflict", Words: []string{"STOP", "REPLACE"}, Later: []string{"IGNORE"}, Default: "STOP"},
	{Name: "on_ddl", Words: []string{"APPLY"}, Later: []string{"STOP", "IGNORE"}, Default: "APPLY"},
	{Name: "online_ddl", Words: []string{"AUTO"}, Later: []string{"OFF"}, Default: "AUTO"},
	{Name: "merge", Words: []string{"OFF"}, Later: []string{"ON", "PESSIMISTIC", "OPTIMISTIC"}, Default: "OFF"},
	{Name: "verify", Words: []string{"OFF"}, Later: []string{"CONTINUOUS"}, Default: "OFF"},
	{Name: "rate_limit", Size: true, Most: math.MaxInt64, Later: []string{"a limit"}}, // bytes a second; 0 is no limit
	{Name: "copy_threads", Least: 1, Most: 256},
	{Name: "max_lanes", Least: 1, Most: 1024},
	{Name: "max_transaction_rows", Least: 1, Most: math.MaxInt64},
	{Name: "auto_id", Words: []string{"AUTO"}, Later: []string{"CACHE_1", "DEFAULT", "RANDOM", "NONE"}, Default: "AUTO"},
	{Name: "clustered", Words: []string{"AUTO"}, Later: []string{"YES", "NO"}, Default: "AUTO"},
	{Name: "generated_columns", Words: []string{"AUTO", "PLAIN"}, Default: "AUTO"},
	{Name: "foreign_key_checks", Words: []string{"OFF"}, Later: []string{"ON"}, Default: "OFF"},
	{Name: "relay", Words: []string{"OFF"}, Later: []string{"ON"}, Default: "OFF"},
}

// LookupOption returns the option with that name, in any case, or nil.
func LookupOption(name string) *OptionSpec {
	for i := range MigrationOptions {
		if strings.EqualFold(MigrationOptions[i].Name, name) {
			return &MigrationOptions[i]
		}
	}
	return nil
}

// String returns name = value as the grammar takes it.
func (o Option) String() string { return o.Name + " = " + o.Value }

// options reads (name = value, ..).
func (p *parser) options() []Option {
	l := []Option{}
	p.list(func() {
		o := p.option()
		for _, other := range l {
			if other.Name == o.Name && p.err == nil {
				p.fail(Errorf(CodeWrongUsage, "Option %s is written twice", o.Name).WithRemedy("write it once"))
			}
		}
		l = append(l, o)
	})
	return l
}

// option reads name = value.
func (p *parser) option() Option {
	name := p.name("option")
	if p.err != nil {
		return Option{}
	}
	spec := LookupOption(name)
	if spec == nil {
		var known []string
		for _, s := range MigrationOptions {
			if s.offered() {
				known = append(known, s.Name)
			}
		}
		p.fail(badOption(name, "unknown", known))
		return Option{}
	}
	p.expectSymbol("=")
	o := Option{Name: spec.Name}
	for _, later := range spec.Later {
		if t := p.peek(); strings.EqualFold(t.value, later) || later == "ON" && (t.value == "1" || t.value == "TRUE") {
			p.fail(NotSupported("Option " + spec.Name + " = " + later).WithRemedy("leave the option out"))
			return Option{}
		}
	}
	switch {
	case spec.Words != nil:
		o.Value = p.enum(spec.Name, spec.words(p.peek()))
	case spec.Size:
		n := p.size(spec)
		if n > 0 && spec.Later != nil {
			p.fail(NotSupported("Option " + spec.Name).WithRemedy("leave the option out"))
		}
		o.Value = strconv.FormatUint(n, 10)
	default:
		o.Value = strconv.FormatUint(p.number(spec.Name, spec.Least, spec.Most), 10)
	}
	return o
}

// offered returns true if there is a choice: some value other than the default
// works.
func (s *OptionSpec) offered() bool { return len(s.Words) != 1 && !(s.Size && s.Later != nil) }

// words returns the allowed words; a Boolean also takes 1, 0, TRUE and FALSE.
func (s *OptionSpec) words(t *token) []string {
	if len(s.Words)+len(s.Later) == 2 && (t.value == "1" || t.value == "TRUE" || t.value == "0" || t.value == "FALSE") {
		want := "OFF"
		if t.value == "1" || t.value == "TRUE" {
			want = "ON"
		}
		for _, w := range s.Words {
			if w == want {
				t.kind, t.raw, t.value = tokString, want, want
			}
		}
	}
	return s.Words
}

// size reads '64MiB', '10MB', '1g' or a number of bytes. KB, MB and GB count by
// 1000; KiB, MiB, GiB and the bare letters k, m and g by 1024, as in MySQL's own
// options.
func (p *parser) size(spec *OptionSpec) uint64 {
	text := p.value(spec.Name)
	if p.err != nil {
		return 0
	}
	n, ok := parseSize(text)
	if !ok || n < spec.Least || n > spec.Most {
		p.fail(Errorf(CodeBadOption, "Option %s: '%s' is not a size; allowed: a number of bytes, or one with KiB, MiB, GiB, KB, MB or GB", spec.Name, cut(text, 40)))
	}
	return n
}

func parseSize(text string) (uint64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	text = strings.TrimSuffix(text, "/s")
	digits := strings.TrimRight(text, "kmgtib ")
	factor, ok := map[string]float64{
		"": 1, "b": 1, "k": 1 << 10, "kib": 1 << 10, "kb": 1e3, "m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
		"g": 1 << 30, "gib": 1 << 30, "gb": 1e9, "t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
	}[strings.TrimSpace(text[len(digits):])]
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseUint(digits, 10, 64); err == nil && factor == 1 {
		return n, true
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || f < 0 || math.IsNaN(f) || f*factor > math.MaxInt64 {
		return 0, false
	}
	return uint64(f * factor), true
}
