//go:build !linux

package main

import "syscall"

// childAttr gives a node a process group of its own, so that Ctrl-C reaches this process alone, which then stops the nodes
// in order. Where the system is not Linux, nothing ends the nodes of a parent that was killed.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
