package blackhole

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func one(t *testing.T, sql string) (statement, error) {
	t.Helper()
	s := scanner{b: []byte(sql)}
	st, err := s.statement()
	if err == nil && s.i != len(sql) && sql[s.i] != ';' {
		t.Errorf("%s: read up to %q only", sql, sql[:s.i])
	}
	return st, err
}

func TestStatementForms(t *testing.T) {
	for _, c := range []struct {
		sql      string
		kind     kind
		table    string
		rows     uint64
		affected uint64
	}{
		{"INSERT INTO `a`.`t`(`x`,`y`) VALUES (1,2)", kindInsert, "`a`.`t`", 1, 1},
		{"INSERT INTO `a`.`t`(`x`,`y`) VALUES (1,2),(3,NULL),(-5,6.25e-07)", kindInsert, "`a`.`t`", 3, 3},
		{"INSERT INTO `a`.`t`(`(`) VALUES ('),('),('\\'),('),('\\\\'),('''),('''),('')", kindInsert, "`a`.`t`", 5, 5},
		{"insert into a.t values\n ( 1 , '(' ) , ( 2 , ';' )", kindInsert, "a.t", 2, 2},
		{"INSERT INTO `a;`.`t``(`() VALUES (),()", kindInsert, "`a;`.`t``(`", 2, 2},
		{"INSERT INTO `a`.`t`(`x`) VALUES (x'00ff27'),(x''),(b'01'),(_binary'\\0\\Z')", kindInsert, "`a`.`t`", 4, 4},
		{"INSERT INTO `a`.`t`(`x`) VALUES (\"a'\"),(CAST('[1,2]' AS JSON)),(/* ),( */ 1)", kindInsert, "`a`.`t`", 3, 3},
		{"INSERT IGNORE INTO t VALUES (1),(2)", kindInsert, "t", 2, 2},
		{"REPLACE INTO `a`.`t`(`x`) VALUES (1),(2)", kindReplace, "`a`.`t`", 2, 2},
		{"INSERT INTO `a`.`t`(`x`,`y`) VALUES (1,2),(2,';') ON DUPLICATE KEY UPDATE `y`=VALUES(`y`),`z;`=VALUES(`z;`)", kindUpsert, "`a`.`t`", 2, 4},
		{"INSERT INTO `a`.`t`(`x`) VALUES (1) AS new ON DUPLICATE KEY UPDATE `y`=new.`y`", kindUpsert, "`a`.`t`", 1, 2},
		{"DELETE FROM `a`.`t` WHERE `k` IN (1,2,3)", kindDelete, "`a`.`t`", 3, 3},
		{"DELETE FROM `a`.`t` WHERE `k` IN ('a,b','c\\',','d')", kindDelete, "`a`.`t`", 3, 3},
		{"DELETE FROM `a`.`t` WHERE (`k`=1 AND `l`='x)') OR (`k`=2 AND `l`=' OR ') OR (`k`=3 AND `l`+0=1)", kindDelete, "`a`.`t`", 3, 3},
		{"DELETE FROM `a`.`t` WHERE (`k`,`l`) IN ((1,2),(3,4))", kindDelete, "`a`.`t`", 2, 2},
		{"DELETE FROM `a`.`t` WHERE `r`=7 AND (`k`,`l`) IN ((1,2),(3,4),(5,'6'))", kindDelete, "`a`.`t`", 3, 3},
		{"DELETE FROM `a`.`t` WHERE ((`k`=1) OR (`k`=2)) AND `l` IN (3,4)", kindDelete, "`a`.`t`", 4, 4},
		{"DELETE FROM `a`.`t` WHERE (`k`=1.5e-10) OR (`k`=-2e+00)", kindDelete, "`a`.`t`", 2, 2},
		{"DELETE FROM `a`.`t` WHERE `x` IS NULL AND CAST(CONVERT(`y` USING utf8mb4) AS BINARY)=x'61' LIMIT 1", kindDelete, "`a`.`t`", 1, 1},
		{"DELETE FROM `a`.`t` WHERE `x` IN (1,2,3) LIMIT 2", kindDelete, "`a`.`t`", 2, 2},
		{"DELETE FROM `a`.`t` WHERE `j`=CAST('{\\\"a\\\": [1, 2]}' AS JSON) AND CAST(`j` AS CHAR)=CAST(CAST('{\\\"a\\\": [1, 2]}' AS JSON) AS CHAR) LIMIT 1", kindDelete, "`a`.`t`", 1, 1},
		{"UPDATE `a`.`t` SET `x`=5,`where`=' WHERE ' WHERE `k`=1", kindUpdate, "`a`.`t`", 1, 1},
		{"UPDATE `a`.`t` SET `x`=NULL WHERE `k`='it''s' AND `l` <=> NULL", kindUpdate, "`a`.`t`", 1, 1},
		{"UPDATE `a`.`t` SET `x`=CASE `k` WHEN 1 THEN 'a' WHEN 2 THEN 'b' END WHERE `k` IN (1,2)", kindUpdate, "`a`.`t`", 2, 2},
		{"UPDATE sluice_meta.lanes SET base='',extra='\\'',seq=seq+1 WHERE channel='a' AND lane=3 AND epoch=1 AND seq=5", kindUpdate, "sluice_meta.lanes", 1, 1},
		{"BEGIN /*T! OPTIMISTIC */", kindBegin, "", 0, 0},
		{"START TRANSACTION", kindBegin, "", 0, 0},
		{" commit ", kindCommit, "", 0, 0},
		{"ROLLBACK", kindRollback, "", 0, 0},
	} {
		for _, tail := range []string{"", ";", ";COMMIT"} {
			st, err := one(t, c.sql+tail)
			if err != nil {
				t.Errorf("%s: %v", c.sql+tail, err)
				continue
			}
			if st.kind != c.kind || string(st.table) != c.table || st.rows != c.rows || st.affected != c.affected {
				t.Errorf("%s: kind %d table %s rows %d affected %d", c.sql+tail, st.kind, st.table, st.rows, st.affected)
			}
			if strings.TrimSpace(string(st.text)) != strings.TrimSpace(c.sql) {
				t.Errorf("%s: text %q", c.sql+tail, st.text)
			}
		}
	}
}

