package gateway

import (
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"sluice/gateway/migration"
	"sluice/itest/lab/servers"
)

// point is one value of a scrape.
type point struct {
	name   string
	labels map[string]string
	value  float64
}

var (
	sampleLine = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// parseScrape reads a page in Prometheus' text format, and what it declares of types.
func parseScrape(t *testing.T, page, instance string) (points []point, types map[string]string) {
	t.Helper()
	types, helped := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, text, _ := strings.Cut(rest, " ")
			if text == "" || helped[name] {
				t.Errorf("HELP of %s is %q, or there are two", name, text)
			}
			helped[name] = true
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			types[name] = kind
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("a line that is no sample: %q", line)
			continue
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		p := point{m[1], map[string]string{"instance": instance}, v}
		for _, l := range labelPair.FindAllStringSubmatch(m[2], -1) {
			p.labels[l[1]] = l[2]
		}
		points = append(points, p)
		if name := declaredName(types, p.name); name == "" || !helped[name] {
			t.Errorf("%s has no HELP and TYPE before it", p.name)
		}
	}
	return points, types
}

func declaredName(types map[string]string, sample string) string {
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		if name, ok := strings.CutSuffix(sample, suffix); ok && types[name] != "" {
			return name
		}
	}
	return ""
}

// rule is one alert of docs/operations.md.
type rule struct {
	Alert string `yaml:"alert"`
	Expr  string `yaml:"expr"`
}

func documentedRules(t *testing.T) []rule {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "```yaml\ngroups:")
	text, _, ok2 := strings.Cut(text, "```")
	if !ok || !ok2 {
		t.Fatal("docs/operations.md has no rules")
	}
	var doc struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte("groups:"+text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Groups[0].Rules
}

var (
	comparison = regexp.MustCompile(`^(.*) (==|>) (.*)$`)
	aggregate  = regexp.MustCompile(`^(max|min|sum)(?: by \(([a-z, ]+)\))? ?\((?:increase\()?([a-z_]+)(?:\{([a-z_]+)="([^"]*)"\})?(\[[0-9a-z]+\]\))?\)$`)
)

// evaluate says for which groups an expression of the rules holds. It knows what the
// rules use of PromQL: aggregates of selectors, compared with each other or a number.
// earlier are the same metrics some time ago, for increase().
func evaluate(t *testing.T, expr string, now, earlier []point) []string {
	t.Helper()
	m := comparison.FindStringSubmatch(expr)
	if m == nil {
		t.Fatalf("the test cannot evaluate %s", expr)
	}
	left, right := operand(t, m[1], now, earlier), operand(t, m[3], now, earlier)
	var fires []string
	for group, v := range left {
		w, ok := right[group]
		if !ok {
			w, ok = right[""]
		}
		if ok && (m[2] == "==" && v == w || m[2] == ">" && v > w) {
			fires = append(fires, group)
		}
	}
	slices.Sort(fires)
	return fires
}

func operand(t *testing.T, text string, now, earlier []point) map[string]float64 {
	t.Helper()
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return map[string]float64{"": n}
	}
	m := aggregate.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the test cannot evaluate %s", text)
	}
	out := map[string]float64{}
	for _, p := range now {
		if p.name != m[3] || m[4] != "" && p.labels[m[4]] != m[5] {
			continue
		}
		v := p.value
		if m[6] != "" {
			for _, q := range earlier {
				if q.name == p.name && maps.Equal(q.labels, p.labels) {
					v -= q.value
				}
			}
		}
		group := ""
		if m[2] != "" {
			group = p.labels[m[2]]
		}
		old, ok := out[group]
		switch {
		case !ok, m[1] == "max" && v > old, m[1] == "min" && v < old, math.IsNaN(old) && m[1] != "sum":
			out[group] = v
		case m[1] == "sum":
			out[group] = old + v
		}
	}
	return out
}

// firing lists the alerts that fire, with their groups.
func firing(t *testing.T, now, earlier []point) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, r := range documentedRules(t) {
		if groups := evaluate(t, r.Expr, now, earlier); groups != nil {
			out[r.Alert] = groups
		}
	}
	return out
}

