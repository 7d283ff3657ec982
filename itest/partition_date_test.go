package itest

import "testing"

// TestIncompleteDateInAPartition: TiDB refuses a date without a day in a table that is
// partitioned by TO_DAYS. What docs/limits.md says to do works.
func TestIncompleteDateInAPartition(t *testing.T) {
	r := theRig(t)
	for _, kind := range sourceKinds {
		t.Run(string(kind), func(t *testing.T) {
			s := r.newStreamOf(t, r.sources[kind], "partdate_"+string(kind), "partdate",
				"CREATE TABLE k (id INT, d DATE) PARTITION BY RANGE (TO_DAYS(d)) (PARTITION p0 VALUES LESS THAN (TO_DAYS('2020-01-01')), PARTITION p1 VALUES LESS THAN MAXVALUE)",
				"INSERT INTO k VALUES (1, '2021-01-01')")
			s.define("REPLICATE_DO_DB=(partdate)")
			s.start()
			s.from.SetMaxOpenConns(1)
			s.exec("SET SESSION sql_mode=''", "INSERT INTO k VALUES (2, '2024-00-00'), (3, '0000-00-00')")
			s.stopped("a value is not valid for its column")
			target := open(t, r.target, "partdate")
			_, err := target.ExecContext(t.Context(), "ALTER TABLE k REMOVE PARTITIONING")
			must(t, err)
			must(t, r.nodes.Exec(t.Context(), "START MIGRATION "+s.name))
			s.caughtUp()
			s.equal()
		})
	}
}