func TestStatementsThatAreRefused(t *testing.T) {
	for sql, want := range map[string]error{
		"SELECT 1":                                              errVerb,
		"SET autocommit=1":                                      errVerb,
		"CREATE TABLE t(a INT)":                                 errVerb,
		"INSERTX INTO t VALUES (1)":                             errVerb,
		"INSERT INTO t SELECT 1":                                errValues,
		"INSERT INTO t SET a=1":                                 errValues,
		"INSERT INTO t VALUES (1),":                             errValues,
		"INSERT INTO t VALUES (1":                               errText,
		"INSERT INTO t VALUES (1;(2)":                           errText,
		"INSERT INTO t VALUES ('1)":                             errText,
		"INSERT INTO t VALUES ('1\\')":                          errText,
		"INSERT INTO t VALUES (1 -- )\n)":                       errText,
		"INSERT INTO t VALUES (1) RETURNING a":                  errEnd,
		"INSERT INTO t(a VALUES":                                errText,
		"INSERT INTO VALUES (1)":                                errValues,
		"INSERT INTO `a VALUES (1)":                             errTable,
		"REPLACE INTO t VALUES (1) ON DUPLICATE KEY UPDATE a=1": errEnd,
		"DELETE FROM t":                                         errWhere,
		"DELETE FROM t LIMIT 5000":                              errWhere,
		"DELETE t FROM t WHERE a=1":                             errEnd,
		"DELETE FROM t WHERE a>1":                               errCondition,
		"DELETE FROM t WHERE a BETWEEN 1 AND 2":                 errCondition,
		"DELETE FROM t WHERE NOT a=1":                           errCondition,
		"DELETE FROM t WHERE a IN (SELECT 1)":                   errCondition,
		"DELETE FROM t WHERE a=1 ORDER BY a LIMIT 1":            errCondition,
		"DELETE FROM t WHERE (a=1":                              errText,
		"DELETE FROM t WHERE a=1)":                              errText,
		"DELETE FROM t WHERE a=1 LIMIT 1 FOR":                   errEnd,
		"UPDATE t SET a=1":                                      errWhere,
		"UPDATE t SET a=1;DELETE FROM t WHERE a=1":              errWhere,
		"UPDATE t JOIN u ON t.a=u.a SET t.a=1":                  errEnd,
		"COMMIT WORK":                                           errEnd,
		"BEGIN /* x":                                            errText,
	} {
		if st, err := one(t, sql); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v (%+v)", sql, err, want, st)
		}
	}
}

