package gateway

import (
	"regexp"
	"strings"
)

// The packages that find an error do not know what its remedy needs first: that the
// migration is still to run, and that RESET alone leaves tables with rows in the target.
var (
	// copyAgain is how remedies say that everything has to be copied again.
	copyAgain = regexp.MustCompile(`(STOP MIGRATION, )?RESET MIGRATION( and start again|, (empty|empty or drop|drop|drop or empty) the target's tables( of this migration)?,? (then |and )*(START MIGRATION|start)( again)?)`)
	// leaveOut is how remedies name the rule that leaves a table out.
	leaveOut = regexp.MustCompile(`leave the table out with REPLICATE_IGNORE_TABLE`)
	// needsStop are statements that refuse a migration that is to run.
	needsStop = regexp.MustCompile(`\b(RESET|ALTER|DROP) MIGRATION\b`)
)

// inOrder returns the remedy of a channel's error with the statements in an order in
// which they work: RESET and ALTER need a STOP before, and RESET an empty target.
func inOrder(remedy string) string {
	remedy = copyAgain.ReplaceAllString(remedy, "STOP MIGRATION, RESET MIGRATION, drop or empty the target's tables of this migration, START MIGRATION")
	remedy = leaveOut.ReplaceAllString(remedy, "leave the table out (STOP MIGRATION, ALTER MIGRATION REPLICATE_IGNORE_TABLE=(..), START MIGRATION)")
	if at := needsStop.FindStringIndex(remedy); at != nil && !strings.Contains(remedy[:at[0]], "STOP MIGRATION") {
		remedy = remedy[:at[0]] + "STOP MIGRATION, " + remedy[at[0]:]
	}
	return remedy
}
