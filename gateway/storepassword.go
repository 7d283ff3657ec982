package gateway

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// storePassword is the store's password, as --store-password-file has it at each
// login: it can change while the node runs. The password with which the last
// login succeeded is tried too, so that the file may be written before the
// account is altered.
type storePassword struct {
	file string // "" when the password is in --store

	mu     sync.Mutex
	worked string
}

// newStorePassword takes the password that was read at the start.
func newStorePassword(file, first string) *storePassword {
	return &storePassword{file: file, worked: first}
}

// candidates lists the passwords to try. A file that cannot be read now changes
// nothing.
func (p *storePassword) candidates() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == "" {
		return []string{p.worked}
	}
	now, err := readSecretFile("store-password-file", p.file)
	if err != nil || now == p.worked {
		return []string{p.worked}
	}
	return []string{now, p.worked}
}

func (p *storePassword) keep(password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worked = password
}

// connect makes a connection.
type connect[C any] = func(context.Context) (C, error)

// login returns a function that connects with the store's password of that
// moment. connector makes, without I/O, what connects with given settings.
func login[C any](p *storePassword, cfg *mysql.Config, connector func(*mysql.Config) (connect[C], error)) connect[C] {
	return func(ctx context.Context) (conn C, err error) {
		for _, password := range p.candidates() {
			with := cfg.Clone()
			with.Passwd = password
			connect, makeErr := connector(with)
			if makeErr != nil {
				return conn, makeErr
			}
			conn, err = connect(ctx)
			if err == nil {
				p.keep(password)
				return conn, nil
			}
			if !accessDenied(err) {
				return conn, err
			}
		}
		return conn, err
	}
}

// accessDenied reports whether a server refused a user or its password.
func accessDenied(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && (me.Number == 1045 || me.Number == 1698)
}

// storeConnector is a driver.Connector for the store.
type storeConnector struct {
	connect func(context.Context) (driver.Conn, error)
	driver  driver.Driver
}

// Connect implements driver.Connector.
func (s storeConnector) Connect(ctx context.Context) (driver.Conn, error) { return s.connect(ctx) }

// Driver implements driver.Connector.
func (s storeConnector) Driver() driver.Driver { return s.driver }
