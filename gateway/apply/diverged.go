package apply

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"sluice/replica"
)

// A divergence is a row of the target that was not what it must be. It says that
// more rows may differ where nothing has looked, so that it stays recorded, and
// the channel is not ready for a cutover, until the tables are compared or copied
// again. Each lane has its own rows: lanes do not wait for each other.
//
// What if the process dies: the record of a conflict that was settled is in the
// commit that settled it. That of one that stops the channel is committed before
// the error is returned; until then nothing of the batch is in the target, and the
// next run meets the conflict again.

// diverged returns the statement that records a divergence of a target table;
// table is "" when it is not known which.
func (s *slot) diverged(table string) statement {
	return statement{sql: []byte(divergence(s.channel, s.lane, table, "CONFLICT")), want: -1, binding: &Binding{Schema: MetaSchema}}
}

// divergence returns the SQL of a record. kind is CONFLICT, or REPAIR for a DDL
// whose effect on the rows that exist was made by hand: nothing has compared them.
func divergence(channel string, lane int, table, kind string) string {
	values := strings.Join([]string{Literal(channel), strconv.Itoa(lane), Literal(table), Literal(kind), "1", timestamp(), timestamp()}, ",")
	return "INSERT INTO " + MetaSchema + ".divergences VALUES (" + values + ") ON DUPLICATE KEY UPDATE times=times+1, last_at=VALUES(last_at)"
}

// stopDiverged records a conflict that stops the channel and returns it, or the
// error that kept it from being recorded: the conflict is met again then.
func (a *Applier) stopDiverged(ctx context.Context, s *slot, e *replica.Error) error {
	base, extra := a.sched.checkpoint(s.extra, nil)
	if err := s.commit(ctx, base, extra, s.partial, []statement{s.diverged(e.Table)}); err != nil {
		return err
	}
	return e
}

// RecordDivergence records a divergence of a channel's target table outside of a lane's commit. A former owner's record makes
// the channel no more than not ready.
func RecordDivergence(ctx context.Context, db *sql.DB, channel, table string) error {
	if _, err := db.ExecContext(ctx, divergence(channel, 0, table, "CONFLICT")); err != nil {
		return fmt.Errorf("record a divergence: %w", err)
	}
	return nil
}

// Divergences returns how many times rows of a channel's target tables were not
// what they must be since the channel began, and the tables' names.
func Divergences(ctx context.Context, db *sql.DB, channel string) (times uint64, tables []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT target_table, SUM(times) FROM "+MetaSchema+".divergences WHERE channel=? GROUP BY target_table ORDER BY target_table", channel)
	if err != nil {
		return 0, nil, fmt.Errorf("read the divergences: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		var n uint64
		if err := rows.Scan(&table, &n); err != nil {
			return 0, nil, fmt.Errorf("read the divergences: %w", err)
		}
		times += n
		if table != "" {
			tables = append(tables, table)
		}
	}
	return times, tables, rows.Err()
}

// conflictError names the table, what differed and the columns of the row's key,
// never a value. bindings are those of the rows that were written.
func conflictError(cause error, id replica.TxnID, bindings []*Binding) *replica.Error {
	b, table := conflictTable(cause, bindings)
	where, by := "", "its key"
	if table != "" {
		where = " in " + table
	}
	if b != nil && len(b.keyCols) > 0 {
		by = "the key (" + strings.Join(b.keyCols, ", ") + ")"
	}
	return &replica.Error{Code: 61052, Class: "DATA", Table: table,
		Message: fmt.Sprintf("the target differs from the source%s: %s (in the batch that begins with transaction %s)", where, conflictOf(cause), id),
		Remedy: "somebody else writes to the target's table, or its rows were not what the copy left: compare the rows of both sides by " + by +
			". RESET MIGRATION, drop or empty the target's tables, and START MIGRATION copy all again. STOP MIGRATION, ALTER MIGRATION SET on_conflict=REPLACE " +
			"and START MIGRATION take the source's rows, but rows that only the target has stay there, and Ready_For_Cutover stays No until all is copied again"}
}

// conflictTable finds the table of a conflict. The target's error has its name
// without the schema.
func conflictTable(cause error, bindings []*Binding) (*Binding, string) {
	var mm *mismatchError
	var me *mysql.MySQLError
	switch {
	case errors.As(cause, &mm):
		b := mm.stmt.binding
		return b, b.Schema + "." + b.Name
	case errors.As(cause, &me):
		_, key, ok := strings.Cut(me.Message, "for key '")
		if !ok {
			break
		}
		table, _, _ := strings.Cut(strings.TrimSuffix(key, "'"), ".")
		var found *Binding
		for _, b := range bindings {
			if !strings.EqualFold(b.Name, table) || b == found {
				continue
			}
			if found != nil && !strings.EqualFold(found.Schema, b.Schema) {
				return nil, table // two schemas have one
			}
			found = b
		}
		if found != nil {
			return found, found.Schema + "." + found.Name
		}
		return nil, table
	}
	return nil, ""
}

// bindingsOf are the bindings of spans, each at least once.
func bindingsOf(spans []span) []*Binding {
	var out []*Binding
	for i := range spans {
		if b := spans[i].binding; len(out) == 0 || out[len(out)-1] != b {
			out = append(out, b)
		}
	}
	return out
}
