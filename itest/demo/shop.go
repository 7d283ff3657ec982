package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
)

// shopTables make the shop. visits has no key, and so can hold equal rows.
var shopTables = []string{
	"CREATE DATABASE shop",
	`CREATE TABLE shop.customers (
		id BIGINT NOT NULL AUTO_INCREMENT, email VARCHAR(120) NOT NULL, name VARCHAR(80) NOT NULL, country CHAR(2) NOT NULL,
		credit DECIMAL(12,2) NOT NULL DEFAULT 0, since DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
		PRIMARY KEY (id), UNIQUE KEY email (email)) DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE shop.products (
		id INT NOT NULL, sku VARCHAR(24) NOT NULL, name VARCHAR(80) NOT NULL, price DECIMAL(10,2) NOT NULL, stock INT NOT NULL,
		details JSON, PRIMARY KEY (id), UNIQUE KEY sku (sku)) DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE shop.orders (
		id BIGINT NOT NULL AUTO_INCREMENT, customer_id BIGINT NOT NULL, status ENUM('new','paid','shipped','cancelled') NOT NULL,
		total DECIMAL(12,2) NOT NULL DEFAULT 0, created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
		PRIMARY KEY (id), KEY customer (customer_id)) DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE shop.order_items (
		order_id BIGINT NOT NULL, line INT NOT NULL, product_id INT NOT NULL, quantity INT NOT NULL, price DECIMAL(10,2) NOT NULL,
		PRIMARY KEY (order_id, line))`,
	`CREATE TABLE shop.visits (
		at DATETIME NOT NULL, customer_id BIGINT, page VARCHAR(40) NOT NULL) DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE shop.coupons (
		code VARCHAR(16) NOT NULL, percent TINYINT UNSIGNED NOT NULL, customer_id BIGINT, UNIQUE KEY code (code)) DEFAULT CHARSET=utf8mb4`,
}

// The shop's size: 200,000 rows.
const (
	customers = 20_000
	products  = 5_000
	orders    = 50_000
	items     = 100_000 // two for every order
	visits    = 22_000
	coupons   = 3_000
	shopRows  = customers + products + orders + items + visits + coupons
)

var (
	countries = []string{"DE", "FR", "GB", "JP", "BR", "IN", "US", "KE"}
	names     = []string{"Ada", "Zoë", "Jürgen", "Søren", "Łucja", "小林", "Мария", "José", "Nneka", "Åse"}
	pages     = []string{"/", "/cart", "/search", "/checkout", "/product"}
	things    = []string{"lamp", "chair", "kettle", "bicycle", "notebook", "umbrella", "cup"}
)

// loadShop fills the tables: the i-th row of a table is a list of values.
func loadShop(ctx context.Context, db *sql.DB) error {
	for _, ddl := range shopTables {
		if _, err := db.ExecContext(ctx, ddl); err != nil {
			return fmt.Errorf("make the shop: %w", err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, t := range []struct {
		into string
		rows int
		row  func(i int) string
	}{
		{"customers (id, email, name, country, credit)", customers, func(i int) string {
			return fmt.Sprintf("(%d,'c%d@example.com','%s %d','%s',%d.%02d)", i, i, names[r.IntN(len(names))], i, countries[r.IntN(len(countries))], r.IntN(500), r.IntN(100))
		}},
		{"products", products, func(i int) string {
			thing := things[r.IntN(len(things))]
			return fmt.Sprintf(`(%d,'SKU-%05d','%s %d',%d.%02d,%d,'{"kind":"%s","weight":%d.5,"tags":["new","no. %d"]}')`,
				i, i, thing, i, 1+r.IntN(200), r.IntN(100), 10_000, thing, r.IntN(30), i%7)
		}},
		{"orders (id, customer_id, status, total)", orders, func(i int) string {
			return fmt.Sprintf("(%d,%d,%d,%d.%02d)", i, 1+r.IntN(customers), 1+r.IntN(4), r.IntN(900), r.IntN(100))
		}},
		{"order_items", items, func(i int) string {
			return fmt.Sprintf("(%d,%d,%d,%d,%d.%02d)", (i+1)/2, 1+i%2, 1+r.IntN(products), 1+r.IntN(5), 1+r.IntN(200), r.IntN(100))
		}},
		{"visits", visits, func(int) string {
			return fmt.Sprintf("('2026-01-%02d 10:%02d:00',%d,'%s')", 1+r.IntN(28), r.IntN(60), 1+r.IntN(50), pages[r.IntN(len(pages))])
		}},
		{"coupons", coupons, func(i int) string {
			return fmt.Sprintf("('C%06d',%d,%d)", i, 5+r.IntN(40), 1+r.IntN(customers))
		}},
	} {
		if err := insert(ctx, db, t.into, t.rows, t.row); err != nil {
			return err
		}
	}
	return nil
}

// insert writes rows 1 to n, a thousand with a statement.
func insert(ctx context.Context, db *sql.DB, into string, n int, row func(i int) string) error {
	const batch = 1000
	for from := 1; from <= n; from += batch {
		var rows []string
		for i := from; i < from+batch && i <= n; i++ {
			rows = append(rows, row(i))
		}
		if _, err := db.ExecContext(ctx, "INSERT INTO shop."+into+" VALUES "+strings.Join(rows, ",")); err != nil {
			return fmt.Errorf("fill the shop: %w", err)
		}
	}
	return nil
}
