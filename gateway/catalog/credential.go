package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// Credential is a password or a private key of a source or a target: the name
// of a secret, or a literal that the catalog encrypts when it stores the
// object. The zero Credential is none. It prints, logs and marshals without the
// value.
type Credential struct {
	Secret string `json:"secret,omitempty"`
	Sealed []byte `json:"sealed,omitempty"` // a stored literal, encrypted
	plain  string // a literal that was not stored yet
}

// Literal returns a Credential for a value; an empty value is none.
func Literal(value string) Credential { return Credential{plain: value} }

// FromSecret returns a Credential that is a secret's value when it is used.
func FromSecret(name string) Credential { return Credential{Secret: name} }

// IsZero says whether there is no credential.
func (c Credential) IsZero() bool { return c.Secret == "" && len(c.Sealed) == 0 && c.plain == "" }

// String returns SECRET and the name, '<secret>' for a literal, or ”.
func (c Credential) String() string {
	switch {
	case c.Secret != "":
		return "SECRET `" + c.Secret + "`"
	case c.IsZero():
		return "''"
	}
	return "'<secret>'"
}

// GoString is String, so that %#v shows no secret.
func (c Credential) GoString() string { return c.String() }

// LogValue is String for slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// reveal returns the credential's value. purpose is what a literal is sealed for.
func (c *Catalog) reveal(ctx context.Context, cr Credential, purpose string) (string, error) {
	switch {
	case cr.Secret != "":
		return c.Secret(ctx, cr.Secret)
	case cr.plain != "":
		return cr.plain, nil
	case len(cr.Sealed) == 0:
		return "", nil
	case len(c.keys) == 0:
		return "", noKey()
	}
	plain, err := c.keys.open(purpose, cr.Sealed)
	if err != nil {
		what, statement := describe(purpose)
		return "", &Error{Code: CodeSecretUnreadable, State: "42000", Err: err,
			Message: what + " cannot be decrypted on this node",
			Remedy: statement + "; or start this node with the key that encrypted it as --cluster-key-file or " +
				"--old-cluster-key-file"}
	}
	return plain, nil
}

// describe names what a literal is sealed for, and the statement that gives it
// another value.
func describe(purpose string) (what, statement string) {
	noun, rest, _ := strings.Cut(purpose, "/")
	name, field, _ := strings.Cut(rest, "/")
	quoted := "`" + strings.ReplaceAll(name, "`", "``") + "`"
	if noun == secretKind.noun {
		return fmt.Sprintf("secret '%s'", name), "ALTER SECRET " + quoted + " PASSWORD '..'"
	}
	word, option := "password", strings.ToUpper(noun)+"_PASSWORD"
	if field == "ssl_key" {
		word, option = "private key", strings.ToUpper(noun)+"_SSL_KEY"
	}
	return fmt.Sprintf("the %s of %s '%s'", word, noun, name),
		fmt.Sprintf("STOP MIGRATION, ALTER %s %s %s = '..', START MIGRATION", strings.ToUpper(noun), quoted, option)
}

func noKey() *Error {
	return fail(CodeSecretUnreadable, "start every node with the cluster's key, or use CREATE SECRET .. FROM FILE or FROM ENV",
		"this node has no key to encrypt and decrypt secrets with")
}
