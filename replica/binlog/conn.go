package binlog

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"sluice/replica"
	"sluice/replica/identity"
	"sluice/replica/protocol"
)

// Config says how to connect to a source as a replica.
type Config struct {
	Addr     string // host:port
	User     string
	Password string
	TLS      *tls.Config // nil: no TLS
	MariaDB  bool
	// ServerID and UUID are this replica's own. A source ends an older dump
	// connection with the same UUID (MySQL) or ServerID (MariaDB), so both
	// must be of the channel: then a channel's new owner evicts its old one,
	// and two channels of one source leave each other alone.
	ServerID uint32
	UUID     string
	// ReportHost and ReportPort are what the source's SHOW REPLICAS names.
	ReportHost string
	ReportPort uint16
	// Heartbeat is the longest silence of an idle source; 0 means 1 s. After
	// three of them and 10 s without a byte the connection counts as dead.
	Heartbeat time.Duration
	// ConnectTimeout bounds the connection's set-up; 0 means 10 s.
	ConnectTimeout time.Duration
	// MaxRows and MaxBytes bound a Transaction: a larger one is handed on in
	// parts. 0 means 50,000 rows and 32 MiB.
	MaxRows  int
	MaxBytes int
	// SpoolDir is where a compressed transaction goes that is larger than 16 MiB,
	// while it is read; "" means the system's folder for temporary files.
	SpoolDir string

	// Past is what is known of the source's history, and Beyond what the channel
	// has of it behind the start position; see identity.Begin. The zero values
	// compare the start position alone.
	Past    identity.Past
	Beyond  *replica.TxnSet
	Copying bool
}

func (c *Config) complete() {
	if c.Heartbeat == 0 {
		c.Heartbeat = time.Second
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	if c.MaxRows == 0 {
		c.MaxRows = 50_000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 32 << 20
	}
}

// conn is a dump connection: after dump, packets are only read.
type conn struct {
	c       *protocol.Conn
	timeout time.Duration
	stop    func() bool
	in      packets // answers, and what follows the dump command
	history *identity.Stream
	from    replica.Position // where the dump begins: at the start position or a little before
}

// dial connects, registers as a replica and asks for the binlog from start.
func dial(ctx context.Context, cfg *Config, start replica.Position) (*conn, error) {
	c, err := protocol.Dial(ctx, protocol.Config{Addr: cfg.Addr, User: cfg.User, Password: cfg.Password, TLS: cfg.TLS,
		DialTimeout: cfg.ConnectTimeout, LoginTimeout: cfg.ConnectTimeout, NoTiDB: true})
	if err != nil {
		return nil, fmt.Errorf("connect to the source at %s: %w", cfg.Addr, err)
	}
	k := &conn{c: c, timeout: 3*cfg.Heartbeat + 10*time.Second}
	k.in = packets{nc: c, timeout: k.timeout}
	k.stop = context.AfterFunc(ctx, func() { _ = c.Close() })
	k.history, k.from, err = identity.Begin(ctx, k.ask, cfg.Past, identity.Done{Position: start, Beyond: cfg.Beyond, Copying: cfg.Copying, Wait: identity.CatchUp})
	if err != nil {
		err = fmt.Errorf("look whether the source has the channel's history: %w", err)
	} else {
		err = k.setUp(cfg, k.from)
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *conn) close() {
	k.stop()
	_ = k.c.Close()
}

// send writes one command; packet begins with room for its header.
func (k *conn) send(packet []byte) error {
	if err := k.c.SetWriteDeadline(time.Now().Add(k.timeout)); err != nil {
		return err
	}
	k.in.seq = 0
	for rest, more := packet[packetHead:], true; more; k.in.seq++ {
		n := min(len(rest), fullPacket)
		if _, err := k.c.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), k.in.seq}); err != nil {
			return err
		}
		if _, err := k.c.Write(rest[:n]); err != nil {
			return err
		}
		rest, more = rest[n:], n == fullPacket
	}
	return nil
}

// command sends a command that gives no rows and reads its answer.
func (k *conn) command(packet []byte) error {
	if err := k.send(packet); err != nil {
		return err
	}
	b, n, err := k.in.one()
	switch {
	case err != nil:
		return unexpectedEnd(err)
	case n > maxAnswer:
		return corrupt(fmt.Sprintf("an answer of %d bytes to a command without rows", n))
	}
	return protocol.CheckOK(b)
}

// maxAnswer is above the length of an answer to a command without rows.
const maxAnswer = 64 << 10

// exec runs one of the session statements a replica sends before its dump.
func (k *conn) exec(sql string) error {
	return k.command(append([]byte{0, 0, 0, 0, comQuery}, sql...))
}

// Commands of the protocol that a replica sends.
const (
	comQuery        = 0x03
	comBinlogDump   = 0x12
	comRegister     = 0x15
	comBinlogDumpID = 0x1e
)

// writeTimeout is how long the source waits for a replica that does not read. A
// replica that is gone is noticed by TCP keepalive, and by its successor, whose
// dump ends the older one of the same identity.
const writeTimeout = time.Hour