func scrape(t *testing.T, nodes ...*testNode) (points []point) {
	t.Helper()
	for _, n := range nodes {
		_, page := get(t, n.HTTPAddr(), "/metrics")
		p, _ := parseScrape(t, page, n.cfg.Name)
		points = append(points, p...)
	}
	return points
}

// valuesOf returns the values of a metric that has these labels, of all nodes.
func valuesOf(points []point, name string, labels ...string) (values []float64) {
	for _, p := range points {
		fits := p.name == name
		for i := 0; i < len(labels); i += 2 {
			fits = fits && p.labels[labels[i]] == labels[i+1]
		}
		if fits {
			values = append(values, p.value)
		}
	}
	return values
}

// TestMetricsAreListed compares what a node exposes with what docs/operations.md lists.
func TestMetricsAreListed(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(sluice_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = m[2] + " " + strings.TrimSpace(m[3])
	}
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY)")
	n := start(t, testConfig(t, store, "n1"))
	c := n.admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION m FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("START MIGRATION m")
	c.one("WAIT FOR MIGRATION m UNTIL CAUGHT_UP TIMEOUT 60")
	until(t, "the channel's metrics", 10*time.Second, func() bool {
		_, body := get(t, n.HTTPAddr(), "/metrics")
		return strings.Contains(body, `sluice_gateway_channel_running{channel="m"} 1`)
	})
	_, body := get(t, n.HTTPAddr(), "/metrics")
	points, types := parseScrape(t, body, "n1")
	exposed := map[string]string{}
	for _, p := range points {
		if !strings.HasPrefix(p.name, "sluice_") {
			continue
		}
		delete(p.labels, "instance")
		exposed[p.name] = strings.TrimSpace(types[p.name] + " " + strings.Join(slices.Sorted(maps.Keys(p.labels)), ", "))
	}
	for name, what := range exposed {
		if says := strings.TrimSpace(listed[name]); says != what {
			t.Errorf("%s is %q, and docs/operations.md says %q", name, what, says)
		}
	}
	for name := range listed {
		if exposed[name] == "" {
			t.Errorf("docs/operations.md lists %s, which the node does not expose", name)
		}
	}
}

