package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/cluster"
)

func TestOpenManyAtOnceAndTwice(t *testing.T) {
	db := emptyStore(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := Open(t.Context(), db, Config{Node: "n1", Keys: ownKey(key)}); err != nil {
				t.Errorf("open: %v", err)
			}
		})
	}
	wg.Wait()
	n := count(t, db, `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ?`, cluster.Schema)
	if want := len(cluster.Tables()) + len(tables()) + 1; n != want {
		t.Errorf("%d tables, want %d", n, want)
	}
	if _, err := Open(t.Context(), db, Config{Node: "n1", Keys: ownKey([]byte("another key, that is long enough"))}); err != nil {
		t.Errorf("another key, while nothing is encrypted: %v", err)
	}
	// A store of the release before gets what it lacks.
	must(t, db, `UPDATE sluice_meta.schema_version SET version = 1`)
	must(t, db, `DROP TABLE sluice_meta.channel_tables`)
	if _, err := Open(t.Context(), db, Config{Node: "n1", Keys: ownKey(key)}); err != nil {
		t.Errorf("a store of version 1: %v", err)
	}
	if n := count(t, db, `SELECT COUNT(*) FROM sluice_meta.channel_tables`); n != 0 {
		t.Errorf("%d pages in a new table", n)
	}
	if n := count(t, db, `SELECT version FROM sluice_meta.schema_version`); n != storeVersion {
		t.Errorf("the store has version %d, want %d", n, storeVersion)
	}
	must(t, db, `UPDATE sluice_meta.schema_version SET version = version + 1`)
	must(t, db, `DROP TABLE sluice_meta.events`)
	_, err := Open(t.Context(), db, Config{Node: "n1", Keys: ownKey(key)})
	refused(t, err, CodeNewerStore)
	if n := count(t, db, `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = 'events'`, cluster.Schema); n != 0 {
		t.Error("a newer store was touched")
	}
}

func TestSources(t *testing.T) {
	c, db := open(t)
	s := Source{Name: "orders", Host: "h", Password: Literal("hush")}
	changed, err := c.CreateSource(t.Context(), s, false, by)
	done(t, changed, err)
	_, err = c.CreateSource(t.Context(), s, false, by)
	refused(t, err, CodeExists)
	changed, err = c.CreateSource(t.Context(), s, true, by)
	nothing(t, changed, err)

	other := s
	other.Port, other.Password = 3307, Literal("other")
	_, err = c.CreateSource(t.Context(), other, true, by)
	refused(t, err, CodeExistsDifferent)
	for _, want := range []string{"port is 3306, not 3307", "password differs"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "other") {
		t.Errorf("a secret shows in %v", err)
	}

	got, err := c.Source(t.Context(), "orders")
	if err != nil || got.Port != 3306 || got.User != "root" || got.Version != 1 || got.CreatedBy != by || got.CreatedAt.IsZero() {
		t.Fatalf("read: %+v, %v", got, err)
	}
	if p, _, err := c.SourceCredentials(t.Context(), got); err != nil || p != "hush" {
		t.Errorf("password %q, %v", p, err)
	}
	if n := count(t, db, `SELECT COUNT(*) FROM sluice_meta.sources WHERE spec LIKE '%hush%'`); n != 0 {
		t.Error("the password is readable in the store")
	}

	changed, err = c.UpdateSource(t.Context(), *got, by)
	nothing(t, changed, err)
	got.Delay = Seconds(90 * time.Second)
	changed, err = c.UpdateSource(t.Context(), *got, "ada")
	done(t, changed, err)
	got.Host = "elsewhere"
	_, err = c.UpdateSource(t.Context(), *got, by)
	refused(t, err, CodeConcurrentChange)
	if !strings.Contains(err.Error(), "ada") {
		t.Errorf("who changed it is not in %v", err)
	}
	again, err := c.Source(t.Context(), "orders")
	if err != nil || again.Delay != got.Delay || again.Host != "h" || again.Version != 2 || again.UpdatedBy != "ada" {
		t.Errorf("after the change: %+v, %v", again, err)
	}
	if p, _, err := c.SourceCredentials(t.Context(), again); err != nil || p != "hush" {
		t.Errorf("the password did not survive the change: %q, %v", p, err)
	}

	_, err = c.Source(t.Context(), "order")
	refused(t, err, CodeUnknown)
	if !strings.Contains(err.Error(), "did you mean 'orders'") {
		t.Error(err)
	}
	changed, err = c.DropSource(t.Context(), "none", true)
	nothing(t, changed, err)
	changed, err = c.DropSource(t.Context(), "orders", false)
	done(t, changed, err)
	_, err = c.DropSource(t.Context(), "orders", false)
	refused(t, err, CodeUnknown)
}

