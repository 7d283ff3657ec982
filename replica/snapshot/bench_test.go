package snapshot_test

import (
	"testing"

	"sluice/itest/lab/servers"
	"sluice/replica"
	"sluice/replica/snapshot"
)

// BenchmarkRead reads a table of 100,000 rows of ten columns in one chunk.
func BenchmarkRead(b *testing.B) {
	l := newLab(b, servers.MariaDB)
	l.exec(b, "CREATE TABLE d.b (id BIGINT PRIMARY KEY, a INT, b INT, c VARCHAR(60), d CHAR(60), e DATETIME, f DECIMAL(12,2), g DOUBLE, h TEXT, i INT)")
	l.exec(b, `INSERT INTO d.b SELECT seq, seq, NULL, REPEAT('c', 40), REPEAT('d', 40), '2020-01-01', seq / 7, seq / 3, REPEAT('h', 60), -seq FROM d.seq_1_to_100000`)
	m := l.table(b, "b")
	conn, err := l.src.DB().Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	b.ReportAllocs()
	var size int64
	for b.Loop() {
		_, n, err := snapshot.Read(b.Context(), conn, snapshot.Chunk{Table: m}, func([][]replica.Value) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		size = n
	}
	b.SetBytes(size)
}
