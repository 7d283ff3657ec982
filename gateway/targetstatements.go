package gateway

import (
	"context"
	"strings"

	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

// createTarget does not connect; see createSource.
func (c *controller) createTarget(ctx context.Context, x *sqladmin.CreateTarget, s *sqladmin.Session) (*sqladmin.Result, error) {
	t := catalog.Target{Name: x.Name}
	setTarget(&t, &x.Options)
	changed, err := c.catalog.CreateTarget(ctx, t, x.IfNotExists, by(s))
	if err != nil {
		return nil, err
	}
	return created("target", x.Name, changed), nil
}

func (c *controller) alterTarget(ctx context.Context, x *sqladmin.AlterTarget, s *sqladmin.Session) (*sqladmin.Result, error) {
	t, err := c.catalog.Target(ctx, x.Name)
	if missing(err, x.IfExists) {
		return did(false, "", unknownNote("target", x.Name)), nil
	}
	if err != nil {
		return nil, err
	}
	if err := c.mustStand(ctx, "target", x.Name, func(m *catalog.Migration) bool { return m.Spec.Target == x.Name }); err != nil {
		return nil, err
	}
	setTarget(t, &x.Options)
	changed, err := c.catalog.UpdateTarget(ctx, *t, by(s))
	if err != nil {
		return nil, err
	}
	if changed {
		c.cluster.Notify()
	}
	return altered("target", x.Name, changed), nil
}

func setTarget(t *catalog.Target, o *sqladmin.TargetOptions) {
	if o.Hosts != nil {
		t.Hosts = o.Hosts
	}
	put(&t.User, o.User)
	put(&t.Mode, o.SSLMode)
	put(&t.CA, o.SSLCA)
	if o.Password != nil {
		t.Password = credential(o.Password)
	}
	if o.MaxConnections != nil {
		t.MaxConnections = int(*o.MaxConnections)
	}
}

func (c *controller) showCreateTarget(ctx context.Context, name string) (string, error) {
	t, err := oneKnown(ctx, c, name, c.catalog.Target, c.targetList, func(t *catalog.Target) string { return t.Name })
	if err != nil {
		return "", err
	}
	if t.IsDefault() {
		return "/* target DEFAULT is the store's TiDB: it exists from the start */", nil
	}
	o := sqladmin.TargetOptions{Hosts: t.Hosts, User: &t.User, Password: shownPassword(t.Password), SSLMode: &t.Mode, SSLCA: unlessEmpty(t.CA)}
	if t.MaxConnections > 0 {
		n := uint64(t.MaxConnections)
		o.MaxConnections = &n
	}
	x := sqladmin.CreateTarget{Name: t.Name, Options: o}
	return x.SQL(), nil
}

func viewTargets(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	targets, err := c.targetList(ctx)
	if err != nil {
		return nil, nil, err
	}
	migrations, err := c.migrations(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, t := range targets {
		used := usedBy(migrations, func(m *catalog.Migration) bool { return strings.EqualFold(m.Spec.Target, t.Name) })
		if t.IsDefault() {
			store := c.targets.store
			rows = append(rows, []any{t.Name, store.Addr, store.User, "", "", "", nil, used, nil, nil})
			continue
		}
		var most any
		if t.MaxConnections > 0 {
			most = uint64(t.MaxConnections)
		}
		rows = append(rows, []any{t.Name, joined(t.Hosts), t.User, t.Password.String(), t.Mode, pemOrPath(t.CA), most, used,
			when(t.CreatedAt), when(t.UpdatedAt)})
	}
	return rows, nil, nil
}
