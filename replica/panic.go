package replica

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// CodePanic is the code of an error that a panic was made of.
const CodePanic = 61220

// Panic is a panic that was recovered. Stack is for the log.
type Panic struct {
	Value any
	Stack []byte
}

// Error returns the runtime's text. Of any other panic it names the type only: its text may hold data.
func (p *Panic) Error() string {
	if e, ok := p.Value.(runtime.Error); ok {
		return "panic: " + e.Error()
	}
	return fmt.Sprintf("panic of type %T", p.Value)
}

// Stack returns the stack of the panic that err was made of, "" for any other error.
func Stack(err error) string {
	var p *Panic
	if !errors.As(err, &p) {
		return ""
	}
	return string(p.Stack)
}

// Recover turns a panic of the function that defers it into an *Error, so that a goroutine of one channel does not
// end the process: defer replica.Recover(&err).
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = NewPanic(v)
	}
}

// Safely runs f and returns its error, or that of its panic: for the functions of an errgroup.
func Safely(f func() error) (err error) {
	defer Recover(&err)
	return f()
}

// NewPanic returns the error of a recovered panic. The caller is the deferred function that recovered it.
func NewPanic(v any) *Error {
	return &Error{Code: CodePanic, Class: "INTERNAL", Transient: true, Err: &Panic{Value: v, Stack: debug.Stack()},
		Message: "a defect of Sluice ended this channel's work",
		Remedy:  "report it with the stack that the node's log has; START MIGRATION tries again from the last checkpoint"}
}