func TestSeveralStatements(t *testing.T) {
	s := scanner{b: []byte("BEGIN;;UPDATE t SET a=';' WHERE k=1; INSERT INTO t VALUES (1);DELETE FROM t WHERE a IN (1,2) ;COMMIT; ")}
	var kinds []kind
	for {
		st, err := s.statement()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, st.kind)
		if s.done() != (st.kind == kindCommit) {
			t.Errorf("done is wrong behind %s", st.text)
		}
	}
	if got, want := fmt.Sprint(kinds), fmt.Sprint([]kind{kindBegin, kindUpdate, kindInsert, kindDelete, kindCommit}); got != want {
		t.Errorf("kinds %s, want %s", got, want)
	}
}

func TestQuotedAgainstOneByteAtATime(t *testing.T) {
	slow := func(b []byte) int {
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '\'':
				return i + 1
			}
		}
		return -1
	}
	const alphabet = "'\\a"
	for n := range 3 * 3 * 3 * 3 * 3 * 3 * 3 * 3 {
		b := []byte{'\''}
		for k := n; len(b) < 9; k /= 3 {
			b = append(b, alphabet[k%3])
		}
		if got, want := quoted(b, 0), slow(b); got != want {
			t.Fatalf("%s: ends at %d, want %d", b, got, want)
		}
	}
}

func TestBeginsLane(t *testing.T) {
	guard := func(lane string) string {
		return "BEGIN /*T! OPTIMISTIC */;UPDATE sluice_meta.lanes SET base='a AND lane=0',extra='lane=0',seq=seq+1 WHERE channel='lane=0' AND " + lane + " AND epoch=1 AND seq=5"
	}
	for sql, want := range map[string]bool{
		guard("lane=1"):                   true,
		guard("lane=10") + ";INSERT INTO": true,
		guard("`lane` = 3"):               true,
		guard("lane=0"):                   false,
		guard("lane=00"):                  false,
		guard("lanes=1"):                  false,
		strings.Replace(guard("lane=1"), "sluice_meta.lanes", "`sluice_meta`.`lanes`", 1): true,
		strings.Replace(guard("lane=1"), "sluice_meta", "other", 1):                       false,
		"BEGIN":                     false,
		"BEGIN /*T! PESSIMISTIC */": false,
		"BEGIN;SELECT 1":            false,
		"":                          false,
		strings.TrimPrefix(guard("lane=1"), "BEGIN /*T! OPTIMISTIC */;"): false,
	} {
		if got := beginsLane([]byte(sql)); got != want {
			t.Errorf("%s: %v", sql, got)
		}
	}
}

func FuzzStatement(f *testing.F) {
	f.Add([]byte("INSERT INTO `a`.`t`(`x`) VALUES ('a\\'',x'00'),(2,'b') ON DUPLICATE KEY UPDATE a=1;DELETE FROM t WHERE (a,b) IN ((1,2)) LIMIT 1"))
	f.Add([]byte("BEGIN /*T! */;UPDATE sluice_meta.lanes SET base='' WHERE lane=1;ROLLBACK"))
	f.Fuzz(func(t *testing.T, b []byte) {
		beginsLane(b)
		s := scanner{b: b}
		for at := -1; ; {
			st, err := s.statement()
			if err != nil {
				return
			}
			if s.i <= at || s.i > len(b) || st.start > s.i {
				t.Fatalf("from %d to %d of %d", at, s.i, len(b))
			}
			at = s.i
		}
	})
}

