package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/sqladmin"
)

// createSource does not connect: a source may be stated before it can be
// reached. CHECK SOURCE and START MIGRATION do.
func (c *controller) createSource(ctx context.Context, x *sqladmin.CreateSource, s *sqladmin.Session) (*sqladmin.Result, error) {
	src := catalog.Source{Name: x.Name}
	if err := setSource(&src, &x.Options); err != nil {
		return nil, err
	}
	changed, err := c.catalog.CreateSource(ctx, src, x.IfNotExists, by(s))
	if err != nil {
		return nil, err
	}
	return created("source", x.Name, changed), nil
}

func (c *controller) alterSource(ctx context.Context, x *sqladmin.AlterSource, s *sqladmin.Session) (*sqladmin.Result, error) {
	src, err := c.catalog.Source(ctx, x.Name)
	if missing(err, x.IfExists) {
		return did(false, "", unknownNote("source", x.Name)), nil
	}
	if err != nil {
		return nil, err
	}
	if err := c.mustStand(ctx, "source", x.Name, func(m *catalog.Migration) bool { return slices.Contains(m.Spec.Sources, x.Name) }); err != nil {
		return nil, err
	}
	if err := setSource(src, &x.Options); err != nil {
		return nil, err
	}
	changed, err := c.catalog.UpdateSource(ctx, *src, by(s))
	if err != nil {
		return nil, err
	}
	if changed {
		c.cluster.Notify()
	}
	return altered("source", x.Name, changed), nil
}

// setSource applies what was written.
func setSource(src *catalog.Source, o *sqladmin.SourceOptions) error {
	switch {
	case len(o.ReplicaHosts) > 0:
		return sqladmin.NotSupported("Option REPLICA_HOSTS").WithRemedy("after a failover of the source: STOP MIGRATION, ALTER SOURCE .. SOURCE_HOST, START MIGRATION")
	case o.Delay != nil && *o.Delay > 0:
		return sqladmin.NotSupported("Option SOURCE_DELAY")
	}
	put(&src.Host, o.Host)
	put(&src.User, o.User)
	put(&src.Mode, o.SSLMode)
	put(&src.CA, o.SSLCA)
	put(&src.Cert, o.SSLCert)
	put(&src.Flavor, o.Flavor)
	if o.Port != nil {
		src.Port = uint16(*o.Port)
	}
	if o.ServerID != nil {
		src.ServerID = uint32(*o.ServerID)
	}
	if o.Password != nil {
		src.Password = credential(o.Password)
	}
	if o.SSLKey != nil {
		src.Key = credential(o.SSLKey)
	}
	if o.ConnectRetry != nil {
		src.ConnectRetry = catalog.Seconds(time.Duration(*o.ConnectRetry) * time.Second)
	}
	if o.HeartbeatPeriod != nil {
		src.HeartbeatPeriod = catalog.Seconds(time.Duration(*o.HeartbeatPeriod * float64(time.Second)))
	}
	return nil
}

func put[T any](field *T, written *T) {
	if written != nil {
		*field = *written
	}
}

// mustStand refuses a change of a source or a target while a channel that uses
// it runs: as MySQL refuses CHANGE REPLICATION SOURCE while a replica runs.
func (c *controller) mustStand(ctx context.Context, kind, name string, uses func(*catalog.Migration) bool) error {
	snap, err := c.look(ctx)
	if err != nil {
		return err
	}
	for _, m := range snap.migrations {
		if !uses(m) {
			continue
		}
		for _, ch := range snap.channels[m.ID] {
			if kind == "source" && ch.Source != name {
				continue
			}
			if ch.Desired == cluster.DesiredRunning || ch.Owner != "" && !ch.silent {
				owner := ch.Owner
				if ch.silent {
					owner = ""
				}
				why, remedy := catalog.MustStand(m.Name, ch.Name, ch.Desired, ch.status, owner)
				return sqladmin.Errorf(sqladmin.CodeMustStopFirst, "%s '%s' is in use: %s", kind, name, why).WithRemedy("%s", remedy)
			}
		}
	}
	return nil
}

func (c *controller) showCreateSource(ctx context.Context, name string) (string, error) {
	src, err := oneKnown(ctx, c, name, c.catalog.Source, c.sources, func(s *catalog.Source) string { return s.Name })
	if err != nil {
		return "", err
	}
	port, id := uint64(src.Port), uint64(src.ServerID)
	retry := uint64(time.Duration(src.ConnectRetry) / time.Second)
	heartbeat := time.Duration(src.HeartbeatPeriod).Seconds()
	x := sqladmin.CreateSource{Name: src.Name, Options: sqladmin.SourceOptions{
		Host: &src.Host, Port: &port, User: &src.User, Password: shownPassword(src.Password), SSLMode: &src.Mode,
		SSLCA: unlessEmpty(src.CA), SSLCert: unlessEmpty(src.Cert), SSLKey: shownPassword(src.Key), ServerID: &id, Flavor: &src.Flavor,
		ConnectRetry: &retry, HeartbeatPeriod: &heartbeat,
	}}
	return x.SQL(), nil
}

func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func viewSources(c *controller, ctx context.Context, _ *sqladmin.Session) ([][]any, []sqladmin.Warning, error) {
	sources, err := c.sources(ctx)
	if err != nil {
		return nil, nil, err
	}
	migrations, err := c.migrations(ctx)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for _, s := range sources {
		id := "AUTO"
		if s.ServerID != 0 {
			id = fmt.Sprint(s.ServerID)
		}
		rows = append(rows, []any{s.Name, s.Host, s.Port, s.User, s.Password.String(), s.Mode, pemOrPath(s.CA), pemOrPath(s.Cert),
			s.Key.String(), id, joined(s.ReplicaHosts), s.Flavor, uint64(time.Duration(s.ConnectRetry) / time.Second),
			time.Duration(s.HeartbeatPeriod).Seconds(), uint64(time.Duration(s.Delay) / time.Second),
			usedBy(migrations, func(m *catalog.Migration) bool { return slices.Contains(m.Spec.Sources, s.Name) }),
			when(s.CreatedAt), when(s.UpdatedAt)})
	}
	return rows, nil, nil
}

// pemOrPath shows a path, and of PEM text only that it is such.
func pemOrPath(s string) string {
	if strings.Contains(s, "-----BEGIN ") {
		return "(PEM)"
	}
	return s
}

func usedBy(migrations []*catalog.Migration, uses func(*catalog.Migration) bool) string {
	var names []string
	for _, m := range migrations {
		if uses(m) {
			names = append(names, m.Name)
		}
	}
	return joined(names)
}

func joined(list []string) string { return strings.Join(list, ",") }

// when is a time for a result: NULL when it is not known.
func when(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}
