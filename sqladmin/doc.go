// Package sqladmin is the admin port: it takes SQL text from any MySQL client,
// calls a small Controller, and sends result sets back.
//
// The statements are listed in statements.go, the virtual tables in tables.go.
// Every SHOW is a SELECT on a virtual table. The package knows the SQL and the
// wire protocol; what a statement does to the cluster is the Controller's.
package sqladmin
