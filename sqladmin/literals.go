package sqladmin

import (
	"regexp"
	"strings"
	"time"
)

// codeWrongValue is MySQL's code for a literal that is no date or time.
const codeWrongValue = 1525

func wrongLiteral(kind, text, form string) *Error {
	return Errorf(codeWrongValue, "Incorrect %s value: '%s'", kind, cut(text, 40)).WithRemedy("write %s '%s'", kind, form)
}

// dateLiteral is DATE 'text'.
func dateLiteral(_ *scope, a []any) any {
	text := strings.TrimSpace(asString(a[0]))
	for _, layout := range []string{"2006-1-2", "20060102"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Format("2006-01-02")
		}
	}
	return wrongLiteral("DATE", text, "2026-12-31")
}

// timestampLiteral is TIMESTAMP 'text'.
func timestampLiteral(_ *scope, a []any) any {
	if t, ok := asTime(a[0]); ok {
		return t
	}
	return wrongLiteral("TIMESTAMP", asString(a[0]), "2026-12-31 23:59:59")
}

// timeForm is what MySQL's TIME holds: up to 838 hours either way.
var timeForm = regexp.MustCompile(`^-?([0-7]?[0-9]{1,2}|8[0-2][0-9]|83[0-8]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$`)

// timeLiteral is TIME 'text'.
func timeLiteral(_ *scope, a []any) any {
	text := strings.TrimSpace(asString(a[0]))
	if len(text) > 20 || !timeForm.MatchString(text) {
		return wrongLiteral("TIME", text, "23:59:59")
	}
	if strings.Count(text, ":") == 1 {
		text += ":00"
	}
	if i := strings.IndexByte(text, ':'); strings.TrimPrefix(text[:i], "-") == text[:i] && i == 1 {
		text = "0" + text
	}
	return text
}
