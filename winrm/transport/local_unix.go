//go:build unix

package transport

import "syscall"

// apart keeps the signals of the terminal from a child.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
