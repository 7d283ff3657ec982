package replica

import "testing"

// TestVersionComment lists what real servers made of these beginnings.
func TestVersionComment(t *testing.T) {
	mysql, maria := ParseDialect("9.7.4-2"), ParseDialect("11.8.9-MariaDB-0+deb13u1 from Debian-log")
	if mysql != (Dialect{Version: 90704}) || maria != (Dialect{MariaDB: true, Version: 110809}) {
		t.Fatal(mysql, maria)
	}
	if d := ParseDialect("5.5.5-10.5.29-MariaDB-log"); d != (Dialect{MariaDB: true, Version: 100529}) {
		t.Error(d)
	}
	for _, c := range []struct {
		text         string
		mysql, maria int // the size; negative when it does not run
	}{
		{"/* x */", 0, 0}, {"/*m! x", 0, 0}, {"/*+ x", 0, 0},
		{"/*! x", 3, 3}, {"/*!5000 x", 3, 3}, {"/*!M x", 3, 3},
		{"/*!50100 x", 8, 8}, {"/*!50100x", 8, 8}, {"/*!50700 x", 8, -8}, {"/*!80016 x", 8, -8}, {"/*!99999 x", -8, -8},
		{"/*M! x", 0, 4}, {"/*M!100100 x", 0, 10}, {"/*M!50701 x", 0, 9}, {"/*M!120000 x", 0, -10}, {"/*M!999999\\- enable the sandbox mode */", 0, -10},
		{"/*!050000 x", 9, 9}, {"/*!0500001 x", 8, 9}, {"/*!500000+1", 8, -9}, {"/*!100100 x", -9, 9}, {"/*!999999 x", -9, -9},
		{"/*!50100", 8, 8}, {"/*!", 3, 3},
	} {
		for i, want := range []int{c.mysql, c.maria} {
			size, runs := []Dialect{mysql, maria}[i].VersionComment(c.text)
			if !runs {
				size = -size
			}
			if size != want {
				t.Errorf("%q on %d: %d, want %d", c.text, i, size, want)
			}
		}
	}
}

func TestSkipComment(t *testing.T) {
	for _, c := range []struct {
		text   string
		nested bool
		rest   string
		ok     bool
	}{
		{" a */ b", false, " b", true}, {" a /* b */ c */ d", false, " c */ d", true}, {" a /* b */ c */ d", true, " d", true},
		{" a /* b /* c */ d */ e", true, " e", true}, {" a", true, "", false}, {" a /* b */", true, "", false}, {"", false, "", false},
	} {
		if rest, ok := SkipComment(c.text, c.nested); rest != c.rest || ok != c.ok {
			t.Errorf("%q, %v: %q %v", c.text, c.nested, rest, ok)
		}
	}
}