// TestAlertsOfAnError has a migration stop by an error on a cluster of two nodes: exactly
// one of them reports it, and the rules of docs/operations.md notice.
func TestAlertsOfAnError(t *testing.T) {
	store, src := servers.ForTest(t, servers.TiDB), servers.ForTest(t, servers.MySQL)
	exec(t, src, "CREATE DATABASE a", "CREATE TABLE a.t (id INT PRIMARY KEY, v INT)", "INSERT INTO a.t VALUES (1,1),(2,2)",
		"CREATE DATABASE b", "CREATE TABLE b.t (id INT PRIMARY KEY)")
	n1, n2 := start(t, testConfig(t, store, "n1")), start(t, testConfig(t, store, "n2"))
	c := n1.admin(t)
	c.ok(sourceSQL("src", src))
	c.ok("CREATE MIGRATION broken FROM SOURCE src REPLICATE_DO_DB=(a)")
	c.ok("CREATE MIGRATION well FROM SOURCE src REPLICATE_DO_DB=(b)")
	c.ok("START MIGRATION ALL")
	for _, m := range []string{"broken", "well"} {
		c.one("WAIT FOR MIGRATION " + m + " UNTIL CAUGHT_UP TIMEOUT 60")
	}
	var before []point
	until(t, "both channels are reported once, and running", 20*time.Second, func() bool {
		before = scrape(t, n1, n2)
		return once(before, "broken", "RUNNING") && once(before, "well", "RUNNING") && len(firing(t, before, before)) == 0
	})
	if lag := valuesOf(before, "sluice_gateway_channel_lag_seconds", "channel", "broken"); len(lag) != 1 || math.IsNaN(lag[0]) {
		t.Errorf("the lag of a running channel is %v", lag)
	}

	exec(t, store, "DELETE FROM a.t WHERE id=2")
	exec(t, src, "UPDATE a.t SET v=3 WHERE id=2")
	c.one("WAIT FOR MIGRATION broken UNTIL STATUS='ERROR' TIMEOUT 30")
	var broken []point
	until(t, "the channel in ERROR is reported once", 20*time.Second, func() bool {
		broken = scrape(t, n1, n2)
		// A node reads states, statuses and errors one after the other.
		errors := valuesOf(broken, "sluice_gateway_channel_errors", "channel", "broken", "class", "DATA")
		lag := valuesOf(broken, "sluice_gateway_channel_lag_seconds", "channel", "broken")
		return once(broken, "broken", "ERROR") && once(broken, "well", "RUNNING") && slices.Equal(errors, []float64{1}) && len(lag) == 1 && lag[0] >= 1
	})
	fires := firing(t, broken, before)
	for _, alert := range []string{"SluiceChannelInError", "SluiceChannelNotRunning", "SluiceChannelErrors"} {
		if !slices.Equal(fires[alert], []string{"broken"}) {
			t.Errorf("%s fires for %v, want broken", alert, fires[alert])
		}
		delete(fires, alert)
	}
	if len(fires) > 0 {
		t.Errorf("further alerts: %v", fires)
	}
	if got := valuesOf(broken, "sluice_gateway_channel_errors", "channel", "broken", "class", "DATA"); !slices.Equal(got, []float64{1}) {
		t.Errorf("errors of the class DATA: %v", got)
	}
	lag := valuesOf(broken, "sluice_gateway_channel_lag_seconds", "channel", "broken")
	if len(lag) != 1 || !(lag[0] >= 1) {
		t.Fatalf("the lag of a channel in ERROR is %v, want 1 s at least", lag)
	}
	until(t, "the lag grows while the channel stands still", 10*time.Second, func() bool {
		now := valuesOf(scrape(t, n1, n2), "sluice_gateway_channel_lag_seconds", "channel", "broken")
		return len(now) == 1 && now[0] >= lag[0]+2
	})

	// The node that reports it ends: the other one does then.
	n1.end(t)
	until(t, "the other node reports the channel", 30*time.Second, func() bool {
		now := scrape(t, n2)
		return once(now, "broken", "ERROR") && once(now, "well", "RUNNING")
	})
}

// once says whether exactly one node reports the channel, and with this status alone.
func once(points []point, channel, status string) bool {
	for _, s := range channelStatuses {
		want := []float64{number(s == status)}
		if !slices.Equal(valuesOf(points, "sluice_gateway_channel_status", "channel", channel, "status", s), want) {
			return false
		}
	}
	return true
}

