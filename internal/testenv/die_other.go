//go:build !linux

package testenv

import "syscall"

// dieWithParent is nothing where the system has no such thing: a test that is killed leaves its children.
func dieWithParent() *syscall.SysProcAttr { return nil }
