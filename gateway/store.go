package gateway

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/gateway/catalog"
	"sluice/replica/protocol"
	"sluice/sqladmin"
)

// Connections of a node to its store. They are few: definitions are small.
const (
	storeConnections = 32
	storeIdle        = 8
	storeIdleTime    = time.Minute
)

// The pause between attempts to reach a store that is not there.
const (
	storePauseLeast = 250 * time.Millisecond
	storePauseMost  = 2 * time.Second
)

// openPool returns a pool of connections to the store; it does no I/O. plain is called for each connection that is
// not encrypted although the store's tls=preferred asked for it.
func openPool(cfg *mysql.Config, password *storePassword, most, idle int, plain func()) (*sql.DB, error) {
	made := func(cfg *mysql.Config) (driver.Connector, error) {
		return protocol.NewConnector(cfg, protocol.Options{AnswerBytes: protocol.AnswerBytes, Plain: plain})
	}
	first, err := made(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare connections to %s: %w", cfg.Addr, err)
	}
	connect := login(password, cfg, func(cfg *mysql.Config) (func(context.Context) (driver.Conn, error), error) {
		c, err := made(cfg)
		if err != nil {
			return nil, fmt.Errorf("prepare connections to %s: %w", cfg.Addr, err)
		}
		return c.Connect, nil
	})
	return pool(storeConnector{connect, first.Driver()}, most, idle), nil
}

func pool(connector driver.Connector, most, idle int) *sql.DB {
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(idle)
	db.SetConnMaxIdleTime(storeIdleTime)
	return db
}

// openStore waits until the store is there and opens the catalog in it. A store
// that answers with a refusal is an error at once.
func openStore(ctx context.Context, db *sql.DB, s *starting, cfg catalog.Config) (*catalog.Catalog, error) {
	var c *catalog.Catalog
	err := s.retry(ctx, "wait for the store", func() (err error) {
		c, err = catalog.Open(ctx, db, cfg)
		return err
	})
	if err == nil {
		s.found()
	}
	return c, err
}

// storeRefusal names what a store that answers does not allow.
func storeRefusal(err error, addr string) error {
	var me *mysql.MySQLError
	if untrusted(err) {
		return badConfig("store-ssl-ca", "name the PEM file of the authority that signed the store's certificate; with VERIFY_IDENTITY the "+
			"certificate must name the host of --store", "the certificate of the store at %s does not verify: %v", addr, err)
	}
	if e := protocol.Named(err, "store", ""); e != nil {
		return e
	}
	if !errors.As(err, &me) {
		return err
	}
	remedy := "look the error up; the store has to be a TiDB that this account may create schema sluice_meta in"
	switch me.Number {
	case 1045:
		remedy = "correct the user and the password of --store, or of --store-password-file"
	case 1044, 1142, 1227:
		remedy = "grant ALL ON sluice_meta.* to the account of --store"
	}
	return sqladmin.Errorf(me.Number, "the store at %s refuses: %s", addr, me.Message).WithRemedy("%s", remedy)
}

// unreachable says whether err means that a server did not answer, and not that
// it refused.
func unreachable(err error) bool {
	var (
		ne net.Error
		me *mysql.MySQLError
	)
	if protocol.IsBroken(err) {
		return true // what answers there is no server, or nothing answers
	}
	if errors.As(err, &me) {
		// Shutting down, starting, or without its storage.
		return me.Number == 1053 || me.Number == 1040 || me.Number >= 9001 && me.Number <= 9005
	}
	return errors.As(err, &ne) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
