package sqladmin

import (
	"context"
	"fmt"
	"strings"
)

// ReplicaCommand is CHANGE REPLICATION SOURCE TO, START REPLICA and STOP
// REPLICA (and their old spellings). It is carried out as AlterSource,
// StartMigration or StopMigration on what the channel belongs to.
type ReplicaCommand struct {
	verb       string
	channel    string
	hasChannel bool
	until      *Until
	change     SourceOptions
	notes      []string
}

// Verb implements Statement.
func (r *ReplicaCommand) Verb() string { return r.verb }

// changeOptions lists the options of CHANGE REPLICATION SOURCE TO beyond those
// of a source; MASTER_ is read as SOURCE_. An option without a function is
// known to MySQL and refused by name, so that nothing is dropped silently.
var changeOptions = map[string]func(p *parser, r *ReplicaCommand){
	"SOURCE_SSL":                      readSourceSSL,
	"SOURCE_AUTO_POSITION":            readAutoPosition,
	"GET_SOURCE_PUBLIC_KEY":           readIgnored("GET_SOURCE_PUBLIC_KEY"),
	"SOURCE_LOG_FILE":                 nil,
	"SOURCE_LOG_POS":                  nil,
	"SOURCE_BIND":                     nil,
	"SOURCE_RETRY_COUNT":              nil,
	"SOURCE_SSL_CAPATH":               nil,
	"SOURCE_SSL_CRL":                  nil,
	"SOURCE_SSL_CRLPATH":              nil,
	"SOURCE_SSL_CIPHER":               nil,
	"SOURCE_SSL_VERIFY_SERVER_CERT":   nil,
	"SOURCE_TLS_VERSION":              nil,
	"SOURCE_TLS_CIPHERSUITES":         nil,
	"SOURCE_PUBLIC_KEY_PATH":          nil,
	"SOURCE_COMPRESSION_ALGORITHMS":   nil,
	"SOURCE_ZSTD_COMPRESSION_LEVEL":   nil,
	"SOURCE_CONNECTION_AUTO_FAILOVER": nil,
	"RELAY_LOG_FILE":                  nil,
	"RELAY_LOG_POS":                   nil,
	"IGNORE_SERVER_IDS":               nil,
	"PRIVILEGE_CHECKS_USER":           nil,
	"REQUIRE_ROW_FORMAT":              nil,
	"NETWORK_NAMESPACE":               nil,
	"GTID_ONLY":                       nil,
}

func readSourceSSL(p *parser, r *ReplicaCommand) {
	mode := "DISABLED"
	if p.number("SOURCE_SSL", 0, 1) == 1 {
		mode = "REQUIRED"
	}
	if r.change.SSLMode == nil {
		r.change.SSLMode = &mode
	}
}

func readAutoPosition(p *parser, r *ReplicaCommand) {
	if p.number("SOURCE_AUTO_POSITION", 0, 1) == 0 {
		p.fail(NotSupported("SOURCE_AUTO_POSITION = 0"))
	}
	r.notes = append(r.notes, "SOURCE_AUTO_POSITION = 1 has no effect: a channel uses GTIDs whenever its source has them")
}

func readIgnored(name string) func(*parser, *ReplicaCommand) {
	return func(p *parser, r *ReplicaCommand) {
		p.value(name)
		r.notes = append(r.notes, name+" has no effect: the key is always asked for when the connection is not encrypted")
	}
}

func parseChangeSource(p *parser) Statement {
	r := &ReplicaCommand{verb: "CHANGE REPLICATION SOURCE"}
	for {
		p.changeOption(r)
		if !p.comma() {
			break
		}
	}
	p.replicaChannel(r)
	return r
}

func (p *parser) changeOption(r *ReplicaCommand) {
	t := p.peek()
	if p.err != nil || t.kind != tokWord {
		p.expected("an option such as SOURCE_HOST")
		return
	}
	name := strings.Replace(t.value, "MASTER_", "SOURCE_", 1)
	p.pos++
	for _, o := range sourceOptions {
		if o.name == name {
			p.expectSymbol("=")
			o.read(p, &r.change)
			return
		}
	}
	read, known := changeOptions[name]
	switch {
	case read != nil:
		p.expectSymbol("=")
		read(p, r)
	case known:
		p.fail(NotSupported("Option " + name).WithRemedy("positions: RESET MIGRATION name, then ALTER MIGRATION name START AT .."))
	default:
		p.fail(badOption(t.shown(), "unknown", optionNames(sourceOptions)))
	}
}

