package gateway

import (
	"database/sql"
	"log/slog"

	"sluice/cluster"
	"sluice/gateway/catalog"
)

// services are what the node's parts share. All of it may be used from any
// goroutine.
type services struct {
	cfg     *Config
	log     *slog.Logger
	db      *sql.DB // the store
	catalog *catalog.Catalog
	cluster *cluster.Cluster
	targets *targets
	records *recorder
	pulse   *pulse // of the store
}
