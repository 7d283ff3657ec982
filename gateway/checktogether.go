package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sluice/gateway/catalog"
	"sluice/gateway/migration"
	"sluice/replica"
)

// checked is one channel of a candidate and what its check found.
type checked struct {
	source string
	name   string
	found  migration.Checked
}

// job is one channel that is to be checked.
type job struct {
	k    *candidate
	cfg  migration.Config
	done func()
}

// checkTogether checks the channels of migrations and keeps what was found. Each source
// is looked at once for all channels that it has here, and sources are looked at side
// by side. The error is one that concerns all of them, such as that of the store.
func (c *controller) checkTogether(ctx context.Context, list []*candidate) error {
	jobs, err := c.checkJobs(ctx, list)
	defer func() {
		for _, of := range jobs {
			for _, j := range of {
				j.done()
			}
		}
	}()
	if err != nil {
		return err
	}
	var (
		g  errgroup.Group
		mu sync.Mutex
	)
	g.SetLimit(startAtOnce)
	for name, of := range jobs {
		g.Go(func() error {
			found := c.checkSourceOf(ctx, of, max(1, startAtOnce/len(jobs)))
			mu.Lock()
			defer mu.Unlock()
			for i, j := range of {
				j.k.channels = append(j.k.channels, checked{source: name, name: j.cfg.Name, found: found[i]})
			}
			return nil
		})
	}
	_ = g.Wait() // each channel has its own error
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, k := range list {
		k.gather()
	}
	shareTargets(list)
	return c.keepChecks(ctx, list)
}

// checkJobs makes the settings of all channels, by source. A migration that cannot be
// set up has its own error.
func (c *controller) checkJobs(ctx context.Context, list []*candidate) (map[string][]job, error) {
	jobs := map[string][]job{}
	reader := &definitions{services: c.services, directory: &directory{catalog: c.catalog}}
	for _, k := range list {
		for _, src := range k.sources {
			cfg, done, err := reader.config(ctx, k.m, src)
			if ctx.Err() != nil {
				return jobs, context.Cause(ctx)
			}
			if err != nil && ofStore(err) {
				return jobs, err
			}
			if err != nil {
				k.err = err
				break
			}
			jobs[src] = append(jobs[src], job{k: k, cfg: cfg, done: done})
		}
	}
	return jobs, nil
}

// definitions reads the definitions for one statement, each source and target once.
type definitions struct {
	*services
	directory *directory
	sources   map[string]*catalog.Source
	targets   map[string]*catalog.Target
}

func (d *definitions) config(ctx context.Context, m *catalog.Migration, src string) (migration.Config, func(), error) {
	if d.sources == nil {
		d.sources, d.targets = map[string]*catalog.Source{}, map[string]*catalog.Target{}
	}
	def := definition{migration: m, source: d.sources[src], target: d.targets[m.Spec.Target]}
	var err error
	if def.source == nil {
		if def.source, err = d.catalog.Source(ctx, src); err != nil {
			return migration.Config{}, nil, err
		}
		d.sources[src] = def.source
	}
	if def.target == nil {
		if def.target, err = d.catalog.Target(ctx, m.Spec.Target); err != nil {
			return migration.Config{}, nil, err
		}
		d.targets[m.Spec.Target] = def.target
	}
	cfg, tg, done, err := d.channelConfig(ctx, def)
	if err == nil {
		cfg.Target = tg.checks
	}
	cfg.Directory = d.directory
	return cfg, done, err
}

// checkSourceOf checks channels of one source, for at most checkPatience.
func (c *controller) checkSourceOf(ctx context.Context, of []job, atOnce int) []migration.Checked {
	cfgs := make([]migration.Config, len(of))
	for i, j := range of {
		cfgs[i] = j.cfg
		cfgs[i].Source.AnswerTimeout = migration.CheckAnswer
	}
	bounded, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	var found []migration.Checked
	if err := replica.Safely(func() error { found = migration.CheckAll(bounded, cfgs, atOnce); return nil }); err != nil {
		found = make([]migration.Checked, len(of))
		for i := range found {
			found[i].Err = err
		}
	}
	for i := range found {
		if found[i].Err != nil {
			found[i].Err = c.serverError(ctx, bounded, found[i].Err, fmt.Sprintf("check of channel '%s'", cfgs[i].Name))
		}
	}
	return found
}

// gather makes one list of what was found about the channels, in the order of the
// migration's sources.
func (k *candidate) gather() {
	slices.SortStableFunc(k.channels, func(a, b checked) int {
		return slices.Index(k.m.Spec.Sources, a.source) - slices.Index(k.m.Spec.Sources, b.source)
	})
	for _, ch := range k.channels {
		if k.err == nil {
			k.err = ch.found.Err
		}
		for _, f := range ch.found.Findings {
			if len(k.m.Spec.Sources) > 1 {
				f.Object = strings.TrimSpace(ch.source + " " + f.Object)
			}
			k.findings = append(k.findings, f)
		}
	}
}

// shareTargets finds target tables that two of the channels would write: two sources of
// one migration, or two migrations that are started together. Before they have begun,
// the target says nothing about that.
func shareTargets(list []*candidate) {
	type place struct{ target, table string }
	writer := map[place]string{}
	for _, k := range list {
		if k.err != nil {
			continue
		}
		mine := map[place]string{}
		for _, ch := range k.channels {
			for _, table := range ch.found.Targets {
				p := place{strings.ToLower(k.m.Spec.Target), table}
				other := writer[p]
				if other == "" {
					other = mine[p]
				}
				if other == "" {
					mine[p] = ch.name
					continue
				}
				schema, name, _ := strings.Cut(table, "\x00")
				f := migration.SharedTarget(schema, name, other)
				if len(k.m.Spec.Sources) > 1 {
					f.Object = ch.source + " " + f.Object
				}
				k.findings = append(k.findings, f)
			}
		}
		if refusal(k.m, k.findings) != nil {
			continue // it will not write them
		}
		for p, name := range mine {
			writer[p] = name
		}
	}
}

// keepChecks stores what was found about each migration.
func (c *controller) keepChecks(ctx context.Context, list []*candidate) error {
	found := map[string]json.RawMessage{}
	for _, k := range list {
		if k.err != nil {
			continue
		}
		b, err := json.Marshal(k.findings)
		if err != nil {
			return fmt.Errorf("encode checks: %w", err)
		}
		found[k.m.ID] = b
	}
	return c.catalog.WriteChecks(ctx, found)
}
