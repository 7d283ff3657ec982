package migration

import (
	"time"
)

// Status is what a channel does now. It is stored as JSON by the node that
// owns the channel, so that every node can show it.
type Status struct {
	Phase          string    `json:"phase"`
	Status         string    `json:"status"`
	PhaseStartedAt time.Time `json:"phase_started_at"`

	ReceiverState string `json:"receiver_state"` // MySQL's wording: "Waiting for source to send event" ..
	ApplierState  string `json:"applier_state"`
	Connected     bool   `json:"connected"` // the receiver has its stream

	SourceHost    string `json:"source_host"`
	SourcePort    int    `json:"source_port"`
	SourceID      uint32 `json:"source_id"`
	SourceUUID    string `json:"source_uuid"`
	SourceVersion string `json:"source_version"`
	Flavor        string `json:"flavor"`
	ReplicaID     uint32 `json:"replica_id"` // our server id at the source

	LogFile        string `json:"log_file"` // read so far
	ReadPos        uint64 `json:"read_pos"`
	ExecFile       string `json:"exec_file"` // applied so far
	ExecPos        uint64 `json:"exec_pos"`
	SourceFile     string `json:"source_file"` // the source's end
	SourcePos      uint64 `json:"source_pos"`
	Retrieved      string `json:"retrieved"` // GTID set
	Executed       string `json:"executed"`
	SourceExecuted string `json:"source_executed"`
	// SourceSeen says that the source answered within the last seconds: what is
	// said of it here is so now.
	SourceSeen bool    `json:"source_seen"`
	Missing    *uint64 `json:"missing"`   // transactions in source_executed and not in executed; nil: not known
	LagBytes   *uint64 `json:"lag_bytes"` // nil: not known
	// Diverged counts how many times rows of the target were not what they must be,
	// since the channel began.
	Diverged uint64 `json:"diverged"`
	// SecondsBehind is nil when the receiver is not connected.
	SecondsBehind *int64 `json:"seconds_behind"`
	// AppliedUntil is up to when everything that the source has committed is applied,
	// by its clock; zero before that is known. It stays when the channel stops.
	AppliedUntil    time.Time `json:"applied_until"`
	BinlogExpiresIn *int64    `json:"binlog_expires_in"`
	CheckpointAt    time.Time `json:"checkpoint_at"`
	LastDDL         string    `json:"last_ddl"`

	RowsCopied, RowsEstimated   uint64
	BytesCopied, BytesEstimated uint64
	ChunksDone, ChunksTotal     uint64
	TablesTotal, TablesDone     int
	TablesFailed                int
	ProgressPct                 float64
	ETASeconds                  *int64 // nil: unknown
	RowsPerSec, BytesPerSec     float64
	TrxPerSec                   float64
	Inserts, Updates, Deletes   uint64
	Transactions                uint64
	Commits                     uint64 // target transactions
	QueueBytes                  uint64
	Lanes                       int

	IOErrno    int       `json:"io_errno"`
	IOError    string    `json:"io_error"`
	IOErrorAt  time.Time `json:"io_error_at"`
	SQLErrno   int       `json:"sql_errno"`
	SQLError   string    `json:"sql_error"`
	SQLErrorAt time.Time `json:"sql_error_at"`
	Remedy     string    `json:"remedy"`

	Health

	Tables []TableStatus `json:"tables"`
}

// TableStatus is one table's share of a channel.
type TableStatus struct {
	Schema         string  `json:"schema"`
	Table          string  `json:"table"`
	TargetSchema   string  `json:"target_schema"`
	TargetTable    string  `json:"target_table"`
	Phase          string  `json:"phase"`
	Status         string  `json:"status"`
	RowsEstimated  uint64  `json:"rows_estimated"`
	RowsCopied     uint64  `json:"rows_copied"`
	BytesEstimated uint64  `json:"bytes_estimated"`
	BytesCopied    uint64  `json:"bytes_copied"`
	ChunksDone     uint64  `json:"chunks_done"`
	ChunksTotal    uint64  `json:"chunks_total"`
	ProgressPct    float64 `json:"progress_pct"`
	ETASeconds     *int64  `json:"eta_seconds"`
	Inserts        uint64  `json:"inserts"`
	Updates        uint64  `json:"updates"`
	Deletes        uint64  `json:"deletes"`
	PrimaryKey     string  `json:"primary_key"`
	AutoColumn     string  `json:"auto_column"`
	Note           string  `json:"note"`

	copied spread // how far its copy is, by its key
}
