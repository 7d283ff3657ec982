package identity

import (
	"encoding/json"
	"fmt"
	"time"

	"sluice/replica"
)

// Past is what a channel remembers of the source that it follows. It is stored
// in the commit that stores the channel's position, so that both are of one
// moment. The zero Past is that of a channel whose position an older version
// stored: nothing is compared then, and all is learnt at the next connection.
//
// A Past may be older than the position beside it, as lanes store the position
// more often. That is safe: every fact in it is true of each later position, too.
type Past struct {
	Product    string `json:"product,omitempty"` // MySQL or MariaDB
	ServerID   uint32 `json:"server_id,omitempty"`
	ServerUUID string `json:"server_uuid,omitempty"` // MariaDB: server_uid
	// LowerCase is lower_case_table_names; nil: not known.
	LowerCase *int `json:"lower_case_table_names,omitempty"`
	// File is the newest binlog file that was read on that server.
	File FileStamp `json:"file,omitzero"`
	// At is how far that server's binlog was read.
	At replica.Coordinates `json:"at,omitzero"`
	// Floor is a place in that server's binlog before which the channel has all.
	Floor replica.Coordinates `json:"floor,omitzero"`
	// Mark is a transaction within the position.
	Mark Mark `json:"mark,omitzero"`
}

// FileStamp tells two binlog files of one name apart.
type FileStamp struct {
	Name     string `json:"name,omitempty"`
	Written  uint32 `json:"written,omitempty"` // seconds: the time in the header of its format description
	ServerID uint32 `json:"server_id,omitempty"`
}

// Mark is one transaction as the binlog has it. A server that sends another
// transaction under its name has another history.
type Mark struct {
	ID replica.TxnID `json:"id,omitzero"`
	// Before is the transaction before it in its MariaDB domain. A dump from
	// there begins with the mark.
	Before replica.TxnID `json:"before,omitzero"`
	// Start and End are where it was in the binlog of the server that sent it.
	Start replica.Coordinates `json:"start,omitzero"`
	End   replica.Coordinates `json:"end,omitzero"`
	// Micros is when it was committed first, in microseconds. All replicas keep
	// it: MySQL as the original commit timestamp, MariaDB as the time in the
	// header of the GTID event, in whole seconds. 0: not known.
	Micros int64 `json:"micros,omitempty"`
	// Sum is made of its events' checksums, which hold for the server that logged
	// them so: a replica logs them at other places. 0: the source has none.
	Sum uint64 `json:"sum,omitempty"`
}

// IsZero says whether there is no mark.
func (m Mark) IsZero() bool { return m.ID == replica.TxnID{} }

// time is the commit time for people.
func (m Mark) time() string {
	return time.UnixMicro(m.Micros).UTC().Format("2006-01-02 15:04:05.999999")
}

// ParsePast reads what String prints; "" is the zero Past.
func ParsePast(text string) (Past, error) {
	var p Past
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("parse what is known of the source: %w", err)
	}
	return p, nil
}

// String returns the stored form.
func (p Past) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		return "" // cannot be: no field can fail
	}
	return string(b)
}

// same says whether s is, or says that it is, the server that p is of. MariaDB
// names transactions by the server_id, so that two servers of one id can only be
// the same one, or have nothing to do with each other: its server_uid changes with
// the machine, and decides nothing.
func (p Past) same(s *Server) bool {
	if p.Product != MariaDB && p.ServerUUID != "" && s.UUID != "" {
		return p.ServerUUID == s.UUID
	}
	return p.ServerID != 0 && p.ServerID == s.ID
}
