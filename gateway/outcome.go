package gateway

import (
	"fmt"
	"strings"

	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

// did is the result of a statement that changed one object, or that found
// nothing to do.
func did(changed bool, info string, note sqladmin.Warning) *sqladmin.Result {
	if changed {
		return &sqladmin.Result{Affected: 1, Info: info}
	}
	return &sqladmin.Result{Info: note.Message, Warnings: []sqladmin.Warning{note}}
}

// created is the result of CREATE [IF NOT EXISTS].
func created(kind, name string, changed bool) *sqladmin.Result {
	return did(changed, fmt.Sprintf("%s '%s' created", kind, name),
		sqladmin.Note(sqladmin.CodeExists, fmt.Sprintf("%s '%s' exists with the same definition", kind, name)))
}

// altered is the result of ALTER.
func altered(kind, name string, changed bool) *sqladmin.Result {
	return did(changed, fmt.Sprintf("%s '%s' changed", kind, name),
		sqladmin.Note(sqladmin.CodeAlready, fmt.Sprintf("%s '%s' is so already", kind, name)))
}

// dropped is the result of DROP [IF EXISTS].
func dropped(kind, name string, changed bool) *sqladmin.Result {
	return did(changed, fmt.Sprintf("%s '%s' dropped", kind, name), unknownNote(kind, name))
}

func unknownNote(kind, name string) sqladmin.Warning {
	return sqladmin.Note(sqladmin.CodeUnknownObject, fmt.Sprintf("Unknown %s '%s'", kind, name))
}

// missing says whether IF EXISTS makes an error a note.
func missing(err error, ifExists bool) bool {
	return ifExists && catalog.HasCode(err, catalog.CodeUnknown)
}

// by is who a change is recorded under.
func by(s *sqladmin.Session) string { return s.User + "@" + s.Host }

func backquote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
