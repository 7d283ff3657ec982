package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"sluice/gateway/apply"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
	"sluice/replica/source"
	"sluice/ruleset"
	"sluice/sqladmin"
)

// definition is what a channel is made from, as of one look at the catalog.
type definition struct {
	migration *catalog.Migration
	source    *catalog.Source
	target    *catalog.Target
}

// define reads the definition of one of a migration's channels.
func (s *services) define(ctx context.Context, m *catalog.Migration, sourceName string) (definition, error) {
	d := definition{migration: m}
	var err error
	if d.source, err = s.catalog.Source(ctx, sourceName); err != nil {
		return d, err
	}
	d.target, err = s.catalog.Target(ctx, m.Spec.Target)
	return d, err
}

// channelConfig makes the settings of a channel's run. done is to be called
// when the run is over. It does not connect.
func (s *services) channelConfig(ctx context.Context, d definition) (cfg migration.Config, tg *target, done func(), err error) {
	m := d.migration
	rules, err := compile(&m.Spec)
	if err != nil {
		return cfg, nil, nil, err
	}
	src, err := s.sourceConfig(ctx, d.source)
	if err != nil {
		return cfg, nil, nil, err
	}
	key, name := m.ChannelKey(d.source.Name), m.ChannelName(d.source.Name)
	cfg = migration.Config{
		Channel: key, Name: name, Migration: m.Name, Source: src, Rules: rules,
		Heartbeat: time.Duration(d.source.HeartbeatPeriod), RetryEvery: time.Duration(d.source.ConnectRetry),
		Log: s.log.With("channel", name),
	}
	cfg.ReportHost, cfg.ReportPort = reportAddr(s.cfg.AdminAddr)
	cfg.SpoolDir = s.cfg.DataDir
	if err := setStart(&cfg, &m.Spec.StartAt); err != nil {
		return cfg, nil, nil, err
	}
	if err := setOptions(&cfg, m.Spec.Options); err != nil {
		return cfg, nil, nil, err
	}
	if n := d.target.MaxConnections; n > 0 {
		// One connection is the control lane's, one reads.
		cfg.Lanes = max(1, min(orLanes(cfg.Lanes), n-2))
	}
	tg, done, err = s.targets.use(ctx, d.target)
	if err != nil {
		return cfg, nil, nil, err
	}
	cfg.Connector, cfg.Target, cfg.TargetEncryption = tg.connector, tg.db, tg.encryption
	cfg.TargetName = tg.String()
	return cfg, tg, done, nil
}

func orLanes(n int) int {
	if n == 0 {
		return apply.DefaultLanes
	}
	return n
}

// sourceConfig returns how to connect to a source.
func (s *services) sourceConfig(ctx context.Context, def *catalog.Source) (source.Config, error) {
	password, sslKey, err := s.catalog.SourceCredentials(ctx, def)
	if err != nil {
		return source.Config{}, err
	}
	return source.Config{
		Name: def.Name, Host: def.Host, Port: int(def.Port), User: def.User, Password: password,
		SSLMode: source.SSLMode(def.Mode), SSLCA: def.CA, SSLCert: def.Cert, SSLKey: sslKey,
		ServerID: def.ServerID, Flavor: source.Flavor(def.Flavor), Log: s.log.With("source", def.Name),
	}, nil
}

// reportAddr splits this node's admin address, for the source's SHOW REPLICAS.
func reportAddr(addr string) (host string, port uint16) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return host, 0
	}
	return host, uint16(n)
}

// compile makes rules of a migration's clauses. Its errors name the clause.
func compile(spec *catalog.Spec) (*ruleset.Rules, error) {
	r := ruleset.Spec{
		DoDB: spec.DoDB, IgnoreDB: spec.IgnoreDB, WildDoTable: spec.WildDoTable, WildIgnoreTable: spec.WildIgnoreTable,
		DoTable: ruleTables(spec.DoTable), IgnoreTable: ruleTables(spec.IgnoreTable),
	}
	for _, p := range spec.RewriteDB {
		r.RewriteDB = append(r.RewriteDB, [2]string{p.From, p.To})
	}
	if len(spec.Filters) > 0 {
		return nil, sqladmin.NotSupported("Clause FILTER")
	}
	for _, route := range spec.Routes {
		if route.Schema.Kind == "REGEXP" || route.Table.Kind == "REGEXP" {
			return nil, sqladmin.NotSupported("A regular expression in ROUTE").WithRemedy("use %% and _")
		}
		if len(route.Extract) > 0 {
			return nil, sqladmin.NotSupported("Clause EXTRACT of ROUTE")
		}
		r.Routes = append(r.Routes, ruleset.Route{SchemaPattern: likePattern(route.Schema), TablePattern: likePattern(route.Table),
			TargetSchema: route.ToSchema, TargetTable: route.ToTable})
	}
	rules, err := ruleset.Compile(r)
	if errors.Is(err, ruleset.ErrRule) {
		return nil, sqladmin.Errorf(sqladmin.CodeBadOption, "%s", err.Error()).WithRemedy("correct the clause with ALTER MIGRATION, or state it anew")
	}
	if err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	return rules, nil
}

