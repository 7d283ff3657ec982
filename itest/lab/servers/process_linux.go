package servers

import "syscall"

// endWithParent has the kernel end the program when this process is gone. It
// is SIGTERM because TiDB's store can be lost when TiDB is killed.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
