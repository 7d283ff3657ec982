package gateway

import (
	"context"
	"errors"

	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

func (c *controller) createSecret(ctx context.Context, x *sqladmin.CreateSecret, s *sqladmin.Session) (*sqladmin.Result, error) {
	changed, err := c.catalog.CreateSecret(ctx, x.Name, secretValue(&x.Value), x.IfNotExists, by(s))
	if err != nil {
		return nil, err
	}
	return c.withValue(ctx, x.Name, &x.Value, created("secret", x.Name, changed)), nil
}

// alterSecret takes effect at the next login of whoever uses the secret; a
// channel that a login error stops meanwhile tries the new value by itself.
func (c *controller) alterSecret(ctx context.Context, x *sqladmin.AlterSecret, s *sqladmin.Session) (*sqladmin.Result, error) {
	changed, err := c.catalog.AlterSecret(ctx, x.Name, secretValue(&x.Value), by(s))
	if missing(err, x.IfExists) {
		return did(false, "", unknownNote("secret", x.Name)), nil
	}
	if err != nil {
		return nil, err
	}
	return c.withValue(ctx, x.Name, &x.Value, altered("secret", x.Name, changed)), nil
}

// withValue adds a warning to the result of a statement about a secret whose file
// or variable this node cannot read: it may be put there later.
func (c *controller) withValue(ctx context.Context, name string, v *sqladmin.SecretValue, res *sqladmin.Result) *sqladmin.Result {
	if v.Backend == catalog.BackendStore {
		return res
	}
	var e *sqladmin.Error
	if _, err := c.catalog.Secret(ctx, name); errors.As(adminError(err), &e) {
		res.Warnings = append(res.Warnings, sqladmin.Warning{Level: "Warning", Code: e.Code, Message: e.Message, Remedy: e.Remedy})
	}
	return res
}

func secretValue(v *sqladmin.SecretValue) catalog.SecretValue {
	switch v.Backend {
	case catalog.BackendFile:
		return catalog.FileSecret(v.Path)
	case catalog.BackendEnv:
		return catalog.EnvSecret(v.Path)
	}
	return catalog.StoredSecret(v.Reveal())
}

// credential is a password or key as a statement gives it.
func credential(p *sqladmin.Password) catalog.Credential {
	if p.Secret != "" {
		return catalog.FromSecret(p.Secret)
	}
	return catalog.Literal(p.Reveal())
}

// shownPassword is a credential for SHOW CREATE; a literal prints as
// '<secret>'.
func shownPassword(c catalog.Credential) *sqladmin.Password {
	switch {
	case c.IsZero():
		return nil
	case c.Secret != "":
		return &sqladmin.Password{Secret: c.Secret}
	}
	return sqladmin.NewPassword("")
}

func viewSecrets(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	secrets, err := c.secrets(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, s := range secrets {
		rows = append(rows, []any{s.Name, s.Backend, joined(s.UsedBy), when(s.CreatedAt), when(s.UpdatedAt)})
	}
	return rows, nil, nil
}
