package scenario

import (
	"time"

	"sluice/perf/load"
)

var (
	tidbOnly = []Target{TiDB}
	both     = []Target{TiDB, Blackhole}
	alone    = Wanted{Least: 1, Aim: 4}
)

// All is the list of scenarios, in the order in which they are run.
func All() []Scenario {
	sysbench := load.Copies(load.Sysbench(), 4)
	return []Scenario{
		{
			Name: "latency", About: "2,000 transactions/s of one row while replicating: from commit to visible",
			Kind: Latency, Targets: tidbOnly, Tables: sysbench,
			Size:   Sizes{Small: 200, Normal: 2_000, Large: 2_000},
			Count:  Sizes{Small: 3, Normal: 60, Large: 120},
			Wanted: map[Target]Wanted{TiDB: {P99: 100 * time.Millisecond}},
		},
		{
			Name: "insert1", About: "transactions of one inserted row, 4 tables",
			Targets: both, Tables: sysbench,
			Size:   Sizes{Small: 2_000, Normal: 500_000, Large: 1_000_000},
			Write:  insertRows(1),
			Wanted: map[Target]Wanted{TiDB: {Least: 0.6, Aim: 0.8}, Blackhole: alone},
		},
		{
			Name: "sysbench", About: "oltp_write_only: 2 updates, a delete and an insert a transaction, uniform ids, 4 tables",
			Targets: both, Tables: sysbench, Upsert: true, Folds: true,
			Initial: Sizes{Small: 800, Normal: 25_000, Large: 100_000},
			Size:    Sizes{Small: 400, Normal: 50_000, Large: 250_000},
			// As many as there are, so that each is written once.
			PlainRows: Sizes{Small: 3_200, Normal: 100_000, Large: 120_000},
			Write:     writeOnly,
			Wanted:    map[Target]Wanted{TiDB: {Least: 0.6, Aim: 0.8}},
		},
		{
			Name: "bulk", About: "transactions of 1,000 inserted rows, 4 tables",
			Targets: both, Tables: sysbench,
			Size:   Sizes{Small: 16_000, Normal: 2_000_000, Large: 4_000_000},
			Write:  insertRows(1000),
			Wanted: map[Target]Wanted{TiDB: {Least: 0.7, Aim: 0.85}, Blackhole: {Least: 1, Aim: 4, Allocs: 5}},
		},
		{
			Name: "counters", About: "n=n+1 on 1,000 rows, of which few are hot (zipf)",
			Targets: both, Tables: []load.Table{load.Counters()}, Folds: true,
			Initial:   Sizes{Small: 1_000, Normal: 1_000, Large: 1_000},
			Size:      Sizes{Small: 2_000, Normal: 1_000_000, Large: 2_000_000},
			PlainRows: Sizes{Small: 2_000},
			Write:     count,
			Wanted:    map[Target]Wanted{TiDB: {Least: 3, Aim: 10}},
		},
		{
			Name: "uniques", About: "updates of a table with two unique keys; 20 % give one row's unique value to another",
			Targets: both, Tables: []load.Table{load.Uniques()}, Sessions: 1, Folds: true,
			Initial: Sizes{Small: 400, Normal: 20_000, Large: 100_000},
			Size:    Sizes{Small: 1_000, Normal: 150_000, Large: 600_000},
			Write:   moveUniques,
		},
		{
			Name: "wide4k", About: "transactions of one inserted row of 4 KB",
			Targets: both, Tables: []load.Table{load.Wide()},
			Size:  Sizes{Small: 400, Normal: 50_000, Large: 250_000},
			Write: insertRows(1),
		},
		{
			Name: "cols100", About: "transactions of 10 inserted rows of 100 columns",
			Targets: both, Tables: []load.Table{load.Hundred()},
			Size:  Sizes{Small: 400, Normal: 40_000, Large: 200_000},
			Write: insertRows(10),
		},
		{
			Name: "mixed", About: "JSON, decimal, datetime(6): inserted row by row, one in five updated",
			Targets: both, Tables: []load.Table{load.Mixed()}, Folds: true,
			Size:  Sizes{Small: 500, Normal: 120_000, Large: 600_000},
			Write: mixed,
		},
		{
			Name: "keyless", About: "inserts into a table without a key, and some updates and deletes",
			Targets: both, Tables: []load.Table{load.Keyless()},
			Size:  Sizes{Small: 500, Normal: 80_000, Large: 400_000},
			Write: keyless,
		},
		{
			Name: "compressed", About: "compressed transactions of 10 inserted rows, 4 tables",
			Targets: both, Tables: sysbench,
			Size:  Sizes{Small: 2_000, Normal: 300_000, Large: 2_000_000},
			Setup: []string{"SET SESSION binlog_transaction_compression=ON"},
			Write: insertRows(10),
		},
		{
			Name: "big", About: "one transaction: 1,000,000 rows, 5,000,000 at scale large",
			Targets: tidbOnly, Tables: load.Copies(load.Sysbench(), 1), Sessions: 1, FromStart: true,
			Size:  Sizes{Small: 30_000, Normal: 1_000_000, Large: 5_000_000},
			Write: oneTransaction,
		},
		{
			Name: "ddl", About: "inserted rows, with a DDL every 5 s of the load",
			Targets: both, Tables: sysbench,
			Size:  Sizes{Small: 2_000, Normal: 240_000, Large: 1_000_000},
			Write: insertRows(1), Beside: alterTables,
		},
		{
			Name: "many", About: "200 migrations on one node, each with a schema of its own",
			Kind: Many, Targets: tidbOnly, Tables: load.Copies(load.Sysbench(), 1),
			Count: Sizes{Small: 6, Normal: 200, Large: 200},
			Size:  Sizes{Small: 600, Normal: 40_000, Large: 400_000},
			Write: insertEverywhere,
		},
		{
			Name: "copy", About: "copy of 32 tables and one that is as large as they together: 120 MB, 2 GB at scale large",
			Kind: Copy, Targets: tidbOnly, Tables: load.Copies(load.Sysbench(), 33),
			Size:   Sizes{Small: 6_400, Normal: 600_000, Large: 10_000_000},
			Wanted: map[Target]Wanted{TiDB: {Least: 0.85, Aim: 0.95}},
		},
		{
			Name: "tables", About: "copy of 10,000 small tables and a larger one in one migration (1,000 at scale normal)",
			Kind: Copy, Targets: tidbOnly, Tables: load.Copies(load.Sysbench(), 10_000),
			Count: Sizes{Small: 12, Normal: 1_000, Large: 10_000},
			Size:  Sizes{Small: 1_200, Normal: 100_000, Large: 400_000},
		},
		{
			Name: "stalled", About: "insert1 with the target frozen for 70 s, longer than a source waits by default: memory, and nothing lost",
			Kind: Stalled, Targets: tidbOnly, Tables: sysbench,
			Size:  Sizes{Small: 40_000, Normal: 240_000, Large: 1_000_000}, // small: more than the node may hold back
			Count: Sizes{Small: 2_000, Normal: 70_000, Large: 70_000},
			Write: insertRows(1),
		},
	}
}
