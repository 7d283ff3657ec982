package migration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/schema"
	"sluice/replica/snapshot"
	"sluice/replica/source"
	"sluice/ruleset"
)

// sourceTable is a table of the source with its parsed definition.
type sourceTable struct {
	info  source.TableInfo
	table *replica.Table
	notes []string // what its definition loses in the target
}

// defaults are what the meaning of the source's statements depends on: its
// version, and the settings that a CREATE without them falls back to.
func defaults(ctx context.Context, src *source.Source) (schema.Defaults, error) {
	d := schema.SourceDefaults(src.Facts().Version)
	d.LowerNames = src.Facts().LowerCaseTableNames == 1
	var explicit string
	err := src.DB().QueryRowContext(ctx, "SELECT @@GLOBAL.character_set_server, @@GLOBAL.collation_server, @@GLOBAL.explicit_defaults_for_timestamp").
		Scan(&d.Charset, &d.Collation, &explicit)
	if err != nil {
		return d, source.Classify(err)
	}
	d.ImplicitTimestamp = explicit == "0" || strings.EqualFold(explicit, "OFF")
	if d.CollationNames, err = collationNames(ctx, src); err != nil {
		return d, err
	}
	d.NativeForeignKeys = src.Facts().NativeForeignKeys
	z := &zones{src: src}
	d.Zones = func(name string) (*time.Location, string, error) { return z.find(ctx, name) }
	return d, nil
}

// readTables reads and parses the definitions of all wanted tables.
func readTables(ctx context.Context, src *source.Source, wanted func(schema, table string) bool) ([]sourceTable, error) {
	infos, err := src.Tables(ctx, wanted)
	if err != nil {
		return nil, err
	}
	d, err := defaults(ctx, src)
	if err != nil {
		return nil, err
	}
	out := make([]sourceTable, 0, len(infos))
	for _, info := range infos {
		d.Charset, d.Collation = info.DefaultCharset, info.DefaultCollation
		t, err := schema.ParseCreate(info.Schema, info.Create, d)
		if err != nil {
			return nil, err
		}
		out = append(out, sourceTable{info: info, table: t})
	}
	return out, nil
}

// checkNames refuses source tables that would share a target table.
func checkNames(tables []sourceTable, rules *ruleset.Rules) error {
	names := make([]ruleset.TableName, len(tables))
	for i, t := range tables {
		names[i] = ruleset.TableName{Schema: t.info.Schema, Table: t.info.Name}
	}
	if err := rules.Conflicts(names); err != nil {
		return &replica.Error{Code: 61090, Class: "CONFIG", Message: err.Error(),
			Remedy: "route the tables to different target tables"}
	}
	return nil
}

func noTables() error {
	return &replica.Error{Code: 61091, Class: "CONFIG", Message: "the migration's rules match no table of the source",
		Remedy: "see the REPLICATE_ clauses with SHOW CREATE MIGRATION and the tables with SHOW TABLES on the source; names compare with case. " +
			"A channel can wait for its tables once their schema exists on the source"}
}

// mayWait reports whether a channel may begin without a table: the source has a
// schema that the rules want, or no schema at all. Otherwise the rules have more
// likely the wrong names than tables that are still to come.
func mayWait(schemas []source.SchemaInfo, rules *ruleset.Rules) bool {
	return len(schemas) == 0 || slices.ContainsFunc(schemas, func(s source.SchemaInfo) bool { return rules.WantedSchema(s.Name) })
}

