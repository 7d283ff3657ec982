package sqladmin

import "sync"

// form is one statement: its leading keywords (a|b for alternatives), the
// function that reads the rest, and what follows the keywords, for messages.
// The form with the most keywords that stand at the start is taken.
type form struct {
	words string
	parse func(p *parser) Statement
	// sql marks a statement that TiDB's parser reads from its first word on.
	sql bool
	// refused marks a statement that is known and always an error: it is never
	// offered.
	refused bool
}

// statements lists every statement of the admin port. To add one: a file with
// its type and its parse function, and a row here. The forms of SHOW are the
// rows of shows in show.go.
var statements []form

func init() {
	statements = []form{
		{words: "CREATE SECRET", parse: parseCreateSecret},
		{words: "ALTER SECRET", parse: parseAlterSecret},
		{words: "DROP SECRET", parse: parseDrop("SECRET")},
		{words: "CREATE SOURCE", parse: parseCreateSource},
		{words: "ALTER SOURCE", parse: parseAlterSource},
		{words: "DROP SOURCE", parse: parseDrop("SOURCE")},
		{words: "CREATE TARGET", parse: parseCreateTarget},
		{words: "ALTER TARGET", parse: parseAlterTarget},
		{words: "DROP TARGET", parse: parseDrop("TARGET")},
		{words: "CREATE MIGRATION", parse: parseCreateMigration},
		{words: "ALTER MIGRATION", parse: parseAlterMigration},
		{words: "DROP MIGRATION", parse: parseDrop("MIGRATION")},

		{words: "START MIGRATION", parse: parseStart("START MIGRATION")},
		{words: "RESUME MIGRATION", parse: parseStart("RESUME MIGRATION")},
		{words: "STOP MIGRATION", parse: parseStop("STOP MIGRATION")},
		{words: "PAUSE MIGRATION", parse: parseStop("PAUSE MIGRATION")},
		{words: "RESET MIGRATION", parse: parseReset},
		{words: "CHECK MIGRATION", parse: parseCheck("MIGRATION")},
		{words: "CHECK SOURCE", parse: parseCheck("SOURCE")},
		{words: "CHECK TARGET", parse: parseCheck("TARGET")},
		{words: "WAIT FOR", parse: parseWaitFor},
		{words: "MOVE CHANNEL", parse: parseMoveChannel},
		{words: "DRAIN NODE", parse: parseDrain(false)},
		{words: "UNDRAIN NODE", parse: parseDrain(true)},
		{words: "REMOVE NODE", parse: parseRemoveNode},

		{words: "CHANGE REPLICATION SOURCE TO", parse: parseChangeSource},
		{words: "CHANGE MASTER TO", parse: parseChangeSource},
		{words: "START REPLICA|SLAVE", parse: parseStartReplica},
		{words: "STOP REPLICA|SLAVE", parse: parseStopReplica},

		{words: "SHOW", parse: parseShow},
		{words: "SELECT", parse: parseSelect, sql: true},
		{words: "DO", parse: parseDo, sql: true},
		{words: "SET", parse: parseSet, sql: true},
		{words: "DESCRIBE|DESC|EXPLAIN", parse: parseExplain},
		{words: "USE", parse: parseUse},
		{words: "KILL", parse: parseKill},
		{words: "BEGIN", parse: parseNothing("BEGIN")},
		{words: "START TRANSACTION", parse: parseNothing("START TRANSACTION")},
		{words: "COMMIT", parse: parseNothing("COMMIT")},
		{words: "ROLLBACK", parse: parseNothing("ROLLBACK")},
		{words: "SAVEPOINT", parse: parseNothing("SAVEPOINT")},
		{words: "RELEASE SAVEPOINT", parse: parseNothing("RELEASE SAVEPOINT")},
		{words: "UNLOCK TABLES", parse: parseNothing("UNLOCK TABLES")},
		{words: "FLUSH", parse: parseNothing("FLUSH")},

		// Known, and answered with error 1235 until the engine can do them.
		{words: "VERIFY", parse: parseNotYet("VERIFY"), refused: true},
		{words: "RESYNC", parse: parseNotYet("RESYNC"), refused: true},
		{words: "CUTOVER", parse: parseCutover("CUTOVER"), refused: true},
		{words: "SKIP TRANSACTION", parse: parseNotYet("SKIP TRANSACTION"), refused: true},
		{words: "REPLACE DDL", parse: parseNotYet("REPLACE DDL"), refused: true},
		{words: "CHECK AUTO_INCREMENT", parse: parseNotYet("CHECK AUTO_INCREMENT"), refused: true},
		{words: "CREATE USER", parse: parseNotYet("CREATE USER"), refused: true},
		{words: "ALTER USER", parse: parseNotYet("ALTER USER"), refused: true},
		{words: "DROP USER", parse: parseNotYet("DROP USER"), refused: true},
		{words: "CREATE ROLE", parse: parseNotYet("CREATE ROLE"), refused: true},
		{words: "DROP ROLE", parse: parseNotYet("DROP ROLE"), refused: true},
		{words: "GRANT", parse: parseNotYet("GRANT"), refused: true},
		{words: "REVOKE", parse: parseNotYet("REVOKE"), refused: true},
		{words: "SHUTDOWN", parse: parseNotYet("SHUTDOWN"), refused: true},
		{words: "CREATE LISTENER", parse: parseNotYet("CREATE LISTENER"), refused: true},
		{words: "ALTER LISTENER", parse: parseNotYet("ALTER LISTENER"), refused: true},
		{words: "DROP LISTENER", parse: parseNotYet("DROP LISTENER"), refused: true},
		{words: "CHANGE REPLICATION FILTER", parse: parseNotYet("CHANGE REPLICATION FILTER"), refused: true},
		{words: "RESET REPLICA|SLAVE", parse: parseNotYet("RESET REPLICA"), refused: true},
		{words: "PREPARE", parse: parseNotYet("PREPARE as text"), refused: true},
		{words: "EXECUTE", parse: parseNotYet("EXECUTE as text"), refused: true},
		{words: "DEALLOCATE", parse: parseNotYet("PREPARE as text"), refused: true},
		{words: "WITH", parse: parseNotYet("WITH"), refused: true},
		{words: "TABLE", parse: parseNotYet("TABLE as a statement"), refused: true},
		{words: "VALUES", parse: parseNotYet("VALUES as a statement"), refused: true},
		{words: "LOCK", parse: parseLock, refused: true},
		{words: "CALL", parse: parseNotYet("CALL"), refused: true},
		{words: "XA", parse: parseNotYet("XA"), refused: true},
		{words: "ANALYZE|CHECKSUM|OPTIMIZE|REPAIR", parse: parseNotYet("maintenance of tables"), refused: true},

		{words: "CREATE|ALTER|DROP|RENAME TABLE|DATABASE|SCHEMA|VIEW|INDEX", parse: parseReadOnly, refused: true},
		{words: "LOAD", parse: parseReadOnly, refused: true},
		{words: "INSERT|UPDATE|DELETE|REPLACE|TRUNCATE", parse: parseReadOnly, refused: true},
	}
}

// matchForm returns the form that the tokens begin with, or nil.
func matchForm(tokens []token) *form {
	var best *form
	most := 0
	for i := range statements {
		if n := matchWords(tokens, statements[i].words); n > most {
			best, most = &statements[i], n
		}
	}
	return best
}

// formWords is the set of keywords that statements begin with.
var formWords = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for i := range statements {
		for _, w := range splitWords(statements[i].words) {
			for _, alternative := range w {
				m[alternative] = true
			}
		}
	}
	return m
})
