package source_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/itest/lab/servers"
	"sluice/replica/source"
)

// TestLoadThreads: statements that run are counted, the asking one is not.
func TestLoadThreads(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		src := open(t, config(s))
		p := src.LoadProbe()
		defer p.Close()
		idle, err := p.Read(t.Context())
		if err != nil || idle.BehindKnown || idle.Threads > 8 {
			t.Fatalf("an idle server's load is %+v, %v", idle, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		db := writer(t, s)
		for range 20 {
			wg.Go(func() {
				var n int
				_ = db.QueryRowContext(ctx, "SELECT SLEEP(600)").Scan(&n)
			})
		}
		defer wg.Wait()
		defer stop()
		end := time.Now().Add(time.Minute)
		for {
			l, err := p.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if l.Threads >= 20 {
				if l.Threads > idle.Threads+28 {
					t.Errorf("20 statements make a load of %d", l.Threads)
				}
				return
			}
			if time.Now().After(end) {
				t.Fatalf("20 statements make a load of %d", l.Threads)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

// TestLoadWithoutRight: an account that may not ask for the lag still sees the
// threads.
func TestLoadWithoutRight(t *testing.T) {
	eachServer(t, func(t *testing.T, s *servers.Server) {
		exec(t, writer(t, s), "CREATE USER 'bare'@'%' IDENTIFIED BY 'pw'")
		cfg := config(s)
		cfg.User, cfg.Password = "bare", "pw"
		p := open(t, cfg).LoadProbe()
		defer p.Close()
		for range 2 {
			if l, err := p.Read(t.Context()); err != nil || l.BehindKnown {
				t.Errorf("%+v, %v", l, err)
			}
		}
	})
}

// TestLoadReconnects after its connection broke, and not before it said so.
func TestLoadReconnects(t *testing.T) {
	s := servers.ForTest(t, servers.MySQL)
	p := open(t, config(s)).LoadProbe()
	defer p.Close()
	if _, err := p.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := writer(t, s)
	var id int64
	if err := db.QueryRow("SELECT MAX(id) FROM information_schema.processlist WHERE id<>CONNECTION_ID() AND command='Sleep'").Scan(&id); err != nil {
		t.Fatal(err)
	}
	exec(t, db, fmt.Sprintf("KILL %d", id))
	if _, err := p.Read(t.Context()); err == nil {
		t.Fatal("a killed connection answered")
	}
	if _, err := p.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestLoadOfReplica: the lag of a source that is itself a replica.
func TestLoadOfReplica(t *testing.T) {
	for _, kind := range []servers.Kind{servers.MySQL, servers.MariaDB} {
		t.Run(string(kind), func(t *testing.T) {
			top, s := servers.ForTest(t, kind, "--server-id=901"), servers.ForTest(t, kind, "--server-id=902")
			exec(t, writer(t, top), "CREATE USER 'repl'@'%' IDENTIFIED BY 'pw'", "GRANT REPLICATION SLAVE ON *.* TO 'repl'@'%'")
			from := fmt.Sprintf("'%s', %%[1]s_PORT=%d, %%[1]s_USER='repl', %%[1]s_PASSWORD='pw'", top.Host, top.Port)
			db := writer(t, s)
			if kind == servers.MySQL {
				exec(t, db, "CHANGE REPLICATION SOURCE TO SOURCE_HOST="+fmt.Sprintf(from, "SOURCE")+", GET_SOURCE_PUBLIC_KEY=1", "START REPLICA")
			} else {
				exec(t, db, "CHANGE MASTER TO MASTER_HOST="+fmt.Sprintf(from, "MASTER"), "START SLAVE")
			}
			p := open(t, config(s)).LoadProbe()
			defer p.Close()
			reaches := func(what string, ok func(source.Load) bool) {
				t.Helper()
				end := time.Now().Add(time.Minute)
				for {
					l, err := p.Read(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if ok(l) {
						return
					}
					if time.Now().After(end) {
						t.Fatalf("%s: %+v", what, l)
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
			reaches("it replicates", func(l source.Load) bool { return l.BehindKnown && l.Behind == 0 })
			// A transaction that the replica may not apply for two seconds.
			exec(t, writer(t, top), "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)")
			reaches("the table is there", func(source.Load) bool {
				var n int
				return db.QueryRow("SELECT COUNT(*) FROM d.t").Scan(&n) == nil
			})
			lock, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			if _, err := lock.ExecContext(t.Context(), "LOCK TABLES d.t READ"); err != nil {
				t.Fatal(err)
			}
			exec(t, writer(t, top), "INSERT INTO d.t VALUES (1)")
			reaches("it is behind", func(l source.Load) bool { return l.BehindKnown && l.Behind >= 2*time.Second })
			if _, err := lock.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
				t.Fatal(err)
			}
			reaches("it caught up", func(l source.Load) bool { return l.BehindKnown && l.Behind == 0 })
		})
	}
}