func (k *conn) setUp(cfg *Config, start replica.Position) error {
	period := cfg.Heartbeat.Nanoseconds()
	sets := []string{
		fmt.Sprintf("SET @master_heartbeat_period=%d, @source_heartbeat_period=%d", period, period),
		"SET @master_binlog_checksum='CRC32', @source_binlog_checksum='CRC32'",
		fmt.Sprintf("SET @slave_uuid='%s', @replica_uuid='%s'", cfg.UUID, cfg.UUID),
		// A target that is slow makes this replica stop reading; the default of
		// 60 s would end the dump for it.
		fmt.Sprintf("SET SESSION net_write_timeout=%d", int(writeTimeout/time.Second)),
	}
	if cfg.MariaDB {
		// 4: GTID events are understood (MARIA_SLAVE_CAPABILITY_GTID).
		sets = append(sets, "SET @mariadb_slave_capability=4")
	}
	if start.Mode() == replica.ModeMariaDB {
		sets = append(sets, "SET @slave_connect_state='"+start.Text()+"'",
			"SET @slave_gtid_strict_mode=1", "SET @slave_gtid_ignore_duplicates=0")
	}
	for _, s := range sets {
		if err := k.exec(s); err != nil {
			return fmt.Errorf("set up the dump session: %w", err)
		}
	}
	if err := k.register(cfg); err != nil {
		return fmt.Errorf("register as a replica: %w", err)
	}
	if err := k.dump(cfg, start); err != nil {
		return fmt.Errorf("ask for the binlog: %w", err)
	}
	return nil
}

// register sends COM_REGISTER_SLAVE (sql/rpl_source.cc register_replica).
func (k *conn) register(cfg *Config) error {
	host := cfg.ReportHost
	if len(host) > 60 {
		host = host[:60]
	}
	b := make([]byte, 4, 64)
	b = append(b, comRegister)
	b = binary.LittleEndian.AppendUint32(b, cfg.ServerID)
	b = append(b, byte(len(host)))
	b = append(b, host...)
	b = append(b, 0, 0) // user, password: not ours to tell
	b = binary.LittleEndian.AppendUint16(b, cfg.ReportPort)
	b = binary.LittleEndian.AppendUint32(b, 0) // rank: unused
	b = binary.LittleEndian.AppendUint32(b, 0) // source id: filled by the server
	return k.command(b)
}

// dump sends COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID.
func (k *conn) dump(cfg *Config, start replica.Position) error {
	b := make([]byte, 4, 256)
	switch start.Mode() {
	case replica.ModeGTID:
		set, err := mysql.ParseMysqlGTIDSet(start.Text())
		if err != nil {
			return err
		}
		data := set.Encode()
		b = append(b, comBinlogDumpID)
		b = binary.LittleEndian.AppendUint16(b, heartbeatV2)
		b = binary.LittleEndian.AppendUint32(b, cfg.ServerID)
		b = binary.LittleEndian.AppendUint32(b, 0) // no file name
		b = binary.LittleEndian.AppendUint64(b, 4)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
		b = append(b, data...)
	case replica.ModeMariaDB:
		b = appendDump(b, cfg.ServerID, 0, "", 0)
	case replica.ModeFile:
		at := start.At()
		if at.Pos > 1<<32-1 {
			return &replica.Error{Code: 61050, Class: "SOURCE",
				Message: "the binlog position " + at.String() + " is above 4 GiB, which the dump command without GTIDs cannot name",
				Remedy:  "turn GTIDs on at the source, or keep max_binlog_size and transactions below 4 GiB"}
		}
		flags := uint16(heartbeatV2)
		if cfg.MariaDB {
			flags = 0 // where this bit asks for annotations
		}
		b = appendDump(b, cfg.ServerID, flags, at.File, uint32(at.Pos))
	default:
		return fmt.Errorf("no start position")
	}
	return k.send(b)
}

// heartbeatV2 asks for heartbeats that tell positions above 4 GiB
// (USE_HEARTBEAT_EVENT_V2, MySQL 8.0.26+; older ones ignore it).
const heartbeatV2 = 2

func appendDump(b []byte, serverID uint32, flags uint16, file string, pos uint32) []byte {
	b = append(b, comBinlogDump)
	b = binary.LittleEndian.AppendUint32(b, pos)
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = binary.LittleEndian.AppendUint32(b, serverID)
	return append(b, file...)
}

// read returns the next event's bytes, header included. Shared ones are valid
// until the next call; others are the caller's. It blocks until an event, a
// heartbeat or the time-out. What packets.next says of rest holds.
func (k *conn) read() (b []byte, shared bool, rest io.Reader, err error) {
	p, shared, rest, err := k.in.next()
	switch {
	case err != nil:
	case len(p) == 0:
		err = corrupt("an empty packet")
	case p[0] == 0x00:
		return p[1:], shared, rest, nil
	case p[0] == 0xff:
		return nil, false, nil, protocol.ParseError(p)
	case p[0] == 0xfe:
		return nil, false, nil, errEndOfStream
	default:
		err = corrupt(fmt.Sprintf("a packet of type %#x", p[0]))
	}
	return nil, false, nil, fmt.Errorf("read the binlog stream: %w", err)
}
