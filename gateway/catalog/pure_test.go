package catalog

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"orders", "customers", "shop"}
	for wanted, want := range map[string]string{
		"order": "orders", "ORDERS": "orders", "custmers": "customers", "sohp": "shop", "warehouse": "", "": "",
	} {
		if got := nearest(wanted, names); got != want {
			t.Errorf("nearest to %q: %q, want %q", wanted, got, want)
		}
	}
}

func TestSealer(t *testing.T) {
	s, err := newSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed := s.seal("a", "hush")
	if got, err := s.open("a", sealed); err != nil || got != "hush" {
		t.Fatalf("open: %q, %v", got, err)
	}
	if string(sealed) == string(s.seal("a", "hush")) {
		t.Error("the same value seals alike twice")
	}
	if _, err := s.open("b", sealed); err == nil {
		t.Error("it opens under another name")
	}
	for i := range sealed {
		bad := append([]byte(nil), sealed...)
		bad[i] ^= 1
		if _, err := s.open("a", bad); err == nil {
			t.Errorf("it opens with byte %d changed", i)
		}
	}
	if _, err := s.open("a", sealed[:5]); err == nil {
		t.Error("it opens when cut")
	}
	other, err := newSealer([]byte("another key, that is long enough"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.open("a", sealed); err == nil {
		t.Error("it opens with another key")
	}
	if other.check == s.check {
		t.Error("two keys have one check")
	}
	if _, err := newSealer([]byte("short")); !HasCode(err, CodeBadOption) {
		t.Errorf("short key: %v", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := Source{Name: "a", Host: "h", Password: Literal("hush"), SSL: SSL{Key: Literal("hush")}}
	js, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "source", s, "password", s.Password, "value", StoredSecret("hush"))
	for _, text := range []string{string(js), fmt.Sprintf("%v %+v %#v %s", s, s, s, s.Password),
		fmt.Sprintf("%v %+v %#v", StoredSecret("hush"), StoredSecret("hush"), StoredSecret("hush")), log.String()} {
		if strings.Contains(text, "hush") {
			t.Errorf("the secret shows in %s", text)
		}
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "orders 2026": true, "заказы": true, strings.Repeat("x", 64): true,
		"": false, "a/b": false, "a\n": false, " a": false, strings.Repeat("x", 65): false, strings.Repeat("注", 60): false, "\xff": false,
	} {
		if err := checkName(sourceKind, name); (err == nil) != ok {
			t.Errorf("name %q: %v", name, err)
		}
	}
}
