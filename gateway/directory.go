package gateway

import (
	"context"
	"strings"
	"sync"

	"sluice/cluster"
	"sluice/gateway/catalog"
	"sluice/gateway/migration"
)

// directory is the catalog as migration.Directory, as of its first use.
type directory struct {
	catalog *catalog.Catalog

	mu     sync.Mutex
	read   bool
	byID   map[string]*catalog.Migration
	states map[string]cluster.ChannelState
}

// OtherChannel implements migration.Directory.
func (d *directory) OtherChannel(ctx context.Context, key string) (migration.OtherChannel, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.read {
		if err := d.load(ctx); err != nil {
			return migration.OtherChannel{}, err
		}
	}
	id, _, _ := strings.Cut(key, "/")
	if d.byID[id] != nil {
		return otherChannel(d.byID[id], d.states[key], key), nil
	}
	// A record of a migration that was dropped here does not count. One that this
	// store never knew is another cluster's, which shares the target: it counts.
	knew, err := d.catalog.KnewMigration(ctx, id)
	if err != nil {
		return migration.OtherChannel{}, err
	}
	return migration.OtherChannel{Name: migration.UnknownChannel, Gone: knew, Running: true}, nil
}

// currentDirectory is the catalog as migration.Directory, read anew for each question.
type currentDirectory struct{ *services }

// OtherChannel implements migration.Directory.
func (d currentDirectory) OtherChannel(ctx context.Context, key string) (migration.OtherChannel, error) {
	return (&directory{catalog: d.catalog}).OtherChannel(ctx, key)
}

func (d *directory) load(ctx context.Context) error {
	list, err := d.catalog.Migrations(ctx)
	if err != nil {
		return err
	}
	states, err := d.catalog.Channels(ctx, "")
	if err != nil {
		return err
	}
	d.byID, d.states, d.read = map[string]*catalog.Migration{}, map[string]cluster.ChannelState{}, true
	for _, m := range list {
		d.byID[m.ID] = m
	}
	for _, s := range states {
		d.states[s.Channel] = s
	}
	return nil
}

// otherChannel says what a channel is by its migration's definition.
func otherChannel(m *catalog.Migration, state cluster.ChannelState, key string) migration.OtherChannel {
	_, src, _ := strings.Cut(key, "/")
	o := migration.OtherChannel{Name: m.ChannelName(src), Running: state.Desired == cluster.DesiredRunning && state.Status != migration.StatusError}
	if rules, err := compile(&m.Spec); err == nil {
		o.Rules = rules
	}
	return o
}
