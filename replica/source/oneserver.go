package source

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"

	"sluice/replica"
	"sluice/replica/identity"
	"sluice/replica/protocol"
)

// oneServer makes connections to the server of the facts only. Behind a proxy
// or a virtual address a later connection may reach another server, whose rows
// are not those of the position that was read from the first.
type oneServer struct {
	driver.Connector
	facts Facts // zero: of any server
}

// Connect connects, and refuses another server with an error after which the
// whole Source is opened again: what it knows is compared with the new one then.
func (c oneServer) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil || c.facts.ServerID == 0 {
		return conn, err
	}
	id, uuid, err := whoIs(ctx, conn, c.facts)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if id == fmt.Sprint(c.facts.ServerID) && uuid == c.facts.ServerUUID {
		return conn, nil
	}
	_ = conn.Close()
	return nil, &replica.Error{Code: identity.CodeHistory, Class: "SOURCE", Transient: true,
		Message: fmt.Sprintf("a new connection reached another server (server_id %s %s) than the one before (server_id %d %s)", id, uuid, c.facts.ServerID, c.facts.ServerUUID),
		Remedy:  "let SOURCE_HOST and SOURCE_PORT lead to one server at a time; after a failover none: the channel looks whether the new one has its history"}
}

// Ask runs a query whose answer is small and returns its rows as text, NULL as "".
func (s *Source) Ask(ctx context.Context, query string) ([][]string, error) {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	var out [][]string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(names))
		for i := range values {
			row[i] = values[i].String
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// whoIs asks a connection which server it is to. The answer is read to its end: what is wrong
// there would otherwise show at the next query, which a driver reports as a connection that is bad.
func whoIs(ctx context.Context, conn driver.Conn, f Facts) (id, uuid string, err error) {
	q, ok := conn.(driver.QueryerContext)
	if !ok {
		return "", "", fmt.Errorf("ask the source who it is: %w", driver.ErrSkip)
	}
	query := "SELECT @@GLOBAL.server_id, @@GLOBAL.server_uuid"
	switch {
	case f.ServerUUID == "":
		query = "SELECT @@GLOBAL.server_id, ''"
	case f.Flavor == FlavorMariaDB:
		query = "SELECT @@GLOBAL.server_id, @@GLOBAL.server_uid"
	}
	rows, err := q.QueryContext(ctx, query, nil)
	if err != nil {
		return "", "", err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil && closeErr != nil {
			id, uuid, err = "", "", closeErr
		}
	}()
	values := make([]driver.Value, 2)
	if err := rows.Next(values); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return "", "", err
	}
	id, uuid = text(values[0]), text(values[1])
	switch err := rows.Next(values); err {
	case io.EOF:
		return id, uuid, nil
	case nil:
		return "", "", &protocol.Malformed{What: "a second row, where one was asked for"}
	default:
		return "", "", err
	}
}

func text(v driver.Value) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(v)
}
