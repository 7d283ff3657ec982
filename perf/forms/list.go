package forms

import "fmt"

// packets is how a transaction's statements travel.
type packets int

const (
	// together: BEGIN, guard and rows in one packet, COMMIT in a second.
	together packets = iota
	// separate: a packet and its answer for each statement.
	separate
	// committed: COMMIT in the rows' packet too, its counts unchecked, so that
	// the gateway may not do it: what waiting for the counts costs.
	committed
	// chained: COMMIT, which follows checked counts, in one packet with the
	// next transaction's BEGIN, guard and rows.
	chained
	// autocommit: row statements alone, without BEGIN and guard.
	autocommit
)

// form is one way to write rows, to be measured beside the others of its
// question.
type form struct {
	question question
	name     string
	stmt     statement
	perStmt  int // rows a statement
	perTxn   int // rows a transaction
	packets  packets
	lanes    int
	settings []string // SET SESSION ..
}

// question is what a group of forms answers; its value is its text. The
// group's first form is what the others are compared with.
type question string

// The questions, in the order in which they are answered.
const (
	askInsert   question = "a insert"
	askSize     question = "b transaction"
	askUpdate   question = "c update"
	askDelete   question = "d delete"
	askDelete2  question = "d delete, two key columns"
	askPackets1 question = "e packets, 200 rows a transaction"
	askPackets2 question = "e packets, 1000 rows a transaction"
	askLanes    question = "f lanes"
	askSettings question = "g settings, text"
	askPrepared question = "g settings, prepared"
)

// byRate says that the question is decided by rows a second and not by TiDB's
// CPU time: what changes waiting and not work.
func (q question) byRate() bool { return q == askPackets1 || q == askPackets2 || q == askLanes }

const (
	defaultLanes = 4
	defaultTxn   = 1000
	// currentRows is what gateway/apply writes: maxStatementRows.
	currentRows = 256
)

// inserts are the forms of the first question, whose best text statement the
// others take.
func inserts() []form {
	var out []form
	add := func(name string, s statement, rows int, p packets) {
		out = append(out, form{question: askInsert, name: name, stmt: s, perStmt: rows, perTxn: defaultTxn, packets: p, lanes: defaultLanes})
	}
	for _, rows := range []int{1, 10, 50, 100, 200, 256, 500, 1000} {
		add(fmt.Sprintf("text, %d rows a statement", rows), insertText(), rows, together)
	}
	add("text, 1 row a statement and packet", insertText(), 1, separate)
	for _, rows := range []int{10, 50, 200, 1000} {
		add(fmt.Sprintf("prepared, %d rows a statement", rows), insertPrepared(), rows, together)
	}
	return out
}

// others are the forms of the other questions; rows is the best size of an
// INSERT statement.
func others(rows int) []form {
	var out []form
	for _, n := range []int{100, 200, 500, 1000, 2000, 5000} {
		out = append(out, form{question: askSize, name: fmt.Sprintf("%d rows a transaction", n), stmt: insertText(),
			perStmt: min(n, rows), perTxn: n, lanes: defaultLanes})
	}
	out = append(out,
		form{question: askSize, name: "autocommit, text, 200 rows", stmt: insertText(), perStmt: 200, perTxn: 200, packets: autocommit, lanes: defaultLanes},
		form{question: askSize, name: "autocommit, prepared, 200 rows (yardstick)", stmt: insertPrepared(), perStmt: 200, perTxn: 200, packets: autocommit, lanes: defaultLanes})
	out = append(out, updates()...)
	out = append(out, deletes()...)
	for _, p := range []struct {
		name string
		how  packets
	}{
		{"rows in one packet, COMMIT in a second", together},
		{"a packet for each statement", separate},
		{"COMMIT in the rows' packet, counts unchecked", committed},
		{"COMMIT in the next transaction's packet", chained},
	} {
		out = append(out,
			form{question: askPackets1, name: p.name, stmt: insertText(), perStmt: min(200, rows), perTxn: 200, packets: p.how, lanes: defaultLanes},
			form{question: askPackets2, name: p.name, stmt: insertText(), perStmt: rows, perTxn: defaultTxn, packets: p.how, lanes: defaultLanes})
	}
	for _, n := range []int{1, 2, 4, 8, 16} {
		out = append(out, form{question: askLanes, name: fmt.Sprintf("%d connections", n), stmt: insertText(),
			perStmt: rows, perTxn: defaultTxn, lanes: n})
	}
	return append(out, settings(rows)...)
}

