package node

import "syscall"

// endWithParent has the kernel end the program when this process is gone.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