func benchmark(b *testing.B, sql string) {
	s := scanner{b: []byte(sql)}
	b.SetBytes(int64(len(sql)))
	b.ReportAllocs()
	for b.Loop() {
		s.i = 0
		for {
			if _, err := s.statement(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkScan(b *testing.B) {
	row := "(%d,'k-%05d',12.50,NULL,'2024-01-01 00:00:00',-7,x'00ff')"
	rows := func(row string, n int) string {
		var list []string
		for i := range n {
			list = append(list, strings.ReplaceAll(strings.ReplaceAll(row, "%05d", fmt.Sprintf("%05d", i)), "%d", fmt.Sprint(i)))
		}
		return strings.Join(list, ",")
	}
	sysbench := "(%d,%d,'" + strings.Repeat("68487932199-", 10) + "','" + strings.Repeat("22195207048-", 5) + "')"
	b.Run("short", func(b *testing.B) { benchmark(b, "INSERT INTO `a`.`t`(`x`) VALUES "+rows(row, 2000)) })
	b.Run("sysbench", func(b *testing.B) { benchmark(b, "INSERT INTO `a`.`t`(`x`) VALUES "+rows(sysbench, 2000)) })
	b.Run("long", func(b *testing.B) {
		benchmark(b, "INSERT INTO `a`.`t`(`x`) VALUES "+rows("(%d,'"+strings.Repeat("abcdefghij", 400)+"')", 200))
	})
	b.Run("escapes", func(b *testing.B) {
		benchmark(b, "INSERT INTO `a`.`t`(`x`) VALUES "+rows("(%d,'"+strings.Repeat("it\\'s \\n", 40)+"')", 500))
	})
	b.Run("in", func(b *testing.B) { benchmark(b, "DELETE FROM `a`.`t` WHERE `k` IN ("+rows("1%05d", 2000)+")") })
	b.Run("or", func(b *testing.B) {
		benchmark(b, "DELETE FROM `a`.`t` WHERE "+strings.ReplaceAll(rows("(`k`=%d AND `l`='k-%05d')", 256), "),(", ") OR ("))
	})
	b.Run("updates", func(b *testing.B) {
		benchmark(b, strings.ReplaceAll(rows("UPDATE `a`.`t` SET `x`=%d,`y`='k-%05d' WHERE `k`=%d", 256), ",UPDATE", ";UPDATE"))
	})
}

func TestUpdateThatChangesNothing(t *testing.T) {
	const where = " WHERE `a`=1 AND `n` IS NULL AND CAST(CONVERT(`s` USING utf8mb4) AS BINARY)=x'612c270a' AND `j`=CAST('[1]' AS JSON) AND " +
		"CAST(`j` AS CHAR)=CAST(CAST('[1]' AS JSON) AS CHAR) AND `e`+0=2 AND `f`=1.100000023841858e+00 AND `d`='2024-01-01' LIMIT 1"
	for set, want := range map[string]uint64{
		"`a`=1": 0, "`a`=12": 1, "`a`=2": 1, "`n`=NULL": 0, "`n`=0": 1, "`a`=NULL": 1,
		"`s`='a,\\'\\n'": 0, "`s`='a,\\''": 1, "`s`=''": 1, "`j`='[1]'": 0, "`j`='[2]'": 1, "`e`=2": 0, "`e`=3": 1,
		"`f`=1.1e+00": 0, "`f`=1.2e+00": 1, "`d`='2024-01-01'": 0, "`d`='2024-01-02'": 1,
		"`a`=1,`n`=NULL,`s`='a,\\'\\n',`j`='[1]',`e`=2,`f`=1.1e+00,`d`='2024-01-01'": 0, "`a`=1,`n`=NULL,`e`=3": 1,
	} {
		st, err := one(t, "UPDATE `a`.`t` SET "+set+where)
		if err != nil || st.affected != want || st.rows != 1 {
			t.Errorf("%s: %d affected, %d rows, %v", set, st.affected, st.rows, err)
		}
	}
	if st, err := one(t, "UPDATE t SET `a`=1 WHERE `a`=1"); err != nil || st.affected != 1 {
		t.Errorf("without LIMIT: %d, %v", st.affected, err)
	}
}
