package main

import "syscall"

// childAttr gives a node a process group of its own, so that Ctrl-C reaches this process alone, which then stops the nodes
// in order; and has the kernel kill it when the thread that started it ends.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
