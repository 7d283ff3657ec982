package process

import "syscall"

// endWithParent has the kernel signal the program when this process is gone.
func endWithParent(attr *syscall.SysProcAttr, death syscall.Signal) { attr.Pdeathsig = death }
