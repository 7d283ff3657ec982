package migration

import (
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"sluice/gateway/apply"
	"sluice/replica"
	"sluice/replica/source"
	"sluice/ruleset"
)

// The phases of a channel and of a table, as SHOW names them.
const (
	PhaseNew       = "NEW"
	PhaseCheck     = "CHECK"
	PhaseSchema    = "SCHEMA"
	PhaseCopy      = "COPY"
	PhaseCatchup   = "CATCHUP"
	PhaseReplicate = "REPLICATE"
)

// The states of a channel, as SHOW names them.
const (
	StatusStopped  = "STOPPED"
	StatusStarting = "STARTING"
	StatusRunning  = "RUNNING"
	StatusStopping = "STOPPING"
	StatusRetrying = "RETRYING"
	StatusError    = "ERROR"
	StatusDone     = "DONE"
)

// StartKind says where a channel without a position begins.
type StartKind uint8

// The beginnings of START AT.
const (
	StartSnapshot StartKind = iota // copy, then follow
	StartCurrent                   // follow from now on
	StartGTID                      // follow from behind a GTID set
	StartFile                      // follow from a file and position
)

// Start is where a channel without a position begins.
type Start struct {
	Kind  StartKind
	GTIDs string
	At    replica.Coordinates
}

// Mode says which of the halves of a migration run.
type Mode uint8

// The modes of the option mode.
const (
	ModeAll         Mode = iota // copy and follow
	ModeFull                    // copy only: done at the position after the last read
	ModeIncremental             // follow only: the tables are there already
)

// Until is where a run ends by itself; the zero value never does.
type Until struct {
	Phase      string // when this phase is reached
	AfterGTIDs string // when all of this set is applied
}

// Config says what a channel does. All of it is fixed while it runs.
type Config struct {
	// TargetName is the target's name and addresses, for messages.
	TargetName string

	Channel   string // the key: migration id/source
	Name      string // for people
	Migration string
	Epoch     uint64 // from the claim in the store

	Source    source.Config
	Rules     *ruleset.Rules
	Connector apply.Connector // to the target; see apply.Config.Connector
	Target    *sql.DB         // the same target, for reading and claiming
	// TargetEncryption returns what protects the connections to the target; nil if nobody
	// asks.
	TargetEncryption func() Encryption
	ReportHost       string // what the source's SHOW REPLICAS names
	ReportPort       uint16
	// SpoolDir is binlog.Config's.
	SpoolDir string

	Start              Start
	Mode               Mode
	Until              Until
	CopyThreads        int // connections that read the source's tables; 0: 4
	MaxThreadsRunning  int // statements of others on the source at which a copy holds back; 0: 25
	Lanes              int // 0: apply.DefaultLanes
	MaxTransactionRows int // 0: 50,000
	ForeignKeys        bool
	OnConflict         apply.Conflict
	PlainGenerated     bool          // generated columns become plain ones in the target
	Heartbeat          time.Duration // 0: 1 s
	RetryEvery         time.Duration // the longest pause between connection attempts; 0: 10 s
	Health             Health        // of the channel's earlier runs

	Log    *slog.Logger
	Report Reporter
	// Directory knows the target's other channels; nil: each that is recorded counts.
	Directory Directory
}

// Reporter is told what operators should see. Its methods must not block for
// long; they are called from one goroutine at a time.
type Reporter interface {
	// Error is told of an error of the channel: table and position may be "".
	Error(e *replica.Error, table, position string)
	// Recovered is told that the channel works again after errors.
	Recovered()
	// Event is told what happened: kinds are PHASE, TABLE, DDL, SOURCE, CONFLICT.
	Event(kind, message string)
}

func (c *Config) complete() error {
	if c.CopyThreads == 0 {
		c.CopyThreads = 4
	}
	if c.Lanes == 0 {
		c.Lanes = apply.DefaultLanes
	}
	if c.MaxThreadsRunning == 0 {
		c.MaxThreadsRunning = 25
	}
	if c.RetryEvery == 0 {
		c.RetryEvery = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MaxTransactionRows == 0 {
		c.MaxTransactionRows = 50_000
	}
	if c.Channel == "" || c.Rules == nil || c.Connector == nil || c.Target == nil {
		return errors.New("configure a channel: the channel, its rules and its target are needed")
	}
	return nil
}
