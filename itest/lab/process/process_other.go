//go:build !linux

package process

import "syscall"

// endWithParent does nothing: only Linux ends a program with its parent.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