func (p *parser) replicaChannel(r *ReplicaCommand) {
	if p.words("FOR CHANNEL") {
		r.channel, r.hasChannel = p.channelName(), true
	}
}

func parseStartReplica(p *parser) Statement {
	r := &ReplicaCommand{verb: "START REPLICA"}
	p.replicaThreads()
	if p.words("UNTIL") {
		r.until = p.until()
	}
	p.replicaChannel(r)
	return r
}

func parseStopReplica(p *parser) Statement {
	r := &ReplicaCommand{verb: "STOP REPLICA"}
	p.replicaThreads()
	p.replicaChannel(r)
	return r
}

// replicaThreads reads [IO_THREAD] [, SQL_THREAD]. A channel's two halves run
// and stop together, so one of them alone is refused.
func (p *parser) replicaThreads() {
	seen := map[string]bool{}
	for {
		switch {
		case p.words("IO_THREAD"):
			seen["IO_THREAD"] = true
		case p.words("SQL_THREAD"):
			seen["SQL_THREAD"] = true
		default:
			if len(seen) == 1 {
				p.fail(NotSupported("IO_THREAD or SQL_THREAD alone").WithRemedy("leave the word out: receiver and applier run and stop together"))
			}
			return
		}
		p.comma()
	}
}

func (r *ReplicaCommand) run(ctx context.Context, x *executor) (*Result, error) {
	stmt, err := r.resolve(ctx, x)
	if err != nil {
		return nil, err
	}
	res, err := x.controller.Execute(ctx, stmt, x.session.view())
	if err != nil || len(r.notes) == 0 {
		return res, err
	}
	out := Result{}
	if res != nil {
		out = *res
	}
	for _, n := range r.notes {
		out.Warnings = append(out.Warnings, Note(CodeNotSupported, n))
	}
	return &out, nil
}

// resolve finds the migration and the source of the channel. Without FOR
// CHANNEL, START and STOP act on all channels, as in MySQL, and CHANGE on the
// only one.
func (r *ReplicaCommand) resolve(ctx context.Context, x *executor) (Statement, error) {
	all := !r.hasChannel || r.channel == ""
	if all && r.verb == "START REPLICA" {
		return &StartMigration{Selection: Selection{All: true}, Until: r.until, verb: r.verb}, nil
	}
	if all && r.verb == "STOP REPLICA" {
		return &StopMigration{Selection: Selection{All: true}, verb: r.verb}, nil
	}
	migration, source, channel, err := r.find(ctx, x)
	if err != nil {
		return nil, err
	}
	one := Selection{Names: []string{migration}, Channel: channel}
	switch r.verb {
	case "START REPLICA":
		return &StartMigration{Selection: one, Until: r.until, verb: r.verb}, nil
	case "STOP REPLICA":
		return &StopMigration{Selection: one, verb: r.verb}, nil
	}
	return &AlterSource{Name: source, Options: r.change}, nil
}

func (r *ReplicaCommand) find(ctx context.Context, x *executor) (migration, source, channel string, err error) {
	t := LookupTable("migration_channels")
	rows, _, err := x.controller.Read(ctx, t.Name, x.session.view())
	if err != nil {
		return "", "", "", fmt.Errorf("read channels: %w", err)
	}
	if !r.hasChannel && len(rows) != 1 {
		return "", "", "", Errorf(CodeUnknownChannel, "There are %d channels", len(rows)).WithRemedy("add FOR CHANNEL 'name'; SHOW MIGRATION CHANNELS lists the names")
	}
	field := func(row []any, name string) string {
		if i := t.Column(name); i < len(row) {
			return asString(row[i])
		}
		return ""
	}
	var names []string
	for _, row := range rows {
		name := field(row, "Channel_Name")
		if !r.hasChannel || strings.EqualFold(name, r.channel) {
			return field(row, "Migration"), field(row, "Source"), name, nil
		}
		names = append(names, name)
	}
	e := Errorf(CodeUnknownChannel, "Replica channel '%s' does not exist", r.channel)
	if near := nearest(r.channel, names); near != "" {
		e.Message += fmt.Sprintf(" (did you mean '%s'?)", near)
	}
	return "", "", "", e.WithRemedy("CREATE MIGRATION makes channels; SHOW MIGRATION CHANNELS lists them")
}