// begin gives a channel without a position its first one: it makes the target
// tables, takes the start position, and records both with the definitions in
// one fenced commit. A crash before that commit leaves at most empty target
// tables, which the next attempt takes as they are.
func (x *run) begin(ctx context.Context) error {
	x.r.enter(PhaseSchema)
	for attempt := 0; attempt < 5; attempt++ {
		tables, err := readTables(ctx, x.src, x.cfg.Rules.Wanted)
		if err != nil {
			return err
		}
		schemas, err := x.src.Schemas(ctx)
		if err != nil {
			return err
		}
		if len(tables) == 0 && !mayWait(schemas, x.cfg.Rules) {
			return noTables()
		}
		if err := checkNames(tables, x.cfg.Rules); err != nil {
			return err
		}
		objects, err := x.src.Objects(ctx, x.cfg.Rules.Wanted)
		if err != nil {
			return err
		}
		pos, at, err := x.firstPosition(ctx, tables)
		if err != nil {
			return err
		}
		later, err := x.src.Objects(ctx, x.cfg.Rules.Wanted)
		if err != nil {
			return err
		}
		// A DDL between the two reads would be lost, or seen twice.
		again, err := readTables(ctx, x.src, x.cfg.Rules.Wanted)
		if err != nil {
			return err
		}
		schemasAgain, err := x.src.Schemas(ctx)
		if err != nil {
			return err
		}
		if !sameTables(tables, again) || !slices.Equal(schemas, schemasAgain) {
			x.cfg.Log.Info("tables changed while the start position was taken, trying again")
			continue
		}
		if err := x.makeTables(ctx, tables); err != nil {
			return err
		}
		schemas = slices.DeleteFunc(schemas, func(s source.SchemaInfo) bool { return !x.cfg.Rules.WantedSchema(s.Name) })
		if err := x.makeSchemas(ctx, schemas, tables); err != nil {
			return err
		}
		return x.recordStart(ctx, schemas, tables, append(objects, later...), pos, at)
	}
	return &replica.Error{Code: 61092, Class: "SOURCE", Transient: true,
		Message: "the source's tables change too often to begin", Remedy: "wait until the DDL on the source is over"}
}

func sameTables(a, b []sourceTable) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].info.Schema != b[i].info.Schema || a[i].info.Name != b[i].info.Name ||
			schema.SameShape(a[i].table, b[i].table) != "" {
			return false
		}
	}
	return true
}

// firstPosition returns where the stream of a new channel begins.
func (x *run) firstPosition(ctx context.Context, tables []sourceTable) (replica.Position, replica.Coordinates, error) {
	switch x.cfg.Start.Kind {
	case StartGTID:
		pos, err := replica.GTIDPosition(x.mode(), x.cfg.Start.GTIDs)
		return pos, replica.Coordinates{}, err
	case StartFile:
		if x.src.Facts().Flavor == source.FlavorMariaDB {
			gtids, err := x.src.GTIDsAt(ctx, x.src.DB(), x.cfg.Start.At)
			if err != nil {
				return replica.Position{}, replica.Coordinates{}, err
			}
			pos, err := replica.GTIDPosition(replica.ModeMariaDB, gtids)
			return pos, x.cfg.Start.At, err
		}
		return replica.FilePosition(x.cfg.Start.At), x.cfg.Start.At, nil
	}
	keyed := make([]*replica.Table, len(tables))
	for i := range tables {
		keyed[i] = tables[i].table
	}
	gtids, at, err := snapshot.StartPosition(ctx, x.src, keyed...)
	if err != nil {
		return replica.Position{}, at, err
	}
	pos, err := x.position(gtids, at)
	return pos, at, err
}

// mode says how this source's transactions are identified.
func (x *run) mode() replica.Mode { return modeOf(x.src) }

func modeOf(src *source.Source) replica.Mode {
	f := src.Facts()
	switch {
	case f.Flavor == source.FlavorMariaDB:
		return replica.ModeMariaDB
	case f.GTIDMode:
		return replica.ModeGTID
	}
	return replica.ModeFile
}

func (x *run) position(gtids string, at replica.Coordinates) (replica.Position, error) {
	if m := x.mode(); m != replica.ModeFile {
		return replica.GTIDPosition(m, gtids)
	}
	return replica.FilePosition(at), nil
}

// makeSchemas makes the target's schemas for tables that are created after the
// start. A schema that the account may not make is needed at once only if it is to
// hold no table now: otherwise all its tables may have been routed elsewhere.
func (x *run) makeSchemas(ctx context.Context, schemas []source.SchemaInfo, tables []sourceTable) error {
	for _, s := range schemas {
		name := x.cfg.Rules.TargetSchema(s.Name)
		_, err := x.cfg.Target.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+replica.Quote(name))
		if isDenied(err) && slices.ContainsFunc(tables, func(t sourceTable) bool { return t.info.Schema == s.Name }) {
			x.r.event("TABLE", "the target's account may not create the schema "+name+": tables that are created later cannot be put there")
			continue
		}
		if err != nil {
			return x.targetError(err, "create the schema "+name)
		}
	}
	return nil
}