func ruleTables(list []catalog.TableName) []ruleset.TableName {
	var l []ruleset.TableName
	for _, t := range list {
		l = append(l, ruleset.TableName{Schema: t.Schema, Table: t.Name})
	}
	return l
}

// likePattern returns a pattern in LIKE's form.
func likePattern(p catalog.Pattern) string {
	if p.Kind == "LIKE" {
		return p.Text
	}
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(p.Text)
}

func setStart(cfg *migration.Config, at *catalog.StartAt) error {
	switch at.Kind {
	case "", "SNAPSHOT":
		cfg.Start.Kind = migration.StartSnapshot
	case "CURRENT":
		cfg.Start.Kind = migration.StartCurrent
	case "GTID":
		cfg.Start = migration.Start{Kind: migration.StartGTID, GTIDs: at.GTIDSet}
	case "FILE":
		cfg.Start = migration.Start{Kind: migration.StartFile, At: replica.Coordinates{File: at.File, Pos: at.Pos}}
	default:
		return sqladmin.Errorf(sqladmin.CodeBadOption, "START AT %s is not known", at.Kind)
	}
	return nil
}

// migrationOptions lists the options of WITH that have an effect: how each is
// set, or nil where only the default value can be had. What is not listed is
// refused, so that nothing an operator states is dropped silently.
var migrationOptions = map[string]func(cfg *migration.Config, value string) bool{
	"mode": func(cfg *migration.Config, v string) bool {
		mode, ok := map[string]migration.Mode{"ALL": migration.ModeAll, "FULL": migration.ModeFull, "INCREMENTAL": migration.ModeIncremental}[v]
		cfg.Mode = mode
		return ok
	},
	"on_conflict": func(cfg *migration.Config, v string) bool {
		c, ok := map[string]apply.Conflict{"STOP": apply.ConflictStop, "REPLACE": apply.ConflictReplace}[v]
		cfg.OnConflict = c
		return ok
	},
	"copy_threads": setInt(func(cfg *migration.Config) *int { return &cfg.CopyThreads }),
	"max_lanes":    setInt(func(cfg *migration.Config) *int { return &cfg.Lanes }),
	"generated_columns": func(cfg *migration.Config, v string) bool {
		cfg.PlainGenerated = v == "PLAIN"
		return v == "AUTO" || v == "PLAIN"
	},
	"max_transaction_rows": setInt(func(cfg *migration.Config) *int { return &cfg.MaxTransactionRows }),
	// ON needs lanes that keep parents before children, which these do not.
	"foreign_key_checks": func(_ *migration.Config, v string) bool { return v == "OFF" },
	"rate_limit":         func(_ *migration.Config, v string) bool { return v == "0" },
	"on_ddl":             nil, "online_ddl": nil, "merge": nil, "verify": nil, "auto_id": nil, "clustered": nil, "relay": nil,
}

func setInt(field func(*migration.Config) *int) func(*migration.Config, string) bool {
	return func(cfg *migration.Config, v string) bool {
		n, err := strconv.Atoi(v)
		*field(cfg) = n
		return err == nil && n > 0
	}
}

// setOptions applies the options of WITH; a value that this release cannot
// carry out is an error.
func setOptions(cfg *migration.Config, options map[string]string) error {
	for name, value := range options {
		set, known := migrationOptions[name]
		spec := sqladmin.LookupOption(name)
		switch {
		case !known || spec == nil:
			return sqladmin.Errorf(sqladmin.CodeBadOption, "Option %s is not known", name)
		case set == nil && value == spec.Default:
		case set == nil || !set(cfg, value):
			return sqladmin.NotSupported(fmt.Sprintf("Option %s = %s", name, value)).WithRemedy("leave the option out")
		}
	}
	return nil
}
