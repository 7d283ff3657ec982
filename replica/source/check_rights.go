package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"sluice/replica"
)

// isDenied says whether err is a missing right.
func isDenied(err error) bool {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Number {
	case 1044, 1142, 1143, 1227, 1401:
		return true
	}
	return false
}

// account returns the connected account for a GRANT.
func (c *checker) account(ctx context.Context) string {
	var name string
	if err := c.src.db.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&name); err != nil {
		return "the account"
	}
	user, host, _ := cutLast(name, "@")
	return replica.Quote(user) + "@" + replica.Quote(host)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// checkReplicationClient tries what the right is for.
func checkReplicationClient(ctx context.Context, c *checker) error {
	if !c.facts.LogBin {
		return nil
	}
	_, err := c.src.BinlogEnd(ctx)
	if isDenied(err) {
		c.add("right_replication_client", Error, "the account may not ask for the binlog's position", "grant REPLICATION CLIENT",
			"GRANT REPLICATION CLIENT ON *.* TO "+c.account(ctx))
		return nil
	}
	if err == nil {
		c.add("right_replication_client", OK, "the account may ask for the binlog's position", "", "")
	}
	return err
}

// checkReplicationSlave finds out whether the account may receive the binlog.
// MySQL asks for the same right to list replicas, which covers roles too;
// MariaDB asks for another one, so the grants are read.
func checkReplicationSlave(ctx context.Context, c *checker) error {
	var may bool
	var err error
	if c.facts.Flavor == FlavorMySQL {
		query := "SHOW REPLICAS"
		if !c.facts.AtLeast(8, 0, 22) {
			query = "SHOW SLAVE HOSTS"
		}
		_, err = firstRow(ctx, c.src.db, query)
		may = err == nil
		if isDenied(err) {
			err = nil
		}
	} else {
		may, err = c.granted(ctx, "REPLICATION SLAVE", "REPLICATION REPLICA")
	}
	if err != nil {
		return err
	}
	if may {
		c.add("right_replication_slave", OK, "the account may receive the binlog", "", "")
		return nil
	}
	c.add("right_replication_slave", Error, "the account may not receive the binlog", "grant REPLICATION SLAVE",
		"GRANT REPLICATION SLAVE ON *.* TO "+c.account(ctx))
	return nil
}

// globalGrant matches a grant on everything and takes its list of rights.
var globalGrant = regexp.MustCompile(`(?i)^GRANT (.*) ON \*\.\* TO `)

// granted says whether one of the rights is granted on everything.
func (c *checker) granted(ctx context.Context, rights ...string) (bool, error) {
	rows, err := c.src.db.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return false, err
		}
		if grantsAll(line, rights...) {
			return true, rows.Close() // reads the end of the answer, where an error can be
		}
	}
	return false, rows.Err()
}

// grantsAll says whether a line of SHOW GRANTS grants one of the rights on
// everything.
func grantsAll(line string, rights ...string) bool {
	m := globalGrant.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	for have := range strings.SplitSeq(strings.ToUpper(m[1]), ",") {
		have = strings.TrimSpace(have)
		for _, want := range rights {
			if have == want || have == "ALL PRIVILEGES" {
				return true
			}
		}
	}
	return false
}

// checkBinlogFilters looks for schemas that never reach the binlog.
func checkBinlogFilters(ctx context.Context, c *checker) error {
	row, err := c.src.binlogStatus(ctx, c.src.db)
	if isDenied(err) || err == nil && row == nil {
		return nil // reported by others
	}
	if err != nil {
		return err
	}
	do, ignore := nameSet(row["binlog_do_db"]), nameSet(row["binlog_ignore_db"])
	reported := map[string]bool{}
	for _, t := range c.tables {
		out := len(do) > 0 && !do[t.Schema] || ignore[t.Schema]
		if out && !reported[t.Schema] {
			reported[t.Schema] = true
			c.addFor(TableInfo{Schema: t.Schema}, t.Schema, "binlog_filter", Error, "binlog_do_db or binlog_ignore_db keeps this schema out of the binlog",
				"remove the filter from the server's configuration and restart it", "")
		}
	}
	return nil
}

func nameSet(list string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		if name != "" {
			m[name] = true
		}
	}
	return m
}

// checkXA looks for prepared XA transactions, which delay a copy's start.
func checkXA(ctx context.Context, c *checker) error {
	row, err := firstRow(ctx, c.src.db, "XA RECOVER")
	if isDenied(err) {
		c.add("right_xa_recover", Info, "the account may not list prepared XA transactions",
			"grant XA_RECOVER_ADMIN if applications use XA", "GRANT XA_RECOVER_ADMIN ON *.* TO "+c.account(ctx))
		return nil
	}
	if err != nil {
		return err
	}
	if row != nil {
		c.add("xa_prepared", Warning, "prepared XA transactions wait for their COMMIT or ROLLBACK; a copy cannot start before they end",
			"end them; XA RECOVER lists them", "")
	}
	return nil
}

// checkTableRights reads nothing from every table.
func checkTableRights(ctx context.Context, c *checker) error {
	if err := c.readSelects(ctx); err != nil {
		return err
	}
	var mu sync.Mutex
	denied := map[int]bool{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(createReaders)
	for i, t := range c.tables {
		g.Go(func() (err error) {
			defer replica.Recover(&err)
			var n int
			err = c.src.db.QueryRowContext(gctx, "SELECT 1 FROM (SELECT * FROM "+replica.QuoteTable(t.Schema, t.Name)+" LIMIT 0) t").Scan(&n)
			switch {
			case err == nil, errors.Is(err, sql.ErrNoRows), isNoTable(err):
				return nil
			case isDenied(err):
				mu.Lock()
				denied[i] = true
				mu.Unlock()
				return nil
			}
			return fmt.Errorf("read %s.%s: %w", t.Schema, t.Name, err)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, t := range c.tables {
		if denied[i] {
			c.addFor(t, t.object(), "right_select", Error, "the account may not read all columns of the table",
				"grant SELECT", "GRANT SELECT ON "+replica.QuoteTable(t.Schema, t.Name)+" TO "+c.account(ctx))
		}
	}
	c.fine("right_select", "the account may read the tables")
	return nil
}