func TestBadDefinitions(t *testing.T) {
	c, _ := open(t)
	for name, s := range map[string]Source{
		"no host":  {Name: "a"},
		"ssl mode": {Name: "a", Host: "h", SSL: SSL{Mode: "MAYBE"}},
		"flavor":   {Name: "a", Host: "h", Flavor: "ORACLE"},
		"hosts":    {Name: "a", Host: "h", ReplicaHosts: []string{"h"}},
		"name":     {Name: "a/b", Host: "h"},
		"times":    {Name: "a", Host: "h", Delay: -1},
	} {
		if _, err := c.CreateSource(t.Context(), s, false, by); !HasCode(err, CodeBadOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := c.CreateTarget(t.Context(), Target{Name: "a"}, false, by)
	refused(t, err, CodeBadOption)
	_, _, err = c.CreateMigration(t.Context(), "m", Spec{}, false, by)
	refused(t, err, CodeBadOption)
}

func TestSecrets(t *testing.T) {
	c, db := open(t)
	c.secretsDir = t.TempDir()
	file := filepath.Join(c.secretsDir, "secret")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLUICE_SECRET_TEST", "from env")
	for name, v := range map[string]SecretValue{"s": StoredSecret("hush"), "f": FileSecret(file), "e": EnvSecret("SLUICE_SECRET_TEST")} {
		changed, err := c.CreateSecret(t.Context(), name, v, false, by)
		done(t, changed, err)
		changed, err = c.CreateSecret(t.Context(), name, v, true, by)
		nothing(t, changed, err)
	}
	for name, want := range map[string]string{"s": "hush", "f": "from file", "e": "from env"} {
		if got, err := c.Secret(t.Context(), name); err != nil || got != want {
			t.Errorf("secret %s: %q, %v", name, got, err)
		}
	}
	// A sealed value that is moved to another name does not open.
	must(t, db, `INSERT INTO sluice_meta.secrets SELECT 'copy', spec, version, created_by, updated_by, created_at, updated_at
  FROM sluice_meta.secrets WHERE name = 's'`)
	_, err := c.Secret(t.Context(), "copy")
	refused(t, err, CodeSecretUnreadable)

	changed, err := c.AlterSecret(t.Context(), "s", StoredSecret("new"), by)
	done(t, changed, err)
	changed, err = c.AlterSecret(t.Context(), "s", StoredSecret("new"), by)
	nothing(t, changed, err)
	if got, err := c.Secret(t.Context(), "s"); err != nil || got != "new" {
		t.Errorf("rotated: %q, %v", got, err)
	}

	changed, err = c.CreateSource(t.Context(), Source{Name: "a", Host: "h", Password: FromSecret("s")}, false, by)
	done(t, changed, err)
	_, err = c.CreateSource(t.Context(), Source{Name: "b", Host: "h", Password: FromSecret("z")}, false, by)
	refused(t, err, CodeUnknown)
	_, err = c.DropSecret(t.Context(), "s", false)
	refused(t, err, CodeInUse)
	infos, err := c.Secrets(t.Context())
	if err != nil || len(infos) != 4 {
		t.Fatalf("%v, %v", infos, err)
	}
	i := slices.IndexFunc(infos, func(i SecretInfo) bool { return i.Name == "s" })
	if !slices.Equal(infos[i].UsedBy, []string{"source 'a'"}) || infos[i].Backend != BackendStore || infos[i].Version != 2 {
		t.Errorf("%+v", infos[i])
	}

	must(t, db, `UPDATE sluice_meta.secrets SET spec = '{"backend":"FILE","path":"none/such"}' WHERE name = 'f'`)
	_, err = c.Secret(t.Context(), "f")
	refused(t, err, CodeSecretUnreadable)
	if text := err.Error(); !errors.Is(err, os.ErrNotExist) || strings.Contains(text, "statat") ||
		!strings.Contains(text, filepath.Join(c.secretsDir, "none/such")+", below --secrets-dir ("+c.secretsDir+")") {
		t.Error(err)
	}
	must(t, db, `UPDATE sluice_meta.secrets SET spec = '{"backend":"FILE","path":"none"}' WHERE name = 'f'`)
	if _, err = c.Secret(t.Context(), "f"); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "statat") {
		t.Error(err)
	}
	keyless, err := Open(t.Context(), db, Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = keyless.Secret(t.Context(), "s")
	refused(t, err, CodeSecretUnreadable)
	_, err = keyless.CreateSecret(t.Context(), "k", StoredSecret("x"), false, by)
	refused(t, err, CodeSecretUnreadable)
	if got, err := keyless.Secret(t.Context(), "e"); err != nil || got != "from env" {
		t.Errorf("without a key: %q, %v", got, err)
	}
}

func TestTargets(t *testing.T) {
	c, _ := open(t)
	d, err := c.Target(t.Context(), "default")
	if err != nil || !d.IsDefault() {
		t.Fatalf("%+v, %v", d, err)
	}
	_, err = c.CreateTarget(t.Context(), Target{Name: "Default", Hosts: []string{"h:1"}}, false, by)
	refused(t, err, CodeExists)
	_, err = c.DropTarget(t.Context(), "DEFAULT", true)
	refused(t, err, CodeInUse)
	changed, err := c.CreateTarget(t.Context(), Target{Name: "t", Hosts: []string{"h:4000"}, Password: Literal("hush")}, false, by)
	done(t, changed, err)
	got, err := c.Target(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	if p, _, err := c.TargetCredentials(t.Context(), got); err != nil || p != "hush" {
		t.Errorf("password %q, %v", p, err)
	}
	source(t, c, "s")
	if _, _, err = c.CreateMigration(t.Context(), "m", Spec{Sources: []string{"s"}, Target: "t"}, false, by); err != nil {
		t.Fatal(err)
	}
	_, err = c.DropTarget(t.Context(), "t", false)
	refused(t, err, CodeInUse)
	if list, err := c.Targets(t.Context()); err != nil || len(list) != 2 || list[0].Name != DefaultTarget {
		t.Errorf("%v, %v", list, err)
	}
}

func channelNames(t *testing.T, c *Catalog, id string) (names []string) {
	t.Helper()
	list, err := c.Channels(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range list {
		names = append(names, ch.Name+" "+ch.Desired)
	}
	return names
}

func TestMigrationLife(t *testing.T) {
	c, db := open(t)
	source(t, c, "s1", "s2")
	spec := Spec{Sources: []string{"s1"}, DoDB: []string{"shop"}, Options: map[string]string{"mode": "ALL"}}
	_, _, err := c.CreateMigration(t.Context(), "m", Spec{Sources: []string{"s3"}}, false, by)
	refused(t, err, CodeUnknown)
	m, changed, err := c.CreateMigration(t.Context(), "m", spec, false, by)
	done(t, changed, err)
	if len(m.ID) != 12 || m.Desired != cluster.DesiredStopped || m.Spec.Target != DefaultTarget || m.Spec.StartAt.Kind != "SNAPSHOT" {
		t.Errorf("%+v", m)
	}
	same, changed, err := c.CreateMigration(t.Context(), "m", spec, true, by)
	nothing(t, changed, err)
	if same.ID != m.ID {
		t.Error("another migration came back")
	}
	different := spec
	different.DoDB = []string{"shop", "bar"}
	_, _, err = c.CreateMigration(t.Context(), "m", different, true, by)
	refused(t, err, CodeExistsDifferent)
	if got := channelNames(t, c, m.ID); !slices.Equal(got, []string{"m STOPPED"}) {
		t.Errorf("channels %v", got)
	}
	_, err = c.DropSource(t.Context(), "s1", false)
	refused(t, err, CodeInUse)

	if n, err := c.SetDesired(t.Context(), "m", "", cluster.DesiredRunning, by); err != nil || n != 1 {
		t.Fatalf("start: %d, %v", n, err)
	}
	if n, err := c.SetDesired(t.Context(), "m", "", cluster.DesiredRunning, by); err != nil || n != 0 {
		t.Errorf("start again: %d, %v", n, err)
	}
	m.Spec.Sources = []string{"s1", "s2"} // SetDesired does not change the version
	m.Name = "shop"
	changed, err = c.UpdateMigration(t.Context(), *m, by)
	done(t, changed, err)
	if got := channelNames(t, c, m.ID); !slices.Equal(got, []string{"shop/s1 RUNNING", "shop/s2 RUNNING"}) {
		t.Errorf("channels %v", got)
	}
	_, err = c.UpdateMigration(t.Context(), *m, by)
	refused(t, err, CodeConcurrentChange)
	_, err = c.SetDesired(t.Context(), "shop", "shop/s3", cluster.DesiredStopped, by)
	refused(t, err, CodeUnknownChannel)
	if n, err := c.SetDesired(t.Context(), "shop", "shop/s2", cluster.DesiredStopped, by); err != nil || n != 1 {
		t.Fatalf("stop one: %d, %v", n, err)
	}
	if m, err = c.MigrationByID(t.Context(), m.ID); err != nil || m.Desired != cluster.DesiredRunning || m.Name != "shop" {
		t.Errorf("%+v, %v", m, err)
	}
	m.Spec.Sources = []string{"s2"}
	_, err = c.UpdateMigration(t.Context(), *m, by) // s1 runs
	refused(t, err, CodeMustStopFirst)
	m.Spec.Sources = []string{"s1"}
	changed, err = c.UpdateMigration(t.Context(), *m, by)
	done(t, changed, err)
	if got := channelNames(t, c, m.ID); !slices.Equal(got, []string{"shop RUNNING"}) {
		t.Errorf("channels %v", got)
	}

	_, err = c.DropMigration(t.Context(), "shop", false)
	refused(t, err, CodeMustStopFirst)
	if _, err := c.SetDesired(t.Context(), "shop", "", cluster.DesiredStopped, by); err != nil {
		t.Fatal(err)
	}
	// A live owner that has not released yet holds it; a dead one does not.
	must(t, db, `INSERT INTO sluice_meta.nodes (node, incarnation, started_at, heartbeat) VALUES ('n1', 4, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))`)
	must(t, db, `UPDATE sluice_meta.channels SET owner = 'n1', owner_incarnation = 4, epoch = 9`)
	_, err = c.DropMigration(t.Context(), "shop", false)
	refused(t, err, CodeMustStopFirst)
	_, err = c.ResetMigration(t.Context(), "shop", "")
	refused(t, err, CodeMustStopFirst)
	must(t, db, `UPDATE sluice_meta.nodes SET heartbeat = UTC_TIMESTAMP(6) - INTERVAL 11 SECOND`)
	if keys, err := c.ResetMigration(t.Context(), "shop", ""); err != nil || !slices.Equal(keys, []string{m.ID + "/s1"}) {
		t.Errorf("reset: %v, %v", keys, err)
	}
	if n := count(t, db, `SELECT epoch FROM sluice_meta.channels`); n != 10 {
		t.Errorf("epoch %d after the reset", n)
	}
	gone, err := c.DropMigration(t.Context(), "shop", false)
	if err != nil || gone.ID != m.ID {
		t.Fatalf("%+v, %v", gone, err)
	}
	if n := count(t, db, `SELECT COUNT(*) FROM sluice_meta.channels`); n != 0 {
		t.Errorf("%d channels are left", n)
	}
	if gone, err := c.DropMigration(t.Context(), "shop", true); err != nil || gone != nil {
		t.Errorf("drop again: %v, %v", gone, err)
	}
	again, _, err := c.CreateMigration(t.Context(), "shop", spec, false, by)
	if err != nil || again.ID == m.ID {
		t.Errorf("the id was used again: %+v, %v", again, err)
	}
	changed, err = c.DropSource(t.Context(), "s2", false)
	done(t, changed, err)
}

func TestRenameOntoAnother(t *testing.T) {
	c, _ := open(t)
	source(t, c, "s")
	for _, n := range []string{"a", "b"} {
		if _, _, err := c.CreateMigration(t.Context(), n, Spec{Sources: []string{"s"}}, false, by); err != nil {
			t.Fatal(err)
		}
	}
	m, err := c.Migration(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	m.Name = "b"
	_, err = c.UpdateMigration(t.Context(), *m, by)
	refused(t, err, CodeExists)
	list, err := c.Migrations(t.Context())
	if err != nil || len(list) != 2 || list[0].Name != "a" || list[0].ID != m.ID || list[1].Desired != cluster.DesiredStopped {
		t.Errorf("%v, %v", list, err)
	}
}

// Whatever races, no migration is left whose source is gone, and an object is
// created once.
func TestRacesLeaveNothingHalfMade(t *testing.T) {
	c, db := open(t)
	for round := range 15 {
		name := fmt.Sprintf("s%d", round)
		source(t, c, name)
		var (
			wg              sync.WaitGroup
			created, droped error
			wins            = make(chan bool, 4)
		)
		wg.Go(func() {
			_, _, created = c.CreateMigration(t.Context(), "m"+name, Spec{Sources: []string{name}}, false, by)
		})
		wg.Go(func() { _, droped = c.DropSource(t.Context(), name, false) })
		for range 4 {
			wg.Go(func() {
				changed, err := c.CreateSource(t.Context(), Source{Name: "x" + name, Host: "h"}, true, by)
				if err != nil {
					t.Errorf("create: %v", err)
				}
				wins <- changed
			})
		}
		wg.Wait()
		close(wins)
		n := 0
		for won := range wins {
			if won {
				n++
			}
		}
		if n != 1 {
			t.Errorf("created %d times", n)
		}
		switch {
		case created == nil && HasCode(droped, CodeInUse), HasCode(created, CodeUnknown) && droped == nil:
		default:
			t.Errorf("create: %v; drop: %v", created, droped)
		}
	}
	if n := count(t, db, `SELECT COUNT(*) FROM sluice_meta.channels c LEFT JOIN sluice_meta.sources s ON s.name = c.source WHERE s.name IS NULL`); n != 0 {
		t.Errorf("%d channels have no source", n)
	}
	if n := count(t, db, `SELECT COUNT(*) FROM sluice_meta.migrations m LEFT JOIN sluice_meta.channels c ON c.migration_id = m.id WHERE c.channel IS NULL`); n != 0 {
		t.Errorf("%d migrations have no channel", n)
	}
}

func TestChannelStatusIsFenced(t *testing.T) {
	c, db := open(t)
	source(t, c, "s")
	m, _, err := c.CreateMigration(t.Context(), "m", Spec{Sources: []string{"s"}}, false, by)
	if err != nil {
		t.Fatal(err)
	}
	ch := m.ChannelKey("s")
	must(t, db, `UPDATE sluice_meta.channels SET epoch = 3`)
	write := func(node string, epoch uint64, status string) {
		t.Helper()
		list := []ChannelStatus{{Channel: ch, Epoch: epoch, Status: []byte(status)}}
		for i := range 250 { // several statements
			list = append(list, ChannelStatus{Channel: fmt.Sprintf("other/%d", i), Epoch: 1, Status: []byte("{}")})
		}
		if err := c.WriteStatus(t.Context(), node, list); err != nil {
			t.Fatal(err)
		}
	}
	write("n2", 3, `{"lag":2}`)
	write("n1", 2, `{"lag":1}`)
	got, err := c.Status(t.Context(), m.ID)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	if s := got[ch]; s.Node != "n2" || s.Epoch != 3 || string(s.Status) != `{"lag":2}` || s.UpdatedAt.IsZero() || s.Age > time.Minute {
		t.Errorf("%+v", s)
	}
	write("n3", 4, `{"lag":3}`)
	if got, err = c.Status(t.Context(), ""); err != nil || len(got) != 251 || got[ch].Node != "n3" {
		t.Errorf("%d rows, %+v, %v", len(got), got[ch], err)
	}
	for epoch, want := range map[uint64]bool{2: false, 3: true} {
		if ok, err := c.SetChannelPhase(t.Context(), ch, epoch, "COPY", "RUNNING"); err != nil || ok != want {
			t.Errorf("phase at epoch %d: %v, %v", epoch, ok, err)
		}
	}
	if st, err := c.ChannelByName(t.Context(), "m"); err != nil || st.Phase != "COPY" || st.Status != "RUNNING" || st.Channel != ch {
		t.Errorf("%+v, %v", st, err)
	}
	_, err = c.ChannelByName(t.Context(), "mm")
	refused(t, err, CodeUnknownChannel)
}

// TestTablePagesAreFenced: what an older owner writes late neither replaces nor
// removes a newer one's pages, and is not read.
func TestTablePagesAreFenced(t *testing.T) {
	c, db := open(t)
	source(t, c, "s")
	m, _, err := c.CreateMigration(t.Context(), "m", Spec{Sources: []string{"s"}}, false, by)
	if err != nil {
		t.Fatal(err)
	}
	ch := m.ChannelKey("s")
	m2, _, err := c.CreateMigration(t.Context(), "other", Spec{Sources: []string{"s"}}, false, by)
	if err != nil {
		t.Fatal(err)
	}
	owned := func(epoch int) { must(t, db, fmt.Sprintf(`UPDATE sluice_meta.channels SET epoch = %d`, epoch)) }
	write := func(channel string, epoch uint64, whole bool, pages ...int) {
		t.Helper()
		var list []TablePage
		for _, p := range pages {
			list = append(list, TablePage{Page: p, Tables: fmt.Appendf(nil, "[%d%s]", epoch, strings.Repeat(" ", 100_000))})
		}
		if err := c.WriteTables(t.Context(), channel, epoch, list, whole); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what, want string) {
		t.Helper()
		all, err := c.Tables(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range all[ch] {
			if len(p.Tables) != 100_003 {
				t.Errorf("%s: page %d has %d bytes", what, p.Page, len(p.Tables))
			}
			got = append(got, fmt.Sprintf("%d:%s", p.Page, strings.ReplaceAll(string(p.Tables), " ", "")))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", what, s, want)
		}
	}
	many := make([]int, 40) // several statements
	for i := range many {
		many[i] = i
	}
	owned(2)
	write(m2.ChannelKey("s"), 2, true, many...)
	write(ch, 2, true, 0, 1, 2, 3)
	check("first", "0:[2] 1:[2] 2:[2] 3:[2]")
	owned(3)
	write(ch, 2, false, 1, 9)
	write(ch, 2, true, 0)
	check("the old owner while the new one has written nothing", "0:[2] 1:[2] 2:[2] 3:[2]")
	write(ch, 3, true, 0, 1)
	check("a new owner with fewer", "0:[3] 1:[3]")
	write(ch, 2, false, 1)
	write(ch, 2, true, 0, 1, 2)
	check("the old owner, late", "0:[3] 1:[3]")
	write(ch, 3, false, 1, 4)
	check("one more", "0:[3] 1:[3] 4:[3]")
	if all, err := c.Tables(t.Context()); err != nil || len(all[m2.ChannelKey("s")]) != 40 {
		t.Errorf("%d pages of the other channel, %v", len(all[m2.ChannelKey("s")]), err)
	}
	if _, err := c.ResetMigration(t.Context(), "m", ""); err != nil {
		t.Fatal(err)
	}
	write(ch, 3, true, 0)
	check("after RESET, late", "")
	owned(5)
	write(ch, 5, true, 0)
	if _, err := c.DropMigration(t.Context(), "m", false); err != nil {
		t.Fatal(err)
	}
	write(ch, 5, true, 0, 1)
	if n := count(t, db, `SELECT COUNT(*) FROM sluice_meta.channel_tables WHERE channel = ?`, ch); n != 0 {
		t.Errorf("%d pages are left of a dropped migration", n)
	}
}

func TestRecords(t *testing.T) {
	c, db := open(t)
	id, err := c.BeginOperation(t.Context(), Operation{Statement: "DROP SOURCE a", User: "root", Host: "h", Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.EndOperation(t.Context(), id, 0, 61006, "in use"); err != nil {
		t.Fatal(err)
	}
	ops, err := c.Operations(t.Context(), 10)
	if err != nil || len(ops) != 1 || ops[0].ID != id || ops[0].State != "FAILED" || ops[0].Errno != 61006 || ops[0].FinishedAt.IsZero() {
		t.Errorf("%+v, %v", ops, err)
	}

	for i := range 3 {
		if err := c.AddEvent(t.Context(), Event{MigrationID: "x", Migration: "m", Kind: "PHASE", Message: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if ev, err := c.Events(t.Context(), "x", 2); err != nil || len(ev) != 2 || ev[0].Message != "2" {
		t.Errorf("%+v, %v", ev, err)
	}
	if ev, err := c.Events(t.Context(), "y", 2); err != nil || len(ev) != 0 {
		t.Errorf("%+v, %v", ev, err)
	}

	e := MigrationError{MigrationID: "x", Migration: "m", Channel: "m", Errno: 1062, Class: "DATA", Message: "duplicate", Remedy: "look"}
	other := e
	other.Errno = 1146
	for range 3 {
		if err := c.ReportError(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.ReportError(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	errs, err := c.Errors(t.Context(), "x", 10)
	if err != nil || len(errs) != 2 || errs[1].Count != 3 || errs[0].Count != 1 || !errs[0].ResolvedAt.IsZero() || errs[1].At.Before(errs[1].FirstAt) {
		t.Fatalf("%+v, %v", errs, err)
	}
	if n, err := c.ResolveErrors(t.Context(), "x", "m"); err != nil || n != 2 {
		t.Errorf("resolved %d, %v", n, err)
	}
	if err := c.ReportError(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	errs, err = c.Errors(t.Context(), "x", 10)
	if err != nil || len(errs) != 3 || errs[0].Count != 1 || !errs[0].ResolvedAt.IsZero() || errs[1].ResolvedAt.IsZero() {
		t.Errorf("%+v, %v", errs, err)
	}

	must(t, db, `UPDATE sluice_meta.events SET at = at - INTERVAL 2 HOUR WHERE message <> '2'`)
	must(t, db, `UPDATE sluice_meta.errors SET resolved_at = resolved_at - INTERVAL 2 HOUR`)
	if n, err := c.Prune(t.Context(), time.Hour); err != nil || n != 4 {
		t.Errorf("pruned %d, %v", n, err)
	}
	if errs, err = c.Errors(t.Context(), "", 10); err != nil || len(errs) != 1 {
		t.Errorf("%+v, %v", errs, err)
	}

	// An open error of a migration that is gone is nobody's to resolve.
	must(t, db, `UPDATE sluice_meta.errors SET at = at - INTERVAL 2 HOUR`)
	if n, err := c.Prune(t.Context(), time.Hour); err != nil || n != 1 {
		t.Errorf("pruned %d errors of no migration, %v", n, err)
	}
}
