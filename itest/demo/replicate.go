package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/itest/lab/servers"
)

// The second part of the demo, in time since the traffic began.
const (
	trafficTime = 20 * time.Second
	columnAt    = 4 * time.Second
	indexAt     = 7 * time.Second
	killAt      = 10 * time.Second
	showEvery   = 200 * time.Millisecond
	// takeoverLimit is far above the seconds that it should take.
	takeoverLimit = 45 * time.Second
)

// replicate writes to the source for a while, alters a table and kills the
// node that applies. The customers stay until another node applies.
func (d *demo) replicate(ctx context.Context) error {
	d.out.heading(fmt.Sprintf("%.0f seconds of customers, while it replicates", trafficTime.Seconds()))
	d.traffic = &traffic{db: d.from}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	group, groupCtx := errgroup.WithContext(writing)
	group.Go(func() error { return d.traffic.run(groupCtx) })
	group.Go(func() error { return d.meter(groupCtx) })
	group.Go(func() error {
		defer stop()
		return d.events(groupCtx)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// events does to the shop what makes the demo worth watching.
func (d *demo) events(ctx context.Context) error {
	began := time.Now()
	for _, e := range []struct {
		at time.Duration
		do func(context.Context) error
	}{
		{columnAt, d.alter("ALTER TABLE orders ADD COLUMN channel VARCHAR(16) NOT NULL DEFAULT 'web' AFTER status")},
		{indexAt, d.alter("CREATE INDEX by_status ON orders (status, created_at)")},
		{killAt, d.kill},
		{trafficTime, func(context.Context) error { return nil }},
	} {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(began.Add(e.at))):
		}
		if err := e.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) alter(ddl string) func(context.Context) error {
	return func(ctx context.Context) error {
		d.out.statement(string(d.source.Kind), ddl)
		if _, err := d.from.ExecContext(ctx, ddl); err != nil {
			return fmt.Errorf("alter a table of the source: %w", err)
		}
		return nil
	}
}

// kill ends the node that owns the channel, and waits until another applies.
func (d *demo) kill(ctx context.Context) error {
	channel, err := d.nodes.Channel(ctx, "shop")
	if err != nil {
		return err
	}
	victim := d.nodes.Named(channel["Node"])
	if victim == nil {
		return fmt.Errorf("no node owns the channel: its owner is %q", channel["Node"])
	}
	newest, err := d.newestOrder(ctx)
	if err != nil {
		return err
	}
	d.out.line("$ kill -9 %s    # it applies everything", victim.Name)
	began := time.Now()
	if err := victim.Kill(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, takeoverLimit)
	defer cancel()
	for ctx.Err() == nil {
		now, err := d.newestOrder(ctx)
		if err == nil && now > newest {
			// The first order that was written after the kill has arrived, or
			// one that waited for it: both say that somebody applies.
			if owner, err := d.nodes.Channel(ctx, "shop"); err == nil && owner["Node"] != victim.Name {
				d.failover = fmt.Sprintf("%s was killed with -9 in the middle of it; %s took over and applied again after %.1f s.",
					victim.Name, owner["Node"], time.Since(began).Seconds())
				d.out.line("%s", d.failover)
				return nil
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(showEvery / 4):
		}
	}
	return fmt.Errorf("%s was killed and nobody took over in %v", victim.Name, takeoverLimit)
}

// newestOrder is the newest order that the target shows.
func (d *demo) newestOrder(ctx context.Context) (id int64, err error) {
	err = d.to.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM orders").Scan(&id)
	return id, err
}

// meter shows the pace at the source, how long ago the oldest order was
// committed there that the target does not show, and who applies.
func (d *demo) meter(ctx context.Context) error {
	began, owner := time.Now(), "-"
	tick := time.NewTicker(showEvery)
	defer tick.Stop()
	var rate float64
	last, lastAt := int64(0), began
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		id, err := d.newestOrder(ctx)
		if err != nil {
			continue // while the context ends; a target that is gone shows in the comparison
		}
		lag := d.traffic.placed.lag(id)
		if now := time.Now(); now.Sub(lastAt) >= time.Second {
			n := d.traffic.transactions.Load()
			rate = float64(n-last) / now.Sub(lastAt).Seconds()
			last, lastAt = n, now
			if row, err := d.nodes.Channel(ctx, "shop"); err == nil {
				owner = row["Node"]
			}
		}
		d.out.update("%4.0f s   %s transactions written, %3.0f/s   lag %5.2f s   applied by %s",
			time.Since(began).Seconds(), count(d.traffic.transactions.Load()), rate, lag.Seconds(), owner)
	}
}

// client is how to call a mysql command line here.
func (d *demo) client(ctx context.Context) string {
	for _, name := range []string{"mysql", "mariadb"} {
		if _, err := exec.LookPath(name); err == nil {
			return name
		}
	}
	// The lab has one, which came with the server. MariaDB's speaks to all three.
	l, err := servers.LocateClient(ctx, servers.TiDB, d.log)
	if err != nil {
		return "mysql"
	}
	return strings.Join(l.Argv, " ")
}

func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return p
}
