//go:build !linux

package servers

import "syscall"

// endWithParent does nothing: only Linux ends a program with its parent.
func endWithParent(*syscall.SysProcAttr) {}
