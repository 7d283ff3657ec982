//go:build !linux

package node

import "syscall"

// endWithParent does nothing: only Linux ends a program with its parent.
func endWithParent(*syscall.SysProcAttr) {}
