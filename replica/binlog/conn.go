package binlog

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"sluice/replica"
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

// errConnectTimeout is the cause when a source does not finish the handshake.
var errConnectTimeout error = connectTimeout{}

// connectTimeout is a net.Error, as a time-out of the dial itself is.
type connectTimeout struct{}

func (connectTimeout) Error() string   { return "the source did not answer in time" }
func (connectTimeout) Timeout() bool   { return true }
func (connectTimeout) Temporary() bool { return true }

// conn is a dump connection: after dump, packets are only read.
type conn struct {
	c       *client.Conn
	timeout time.Duration
	stop    func() bool
	in      packets // what follows the dump command
}

// dial connects, registers as a replica and asks for the binlog from start.
func dial(ctx context.Context, cfg *Config, start replica.Position) (*conn, error) {
	opts := []client.Option{}
	if cfg.TLS != nil {
		opts = append(opts, func(c *client.Conn) error { c.SetTLSConfig(cfg.TLS); return nil })
	}
	k := &conn{timeout: 3*cfg.Heartbeat + 10*time.Second, stop: func() bool { return true }}
	dialer := func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{KeepAlive: 10 * time.Second}
		nc, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		// The handshake itself knows neither ctx nor a time-out.
		k.stop = context.AfterFunc(ctx, func() { _ = nc.Close() })
		return nc, nil
	}
	dctx, cancel := context.WithTimeoutCause(ctx, cfg.ConnectTimeout, errConnectTimeout)
	defer cancel()
	var err error
	k.c, err = client.ConnectWithDialer(dctx, "tcp", cfg.Addr, cfg.User, cfg.Password, "", dialer, opts...)
	k.stop()
	if err != nil {
		if dctx.Err() != nil {
			err = errors.Join(context.Cause(dctx), err)
		}
		return nil, fmt.Errorf("connect to the source: %w", err)
	}
	k.stop = context.AfterFunc(ctx, func() { _ = k.c.Conn.Conn.Close() })
	if err := k.setUp(cfg, start); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *conn) close() {
	k.stop()
	_ = k.c.Close()
}

// exec runs one of the session statements a replica sends before its dump.
func (k *conn) exec(sql string) error {
	_ = k.c.Conn.Conn.SetDeadline(time.Now().Add(k.timeout))
	r, err := k.c.Execute(sql)
	if err != nil {
		return err
	}
	r.Close()
	return nil
}

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
	b = append(b, mysql.COM_REGISTER_SLAVE)
	b = binary.LittleEndian.AppendUint32(b, cfg.ServerID)
	b = append(b, byte(len(host)))
	b = append(b, host...)
	b = append(b, 0, 0) // user, password: not ours to tell
	b = binary.LittleEndian.AppendUint16(b, cfg.ReportPort)
	b = binary.LittleEndian.AppendUint32(b, 0) // rank: unused
	b = binary.LittleEndian.AppendUint32(b, 0) // source id: filled by the server
	k.c.ResetSequence()
	_ = k.c.Conn.Conn.SetDeadline(time.Now().Add(k.timeout))
	if err := k.c.WritePacket(b); err != nil {
		return err
	}
	_, err := k.c.ReadOKPacket()
	return err
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
		b = append(b, mysql.COM_BINLOG_DUMP_GTID)
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
	k.c.ResetSequence()
	if err := k.c.WritePacket(b); err != nil {
		return err
	}
	// Every answer before has been read to its end, so that nothing of the
	// stream is in the client's own buffer. Packet 0 was the command.
	k.in = packets{nc: k.c.Conn.Conn, timeout: k.timeout, seq: 1}
	return nil
}

// heartbeatV2 asks for heartbeats that tell positions above 4 GiB
// (USE_HEARTBEAT_EVENT_V2, MySQL 8.0.26+; older ones ignore it).
const heartbeatV2 = 2

func appendDump(b []byte, serverID uint32, flags uint16, file string, pos uint32) []byte {
	b = append(b, mysql.COM_BINLOG_DUMP)
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
		err = errors.New("empty packet")
	case p[0] == 0x00:
		return p[1:], shared, rest, nil
	case p[0] == 0xff:
		return nil, false, nil, k.c.HandleErrorPacket(p)
	case p[0] == 0xfe:
		return nil, false, nil, errEndOfStream
	default:
		err = fmt.Errorf("unknown packet type %#x", p[0])
	}
	return nil, false, nil, fmt.Errorf("read the binlog stream: %w", err)
}
