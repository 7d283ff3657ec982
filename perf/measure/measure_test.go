package measure

import (
	"os"
	"testing"
	"time"
)

func TestParseMetrics(t *testing.T) {
	page := []byte("# HELP a b\na_total{channel=\"x y\"} 3\na_total{channel=\"z\"} 4.5\na_total_more 100\nb 1e3\nbroken\n")
	m := parseMetrics(page, nil)
	if got := m.Sum("a_total"); got != 7.5 {
		t.Errorf("a_total is %g", got)
	}
	if m["b"] != 1000 || len(m) != 4 {
		t.Errorf("the values are %v", m)
	}
	if m = parseMetrics(page, []string{"b", "c"}); len(m) != 1 {
		t.Errorf("with prefixes the values are %v", m)
	}
}

// TestCPU burns CPU time until the counter of this process shows it.
func TestCPU(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for x, deadline := 0, time.Now().Add(time.Minute); ; x++ {
		if x%1_000_000 != 0 {
			continue
		}
		now, err := CPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the CPU time stays at %v", now)
		}
	}
}

func TestCPUOfNobody(t *testing.T) {
	if _, err := CPU(1 << 30); err == nil {
		t.Error("a process that is not there has used CPU time")
	}
}
