package gateway

import "regexp"

// aboutMigration finds statements about a migration in a remedy. The packages
// that find an error know the channel's tables and not the migration's name:
// they write RESET MIGRATION alone.
var aboutMigration = regexp.MustCompile("\\b(START|STOP|PAUSE|RESUME|RESET|CHECK|ALTER|DROP|SHOW CREATE) MIGRATION\\b( [`']?)?")

// named returns an error's text or remedy whose statements name the migration,
// so that they can be executed as they stand.
func named(text, migration string) string {
	if migration == "" {
		return text
	}
	return aboutMigration.ReplaceAllStringFunc(text, func(match string) string {
		if last := match[len(match)-1]; last == '`' || last == '\'' {
			return match // it has a name
		}
		if last := len(match) - 1; match[last] == ' ' {
			return match[:last] + " " + backquote(migration) + " "
		}
		return match + " " + backquote(migration)
	})
}
