package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a started server program.
type process struct {
	pid int
	// done is closed when the program has ended and err is set.
	done chan struct{}
	err  error
}

// startProcess starts the command with its output going to the file, which is
// appended to. The kernel ends the program when the starting thread ends
// (the parent death signal is bound to the thread), so one goroutine
// keeps that thread until the program has ended.
func startProcess(cmd *exec.Cmd, output string) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	// Its own group: an interrupt from the terminal reaches the owner alone,
	// who stops the servers in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	p := &process{done: make(chan struct{})}
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
		return nil, fmt.Errorf("start %s: %w", cmd.Args[len(cmd.Args)-1], err)
	}
	return p, nil
}

// ended tells whether the program has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal sends a signal to a program that may have ended.
func (p *process) signal(s syscall.Signal) error {
	if p.ended() {
		return nil
	}
	if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.pid, err)
	}
	return nil
}

// stop ends the program in order, and by force when that takes longer than limit.
func (p *process) stop(limit time.Duration) error {
	if p.ended() {
		return nil
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-p.done:
		return nil
	case <-late.C:
	}
	return errors.Join(fmt.Errorf("process %d did not stop in %v and was killed", p.pid, limit), p.kill())
}

// kill ends the program at once and waits until it is gone.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}