// makeTables makes the target's schemas and tables where they are missing and
// compares those that are there. A table that an earlier attempt of this
// channel made, and that a DDL at the source has overtaken since, is made anew.
func (x *run) makeTables(ctx context.Context, tables []sourceTable) error {
	var missing []*sourceTable
	for i := range tables {
		t := &tables[i]
		ts, tt := x.cfg.Rules.Target(t.info.Schema, t.info.Name)
		have, err := targetColumns(ctx, x.cfg.Target, ts, tt)
		if err != nil {
			return x.targetError(err, "read the target's columns")
		}
		if have == nil {
			missing = append(missing, t)
			continue
		}
		if err := x.adoptOrRemake(ctx, t, ts, tt, have); err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if x.cfg.Mode == ModeIncremental || x.cfg.Start.Kind != StartSnapshot {
		return missingTable(x.cfg.Rules.Target(missing[0].info.Schema, missing[0].info.Name))
	}
	return x.makeMissing(ctx, missing)
}

// makeMissing records that the channel makes the tables, then makes them: a
// table that is there at a later attempt is then known to be its own.
func (x *run) makeMissing(ctx context.Context, tables []*sourceTable) error {
	owned, err := x.ownedTables(ctx)
	if err != nil {
		return err
	}
	var stmts []apply.Statement
	for _, t := range tables {
		stmts = append(stmts, apply.OwnTable(x.cfg.Channel, t.target(x.cfg.Rules)))
	}
	if err := x.copier.Control(ctx, stmts...); err != nil {
		if shared := apply.SharedTable(err); shared != nil {
			return x.nameShared(ctx, shared, targetNames(tables, x.cfg.Rules))
		}
		return err
	}
	schemas := map[string]bool{}
	sqls := make([]string, len(tables))
	for i, t := range tables {
		ts, tt := x.cfg.Rules.Target(t.info.Schema, t.info.Name)
		if !schemas[ts] {
			if _, err := x.cfg.Target.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+replica.Quote(ts)); err != nil {
				return x.targetError(err, "create the schema "+ts)
			}
			schemas[ts] = true
		}
		if sqls[i], err = x.translate(t, ts, tt); err != nil {
			return err
		}
	}
	there := make([]bool, len(tables))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(makeAtOnce)
	for i, t := range tables {
		group.Go(func() (err error) {
			defer replica.Recover(&err)
			ts, tt := x.cfg.Rules.Target(t.info.Schema, t.info.Name)
			there[i], err = x.create(gctx, sqls[i], ts, tt)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, t := range tables {
		if !there[i] {
			continue
		}
		if err := x.madeByOthers(ctx, t, owned); err != nil {
			return err
		}
	}
	return nil
}

// madeByOthers takes a table that appeared after this attempt had looked: one
// that an earlier attempt recorded as the channel's own may be its statement, late;
// any other is somebody else's, and is not the channel's own unless it fits.
func (x *run) madeByOthers(ctx context.Context, t *sourceTable, owned map[[2]string]bool) error {
	ts, tt := x.cfg.Rules.Target(t.info.Schema, t.info.Name)
	have, err := targetColumns(ctx, x.cfg.Target, ts, tt)
	if err != nil {
		return x.targetError(err, "read the target's columns")
	}
	if owned[[2]string{strings.ToLower(ts), strings.ToLower(tt)}] {
		return x.adoptOrRemake(ctx, t, ts, tt, have)
	}
	err = x.adopt(ctx, t.table, ts, tt, have)
	if err == nil {
		return nil
	}
	return errors.Join(err, x.copier.Control(ctx, apply.OwnTable(x.cfg.Channel, apply.Definition{TargetSchema: ts, TargetTable: tt})))
}

// ownedTables are the target's tables that are recorded as the channel's own.
func (x *run) ownedTables(ctx context.Context) (map[[2]string]bool, error) {
	rows, err := x.cfg.Target.QueryContext(ctx, "SELECT target_schema, target_table FROM "+apply.MetaSchema+".target_tables WHERE channel=?", x.cfg.Channel)
	if err != nil {
		return nil, x.targetError(err, "read which tables it made")
	}
	defer rows.Close()
	owned := map[[2]string]bool{}
	for rows.Next() {
		var t [2]string
		if err := rows.Scan(&t[0], &t[1]); err != nil {
			return nil, x.targetError(err, "read which tables it made")
		}
		owned[t] = true
	}
	if err := rows.Err(); err != nil {
		return nil, x.targetError(err, "read which tables it made")
	}
	return owned, nil
}

// makeAtOnce is how many tables are made at a time: TiDB makes those that wait
// together in one go, so that 16 take a third of the time each.
const makeAtOnce = 16

// targetNames lists the tables' names in the target.
func targetNames(tables []*sourceTable, rules *ruleset.Rules) [][2]string {
	names := make([][2]string, len(tables))
	for i, t := range tables {
		names[i][0], names[i][1] = rules.Target(t.info.Schema, t.info.Name)
	}
	return names
}

// target names the table's target as apply records it.
func (t *sourceTable) target(rules *ruleset.Rules) apply.Definition {
	d := apply.Definition{Schema: t.info.Schema, Table: t.info.Name, Create: t.table.Create}
	d.TargetSchema, d.TargetTable = rules.Target(d.Schema, d.Table)
	return d
}

// translate returns the target's CREATE TABLE and keeps the notes.
func (x *run) translate(t *sourceTable, ts, tt string) (string, error) {
	sql, notes, err := x.dialect().Create(t.table, ts, tt)
	if err != nil {
		return "", err
	}
	t.notes = notes
	for _, n := range notes {
		x.r.event("TABLE", fmt.Sprintf("%s.%s: %s", ts, tt, n))
	}
	return sql, nil
}

// adoptOrRemake takes a table that is there, if it can hold the rows; one that
// cannot, is empty and was made by this channel is dropped and made anew, by
// recorded DDL, so that an owner that slept cannot drop it later.
func (x *run) adoptOrRemake(ctx context.Context, t *sourceTable, ts, tt string, have targetTable) error {
	err := x.adopt(ctx, t.table, ts, tt, have)
	var e *replica.Error
	if err == nil || !errors.As(err, &e) || e.Code != 61095 {
		return err
	}
	var ours, rows int
	qerr := x.cfg.Target.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM "+apply.MetaSchema+".target_tables WHERE target_schema=? AND target_table=? AND channel=?),"+
		" (SELECT COUNT(*) FROM (SELECT 1 FROM "+replica.QuoteTable(ts, tt)+" LIMIT 1) x)", strings.ToLower(ts), strings.ToLower(tt), x.cfg.Channel).Scan(&ours, &rows)
	if qerr != nil {
		return x.targetError(qerr, "look into the table "+ts+"."+tt)
	}
	if ours == 0 || rows > 0 {
		return err
	}
	sql, terr := x.translate(t, ts, tt)
	if terr != nil {
		return terr
	}
	tables := [][2]string{{ts, tt}}
	name := replica.TxnID{Source: "begin of " + t.table.String() + " as " + shortHash(t.table.Create), Seq: x.cfg.Epoch}
	return x.copier.RunDDL(ctx, &apply.DDLPlan{Txn: &replica.Transaction{ID: name, DDL: &replica.DDL{Text: t.info.Create}}, SourceTable: t.table.String(),
		Steps: []apply.Step{{SQL: "DROP TABLE IF EXISTS " + replica.QuoteTable(ts, tt), Tables: tables}, {SQL: sql, Tables: tables}}})
}

func missingTable(ts, tt string) error {
	return &replica.Error{Code: 61093, Class: "TARGET", Table: ts + "." + tt, Message: fmt.Sprintf("the target has no table %s.%s", ts, tt),
		Remedy: "a migration that does not copy needs its tables in the target: create it, or copy with mode=ALL and START AT SNAPSHOT; if it was there, " +
			"somebody dropped it: STOP MIGRATION, RESET MIGRATION, drop the target's tables of this migration, and START MIGRATION, which copies them again"}
}

// tableExists is ER_TABLE_EXISTS_ERROR.
const tableExists = 1050

// createMode lets a session take the source's odd defaults. It is strict: otherwise
// TiDB would make a primary key that is too long one over prefixes, by a warning. Times
// in defaults are written in UTC.
const createMode = "SET SESSION sql_mode='STRICT_TRANS_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone='+00:00'"

// create makes a table in a session that takes the source's odd defaults. there
// says that it was there already.
func (x *run) create(ctx context.Context, sql, ts, tt string) (there bool, err error) {
	conn, err := x.cfg.Target.Conn(ctx)
	if err != nil {
		return false, x.targetError(err, "create the table "+ts+"."+tt)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, createMode); err != nil {
		return false, x.targetError(err, "create the table "+ts+"."+tt)
	}
	_, err = conn.ExecContext(ctx, sql)
	var refused *mysql.MySQLError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &refused): // the connection
		return false, x.targetError(err, "create the table "+ts+"."+tt)
	case refused.Number == tableExists:
		return true, nil
	}
	return false, &replica.Error{Code: 61053, Class: "DDL", Err: err, Message: fmt.Sprintf("the target refused to create the table %s.%s", ts, tt),
		Remedy: "create the table by hand in a form that TiDB takes, with the same columns, then START MIGRATION again"}
}

