package sqladmin

import (
	"net/netip"
	"regexp"
	"strings"
)

// plainSecrets are the forms in which people write passwords where none
// belongs: a host, a user, a comment. Everybody who may read a definition would
// see them. A form is looked for in texts, in lower case, that have one of its
// words.
var plainSecrets = []struct {
	words []string
	form  *regexp.Regexp
}{
	// scheme://user:password@host
	{[]string{"@"}, regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^\s/@]*:[^\s@]+@`)},
	// password=x, "token": "x", MYSQL_PWD := x
	{secretWords, regexp.MustCompile(`(?:^|[^a-z])(?:password|passwd|passwort|passphrase|pwd|pass|secret|token|credentials?|(?:api|access|secret|private)[_ -]?key)["'` + "`" + `]?\s*(?::=|=>|=|:)\s*\S`)},
	// PASSWORD 'x', PASSWORD('x'), --password x
	{secretWords, regexp.MustCompile(`(?:^|[^a-z])(?:password|passwd)\s*\(?\s*['"` + "`" + `]`)},
	{secretWords, regexp.MustCompile(`--pass(?:word)?\s+\S`)},
	// IDENTIFIED BY x, IDENTIFIED WITH plugin AS x
	{[]string{"identified"}, regexp.MustCompile(`identified\s+(?:with\s+\S+\s+)?(?:by|as)\s*\S`)},
	// mysql -uroot -psecret
	{[]string{"-p"}, regexp.MustCompile(`\b(?:mysql|mariadb)\S*\s(?:.*\s)?-p\S`)},
	{[]string{"-----begin"}, regexp.MustCompile(`-----begin [a-z ]*private key-----`)},
}

var secretWords = []string{"pass", "pwd", "secret", "token", "credential", "key"}

// userInfo is user:password@host. The first group is the user.
var userInfo = regexp.MustCompile(`(?:^|[\s('",;=])([^\s:@/('",;=]*):[^\s@/][^\s@]*@[^\s@]`)

// holdsSecret returns true if a text looks as if it held a password.
func holdsSecret(text string) bool {
	lower := strings.ToLower(text)
	for _, s := range plainSecrets {
		for _, word := range s.words {
			if strings.Contains(lower, word) {
				if s.form.MatchString(lower) {
					return true
				}
				break
			}
		}
	}
	if !strings.Contains(text, "@") {
		return false
	}
	for _, m := range userInfo.FindAllStringSubmatch(text, -1) {
		if !strings.EqualFold(m[1], "mailto") {
			return true
		}
	}
	return false
}

// refuseSecret fails when the text of an option looks as if it held a password.
// The error does not repeat it.
func (p *parser) refuseSecret(what, text, remedy string) {
	if p.err == nil && holdsSecret(text) {
		p.fail(Errorf(CodeBadOption, "%s looks as if it held a password, which everybody could read who may see the definition", what).WithRemedy("%s", remedy))
	}
}

// secretRemedy is what to do with a password that stands elsewhere.
const secretRemedy = "leave the password out: CREATE SECRET name PASSWORD '..' keeps it, and SOURCE_PASSWORD = SECRET name or TARGET_PASSWORD = SECRET name uses it"

// host reads a host name or an IP address.
func (p *parser) host(what string) string {
	text := p.nonEmpty(what)
	if p.err == nil && !isHost(text) {
		p.fail(Errorf(CodeBadOption, "Option %s: the text is no host name and no IP address", what).
			WithRemedy("write the host alone: the user, the password and the port have options of their own"))
	}
	return text
}

// hosts reads 'host[:port]' or a list of them.
func (p *parser) hosts(what string) []string {
	list := p.strings(what)
	for _, text := range list {
		host := text
		if i := strings.LastIndexByte(text, ':'); i >= 0 && isDigits(text[i+1:]) && !isIPv6(text) {
			host = text[:i]
		}
		if p.err == nil && !isHost(host) {
			p.fail(Errorf(CodeBadOption, "Option %s: one of the texts is not 'host:port'", what).
				WithRemedy("write hosts and ports alone: the user and the password have options of their own"))
		}
	}
	return list
}

// userName reads the name of an account. A colon in it separates a password
// more often than it is part of a name.
func (p *parser) userName(what string) string {
	text := p.str(what)
	if p.err == nil && (strings.Contains(text, ":") || holdsSecret(text)) {
		p.fail(Errorf(CodeBadOption, "Option %s: the text looks as if it held a password", what).WithRemedy("write the user's name alone, without ':'; %s_PASSWORD takes the password", strings.TrimSuffix(what, "_USER")))
	}
	return text
}

// pem reads a path or PEM text that is not secret.
func (p *parser) pem(what string) string {
	text := p.str(what)
	p.refuseSecret("Option "+what, text, "give the certificate alone: SOURCE_SSL_KEY = SECRET name takes the key")
	return text
}

func isIPv6(text string) bool {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return err == nil && a.Is6()
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isHost returns true for a host name or an IP address. Names beyond ASCII are
// taken: the resolver knows them or not.
func isHost(text string) bool {
	if text == "" || len(text) > 255 || isIPv6(text) {
		return text != "" && len(text) <= 255
	}
	return strings.IndexFunc(text, func(r rune) bool {
		return !(r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80)
	}) < 0
}
