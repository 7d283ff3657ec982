package source

import (
	"testing"
	"time"
)

func TestFurthest(t *testing.T) {
	for name, c := range map[string]struct {
		rows   []map[string]string
		behind time.Duration
		known  bool
	}{
		"no replica":          {nil, 0, false},
		"stopped":             {[]map[string]string{{"sql_delay": "0"}}, 0, false},
		"MySQL":               {[]map[string]string{{"seconds_behind_source": "7", "sql_delay": "0"}}, 7 * time.Second, true},
		"MariaDB":             {[]map[string]string{{"seconds_behind_master": "7"}}, 7 * time.Second, true},
		"several, one stops":  {[]map[string]string{{"seconds_behind_master": "7"}, {"seconds_behind_master": "9"}, {}}, 9 * time.Second, true},
		"delayed":             {[]map[string]string{{"seconds_behind_source": "3605", "sql_delay": "3600"}}, 5 * time.Second, true},
		"less than its delay": {[]map[string]string{{"seconds_behind_source": "0", "sql_delay": "3600"}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			if behind, known := furthest(c.rows); behind != c.behind || known != c.known {
				t.Errorf("%v, %v", behind, known)
			}
		})
	}
}
