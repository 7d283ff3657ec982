package identity

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"sluice/replica"
)

// The products.
const (
	MySQL   = "MySQL"
	MariaDB = "MariaDB"
)

// Ask runs one query on the connection that is examined and returns the rows
// as text, NULL as "". A proxy may lead two connections to two servers, so that
// an answer holds for its own connection only.
type Ask func(ctx context.Context, query string) ([][]string, error)

// Server is what a server says of itself and of its history.
type Server struct {
	Product   string
	ID        uint32
	UUID      string // MariaDB: server_uid; "" where there is none
	LowerCase int    // lower_case_table_names
	GTIDMode  bool   // MySQL: gtid_mode is ON

	// Executed and Purged are those of a MySQL server with GTIDs.
	Executed, Purged *replica.TxnSet
	// State is MariaDB's gtid_binlog_state: the last number of each domain-server,
	// the highest unless the server is loose. SlavePos has what a replica applied,
	// logged or not.
	State, SlavePos map[string]uint64

	// End is the end of the newest binlog file; zero without the right to ask.
	End     replica.Coordinates
	version [2]int
	loose   bool // MariaDB: gtid_strict_mode is OFF
}

// Read asks a server who it is and what its history is.
func Read(ctx context.Context, ask Ask) (*Server, error) {
	row, err := one(ctx, ask, "SELECT VERSION(), @@GLOBAL.server_id, @@GLOBAL.lower_case_table_names", 3)
	if err != nil {
		return nil, err
	}
	s := &Server{Product: MySQL}
	if strings.Contains(strings.ToLower(row[0]), "mariadb") {
		s.Product = MariaDB
	}
	_, _ = fmt.Sscanf(row[0], "%d.%d", &s.version[0], &s.version[1]) // an odd version is taken for an old one
	id, err := strconv.ParseUint(row[1], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the server's id: %w", err)
	}
	s.ID = uint32(id)
	if s.LowerCase, err = strconv.Atoi(row[2]); err != nil {
		return nil, fmt.Errorf("read lower_case_table_names: %w", err)
	}
	uuid, err := ask(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid')")
	if err != nil {
		return nil, fmt.Errorf("read the server's UUID: %w", err)
	}
	for _, r := range uuid {
		if len(r) > 1 {
			s.UUID = r[1]
		}
	}
	if err := s.readHistory(ctx, ask); err != nil {
		return nil, err
	}
	s.readEnd(ctx, ask)
	return s, nil
}

// one returns the only row of a query, which has at least n columns.
func one(ctx context.Context, ask Ask, query string, n int) ([]string, error) {
	rows, err := ask(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("ask the source who it is: %w", err)
	}
	if len(rows) != 1 || len(rows[0]) < n {
		return nil, fmt.Errorf("ask the source who it is: %d rows instead of one with %d columns", len(rows), n)
	}
	return rows[0], nil
}

// readHistory reads which transactions the server has.
func (s *Server) readHistory(ctx context.Context, ask Ask) error {
	if s.Product == MariaDB {
		row, err := one(ctx, ask, "SELECT @@GLOBAL.gtid_binlog_state, @@GLOBAL.gtid_slave_pos, @@GLOBAL.gtid_strict_mode", 3)
		if err != nil {
			return err
		}
		s.loose = row[2] != "1" && row[2] != "ON"
		if s.State, err = parseState(row[0]); err != nil {
			return err
		}
		s.SlavePos, err = parseState(row[1])
		return err
	}
	row, err := one(ctx, ask, "SELECT @@GLOBAL.gtid_mode, @@GLOBAL.gtid_executed, @@GLOBAL.gtid_purged", 3)
	if err != nil {
		return err
	}
	s.GTIDMode = row[0] == "ON"
	if s.Executed, err = replica.ParseTxnSet(row[1]); err != nil {
		return err
	}
	s.Purged, err = replica.ParseTxnSet(row[2])
	return err
}

// parseState reads a list of domain-server-number.
func parseState(text string) (map[string]uint64, error) {
	m := map[string]uint64{}
	for _, g := range strings.Split(text, ",") {
		g = strings.TrimSpace(g)
		if g == "" {
			continue
		}
		i := strings.LastIndexByte(g, '-')
		if i < 0 {
			return nil, fmt.Errorf("read the server's GTID state: %q is not domain-server-sequence", g)
		}
		n, err := strconv.ParseUint(g[i+1:], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the server's GTID state: %w", err)
		}
		m[g[:i]] = max(m[g[:i]], n)
	}
	return m, nil
}

// readEnd reads where the newest binlog file ends. It needs the right
// REPLICATION CLIENT, whose lack is a finding of another check: without it the
// rules that need the end are left out.
func (s *Server) readEnd(ctx context.Context, ask Ask) {
	query := "SHOW MASTER STATUS"
	if s.Product == MySQL && (s.version[0] > 8 || s.version[0] == 8 && s.version[1] >= 2) {
		query = "SHOW BINARY LOG STATUS"
	}
	rows, err := ask(ctx, query)
	if err != nil || len(rows) != 1 || len(rows[0]) < 2 {
		return
	}
	if pos, err := strconv.ParseUint(rows[0][1], 10, 64); err == nil {
		s.End = replica.Coordinates{File: rows[0][0], Pos: pos}
	}
}

// files lists the server's binlog files with their sizes, oldest first.
func files(ctx context.Context, ask Ask) ([]replica.Coordinates, error) {
	rows, err := ask(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return nil, fmt.Errorf("list the binlog files: %w", err)
	}
	out := make([]replica.Coordinates, 0, len(rows))
	for _, r := range rows {
		if len(r) < 2 {
			continue
		}
		size, err := strconv.ParseUint(r[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("list the binlog files: %w", err)
		}
		out = append(out, replica.Coordinates{File: r[0], Pos: size})
	}
	return out, nil
}
