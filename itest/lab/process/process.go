// Package process starts the programs of the lab and of the tests, which end
// with the process that started them.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a started program. Its methods may be called from several
// goroutines.
type Process struct {
	pid  int
	done chan struct{}
	err  error // set when done is closed
}

// PID returns the program's process id.
func (p *Process) PID() int { return p.pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the program ended; it may be asked once Done is closed.
func (p *Process) Err() error { return p.err }

// Start starts the command with its output going to the file, which is appended
// to. On Linux the kernel sends it death when the starting thread ends
// (the parent death signal is bound to the thread), so one goroutine
// keeps that thread until the program has ended.
func Start(cmd *exec.Cmd, output string, death syscall.Signal) (*Process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the program's log: %w", err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	// Its own group: an interrupt from the terminal reaches the owner alone,
	// who stops the servers in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr, death)
	p := &Process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Ended tells whether the program has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends a signal to a program that may have ended.
func (p *Process) Signal(s syscall.Signal) error {
	if p.Ended() {
		return nil
	}
	if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.pid, err)
	}
	return nil
}

// Stop ends the program in order, and by force when that takes longer than limit.
func (p *Process) Stop(limit time.Duration) error {
	if p.Ended() {
		return nil
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.done:
		return nil
	case <-late.C:
	}
	return errors.Join(fmt.Errorf("process %d did not stop in %v and was killed", p.pid, limit), p.Kill())
}

// Kill ends the program at once and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}
