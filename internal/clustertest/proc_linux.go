package clustertest

import "syscall"

// sysProcAttr makes a node end with the test process, however that ends.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