// adopt checks that a table that is there already can hold the source's rows.
func (x *run) adopt(ctx context.Context, t *replica.Table, ts, tt string, have targetTable) error {
	if err := holds(t, ts, tt, have); err != nil {
		return err
	}
	copied := x.cfg.Mode != ModeIncremental && x.cfg.Start.Kind == StartSnapshot
	if err := fitting(ctx, x.cfg.Target, t, ts, tt, copied); err != nil {
		return x.targetError(err, "show its definition of "+ts+"."+tt)
	}
	if err := imagesHave(t, ts, tt, have, x.dialect()); err != nil {
		return err
	}
	if !copied {
		return nil
	}
	var one int
	err := x.cfg.Target.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM "+replica.QuoteTable(ts, tt)+" LIMIT 1) x").Scan(&one)
	if err != nil {
		return x.targetError(err, "look into the table "+ts+"."+tt)
	}
	if one > 0 {
		return notEmpty(ts, tt)
	}
	return nil
}

func notEmpty(ts, tt string) error {
	return &replica.Error{Code: 61094, Class: "TARGET", Table: ts + "." + tt, Message: fmt.Sprintf("the target table %s.%s has rows already", ts, tt),
		Remedy: "empty or drop it, route the source's table elsewhere, or use mode=INCREMENTAL with START AT if the rows are the source's"}
}

