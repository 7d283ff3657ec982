package sqladmin

import (
	"fmt"
	"regexp"
)

// Bounds of what an error repeats of a statement. No object's name has more than 64 characters, which are 256 bytes;
// a longer one is a mistake, and its text would leave no room for the reason and the remedy: clients keep 511 bytes.
const (
	maxNameBytes  = 256
	keptNameBytes = 64
	maxErrorBytes = 64 << 10
)

// longName matches a quoted text and a word that are longer than a name. A colon ends both: the sets of GTIDs in an
// error are long, and are kept.
var longName = regexp.MustCompile(fmt.Sprintf("(?:^|[ (=])['`\"][^'`\":]{%d,}|[^\\s,;:()'`\"]{%[1]d,}", maxNameBytes+1))

// shortNames cuts the names in an error's text that are too long for a name, with a mark.
func shortNames(text string) string {
	if len(text) <= maxNameBytes {
		return text
	}
	text = longName.ReplaceAllStringFunc(text, func(name string) string {
		return fmt.Sprintf("%s.. (%d bytes)", cut(name, keptNameBytes), len(name))
	})
	if len(text) > maxErrorBytes {
		text = cut(text, maxErrorBytes)
	}
	return text
}
