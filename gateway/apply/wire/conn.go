package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"

	"sluice/replica/protocol"
)

// Conn is an authenticated connection. It is for one goroutine. After an error
// that is not a *mysql.MySQLError it is of no use but for Close.
type Conn struct {
	nc      net.Conn
	in      *bufio.Reader
	payload []byte // of the packet read last
	seq     byte   // of the next packet of an answer
	taken   int    // memory of the answer under way
	answer  protocol.Answer
	wait    time.Duration // for an answer; 0: as long as it takes
	missed  func(time.Duration)
	// writeWait is how long the server may take to take in a piece of a command.
	writeWait time.Duration
}

// Sizes of what a connection keeps: an idle channel has several.
const (
	readerBytes = 1 << 10
	keepPayload = 16 << 10
	// writePiece is what a slow line must carry within writeWait.
	writePiece = 256 << 10
)

// defaultWriteWait holds where the settings have no WriteTimeout.
const defaultWriteWait = time.Minute

func newConn(nc net.Conn, wait, writeWait time.Duration) *Conn {
	if writeWait == 0 {
		writeWait = defaultWriteWait
	}
	return &Conn{nc: nc, in: bufio.NewReaderSize(nc, readerBytes), wait: wait, writeWait: writeWait}
}

// WaitForever lets answers take as long as they take from now on: those of DDL.
func (c *Conn) WaitForever() {
	c.wait = 0
	_ = c.nc.SetReadDeadline(time.Time{}) // a broken connection shows at the next use
}

// Close tells the server and closes the connection.
func (c *Conn) Close() error {
	_ = c.nc.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.nc.Write([]byte{1, 0, 0, 0, comQuit}) // it may be broken
	return c.nc.Close()
}

// during runs f, and closes the connection when ctx ends first: f then fails
// and ctx's error is returned.
func (c *Conn) during(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.nc.Close() })
	err := f()
	if !stop() && ctx.Err() != nil {
		return ctx.Err()
	}
	if c.missed != nil && c.wait > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		c.missed(c.wait)
	}
	return err
}

// send writes one command: packet begins with HeaderBytes of room. The packet's
// memory belongs to the caller again afterwards.
func (c *Conn) send(packet []byte) error {
	if err := c.answer.Begin(packet[HeaderBytes]); err != nil {
		return err
	}
	for b := seal(packet); len(b) > 0; {
		n := min(len(b), writePiece)
		err := c.nc.SetWriteDeadline(time.Now().Add(c.writeWait))
		if err == nil {
			_, err = c.nc.Write(b[:n])
		}
		if err != nil {
			return fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
		}
		b = b[n:]
	}
	if c.wait > 0 {
		if err := c.nc.SetReadDeadline(time.Now().Add(c.wait)); err != nil {
			return fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
		}
	}
	// The answer's numbers go on after those of the command's packets.
	c.seq, c.taken = byte(1+(len(packet)-HeaderBytes)/maxPayload), 0
	return nil
}

// Exec sends one command that gives no rows and returns the affected rows of
// each of its statements. packet is as BeginQuery or BeginExecute begin one.
// When a statement fails the server runs none of those behind it. It blocks for
// the answer, or until ctx ends, which closes the connection.
func (c *Conn) Exec(ctx context.Context, packet []byte) (counts []int64, err error) {
	err = c.during(ctx, func() error {
		if err := c.send(packet); err != nil {
			return err
		}
		for {
			p, err := c.read()
			if err != nil {
				return err
			}
			if p[0] != okPacket {
				return unexpected(p)
			}
			n, status, ok := okFields(p)
			if !ok {
				return unexpected(p)
			}
			counts = append(counts, n)
			if status&moreResults == 0 {
				return nil
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// Query runs one query and returns its rows as text; NULL is empty.
func (c *Conn) Query(ctx context.Context, sql string) (rows [][]string, err error) {
	err = c.during(ctx, func() error {
		if err := c.send(AppendQuery(nil, sql)); err != nil {
			return err
		}
		rows, err = c.resultSet()
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// Prepare prepares a statement that gives no rows and returns its number on
// this connection, and how many parameters it has.
func (c *Conn) Prepare(ctx context.Context, sql string) (id uint32, params int, err error) {
	err = c.during(ctx, func() error {
		if err := c.send(append([]byte{0, 0, 0, 0, comStmtPrepare}, sql...)); err != nil {
			return err
		}
		p, err := c.read()
		if err != nil {
			return err
		}
		if p[0] != okPacket || len(p) < 9 {
			return unexpected(p)
		}
		id = binary.LittleEndian.Uint32(p[1:])
		columns := int(binary.LittleEndian.Uint16(p[5:]))
		params = int(binary.LittleEndian.Uint16(p[7:]))
		return errFirst(c.skipFields(params), func() error { return c.skipFields(columns) })
	})
	return id, params, err
}

// errFirst returns err, or what next returns.
func errFirst(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}

// Forget tells the server that a prepared statement is not used any more. There
// is no answer.
func (c *Conn) Forget(id uint32) error {
	return c.send(binary.LittleEndian.AppendUint32([]byte{0, 0, 0, 0, comStmtClose}, id))
}