// recordStart commits the first position, the tables and their definitions, and
// the wanted schemas' defaults: the meaning of a CREATE TABLE depends on them.
func (x *run) recordStart(ctx context.Context, schemas []source.SchemaInfo, tables []sourceTable, objects []source.ObjectInfo, pos replica.Position, at replica.Coordinates) error {
	copies := x.cfg.Start.Kind == StartSnapshot && x.cfg.Mode != ModeIncremental
	stmts := x.objectStatements(pos.String(), objects)
	for _, s := range schemas {
		stmts = append(stmts, apply.HistoryStatements(x.cfg.Channel, pos.String(),
			apply.Definition{Schema: s.Name, Create: s.DefaultCharset + " " + s.DefaultCollation})...)
	}
	for _, t := range tables {
		ts := &tableState{schema: t.info.Schema, table: t.info.Name, state: stateFollow,
			rowsEstimated: t.info.RowsEstimated, bytesEstimated: t.info.BytesEstimated, note: clip(strings.Join(t.notes, "; "), 1900)}
		if copies {
			ts.state = stateCopy
		}
		stmts = append(stmts, ts.insert(x.cfg.Channel))
		d := apply.Definition{Schema: t.info.Schema, Table: t.info.Name, Create: t.table.Create}
		d.TargetSchema, d.TargetTable = x.cfg.Rules.Target(d.Schema, d.Table)
		stmts = append(stmts, apply.HistoryStatements(x.cfg.Channel, pos.String(), d)...)
	}
	past, err := x.beginPast(ctx, at)
	if err != nil {
		return err
	}
	if err := x.copier.Start(ctx, pos, append(stmts, past)...); err != nil {
		if shared := apply.SharedTable(err); shared != nil {
			all := make([]*sourceTable, len(tables))
			for i := range tables {
				all[i] = &tables[i]
			}
			return x.nameShared(ctx, shared, targetNames(all, x.cfg.Rules))
		}
		return err
	}
	x.r.event("SOURCE", "begins at "+pos.Text()+" "+at.String())
	return nil
}