func updates() []form {
	var out []form
	add := func(name string, s statement, rows int) {
		out = append(out, form{question: askUpdate, name: name, stmt: s, perStmt: rows, perTxn: defaultTxn, lanes: defaultLanes})
	}
	add("UPDATE, text, in one packet", updateSingle(), 1)
	add("UPDATE, prepared", updatePrepared(), 1)
	add("upsert, all columns named and assigned, 256", upsertAll(), currentRows)
	add("upsert, all columns named, changed assigned, 256", upsertAssigned(), currentRows)
	add("upsert, key and changed columns alone, 256", upsertChanged(), currentRows)
	add("upsert, all columns named and assigned, 10", upsertAll(), 10)
	add("UPDATE .. CASE .. IN, 50", updateCase(), 50)
	add("UPDATE .. CASE .. IN, 200", updateCase(), 200)
	add("REPLACE, 256", replace(), currentRows)
	return out
}

func deletes() []form {
	var out []form
	add := func(q question, name string, s statement, rows int) {
		out = append(out, form{question: q, name: name, stmt: s, perStmt: rows, perTxn: defaultTxn, lanes: defaultLanes})
	}
	add(askDelete, "DELETE of one row, in one packet", deleteSingle(), 1)
	add(askDelete, "IN, 200", deleteIn(), 200)
	add(askDelete, "IN, 256", deleteIn(), currentRows)
	add(askDelete, "IN, 1000", deleteIn(), 1000)
	add(askDelete2, "OR-ed conditions, 50", deleteOr(), 50)
	add(askDelete2, "OR-ed conditions, 256", deleteOr(), currentRows)
	add(askDelete2, "tuples IN, 50", deleteTuples(), 50)
	add(askDelete2, "tuples IN, 256", deleteTuples(), currentRows)
	return out
}

// settings are the session variables that may change TiDB's cost. 44823 is
// the number of values above which no plan of a prepared statement is kept, 0
// for any (Optimizer Fix Controls in TiDB's manual).
func settings(rows int) []form {
	var out []form
	text := func(name string, set ...string) {
		out = append(out, form{question: askSettings, name: name, stmt: insertText(), perStmt: rows, perTxn: defaultTxn, lanes: defaultLanes, settings: set})
	}
	text("as the gateway sets them")
	text("tidb_enable_mutation_checker=OFF", "tidb_enable_mutation_checker=OFF")
	text("tidb_txn_assertion_level=OFF", "tidb_txn_assertion_level=OFF")
	text("both off", "tidb_enable_mutation_checker=OFF", "tidb_txn_assertion_level=OFF")
	text("tidb_enable_async_commit=ON", "tidb_enable_async_commit=ON")
	text("tidb_enable_1pc=ON", "tidb_enable_1pc=ON")
	text("tidb_enable_non_prepared_plan_cache=ON, _for_dml=ON", "tidb_enable_non_prepared_plan_cache=ON", "tidb_enable_non_prepared_plan_cache_for_dml=ON")
	prepared := func(name string, n int, set ...string) {
		out = append(out, form{question: askPrepared, name: name, stmt: insertPrepared(), perStmt: n, perTxn: defaultTxn, lanes: defaultLanes, settings: set})
	}
	const all = "tidb_opt_fix_control='44823:0'"
	out = append(out, form{question: askPrepared, name: "text, 200 rows", stmt: insertText(), perStmt: 200, perTxn: defaultTxn, lanes: defaultLanes})
	prepared("50 rows (200 values, plan kept)", 50)
	prepared("50 rows, no plan cache", 50, "tidb_enable_prepared_plan_cache=OFF")
	prepared("200 rows (800 values, plan not kept)", 200)
	prepared("200 rows, 44823:0", 200, all)
	prepared("200 rows, 44823:0, cache of 1000 plans", 200, all, "tidb_prepared_plan_cache_size=1000")
	prepared("1000 rows, 44823:0", 1000, all)
	return out
}
