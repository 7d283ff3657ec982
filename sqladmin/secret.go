package sqladmin

import "log/slog"

// CreateSecret is CREATE SECRET.
type CreateSecret struct {
	Name        string
	IfNotExists bool
	Value       SecretValue
}

// AlterSecret is ALTER SECRET: rotation.
type AlterSecret struct {
	Name     string
	IfExists bool
	Value    SecretValue
}

// SecretValue says where a secret's text is. The text of backend STORE leaves
// it by Reveal only.
type SecretValue struct {
	Backend string // STORE, FILE or ENV
	Path    string // the file's path or the variable's name; "" for STORE
	literal string
}

// NewSecretValue returns a value of backend STORE.
func NewSecretValue(literal string) SecretValue {
	return SecretValue{Backend: "STORE", literal: literal}
}

// Reveal returns the text of a value of backend STORE.
func (v *SecretValue) Reveal() string { return v.literal }

// String returns the clause without the text.
func (v SecretValue) String() string {
	if v.Backend == "STORE" {
		return "PASSWORD '<secret>'"
	}
	return "FROM " + v.Backend + " " + quote(v.Path)
}

// GoString is String, so that %#v shows no secret.
func (v SecretValue) GoString() string { return v.String() }

// LogValue is String for slog.
func (v SecretValue) LogValue() slog.Value { return slog.StringValue(v.String()) }

// Verb implements Statement.
func (*CreateSecret) Verb() string { return "CREATE SECRET" }

// Verb implements Statement.
func (*AlterSecret) Verb() string { return "ALTER SECRET" }

func parseCreateSecret(p *parser) Statement {
	s := &CreateSecret{IfNotExists: p.words("IF NOT EXISTS")}
	s.Name = p.objectName("secret")
	s.Value = parseSecretValue(p)
	return s
}

func parseAlterSecret(p *parser) Statement {
	s := &AlterSecret{IfExists: p.words("IF EXISTS")}
	s.Name = p.objectName("secret")
	s.Value = parseSecretValue(p)
	return s
}

func parseSecretValue(p *parser) SecretValue {
	switch {
	case p.words("PASSWORD"), p.words("IDENTIFIED BY"), p.words("AS"):
		return NewSecretValue(p.str("the secret"))
	case p.words("FROM FILE"):
		return SecretValue{Backend: "FILE", Path: p.str("path")}
	case p.words("FROM ENV"):
		return SecretValue{Backend: "ENV", Path: p.str("variable name")}
	}
	p.expected("PASSWORD", "FROM FILE", "FROM ENV")
	return SecretValue{}
}