// TestEachAlertFires shows each rule values at which it fires and at which it does not.
func TestEachAlertFires(t *testing.T) {
	well := []point{
		{"sluice_gateway_channel_running", map[string]string{"channel": "m", "instance": "n1"}, 1},
		{"sluice_gateway_channel_lag_seconds", map[string]string{"channel": "m", "instance": "n1"}, 3},
		{"sluice_gateway_channel_errors", map[string]string{"channel": "m", "class": "DATA", "instance": "n1"}, 0},
		{"sluice_gateway_channel_retries_total", map[string]string{"channel": "m", "instance": "n1"}, 7},
		{"sluice_gateway_channels_desired", map[string]string{"instance": "n1"}, 1},
		{"sluice_gateway_channels_desired", map[string]string{"instance": "n2"}, 1},
		{"sluice_gateway_channels_by_status", map[string]string{"status": "RUNNING", "instance": "n1"}, 1},
		{"sluice_gateway_channels_by_status", map[string]string{"status": "RUNNING", "instance": "n2"}, 0},
		{"sluice_gateway_store_up", map[string]string{"instance": "n1"}, 1},
		{"sluice_gateway_store_up", map[string]string{"instance": "n2"}, 1},
		{"sluice_gateway_ready", map[string]string{"instance": "n1"}, 1},
		{"sluice_gateway_nodes", map[string]string{"state": "dead", "instance": "n1"}, 0},
		{"sluice_gateway_nodes", map[string]string{"state": "alive", "instance": "n1"}, 2},
		{"sluice_gateway_records_dropped_total", map[string]string{"instance": "n1"}, 5},
	}
	for _, s := range channelStatuses {
		well = append(well, point{"sluice_gateway_channel_status", map[string]string{"channel": "m", "status": s, "instance": "n1"}, number(s == "RUNNING")})
	}
	if fires := firing(t, well, well); len(fires) > 0 {
		t.Errorf("alerts of a healthy cluster: %v", fires)
	}
	set := func(name string, v float64, labels ...string) []point {
		out := slices.Clone(well)
		n := 0
		for i, p := range out {
			fits := p.name == name
			for j := 0; j < len(labels); j += 2 {
				fits = fits && p.labels[labels[j]] == labels[j+1]
			}
			if fits {
				out[i].value = v
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%s %v is %d values", name, labels, n)
		}
		return out
	}
	cases := map[string][]point{
		"SluiceChannelInError":     set("sluice_gateway_channel_status", 1, "status", "ERROR"),
		"SluiceChannelRetrying":    set("sluice_gateway_channel_status", 1, "status", "RETRYING"),
		"SluiceChannelFlapping":    set("sluice_gateway_channel_retries_total", 8),
		"SluiceChannelWaiting":     set("sluice_gateway_channel_status", 1, "status", "WAITING"),
		"SluiceChannelNotRunning":  set("sluice_gateway_channel_running", 0),
		"SluiceChannelBehind":      set("sluice_gateway_channel_lag_seconds", 301),
		"SluiceChannelErrors":      set("sluice_gateway_channel_errors", 1),
		"SluiceChannelsUnreported": set("sluice_gateway_channels_desired", 2, "instance", "n2"),
		"SluiceStoreUnreachable":   set("sluice_gateway_store_up", 0, "instance", "n2"),
		"SluiceNodeNotReady":       set("sluice_gateway_ready", 0),
		"SluiceNodeDead":           set("sluice_gateway_nodes", 1, "state", "dead"),
		"SluiceRecordsDropped":     set("sluice_gateway_records_dropped_total", 6),
	}
	for _, r := range documentedRules(t) {
		points, ok := cases[r.Alert]
		if !ok {
			t.Errorf("%s has no case here", r.Alert)
			continue
		}
		if fires := firing(t, points, well); len(fires) != 1 || fires[r.Alert] == nil {
			t.Errorf("%s: %v fire", r.Alert, fires)
		}
	}
}

func TestLagOfAChannelThatStands(t *testing.T) {
	now := time.Now()
	zero := int64(0)
	for _, x := range []struct {
		name string
		st   migration.Status
		want float64
	}{
		{"runs", migration.Status{Status: "RUNNING", Connected: true, SecondsBehind: &zero, AppliedUntil: now}, 0},
		{"stands", migration.Status{Status: "ERROR", AppliedUntil: now.Add(-90 * time.Second)}, 90},
		{"retries", migration.Status{Status: "RETRYING", SecondsBehind: &zero, Connected: true, AppliedUntil: now.Add(-5 * time.Second)}, 5},
		{"stopped a moment ago", migration.Status{Status: "ERROR", AppliedUntil: now.Add(time.Second)}, 1},
		{"never ran", migration.Status{Status: "STARTING"}, math.NaN()},
	} {
		if got := lagOf(&x.st, now); got != x.want && !(math.IsNaN(got) && math.IsNaN(x.want)) {
			t.Errorf("a channel that %s has the lag %v, want %v", x.name, got, x.want)
		}
	}
}

func TestLabelsAreEscaped(t *testing.T) {
	var b strings.Builder
	e := &exposition{w: &b}
	e.one("x", gauge, "a\nb", 1)
	e.open("y", counter, "c")
	e.value(math.NaN(), "l", "a\"b\\c\nd", "m", "é")
	want := "# HELP x a\\nb\n# TYPE x gauge\nx 1\n# HELP y c\n# TYPE y counter\ny{l=\"a\\\"b\\\\c\\nd\",m=\"é\"} NaN\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
