package main

import (
	"context"
	"database/sql"
	"fmt"

	"sluice/itest/lab/servers"
)

// schema is the database that the writers fill.
const schema = "killing"

// The bank: half of the accounts are in each of two tables, and what all of
// them hold together never changes.
const (
	accounts  = 200
	firstSum  = 1000
	bankTotal = accounts * firstSum
	bankSum   = "SELECT (SELECT SUM(balance) FROM account_a) + (SELECT SUM(balance) FROM account_b)"
	// slotCount rows hold places under a unique key, which change hands.
	slotCount = 100
)

var tables = []string{
	"CREATE TABLE keyed (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL, t VARCHAR(60), d DECIMAL(12,3), at DATETIME(6), b VARBINARY(40), KEY n (n)) DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE pair (name VARCHAR(30) NOT NULL, part INT NOT NULL, v INT, PRIMARY KEY (name, part)) DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE keyless (a INT, t VARCHAR(20)) DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE slots (id INT NOT NULL PRIMARY KEY, place INT, v INT NOT NULL DEFAULT 0, UNIQUE KEY place (place))",
	"CREATE TABLE uniq (code VARCHAR(20) NOT NULL, v INT, UNIQUE KEY code (code)) DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE account_a (id INT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL)",
	"CREATE TABLE account_b (id INT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL)",
	"CREATE TABLE transfers (source INT, target INT, amount INT)",
	"CREATE TABLE big (id BIGINT NOT NULL PRIMARY KEY, n INT NOT NULL, t VARCHAR(20)) DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE altered (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE emptied (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT)",
	"CREATE TABLE moving_0 (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT)",
	"CREATE TABLE digits (d INT NOT NULL PRIMARY KEY)",
	"INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
}

// numbers is a table of 0 to 999,999.
const numbers = `(SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d + 100000*g.d AS i
	FROM digits a, digits b, digits c, digits e, digits f, digits g)`

// prepare makes the tables at the source, and what is in them before the copy.
func prepare(ctx context.Context, source *servers.Server, rows int) error {
	admin, err := source.Open("")
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+schema); err != nil {
		return fmt.Errorf("prepare the source: %w", err)
	}
	db, err := source.Open(schema)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, s := range tables {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("prepare the source: %.50s: %w", s, err)
		}
	}
	return fill(ctx, db, rows)
}

func fill(ctx context.Context, db *sql.DB, rows int) error {
	for _, s := range []string{
		fmt.Sprintf("INSERT INTO keyed (n, t, d, at, b) SELECT i%%1000, CONCAT('row ', i), i/7, '2026-01-01 00:00:00.123456', UNHEX(SHA2(i, 224)) FROM %s x WHERE i < %d", numbers, rows),
		fmt.Sprintf("INSERT INTO pair SELECT CONCAT('n', i%%50), i, i FROM %s x WHERE i < 1000", numbers),
		fmt.Sprintf("INSERT INTO keyless SELECT i%%20, 'same' FROM %s x WHERE i < 2000", numbers),
		fmt.Sprintf("INSERT INTO slots (id, place) SELECT i, i FROM %s x WHERE i < %d", numbers, slotCount),
		fmt.Sprintf("INSERT INTO uniq SELECT CONCAT('c', i), i FROM %s x WHERE i < 500", numbers),
		fmt.Sprintf("INSERT INTO account_a SELECT i, %d FROM %s x WHERE i < %d", firstSum, numbers, accounts/2),
		fmt.Sprintf("INSERT INTO account_b SELECT i, %d FROM %s x WHERE i < %d", firstSum, numbers, accounts/2),
	} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("fill the source: %.50s: %w", s, err)
		}
	}
	return nil
}
