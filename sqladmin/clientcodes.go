package sqladmin

import "fmt"

// forClient returns the error as an ERR packet may carry it. Names that no object
// can have are cut, see shortNames. Numbers from 2000
// to 2999, and MariaDB's from 5000 to 5999, are those of a client: a client
// that gets one from a server takes the packet for malformed, and its user does
// not see the message. 0 is no error, and 65535 is a progress report of
// MariaDB's. Such an error comes from a connection that the node itself made,
// to a source or a target, or from a MySQL server of a later version.
func forClient(e *Error) *Error {
	if message, remedy := shortNames(e.Message), shortNames(e.Remedy); message != e.Message || remedy != e.Remedy {
		c := *e
		c.Message, c.Remedy = message, remedy
		e = &c
	}
	var code uint16
	switch {
	case e.Code == 0, e.Code == 65535:
		code = CodeUnknown
	case e.Code >= 2001 && e.Code <= 2005:
		code = CodeUnreachable
	case e.Code == 2006, e.Code == 2013, e.Code == 2055:
		code = CodeConnectionLost
	case e.Code == 2026:
		code = CodeTLSFailed
	case e.Code >= 2000 && e.Code < 3000, e.Code >= 5000 && e.Code < 6000:
		code = CodeForeignError
	default:
		return e
	}
	c := *e
	c.Code, c.Message = code, fmt.Sprintf("%s (error %d)", e.Message, e.Code)
	return &c
}
