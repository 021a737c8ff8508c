package transport

import "syscall"

// apart keeps the Ctrl-C of the console from a child.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
