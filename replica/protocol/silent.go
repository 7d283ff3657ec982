package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Silent is the error of an answer that a server did not send, or not whole, within the read timeout. What the
// statement did is not known, and the connection is of no use any more.
type Silent struct{ After time.Duration }

// Error returns a text with the read timeout.
func (s *Silent) Error() string {
	return fmt.Sprintf("no answer within %s", s.After.Round(time.Second))
}

// Timeout and Temporary make a Silent a net.Error, as a timeout of the network is.
func (s *Silent) Timeout() bool   { return true }
func (s *Silent) Temporary() bool { return true }

// IsSilent returns true if err says that a connected server did not answer in time.
func IsSilent(err error) bool {
	var (
		s  *Silent
		me *mysql.MySQLError
	)
	return errors.As(err, &s) || errors.As(err, &me) && me.Number == CodeSilent
}

// IsBroken returns true if err says that a server did not answer, or that its answer was none: the server may have
// carried the statement out.
func IsBroken(err error) bool { return IsMalformed(err) || IsSilent(err) }

// silent puts an error packet in the place of the answer that did not come within the read timeout, and breaks the
// connection: go-sql-driver would report "invalid connection" for whatever ended the read.
func (k *checked) silent() {
	s := &Silent{After: k.wait}
	k.breakWith(s, CodeSilent, s.Error())
}

// breakWith makes an error packet the next that the library reads, and err the error of whatever follows.
func (k *checked) breakWith(err error, number uint16, text string) {
	k.broken.CompareAndSwap(nil, &err)
	_ = k.Conn.Close()
	p := binary.LittleEndian.AppendUint16([]byte{errPacket}, number)
	k.put(k.first, append(append(p, "#HY000"...), text...))
}

// overdue returns true if err is the read timeout of an answer.
func (k *checked) overdue(err error) bool {
	return k.wait > 0 && k.answer.phase != idle && errors.Is(err, os.ErrDeadlineExceeded)
}

// plainWords replaces the words that libraries have for a connection that ended. Longer ones come first.
var plainWords = strings.NewReplacer(
	fmt.Sprintf("Error %d (HY000): ", CodeSilent), "",
	fmt.Sprintf("Error %d (HY000): ", CodeMalformed), "",
	"invalid connection: unexpected EOF", "the server closed the connection",
	"invalid connection: EOF", "the server closed the connection",
	"invalid connection: ", "",
	"invalid connection", "the connection was lost",
	"driver: bad connection", "the connection was lost",
	"connection was bad", "the connection was lost",
	"unexpected EOF", "the server closed the connection",
	"i/o timeout", "no answer in time",
	"use of closed network connection", "the connection was closed",
	"context deadline exceeded", "no answer in time",
)

// plain is an error in an operator's words.
type plain struct {
	error
	text string
}

func (p plain) Error() string { return p.text }
func (p plain) Unwrap() error { return p.error }

// Plain returns err with its text in an operator's words: those of libraries for a connection that ended are replaced.
// It wraps err. nil is nil.
func Plain(err error) error {
	if err == nil {
		return nil
	}
	text := plainWords.Replace(err.Error())
	if text == "EOF" || strings.HasSuffix(text, ": EOF") {
		text = strings.TrimSuffix(text, "EOF") + "the server closed the connection"
	}
	if text == err.Error() {
		return err
	}
	return plain{err, text}
}
